//! What every history must hold (draft, {#theorem}).

use core::fmt;

use hiatus_codec::AbortReason;
use hiatus_engine::{CloseReason, HiatusState, PeerState, SelfState, Standing, TcpState};

use crate::histories::host::{End, Host, Instance};
use crate::sim::Side;

/// What a history showed that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Violation {
    /// Both ends are in step, and one application read what the other has not written.
    Agreement {
        /// Who read it.
        reader: Side,
        /// The first octet that differs, or that was never written; 0 is the first of the stream.
        at: usize,
    },
    /// Both ends are in step, and SND.STB <= SND.UNA <= the peer's RCV.NXT does not hold.
    Progress {
        /// Whose SND.UNA it is.
        sender: Side,
    },
    /// All was quiet for long enough, and an end has neither finished nor a reason.
    Hang {
        /// Which.
        side: Side,
        /// Where its connection is.
        state: TcpState,
    },
    /// A connection ended that no rollback was allowed to end.
    NeedlessEnd {
        /// Where.
        side: Side,
        /// How.
        end: End,
    },
    /// Both ends finished, and not every octet arrived.
    Incomplete {
        /// Who misses some.
        reader: Side,
    },
    /// An end stays in LINGER although the other is there, nothing gets lost, and epochs become DURABLE.
    LingersOn {
        /// Which.
        side: Side,
    },
    /// An end has echoed a stable point and not taken it for its own SND.STB.
    NotReleased {
        /// Which.
        side: Side,
    },
    /// An invariant of the engine does not hold.
    Invariant {
        /// Where.
        side: Side,
        /// Which.
        which: &'static str,
    },
    /// Hosts have something to send again and again.
    Livelock,
    /// The engine panicked.
    Panic {
        /// What it said.
        text: String,
    },
}

impl Violation {
    /// True if `other` is of the same kind: what a smaller story has to show too.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        core::mem::discriminant(self) == core::mem::discriminant(other)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agreement { reader, at } => {
                write!(f, "{reader:?} read at {at} what {:?} has not written", reader.peer())
            }
            Self::Progress { sender } => {
                write!(f, "{sender:?}: SND.STB <= SND.UNA <= the peer's RCV.NXT does not hold")
            }
            Self::Hang { side, state } => write!(f, "{side:?} hangs in {state} without a reason"),
            Self::NeedlessEnd { side, end } => write!(f, "a needless end at {side:?}: {end}"),
            Self::Incomplete { reader } => write!(f, "both finished, and {reader:?} has not read everything"),
            Self::LingersOn { side } => write!(f, "{side:?} stays in LINGER although nothing is missing"),
            Self::NotReleased { side } => {
                write!(f, "{side:?} has echoed a stable point and not raised SND.STB to it")
            }
            Self::Invariant { side, which } => write!(f, "{side:?}: invariant broken: {which}"),
            Self::Livelock => f.write_str("livelock: segment after segment"),
            Self::Panic { text } => write!(f, "panic: {text}"),
        }
    }
}

/// Where both ends are in step, so that the theorem speaks of them.
pub(crate) fn are_in_step(a: &Instance, b: &Instance, never_restored: bool) -> Option<[Standing; 2]> {
    let [sa, sb] = [a.connection.standing()?, b.connection.standing()?];
    let is_here = |instance: &Instance| {
        let connection = &instance.connection;
        !instance.is_over()
            && connection.self_state() == SelfState::Up
            && connection.peer_state() == PeerState::Up
    };
    let is_on = |instance: &Instance| instance.connection.hiatus_state() == HiatusState::On;
    if !is_here(a) || !is_here(b) {
        return None;
    }
    let is_plain = |instance: &Instance| instance.connection.hiatus_state() == HiatusState::Off;
    let is_known = sa.own_life == sb.peer_life && sb.own_life == sa.peer_life;
    // Plain TCP never goes on from an older state: then it has to be in step like any.
    let in_step = match [is_on(a), is_on(b)] {
        [true, true] => is_known,
        _ => never_restored || (is_plain(a) && is_plain(b)),
    };
    in_step.then_some([sa, sb])
}

/// Agreement and progress of two ends in step.
pub(crate) fn judge(
    a: &Instance,
    b: &Instance,
    [sa, sb]: [Standing; 2],
    never_restored: bool,
) -> Result<(), Violation> {
    for (sender, snd, rcv) in [(Side::A, sa, sb), (Side::B, sb, sa)] {
        if snd.snd_stb > snd.snd_una || snd.snd_una > rcv.rcv_nxt {
            return Err(Violation::Progress { sender });
        }
    }
    // What was restored may have forgotten what it echoed.
    if never_restored {
        for (side, own, peer) in [(Side::A, sa, b), (Side::B, sb, a)] {
            let echoed = peer.connection.info().map_or(own.snd_stb, |info| info.stable.echoed);
            if echoed > own.snd_stb && peer.connection.hiatus_state() == HiatusState::On {
                return Err(Violation::NotReleased { side });
            }
        }
    }
    prefix(Side::A, &a.app.read, &b.app.wrote)?;
    prefix(Side::B, &b.app.read, &a.app.wrote)
}

/// What `reader` read is the beginning of what its peer wrote.
fn prefix(reader: Side, read: &[u8], wrote: &[u8]) -> Result<(), Violation> {
    if wrote.starts_with(read) {
        return Ok(());
    }
    let at = read.iter().zip(wrote).take_while(|(read, wrote)| read == wrote).count();
    Err(Violation::Agreement { reader, at })
}

/// The end of a history: both ends have finished with every octet, or there is a reason.
pub(crate) fn judge_end(hosts: &[Host; 2], no_needless_end: bool) -> Result<(), Violation> {
    let [a, b] = hosts;
    for (side, host) in [(Side::A, a), (Side::B, b)] {
        if host.end().is_none() {
            let state = host.newest().map_or(TcpState::Closed, |instance| instance.connection.state());
            return Err(Violation::Hang { side, state });
        }
    }
    let finished = Some(End::Closed(CloseReason::Finished));
    let is_exact = |reader: &Host, writer: &Host| match (survivor(reader), survivor(writer)) {
        (Some(reader), Some(writer)) => reader.app.read == writer.app.wrote,
        _ => false,
    };
    let exact = [is_exact(a, b), is_exact(b, a)];
    if a.end() == finished && b.end() == finished {
        for (reader, is_exact) in [(Side::A, exact[0]), (Side::B, exact[1])] {
            if !is_exact {
                return Err(Violation::Incomplete { reader });
            }
        }
    }
    if no_needless_end {
        for (side, host) in [(Side::A, a), (Side::B, b)] {
            let Some(end) = host.end() else { continue };
            if end != End::Closed(CloseReason::Finished) && !(is_residue(end) && exact == [true; 2]) {
                return Err(Violation::NeedlessEnd { side, end });
            }
        }
    }
    Ok(())
}

/// The last acknowledgment can be lost: then the end that waits for it meets a peer that has finished and gone.
fn is_residue(end: End) -> bool {
    matches!(
        end,
        End::Closed(
            CloseReason::HoldOver
                | CloseReason::PeerHasNoState
                | CloseReason::NoAnswer
                | CloseReason::Reset
                | CloseReason::AbortedByPeer(AbortReason::LOST)
        )
    )
}

/// The instance whose history survives: of twins, the one that was not fenced.
fn survivor(host: &Host) -> Option<&Instance> {
    let fenced = Some(CloseReason::AbortedByPeer(AbortReason::FENCED));
    let mut all = host.instances.iter().filter(|instance| !instance.is_replaced);
    all.clone().find(|instance| instance.app.end != fenced).or_else(|| all.next())
}
