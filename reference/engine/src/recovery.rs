//! Loss recovery (RFC 6582, RFC 6675, RFC 9937): what is missing, and what of it was sent again.

use alloc::boxed::Box;

use hiatus_codec::Position;
use serde::{Deserialize, Serialize};

use crate::range::Range;
use crate::scoreboard::{DUP_THRESH, Outstanding, Reneging, Scoreboard};

/// Segments of new data that duplicate ACKs let out beyond cwnd (RFC 3042, section 2).
const LIMITED_TRANSMIT_SEGMENTS: u8 = 2;

/// What a connection knows of loss. Next to nothing as long as nothing is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recovery {
    /// Duplicate ACKs since SND.UNA moved last.
    duplicate_acks: u8,
    /// SND.NXT when the congestion window was last full: what is acknowledged below it shows that it was used.
    filled: Position,
    /// `None` while nothing seems to be missing.
    episode: Option<Box<Episode>>,
}

/// Something seems to be missing, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Episode {
    phase: Phase,
    /// RecoveryPoint, "recover": SND.NXT when the last loss was found.
    recover: Position,
    sacked: Scoreboard,
}

/// What is done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// Nothing: octets arrived out of order, or a recovery has just ended.
    Watching,
    /// Fast recovery without SACK (RFC 6582).
    Partial,
    /// Fast recovery with SACK (RFC 6675).
    Selective(Selective),
    /// The retransmission timer ran out: all is sent again from SND.UNA on.
    Timeout,
}

/// Fast recovery with SACK.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Selective {
    /// HighRxt: octets from SND.UNA up to it that were not SACKed were sent again.
    high_rxt: Position,
    /// RescueRxt.
    rescue_rxt: Position,
    /// RecoverFS (RFC 9937, section 6.1), in octets.
    flight: u64,
    /// prr_delivered, in octets.
    delivered: u64,
    /// prr_out, in octets.
    out: u64,
}

/// What is to be sent again, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    /// The first octets that are missing, however many are under way.
    First,
    /// The next hole (RFC 6675, NextSeg, rules 1 and 3).
    Hole,
    /// The last octets that are missing, to learn of a loss at the end (NextSeg, rule 4).
    Rescue,
}

/// What an acknowledgment brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct News {
    /// Octets that left the network: acknowledged or SACKed for the first time.
    pub(crate) delivered: u64,
    /// SND.UNA moved, and nothing more seems to be lost (RFC 9937, safeACK).
    pub(crate) is_safe: bool,
}

/// Which recovery is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// None.
    Open,
    /// RFC 6582.
    Partial,
    /// RFC 6675.
    Selective,
    /// After the retransmission timer.
    Timeout,
}

impl Recovery {
    pub(crate) fn mode(&self) -> Mode {
        match self.episode.as_ref().map(|episode| &episode.phase) {
            None | Some(Phase::Watching) => Mode::Open,
            Some(Phase::Partial) => Mode::Partial,
            Some(Phase::Selective(_)) => Mode::Selective,
            Some(Phase::Timeout) => Mode::Timeout,
        }
    }

    /// True while nothing is missing, and nothing was.
    pub(crate) fn is_clear(&self) -> bool {
        self.episode.is_none()
    }

    fn sacked(&self) -> Option<&Scoreboard> {
        self.episode.as_ref().map(|episode| &episode.sacked)
    }

    /// Octets that are SACKed.
    pub(crate) fn sacked_octets(&self) -> u64 {
        self.sacked().map_or(0, Scoreboard::octets)
    }

    /// Everything that is not SACKed below this is lost; position 0 if nothing is.
    pub(crate) fn lost_below(&self, mss_octets: u16) -> Position {
        self.sacked().map_or(Position(0), |sacked| sacked.lost_below(mss_octets))
    }

    /// RecoveryPoint of the last loss; position 0 if it is long past.
    pub(crate) fn recover(&self) -> Position {
        self.episode.as_ref().map_or(Position(0), |episode| episode.recover)
    }

    fn episode_mut(&mut self) -> &mut Episode {
        self.episode.get_or_insert_with(|| {
            Box::new(Episode { phase: Phase::Watching, recover: Position(0), sacked: Scoreboard::default() })
        })
    }

    /// Takes the blocks of a SACK option; gives how many octets it reports for the first time.
    pub(crate) fn update(&mut self, outstanding: Outstanding, blocks: impl Iterator<Item = Range>) -> u64 {
        let news = self.episode_mut().sacked.update(outstanding, blocks);
        // A bad option leaves nothing behind.
        self.settle(outstanding);
        news
    }

    /// SND.UNA moved to `una`.
    pub(crate) fn acknowledge(&mut self, una: Position) -> Reneging {
        self.duplicate_acks = 0;
        let Some(episode) = &mut self.episode else { return Reneging::No };
        if let Phase::Selective(selective) = &mut episode.phase {
            selective.high_rxt = selective.high_rxt.max(una);
        }
        episode.sacked.acknowledge(una)
    }

    /// One more duplicate ACK. True if there are enough of them for a loss (RFC 5681, section 3.2).
    pub(crate) fn duplicate_ack(&mut self) -> bool {
        self.duplicate_acks = self.duplicate_acks.saturating_add(1);
        self.duplicate_acks >= DUP_THRESH
    }

    /// Fast recovery without SACK begins.
    pub(crate) fn begin_partial(&mut self, nxt: Position) {
        let episode = self.episode_mut();
        episode.phase = Phase::Partial;
        episode.recover = nxt;
    }

    /// Fast recovery with SACK begins; the ACK that started it brought `news`.
    pub(crate) fn begin_selective(&mut self, outstanding: Outstanding, news: News) {
        let Outstanding { una, nxt } = outstanding;
        let episode = self.episode_mut();
        episode.recover = nxt;
        let flight = episode.sacked.missing_octets(una, nxt) + news.delivered;
        episode.phase =
            Phase::Selective(Selective { high_rxt: una, rescue_rxt: una, flight, delivered: 0, out: 0 });
    }

    /// The retransmission timer ran out. What was SACKed before does not count any more (RFC 2018, section 8).
    pub(crate) fn begin_timeout(&mut self, nxt: Position) {
        self.forget();
        self.begin_resend(nxt);
    }

    /// All that is missing is sent again; what was SACKed counts on.
    pub(crate) fn begin_resend(&mut self, nxt: Position) {
        self.duplicate_acks = 0;
        let episode = self.episode_mut();
        episode.phase = Phase::Timeout;
        episode.recover = nxt;
    }

    /// The recovery under way is over.
    pub(crate) fn end(&mut self) {
        if let Some(episode) = &mut self.episode {
            episode.phase = Phase::Watching;
        }
    }

    /// Drops what is of no use any more.
    pub(crate) fn settle(&mut self, outstanding: Outstanding) {
        let Outstanding { una, nxt } = outstanding;
        let is_over = |episode: &Episode| {
            episode.phase == Phase::Watching
                && episode.sacked.is_empty()
                // RFC 6582, section 3.2, step 2: what was sent before the loss draws no second one.
                && (una > episode.recover || una == nxt)
        };
        if self.episode.as_deref().is_some_and(is_over) {
            self.episode = None;
        }
    }

    /// Nothing that was learnt holds any more.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// sndcnt (RFC 9937, section 6.2): how many octets the ACK with `news` lets out, with `pipe` octets under way.
    pub(crate) fn released(&mut self, news: News, pipe: u64, ssthresh: u32, mss_octets: u16) -> u64 {
        let Some(Phase::Selective(selective)) = self.episode.as_mut().map(|episode| &mut episode.phase)
        else {
            return 0;
        };
        let ssthresh = u64::from(ssthresh);
        selective.delivered += news.delivered;
        if pipe > ssthresh {
            let share = (selective.delivered * ssthresh).div_ceil(selective.flight.max(1));
            return share.saturating_sub(selective.out);
        }
        let safe = if news.is_safe { u64::from(mss_octets) } else { 0 };
        let released = selective.delivered.saturating_sub(selective.out).max(news.delivered) + safe;
        released.min(ssthresh - pipe)
    }

    /// Octets under way: from SND.UNA up to `resend`, less those that arrived and those that are lost.
    pub(crate) fn pipe(&self, una: Position, resend: Position, mss_octets: u16) -> u64 {
        let Some(episode) = &self.episode else { return una.distance_to(resend) };
        let outstanding = Outstanding { una, nxt: resend };
        match &episode.phase {
            Phase::Selective(selective) => {
                episode.sacked.pipe(outstanding, selective.high_rxt.min(resend), mss_octets)
            }
            _ => episode.sacked.missing_octets(una, resend),
        }
    }

    /// Octets beyond cwnd that duplicate ACKs let out (RFC 3042). With SACK they are not in the pipe any more.
    pub(crate) fn limited_transmit_octets(&self, mss_octets: u16) -> u32 {
        if self.duplicate_acks == 0 || self.mode() != Mode::Open || self.sacked_octets() > 0 {
            return 0;
        }
        u32::from(self.duplicate_acks.min(LIMITED_TRANSMIT_SEGMENTS)) * u32::from(mss_octets)
    }

    /// The first octets at or after `from` that may be sent: up to where SACKed ones begin.
    pub(crate) fn missing_from(&self, from: Position, bound: Position) -> Range {
        let Some(sacked) = self.sacked() else { return Range { start: from, end: bound } };
        let start = sacked.after_sacked(from);
        let end = sacked.next_sacked(start).map_or(bound, |next| next.min(bound));
        Range { start, end }
    }

    /// NextSeg, rule 1: the next hole that is lost and was not sent again.
    pub(crate) fn lost_hole(&self, mss_octets: u16) -> Option<Range> {
        let hole = self.hole()?;
        let end = hole.end.min(self.lost_below(mss_octets));
        (hole.start < end).then_some(Range { end, ..hole })
    }

    /// NextSeg, rule 3: the next hole, lost or not.
    pub(crate) fn hole(&self) -> Option<Range> {
        let episode = self.episode.as_ref()?;
        let Phase::Selective(selective) = &episode.phase else { return None };
        episode.sacked.hole(selective.high_rxt)
    }

    /// NextSeg, rule 4: the last octets that are missing, once for each move of SND.UNA.
    pub(crate) fn rescue(&self, outstanding: Outstanding, octets_max: u64) -> Option<Range> {
        let episode = self.episode.as_ref()?;
        let Phase::Selective(selective) = &episode.phase else { return None };
        if outstanding.una <= selective.rescue_rxt {
            return None;
        }
        episode.sacked.last_missing(outstanding, octets_max)
    }

    /// Octets up to `end` were sent again.
    pub(crate) fn sent_again(&mut self, repair: Repair, octets: u64, end: Position) {
        let Some(episode) = &mut self.episode else { return };
        let Phase::Selective(selective) = &mut episode.phase else { return };
        selective.out += octets;
        match repair {
            // No premature rescue (RFC 6675, section 5, step 4.3).
            Repair::First => {
                selective.high_rxt = selective.high_rxt.max(end);
                selective.rescue_rxt = selective.rescue_rxt.max(end);
            }
            Repair::Hole => selective.high_rxt = selective.high_rxt.max(end),
            Repair::Rescue => selective.rescue_rxt = episode.recover,
        }
    }

    /// New octets left.
    pub(crate) fn sent(&mut self, octets: u64) {
        if let Some(Phase::Selective(selective)) = self.episode.as_mut().map(|episode| &mut episode.phase) {
            selective.out += octets;
        }
    }

    /// The congestion window is full with SND.NXT at `nxt`.
    pub(crate) fn note_filled(&mut self, nxt: Position) {
        self.filled = self.filled.max(nxt);
    }

    /// Whether the window was in full use when the octet at `una` was sent.
    pub(crate) fn was_filled(&self, una: Position) -> bool {
        una < self.filled
    }

    /// The invariant that every call leaves standing, or what of it is broken.
    pub(crate) fn check(&self, outstanding: Outstanding) -> Result<(), &'static str> {
        let Some(episode) = &self.episode else { return Ok(()) };
        episode.sacked.check(outstanding)?;
        let Outstanding { una, nxt } = outstanding;
        if episode.recover > nxt {
            return Err("RecoveryPoint <= SND.NXT");
        }
        let is_recovering = episode.phase != Phase::Watching;
        if is_recovering && una >= episode.recover {
            return Err("a recovery ends where SND.UNA reaches RecoveryPoint");
        }
        match &episode.phase {
            Phase::Selective(selective) if selective.high_rxt > nxt || selective.rescue_rxt > nxt => {
                Err("HighRxt, RescueRxt <= SND.NXT")
            }
            _ => Ok(()),
        }
    }
}
