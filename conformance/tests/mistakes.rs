//! What a newcomer reads who has made a mistake in a script: the messages as they are, in `tests/snapshots`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;

use hiatus_conformance::case::{Colour, of_folder};
use hiatus_conformance::lint::weaknesses;
use hiatus_conformance::script::Script;

const STEPS: &str = "+0     listen\n+0.010 < S 0:0(0) win 65535\n+0     > S. 0:0(0) ack 1\n";

/// A script of these lines and steps.
fn script(lines: [&str; 4], steps: &str) -> String {
    format!("# What happens.\n\n{}\n\n{steps}", lines.join("\n"))
}

const LINES: [&str; 4] = [
    "title: Every copy of a SUSPEND is answered",
    "requirements: HIA-MUST-48",
    "mutant: answers-one-suspend",
    "target: hiatus S hold 300s",
];

/// The folder `name` with these files, and what is said of it, without the path of the folder.
fn told(name: &str, files: &[(&str, &[u8])]) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mistakes").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for (file, octets) in files {
        fs::write(folder.join(file), octets).unwrap();
    }
    let errors = of_folder(&folder).expect_err(name);
    errors.told(Colour::Never).replace(&folder.display().to_string(), "my-cases")
}

/// The same of one script.
fn told_of(name: &str, text: &str) -> String {
    told(name, &[("case.pkt", text.as_bytes())])
}

/// `LINES` with another line at `index`.
fn with_line(index: usize, line: &'static str) -> [&'static str; 4] {
    let mut lines = LINES;
    lines[index] = line;
    lines
}

#[test]
fn a_misspelt_call() {
    insta::assert_snapshot!(told_of("call", &script(LINES, &format!("{STEPS}+1 snapshott taken 7\n"))));
}

#[test]
fn a_misspelt_option_and_event() {
    let steps = "+0 > . <epohc 0 stable 1 mac ok>\n+0 > . <abort fence mac ok>\n+0 event hiatus-off\n+0 event closed-resett\n";
    insta::assert_snapshot!(told_of("option", &script(LINES, &format!("{STEPS}{steps}"))));
}

#[test]
fn a_misspelt_mutant_and_a_requirement_of_another_level() {
    // In two parts, for `cargo xtask spec` looks for labels that the draft does not have.
    let mut lines = with_line(1, concat!("requirements: HIA-SHOULD", "-48, HIA-MUST-48, HIA-MUST-48"));
    lines[2] = "mutant: answers-one-suspned, nonsense";
    insta::assert_snapshot!(told_of("names", &script(lines, STEPS)));
}

#[test]
fn misspelt_and_missing_lines() {
    insta::assert_snapshot!(told_of("header", "titel: x\n+0 listen\n"));
}

#[test]
fn a_line_too_often_and_one_too_late() {
    let text = script(LINES, &format!("target: plain\n{STEPS}tolerance: 5ms\n"));
    insta::assert_snapshot!(told_of("again", &text));
}

#[test]
fn numbers_that_do_not_fit() {
    let steps =
        "+0 < . 1:100(100) ack 1\n+0 < . 1:1(0) ack 4294967296\n+0 > S. <mss 70000>\n+0 write 1000000000\n";
    insta::assert_snapshot!(told_of("numbers", &script(LINES, &format!("{STEPS}{steps}"))));
}

#[test]
fn fields_out_of_order_and_left_open() {
    let steps = "+0 > . win 65535 ack 1\n+0 < S\n+0 < . 1:1(0)\n+0 < . 1:1(0) ack 1 <...>\n+0~+1 listen\n";
    insta::assert_snapshot!(told_of("fields", &script(LINES, &format!("{STEPS}{steps}"))));
}

#[test]
fn a_copy_that_nobody_took() {
    let steps = "+1 snapshot taken 6\n+1 snapshot durable 7\n+1 crash\n+1 restore 8 taking 5s\n";
    insta::assert_snapshot!(told_of("copies", &script(LINES, &format!("{STEPS}{steps}"))));
}

#[test]
fn an_unfinished_line_tabs_and_letters_of_two_octets() {
    let steps = "+0 > S. <mss 1460\n\t+0\tlisten\tnow\n+0 write \"äöü\" x\n";
    insta::assert_snapshot!(told_of("line", &script(LINES, &format!("{STEPS}{steps}"))));
}

#[test]
fn files_that_are_none() {
    let long = vec![b'#'; (1 << 20) + 1];
    let files: [(&str, &[u8]); 5] = [
        ("Big Name.pkt", b"title: t\n"),
        ("empty.pkt", b""),
        ("long.pkt", &long),
        (
            "no-steps.pkt",
            b"title: t\nrequirements: HIA-MUST-48\nmutant: answers-one-suspend\ntarget: plain\n",
        ),
        ("no-text.pkt", b"# fine\ntitle: \xc3\xa9t\xe9\n"),
    ];
    insta::assert_snapshot!(told("files", &files));
}

#[test]
fn many_mistakes_are_counted() {
    let told = told_of("many", &script(LINES, &"+0 liste\n".repeat(25)));
    assert_eq!(told.matches("error: ").count(), 20, "{told}");
    assert!(told.contains("my-cases/case.pkt: 5 more"), "{told}");
    assert!(told.ends_with("25 mistakes in 1 of 1 files"), "{told}");
}

#[test]
fn a_message_whose_mac_is_left_open_is_weak() {
    let places = |message: &str| -> Vec<usize> {
        let text = script(LINES, &format!("{STEPS}+0     > . 1:1(0) ack 1 <{message}>\n"));
        weaknesses(&Script::parse(&text).unwrap(), &text).iter().map(|weak| weak.line).collect()
    };
    assert_eq!(places("suspend-ack <=300s"), [11]);
    assert!(places("suspend-ack <=300s mac ok").is_empty());
    // An echo has none.
    assert!(places("epoch-echo 0").is_empty());
}
