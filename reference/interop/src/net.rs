//! The network of a run: two devices, a kernel that forwards between them, and what it drops.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::case::{Case, Ip, Loss, Peer, Side};
use crate::peer::kernel::as_sysctl;
use crate::{host, peer};
use hiatus_interop::trouble::Trouble;

/// The device of a kernel peer in its own network.
const KERNEL_DEVICE: &str = "eth0";
/// Packets of 100 that are dropped in a run with loss, in each direction.
const LOSS_PERCENT: u8 = 5;
/// Packets that a device queues: more than any window of a run holds, so that only the rules drop.
const QUEUE_PACKETS: u32 = 10_000;

/// How long both devices may take to pass packets.
const UP_PATIENCE: Duration = Duration::from_secs(10);
/// How often they are asked.
const UP_POLL: Duration = Duration::from_millis(10);

/// Packets that the rules dropped.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub(crate) struct Dropped {
    /// Of the engine.
    pub(crate) ours: u64,
    /// Of its peer.
    pub(crate) theirs: u64,
}

/// Builds the network of this thread, which is empty so far. A kernel peer is the process `peer_pid`.
pub(crate) fn build(case: &Case, peer_pid: u32) -> Result<(), Trouble> {
    let (ours, theirs) = (host::DEVICE, peer::DEVICE);
    let mtu = case.mtu_octets();
    let mut batch = format!("link set lo up\ntuntap add dev {ours} mode tun\n");
    batch += &match case.peer {
        // One segment, one packet: a rule that drops must not meet 64 kilobytes at once.
        Peer::Kernel => format!(
            "link add {theirs} type veth peer name {KERNEL_DEVICE} netns {peer_pid}\n\
             link set dev {theirs} gso_max_segs 1\n"
        ),
        Peer::Lwip | Peer::Smoltcp => format!("tuntap add dev {theirs} mode tun\n"),
    };
    for (device, side) in [(ours, Side::Us), (theirs, Side::Them)] {
        let address = middle_of(case, side);
        batch += &format!(
            "link set dev {device} mtu {mtu} txqueuelen {QUEUE_PACKETS}\n\
             {}{}\
             link set dev {device} up\n",
            silence(case, device),
            add_address(&address, device),
        );
    }
    if case.peer == Peer::Kernel && case.ip == Ip::V6 {
        batch += &add_address("fe80::1/64", theirs);
    }
    ip_batch(&batch)?;
    // Before the devices' addresses are used, after the devices are there.
    match case.ip {
        Ip::V4 => set_sysctl("ipv4/ip_forward", "1")?,
        Ip::V6 => set_sysctl("ipv6/conf/all/forwarding", "1")?,
    }
    run("nft", &["-f", "-"], &rules(case))
}

/// Waits until both devices pass packets: once somebody has attached to a TUN device, or the other end of a veth pair
/// is up, the kernel takes a while to notice, and drops what comes before.
pub(crate) fn wait_until_up() -> Result<(), Trouble> {
    let line = "ip -j link show";
    let deadline = Instant::now() + UP_PATIENCE;
    loop {
        let output = Command::new("ip").args(["-j", "link", "show"]).stdin(Stdio::null()).output();
        let answer = json(line, &output.map_err(Trouble::system(line))?.stdout)?;
        let is_up = |name: &str| {
            let mut links = answer.as_array().into_iter().flatten();
            // A TUN device never says UP.
            links.any(|link| {
                link["ifname"] == name && matches!(link["operstate"].as_str(), Some("UP" | "UNKNOWN"))
            })
        };
        if is_up(host::DEVICE) && is_up(peer::DEVICE) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let said = format!("expected both devices up after {UP_PATIENCE:?}, found {answer}");
            return Err(Trouble::Tool { line: line.to_owned(), said });
        }
        thread::sleep(UP_POLL);
    }
}

fn json(line: &str, octets: &[u8]) -> Result<Value, Trouble> {
    serde_json::from_slice(octets).map_err(io::Error::from).map_err(Trouble::system(line))
}

/// What a kernel that is a peer may offer. Of the network of the calling process.
pub(crate) fn set_kernel_options(case: &Case) -> Result<(), Trouble> {
    // Every kernel has it and lets it be chosen, and it needs no SACK, as BBR does.
    set_sysctl("ipv4/tcp_congestion_control", "reno")?;
    set_sysctl("ipv4/tcp_sack", as_sysctl(case.sack_of(Side::Them)))?;
    set_sysctl("ipv4/tcp_timestamps", as_sysctl(case.timestamps_of(Side::Them)))
}

/// Gives the end of the veth pair in the kernel peer's network its address. Of the network of the calling process.
pub(crate) fn configure_kernel_peer(case: &Case) -> Result<(), Trouble> {
    let (address, gateway) = (case.address(Side::Them), middle_of(case, Side::Them));
    let (bits, link_local) = match case.ip {
        Ip::V4 => (24, String::new()),
        Ip::V6 => (64, add_address("fe80::2/64", KERNEL_DEVICE)),
    };
    let gateway = gateway.split('/').next().unwrap_or_default();
    ip_batch(&format!(
        "link set lo up\n\
         link set dev {KERNEL_DEVICE} mtu {mtu} txqueuelen {QUEUE_PACKETS} gso_max_segs 1\n\
         {silence}{address}{link_local}\
         link set dev {KERNEL_DEVICE} up\n\
         route add default via {gateway}{rto_min}\n",
        rto_min = case.rto_min().map_or_else(String::new, |rto| format!(" rto_min {}ms", rto.as_millis())),
        mtu = case.mtu_octets(),
        silence = silence(case, KERNEL_DEVICE),
        address = add_address(&format!("{}/{bits}", address.ip()), KERNEL_DEVICE),
    ))
}

/// A line that gives `device` an address at once: duplicate address detection would take a second or two.
fn add_address(address: &str, device: &str) -> String {
    let nodad = if address.contains(':') { " nodad" } else { "" };
    format!("address add {address} dev {device}{nodad}\n")
}

/// A line against link-local addresses that the kernel makes by itself, and announces. Neighbour discovery, which
/// a veth pair needs, is given one by [`add_address`]. Below IPv6's smallest MTU there are none anyway.
fn silence(case: &Case, device: &str) -> String {
    match case.ip {
        Ip::V4 => String::new(),
        Ip::V6 => format!("link set dev {device} addrgenmode none\n"),
    }
}

/// The forwarding kernel's own address on the device towards `side`, with its prefix.
fn middle_of(case: &Case, side: Side) -> String {
    match case.address(side) {
        SocketAddr::V4(address) => {
            let [a, b, c, _] = address.ip().octets();
            format!("{a}.{b}.{c}.1/24")
        }
        SocketAddr::V6(address) => {
            let [a, b, ..] = address.ip().segments();
            format!("{a:x}:{b:x}::1/64")
        }
    }
}

/// Each rule on a line of its own: older versions of nft want it so.
fn rules(case: &Case) -> String {
    let (ours, theirs) = (host::DEVICE, peer::DEVICE);
    let loss = match case.loss {
        Loss::None => 0,
        Loss::FivePercent => LOSS_PERCENT,
    };
    format!(
        "table inet interop {{\n\
           counter ours {{\n}}\n\
           counter theirs {{\n}}\n\
           chain forward {{\n\
             type filter hook forward priority 0;\n\
             iifname {ours} numgen random mod 100 < {loss} counter name ours drop\n\
             iifname {theirs} numgen random mod 100 < {loss} counter name theirs drop\n\
           }}\n\
         }}\n"
    )
}

/// What the rules dropped so far.
pub(crate) fn dropped() -> Result<Dropped, Trouble> {
    let line = "nft -j list counters";
    let output = Command::new("nft").args(["-j", "list", "counters"]).stdin(Stdio::null()).output();
    let output = output.map_err(Trouble::system(line))?;
    let answer = json(line, &output.stdout)?;
    let packets = |name: &str| {
        let objects = answer["nftables"].as_array().into_iter().flatten();
        let counter = objects.map(|object| &object["counter"]).find(|counter| counter["name"] == name);
        counter.and_then(|counter| counter["packets"].as_u64()).ok_or_else(|| Trouble::Tool {
            line: line.to_owned(),
            said: format!("expected a counter `{name}`, found {answer}"),
        })
    };
    Ok(Dropped { ours: packets("ours")?, theirs: packets("theirs")? })
}

/// Sets a sysctl below `net` of this thread's network.
fn set_sysctl(name: &str, value: &str) -> Result<(), Trouble> {
    let path = format!("/proc/sys/net/{name}");
    fs::write(&path, value).map_err(Trouble::system(path))
}

fn ip_batch(batch: &str) -> Result<(), Trouble> {
    run("ip", &["-batch", "-"], batch)
}

/// Runs a program in this thread's network and gives it `input`.
fn run(program: &str, arguments: &[&str], input: &str) -> Result<(), Trouble> {
    let line = format!("{program} {}", arguments.join(" "));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Trouble::system(line.clone()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(Trouble::system(line.clone()))?;
    }
    let output = child.wait_with_output().map_err(Trouble::system(line.clone()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(Trouble::Tool { line, said })
}
