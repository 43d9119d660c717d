//! A pair of two legs of the engine, and the octets between them: read from the one and written to the other in one go, so
//! that every epoch has each octet in one of them.

use std::net::SocketAddr;
use std::time::Instant;

use hiatus_codec::Position;
use hiatus_engine::{Command, ConnectionId, Endpoint, TcpState};

use crate::machine::Machine;
use crate::proxy::any::record::{BothRecord, LegRecord};
use crate::proxy::pair::Stage;

/// Rounds in one direction before others have their turn.
const ROUNDS: u32 = 4;
/// An octet that is offered to an engine that has no room: so it tells when it has.
const PROBE: [u8; 1] = [0];

/// Which leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// That of the local program.
    Near,
    /// That of the peer.
    Far,
}

/// What a pump has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pumped {
    /// All there is to do.
    Idle,
    /// Others have their turn.
    More,
}

/// One leg.
#[derive(Debug, Default)]
pub(crate) struct Leg {
    pub(crate) id: Option<ConnectionId>,
    /// It is over, and well.
    pub(crate) is_over: bool,
    /// Octets of one that is over: its connection is in no epoch any longer.
    pub(crate) rest: Vec<u8>,
    /// Everything was written to it, and its end.
    pub(crate) is_shut: bool,
    /// Octets that came from it.
    pub(crate) octets: u64,
}

impl Leg {
    fn state(&self, endpoint: &Endpoint) -> TcpState {
        self.id.map_or(TcpState::Closed, |id| endpoint.state(id))
    }

    /// Whether nothing more comes from it. One that was reset has not ended; its event says so.
    fn has_ended(&self, endpoint: &Endpoint) -> bool {
        use TcpState::{CloseWait, Closing, LastAck, Linger, TimeWait};
        self.is_over || matches!(self.state(endpoint), CloseWait | Closing | LastAck | TimeWait | Linger)
    }

    /// Takes up to `room.len()` octets.
    fn read(&mut self, machine: &mut Machine, room: &mut [u8]) -> usize {
        if self.rest.is_empty() {
            return self.id.map_or(0, |id| machine.read(id, room));
        }
        let count = self.rest.len().min(room.len());
        for (octet, known) in room.iter_mut().zip(self.rest.drain(..count)) {
            *octet = known;
        }
        count
    }

    /// The connection is gone, and with it what nobody has read: that is kept here.
    pub(crate) fn take_rest(&mut self, machine: &mut Machine) {
        let Some(id) = self.id.take() else { return };
        let rest = &mut self.rest;
        machine.read_with(id, |first, second| {
            rest.extend_from_slice(first);
            rest.extend_from_slice(second);
            first.len() + second.len()
        });
        self.is_over = true;
    }

    fn record(&self) -> LegRecord {
        LegRecord {
            id: self.id.map(ConnectionId::number),
            is_over: self.is_over,
            rest: self.rest.clone(),
            is_untouched: self.octets == 0,
        }
    }
}

/// A pair.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) number: u64,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) stage: Stage,
    pub(crate) near: Leg,
    pub(crate) far: Leg,
    /// The peer has it in a DURABLE epoch of its own, or needs none. Before that the octets of the local program stay where
    /// they are: a peer that loses the connection gets another one.
    pub(crate) is_known: bool,
    /// Far legs that were opened anew.
    pub(crate) attempts: u32,
    /// When its stage has lasted for too long.
    pub(crate) deadline: Option<Instant>,
    /// Something changed that its record says.
    pub(crate) is_dirty: bool,
    /// It waits for its turn.
    pub(crate) is_queued: bool,
}

impl Both {
    pub(crate) fn new(number: u64, source: SocketAddr, destination: SocketAddr) -> Self {
        Self {
            number,
            source,
            destination,
            stage: Stage::Opening,
            near: Leg::default(),
            far: Leg::default(),
            is_known: false,
            attempts: 0,
            deadline: None,
            is_dirty: false,
            is_queued: false,
        }
    }

    pub(crate) fn leg_mut(&mut self, end: End) -> &mut Leg {
        match end {
            End::Near => &mut self.near,
            End::Far => &mut self.far,
        }
    }

    /// What an epoch says of it.
    pub(crate) fn record(&self) -> BothRecord {
        BothRecord {
            source: self.source,
            destination: self.destination,
            is_open: self.stage == Stage::Open,
            is_known: self.is_known,
            near: self.near.record(),
            far: self.far.record(),
        }
    }

    /// Moves octets in both directions.
    pub(crate) fn pump(&mut self, machine: &mut Machine, scratch: &mut [u8]) -> Pumped {
        if self.stage != Stage::Open {
            return Pumped::Idle;
        }
        let Self { near, far, is_dirty, .. } = self;
        let up = if self.is_known { pass(machine, near, far, is_dirty, scratch) } else { Pumped::Idle };
        match pass(machine, far, near, is_dirty, scratch) {
            Pumped::Idle => up,
            more @ Pumped::More => more,
        }
    }

    /// Both directions are over, and what is left to do the engine does: no epoch need say what its legs are for.
    pub(crate) fn is_finished(&self, endpoint: &Endpoint) -> bool {
        let is_done = |leg: &Leg| {
            let state = leg.state(endpoint);
            leg.is_shut && !matches!(state, TcpState::Established | TcpState::CloseWait)
        };
        is_done(&self.near) && is_done(&self.far)
    }

    /// Whether nothing has come of it, so that it can begin anew: no octet was carried.
    pub(crate) fn is_untouched(&self) -> bool {
        self.near.octets == 0 && self.far.octets == 0
    }

    /// Whether the peer has it in a DURABLE epoch of its own: it has the header for good.
    pub(crate) fn find_out(&mut self, endpoint: &Endpoint) -> bool {
        if !self.is_known {
            let stable = self.far.id.and_then(|far| endpoint.info(far)).map(|info| info.stable.peer);
            self.is_known = self.far.is_over || stable.is_some_and(|stable| stable > Position(0));
        }
        self.is_known
    }
}

/// Moves octets from one leg to the other, and the end behind them.
fn pass(
    machine: &mut Machine,
    from: &mut Leg,
    to: &mut Leg,
    is_dirty: &mut bool,
    scratch: &mut [u8],
) -> Pumped {
    for _ in 0..ROUNDS {
        let Some(out) = to.id.filter(|_| !to.is_shut) else {
            to.is_shut |= to.is_over;
            return Pumped::Idle;
        };
        let readable = from.id.map_or(0, |id| machine.endpoint().readable_octets(id)) + from.rest.len();
        if readable == 0 {
            if from.has_ended(machine.endpoint()) {
                // A leg that is over is told of by its event.
                machine.command(out, Command::Close).ok();
                to.is_shut = true;
            }
            return Pumped::Idle;
        }
        let room = machine.endpoint().writable_octets(out).min(scratch.len());
        if room == 0 {
            // It tells when there is room, once somebody has met with none.
            machine.write(out, &PROBE).ok();
            return Pumped::Idle;
        }
        *is_dirty |= from.octets == 0 || !from.rest.is_empty();
        let count = from.read(machine, scratch.get_mut(..room).unwrap_or_default());
        let octets = scratch.get(..count).unwrap_or_default();
        // As above.
        let written = machine.write(out, octets).unwrap_or(0);
        let left = octets.get(written..).unwrap_or_default();
        if !left.is_empty() {
            from.rest.splice(..0, left.iter().copied());
            *is_dirty = true;
        }
        from.octets += u64::try_from(written).unwrap_or(u64::MAX);
    }
    Pumped::More
}
