//! The Wireshark dissector (`spec/wireshark/hiatus.lua`) and our codec read the same octets to the same values: two
//! decoders of the draft that share nothing.
//!
//! All packets of a test go into one capture below the system's temporary folder, for tshark takes longer to start than
//! to read. Without tshark, or with one that runs no Lua, the tests say so and pass: `common/tshark.rs`.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "dissector/expected.rs"]
mod expected;
#[path = "dissector/frames.rs"]
mod frames;
#[path = "common/tshark.rs"]
mod run;
#[path = "common/wild.rs"]
mod shared_captures;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use expected::{FIELDS, FINDINGS, Shown};
use frames::{Packet, RandomSegments, pcapng, read, segment};
use hiatus_codec::Flags;
use hiatus_conformance::wire::OwnedSegment;
use run::{captures, field_rows, root, skip_tool, tshark_is_missing, vectors_capture};

/// What is asked of tshark besides [`FIELDS`] and [`FINDINGS`]: empty unless a script raised an error.
const LUA_ERROR: &str = "_ws.lua.error";
/// Fields whose values are no numbers.
const TEXTS_AND_OCTETS: [&str; 7] = [
    "hiatus.summary",
    "hiatus.mac",
    "hiatus.extra",
    "hiatus.unread",
    "hiatus.unread.reason",
    "hiatus.capable.key",
    "hiatus.abort.key",
];
/// The user `nobody`, wherever there is one.
const NOBODY: u32 = 65_534;

fn script() -> PathBuf {
    root().join("spec/wireshark/hiatus.lua")
}

/// Where Wireshark looks for the scripts of a user, from the home folder on; as the README says.
const PLUGINS: &str = ".local/lib/wireshark/plugins";

/// tshark with a script, away from the plugins and preferences of whoever runs the test.
struct Dissector {
    /// Its home, with the script installed, and the place of the captures. Removed at the end.
    home: PathBuf,
    /// Since Wireshark 4.4 no script is run for root, unless the machine is set up so.
    user: Option<u32>,
}

impl Drop for Dissector {
    fn drop(&mut self) {
        // A folder that stays behind is no reason to fail.
        let _ = fs::remove_dir_all(&self.home);
    }
}

impl Dissector {
    /// With our script; `None` after saying why there is no tshark that runs one.
    fn new() -> Option<Self> {
        Self::with_script(&fs::read(script()).unwrap())
    }

    fn with_script(octets: &[u8]) -> Option<Self> {
        if tshark_is_missing() {
            return None;
        }
        let test = std::thread::current().name().unwrap_or("test").to_owned();
        let home = std::env::temp_dir().join(format!("hiatus-{}-{test}", std::process::id()));
        let plugins = home.join(PLUGINS);
        // What a killed run left behind.
        let _ = fs::remove_dir_all(&home);
        fs::create_dir(&home).unwrap();
        fs::create_dir_all(&plugins).unwrap();
        for folder in plugins.ancestors().take_while(|folder| folder.starts_with(&home)) {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let is_root = fs::metadata(&home).unwrap().uid() == 0;
        let mut dissector = Self { home, user: None };
        let probe = format!("{PLUGINS}/probe.lua");
        dissector.write(&probe, b"Proto('hiatus_probe', 'Whether a script is run at all')");
        for user in [None, is_root.then_some(NOBODY)] {
            dissector.user = user;
            if dissector.registered("protocols").contains("hiatus_probe") {
                fs::remove_file(dissector.home.join(probe)).unwrap();
                dissector.write(&format!("{PLUGINS}/hiatus.lua"), octets);
                return Some(dissector);
            }
        }
        skip_tool("tshark runs no Lua scripts here");
        None
    }

    /// A file in its home that every user can read.
    fn write(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.home.join(name);
        fs::write(&path, octets).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    }

    fn tshark(&self) -> Command {
        let mut command = Command::new("tshark");
        command.env("HOME", &self.home).env_remove("XDG_CONFIG_HOME").current_dir(&self.home);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// What tshark knows of `what`, `protocols` or `fields`: a line each.
    fn registered(&self, what: &str) -> String {
        let out = self.tshark().args(["-G", what]).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// tshark, about to read a capture of `packets`.
    fn reading(&self, packets: &[Packet]) -> Command {
        let capture = self.write("packets.pcapng", &pcapng(packets));
        let mut command = self.tshark();
        command.arg("-n").arg("-r").arg(capture);
        command
    }

    /// Dissects `packets` and gives a line for every difference to what the codec reads, and what was expected.
    fn compare(&self, packets: &[Packet]) -> (Vec<String>, Vec<Shown>) {
        let asked: Vec<&str> = FIELDS.into_iter().chain(FINDINGS).chain([LUA_ERROR]).collect();
        let (rows, errors) = field_rows(&mut self.reading(packets), &asked);
        let mut differences = Vec::new();
        if errors.contains("Lua") || errors.contains("lua:") {
            differences.push(errors);
        }
        assert_eq!(rows.len(), packets.len(), "frames that tshark shows");
        let expected: Vec<Shown> = packets.iter().map(Shown::of).collect();
        for ((packet, expected), row) in packets.iter().zip(&expected).zip(rows.values()) {
            for (field, value) in asked.iter().zip(row) {
                let (theirs, ours) = (plain(field, value), expected.column(field));
                if theirs != ours {
                    let name = &packet.name;
                    differences.push(format!("{name} {field}: dissector `{theirs}`, codec `{ours}`"));
                }
            }
        }
        (differences, expected)
    }
}

/// Numbers become decimal and truth values 0 and 1, however this version of tshark writes them.
fn plain(field: &str, value: &str) -> String {
    if TEXTS_AND_OCTETS.contains(&field) {
        return value.to_owned();
    }
    let number = |text: &str| match (text, text.strip_prefix("0x")) {
        ("True", _) => "1".to_owned(),
        ("False", _) => "0".to_owned(),
        (_, Some(digits)) => u32::from_str_radix(digits, 16).unwrap().to_string(),
        (decimal, None) => decimal.to_owned(),
    };
    value.split(',').map(number).collect::<Vec<_>>().join(",")
}

/// Fails with the first of `differences`, which may be thousands.
fn assert_none(differences: &[String]) {
    const PRINTED_MAX: usize = 40;
    let count = differences.len();
    assert!(count == 0, "{count} differences:\n{}", differences[..count.min(PRINTED_MAX)].join("\n"));
}

#[test]
fn it_reads_every_golden_capture_as_the_codec_does() {
    let Some(dissector) = Dissector::new() else { return };
    let packets: Vec<Packet> = captures(&root().join("pcaps")).iter().flat_map(|path| read(path)).collect();
    let (differences, expected) = dissector.compare(&packets);
    assert_none(&differences);
    let with_hiatus = expected.iter().filter(|shown| shown.is_some()).count();
    assert!(with_hiatus > 500, "only {with_hiatus} of {} packets had a Hiatus option", packets.len());
}

/// Not by a field: newer versions of tshark fill that before a post-dissector runs.
#[test]
fn the_info_column_ends_with_the_messages() {
    let Some(dissector) = Dissector::new() else { return };
    let packets: Vec<Packet> = captures(&root().join("pcaps")).iter().flat_map(|path| read(path)).collect();
    let mut command = dissector.reading(&packets);
    let out = command.args(["-o", r#"gui.column.format:"Info","%i""#]).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(text.lines().count(), packets.len());
    for (packet, line) in packets.iter().zip(text.lines()) {
        let texts = Shown::of(packet).info.join(", ");
        let end = if texts.is_empty() { texts } else { format!(" <{texts}>") };
        assert!(line.ends_with(&end), "{}: `{line}` does not end with `{end}`", packet.name);
    }
}

#[test]
fn it_reads_random_options_as_the_codec_does() {
    let Some(dissector) = Dissector::new() else { return };
    let mut random = RandomSegments::new(1);
    let packets: Vec<Packet> = (0..4000)
        .map(|number| {
            let segment = random.next_segment();
            let name = format!("random {number} {} {}", segment.flags, run::hex(&segment.options));
            Packet::of_segment(name, &segment)
        })
        .collect();
    let (differences, expected) = dissector.compare(&packets);
    assert_none(&differences);
    for finding in FINDINGS {
        let fired = expected.iter().filter(|shown| !shown.column(finding).is_empty()).count();
        assert!(fired > 5, "{finding} fired {fired} times only");
    }
}

/// The octets of a hexadecimal text with blanks.
fn octets(text: &str) -> Vec<u8> {
    text.split_whitespace().map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect()
}

/// Segments by hand from the draft: the option area, the flags, and the findings that it must have, all of them.
const SEGMENTS: [(&str, Flags, &[&str]); 45] = [
    // Every message in its place, nothing to be found.
    ("fd 08 48 49 00 18 01 2c", SYN, &[]),
    ("fd 10 48 49 00 12 01 2c 10 21 32 43 54 65 76 87", SYN_ACK, &[]),
    ("fd 10 48 49 00 1e 80 05 00 11 22 33 44 55 66 77", ACK, &[]),
    ("fd 15 48 49 10 00 00 00 07 00 00 03 e9 01 23 45 67 89 ab cd ef", ACK, &[]),
    ("fd 09 48 49 20 00 00 03 e9", ACK, &[]),
    ("fd 0f 48 49 30 02 58 01 23 45 67 89 ab cd ef", ACK, &[]),
    ("fd 0f 48 49 40 00 00 01 23 45 67 89 ab cd ef", ACK, &[]),
    ("fd 1b 48 49 50 00 00 00 01 00 00 89 ab cd ef 00 00 03 e9 01 23 45 67 89 ab cd ef", ACK, &[]),
    ("fd 1b 48 49 60 00 00 00 00 00 02 00 00 03 e9 00 00 07 d1 01 23 45 67 89 ab cd ef", ACK, &[]),
    ("fd 0e 48 49 70 01 01 23 45 67 89 ab cd ef", RST, &[]),
    ("fd 0e 48 49 70 04 00 11 22 33 44 55 66 77", RST_ACK, &[]),
    ("", RST, &[]),
    // Each message on segments that the table of messages does not list for it.
    ("fd 08 48 49 00 18 01 2c", ACK, &["misplaced"]),
    ("fd 08 48 49 00 18 01 2c", SYN_ACK, &["misplaced"]),
    ("fd 10 48 49 00 12 01 2c 10 21 32 43 54 65 76 87", RST_ACK, &["misplaced"]),
    ("fd 15 48 49 10 00 00 00 07 00 00 03 e9 01 23 45 67 89 ab cd ef", FIN_ACK, &["misplaced"]),
    ("fd 09 48 49 20 00 00 03 e9", SYN_ACK, &["misplaced"]),
    ("fd 0f 48 49 30 02 58 01 23 45 67 89 ab cd ef", RST_ACK, &["misplaced"]),
    ("fd 0f 48 49 40 00 00 01 23 45 67 89 ab cd ef", SYN, &["misplaced"]),
    ("fd 0e 48 49 70 01 01 23 45 67 89 ab cd ef", ACK, &["misplaced"]),
    // Head and fields.
    ("fd 09 48 49 21 00 00 03 e9", ACK, &["flags"]),
    ("fd 09 48 49 28 00 00 03 e9", ACK, &["flags"]),
    ("fd 08 48 49 00 19 01 2c", SYN, &["reserved"]),
    ("fd 08 48 49 00 08 01 2c", SYN, &["version_zero"]),
    ("fd 08 48 49 00 14 01 2c", SYN, &["n_without_s"]),
    ("fd 10 48 49 00 18 01 2c 10 21 32 43 54 65 76 87", SYN, &["long_on_syn"]),
    ("1e 04 01 01 fd 08 48 49 00 18 01 2c", SYN, &["combination"]),
    ("fd 08 48 49 00 18 01 2c 1d 04 01 01", SYN, &["combination"]),
    (
        "fd 1b 48 49 50 00 00 00 01 00 00 00 00 00 00 00 00 03 e9 01 23 45 67 89 ab cd ef",
        ACK,
        &["nonce_zero"],
    ),
    ("fd 0e 48 49 70 00 01 23 45 67 89 ab cd ef", RST, &["unknown_reason"]),
    ("fd 0e 48 49 70 07 01 23 45 67 89 ab cd ef", RST, &["unknown_reason"]),
    ("fd 05 48 49 80", ACK, &["unknown_subtype"]),
    ("fd 07 48 49 f0 01 02", SYN, &["unknown_subtype"]),
    // Lengths.
    ("fd 08 48 49 20 00 00 03", ACK, &["too_short"]),
    ("fd 04 48 49", ACK, &["too_short"]),
    ("fd 0a 48 49 20 00 00 03 e9 00", ACK, &["extra"]),
    ("fd 0f 48 49 00 18 01 2c 10 21 32 43 54 65 76", SYN, &["extra"]),
    // Several options, and options that are none.
    ("fd 09 48 49 20 00 00 00 01 fd 09 48 49 20 00 00 00 02", ACK, &["several"]),
    ("fd 04 48 49 fd 09 48 49 20 00 00 00 02", ACK, &["several", "too_short"]),
    ("fe 08 48 49 00 18 01 2c", SYN, &["kind_254"]),
    ("00 fd 09 48 49 20 00 00 00 01", ACK, &["unread"]),
    ("05 01 fd 09 48 49 20 00 00 00 01", ACK, &["unread"]),
    ("fd 09 48 49 20 00 00 00 01 08 0a 00", ACK, &["unread"]),
    ("01 01 08 0a 00 00 00 05", ACK, &[]),
    // Behind an option of wrong Length, at which tshark itself gives up.
    ("05 02 fd 09 48 49 21 00 00 00 01", ACK, &["flags"]),
];
const SYN: Flags = Flags::SYN;
const ACK: Flags = Flags::ACK;
const RST: Flags = Flags::RST;
const SYN_ACK: Flags = Flags::SYN.union(Flags::ACK);
const FIN_ACK: Flags = Flags::FIN.union(Flags::ACK);
const RST_ACK: Flags = Flags::RST.union(Flags::ACK);

/// [`SEGMENTS`], and those that need more than flags: segments, and the findings that they must have.
fn segments() -> Vec<(OwnedSegment, &'static [&'static str])> {
    let mut made: Vec<(OwnedSegment, &[&str])> =
        SEGMENTS.map(|(area, flags, findings)| (segment(flags, &octets(area)), findings)).into();
    let suspend = segment(ACK, &octets("fd 0f 48 49 30 02 58 01 23 45 67 89 ab cd ef"));
    made.push((OwnedSegment { window: 0, ..suspend.clone() }, &["zero_window"]));
    made.push((OwnedSegment { payload: vec![b'x'], ..suspend }, &["misplaced"]));
    let capable = segment(ACK, &octets("fd 10 48 49 00 18 01 2c 10 21 32 43 54 65 76 87"));
    made.push((OwnedSegment { payload: vec![b'x'; 100], ..capable }, &[]));
    made
}

fn segment_packets() -> Vec<Packet> {
    let named = |segment: &OwnedSegment| format!("{} {}", segment.flags, run::hex(&segment.options));
    segments().iter().map(|(segment, _)| Packet::of_segment(named(segment), segment)).collect()
}

#[test]
fn every_finding_fires_where_the_draft_is_broken_and_nowhere_else() {
    let Some(dissector) = Dissector::new() else { return };
    let registered: BTreeSet<String> = registered_fields(&dissector)
        .into_iter()
        .filter_map(|name| name.strip_prefix("hiatus.expert.").map(str::to_owned))
        .collect();
    let packets = segment_packets();
    let asked: Vec<String> = registered.iter().map(|name| format!("hiatus.expert.{name}")).collect();
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let (rows, _) = field_rows(&mut dissector.reading(&packets), &asked);
    let mut fired = BTreeSet::new();
    for ((packet, (_, expected)), row) in packets.iter().zip(segments()).zip(rows.values()) {
        let found = registered.iter().zip(row).filter(|(_, value)| !value.is_empty());
        let found: Vec<&str> = found.map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, expected, "{}", packet.name);
        fired.extend(found.iter().map(ToString::to_string));
    }
    assert_eq!(fired, registered, "findings that fired, and those that the script knows");
    let (differences, _) = dissector.compare(&packets);
    assert_none(&differences);
}

#[test]
fn it_finds_the_options_behind_other_headers() {
    let Some(dissector) = Dissector::new() else { return };
    let packets: Vec<Packet> = segment_packets().iter().flat_map(Packet::wrapped).collect();
    let (differences, expected) = dissector.compare(&packets);
    assert_none(&differences);
    assert!(expected.iter().filter(|shown| shown.is_some()).count() > 100);
}

/// What the capture kept of an options area is read, as the codec reads it.
#[test]
fn it_reads_what_a_snap_length_left() {
    let Some(dissector) = Dissector::new() else { return };
    let whole: Vec<Packet> =
        segment_packets().iter().flat_map(|packet| [packet.clone(), packet.wrapped()[0].clone()]).collect();
    let packets: Vec<Packet> =
        whole.iter().flat_map(|packet| (20..packet.octets.len()).map(|len| packet.cut(len))).collect();
    let (differences, expected) = dissector.compare(&packets);
    assert_none(&differences);
    assert!(expected.iter().filter(|shown| shown.is_some()).count() > 300);
}

/// A header that reaches beyond its packet has no options; every receiver discards it.
#[test]
fn it_reads_nothing_where_data_offset_lies() {
    /// Of Data Offset, behind an IPv4 header.
    const PLACE: usize = 20 + 12;
    let Some(dissector) = Dissector::new() else { return };
    let mut packets = Vec::new();
    for mut packet in segment_packets() {
        let words = packet.octets[PLACE] >> 4;
        for lie in words + 1..16 {
            packet.octets[PLACE] = lie << 4;
            packets.push(packet.clone());
            packets.push(packet.cut(packet.octets.len() - 1));
            packets.push(packet.wrapped()[0].clone());
        }
    }
    let (differences, expected) = dissector.compare(&packets);
    assert_none(&differences);
    // One that carries data reaches into it, and is read.
    let with_hiatus = expected.iter().filter(|shown| shown.is_some()).count();
    assert!(with_hiatus * 10 < packets.len(), "{with_hiatus} of {}", packets.len());
}

/// Names of the fields that tshark knows with the script.
fn registered_fields(dissector: &Dissector) -> BTreeSet<String> {
    let known = dissector.registered("fields");
    let names = known.lines().filter_map(|line| line.split('\t').nth(2));
    names.filter(|name| name.starts_with("hiatus.")).map(str::to_owned).collect()
}

#[test]
fn the_readme_lists_every_field_and_no_other() {
    let Some(dissector) = Dissector::new() else { return };
    let registered = registered_fields(&dissector);
    let page = fs::read_to_string(script().with_file_name("README.md")).unwrap();
    let listed: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `hiatus.")?.split_once("` |"))
        // A display filter has blanks.
        .filter(|(name, _)| !name.contains(' '))
        .map(|(name, _)| format!("hiatus.{name}"))
        .collect();
    assert_eq!(listed, registered, "fields of the README, and those of the script");
    let compared: BTreeSet<String> = FIELDS.into_iter().chain(FINDINGS).map(str::to_owned).collect();
    assert_eq!(compared, registered, "fields that are compared, and those of the script");
}

/// Of every packet its name and the lines of its tree that are ours.
fn trees(dissector: &Dissector, packets: &[Packet]) -> String {
    let out = dissector.reading(packets).args(["-O", "hiatus"]).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let mut names = packets.iter().map(|packet| packet.name.as_str());
    let mut ours = Vec::new();
    let mut is_ours = false;
    for line in text.lines() {
        is_ours = line.starts_with("Hiatus") || is_ours && line.starts_with(' ');
        if line.starts_with("Frame ") {
            ours.extend(["", names.next().unwrap()]);
        } else if is_ours {
            ours.push(line);
        }
    }
    ours.join("\n")
}

#[test]
fn the_tree_of_each_message_reads_as_reviewed() {
    let Some(dissector) = Dissector::new() else { return };
    let (packets, segments) = (segment_packets(), segments());
    let in_place = packets.into_iter().zip(segments).filter(|(_, (_, findings))| findings.is_empty());
    let in_place: Vec<Packet> = in_place.map(|(packet, _)| packet).collect();
    let text = trees(&dissector, &in_place);
    insta::assert_snapshot!("tree_of_each_message", text);
    let page = fs::read_to_string(script().with_file_name("README.md")).unwrap();
    let (_, resume) = text.split_once("Hiatus: RESUME ").unwrap();
    let (resume, _) = resume.split_once("\n\n").unwrap();
    assert!(page.contains(resume), "the README shows another tree of RESUME than\n{resume}");
}

#[test]
fn the_tree_of_each_finding_reads_as_reviewed() {
    let Some(dissector) = Dissector::new() else { return };
    let mut seen = BTreeSet::new();
    let (packets, segments) = (segment_packets(), segments());
    let broken = packets.into_iter().zip(segments).filter(|(_, (_, findings))| {
        let new = findings.iter().filter(|finding| seen.insert(**finding)).count();
        new > 0
    });
    let broken: Vec<Packet> = broken.map(|(packet, _)| packet).collect();
    insta::assert_snapshot!("tree_of_each_finding", trees(&dissector, &broken));
}

/// All 361 in one run, with every dissector that tshark brings.
#[test]
fn it_is_silent_on_captures_of_other_stacks() {
    let Some(wild) = shared_captures::shared("wild") else { return };
    let Some(dissector) = Dissector::new() else { return };
    let mut packets = Vec::new();
    for (file, _) in shared_captures::manifest(&wild) {
        packets.extend(read(&wild.join(file)));
    }
    let with_hiatus = packets.iter().filter(|packet| Shown::of(packet).is_some()).count();
    assert_eq!(with_hiatus, 0, "packets with Hiatus by the codec");
    let mut command = dissector.reading(&packets);
    command.args(["-Y", "tcp.options || hiatus || _ws.lua.error"]);
    let (rows, errors) = field_rows(&mut command, &["hiatus.summary", "hiatus.unread", LUA_ERROR]);
    assert!(!errors.contains("Lua") && !errors.contains("lua:"), "{errors}");
    assert!(rows.len() > 5000, "only {} frames with options", rows.len());
    let not_silent: Vec<_> =
        rows.iter().filter(|(_, row)| row.iter().any(|value| !value.is_empty())).collect();
    assert!(not_silent.is_empty(), "{not_silent:?}");
}

/// Were the script to raise an error, these tests would see it.
#[test]
fn an_error_in_a_script_is_seen() {
    const BROKEN: &[u8] = b"local p = Proto('broken', 'Broken')
        function p.dissector() error('on purpose') end
        register_postdissector(p)";
    let Some(dissector) = Dissector::with_script(BROKEN) else { return };
    let packets = read(&vectors_capture());
    let (rows, _) = field_rows(&mut dissector.reading(&packets), &[LUA_ERROR]);
    assert!(rows.values().all(|row| !row[0].is_empty()), "{rows:?}");
}
