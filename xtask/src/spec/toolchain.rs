//! The programs that turn the source into text and HTML, and the one that recomputes the vectors.
//!
//! kramdown-rfc and aasvg come from the distribution, xml2rfc lives in an environment of its own below spec/.tools.
//! Building needs no network: the references lie in spec/refcache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::finding::Finding;
use super::label::Label;
use super::{BUILT, SpecError};

/// The version whose output is committed.
const XML2RFC: &str = "3.34.1";
const TOOLS: &str = "spec/.tools";

/// Recomputes the vectors by the Python script; says so if it cannot.
pub(super) fn check_vectors(root: &Path, findings: &mut Vec<Finding>) -> Result<(), SpecError> {
    if !succeeds(Command::new("python3").args(["-c", "import tomllib"])) {
        eprintln!("SKIPPED: vectors.py needs python3, 3.11 or later");
        return Ok(());
    }
    let mut command = Command::new("python3");
    command.arg("-B").arg(root.join("spec/vectors.py")).arg("--check");
    let output = start(&mut command)?;
    if !output.status.success() {
        let output = format!("{}{}", text(&output.stdout), text(&output.stderr));
        findings.push(Finding::Vectors { output: output.trim_end().to_owned() });
    }
    Ok(())
}

/// Makes sure that all programs are there.
pub(super) fn install(root: &Path) -> Result<(), SpecError> {
    for (program, package) in [("kramdown-rfc", "ruby-kramdown-rfc2629"), ("aasvg", "aasvg")] {
        if on_path(program) {
            continue;
        }
        if !is_root() || !on_path("apt-get") {
            let remedy = "on Debian or Ubuntu: apt-get install ruby-kramdown-rfc2629 aasvg";
            return Err(SpecError::Missing { program, remedy });
        }
        println!("installing {package}");
        let mut command = Command::new("apt-get");
        command.args(["install", "-y", "--no-install-recommends", package]);
        run(command.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    let xml2rfc = xml2rfc(root);
    let is_current = start(Command::new(&xml2rfc).arg("--version"))
        .is_ok_and(|output| text(&output.stdout).trim() == format!("xml2rfc {XML2RFC}"));
    if is_current {
        return Ok(());
    }
    if !on_path("python3") {
        return Err(SpecError::Missing { program: "python3", remedy: "install Python 3.11 or later" });
    }
    println!("installing xml2rfc {XML2RFC} below {TOOLS}");
    let venv = root.join(TOOLS).join("venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    run(Command::new(venv.join("bin/pip")).args(["install", "--quiet", &format!("xml2rfc=={XML2RFC}")]))?;
    Ok(())
}

/// Builds every form: extension and content.
pub(super) fn build(
    root: &Path,
    source: &str,
    findings: &mut Vec<Finding>,
) -> Result<Vec<(&'static str, String)>, SpecError> {
    let folder = root.join(TOOLS).join("build");
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| SpecError::Io { path, source }
    };
    fs::create_dir_all(&folder).map_err(io(&folder))?;
    let (md, xml) = (folder.join("draft-hiatus-tcp.md"), folder.join("draft-hiatus-tcp.xml"));
    fs::write(&md, source).map_err(io(&md))?;

    let mut kramdown = Command::new("kramdown-rfc");
    kramdown.arg(&md).current_dir(root.join("spec")).env("KRAMDOWN_OFFLINE", "1");
    kramdown.env("KRAMDOWN_NO_SOURCE", "1").env("KRAMDOWN_REFCACHEDIR", "refcache");
    let output = run(&mut kramdown)?;
    let made = untagged_labels(&text(&output.stdout));
    // kramdown-rfc ends with status 0 even when a reference is missing.
    for line in made.lines().chain(text(&output.stderr).lines()).filter(|l| l.contains("BROKEN REFERENCE")) {
        findings.push(Finding::BrokenReference { line: line.trim().to_owned() });
    }

    let mut built = Vec::new();
    for extension in BUILT {
        let content = if extension == "txt" { unbroken(&made) } else { made.clone() };
        fs::write(&xml, content).map_err(io(&xml))?;
        let out = folder.join(format!("draft-hiatus-tcp.{extension}"));
        let form: &[&str] = if extension == "txt" { &["--text", "--no-pagination"] } else { &["--html"] };
        let mut command = Command::new(xml2rfc(root));
        let output = run(command.arg("--no-network").args(form).arg("-o").arg(&out).arg(&xml))?;
        let warnings = text(&output.stderr);
        let unused = warnings.lines().filter_map(|line| line.split_once("Unused reference: "));
        // Both forms are made from one file and warn alike.
        for (_, line) in unused.filter(|_| extension == "txt") {
            findings.push(Finding::BrokenReference { line: line.trim().to_owned() });
        }
        built.push((extension, super::read(&out)?));
    }
    Ok(built)
}

/// Takes the tag from the keyword in a label, which is part of a name there.
fn untagged_labels(xml: &str) -> String {
    ["MUST", "SHOULD", "MAY"].iter().fold(xml.to_owned(), |xml, word| {
        xml.replace(&format!("HIA-<bcp14>{word}</bcp14>-"), &format!("HIA-{word}-"))
    })
}

/// Keeps labels and names of messages on one line: xml2rfc does not break a line behind a hyphen with
/// a word joiner, which it does not print.
fn unbroken(xml: &str) -> String {
    let mut out = xml.to_owned();
    for (start, end, _) in Label::find_all(xml).into_iter().rev() {
        out.replace_range(start..end, &xml[start..end].replace('-', "-\u{2060}"));
    }
    for name in ["RESUME-ACK", "SUSPEND-ACK", "EPOCH-ECHO", "No-Operation"] {
        out = out.replace(name, &name.replace('-', "-\u{2060}"));
    }
    out
}

fn xml2rfc(root: &Path) -> PathBuf {
    root.join(TOOLS).join("venv/bin/xml2rfc")
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    start(Command::new("id").arg("-u")).is_ok_and(|output| text(&output.stdout).trim() == "0")
}

fn succeeds(command: &mut Command) -> bool {
    start(command).is_ok_and(|output| output.status.success())
}

fn start(command: &mut Command) -> Result<Output, SpecError> {
    command.output().map_err(|e| SpecError::Failed {
        program: command.get_program().to_string_lossy().into_owned(),
        status: e.to_string(),
        output: String::new(),
    })
}

fn run(command: &mut Command) -> Result<Output, SpecError> {
    let output = start(command)?;
    if output.status.success() {
        return Ok(output);
    }
    Err(SpecError::Failed {
        program: command.get_program().to_string_lossy().into_owned(),
        status: output.status.to_string(),
        output: text(&output.stderr),
    })
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stay_whole() {
        let xml = untagged_labels("It <bcp14>MUST</bcp14>. (HIA-<bcp14>MUST</bcp14>-12)");
        assert_eq!(xml, "It <bcp14>MUST</bcp14>. (HIA-MUST-12)");
        assert_eq!(unbroken(&xml), "It <bcp14>MUST</bcp14>. (HIA-\u{2060}MUST-\u{2060}12)");
    }
}
