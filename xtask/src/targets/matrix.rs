//! The matrix of targets in the README: made by the step `targets`, and compared with what stands there.

use std::fs;
use std::path::Path;

use super::{JOBS, KNOWN, OUT};
use crate::shell::{Failure, Shell};

/// Its columns.
const TARGETS: [&str; 5] = ["reference", "reference-process", "linux", "lwip", "smoltcp"];
const BEGIN: &str = "<!-- matrix: begin -->\n";
const END: &str = "<!-- matrix: end -->";
/// With this in the environment the README is rewritten instead.
const UPDATE: &str = "UPDATE_MATRIX";

/// Compares the matrix of the README with one of now. All targets can be run here.
pub(super) fn check(shell: &Shell, conform: &Path) -> Result<(), Failure> {
    let readme = shell.root.join("README.md");
    let text = fs::read_to_string(&readme).map_err(Failure::file(&readme))?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?)));
    let Some((before, (stands, after))) = parts else {
        return Err(Failure::Found(format!(
            "README.md: expected a matrix between `{}` and `{END}`",
            BEGIN.trim()
        )));
    };
    let now = made(shell, conform)?;
    if stands == now {
        return Ok(());
    }
    if std::env::var_os(UPDATE).is_some() {
        return fs::write(&readme, format!("{before}{BEGIN}{now}{END}{after}"))
            .map_err(Failure::file(&readme));
    }
    let differs = now.lines().find(|line| !stands.lines().any(|there| there == *line));
    Err(Failure::Found(format!(
        "README.md: the matrix is not that of a run; `{UPDATE}=1 cargo xtask test targets` makes it anew. First line that \
         is missing there: {}",
        differs.unwrap_or("none: lines are there that should not be")
    )))
}

fn made(shell: &Shell, conform: &Path) -> Result<String, Failure> {
    let mut command = shell.program(conform);
    command.args(["run", "--quiet", "--format", "markdown", "--jobs", JOBS, "--known-failures", KNOWN]);
    command.arg("--out").arg(Path::new(OUT).join("matrix"));
    for target in TARGETS {
        command.args(["--target", target]);
    }
    let source = |source| Failure::Start { program: "conform".to_owned(), source };
    let output = command.output().map_err(source)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let line = format!("conform run --format markdown --target {}", TARGETS.join(" --target "));
    Err(Failure::Ended { line, status: output.status })
}
