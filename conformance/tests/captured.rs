//! The captured failures of plain TCP in `pcaps/rollback`, each again with Hiatus on (`cases/captured`): the table in
//! `pcaps/rollback/README.md` says what each took, counted in the frames of its case.
//!
//! `UPDATE_GOLDEN=1 cargo test -p hiatus-conformance --test captured` rewrites the table.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use hiatus_codec::{Flags, Message};
use hiatus_conformance::case::{Case, built_in};
use hiatus_conformance::record::Frame;
use hiatus_conformance::runner;
use hiatus_conformance::session::Session;
use hiatus_conformance::target::TargetChoice;
use hiatus_conformance::wire::Side;

const TABLE_BEGIN: &str = "<!-- captured: begin -->\n";
const TABLE_END: &str = "<!-- captured: end -->\n";

/// Capture, its case, what plain TCP came to (by `conform check` and the logs), octets that the story costs with Hiatus.
const STORIES: [(&str, &str, &str, u32); 11] = [
    ("r1-guest-receiver", "restored-receiver", "hangs, 2560 octets gone", 0),
    ("r2-guest-sender", "restored-sender", "hangs, 1920 octets written twice", 0),
    ("r3-duplex", "restored-duplex", "gives up after 13 s, 2048 octets gone, 1920 written twice", 0),
    ("r4-small-rollback-stall", "small-rollback", "hangs, 384 octets written twice", 0),
    ("r5-silent-divergence", "silent-divergence", "goes on, 1280 octets differ, nobody knows", 0),
    ("r5-silent-divergence", "divergence-is-told", "the same", 1280),
    ("s1-suspend-short", "short-pause", "goes on after 5 s", 0),
    ("s2-suspend-long", "long-pause", "gives up without a word, RST at the return", 0),
    ("criu-c1-clean", "clean-restore", "goes on after 2.4 s", 0),
    ("criu-c2-rollback", "restored-process", "hangs, 2304 octets gone, 2368 written twice", 0),
    ("criu-c3-rollback-rst", "network-before-the-socket", "resets itself", 0),
];

/// What a story took.
#[derive(Debug, Default, PartialEq, Eq)]
struct Taken {
    /// From the first RESUME to the RESUME-ACK or ABORT that settled it.
    settled: Duration,
    /// Octets that went over the wire again after that.
    again_octets: u32,
    /// Octets that one end had received and the other, or itself, does not know any more at the end.
    lost_octets: u32,
}

/// What was sent and acknowledged in one direction.
#[derive(Debug, Default)]
struct Direction {
    sent: u32,
    acked_highest: u32,
    acked_last: u32,
    /// End of what its sender wrote, by its latest RESUME.
    written: Option<u32>,
}

fn taken(frames: &[Frame]) -> Taken {
    let mut session = Session::default();
    let mut directions: BTreeMap<Side, Direction> = BTreeMap::new();
    let (mut asked, mut settled, mut taken) = (None, None, Taken::default());
    for frame in frames {
        session.observe(frame.from, &frame.segment);
        let message = frame.segment.hiatus().map(|option| option.message());
        let own = directions.entry(frame.from).or_default();
        match message {
            Some(Message::Resume(resume)) => {
                asked = asked.or(Some(frame.at));
                own.written = Some(resume.end);
            }
            // The last answer settles it: RESUMEs may cross.
            Some(Message::ResumeAck(_) | Message::Abort(_)) => settled = Some(frame.at),
            _ => {}
        }
        let first = session.relative(frame.from, frame.segment.seq);
        let end = first + frame.segment.data_len_octets();
        if settled.is_some() {
            taken.again_octets += end.min(own.sent).saturating_sub(first);
        }
        own.sent = own.sent.max(end);
        let is_return = matches!(message, Some(Message::ResumeAck(_)));
        if frame.segment.flags.contains(Flags::ACK) && !is_return {
            let ack = session.relative(frame.from.other(), frame.segment.ack);
            let peer = directions.entry(frame.from.other()).or_default();
            peer.acked_highest = peer.acked_highest.max(ack);
            peer.acked_last = ack;
        }
    }
    taken.settled = settled.unwrap() - asked.unwrap();
    let aborted = frames.last().is_some_and(|frame| frame.segment.flags.contains(Flags::RST));
    for direction in directions.values() {
        let known = if aborted { direction.written } else { Some(direction.acked_last) };
        taken.lost_octets += known.map_or(0, |known| direction.acked_highest.saturating_sub(known));
    }
    taken
}

fn story(cases: &[Case], name: &str) -> Taken {
    let id = format!("captured/{name}");
    let case = cases.iter().find(|case| case.id == id).unwrap();
    taken(&runner::run(case, &|setup| TargetChoice::Reference.build(setup)).frames)
}

#[test]
fn every_capture_has_its_story_and_every_story_its_capture() {
    let cases = built_in().unwrap();
    let told = cases.iter().filter_map(|case| case.id.strip_prefix("captured/"));
    let mut told: Vec<&str> = told.collect();
    let mut wanted: Vec<&str> = STORIES.iter().map(|(_, case, ..)| *case).collect();
    told.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(told, wanted);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../pcaps/rollback");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".pcap") else { continue };
        assert!(STORIES.iter().any(|(capture, ..)| *capture == name), "{name}: no story");
    }
}

#[test]
fn nothing_is_lost_but_where_nothing_was_held_back() {
    let cases = built_in().unwrap();
    for (_, name, _, lost_octets) in STORIES {
        assert_eq!(story(&cases, name).lost_octets, lost_octets, "{name}");
    }
}

/// A round trip in the scripts takes 10 ms. The first RESUME of the short pause is lost, and repeated after a second.
#[test]
fn a_return_is_settled_in_one_round_trip() {
    let cases = built_in().unwrap();
    for (_, name, ..) in STORIES.iter().filter(|(_, name, ..)| *name != "short-pause") {
        assert!(story(&cases, name).settled <= Duration::from_millis(10), "{name}");
    }
    assert!(story(&cases, "short-pause").settled < Duration::from_millis(1300));
}

#[test]
fn the_table_says_what_each_took() {
    let cases = built_in().unwrap();
    let mut table = String::from(
        "| capture | plain TCP | with Hiatus | settled after | octets sent again | octets lost |\n|---|---|---|---:|---:|---:|\n",
    );
    for (capture, name, plain, _) in STORIES {
        let Taken { settled, again_octets, lost_octets } = story(&cases, name);
        let millis = settled.as_millis();
        writeln!(
            table,
            "| `{capture}` | {plain} | [captured/{name}](../../conformance/cases/captured/{name}.pkt) | {millis} ms | \
             {again_octets} | {lost_octets} |"
        )
        .unwrap();
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../pcaps/rollback/README.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(TABLE_BEGIN).unwrap();
    let (_, after) = rest.split_once(TABLE_END).unwrap();
    let wanted = format!("{before}{TABLE_BEGIN}{table}{TABLE_END}{after}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), wanted, "UPDATE_GOLDEN=1 rewrites the table");
}
