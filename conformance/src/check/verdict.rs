//! The tally of each rule: how often it held, was broken, or could not be decided, where and by which end.

use crate::capture::Endpoint;
use crate::capture::flow::Side;

use super::report::{EndReport, Level, Outcome, Verdict};
use super::rules::{RULES, Rule};

/// Frames listed of a requirement.
const FRAMES_MAX: usize = 100;
/// Ends listed of a requirement.
const ENDS_MAX: usize = 100;
/// Frames named in a sentence.
const FRAMES_SAID: usize = 5;

/// Why a rule that looks broken may not be.
pub(super) type Doubt = &'static str;

/// The capture may lack the segment that explains it.
pub(super) const MISSED: Doubt = "a segment that the capture does not have would explain it";
/// The capture point is somewhere on the path.
pub(super) const ARRIVED: Doubt = "it cannot be seen whether the segment before it arrived";
/// Time does not pass for who is away.
pub(super) const AWAY: Doubt = "the host was away itself, and its hold went on where it was";
/// The keys or the initial sequence numbers are not known.
pub(super) const NO_HANDSHAKE: Doubt = "the handshake, and so the keys, are not in the capture";
/// An end that is gone for good looks the same.
pub(super) const GONE: Doubt = "no answer, and nothing after it shows that the host was there";
/// The time is one that a TCP may come to otherwise.
pub(super) const TIMING: Doubt = "other timers of TCP may lie behind it";
/// A host without state answers so.
pub(super) const STATELESS: Doubt = "a host that has lost its state answers so";

#[derive(Clone, Debug, Default)]
struct Count {
    held: u64,
    broken: u64,
    doubtful: u64,
    /// Where it was broken.
    frames: Vec<u64>,
    /// Who broke it.
    ends: Vec<EndReport>,
    /// Where it could not be decided, and why the first time.
    doubts: Vec<u64>,
    because: Option<Doubt>,
}

/// How often each rule was exercised, and where it was broken.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Empty until the first Hiatus option.
    counts: Vec<Count>,
}

/// Whether a rule holds where it was exercised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// Judges the rules on one connection.
pub(super) struct Judge<'a> {
    pub(super) tally: &'a mut Tally,
    /// Number of the connection, and its ends, A first.
    pub(super) connection: u64,
    pub(super) endpoints: [Endpoint; 2],
    /// The frame that is looked at.
    pub(super) frame: u64,
    /// True for an end at whose host the capture was taken: it lacks nothing, and what it shows has arrived there.
    pub(super) whole: [bool; 2],
}

impl Judge<'_> {
    /// Judges what a capture shows of `side` wherever it was taken, and whatever it lacks.
    pub(super) fn surely(&mut self, rule: Rule, side: Side, holds: Holds) {
        self.surely_in(rule, side, self.frame, holds);
    }

    /// The same of a frame before.
    pub(super) fn surely_in(&mut self, rule: Rule, side: Side, frame: u64, holds: Holds) {
        let (connection, endpoint) = (self.connection, self.endpoints[side.index()]);
        let count = self.count(rule);
        match holds {
            Holds::Yes => count.held += 1,
            Holds::No => {
                count.broken += 1;
                push(&mut count.frames, frame, FRAMES_MAX);
                if count.ends.len() < ENDS_MAX {
                    let end = EndReport { connection, side: letter(side), address: endpoint.to_string() };
                    push(&mut count.ends, end, ENDS_MAX);
                }
            }
        }
    }

    /// Judges what only a capture without gaps decides, taken at the host of `side`; elsewhere a break is a `doubt`.
    pub(super) fn at_host(&mut self, rule: Rule, side: Side, holds: Holds, doubt: Doubt) {
        self.at_host_in(rule, side, self.frame, holds, doubt);
    }

    /// The same of a frame before.
    pub(super) fn at_host_in(&mut self, rule: Rule, side: Side, frame: u64, holds: Holds, doubt: Doubt) {
        if holds == Holds::Yes || self.whole[side.index()] {
            self.surely_in(rule, side, frame, holds);
        } else {
            self.doubt_in(rule, frame, doubt);
        }
    }

    /// The rule was exercised, and nobody can tell from here.
    pub(super) fn doubt(&mut self, rule: Rule, doubt: Doubt) {
        self.doubt_in(rule, self.frame, doubt);
    }

    /// The same of a frame before.
    pub(super) fn doubt_in(&mut self, rule: Rule, frame: u64, doubt: Doubt) {
        let count = self.count(rule);
        count.doubtful += 1;
        count.because = count.because.or(Some(doubt));
        push(&mut count.doubts, frame, FRAMES_MAX);
    }

    fn count(&mut self, rule: Rule) -> &mut Count {
        if self.tally.counts.is_empty() {
            self.tally.counts.resize(RULES.len(), Count::default());
        }
        &mut self.tally.counts[rule.index()]
    }
}

fn push<T: PartialEq>(list: &mut Vec<T>, item: T, max_count: usize) {
    if list.len() < max_count && !list.contains(&item) {
        list.push(item);
    }
}

/// How an end is called in reports.
pub(super) fn letter(side: Side) -> char {
    match side {
        Side::A => 'A',
        Side::B => 'B',
    }
}

impl Tally {
    /// The verdicts, in the order of [`RULES`].
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let none = Count::default();
        RULES
            .iter()
            .enumerate()
            .map(|(index, row)| verdict(row.0, row.1, self.counts.get(index).unwrap_or(&none)))
            .collect()
    }
}

fn verdict(requirement: &'static str, looked_at: &str, count: &Count) -> Verdict {
    let Count { held, broken, doubtful, frames, ends, doubts, because } = count;
    let times = held + broken + doubtful;
    let (verdict, frames, text) = match (times, broken, doubtful) {
        (0, ..) => (Outcome::NotExercised, &[][..], looked_at.to_string()),
        (times, 0, 0) => (Outcome::Pass, &[][..], format!("{looked_at} ({times} looked at)")),
        (times, 0, doubtful) => {
            let because = because.unwrap_or_default();
            let text = format!("{looked_at}: {doubtful} of {times} times not, {}: {because}", list(doubts));
            (Outcome::Inconclusive, &doubts[..], text)
        }
        (times, broken, _) => {
            let text = format!("{looked_at}: broken {broken} of {times} times, {}", list(frames));
            (Outcome::Fail, &frames[..], text)
        }
    };
    let (mut frames, ends) = (frames.to_vec(), ends.clone());
    frames.sort_unstable();
    let (held, broken, doubtful) = (*held, *broken, *doubtful);
    Verdict { requirement, level: level(requirement), verdict, held, broken, doubtful, frames, ends, text }
}

/// "frame 7", "frames 7, 9 and more".
fn list(frames: &[u64]) -> String {
    let mut frames = frames.to_vec();
    frames.sort_unstable();
    let said: Vec<_> = frames.iter().take(FRAMES_SAID).map(u64::to_string).collect();
    let more = if frames.len() > said.len() { " and more" } else { "" };
    format!("{} {}{more}", if frames.len() == 1 { "frame" } else { "frames" }, said.join(", "))
}

fn level(requirement: &str) -> Level {
    if requirement.contains("SHOULD") { Level::Should } else { Level::Must }
}
