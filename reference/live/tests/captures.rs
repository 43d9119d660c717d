//! The captures of the live tests, as committed: the checker finds nothing broken in them, and each shows what it is for.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use hiatus_conformance::check::{FileReport, Level, Outcome, check_path};

/// Octets that a committed capture has at most.
const OCTETS_MAX: u64 = 64 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pcaps/live")
}

fn captures() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut captures: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "pcapng")).collect();
    captures.sort();
    captures
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// How often the requirement `label` held.
fn held(report: &FileReport, label: &str) -> u64 {
    report.verdicts.iter().filter(|verdict| verdict.requirement == label).map(|verdict| verdict.held).sum()
}

#[test]
fn no_requirement_is_broken() {
    let captures = captures();
    assert!(captures.len() >= 15, "found {} captures", captures.len());
    for path in captures {
        assert!(fs::metadata(&path).unwrap().len() < OCTETS_MAX, "{} is large", path.display());
        let report = check_path(&path).unwrap();
        assert_eq!(report.problems, [], "{}", path.display());
        let broken: Vec<_> = report
            .verdicts
            .iter()
            .filter(|verdict| verdict.verdict == Outcome::Fail && verdict.level == Level::Must)
            .collect();
        assert!(broken.is_empty(), "{}: {broken:#?}", path.display());
        assert!(report.connections >= 1, "{}", path.display());
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// Both ends close it.
    Closed,
    /// One end tells the other that it is over.
    Reset,
    /// In silence.
    Silently,
}

/// What each story asks for: the file, how many returns with an older state there are at least, how it ends.
const STORIES: &[(&str, u64, Ends)] = &[
    ("kill-either-end", 3, Ends::Closed),
    ("kill-lossy", 2, Ends::Closed),
    ("kill-machine-restart", 2, Ends::Closed),
    ("nat-expired", 1, Ends::Closed),
    ("nat-strict", 4, Ends::Closed),
    ("nat-strict-expired", 1, Ends::Silently),
    ("programs-curl", 2, Ends::Closed),
    ("programs-iperf3", 2, Ends::Closed),
    ("programs-nc", 2, Ends::Closed),
    ("programs-python", 2, Ends::Closed),
    ("programs-redis", 2, Ends::Closed),
    ("qemu-rolled-back", 1, Ends::Closed),
    ("rollback-below-stable", 1, Ends::Reset),
    // The host that has lost it resets what its peer still sends: a bare RST, which the peer does not believe.
    ("rollback-off-the-line", 1, Ends::Reset),
    ("rollback-permitted", 1, Ends::Closed),
    ("store-damaged", 1, Ends::Closed),
    ("store-full-disk", 2, Ends::Closed),
    ("store-killed-in-commits", 2, Ends::Closed),
    ("strip-handshake", 0, Ends::Closed),
    ("strip-later", 0, Ends::Closed),
    ("suspend-announced", 1, Ends::Closed),
    ("suspend-paused", 0, Ends::Closed),
    ("suspend-plain-linux", 0, Ends::Silently),
    ("suspend-power-cut", 1, Ends::Closed),
];

#[test]
fn each_tells_its_story() {
    let files: Vec<String> = captures().iter().map(|path| name(path)).collect();
    for (story, returns, ends) in STORIES {
        assert!(files.iter().any(|file| file == story), "no capture of {story}");
        let report = check_path(&folder().join(format!("{story}.pcapng"))).unwrap();
        // A restored host starts its timestamps well above those of every life before: once for each return.
        let found = held(&report, "HIA-MUST-109");
        if *returns == 0 {
            assert_eq!(found, 0, "{story}: returns");
        } else {
            assert!(found >= *returns, "{story}: expected {returns} returns, found {found}");
        }
        let found = match (report.endings.closed, report.endings.reset) {
            (_, 1..) => Ends::Reset,
            (1.., _) => Ends::Closed,
            _ => Ends::Silently,
        };
        assert_eq!(found, *ends, "{story}");
    }
    assert_eq!(files.len(), STORIES.len());
}

#[test]
fn the_table_has_each_of_them() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows: BTreeSet<String> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| ["))
        .filter_map(|row| Some(row.split_once("](")?.0.to_owned()))
        .collect();
    let files: BTreeSet<String> = captures().iter().map(|path| name(path)).collect();
    assert_eq!(rows, files);
}
