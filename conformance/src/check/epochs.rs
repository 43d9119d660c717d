//! Judging the EPOCHs of an end: how high, how often, and in which order.

use hiatus_codec::{Epoch, Message, Position};

use super::incident::Mark;
use super::verdict::{Rule, Tally};
use super::watch::{OVERTAKEN_NANOS, Seen};

/// Between two copies of an EPOCH at most; a longer interval is one copy that the capture does not have.
const INTERVAL_MAX_NANOS: i64 = 60_000_000_000;
/// An interval may look shorter by this part of it, one in so many: the copies did not take the same time to get here.
const JITTER_PART: i64 = 10;

/// The EPOCHs that an end has sent in its present life.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Epochs {
    highest: Option<Report>,
}

/// The EPOCH with the highest stable point.
#[derive(Clone, Copy, Debug)]
struct Report {
    stable: i64,
    first: Mark,
    latest: Mark,
    /// Between the latest two copies; `None` while there is one.
    interval_nanos: Option<i64>,
}

impl Epochs {
    /// Takes a message of the end, which is `seen`.
    pub(super) fn on_message(&mut self, seen: &Seen<'_>, message: &Message<'_>, tally: &mut Tally) {
        match message {
            Message::Epoch(epoch) if epoch.number > 0 => self.on_epoch(seen, epoch, tally),
            // It goes away, or a new life begins: EPOCHs wait, and begin anew.
            Message::Suspend(_) | Message::Resume(_) => self.highest = None,
            _ => {}
        }
    }

    /// The peer goes away, is back, or has echoed an EPOCH: what follows is no copy of what was under way.
    pub(super) fn on_answer(&mut self, message: &Message<'_>) {
        if matches!(message, Message::Suspend(_) | Message::Resume(_) | Message::EpochEcho(_))
            && let Some(report) = &mut self.highest
        {
            report.interval_nanos = None;
        }
    }

    fn on_epoch(&mut self, seen: &Seen<'_>, epoch: &Epoch, tally: &mut Tally) {
        let frame = seen.mark.frame;
        let Some(ack) = seen.ack.and_then(|ack| u64::try_from(ack).ok()) else { return };
        let Ok(stable) = i64::try_from(Position::nearest(epoch.stable_point, Position(ack)).0) else {
            return;
        };
        // SEG.ACK is RCV.NXT: what an epoch contains was received.
        tally.judge(Rule::StableWasReceived, frame, seen.ack.is_some_and(|ack| stable <= ack).into());
        match &mut self.highest {
            Some(report) if stable < report.stable => {
                let overtaken = seen.mark.nanos_since(report.first) <= OVERTAKEN_NANOS;
                tally.judge(Rule::NoOlderEpoch, frame, overtaken.into());
            }
            Some(report) if stable == report.stable => {
                let interval = seen.mark.nanos_since(report.latest);
                if let Some(before) = report.interval_nanos {
                    let grown = before.min(INTERVAL_MAX_NANOS);
                    let holds = interval >= grown - grown / JITTER_PART;
                    tally.judge(Rule::EpochsRarer, frame, holds.into());
                }
                report.latest = seen.mark;
                report.interval_nanos = Some(interval);
            }
            highest => {
                if highest.is_some() {
                    tally.judge(Rule::NoOlderEpoch, frame, true.into());
                }
                *highest = Some(Report { stable, first: seen.mark, latest: seen.mark, interval_nanos: None });
            }
        }
    }
}
