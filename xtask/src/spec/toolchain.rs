//! The programs that turn the source into text and HTML, and the one that recomputes the vectors.
//!
//! kramdown-rfc and aasvg come from the distribution, xml2rfc lives in an environment of its own below spec/.tools.
//! Building needs no network: the references lie in spec/refcache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::finding::Finding;
use super::label::Label;
use super::{BUILT, SpecError};

/// The version whose output is committed.
const XML2RFC: &str = "3.34.1";
/// What xml2rfc makes PDF with.
const WEASYPRINT: &str = "70.0";
pub(super) const TOOLS: &str = "spec/.tools";
/// Where the forms are made; the XML that xml2rfc read last stays there.
const BUILD: &str = "spec/.tools/build";
const VENV: &str = "spec/.tools/venv";
/// An environment apart: xml2rfc names the versions of its libraries in the HTML, weasyprint among them if it is there.
const PDF_VENV: &str = "spec/.tools/pdf";

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

/// Makes sure that all programs are there. The build does without the speller.
pub(super) fn install(root: &Path) -> Result<(), SpecError> {
    for (program, package) in [("kramdown-rfc", "ruby-kramdown-rfc2629"), ("aasvg", "aasvg")] {
        if on_path(program) {
            continue;
        }
        if !may_install() {
            let remedy = "on Debian or Ubuntu: apt-get install ruby-kramdown-rfc2629 aasvg";
            return Err(SpecError::Missing { program, remedy });
        }
        apt_get(&[package])?;
    }
    if !has_speller() && may_install() {
        apt_get(&["hunspell", "hunspell-en-us"])?;
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
    install_python(root, VENV, &[format!("xml2rfc=={XML2RFC}")])
}

/// Whether hunspell and its American dictionary are there.
pub(super) fn has_speller() -> bool {
    // Without dictionary hunspell fails; it reads an empty text here.
    let mut command = Command::new("hunspell");
    on_path("hunspell") && succeeds(command.args(["-l", "-d", "en_US"]).stdin(Stdio::null()))
}

fn may_install() -> bool {
    is_root() && on_path("apt-get")
}

/// Installs packages of the distribution, with fresh lists if those at hand do not have them.
fn apt_get(packages: &[&str]) -> Result<(), SpecError> {
    let apt_get = || {
        let mut command = Command::new("apt-get");
        // Another installation may run at the same time on a shared machine: wait for its lock.
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq", "-o", "DPkg::Lock::Timeout=300"]);
        command
    };
    println!("installing {}", packages.join(" "));
    let install = || run(apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages));
    if install().is_err() {
        run(apt_get().arg("update"))?;
        install()?;
    }
    Ok(())
}

/// Installs packages of Python into an environment of their own.
fn install_python(root: &Path, venv: &str, packages: &[String]) -> Result<(), SpecError> {
    println!("installing {} below {TOOLS}", packages.join(" "));
    let venv = root.join(venv);
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    run(Command::new(venv.join("bin/pip")).args(["install", "--quiet"]).args(packages)).map(drop)
}

/// Builds every form: extension and content.
pub(super) fn build(
    root: &Path,
    source: &str,
    findings: &mut Vec<Finding>,
) -> Result<Vec<(&'static str, String)>, SpecError> {
    let folder = root.join(BUILD);
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| SpecError::Io { path, source }
    };
    fs::create_dir_all(&folder).map_err(io(&folder))?;
    let (md, xml) = (folder.join("draft-hiatus-tcp.md"), xml(root));
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

/// Makes a PDF of what was built last, and gives its path.
pub(super) fn pdf(root: &Path) -> Result<PathBuf, SpecError> {
    let bin = root.join(PDF_VENV).join("bin");
    let versions = "from importlib.metadata import version as v; print(v('xml2rfc'), v('weasyprint'))";
    let is_current = start(Command::new(bin.join("python3")).args(["-c", versions]))
        .is_ok_and(|output| text(&output.stdout).trim() == format!("{XML2RFC} {WEASYPRINT}"));
    if !is_current {
        let packages = [format!("xml2rfc=={XML2RFC}"), format!("weasyprint=={WEASYPRINT}")];
        install_python(root, PDF_VENV, &packages)?;
    }
    if !succeeds(Command::new(bin.join("python3")).args(["-c", "import weasyprint"])) {
        let remedy =
            "weasyprint needs Pango; on Debian or Ubuntu: apt-get install libpango-1.0-0 libpangoft2-1.0-0";
        return Err(SpecError::Missing { program: "weasyprint", remedy });
    }
    let out = root.join(BUILD).join("draft-hiatus-tcp.pdf");
    // It complains of fonts that it would load from the network, and takes those of the system.
    run(Command::new(bin.join("xml2rfc")).args(["--no-network", "--pdf", "-o"]).arg(&out).arg(xml(root)))?;
    Ok(out)
}

/// Writes what was built last as the XML of a submission, under the name that its number demands, and gives its path.
pub(super) fn submission(root: &Path) -> Result<PathBuf, SpecError> {
    let name = text(&fs::read(xml(root)).map_err(|source| SpecError::Io { path: xml(root), source })?);
    let name = name.split_once("docName=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name);
    let malformed = || SpecError::Malformed { path: xml(root), reason: "no docName".to_owned() };
    let out = root.join(BUILD).join(format!("{}.xml", name.ok_or_else(malformed)?));
    run(Command::new(xml2rfc(root)).args(["--no-network", "--v2v3", "-o"]).arg(&out).arg(xml(root)))?;
    Ok(out)
}

fn xml(root: &Path) -> PathBuf {
    root.join(BUILD).join("draft-hiatus-tcp.xml")
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
    root.join(VENV).join("bin/xml2rfc")
}

pub(super) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    start(Command::new("id").arg("-u")).is_ok_and(|output| text(&output.stdout).trim() == "0")
}

fn succeeds(command: &mut Command) -> bool {
    start(command).is_ok_and(|output| output.status.success())
}

pub(super) fn start(command: &mut Command) -> Result<Output, SpecError> {
    command.output().map_err(|e| SpecError::Failed {
        program: command.get_program().to_string_lossy().into_owned(),
        status: e.to_string(),
        output: String::new(),
    })
}

pub(super) fn run(command: &mut Command) -> Result<Output, SpecError> {
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

pub(super) fn text(octets: &[u8]) -> String {
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
