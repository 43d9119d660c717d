//! The table of transitions: every pair of SELF and PEER, every event, refusals included.
//!
//! The engine is driven through all of it, and the recording is held against two things: the tables of the draft, which
//! `transitions/draft.rs` has by hand, and `spec/generated/transitions.md`, an appendix of the draft.
//! `UPDATE_GOLDEN=1 cargo test -p hiatus-engine --test engine transitions` rewrites the appendix.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod draft;
mod events;
mod own;
mod scene;
mod table;
mod tcp_states;

use std::fs;
use std::path::PathBuf;

use hiatus_engine::{PeerState, SelfState};

use draft::{COUNTS_ROWS, PEER_ROWS, SELF_ROWS, rows_in_the_draft};
use events::Group;
use table::Recording;

const COMMAND: &str = "UPDATE_GOLDEN=1 cargo test -p hiatus-engine --test engine transitions";

const READING: &str = "\
<!-- Made by reference/engine/tests/engine/transitions.rs -->

## Reading the Tables {#transitions-reading}

The tables were made by driving the reference implementation.  One of
its ends was brought into every pair of the states of {{states}}, one
event happened there, and what followed at that instant was noted.  They
show one implementation, also where the text leaves a choice.  Where
they differ from the text, the text is right.

Before each event, 100 octets of the end are acknowledged, 20 are in
flight, a life and a nonce of the peer are recorded, S was sent and a
hold offered by both ends, and retention is off.  Unless the event says
otherwise, a segment has SEG.SEQ = RCV.NXT, acknowledges nothing new,
and its MAC is right.

- A row stands for all pairs of its SELF and PEER; \"any\" is all three.

- \"-\" is nothing: nothing is sent, or no state changes.

- \"Sent\" lists segments by their message, an ABORT with its reason.  ACK
  has no message.  \"data\" is the stream: what was in flight, or what
  waited.

- \"Next\" lists the states that change.  The application is told of each
  change of PEER, when SELF becomes UP again, of the fallback, and of the
  end with the reason that stands behind CLOSED.  What else it is told
  stands behind \"told\".  \"refused\" is the answer to its request.

- \"as a pure ACK\" is what the same segment without the option does, the
  row \"pure ACK of nothing new\" of {{tab-transitions-plain}}.

Not repeated in the rows: when PEER becomes UP while SELF is LEAVING, a
SUSPEND goes before all else, unless one was sent or acknowledged in
this absence.
";

const TCP_STATES: &str = "
## States of TCP {#transitions-tcp}

The connection is open for long, or, for \"until on\", the negotiation is
not over.  \"yes\" is a difference between the segment with the option and
the same segment without it; \"no\" is none.  CLOSED is a host without
state of the connection; one that has sent ABORT repeats it, for 60
seconds ({{ending}}).

";

fn recording() -> Recording {
    let groups: Vec<Group> = events::groups().into_iter().chain(own::groups()).collect();
    Recording::of(&groups)
}

#[test]
fn transitions_are_those_of_the_draft() {
    let recording = recording();
    let mut wrong = Vec::new();
    for (anchor, rows) in [("tab-self", SELF_ROWS), ("tab-peer", PEER_ROWS)] {
        let by_hand: Vec<Vec<String>> =
            rows.iter().map(|row| row.cells.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        assert_eq!(rows_in_the_draft(anchor), by_hand, "{anchor} has changed: so do the rows by hand");
        for row in rows {
            let found = row.means.iter().flat_map(|claim| claim.check(&recording));
            wrong.extend(found.map(|found| format!("{anchor}, {:?}: {found}", row.cells)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn transitions_send_nothing_that_is_forbidden() {
    for (anchor, label, state, outcome) in recording().all() {
        let place = format!("{anchor}: {label} in {state}: {outcome}");
        let is_one_of = |allowed: &[&str]| {
            outcome.sent.iter().all(|name| allowed.iter().any(|allowed| name.starts_with(allowed)))
        };
        //= draft#resuming
        //# A host in RESUMING MUST NOT send a segment other than RESUME,
        //# RESUME-ACK, SUSPEND-ACK and ABORT.
        let stays = !outcome.next.iter().any(|next| next == "SELF UP" || next == "plain TCP");
        if state.here == SelfState::Resuming && stays {
            assert!(is_one_of(&["RESUME", "SUSPEND-ACK", "ABORT"]), "{place}");
        }
        //= draft#holding
        //# A host in HELD or PRESUMED MUST NOT originate a segment other than
        //# RESUME.
        if state.there != PeerState::Up && matches!(anchor, "timers" | "commands") {
            assert!(outcome.sent.iter().all(|name| name == "RESUME"), "{place}");
        }
        //= draft#leaving
        //# A host in LEAVING MUST acknowledge the data that it accepts.
        if state.here == SelfState::Leaving && outcome.told.iter().any(|told| told == "data") {
            assert!(outcome.sent.iter().any(|name| name == "ACK" || name == "data"), "{place}");
        }
        //= draft#leaving
        //# A host in LEAVING MUST NOT send a window probe, a keep-alive, or a FIN
        //# or octet at or beyond SEG.SEQ of its SUSPEND.
        let is_new = label.starts_with("persist timer") || anchor == "commands";
        if state.here == SelfState::Leaving && is_new {
            assert!(!outcome.sent.iter().any(|name| name == "data" || name == "FIN"), "{place}");
        }
        //= draft#ending
        //# A host that resets a connection that is on, or on which it has sent
        //# EPOCH and not fallen back, MUST send ABORT and not a bare RST.
        assert!(!outcome.sent.iter().any(|name| name == "RST"), "{place}");
    }
}

#[test]
fn transitions_by_tcp_state_are_those_of_the_draft() {
    let counts = tcp_states::counts();
    let by_hand: Vec<Vec<String>> =
        COUNTS_ROWS.iter().map(|row| row.cells.iter().map(|cell| (*cell).to_owned()).collect()).collect();
    assert_eq!(rows_in_the_draft("tab-rfc-states"), by_hand, "the table has changed: so do the rows by hand");
    let wrong: Vec<String> = COUNTS_ROWS.iter().flat_map(|row| row.check(&counts)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn transitions_are_an_appendix_of_the_draft() {
    let tcp_states = tcp_states::markdown(&tcp_states::counts());
    let title = "{: #tab-transitions-tcp title=\"Where a message counts\"}";
    let wanted = format!("{READING}{}{TCP_STATES}{tcp_states}{title}\n", recording().markdown());
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/generated/transitions.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).unwrap();
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "spec/generated/transitions.md is stale: {COMMAND}\n{}",
        difference(&found, &wanted)
    );
}

/// Lines of the one and the other, without those that both begin and end with.
fn difference(old: &str, new: &str) -> String {
    let (mut old, mut new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let alike = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    old.drain(..alike);
    new.drain(..alike);
    while !old.is_empty() && old.last() == new.last() {
        old.pop();
        new.pop();
    }
    let old = old.iter().map(|line| format!("-{line}\n"));
    old.chain(new.iter().map(|line| format!("+{line}\n"))).collect()
}
