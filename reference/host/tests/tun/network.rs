//! A network of the test's own.

use std::io::{self, Write};
use std::process::{Command, Stdio};

use hiatus_netns::{Tun, enter_new_network};

/// Runs `test` on a thread in a network of its own, or says why not.
pub(crate) fn in_a_network(name: &'static str, test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let missing = match enter_new_network() {
            Ok(()) => Tun::attach("probe").err().map(|error| format!("no TUN device: {error}")),
            Err(error) => Some(format!("no network of its own: {error}")),
        };
        match missing {
            // Straight to the stream: libtest would keep a print to itself.
            Some(why) => io::stderr().write_all(format!("SKIPPED: {name}: {why}\n").as_bytes()).unwrap(),
            None => test(),
        }
    });
    thread.join().unwrap();
}

/// What `ip` says, in this thread's network.
pub(crate) fn ip(arguments: &str) -> String {
    let output =
        Command::new("ip").args(arguments.split(' ')).stdin(Stdio::null()).output().expect("iproute2");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A counter of TCP in this thread's network, over both versions of IP (RFC 4022 and what Linux adds).
pub(crate) fn tcp_counter(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split(' ').position(|found| found == name).unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
}

/// Sets a sysctl below `net` of this thread's network.
pub(crate) fn set_sysctl(name: &str, value: &str) {
    std::fs::write(format!("/proc/sys/net/{name}"), value).unwrap();
}
