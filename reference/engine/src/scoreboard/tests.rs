//! The scoreboard against one flag an octet and the definitions of RFC 6675, section 4, to the letter.

use alloc::vec;
use alloc::vec::Vec;

use hiatus_codec::Position;
use quickcheck::{Arbitrary, Gen, QuickCheck};

use super::{DUP_THRESH, Outstanding, Range, Reneging, SACKED_RANGES_MAX, Scoreboard};

const MSS_OCTETS: u16 = 10;
/// Octets that the model knows of; they lie across 2^32.
const OCTETS: usize = 120;
const BASE: u64 = (1 << 32) - 50;

fn at(index: usize) -> Position {
    Position(BASE + u64::try_from(index).unwrap_or(0))
}

fn range(start: usize, end: usize) -> Range {
    Range { start: at(start), end: at(end) }
}

/// One flag an octet.
#[derive(Debug, Clone)]
struct Model {
    sacked: Vec<bool>,
    una: usize,
    nxt: usize,
}

impl Model {
    fn outstanding(&self) -> Outstanding {
        Outstanding { una: at(self.una), nxt: at(self.nxt) }
    }

    fn update(&mut self, blocks: &[(usize, usize)]) -> usize {
        let mut news = 0;
        for &(start, end) in blocks {
            if self.una < start && start < end && end <= self.nxt {
                news += self.sacked[start..end].iter().filter(|sacked| !**sacked).count();
                self.sacked[start..end].fill(true);
            }
        }
        news
    }

    /// "The routine returns true when either DupThresh discontiguous SACKed sequences have arrived above 'SeqNum' or
    /// more than (DupThresh - 1) * SMSS bytes with sequence numbers greater than 'SeqNum' have been SACKed."
    fn is_lost(&self, octet: usize) -> bool {
        let above = &self.sacked[octet + 1..];
        let begins =
            |index: &usize| above[*index] && index.checked_sub(1).is_none_or(|before| !above[before]);
        let sequences = (0..above.len()).filter(begins).count();
        let octets = above.iter().filter(|sacked| **sacked).count();
        sequences >= usize::from(DUP_THRESH) || octets > usize::from(DUP_THRESH - 1) * usize::from(MSS_OCTETS)
    }

    /// SetPipe, with IsLost of each octet.
    fn pipe(&self, lost: &[bool], high_rxt: usize) -> usize {
        let mut pipe = 0;
        for octet in (self.una..self.nxt).filter(|octet| !self.sacked[*octet]) {
            pipe += usize::from(!lost[octet]);
            pipe += usize::from(octet < high_rxt);
        }
        pipe
    }

    fn missing(&self, from: usize, to: usize) -> usize {
        (from..to).filter(|octet| !self.sacked[*octet]).count()
    }

    /// The first octet from `from` on that is missing with SACKed ones above, and where they begin.
    fn hole(&self, from: usize) -> Option<Range> {
        let start = (from..self.nxt).find(|octet| !self.sacked[*octet])?;
        let end = (start..self.nxt).find(|octet| self.sacked[*octet])?;
        Some(range(start, end))
    }

    /// The last octet that is missing, and those before it.
    fn last_missing(&self, octets_max: usize) -> Option<Range> {
        let last = (self.una..self.nxt).rev().find(|octet| !self.sacked[*octet])?;
        let first =
            (self.una..=last).rev().take(octets_max).take_while(|octet| !self.sacked[*octet]).last()?;
        Some(range(first, last + 1))
    }
}

/// What happens to a scoreboard.
#[derive(Debug, Clone)]
enum Step {
    Sack(Vec<(usize, usize)>),
    Acknowledge(usize),
    Send(usize),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let octet = |g: &mut Gen| usize::from(u8::arbitrary(g)) % OCTETS;
        match u8::arbitrary(g) % 8 {
            0 => Self::Acknowledge(octet(g)),
            1 => Self::Send(octet(g)),
            _ => Self::Sack(
                (0..=u8::arbitrary(g) % 4)
                    .map(|_| {
                        let start = octet(g);
                        (start, start + usize::from(u8::arbitrary(g) % 12))
                    })
                    .filter(|(_, end)| *end <= OCTETS)
                    .collect(),
            ),
        }
    }
}

fn agrees(board: &Scoreboard, model: &Model) -> bool {
    let count = |octets: u64| usize::try_from(octets).unwrap_or(usize::MAX);
    let outstanding = model.outstanding();
    let span = || model.una..=model.nxt;
    let lost: Vec<bool> = (0..model.nxt).map(|octet| model.is_lost(octet)).collect();
    let lost_below = board.lost_below(MSS_OCTETS);
    board.check(outstanding) == Ok(())
        && count(board.octets()) == model.sacked.iter().filter(|sacked| **sacked).count()
        && (model.una..model.nxt)
            .filter(|octet| !model.sacked[*octet])
            .all(|octet| (at(octet) < lost_below) == lost[octet])
        && span().all(|from| {
            count(board.missing_octets(at(from), at(model.nxt))) == model.missing(from, model.nxt)
        })
        && span().all(|high| count(board.pipe(outstanding, at(high), MSS_OCTETS)) == model.pipe(&lost, high))
        && span().all(|from| board.hole(at(from)) == model.hole(from))
        && (1..30).all(|max| {
            board.last_missing(outstanding, u64::try_from(max).unwrap_or(0)) == model.last_missing(max)
        })
}

#[test]
fn scoreboard_is_what_one_flag_an_octet_says() {
    #[expect(clippy::needless_pass_by_value, reason = "quickcheck gives the vector away")]
    fn property(steps: Vec<Step>) -> bool {
        let mut board = Scoreboard::default();
        let mut model = Model { sacked: vec![false; OCTETS], una: 0, nxt: 100 };
        steps.iter().all(|step| {
            match step {
                Step::Sack(blocks) => {
                    let ranges = blocks.iter().map(|(start, end)| range(*start, *end));
                    let news = board.update(model.outstanding(), ranges);
                    if news != u64::try_from(model.update(blocks)).unwrap_or(u64::MAX) {
                        return false;
                    }
                }
                Step::Send(nxt) => model.nxt = model.nxt.max(*nxt),
                Step::Acknowledge(una) => {
                    model.una = model.una.max((*una).min(model.nxt));
                    model.sacked[..model.una].fill(false);
                    let is_reported = model.una < OCTETS && model.sacked[model.una];
                    let reneging = board.acknowledge(at(model.una));
                    if (reneging == Reneging::Yes) != is_reported {
                        return false;
                    }
                    if is_reported {
                        board = Scoreboard::default();
                        model.sacked.fill(false);
                    }
                }
            }
            agrees(&board, &model)
        })
    }
    QuickCheck::new()
        .rng(Gen::from_size_and_seed(40, 0x5ac4))
        .tests(150)
        .quickcheck(property as fn(Vec<Step>) -> bool);
}

#[test]
fn blocks_of_rfc_2018_are_taken() {
    // RFC 2018, section 7, case 2: the first of eight segments of 500 octets is lost; the ACKs stand at 5000.
    let mut board = Scoreboard::default();
    let outstanding = Outstanding { una: Position(5000), nxt: Position(9000) };
    let reported = [(5500, 6000), (5500, 6500), (5500, 7000), (5500, 7500), (5500, 8000), (5500, 8500)];
    for (left, right) in reported {
        let block = Range { start: Position(left), end: Position(right) };
        assert_eq!(board.update(outstanding, [block].into_iter()), 500);
    }
    // More than two segments arrived above the first: it is lost (RFC 6675, IsLost).
    assert_eq!(board.lost_below(500), Position(5500));
    assert_eq!(board.pipe(outstanding, Position(5000), 500), 500);
    assert_eq!(board.pipe(outstanding, Position(5500), 500), 1000);
}

#[test]
fn three_ranges_or_more_than_two_segments_make_a_loss() {
    let outstanding = Outstanding { una: at(0), nxt: at(100) };
    let mut board = Scoreboard::default();
    board.update(outstanding, [range(10, 30)].into_iter());
    // Exactly two segments are not more than two.
    assert_eq!(board.lost_below(MSS_OCTETS), Position(0));
    board.update(outstanding, [range(30, 31)].into_iter());
    assert_eq!(board.lost_below(MSS_OCTETS), at(10));
    let mut board = Scoreboard::default();
    board.update(outstanding, [range(10, 11), range(20, 21)].into_iter());
    assert_eq!(board.lost_below(MSS_OCTETS), Position(0));
    board.update(outstanding, [range(30, 31)].into_iter());
    assert_eq!(board.lost_below(MSS_OCTETS), at(10));
}

#[test]
fn blocks_of_a_duplicate_report_nothing() {
    // RFC 2883, section 4: below the acknowledgment, or within the block that follows.
    let outstanding = Outstanding { una: at(50), nxt: at(100) };
    let mut board = Scoreboard::default();
    assert_eq!(board.update(outstanding, [range(10, 20)].into_iter()), 0);
    assert_eq!(board.update(outstanding, [range(60, 90)].into_iter()), 30);
    assert_eq!(board.update(outstanding, [range(70, 80), range(60, 90)].into_iter()), 0);
    assert_eq!(board.octets(), 30);
}

#[test]
fn blocks_that_cannot_be_are_ignored() {
    let outstanding = Outstanding { una: at(50), nxt: at(100) };
    let hostile = [
        range(40, 60),
        range(50, 60),
        range(60, 60),
        range(80, 70),
        range(90, 101),
        range(100, 110),
        Range { start: Position(0), end: Position(u64::MAX) },
    ];
    let mut board = Scoreboard::default();
    assert_eq!(board.update(outstanding, hostile.into_iter()), 0);
    assert!(board.is_empty());
}

#[test]
fn ranges_are_bounded_and_join_within_the_bound() {
    let outstanding = Outstanding { una: Position(0), nxt: Position(10_000) };
    let mut board = Scoreboard::default();
    let single = |start: u64| Range { start: Position(start), end: Position(start + 1) };
    let news: u64 = (1..1000).map(|index| board.update(outstanding, [single(4 * index)].into_iter())).sum();
    assert_eq!(news, u64::try_from(SACKED_RANGES_MAX).unwrap_or(0));
    assert_eq!(board.check(outstanding), Ok(()));
    // All of them become one.
    let all = Range { start: Position(2), end: Position(9000) };
    assert_eq!(board.update(outstanding, [all].into_iter()), 8998 - news);
    assert_eq!(board.check(outstanding), Ok(()));
}
