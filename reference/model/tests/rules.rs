//! Each rule that is left out has a counterexample, and with all rules the small searches hold.
//!
//! Of the other rules none is missed within such bounds:
//! - `MuteWhileResuming`: what a host sends too early is dropped by who is not in step with it; every state was seen.
//! - `FenceOlder`: the step in timestamps already keeps out what an older life sends; every state was seen.
//! - `GoneBelowStable`: an R below SND.STB comes of a broken promise or of shedding; every state was seen.
//! - `DropOutOfOrderAtRestore`: one octet leaves no hole, and of two not every state was seen.
//! - `RaiseStable`, `ReportStablePoint`: retention without end is no fault of a state; with a FIN, LINGER lasts until its
//!   time is over from the first state on.
//! - `HoldBackEnds`, `RestoredMeetsPlain`, `NoticeRollback`, `AskAboveMax`, `AskUnechoed`, `AskAfterLongTime`: time, peers that
//!   are plain TCP and hosts that do not know of their restore are not in the model.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use hiatus_engine::{Rule, Sending};
use hiatus_model::app::Closing;
use hiatus_model::bounds::{Bounds, Broken, Coupling, HostRule, LiveClone};
use hiatus_model::ladder::ladder;
use hiatus_model::search::{Found, Limits, explore};
use hiatus_model::{Step, World};

fn search(bounds: Bounds) -> (Arc<World>, Found<Step>) {
    let world = Arc::new(World::new(bounds));
    let limits = Limits { states_max: 1_000_000, time_max: Duration::from_secs(240), threads: 1 };
    let found = explore(&world, limits, |_| {});
    (world, found)
}

const HELD: Bounds = Bounds::SMALL;
const UNHELD: Bounds = Bounds { sending: [Sending::Unheld; 2], ..HELD };
const FIN: Bounds = Bounds { octets: [0, 0], closing: Closing::WhenDone, ..HELD };
const TWO_OCTETS: Bounds = Bounds { octets: [2, 0], snapshots: [0, 0], crashes: [1, 0], ..UNHELD };
const CLONE: Bounds = Bounds { snapshots: [0, 0], crashes: [1, 0], clone: LiveClone::OfA, ..UNHELD };

/// Rule, bounds, and steps of the shortest counterexample.
const NEEDED: [(Broken, Bounds, usize); 25] = [
    (Broken::Engine(Rule::EndIsLimit), HELD, 6),
    (Broken::Engine(Rule::TimestampsFence), UNHELD, 5),
    (Broken::Engine(Rule::TimestampsFence), HELD, 7),
    (Broken::Engine(Rule::TimestampStep), CLONE, 5),
    (Broken::Engine(Rule::TimestampStep), HELD, 7),
    (Broken::Engine(Rule::WritesWaitWhileResuming), TWO_OCTETS, 4),
    (Broken::Engine(Rule::DeafWhileResuming), HELD, 7),
    (Broken::Engine(Rule::DeafWhileResuming), UNHELD, 7),
    (Broken::Engine(Rule::Retain), HELD, 7),
    (Broken::Engine(Rule::ApplyOnlyNewerLife), HELD, 8),
    (Broken::Engine(Rule::NoStaleResumeAck), UNHELD, 9),
    (Broken::Engine(Rule::NoStaleResumeAck), FIN, 6),
    (Broken::Engine(Rule::DropOutOfOrderAtSync), TWO_OCTETS, 4),
    (Broken::Engine(Rule::DivergedBeyondLimit), UNHELD, 3),
    (Broken::Engine(Rule::RewindToReceived), UNHELD, 4),
    (Broken::Engine(Rule::StablePointWasTaken), HELD, 9),
    (Broken::Engine(Rule::HoldSend), HELD, 4),
    (Broken::Engine(Rule::NewIncarnation), HELD, 6),
    (Broken::Engine(Rule::LimitIsEndAtRestore), HELD, 6),
    (Broken::Engine(Rule::RepeatEpoch), FIN, 3),
    (Broken::Engine(Rule::LingerForOwnFin), FIN, 3),
    (Broken::Engine(Rule::LingerForPeerFin), FIN, 8),
    (Broken::Host(HostRule::Line), Bounds { snapshots: [2, 1], crashes: [2, 0], ..HELD }, 9),
    (Broken::Host(HostRule::LatestEpoch), HELD, 6),
    (Broken::Host(HostRule::SameInstant), Bounds { octets: [0, 1], crashes: [1, 0], ..HELD }, 6),
];

/// The same for rules of the host that only a second restore shows.
const NEEDED_TWICE: [(Broken, Bounds, usize); 3] = [
    (Broken::Host(HostRule::DurableFirst), Bounds { snapshots: [1, 0], crashes: [2, 0], ..HELD }, 8),
    (Broken::Host(HostRule::IncarnationOutside), Bounds { snapshots: [1, 0], crashes: [2, 0], ..HELD }, 3),
    (Broken::Host(HostRule::CeilingOutside), Bounds { snapshots: [0, 1], crashes: [2, 0], ..UNHELD }, 8),
];

#[test]
fn each_rule_that_is_left_out_has_a_counterexample() {
    for (broken, bounds, steps) in NEEDED.into_iter().chain(NEEDED_TWICE) {
        let (world, found) = search(Bounds { broken: Some(broken), ..bounds });
        let story = found.counterexample.unwrap_or_else(|| panic!("nothing misses {}", broken.name()));
        assert_eq!(story.len(), steps, "{}:\n{}", broken.name(), ladder(&world, &story));
    }
}

#[test]
fn with_all_rules_the_same_bounds_hold() {
    let dialog = Bounds { octets: [1, 1], coupling: Coupling::Dialog, crashes: [1, 0], ..HELD };
    let small = [HELD, TWO_OCTETS, CLONE, Bounds { crashes: [1, 0], ..FIN }, dialog];
    for bounds in small {
        let (world, found) = search(bounds);
        let story = found.counterexample.map(|steps| ladder(&world, &steps));
        assert_eq!((story, found.is_whole), (None, true), "{bounds:?}");
    }
}

#[test]
fn a_counterexample_is_told_as_a_ladder() {
    let broken = Some(Broken::Engine(Rule::TimestampsFence));
    let (world, found) = search(Bounds { broken, ..UNHELD });
    insta::assert_snapshot!(ladder(&world, &found.counterexample.unwrap()));
}
