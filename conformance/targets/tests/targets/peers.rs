//! The captures in `pcaps/peers`: stacks of others that meet Hiatus, and the reference over a device, as they did it.
//!
//! `UPDATE_PEERS=1 cargo test -p hiatus-targets peers` writes them anew, and their table. What runs in virtual time
//! comes out octet for octet; what has times and numbers of a kernel does not, and is only judged.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hiatus_conformance::adapter::{Clock, Packets};
use hiatus_conformance::case::{self, Case};
use hiatus_conformance::check::{Outcome, check_path};
use hiatus_conformance::record;
use hiatus_conformance::target::child::Exchange;
use hiatus_conformance::verdict::Verdict;

use crate::runs::{cases, run_all};

const OCTETS_MAX: usize = 64 * 1024;

/// One capture: the target and the case that it is of.
struct Row {
    target: &'static str,
    case: &'static str,
    packets: Packets,
    clock: Clock,
}

const ROWS: [Row; 7] = [
    row("linux", "legacy/offer-is-not-understood", Packets::Kernel, Clock::Wall),
    row("linux", "plain/lost-data", Packets::Kernel, Clock::Wall),
    row("lwip", "legacy/offer-is-not-understood", Packets::Stdio, Clock::Virtual),
    row("lwip", "plain/lost-data", Packets::Stdio, Clock::Virtual),
    row("smoltcp", "legacy/offer-is-not-understood", Packets::Stdio, Clock::Virtual),
    row("smoltcp", "plain/lost-data", Packets::Stdio, Clock::Virtual),
    row("reference-process", "away-for-a-second", Packets::Tun, Clock::Wall),
];

const fn row(target: &'static str, case: &'static str, packets: Packets, clock: Clock) -> Row {
    Row { target, case, packets, clock }
}

impl Row {
    fn name(&self) -> String {
        let story = self.case.rsplit('/').next().unwrap();
        format!("{}-{story}", self.target)
    }

    fn path(&self) -> PathBuf {
        folder().join(self.name()).with_extension("pcapng")
    }

    fn case(&self) -> Case {
        static STORIES: OnceLock<Vec<Case>> = OnceLock::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stories");
        let stories = STORIES.get_or_init(|| [case::of_folder(&folder).unwrap(), cases(|_| true)].concat());
        stories.iter().find(|case| case.id == self.case).unwrap().clone()
    }

    /// The capture of a run now.
    fn run(&self) -> Vec<u8> {
        let exchange =
            Exchange { packets: Some(self.packets), clock: Some(self.clock), ..Exchange::default() };
        let done = run_all(self.target, exchange, vec![self.case()]);
        let (case, outcome) = &done[0];
        assert_eq!(outcome.verdict, Verdict::Pass, "{}", self.name());
        record::capture(case, &outcome.frames).unwrap()
    }

    fn how(&self) -> &'static str {
        match self.packets {
            Packets::Kernel => "sockets of the kernel",
            Packets::Tun => "a TUN device, real time",
            Packets::Stdio => "its own packets, virtual time",
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pcaps/peers")
}

/// Makes the captures anew, once, if that is asked for; says whether it is.
fn is_update() -> bool {
    static MADE: OnceLock<bool> = OnceLock::new();
    *MADE.get_or_init(|| {
        let is_asked = std::env::var_os("UPDATE_PEERS").is_some();
        for row in ROWS.iter().filter(|_| is_asked) {
            fs::write(row.path(), row.run()).unwrap();
        }
        is_asked
    })
}

#[test]
fn what_runs_in_virtual_time_is_as_captured() {
    is_update();
    for row in ROWS.iter().filter(|row| row.clock == Clock::Virtual) {
        assert!(row.run() == fs::read(row.path()).unwrap(), "{}: another run, other octets", row.name());
    }
}

#[test]
fn both_ends_of_every_capture_are_in_order() {
    is_update();
    for row in &ROWS {
        let report = check_path(&row.path()).unwrap();
        assert_eq!(report.problems, [], "{}", row.name());
        assert!(report.tcp_segments > 5 && report.connections == 1, "{}", row.name());
        let failed: Vec<_> = report.verdicts.iter().filter(|found| found.verdict == Outcome::Fail).collect();
        assert!(failed.is_empty(), "{}: {failed:?}", row.name());
        assert!(fs::read(row.path()).unwrap().len() < OCTETS_MAX, "{}", row.name());
    }
}

const HEAD: &str = "\
# Peers

What stacks of others do when they meet Hiatus, and what the reference does over a device: real runs, kept small. TCP is as
it was on the wire; IP headers and the date are the bench's. The bench is 192.0.2.2, the target 192.0.2.1; the comment of a
packet is the line of the script.

`UPDATE_PEERS=1 cargo test -p hiatus-targets peers` makes all of them again, and this table; as root, for those with
networks. One of them: `cargo run -- run CASE --target TARGET`, with `--packets tun` for the last.

| file | story | requirements | target | script |
|---|---|---|---|---|
";

#[test]
fn every_capture_has_its_line() {
    let mut page = HEAD.to_owned();
    for row in &ROWS {
        let case = row.case();
        let header = &case.script.header;
        let script = if row.case.contains('/') {
            "../../conformance/cases"
        } else {
            "../../conformance/targets/stories"
        };
        let (name, id) = (row.name(), row.case);
        let (title, requirements) = (&header.title, header.requirements.join(", "));
        let (target, how) = (row.target, row.how());
        writeln!(
            page,
            "| [{name}]({name}.pcapng) | {title} | {requirements} | {target}: {how} | [{id}]({script}/{id}.pkt) |"
        )
        .unwrap();
    }
    let path = folder().join("README.md");
    if is_update() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), page);
    let captures: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pcapng"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(captures, ROWS.iter().map(Row::name).collect());
}
