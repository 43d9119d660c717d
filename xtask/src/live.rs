//! `cargo xtask test live`: the live tests of real hosts, on this machine, in networks of their own.

use std::path::Path;

use crate::shell::{Failure, Shell};

/// Set to write the captures of pcaps/live/ anew.
const UPDATE: &str = "UPDATE_LIVE";
/// Where they are.
const CAPTURES: &str = "pcaps/live";

/// What came of the live tests.
pub(crate) enum Live {
    /// They ran; scenarios that could not, each with its reason.
    Ran(Vec<String>),
    /// None can run here; why.
    Impossible(String),
}

/// Builds the hosts and the tests, asks whether this machine lets them run, and runs them.
pub(crate) fn check(shell: &Shell) -> Result<Live, Failure> {
    let packages = ["--package", "hiatus-host", "--package", "hiatus-live", "--bins"];
    shell.run(shell.cargo("build").arg("--quiet").args(packages))?;
    let live = target(shell).join("debug").join("hiatus-live");
    let asked = shell.program(&live).arg("check").output();
    let asked = asked.map_err(|source| Failure::Start { program: live.display().to_string(), source })?;
    if asked.status.code() == Some(2) {
        return Ok(Live::Impossible(String::from_utf8_lossy(&asked.stderr).trim().to_owned()));
    }
    let mut command = shell.program(&live);
    command.arg("run");
    if std::env::var_os(UPDATE).is_some() {
        command.args(["--captures", CAPTURES]);
    }
    shell.run(&mut command).map(Live::Ran)
}

/// Where cargo builds.
fn target(shell: &Shell) -> std::path::PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    shell.root.join(Path::new(&folder))
}
