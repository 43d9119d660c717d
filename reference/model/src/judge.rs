//! What must be true in every state.

use std::fmt;

use hiatus_codec::{Life, Nonce};
use hiatus_engine::{CloseReason, PeerState, Positions, SelfState, TcpState};

use crate::app::App;
use crate::bounds::Bounds;
use crate::end::{Disk, End, Input};
use crate::settling::gets_on;
use crate::world::World;

/// What is wrong in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// An invariant of the engine (draft, {#terms}) is broken.
    Invariant(&'static str),
    /// What was read is no prefix of what was written (draft, {#theorem}, Agreement).
    Disagreement {
        /// 0 if A read it, 1 if B did.
        reader: usize,
    },
    /// SND.STB <= SND.UNA <= the peer's RCV.NXT does not hold (draft, {#theorem}, Progress).
    Positions {
        /// 0 if A sends, 1 if B does.
        sender: usize,
    },
    /// A rollback ended the connection (draft, {#theorem}, No needless end).
    NeedlessEnd {
        /// Why it ended.
        reason: CloseReason,
    },
    /// Where nothing is lost and nobody crashes from now on, the two ends do not get on.
    Stuck,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |side: &usize| if *side == 0 { 'A' } else { 'B' };
        match self {
            Self::Invariant(invariant) => write!(f, "an invariant is broken: {invariant}"),
            Self::Disagreement { reader } => {
                write!(f, "{} has read what the other has not written", name(reader))
            }
            Self::Positions { sender } => {
                write!(
                    f,
                    "{} does not keep what it may be asked for: SND.STB <= SND.UNA <= RCV.NXT",
                    name(sender)
                )
            }
            Self::NeedlessEnd { reason } => {
                write!(f, "the connection ended although nothing forced it: {reason}")
            }
            Self::Stuck => f.write_str("the two ends do not get on any more"),
        }
    }
}

/// What is asked of an end often, taken from it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) app: App,
    pub(crate) ended: Option<CloseReason>,
    pub(crate) state: TcpState,
    pub(crate) here: SelfState,
    pub(crate) there: PeerState,
    pub(crate) standing: Option<Positions>,
    pub(crate) broken: Option<&'static str>,
    /// What it may do of its own accord.
    pub(crate) moves: Vec<Input>,
}

impl View {
    pub(crate) fn of(end: &End, bounds: &Bounds) -> Self {
        let mut moves = Vec::new();
        end.moves(bounds, Disk::Own, &mut moves);
        let connection = &end.connection;
        Self {
            app: end.app.clone(),
            ended: end.ended,
            state: connection.state(),
            here: connection.self_state(),
            there: connection.peer_state(),
            standing: connection.positions(),
            broken: connection.check_invariants().err(),
            moves,
        }
    }

    fn is_up(&self) -> bool {
        self.ended.is_none() && self.here == SelfState::Up && self.there == PeerState::Up
    }

    /// True if the connection ended with a reason other than that all is done.
    pub(crate) fn has_failed(&self) -> bool {
        self.ended.is_some_and(|reason| reason != CloseReason::Finished)
    }

    /// True if the connection is over too, or will be when a limit has passed: of RESUMING, of a hold, of LINGER.
    pub(crate) fn waits_no_longer(&self) -> bool {
        self.ended.is_some()
            || self.here == SelfState::Resuming
            || self.there != PeerState::Up
            || self.state == TcpState::Linger
    }

    /// True if the application has been told that all is well at the end.
    pub(crate) fn has_finished(&self) -> bool {
        self.ended == Some(CloseReason::Finished)
    }
}

/// Whether `known` is the life that `own` is; a nonce may be unknown.
fn is_life(known: (Life, Nonce), own: (Life, Nonce)) -> bool {
    known.0 == own.0 && (known.1 == own.1 || known.1 == Nonce::UNKNOWN)
}

/// True if both ends are there and each has recorded the life of the other: when the theorem speaks.
fn agree_on_lives(a: &View, b: &View) -> bool {
    let (Some(at_a), Some(at_b)) = (a.standing, b.standing) else { return false };
    is_life(at_a.peer, at_b.own) && is_life(at_b.peer, at_a.own)
}

/// What is wrong where the ends are these.
pub(crate) fn judge(world: &World, ends: [u32; 3]) -> Option<Trouble> {
    let [a, b, _] = ends;
    let views = [world.view(a), world.view(b)];
    if let Some(broken) = views.iter().find_map(|view| view.broken) {
        return Some(Trouble::Invariant(broken));
    }
    let [at_a, at_b] = [&*views[0], &*views[1]];
    let is_over = at_a.has_finished() && at_b.has_finished();
    if is_over || (at_a.is_up() && at_b.is_up() && agree_on_lives(at_a, at_b)) {
        for (reader, from, to) in [(1, at_a, at_b), (0, at_b, at_a)] {
            if !from.app.written.starts_with(&to.app.read) {
                return Some(Trouble::Disagreement { reader });
            }
            if let (false, Some(sends), Some(receives)) = (is_over, from.standing, to.standing)
                && !(sends.stable <= sends.una && sends.una <= receives.received)
            {
                return Some(Trouble::Positions { sender: 1 - reader });
            }
        }
    }
    if world.bounds().promises_no_end()
        && let Some(reason) = views.iter().filter(|view| view.has_failed()).find_map(|view| view.ended)
    {
        return Some(Trouble::NeedlessEnd { reason });
    }
    (!gets_on(world, a, b)).then_some(Trouble::Stuck)
}
