//! The tables of the draft, {#states} and {#segment-processing}, row by row as they were read by a person, and what each
//! row says about the recording. Written by hand: nothing here is regenerated.

mod rows;

use std::fs;
use std::path::PathBuf;

use hiatus_engine::{PeerState, SelfState, TcpState};

use super::scene::{Outcome, State};
use super::table::{ANNOUNCEMENT, Recording};
use super::tcp_states::{Counts, STATES};
pub(super) use rows::{COUNTS_ROWS, PEER_ROWS, SELF_ROWS};

/// A row of the draft, and what it means.
pub(super) struct Row {
    /// State, event, action, next state, to the letter.
    pub(super) cells: [&'static str; 4],
    pub(super) means: &'static [Claim],
}

/// What an event does in some states.
pub(super) struct Claim {
    group: &'static str,
    label: &'static str,
    selves: &'static [SelfState],
    peers: &'static [PeerState],
    /// Hiatus messages and RSTs that are sent, in order; what RFC 9293 makes of the stream is left out.
    sent: &'static [&'static str],
    /// Where it leads.
    then: Then,
}

/// The state after an event.
#[derive(Clone, Copy)]
pub(super) enum Then {
    Same,
    Here(SelfState),
    There(PeerState),
    Both(SelfState, PeerState),
    Closed,
    Plain,
}

/// A row of {{tab-rfc-states}}, and what is recorded of the message.
pub(super) struct CountsRow {
    /// To the letter.
    pub(super) cells: [&'static str; 5],
    /// In CLOSED, in LISTEN, in SYN-SENT and SYN-RECEIVED, from ESTABLISHED to LAST-ACK, in TIME-WAIT.
    recorded: [&'static str; 5],
}

impl Claim {
    /// What is wrong, if anything.
    pub(super) fn check(&self, recording: &Recording) -> Vec<String> {
        let states = self.selves.iter().flat_map(|here| self.peers.iter().map(|there| (*here, *there)));
        let mut wrong = Vec::new();
        for (here, there) in states {
            let state = State { here, there };
            let place = format!("{}: {} in {state}", self.group, self.label);
            match recording.outcome(self.group, self.label, state) {
                None => wrong.push(format!("{place}: not recorded")),
                Some(outcome) => {
                    if outcome.messages() != self.sent || outcome.after(state) != self.after(state) {
                        wrong.push(format!("{place}: {outcome}"));
                    }
                }
            }
        }
        wrong
    }

    fn after(&self, before: State) -> After {
        After::In(match self.then {
            Then::Same => before,
            Then::Here(here) => State { here, ..before },
            Then::There(there) => State { there, ..before },
            Then::Both(here, there) => State { here, there },
            Then::Closed => return After::Closed,
            Then::Plain => return After::Plain,
        })
    }
}

/// Where an end is after an event.
#[derive(PartialEq, Eq)]
enum After {
    In(State),
    Closed,
    Plain,
}

impl Outcome {
    /// Hiatus messages and resets among what was sent. A SUSPEND that depends on history is no answer to the event.
    fn messages(&self) -> Vec<&str> {
        let stream = ["data", "ACK", "FIN", ANNOUNCEMENT];
        self.sent.iter().map(String::as_str).filter(|name| !stream.contains(name)).collect()
    }

    fn after(&self, before: State) -> After {
        let mut state = before;
        for change in &self.next {
            if change.starts_with("CLOSED") {
                return After::Closed;
            }
            if change == "plain TCP" {
                return After::Plain;
            }
            for here in State::SELVES.into_iter().filter(|here| *change == format!("SELF {here}")) {
                state.here = here;
            }
            for there in State::PEERS.into_iter().filter(|there| *change == format!("PEER {there}")) {
                state.there = there;
            }
        }
        After::In(state)
    }
}

impl CountsRow {
    pub(super) fn check(&self, counts: &Counts) -> Vec<String> {
        let [message, ..] = self.cells;
        let [closed, listen, opening, open, time_wait] = self.recorded;
        let expected = STATES.map(|state| match state {
            TcpState::Closed => closed,
            TcpState::Listen => listen,
            TcpState::SynSent | TcpState::SynReceived => opening,
            TcpState::TimeWait => time_wait,
            _ => open,
        });
        let pairs = STATES.into_iter().zip(expected);
        pairs
            .filter_map(|(state, expected)| {
                let (_, found) = counts.iter().find(|((name, at), _)| *name == message && *at == state)?;
                (*found != expected).then(|| format!("{message} in {state}: {found}, expected {expected}"))
            })
            .collect()
    }
}

/// The rows of the table `anchor` in the draft, without its head.
pub(super) fn rows_in_the_draft(anchor: &str) -> Vec<Vec<String>> {
    let mark = format!("{{: #{anchor} ");
    for source in sources() {
        let lines: Vec<&str> = source.lines().collect();
        let Some(end) = lines.iter().position(|line| line.starts_with(&mark)) else { continue };
        let rows = lines[..end].iter().rev().take_while(|line| line.starts_with('|'));
        let cells =
            |line: &&str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let mut rows: Vec<Vec<String>> = rows.map(cells).collect();
        // The head, and the line below it, come last.
        rows.truncate(rows.len().saturating_sub(2));
        rows.reverse();
        return rows;
    }
    panic!("no table {anchor} in the draft")
}

/// Every part of the draft's source.
fn sources() -> Vec<String> {
    let spec = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec");
    let parts = [spec.clone(), spec.join("draft")].into_iter().filter_map(|folder| fs::read_dir(folder).ok());
    let paths = parts.flatten().map(|entry| entry.unwrap().path());
    let markdown = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    markdown.map(|path| fs::read_to_string(path).unwrap()).collect()
}
