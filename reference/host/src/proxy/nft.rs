//! The rules of nftables by which local programs' connections come in.

use std::fmt::Write;

use ipnet::IpNet;

use crate::config::{Address, Config, Mode, Ports, Target};

/// The name of the table; loading the rules again replaces them.
const TABLE: &str = "hiatus";

/// A file for `nft -f`.
#[must_use]
pub fn rules(config: &Config) -> String {
    let front = config.proxy.clone().unwrap_or_default();
    let mark = front.mark;
    let mut text = format!("table inet {TABLE}\ndelete table inet {TABLE}\n");
    let targets: Vec<Target> = config.carry.iter().flat_map(|carry| carry.to.iter().copied()).collect();
    let listen: Vec<Address> = front.listen.iter().map(|listen| *listen.get_ref()).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "table inet {TABLE} {{");
    match front.mode {
        Mode::Redirect => {
            for (chain, hook) in [("from_here", "output"), ("from_behind", "prerouting")] {
                let _ = writeln!(text, "    chain {chain} {{");
                let _ = writeln!(text, "        type nat hook {hook} priority -100; policy accept;");
                if hook == "output" {
                    let _ = writeln!(text, "        meta mark {mark:#x} accept");
                    if let Some(user) = &config.host.user {
                        let _ = writeln!(text, "        meta skuid \"{user}\" accept");
                    }
                } else {
                    // What comes from Hiatus is for Hiatus.
                    let _ = writeln!(text, "        iifname \"{}\" accept", config.host.device);
                }
                for target in &targets {
                    if let Some(port) = port(&listen, target.net) {
                        let _ = writeln!(text, "        {} redirect to :{port}", matched(target));
                    }
                }
                let _ = writeln!(text, "    }}");
            }
        }
        Mode::Tproxy => {
            let _ = writeln!(text, "    # beside it, the packets are to stay here:");
            let _ = writeln!(text, "    #   ip rule add fwmark {mark:#x} lookup 100");
            let _ = writeln!(text, "    #   ip route add local default dev lo table 100");
            let _ = writeln!(text, "    chain from_behind {{");
            let _ = writeln!(text, "        type filter hook prerouting priority -150; policy accept;");
            let _ = writeln!(text, "        iifname \"{}\" accept", config.host.device);
            for target in &targets {
                if let Some(listen) = listen.iter().find(|listen| listen.0.is_ipv4() == is_v4(target.net)) {
                    let family = if is_v4(target.net) { "ip" } else { "ip6" };
                    let _ = writeln!(
                        text,
                        "        {} tproxy {family} to {listen} meta mark set {mark:#x} accept",
                        matched(target)
                    );
                }
            }
            let _ = writeln!(text, "    }}");
        }
    }
    let _ = writeln!(text, "}}");
    text
}

fn is_v4(net: IpNet) -> bool {
    net.addr().is_ipv4()
}

fn port(listen: &[Address], net: IpNet) -> Option<u16> {
    listen.iter().find(|listen| listen.0.is_ipv4() == is_v4(net)).map(|listen| listen.0.port())
}

fn matched(target: &Target) -> String {
    let family = if is_v4(target.net) { "ip" } else { "ip6" };
    let ports = match target.ports {
        Ports::ALL => "meta l4proto tcp".to_owned(),
        Ports { first, last } if first == last => format!("tcp dport {first}"),
        Ports { first, last } => format!("tcp dport {first}-{last}"),
    };
    format!("{family} daddr {} {ports}", target.net)
}
