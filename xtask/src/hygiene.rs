//! Checks of the repository itself: small files, no `mod.rs`, nothing that names a machine, whole merges, licences.

mod licences;

use std::path::Path;

use crate::shell::{Failure, Shell};

/// Longest Rust source file, in lines.
const LINES_MAX: usize = 600;
/// Folders whose files may be longer: tables of cases and data.
const LONG_FOLDERS: [&str; 3] = ["tests", "benches", "fuzz"];

/// Roots of absolute paths that mean one machine. Written in two pieces: this file is checked too.
const MACHINE_ROOTS: [&str; 4] =
    [concat!("/t", "mp"), concat!("/w", "ork"), concat!("/r", "oot"), concat!("/h", "ome")];
/// What git writes into a file that it could not merge.
const MERGE_MARKS: [&str; 2] = ["<<<<<<< ", ">>>>>>> "];
/// Host names of package registries and their mirrors, in two pieces likewise.
const REGISTRY_HOSTS: [&str; 7] = [
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("deb.debian", ".org"),
    concat!("proxy.golang", ".org"),
];

/// Runs every check and reports all findings together.
pub(crate) fn check(shell: &Shell) -> Result<String, Failure> {
    let listing = shell.output(shell.program("git").args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut findings = Vec::new();
    let mut files = 0_u32;
    for file in listing.split('\0').filter(|file| !file.is_empty()) {
        let path = shell.root.join(file);
        if path.is_symlink() || !path.is_file() {
            // Deleted but still in the index, or a link to a file that is listed itself.
            continue;
        }
        files += 1;
        let octets = std::fs::read(&path).map_err(Failure::file(&path))?;
        check_name(file, &mut findings);
        if let Ok(text) = std::str::from_utf8(&octets) {
            check_text(file, text, &mut findings);
        }
    }
    let packages = licences::check(shell, &mut findings)?;
    if findings.is_empty() {
        return Ok(format!("{files} files, licences of {packages} packages"));
    }
    let count = findings.len();
    Err(Failure::Found(format!("{count} findings\n      {}", findings.join("\n      "))))
}

fn check_name(file: &str, findings: &mut Vec<String>) {
    if Path::new(file).file_name().is_some_and(|name| name == "mod.rs") {
        findings.push(format!("{file}: name it after its module, `foo.rs` beside `foo/`"));
    }
}

fn check_text(file: &str, text: &str, findings: &mut Vec<String>) {
    let lines = text.lines().count();
    let may_be_long = file.split('/').any(|folder| LONG_FOLDERS.contains(&folder));
    if Path::new(file).extension().is_some_and(|extension| extension == "rs")
        && lines > LINES_MAX
        && !may_be_long
    {
        findings.push(format!("{file}: {lines} lines, at most {LINES_MAX}: split it by state or message"));
    }
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if MERGE_MARKS.iter().any(|mark| line.starts_with(mark)) {
            findings.push(format!("{file}:{number}: a merge was left half done"));
        }
        for root in MACHINE_ROOTS {
            if names_absolute_path(line, root) {
                findings.push(format!("{file}:{number}: a path of one machine ({root})"));
            }
        }
        for host in REGISTRY_HOSTS {
            if line.contains(host) {
                findings.push(format!("{file}:{number}: a registry's host name ({host})"));
            }
        }
    }
}

/// Whether `root` stands in `line` as the first folder of an absolute path, not inside a longer path or URL.
fn names_absolute_path(line: &str, root: &str) -> bool {
    line.match_indices(root).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + root.len()..].chars().next();
        let continues = |c: char| c.is_alphanumeric() || "_-.~}/".contains(c);
        let begins = !before.is_some_and(continues);
        let ends = !after.is_some_and(|c| c.is_alphanumeric() || "_-".contains(c));
        begins && ends
    })
}

#[cfg(test)]
mod tests {
    use super::{MACHINE_ROOTS, check_name, check_text, names_absolute_path};

    #[test]
    fn machine_paths_are_found() {
        let [tmp, work, root, home] = MACHINE_ROOTS;
        for line in
            [format!("{tmp}/x"), format!("cd {work}"), format!("\"{root}/.cargo\""), format!("={home}/me/x")]
        {
            assert!(MACHINE_ROOTS.iter().any(|root| names_absolute_path(&line, root)), "{line}");
        }
    }

    #[test]
    fn other_paths_are_left_alone() {
        for line in [
            "target/tmp/x",
            "and/or root/home",
            "../work/x",
            "https://example.com/home/x",
            "/tmpfs",
            "$HOME/tmp",
            "{}/work",
        ] {
            assert!(!MACHINE_ROOTS.iter().any(|root| names_absolute_path(line, root)), "{line}");
        }
    }

    #[test]
    fn long_files_and_module_files_are_found() {
        let mut findings = Vec::new();
        check_name("codec/src/a/mod.rs", &mut findings);
        check_text("codec/src/a.rs", &"\n".repeat(601), &mut findings);
        assert_eq!(findings.len(), 2, "{findings:?}");
        check_text("Cargo.lock", "a\n<<<<<<< HEAD\n", &mut findings);
        assert_eq!(findings.pop().as_deref(), Some("Cargo.lock:2: a merge was left half done"));
        check_text("codec/src/a.rs", &"\n".repeat(600), &mut findings);
        check_text("codec/tests/a.rs", &"\n".repeat(601), &mut findings);
        check_text("codec/src/a.txt", &"\n".repeat(601), &mut findings);
        assert_eq!(findings.len(), 2, "{findings:?}");
    }
}
