//! A pair: a local leg and a far leg, and the octets between them.
//!
//! Up is from the local leg to the far one. Octets are peeked at, written to the engine, and taken from the kernel only
//! when they are in a DURABLE epoch. Down is the other way: octets are written to the kernel and taken from the engine in
//! one go, but not before the pair itself is in a DURABLE epoch. What happened between the epoch and the end of a process,
//! the counts of the kernel tell the next one.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use hiatus_codec::Position;
use hiatus_engine::{Command, ConnectionId, TcpState};

use crate::machine::Machine;
use crate::proxy::local::Local;
use crate::proxy::record::{PairRecord, Side};

/// Rounds in one direction before others have their turn.
const ROUNDS: u32 = 4;
/// An octet that is offered to an engine that has no room: so it tells when it has.
const PROBE: [u8; 1] = [0];

/// How far a pair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The far leg is being opened.
    Opening,
    /// The far leg is there. Whether its peer speaks Hiatus is not known: no octet of the local leg may leave, for until
    /// then hold-send holds nothing back.
    Negotiating,
    /// The far leg came from a peer proxy; its header is not complete.
    Header,
    /// The local leg is being opened.
    Connecting,
    /// Octets pass.
    Open,
}

/// What is done for a pair, so that it survives this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// It is not yet in a DURABLE epoch: nothing may be written to its local leg.
    Awaited,
    /// It is.
    Kept,
    /// Nothing: there is no store, or the peer is plain TCP.
    None,
}

/// What a pump has done.
#[derive(Debug)]
pub(crate) enum Pumped {
    /// All there is to do.
    Idle,
    /// Others have their turn.
    More,
    /// The local leg is broken.
    Broken(io::Error),
}

/// A pair.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) number: u64,
    pub(crate) side: Side,
    pub(crate) far: Option<ConnectionId>,
    pub(crate) local: Option<Local>,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) stage: Stage,
    pub(crate) care: Care,
    /// When its stage has lasted for too long.
    pub(crate) deadline: Option<Instant>,
    /// Octets of the far leg before those of the peer's program: a header that was read, and is still there.
    pub(crate) header_octets: usize,
    /// Octets of the local leg that the engine has.
    pub(crate) up_octets: u64,
    /// Those of them that are in a DURABLE epoch.
    pub(crate) up_durable_octets: u64,
    /// Those of them that were taken from the kernel.
    pub(crate) up_consumed_octets: u64,
    pub(crate) up_ended: bool,
    /// The peer has the connection in a DURABLE epoch of its own, or needs none.
    pub(crate) is_known: bool,
    /// Far legs that were opened for it.
    pub(crate) attempts: u32,
    /// Octets of the far leg that the engine no longer has.
    pub(crate) down_octets: u64,
    /// Those that an earlier process has written, and that the engine gives again.
    pub(crate) down_skip_octets: u64,
    pub(crate) down_ended: bool,
    /// Octets of a far leg that is over.
    pub(crate) rest: Vec<u8>,
    /// The far leg is over, and well.
    pub(crate) far_is_over: bool,
    /// Something changed that no epoch has.
    pub(crate) is_dirty: bool,
    /// It stands in the list of those.
    pub(crate) is_listed: bool,
    /// It waits for its turn.
    pub(crate) is_queued: bool,
}

impl Pair {
    pub(crate) fn new(
        number: u64,
        side: Side,
        source: SocketAddr,
        destination: SocketAddr,
        stage: Stage,
    ) -> Self {
        Self {
            number,
            side,
            far: None,
            local: None,
            source,
            destination,
            stage,
            care: Care::None,
            deadline: None,
            header_octets: 0,
            up_octets: 0,
            up_durable_octets: 0,
            up_consumed_octets: 0,
            up_ended: false,
            is_known: false,
            attempts: 0,
            down_octets: 0,
            down_skip_octets: 0,
            down_ended: false,
            rest: Vec::new(),
            far_is_over: false,
            is_dirty: false,
            is_listed: false,
            is_queued: false,
        }
    }

    /// What an epoch says of it; nothing before octets pass.
    pub(crate) fn record(&self) -> Option<PairRecord> {
        let far = self.far?;
        let is_kept = self.care != Care::None && self.stage == Stage::Open;
        is_kept.then(|| PairRecord {
            far: far.number(),
            side: self.side,
            source: self.source,
            destination: self.destination,
            up_octets: self.up_octets,
            up_ended: self.up_ended,
            down_octets: self.down_octets,
            down_ended: self.down_ended,
            rest: self.rest.clone(),
            far_is_over: self.far_is_over,
        })
    }

    /// Both directions are over, and nothing is left unread: what is closed with octets unread is reset by the kernel.
    pub(crate) fn is_finished(&self, machine: &Machine) -> bool {
        // While the far leg seeks its peer, a CLOSE waits there: until it has its FIN, a restart has to find the pair.
        let has_fin = self.far_is_over
            || self.far.is_none_or(|far| {
                !matches!(machine.endpoint().state(far), TcpState::Established | TcpState::CloseWait)
            });
        self.up_ended && self.down_ended && self.up_consumed_octets == self.up_octets && has_fin
    }

    /// Moves octets in both directions.
    pub(crate) fn pump(&mut self, machine: &mut Machine, scratch: &mut [u8]) -> Pumped {
        if let Err(error) = self.consume(machine, scratch) {
            return Pumped::Broken(error);
        }
        let up = self.pump_up(machine, scratch);
        if matches!(up, Pumped::Broken(_)) {
            return up;
        }
        match self.pump_down(machine) {
            Pumped::Idle => up,
            other => other,
        }
    }

    fn pump_up(&mut self, machine: &mut Machine, scratch: &mut [u8]) -> Pumped {
        let (Some(far), Some(local)) = (self.far, &mut self.local) else { return Pumped::Idle };
        if self.stage != Stage::Open || self.up_ended || self.far_is_over {
            return Pumped::Idle;
        }
        for _ in 0..ROUNDS {
            if !local.may_read {
                return Pumped::Idle;
            }
            let room = machine.endpoint().writable_octets(far).min(scratch.len());
            if room == 0 {
                // It tells when there is room, once somebody has met with none.
                machine.write(far, &PROBE).ok();
                return Pumped::Idle;
            }
            let read = match self.care {
                Care::None => local.read(scratch.get_mut(..room).unwrap_or_default()).map(|count| 0..count),
                Care::Awaited | Care::Kept => local.peek(scratch, room),
            };
            let range = match read {
                Ok(range) => range,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    local.may_read = false;
                    return Pumped::Idle;
                }
                Err(error) => return Pumped::Broken(error),
            };
            self.is_dirty = true;
            if range.is_empty() {
                self.up_ended = true;
                // A far leg that is over is told of by its event.
                machine.command(far, Command::Close).ok();
                return Pumped::Idle;
            }
            let found = range.len();
            // As above.
            let written = machine.write(far, scratch.get(range).unwrap_or_default()).unwrap_or(0);
            self.up_octets += octets(written);
            if self.care == Care::None {
                self.up_consumed_octets = self.up_octets;
                if written < found {
                    return Pumped::Broken(io::Error::other("the far leg took less than it had room for"));
                }
            } else if written < found
                && let Err(error) = local.unpeek(found - written)
            {
                return Pumped::Broken(error);
            }
        }
        Pumped::More
    }

    fn pump_down(&mut self, machine: &mut Machine) -> Pumped {
        if self.stage != Stage::Open || self.care == Care::Awaited || self.down_ended {
            return Pumped::Idle;
        }
        let (Some(far), Some(local)) = (self.far, &mut self.local) else { return Pumped::Idle };
        for _ in 0..ROUNDS {
            if self.down_skip_octets > 0 {
                let skip = usize::try_from(self.down_skip_octets).unwrap_or(usize::MAX);
                let skipped = machine.read_with(far, |first, second| skip.min(first.len() + second.len()));
                let from_rest = skip.saturating_sub(skipped).min(self.rest.len());
                self.rest.drain(..from_rest);
                self.down_skip_octets -= octets(skipped + from_rest);
                self.down_octets += octets(skipped + from_rest);
                // The engine has given them: an epoch that says so without this pair would have them skipped twice.
                self.is_dirty |= skipped + from_rest > 0;
            }
            let is_empty = machine.endpoint().readable_octets(far) == 0 && self.rest.is_empty();
            if is_empty {
                let state = machine.endpoint().state(far);
                if self.far_is_over || has_received_fin(state) {
                    local.end();
                    self.down_ended = true;
                    self.is_dirty = true;
                }
                return Pumped::Idle;
            }
            if !local.may_write || self.down_skip_octets > 0 {
                return Pumped::Idle;
            }
            let mut written = Ok(0);
            if self.rest.is_empty() {
                machine.read_with(far, |first, second| {
                    written = local.write(first, second);
                    written.as_ref().copied().unwrap_or(0)
                });
            } else {
                written = local.write(&self.rest, &[]);
                self.rest.drain(..written.as_ref().copied().unwrap_or(0));
            }
            match written {
                Ok(count) => self.down_octets += octets(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    local.may_write = false;
                    return Pumped::Idle;
                }
                Err(error) => return Pumped::Broken(error),
            }
            self.is_dirty = true;
        }
        Pumped::More
    }

    /// The far leg is gone, and with it what nobody has read: that is kept here.
    pub(crate) fn take_rest(&mut self, machine: &mut Machine) {
        let Some(far) = self.far else { return };
        let rest = &mut self.rest;
        machine.read_with(far, |first, second| {
            rest.extend_from_slice(first);
            rest.extend_from_slice(second);
            first.len() + second.len()
        });
        self.far_is_over = true;
        self.is_dirty = true;
    }

    /// So many octets of the local leg are in a DURABLE epoch.
    pub(crate) fn durable(&mut self, up_octets: u64) {
        if self.care == Care::Awaited {
            self.care = Care::Kept;
        }
        self.up_durable_octets = self.up_durable_octets.max(up_octets);
    }

    /// Takes from the kernel what is not needed there any longer.
    ///
    /// As long as the peer may lose the connection with its next restart, everything is: it is carried anew then.
    pub(crate) fn consume(&mut self, machine: &Machine, scratch: &mut [u8]) -> io::Result<()> {
        let count = self.up_durable_octets.saturating_sub(self.up_consumed_octets);
        if count == 0 || !self.find_out(machine) {
            return Ok(());
        }
        if let Some(local) = &mut self.local {
            local.consume(count, scratch)?;
            self.up_consumed_octets += count;
        }
        Ok(())
    }

    /// Whether the peer has it in a durable epoch of its own, or needs none.
    pub(crate) fn find_out(&mut self, machine: &Machine) -> bool {
        if !self.is_known {
            let endpoint = machine.endpoint();
            let stable = self.far.and_then(|far| endpoint.info(far)).map(|info| info.stable.peer);
            let is_over = self.far.is_some_and(|far| has_ended_well(endpoint.state(far)));
            self.is_known = self.far_is_over || is_over || stable.is_some_and(|stable| stable > Position(0));
        }
        self.is_known
    }

    /// Whether nothing has come of it, so that it can begin anew: no octet was delivered at either end.
    pub(crate) fn is_untouched(&self) -> bool {
        self.up_consumed_octets == 0 && self.down_octets == 0 && !self.is_known
    }

    /// It begins anew.
    pub(crate) fn begin_anew(&mut self) {
        (self.stage, self.care, self.far) = (Stage::Opening, Care::None, None);
        (self.up_octets, self.up_durable_octets, self.up_ended) = (0, 0, false);
        if let Some(local) = &mut self.local {
            local.may_read = true;
        }
    }

    /// The pair will not survive this process: nothing waits for epochs any longer.
    pub(crate) fn give_up_care(&mut self, scratch: &mut [u8]) -> io::Result<()> {
        if self.care == Care::None {
            return Ok(());
        }
        if let Some(local) = &mut self.local {
            local.consume(self.up_octets - self.up_consumed_octets, scratch)?;
        }
        self.up_consumed_octets = self.up_octets;
        self.care = Care::None;
        self.is_dirty = true;
        Ok(())
    }
}

/// Whether both directions were closed and acknowledged.
fn has_ended_well(state: TcpState) -> bool {
    matches!(state, TcpState::TimeWait | TcpState::Linger)
}

/// Whether nothing more comes from the peer.
fn has_received_fin(state: TcpState) -> bool {
    // Not CLOSED: why it is, its event says, which may still be to come; a reset is no end of a stream.
    use TcpState::{CloseWait, Closing, LastAck, Linger, TimeWait};
    matches!(state, CloseWait | Closing | LastAck | TimeWait | Linger)
}

fn octets(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
