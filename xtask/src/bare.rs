//! The codec, the engine and its C interface, checked for a machine that has no operating system and no `std`.
//!
//! Three ways, the first that works here is taken: a bare target that rustup has installed; a bare target whose `core`
//! and `alloc` are built from the library sources Debian ships beside its own rustc; and, where neither is to be had,
//! the host's triple with a sysroot that holds `core` and `alloc` alone. All three refuse any use of `std`, in the crates
//! themselves and in what they depend on.

use std::path::{Path, PathBuf};

use crate::shell::{Failure, Shell};

/// Cortex-M4: 32 bits, no 64-bit atomics, no operating system.
const BARE_TARGET: &str = "thumbv7em-none-eabi";
/// The C interface takes memory from the C side where it has no `std`.
const PACKAGES: [&str; 3] = ["hiatus-codec", "hiatus-engine", "hiatus-capi"];
/// The oldest compiler that the workspace accepts (`rust-version` in Cargo.toml).
const OLDEST_MINOR_VERSION: u32 = 95;

/// Checks the `no_std` crates without `std`; returns the way that was taken.
pub(crate) fn build(shell: &Shell) -> Result<String, Failure> {
    if let Some(target) = installed_bare_target(shell) {
        check_all(shell, |command| {
            command.args(["--target", &target]);
        })?;
        return Ok(format!("rustup's {target}"));
    }
    if let Some(rustc) = debian_compiler(shell) {
        check_all(shell, |command| {
            // `-Zbuild-std` asks for a nightly cargo; the variable lets a stable one do it. Only this step needs it.
            command.env("RUSTC", &rustc).env("RUSTC_BOOTSTRAP", "1");
            command.args(["-Zbuild-std=core,alloc", "--target", BARE_TARGET, "--target-dir", "target/bare"]);
        })?;
        return Ok(format!("{BARE_TARGET}, core and alloc from Debian's sources"));
    }
    let host = host_triple(shell)?;
    let sysroot = sysroot_without_std(shell, &host)?;
    check_all(shell, |command| {
        // With `--target`, cargo keeps these flags from build scripts and procedural macros, which do need std.
        command.env("RUSTFLAGS", format!("--sysroot {}", sysroot.display()));
        command.args(["--target", &host, "--target-dir", "target/bare-host"]);
    })?;
    Ok(format!("no bare target here: {host} with a sysroot of core and alloc alone"))
}

fn check_all(shell: &Shell, choose: impl Fn(&mut std::process::Command)) -> Result<(), Failure> {
    // Apart, so that no package gets a feature only because another one asks for it.
    for package in PACKAGES {
        // What there is no `std` for is missed before any code is made.
        let mut command = shell.cargo("check");
        command.args(["--package", package, "--lib", "--no-default-features"]);
        choose(&mut command);
        shell.run(&mut command)?;
    }
    Ok(())
}

fn installed_bare_target(shell: &Shell) -> Option<String> {
    let installed = shell.ask(shell.program("rustup").args(["target", "list", "--installed"]))?;
    installed.lines().find(|target| target.contains("-none")).map(str::to_owned)
}

/// Debian's own rustc, if it is new enough and the library sources lie in its sysroot.
pub(crate) fn debian_compiler(shell: &Shell) -> Option<PathBuf> {
    let rustc = PathBuf::from("/usr/bin/rustc");
    let sysroot = shell.ask(shell.program(&rustc).args(["--print", "sysroot"]))?;
    let version = shell.ask(shell.program(&rustc).arg("--version"))?;
    let minor: u32 = version.strip_prefix("rustc 1.")?.split('.').next()?.parse().ok()?;
    let sources = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/src/lib.rs");
    (minor >= OLDEST_MINOR_VERSION && sources.is_file()).then_some(rustc)
}

fn host_triple(shell: &Shell) -> Result<String, Failure> {
    let version = shell.output(shell.program("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::Found("`rustc -vV` names no host".to_owned()))
}

/// Copies `core`, `alloc` and `compiler_builtins` of the installed toolchain into a sysroot of their own.
fn sysroot_without_std(shell: &Shell, host: &str) -> Result<PathBuf, Failure> {
    let full = shell.output(shell.program("rustc").args(["--print", "sysroot"]))?;
    let libraries = Path::new("lib/rustlib").join(host).join("lib");
    let from = Path::new(full.trim()).join(&libraries);
    let sysroot = shell.root.join("target/sysroot-without-std");
    let to = sysroot.join(&libraries);
    if to.exists() {
        // Left by another toolchain, perhaps.
        std::fs::remove_dir_all(&to).map_err(Failure::file(&to))?;
    }
    std::fs::create_dir_all(&to).map_err(Failure::file(&to))?;
    for entry in std::fs::read_dir(&from).map_err(Failure::file(&from))? {
        let entry = entry.map_err(Failure::file(&from))?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if ["libcore-", "liballoc-", "libcompiler_builtins-"].iter().any(|start| text.starts_with(start)) {
            std::fs::copy(entry.path(), to.join(&name)).map_err(Failure::file(&entry.path()))?;
        }
    }
    Ok(sysroot)
}
