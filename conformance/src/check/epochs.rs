//! Judging the EPOCHs of an end: how high, how often, and in which order.

use hiatus_codec::{Epoch, Life, Message};

use super::answers::point_of;
use super::incident::Mark;
use super::proof::Proof;
use super::rules::{Rule, rule};
use super::talk::Turn;
use super::verdict::{ARRIVED, Judge, MISSED, NO_HANDSHAKE};
use super::watch::OVERTAKEN_NANOS;

const WAS_RECEIVED: Rule = rule("HIA-MUST-90");
const RARER: Rule = rule("HIA-MUST-92");
const NO_OLDER: Rule = rule("HIA-MUST-93");
const ASKS: Rule = rule("HIA-MUST-104");

/// Between two copies of an EPOCH at most; a longer interval is one copy that the capture does not have.
const INTERVAL_MAX_NANOS: i64 = 60_000_000_000;
/// An interval may look shorter by this part of it, one in so many: the copies did not take the same time to get here.
const JITTER_PART: i64 = 10;
/// EPOCHs without an echo before a RESUME is due.
const UNECHOED_MAX: u32 = 4;
/// Stable points remembered of an end.
const POINTS_MAX: usize = 32;

/// The EPOCHs that an end has sent in its present life.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    highest: Option<Report>,
    /// Stable points, as sent and as positions, the latest last.
    points: Vec<(u32, i64)>,
    /// Since the latest echo, or RESUME: EPOCHs between which its peer was heard.
    unechoed: u32,
    heard: bool,
    /// The latest of them.
    last: Option<Mark>,
    asked: Option<Mark>,
}

/// The EPOCH with the highest stable point.
#[derive(Clone, Copy, Debug)]
struct Report {
    stable: i64,
    first: Mark,
    latest: Mark,
    life: Option<Life>,
    /// Between the latest two copies; `None` while there is one.
    interval_nanos: Option<i64>,
}

impl Epochs {
    /// The position of a stable point that it reported.
    pub(super) fn position_of(&self, point: u32) -> Option<i64> {
        self.points.iter().rev().find(|known| known.0 == point).map(|known| known.1)
    }

    /// An EPOCH of it waits for its echo.
    pub(super) fn waits(&self) -> bool {
        self.unechoed > 0
    }

    /// Takes a segment of the end.
    pub(super) fn on_own(&mut self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
        match turn.message {
            Some(Message::Epoch(epoch)) if turn.proof.may_count() => self.on_epoch(turn, &epoch, judge),
            // It goes away, or a new life begins: EPOCHs wait, and begin anew.
            Some(Message::Suspend(_)) => (self.highest, self.unechoed) = (None, 0),
            Some(Message::Resume(_)) => {
                if self.unechoed >= UNECHOED_MAX {
                    judge.surely(ASKS, turn.side(), true.into());
                }
                (self.highest, self.unechoed, self.asked) = (None, 0, Some(turn.seen.mark));
            }
            _ => {
                let late = self.last.is_some_and(|last| turn.seen.mark.nanos_since(last) >= OVERTAKEN_NANOS);
                if self.unechoed >= UNECHOED_MAX && late && !turn.resets() {
                    self.unechoed = 0;
                    judge.at_host(ASKS, turn.side(), false.into(), ARRIVED);
                }
            }
        }
    }

    /// Takes a segment of its peer.
    pub(super) fn on_peers(&mut self, turn: &Turn<'_, '_>) {
        // The peer goes away, is back, or has echoed an EPOCH: what follows is no copy of what was under way.
        if matches!(turn.message, Some(Message::Suspend(_) | Message::Resume(_) | Message::EpochEcho(_))) {
            if let Some(report) = &mut self.highest {
                report.interval_nanos = None;
            }
            self.unechoed = 0;
        }
        if turn.resets() || turn.message.is_some() {
            self.unechoed = 0;
        }
        self.heard |= turn.is_plain() && turn.fits();
    }

    fn on_epoch(&mut self, turn: &Turn<'_, '_>, epoch: &Epoch, judge: &mut Judge<'_>) {
        let (seen, side) = (turn.seen, turn.side());
        let Some(stable) = point_of(turn, epoch) else { return judge.doubt(WAS_RECEIVED, NO_HANDSHAKE) };
        if self.points.len() == POINTS_MAX {
            self.points.remove(0);
        }
        // An echo of it is no higher than what was acknowledged beside it.
        self.points.push((epoch.stable_point, stable.min(seen.ack.unwrap_or(stable))));
        if epoch.number == 0 {
            // A host without durable state reports nothing.
            judge.surely(WAS_RECEIVED, side, (epoch.stable_point == 0).into());
            return;
        }
        self.count(turn, judge);
        // SEG.ACK is RCV.NXT: what an epoch contains was received.
        judge.surely(WAS_RECEIVED, side, seen.ack.is_some_and(|ack| stable <= ack).into());
        let life = if let Proof::Right(life, _) = turn.proof { Some(life) } else { None };
        match &mut self.highest {
            Some(report) if stable < report.stable => {
                let overtaken = seen.mark.nanos_since(report.first) <= OVERTAKEN_NANOS;
                if overtaken && !judge.whole[side.index()] {
                } else if life.is_some() && life == report.life {
                    judge.surely(NO_OLDER, side, false.into());
                } else {
                    judge.at_host(NO_OLDER, side, false.into(), MISSED);
                }
            }
            Some(report) if stable == report.stable => {
                let interval = seen.mark.nanos_since(report.latest);
                if interval < OVERTAKEN_NANOS && !judge.whole[side.index()] {
                    return;
                }
                if let Some(before) = report.interval_nanos {
                    // At the host no copy is missing.
                    let times = if judge.whole[side.index()] { 2 } else { 1 };
                    let grown = (times * before).min(INTERVAL_MAX_NANOS);
                    let holds = interval >= grown - grown / JITTER_PART;
                    judge.at_host(RARER, side, holds.into(), MISSED);
                }
                report.latest = seen.mark;
                report.interval_nanos = Some(interval);
            }
            highest => {
                if highest.is_some() {
                    judge.surely(NO_OLDER, side, true.into());
                }
                *highest =
                    Some(Report { stable, first: seen.mark, latest: seen.mark, life, interval_nanos: None });
            }
        }
    }

    /// Counts the EPOCHs that are not echoed.
    fn count(&mut self, turn: &Turn<'_, '_>, judge: &mut Judge<'_>) {
        let mark = turn.seen.mark;
        let just_asked = self.asked.is_some_and(|asked| mark.nanos_since(asked) < OVERTAKEN_NANOS);
        if just_asked {
            self.unechoed = 0;
        } else if self.unechoed == 0 || self.heard {
            self.unechoed += 1;
        }
        if self.unechoed > UNECHOED_MAX {
            self.unechoed = 0;
            judge.at_host(ASKS, turn.side(), false.into(), ARRIVED);
        }
        self.heard = false;
        self.last = Some(mark);
    }
}
