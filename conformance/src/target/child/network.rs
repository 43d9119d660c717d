//! A network of a case's own, and the devices in it over which the bench and its target exchange packets.
//!
//! `tun`: two TUN devices, one of the bench and one of the target, and the kernel forwards between them. `kernel`: one TUN
//! device of the bench, whose other side is the kernel, at the target's address. The network belongs to a thread, for only
//! a thread can enter one; it goes with the thread, the process and the open device, however they end.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use hiatus_netns::{Tun, enter_new_network};

use super::process::Process;
use crate::adapter::Packets;

/// The device of the bench.
const BENCH_DEVICE: &str = "bench0";
/// The device of a target that opens one.
pub(super) const TARGET_DEVICE: &str = "target0";
/// How somebody who is not root gets a network to run in.
const AS_USER: &str = "unshare --user --map-root-user --net conform run ...";

/// Where a target has its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) packets: Packets,
    pub(super) target: IpAddr,
    pub(super) bench: IpAddr,
}

/// A network with a process in it.
pub(super) struct Network {
    /// The bench's device.
    pub(super) device: Tun,
    /// To the thread that is in the network: the target has opened its device.
    attached: SyncSender<()>,
    /// From it: the devices pass packets, or why not.
    up: Receiver<Result<(), String>>,
}

/// Whether a network can be made here; if not, why.
pub(super) fn is_possible() -> Result<(), String> {
    let probe = thread::Builder::new().spawn(|| {
        enter()?;
        Tun::attach(BENCH_DEVICE).map(|_| ()).map_err(|error| format!("no TUN device ({error}): {}", needs()))
    });
    let probe = probe.map_err(|error| format!("no thread: {error}"))?;
    probe.join().unwrap_or_else(|_| Err("the thread in the network panicked".to_owned()))
}

fn needs() -> String {
    format!("this needs root, or `{AS_USER}`")
}

fn enter() -> Result<(), String> {
    enter_new_network().map_err(|error| format!("no network of its own ({error}): {}", needs()))
}

/// Starts `command` in a new network.
pub(super) fn start(command: &[String], plan: Plan) -> Result<(Process, Network), String> {
    let (built, from_thread) = sync_channel(1);
    let (attached, is_attached) = sync_channel::<()>(1);
    let (is_up, up) = sync_channel(1);
    let command = command.to_vec();
    let in_network = move || {
        let made = make(&command, plan);
        let is_made = made.is_ok();
        if built.send(made).is_err() || !is_made {
            return;
        }
        // The thread is the network's: as long as the bench has it, it stays.
        while is_attached.recv().is_ok() {
            if is_up.send(ip_batch(&bring_up(plan))).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().spawn(in_network).map_err(|error| format!("no thread: {error}"))?;
    let gone = |_| "the thread in the network is gone".to_owned();
    let (process, device) = from_thread.recv().map_err(gone)??;
    Ok((process, Network { device, attached, up }))
}

impl Network {
    /// Both ends have opened their devices: packets can pass from now on.
    pub(super) fn bring_up(&self) -> Result<(), String> {
        let gone = "the thread in the network is gone";
        self.attached.send(()).map_err(|_| gone.to_owned())?;
        self.up.recv().map_err(|_| gone.to_owned())?
    }
}

fn make(command: &[String], plan: Plan) -> Result<(Process, Tun), String> {
    enter()?;
    // Devices that are up and attached in this order need nobody to wait for their carrier.
    let mut batch =
        format!("link set lo up\ntuntap add dev {BENCH_DEVICE} mode tun\n{}", quiet(plan, BENCH_DEVICE));
    if plan.packets == Packets::Tun {
        batch += &format!("tuntap add dev {TARGET_DEVICE} mode tun\n{}", quiet(plan, TARGET_DEVICE));
    }
    ip_batch(&batch)?;
    let device =
        Tun::attach(BENCH_DEVICE).map_err(|error| format!("no TUN device ({error}): {}", needs()))?;
    match (plan.packets, plan.target) {
        (Packets::Tun, IpAddr::V4(_)) => set_sysctl("ipv4/ip_forward", "1")?,
        (Packets::Tun, IpAddr::V6(_)) => set_sysctl("ipv6/conf/all/forwarding", "1")?,
        _ => ip_batch(&kernel_side(plan))?,
    }
    Ok((Process::start(command)?, device))
}

/// No link-local address, which the kernel would announce.
fn quiet(plan: Plan, device: &str) -> String {
    if plan.target.is_ipv4() { String::new() } else { format!("link set dev {device} addrgenmode none\n") }
}

fn bring_up(plan: Plan) -> String {
    if plan.packets != Packets::Tun {
        return String::new();
    }
    format!(
        "link set dev {BENCH_DEVICE} up\nlink set dev {TARGET_DEVICE} up\n{}{}",
        route(plan.bench, BENCH_DEVICE),
        route(plan.target, TARGET_DEVICE),
    )
}

/// The kernel has the target's address.
fn kernel_side(plan: Plan) -> String {
    let Plan { target, bench, .. } = plan;
    let (bits, at_once) = if target.is_ipv4() { (32, "") } else { (128, " nodad") };
    format!(
        "link set dev {BENCH_DEVICE} up\n\
         address add {target}/{bits} dev {BENCH_DEVICE}{at_once}\n{}",
        route(bench, BENCH_DEVICE)
    )
}

fn route(to: IpAddr, device: &str) -> String {
    let bits = if to.is_ipv4() { 32 } else { 128 };
    format!("route add {to}/{bits} dev {device}\n")
}

/// Sets a sysctl below `net` of this thread's network.
fn set_sysctl(name: &str, value: &str) -> Result<(), String> {
    let path = format!("/proc/sys/net/{name}");
    fs::write(&path, value).map_err(|error| format!("{path}: {error}"))
}

/// Runs `ip` in this thread's network.
fn ip_batch(batch: &str) -> Result<(), String> {
    if batch.is_empty() {
        return Ok(());
    }
    let here = |error: std::io::Error| format!("`ip -batch -`: {error}; is iproute2 installed?");
    let mut ip = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(here)?;
    if let Some(mut stdin) = ip.stdin.take() {
        stdin.write_all(batch.as_bytes()).map_err(here)?;
    }
    let output = ip.wait_with_output().map_err(here)?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("`ip -batch -`: {}", String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")))
}
