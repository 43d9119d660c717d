//! What the steps need beyond a Rust toolchain, and its installation on Debian.

use crate::shell::{Failure, Shell, on_path};

/// A set of Debian packages that belong together.
pub(crate) struct Tool {
    /// What to call it in messages.
    pub(crate) name: &'static str,
    /// Debian packages.
    packages: &'static [&'static str],
    /// What must be there for it to count as present, however it was installed.
    present: fn(&Shell) -> bool,
    /// Whether a machine that has apt but not these packages in its lists is in order.
    need: Need,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    /// Only some Debian releases have it, and the step knows another way.
    IfAvailable,
}

/// Wireshark's decoder for terminals.
pub(crate) const TSHARK: Tool =
    Tool { name: "tshark", packages: &["tshark"], present: |_| on_path("tshark"), need: Need::Required };

/// kramdown-rfc, figures, and Python for xml2rfc.
pub(crate) const SPEC_TOOLS: Tool = Tool {
    name: "draft tools",
    // The check can do without hunspell, and says so.
    packages: &["ruby-kramdown-rfc2629", "aasvg", "python3-venv", "hunspell", "hunspell-en-us"],
    present: |shell| {
        on_path("kramdown-rfc")
            && on_path("aasvg")
            && shell.ask(shell.program("python3").args(["-c", "import ensurepip, venv"])).is_some()
    },
    need: Need::Required,
};

/// A rustc whose library sources are there too, so that core can be built for a bare target.
pub(crate) const RUST_SOURCES: Tool = Tool {
    name: "rustc with library sources",
    packages: &["rustc-web", "rust-web-src"],
    present: |shell| crate::bare::debian_compiler(shell).is_some(),
    need: Need::IfAvailable,
};

/// Networks of their own, with a kernel that drops packets.
pub(crate) const NETWORK_TOOLS: Tool = Tool {
    name: "network tools",
    packages: &["iproute2", "nftables"],
    present: |_| on_path("ip") && on_path("nft"),
    need: Need::Required,
};

/// Mounts of file systems that a program makes, and processes by name.
pub(crate) const HOST_TOOLS: Tool = Tool {
    name: "tools of the host's tests",
    packages: &["fuse3", "procps"],
    present: |_| on_path("fusermount3") && on_path("pkill"),
    need: Need::Required,
};

/// What the live tests run over Hiatus unmodified, and what captures it.
pub(crate) const LIVE_PROGRAMS: Tool = Tool {
    name: "programs of the live tests",
    packages: &["tcpdump", "curl", "netcat-openbsd", "redis-server", "redis-tools", "iperf3", "python3"],
    present: |_| {
        ["tcpdump", "curl", "nc", "redis-server", "redis-cli", "iperf3", "python3"].into_iter().all(on_path)
    },
    need: Need::Required,
};

/// A virtual machine that is snapshot and restored, and a shell for its guest.
pub(crate) const QEMU: Tool = Tool {
    name: "QEMU",
    packages: &["qemu-system-x86", "busybox-static", "cpio"],
    present: |_| on_path("qemu-system-x86_64") && on_path("busybox") && on_path("cpio"),
    need: Need::IfAvailable,
};

/// Apart from QEMU, which takes those of another version away as it is installed.
pub(crate) const QEMU_IMAGES: Tool = Tool {
    name: "QEMU's images",
    packages: &["qemu-utils"],
    present: |_| on_path("qemu-img"),
    need: Need::IfAvailable,
};

/// A browser that needs no screen.
pub(crate) const CHROMIUM: Tool = Tool {
    name: "chromium",
    packages: &["chromium"],
    present: |_| on_path("chromium"),
    need: Need::Required,
};

/// Counts instructions.
pub(crate) const VALGRIND: Tool = Tool {
    name: "valgrind",
    packages: &["valgrind"],
    present: |_| on_path("valgrind"),
    need: Need::Required,
};

impl Tool {
    /// Whether it is installed.
    pub(crate) fn is_present(&self, shell: &Shell) -> bool {
        (self.present)(shell)
    }
}

/// What came of an installation.
pub(crate) enum Installed {
    /// Everything was there already, or is now; the text says which.
    All(String),
    /// Nothing can be installed here; the text says what is missing and why.
    Impossible(String),
}

/// Installs what is missing of `tools`, if this is root on a Debian machine.
pub(crate) fn install(shell: &Shell, tools: &[&Tool]) -> Result<Installed, Failure> {
    let missing: Vec<&&Tool> = tools.iter().filter(|tool| !tool.is_present(shell)).collect();
    if missing.is_empty() {
        return Ok(Installed::All("nothing was missing".to_owned()));
    }
    let names: Vec<&str> = missing.iter().map(|tool| tool.name).collect();
    let names = names.join(", ");
    if !on_path("apt-get") {
        return Ok(Installed::Impossible(format!("no apt-get here; missing: {names}")));
    }
    if !is_root(shell) {
        let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages).copied().collect();
        let packages = packages.join(" ");
        return Ok(Installed::Impossible(format!(
            "not root; missing: {names} (as root: apt-get install -y --no-install-recommends {packages})"
        )));
    }
    shell.run(apt_get(shell).arg("update"))?;
    // Asked again: the installation of one may have taken another away.
    for tool in tools.iter().filter(|tool| !tool.is_present(shell)) {
        let available = tool.packages.iter().all(|package| has_candidate(shell, package));
        if tool.need == Need::IfAvailable && !available {
            println!("    this Debian has no {}; doing without", tool.packages.join(" "));
            continue;
        }
        shell.run(apt_get(shell).args(["install", "-y", "--no-install-recommends"]).args(tool.packages))?;
        if tool.need == Need::Required && !tool.is_present(shell) {
            return Err(Failure::Found(format!("{} is not usable after its installation", tool.name)));
        }
    }
    Ok(Installed::All(format!("installed: {names}")))
}

fn apt_get(shell: &Shell) -> std::process::Command {
    let mut command = shell.program("apt-get");
    // Another installation may run at the same time on a shared machine: wait for its lock.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "DPkg::Lock::Timeout=300"]);
    command
}

fn has_candidate(shell: &Shell, package: &str) -> bool {
    shell.ask(shell.program("apt-cache").args(["show", "--no-all-versions", package])).is_some()
}

fn is_root(shell: &Shell) -> bool {
    shell.ask(shell.program("id").arg("-u")).is_some_and(|id| id.trim() == "0")
}
