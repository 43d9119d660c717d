//! Compiles lwIP from the sources that the crate `lwip` carries, with the options and the port in `lwip/`.
//!
//! The crate itself is never compiled: it would need libclang. It is named for a target that does not exist, so cargo
//! locks its version and checksum but downloads it only when asked for everything, as `cargo metadata` does.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// What a TCP over IPv4 and IPv6 needs of lwIP without threads and without Ethernet.
const SOURCES: &[&str] = &[
    "def.c",
    "inet_chksum.c",
    "init.c",
    "ip.c",
    "ipv4/icmp.c",
    "ipv4/ip4.c",
    "ipv4/ip4_addr.c",
    "ipv4/ip4_frag.c",
    "ipv6/icmp6.c",
    "ipv6/inet6.c",
    "ipv6/ip6.c",
    "ipv6/ip6_addr.c",
    "ipv6/ip6_frag.c",
    "ipv6/nd6.c",
    "mem.c",
    "memp.c",
    "netif.c",
    "pbuf.c",
    "raw.c",
    "stats.c",
    "sys.c",
    "tcp.c",
    "tcp_in.c",
    "tcp_out.c",
    "timeouts.c",
    "udp.c",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=lwip");
    match lwip_sources() {
        Ok(sources) => {
            let core = sources.join("core");
            cc::Build::new()
                .include("lwip")
                .include(sources.join("include"))
                .files(SOURCES.iter().map(|file| core.join(file)))
                .file("lwip/port.c")
                .opt_level(2)
                .compile("lwip");
        }
        Err(reason) => println!("cargo::error=lwIP: {reason}"),
    }
}

/// The folder `src` of the crate `lwip`, downloaded if it is not there.
fn lwip_sources() -> Result<PathBuf, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).replace('\n', "; ");
        return Err(format!(
            "cargo metadata failed (without a network, `cargo fetch` once with one): {said}"
        ));
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata: no packages")?;
    let manifest = packages
        .iter()
        .find(|package| package["name"] == "lwip")
        .and_then(|package| package["manifest_path"].as_str())
        .ok_or("cargo metadata: expected the package `lwip`, found none")?;
    PathBuf::from(manifest)
        .parent()
        .map(|folder| folder.join("src"))
        .ok_or_else(|| format!("{manifest}: no folder"))
}
