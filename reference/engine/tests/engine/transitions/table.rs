//! From what was recorded to the tables of the draft: rows collapsed where states behave alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use hiatus_engine::SelfState;

use super::events::{Event, Group};
use super::scene::{Order, Outcome, Scene, State};

/// The event that others are likened to: a segment that says nothing.
const PLAIN_ACK: &str = "pure ACK of nothing new";
/// A copy of SUSPEND is sent only if none was in this absence, so it depends on which state was entered first.
const SUSPEND: &str = "SUSPEND";
/// Such a SUSPEND.
pub(super) const ANNOUNCEMENT: &str = "(SUSPEND)";

/// What one event does in each state to which it applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) label: &'static str,
    pub(super) outcomes: BTreeMap<State, Outcome>,
}

/// Groups as they were recorded, in the order of the tables.
pub(super) struct Recording {
    groups: Vec<(&'static str, &'static str, Vec<Recorded>)>,
}

impl Recording {
    pub(super) fn of(groups: &[Group]) -> Self {
        let record = |group: &Group| {
            (group.anchor, group.title, group.events.iter().map(Recorded::of).collect::<Vec<_>>())
        };
        Self { groups: groups.iter().map(record).collect() }
    }

    /// The outcome of `label` of the group `anchor` in `state`; `None` if it does not apply there.
    pub(super) fn outcome(&self, anchor: &str, label: &str, state: State) -> Option<&Outcome> {
        let event = self.events(anchor).find(|event| event.label == label);
        event.unwrap_or_else(|| panic!("no event {anchor}: {label}")).outcomes.get(&state)
    }

    /// Everything: group, event, state before it, outcome.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &'static str, State, &Outcome)> {
        self.groups.iter().flat_map(|(anchor, _, events)| {
            events.iter().flat_map(move |event| {
                event.outcomes.iter().map(move |(state, outcome)| (*anchor, event.label, *state, outcome))
            })
        })
    }

    fn events(&self, anchor: &str) -> impl Iterator<Item = &Recorded> {
        self.groups.iter().filter(move |(found, _, _)| *found == anchor).flat_map(|(_, _, events)| events)
    }

    /// A section for each group.
    pub(super) fn markdown(&self) -> String {
        let plain = self.events("plain").find(|event| event.label == PLAIN_ACK).expect("it is recorded");
        let mut out = String::new();
        for (anchor, title, events) in &self.groups {
            write!(out, "\n## {title} {{#transitions-{anchor}}}\n\n").unwrap();
            out.push_str("| Event | SELF | PEER | Sent | Next |\n|---|---|---|---|---|\n");
            for (labels, event) in merged(events) {
                let is_plain = event.label != PLAIN_ACK && event.outcomes == plain.outcomes;
                let rows = if is_plain { vec![likened()] } else { event.rows() };
                for (index, row) in rows.into_iter().enumerate() {
                    let label = if index == 0 { labels.as_str() } else { "" };
                    let [here, there, sent, next] = row;
                    writeln!(out, "| {label} | {here} | {there} | {sent} | {next} |").unwrap();
                }
            }
            writeln!(out, "{{: #tab-transitions-{anchor} title=\"{title}\"}}").unwrap();
        }
        out
    }
}

/// The row of an event that changes nothing that a plain ACK would not change.
fn likened() -> [String; 4] {
    let same = "as a pure ACK".to_owned();
    ["any".to_owned(), "any".to_owned(), same.clone(), same]
}

/// Neighbours that do the same everywhere become one, their labels joined.
fn merged(events: &[Recorded]) -> Vec<(String, &Recorded)> {
    let mut merged: Vec<(String, &Recorded)> = Vec::new();
    for event in events {
        match merged.last_mut() {
            Some((labels, last)) if last.outcomes == event.outcomes => {
                write!(labels, "; {}", event.label).unwrap();
            }
            _ => merged.push((event.label.to_owned(), event)),
        }
    }
    merged
}

impl Recorded {
    /// Lets the event happen in every state, entered in either order: what was first makes no difference.
    fn of(event: &Event) -> Self {
        let mut outcomes = BTreeMap::new();
        for state in State::all().filter(|state| (event.applies)(*state)) {
            let in_order =
                |order| Scene::reach(state, event.setup, order).map(|scene| scene.record(event.act));
            let outcome = match (in_order(Order::PeerFirst), in_order(Order::SelfFirst)) {
                (Some(one), Some(other)) => one.united_with(other, event.label),
                (one, other) => match one.or(other) {
                    Some(only) => only,
                    None => continue,
                },
            };
            outcomes.insert(state, outcome);
        }
        Self { label: event.label, outcomes }
    }

    /// SELF, PEER, sent, next: as few rows as rectangles of states with one outcome.
    fn rows(&self) -> Vec<[String; 4]> {
        let mut alike: BTreeMap<Outcome, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
        for (state, outcome) in &self.outcomes {
            alike
                .entry(outcome.without_announcement(*state, self.label))
                .or_default()
                .entry(state.here)
                .or_default()
                .insert(state.there);
        }
        let mut rows = Vec::new();
        for (outcome, by_self) in alike {
            let mut rectangles: BTreeMap<BTreeSet<_>, BTreeSet<_>> = BTreeMap::new();
            for (here, theres) in by_self {
                rectangles.entry(theres).or_default().insert(here);
            }
            for (theres, heres) in rectangles {
                let (here, there) = (names(&heres, &State::SELVES), names(&theres, &State::PEERS));
                rows.push(((heres, theres), [here, there, outcome.sent_text(), outcome.next_text()]));
            }
        }
        rows.sort();
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

/// `UP, LEAVING`, or `any` for all of them.
fn names<T: Ord + std::fmt::Display>(found: &BTreeSet<T>, all: &[T]) -> String {
    if found.len() == all.len() {
        return "any".to_owned();
    }
    found.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

impl Outcome {
    /// Of the two ways into a state: they differ in a SUSPEND that was sent before, and in nothing else.
    fn united_with(self, other: Self, label: &str) -> Self {
        if self == other {
            return self;
        }
        let without = |outcome: &Self| {
            let sent = outcome.sent.iter().filter(|name| *name != SUSPEND).cloned().collect();
            Self { sent, ..outcome.clone() }
        };
        assert_eq!(without(&self), without(&other), "{label}: the order of the states makes a difference");
        let more = if self.sent.len() > other.sent.len() { self } else { other };
        let marked = |name: String| if name == SUSPEND { ANNOUNCEMENT.to_owned() } else { name };
        Self { sent: more.sent.into_iter().map(marked).collect(), ..more }
    }

    /// Without the SUSPEND that a host in LEAVING sends when its peer is there again: the tables say that once.
    fn without_announcement(&self, state: State, label: &str) -> Self {
        let announces = state.here == SelfState::Leaving && self.next.iter().any(|next| next == "PEER UP");
        let is_acknowledged = self.told.iter().any(|told| told == "granted" || told == "refused");
        let first = self.sent.first().filter(|name| *name == ANNOUNCEMENT);
        assert_eq!(first.is_some(), announces && !is_acknowledged, "{label} in {state}: {self}");
        let sent = self.sent.iter().filter(|name| *name != ANNOUNCEMENT).cloned().collect();
        Self { sent, ..self.clone() }
    }

    fn sent_text(&self) -> String {
        if self.sent.is_empty() { "-".to_owned() } else { self.sent.join(", ") }
    }

    fn next_text(&self) -> String {
        let told = self.told.iter().map(|told| format!("told: {told}"));
        // Only UP is a state of both.
        let state = |next: &String| match next.split_once(' ') {
            Some(("SELF" | "PEER", name)) if name != "UP" => name.to_owned(),
            _ => next.clone(),
        };
        let next: Vec<String> = self.next.iter().map(state).chain(told).collect();
        if next.is_empty() { "-".to_owned() } else { next.join(", ") }
    }
}
