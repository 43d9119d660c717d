//! Scripts that are read, and scripts that are refused with the place of the fault.
#![allow(clippy::result_large_err, reason = "a test may be slow")]

use hiatus_conformance::script::{Action, Script, ScriptError, Sending, When};

const HEADER: &str = "title: t\nrequirements: HIA-MUST-1\nmutant: m\ntarget: plain\n";

fn step(line: &str) -> Result<Action, ScriptError> {
    let script = Script::parse(&format!("{HEADER}{line}\n"));
    script.map(|script| script.steps[0].action.clone()).map_err(|mut errors| errors.swap_remove(0))
}

/// Line, column and what was found.
fn fault(line: &str) -> (usize, usize, String) {
    let error = step(line).expect_err(line);
    (error.line, error.column, error.found)
}

#[test]
fn every_step_of_the_guide_is_read() {
    for line in [
        "+0 listen",
        "+0.010 < S 0:0(0) win 65535 <mss 1460, wscale 7, sackOK, TS val 5 ecr 0, nop, eol>",
        "+0 < . 1:101(100) ack 1 <sack 1-101 201-301, TS>",
        "+0 < S 0:0(0) <capable v1 SNK hold 300s, gen-253 4849a0, raw 2200>",
        "+0 < S 0:0(0) <capable v15 - hold none>",
        "+0.5~+1.5 > S. 0:0(0) ack 1 win open <capable v1 S hold 5min key 0011223344556677, ...>",
        "* > R",
        "+0 > * <...>",
        "+0 > . <epoch 7 stable 101 mac ok>",
        "+0 > . <epoch-echo *>",
        "+0 > . <suspend unknown mac 0011223344556677>",
        "+0 > . <suspend-ack <=300s mac ok>",
        "+0 > . <resume life 0.1 nonce * end 101 mac ok over life 0.1 nonce 0badcafe>",
        "+0 < . 1:1(0) ack 1 <resume-ack life 4294967295.65535 rcv 1 end 1 mac bad flags 15 plus 0a0b>",
        "+0 > R <abort lost key ok>",
        "+0 < R 1:1(0) <abort reason-99 mac ok>",
        "+0 > nothing for 300ms",
        "+0 > no hiatus for 2min",
        "+0 write \"some words\"",
        "+0 attempt suspend 60s",
        "+0 snapshot durable 7",
        "+0 restore 7",
        "+0 restore 7 taking 5s",
        "+0 hold-send on",
        "+0 hold-send off",
        "+0 icmp port-unreachable",
        "+0 reads end",
        "+0 event closed",
        "+0 event closed-aborted-by-peer-reason-9",
        "+0 event fell-back-no-epoch",
        "+0 event shed",
        "+0 state linger",
        "+0 state self-resuming",
    ] {
        if let Err(error) = step(line) {
            panic!("{error}");
        }
    }
}

#[test]
fn a_fault_is_told_with_its_place() {
    assert_eq!(fault("+0 liste"), (5, 4, "`liste`".to_owned()));
    assert_eq!(fault("+x listen"), (5, 1, "`+x`".to_owned()));
    assert_eq!(fault("+0 < S 1:101(99)"), (5, 8, "`1:101(99)`".to_owned()));
    assert_eq!(fault("+0 < Q 0:0(0)"), (5, 6, "`Q`".to_owned()));
    assert_eq!(fault("+0 > . ack x"), (5, 12, "`x`".to_owned()));
    assert_eq!(fault("+0 > S <mss 99999>"), (5, 13, "`99999`".to_owned()));
    assert_eq!(fault("+0 > S <capable v1 X hold 1s>"), (5, 20, "`X`".to_owned()));
    assert_eq!(fault("+0 > S <mss 1460"), (5, 17, "the end of the line".to_owned()));
    assert_eq!(fault("+0 > S <mss 1460> more"), (5, 19, "`more`".to_owned()));
    assert_eq!(fault("+0 hold-send later"), (5, 14, "`later`".to_owned()));
    assert_eq!(fault("+0 restore 7 taking"), (5, 20, "the end of the line".to_owned()));
    assert_eq!(fault("+0 icmp redirect"), (5, 9, "`redirect`".to_owned()));
    assert_eq!(fault("+0 write"), (5, 9, "the end of the line".to_owned()));
}

#[test]
fn the_fault_is_pointed_at() {
    let told = step("+0 > S <mss big>").expect_err("no number").to_string();
    let wanted = "line 5, column 13: expected a number up to 65535, found `big`\n \
                  5 | +0 > S <mss big>\n   |             ^";
    assert_eq!(told, wanted);
}

#[test]
fn an_unknown_option_is_answered_with_the_known_ones() {
    for line in ["+0 > . <suspend-ak 3s mac ok>", "+0 > S <mss 1460, suspend-ak 3s mac ok>"] {
        let told = step(line).expect_err("no such option").to_string();
        let column = line.find("suspend-ak").map(|at| at + 1).expect("it is there");
        let wanted = format!("line 5, column {column}: expected an option, found `suspend-ak`");
        assert!(told.starts_with(&wanted), "{told}");
        assert!(told.contains("did you mean `suspend-ack`?"), "{told}");
        assert!(told.contains("options: mss, wscale,"), "{told}");
    }
    step("+0 > S <>").expect("no options at all");
    step("+0 > S <mss 1460, >").expect_err("a comma, and nothing behind it");
}

#[test]
fn an_unknown_event_or_state_is_answered_with_the_known_ones() {
    for (line, column, known, meant) in [
        ("+0 event peer-suspnded", 10, "events: connected, readable,", Some("peer-suspended")),
        ("+0 event nonsense", 10, "events: connected, readable,", None),
        ("+0 event fell-back-no-epoc", 20, "reasons of a fallback: not-offered,", Some("no-epoch")),
        ("+0 event closed-rest", 17, "reasons of a close: finished,", Some("reset")),
        ("+0 event closed-aborted-by-peer-reason-x", 33, "reasons of an ABORT: fenced,", None),
        ("+0 event closed-aborted-here-gon", 30, "reasons of an ABORT: fenced,", Some("gone")),
        ("+0 state establised", 10, "states: closed, listen,", Some("established")),
    ] {
        let error = step(line).expect_err(line);
        assert_eq!((error.line, error.column), (5, column), "{line}");
        assert!(error.note.as_ref().is_some_and(|note| note.starts_with(known)), "{error}");
        assert_eq!(error.help, meant.map(|meant| format!("did you mean `{meant}`?")), "{line}");
    }
}

#[test]
fn what_the_bench_sends_is_written_out() {
    for line in [
        "+0 < S",
        "+0 < . 1:1(0)",
        "+0 < S 0:0(0) <mss *>",
        "+0 < S 0:0(0) <...>",
        "+0 < . 1:1(0) ack 1 <suspend-ack <=3s mac ok>",
        "+0 < S 0:0(0) win open",
        "+0~+1 < S 0:0(0)",
        "* listen",
    ] {
        step(line).expect_err(line);
    }
}

#[test]
fn an_expectation_has_no_wrong_mac() {
    step("+0 > . <suspend 60s mac bad>").expect_err("nobody has to send a wrong MAC");
}

#[test]
fn a_header_is_complete() {
    for missing in ["title", "requirements", "mutant", "target"] {
        let lines: Vec<&str> = HEADER.lines().filter(|line| !line.starts_with(missing)).collect();
        let errors = Script::parse(&format!("{}\n+0 listen\n", lines.join("\n"))).expect_err(missing);
        assert!(errors.len() == 1 && errors[0].expected.contains(missing), "{errors:?}");
    }
    Script::parse(HEADER).expect_err("no step");
    Script::parse(&format!("{HEADER}colour: blue\n+0 listen\n")).expect_err("an unknown line");
    Script::parse(&HEADER.replace("HIA-MUST-1", "MUST-1")).expect_err("no label");
}

#[test]
fn a_target_holds_back_and_retains_if_the_header_says_so() {
    let script = |target: &str| {
        let header = HEADER.replace("plain", target);
        Script::parse(&format!("{header}+0 listen\n")).map(|script| script.header.target)
    };
    let plain = script("hiatus SNK hold 300s").expect("a target");
    assert_eq!((plain.sending, plain.retained_octets_max), (Sending::Unheld, None));
    let target = script("hiatus SNK hold 300s, timestamps, hold-send, retains 1000").expect("a target");
    assert_eq!((target.sending, target.retained_octets_max), (Sending::HoldSend, Some(1000)));
    script("hiatus SNK hold 300s, retains all").expect_err("no number");
}

#[test]
fn times_have_nanoseconds() {
    let script = Script::parse(&format!("{HEADER}+1.000000001 listen\n")).expect("a script");
    assert_eq!(script.steps[0].when, When::After(std::time::Duration::new(1, 1)));
}

#[test]
fn every_line_with_a_fault_is_told() {
    let text = "titel: t\nrequirements: HIA-MUST-1\nmutant: m\ntarget: plain\n+0 liste\n+0 listen\ntarget: plain\n* close\n";
    let errors = Script::parse(text).expect_err("four faults");
    let places: Vec<_> = errors.iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(1, 1), (5, 4), (7, 1), (8, 1)]);
}

#[test]
fn line_ends_and_a_mark_in_front_do_not_matter() {
    let text = format!("{HEADER}+0 listen\n");
    let script = Script::parse(&text).expect("a script");
    assert_eq!(Script::parse(&text.replace('\n', "\r\n")).expect("lines end so elsewhere"), script);
    assert_eq!(Script::parse(&format!("\u{feff}{text}")).expect("some editors write it"), script);
}

#[test]
fn what_no_machine_could_carry_out_is_refused() {
    for (line, column) in [
        ("+0 write 1000000000", 10),
        ("+0 reads 4194305", 10),
        ("+0 < . 1:4000000001(4000000000) ack 1", 6),
        ("+99999999999 listen", 1),
        ("+0 > nothing for 9999999999999999999min", 18),
        ("+0 > . ack 4294967296", 12),
    ] {
        let error = step(line).expect_err(line);
        assert_eq!((error.line, error.column), (5, column), "{error}");
    }
    let copies = "+0 snapshot taken 1\n".repeat(65);
    let writes = "+0 write 4000000\n".repeat(2);
    for (steps, line) in [(copies, 69), (writes, 6)] {
        let errors = Script::parse(&format!("{HEADER}{steps}")).expect_err("too much");
        assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [line]);
    }
    let month = "+2592000 listen\n".repeat(13);
    let errors = Script::parse(&format!("{HEADER}{month}")).expect_err("more than a year");
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [17]);
}
