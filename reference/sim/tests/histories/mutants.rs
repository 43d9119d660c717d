//! Each rule broken in turn: the oracle notices, or a table says what does.

use hiatus_sim::histories::{Broken, Story, Telling, tell};

/// Seeds within which the oracle notices a broken rule.
const SEEDS_MAX: u64 = 20_000;

/// Rules that no oracle over both applications can see broken, what else does, and why.
const SEEN_OTHERWISE: &[(&str, &str)] = &[
    (
        "NoStaleResumeAck",
        "needs a RESUME-ACK late across a restore of its sender: one seed in many ten thousands; a case",
    ),
    (
        "RestoredMeetsPlain",
        "needs a path that begins to strip options while a host is down; a case sees the ABORT",
    ),
    ("NoticeRollback", "of a host set back unawares nothing is promised; a unit test of the engine"),
    ("AskAboveMax", "the same"),
    ("AskUnechoed", "the same, of one that was replaced; a unit test of the engine"),
    (
        "DropOutOfOrderAtRestore",
        "what is dropped at a restore is dropped again by who synchronises, before anything is read; a case sees the SACK",
    ),
    (
        "MuteWhileResuming",
        "an end that is RESUMING has no timer that sends, and the peer's timestamp test drops what it says; a case sees it",
    ),
    (
        "OldEpochsSilent",
        "the engine knows no number of an epoch that the restored instance has not taken; two crashes within one flush",
    ),
    (
        "AskAfterLongTime",
        "needs a clone that idles for 70 minutes beside an idle successor; a unit test of the engine",
    ),
    (
        "LingerForPeerFin",
        "the other end lingers for its own FIN and keeps the octets; a case sees the early CLOSED",
    ),
];

fn catches(broken: Broken) -> Option<u64> {
    (0..SEEDS_MAX).find(|seed| {
        let story = Story::draw(*seed);
        // What goes wrong with every rule kept would show nothing.
        tell(&story, broken, Telling::Nothing).violation.is_some()
            && tell(&story, Broken::Nothing, Telling::Nothing).violation.is_none()
    })
}

#[test]
fn each_broken_rule_is_noticed() {
    let rules = Broken::all();
    let names: Vec<String> = rules.iter().map(|rule| rule.name()).collect();
    for (name, _) in SEEN_OTHERWISE {
        assert!(names.iter().any(|known| known == name), "no rule {name}");
    }
    let is_excused = |name: &str| SEEN_OTHERWISE.iter().any(|(excused, _)| *excused == name);
    let due: Vec<Broken> = rules.into_iter().filter(|rule| !is_excused(&rule.name())).collect();
    let missed: Vec<String> = std::thread::scope(|scope| {
        let all: Vec<_> = due.iter().map(|rule| scope.spawn(|| (rule.name(), catches(*rule)))).collect();
        let found = all.into_iter().map(|thread| thread.join().unwrap());
        found.filter(|(_, seed)| seed.is_none()).map(|(name, _)| name).collect()
    });
    assert!(missed.is_empty(), "nobody noticed that these were broken: {missed:?}");
}
