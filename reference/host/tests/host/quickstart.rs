//! The README's quick start, run as it stands, on a machine of its own.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The shell blocks of the section.
fn blocks() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let section = readme.split("## Quick start").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// What the section needs, and what is missing of it.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("not root".to_owned());
    }
    let is_there = |name: &&str| {
        let found =
            Command::new("sh").args(["-c", &format!("command -v {name}")]).stdout(Stdio::null()).status();
        !found.is_ok_and(|status| status.success())
    };
    let missing: Vec<&str> =
        ["ip", "nft", "curl", "python3", "pkill", "unshare"].into_iter().filter(is_there).collect();
    (!missing.is_empty()).then(|| format!("not installed: {}", missing.join(", ")))
}

#[test]
fn the_quick_start_works_as_it_is_written() {
    if let Some(missing) = missing() {
        writeln!(std::io::stderr(), "SKIPPED: the_quick_start_works_as_it_is_written: {missing}").unwrap();
        return;
    }
    let blocks = blocks();
    let [install, configure, pull] = blocks.as_slice() else { panic!("{} blocks", blocks.len()) };
    assert!(install.starts_with("cargo install --locked --path reference/host"), "{install}");
    // Already built. Names of namespaces, processes and files in /var/lib are this machine's own.
    let bin = Path::new(env!("CARGO_BIN_EXE_hiatus")).parent().unwrap().display().to_string();
    let script = format!(
        "set -e\nmount -t tmpfs none /run\nmount -t tmpfs none /var/lib\nip link set lo up\n\
         PATH={bin}:$PATH\n{configure}\n{pull}\n"
    );
    let output = Command::new("unshare")
        .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", &script])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("not an octet is missing"), "{said}\n{errors}");
    // What was killed had begun again: its life is no longer the first.
    assert!(said.contains("incarnation 2"), "{said}\n{errors}");
}
