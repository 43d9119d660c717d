#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use super::Config;

const WHOLE: &str = r#"
[host]
addresses = ["10.202.0.1"]
device_addresses = ["10.202.0.254/24"]

[state]
folder = "/var/lib/hiatus"
interval = "2ms"
octets = "1MiB"

[proxy]
listen = ["127.0.0.1:15001"]

[[carry]]
to = ["10.9.0.0/24:*", "[fd09::/64]:443", "10.8.0.1:8000-8099"]
via = "10.203.0.1:4430"

[[serve]]
listen = "10.202.0.1:4430"
allow = ["127.0.0.1:8080"]
"#;

fn told(text: &str) -> String {
    Config::parse(Path::new("hiatus.toml"), text).unwrap_err().to_string()
}

#[test]
fn a_whole_file_is_read() {
    let config = Config::parse(Path::new("hiatus.toml"), WHOLE).unwrap();
    let to: Vec<String> = config.carry[0].to.iter().map(ToString::to_string).collect();
    assert_eq!(to, ["10.9.0.0/24:*", "[fd09::/64]:443", "10.8.0.1/32:8000-8099"]);
    assert!(config.carry[0].to[0].has("10.9.0.200:1".parse().unwrap()));
    assert!(!config.carry[0].to[0].has("10.9.1.0:1".parse().unwrap()));
    assert!(!config.carry[0].to[2].has("10.8.0.1:8100".parse().unwrap()));
    assert_eq!(config.settings().connection.send_buffer_octets, 4 << 20);
}

#[test]
fn mistakes_are_told_with_their_line() {
    let misspelt = told(&WHOLE.replace("interval", "intervall"));
    assert!(misspelt.contains("hiatus.toml:8:1"), "{misspelt}");
    assert!(misspelt.contains("did you mean `interval`?"), "{misspelt}");
    let time = told(&WHOLE.replace("2ms", "2 parsecs"));
    assert!(time.contains("hiatus.toml:8:12") && time.contains("expected a time"), "{time}");
    let target = told(&WHOLE.replace("10.9.0.0/24:*", "10.9.0.0/24"));
    assert!(target.contains("expected a destination"), "{target}");
    let foreign = told(&WHOLE.replace("listen = \"10.202.0.1", "listen = \"10.202.0.2"));
    assert!(foreign.contains("hiatus.toml:19:10"), "{foreign}");
    assert!(foreign.contains("Hiatus has no other"), "{foreign}");
}

#[test]
fn prefixes_of_any_are_connections_of_their_own_kind() {
    let text = WHOLE.replace("[proxy]\n", "[proxy]\nany = [\"10.9.0.0/25\"]\n");
    let config = Config::parse(Path::new("hiatus.toml"), &text).unwrap();
    let [(prefix, of_programs)] = config.settings().prefixes[..] else { panic!("one prefix") };
    assert!(prefix.has("10.9.0.127".parse().unwrap()) && !prefix.has("10.9.0.128".parse().unwrap()));
    assert_eq!(of_programs.hiatus, hiatus_engine::HiatusPolicy::Off);
    assert_eq!(of_programs.plain, hiatus_engine::PlainTcp::Durable);
    let own = told(&text.replace("10.9.0.0/25", "10.202.0.0/16"));
    assert!(own.contains("hiatus.toml:12:8") && own.contains("found 10.202.0.1 in it"), "{own}");
    assert!(own.contains("expected a [[carry]] whose `to` has addresses of 10.202.0.0/16"), "{own}");
    let to_itself = told(&text.replace("via = \"10.203.0.1", "via = \"10.9.0.1"));
    assert!(to_itself.contains("a peer that is not itself in 10.9.0.0/25"), "{to_itself}");
}
