//! A host without a thread of its own: the endpoint, the link, the clock and the epochs, turned by whoever owns it.

mod calls;
mod settings;
mod start;

use std::collections::BTreeSet;
use std::io;

use hiatus_engine::{ConnectionId, Endpoint, Event, ListenerId, Time};
use tracing::{trace, warn};

use crate::clock::Clock;
use crate::epochs::{EpochStatus, Epochs, States};
use crate::link::{Link, LinkTrouble, PACKET_OCTETS_MAX, Sent};

pub use calls::{GivenLife, RestoredError};
pub use settings::{
    DEFAULT_BUFFER_OCTETS, DEFAULT_EPOCH_INTERVAL, DEFAULT_EPOCH_OCTETS, DEFAULT_HOLD_SECONDS, Settings,
};
pub(crate) use start::Recency;
pub use start::{Lost, Returned, Started};

/// Packets that one turn reads before it lets others have theirs.
const PACKETS_PER_TURN: u32 = 256;

/// What a host has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Packets read off the link.
    pub packets_in: u64,
    /// Octets that they had.
    pub octets_in: u64,
    /// Packets given to the link.
    pub packets_out: u64,
    /// Octets that they had.
    pub octets_out: u64,
    /// Packets that the link would not take.
    pub packets_lost: u64,
}

/// What runs on a machine. Its state goes into the same epochs as the connections.
pub trait Service {
    /// Something happened to a connection.
    fn handle_event(&mut self, machine: &mut Machine, id: ConnectionId, event: Event);

    /// An epoch is being TAKEN: the state of this instant. What was read from the machine, and what was written to it, is in
    /// the epoch; so must be what followed from it here.
    fn taken(&mut self, states: &mut States<'_>, epoch: u32) {
        let _ = (states, epoch);
    }

    /// An epoch is DURABLE, and those before it.
    fn durable(&mut self, machine: &mut Machine, epoch: u32) {
        let _ = (machine, epoch);
    }
}

/// A host, turned by its owner.
///
/// Call [`turn`](Self::turn) whenever the link can be read, a commit has ended, the time it gave has come, or anything
/// else was called. What it reads and sends is whole IP packets.
#[derive(Debug)]
pub struct Machine {
    endpoint: Endpoint,
    link: Link,
    clock: Clock,
    settings: Settings,
    epochs: Epochs,
    counters: Counters,
    connections: BTreeSet<ConnectionId>,
    listeners: Vec<(ListenerId, calls::Place)>,
    input: Box<[u8]>,
    output: Box<[u8]>,
    /// A packet that the link had no room for.
    waiting: Option<hiatus_engine::Packet>,
    is_away: bool,
    host_secret: [u8; 16],
}

/// What is left to do after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// More is there already: turn again.
    Now,
    /// Nothing before this time, by the machine's clock.
    At(Time),
    /// Nothing before something comes.
    Idle,
}

impl Machine {
    /// Reads what came, does what is due, sends, tells `service`, and takes an epoch if it is time.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] of the link that is not about one packet: the device is gone.
    pub fn turn(&mut self, service: &mut impl Service) -> io::Result<Next> {
        let more = self.read_link()?;
        let now = self.clock.now();
        self.endpoint.handle_timeout(now);
        self.tell(service);
        self.pass_durable(service);
        self.send_packets()?;
        self.tell(service);
        self.take_if_due(service);
        self.epochs.raise_ceiling(self.endpoint.timestamp_clock(self.clock.now()));
        Ok(if more { Next::Now } else { self.next() })
    }

    /// What is left to do.
    #[must_use]
    pub fn next(&self) -> Next {
        if self.is_away {
            return Next::Idle;
        }
        let now = self.clock.now();
        let times = [self.endpoint.poll_timeout(), self.epochs.due(now)];
        let waits_for_link = self.waiting.is_some().then(|| now + LINK_PATIENCE);
        match times.into_iter().flatten().chain(waits_for_link).min() {
            Some(time) if time <= now => Next::Now,
            Some(time) => Next::At(time),
            None => Next::Idle,
        }
    }

    fn read_link(&mut self) -> io::Result<bool> {
        for _ in 0..PACKETS_PER_TURN {
            let received = match self.link.receive(&mut self.input) {
                Ok(Some(received)) => received,
                Ok(None) => return Ok(false),
                // Down, and perhaps up again later.
                Err(error) if LinkTrouble::of(&error) == LinkTrouble::Down => return Ok(false),
                Err(error) => return Err(error),
            };
            self.counters.packets_in += 1;
            self.counters.octets_in += octets(received.len_octets);
            if self.is_away {
                continue;
            }
            if let Some(packet) = self.input.get(..received.len_octets) {
                self.epochs.note(packet.len());
                self.endpoint.handle_packet(self.clock.now(), packet, received.checksum);
            }
        }
        Ok(true)
    }

    /// Sends what waits. A call of its own for who has written or read between two turns.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn).
    pub fn send_packets(&mut self) -> io::Result<()> {
        if self.is_away {
            return Ok(());
        }
        loop {
            let packet = match self.waiting.take() {
                Some(packet) => packet,
                None => match self.endpoint.poll_packet(self.clock.now(), &mut self.output) {
                    Some(packet) => packet,
                    None => return Ok(()),
                },
            };
            let Some(octets_out) = self.output.get(..packet.len_octets) else { continue };
            match self.link.send(octets_out, &packet) {
                Ok(Sent::Taken) => {
                    self.counters.packets_out += 1;
                    self.counters.octets_out += octets(packet.len_octets);
                }
                Ok(Sent::Full) => {
                    self.waiting = Some(packet);
                    return Ok(());
                }
                Err(error)
                    if LinkTrouble::of(&error) == LinkTrouble::Down
                        || error.kind() == io::ErrorKind::InvalidInput =>
                {
                    // Down, or not to its taste: lost, as on any wire.
                    self.counters.packets_lost += 1;
                    trace!(%error, "the link refused a packet");
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn tell(&mut self, service: &mut impl Service) {
        while let Some((id, event)) = self.endpoint.poll_event() {
            match event {
                Event::Connected => {
                    self.connections.insert(id);
                }
                Event::Closed { .. } => {
                    self.connections.remove(&id);
                }
                _ => {}
            }
            self.epochs.note(0);
            service.handle_event(self, id, event);
        }
    }

    fn pass_durable(&mut self, service: &mut impl Service) {
        while let Some(epoch) = self.epochs.poll_durable(&mut self.endpoint) {
            self.endpoint.snapshot_durable(self.clock.now(), epoch);
            service.durable(self, epoch);
        }
    }

    fn take_if_due(&mut self, service: &mut impl Service) {
        let now = self.clock.now();
        if self.is_away || self.epochs.due(now).is_none_or(|due| due > now) {
            return;
        }
        self.take(service);
    }

    fn take(&mut self, service: &mut impl Service) -> u32 {
        let now = self.clock.now();
        let number = self.epochs.status().taken.wrapping_add(1);
        let taken = self.epochs.take(now, &mut self.endpoint, |states| service.taken(states, number));
        if let Err(error) = taken {
            warn!(epoch = number, %error, "an epoch could not be taken");
        }
        number
    }
}

/// How long a link that is full is left alone.
const LINK_PATIENCE: std::time::Duration = std::time::Duration::from_millis(1);

fn octets(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn buffer() -> Box<[u8]> {
    vec![0; PACKET_OCTETS_MAX].into_boxed_slice()
}

/// What is known of the host.
impl Machine {
    /// The endpoint, to be asked; what changes it is called on the machine.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The link.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }

    pub(crate) fn set_waker(&mut self, waker: std::sync::Arc<mio::Waker>) {
        self.link.set_waker(waker);
    }

    /// The clock that its times are of.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The epochs so far.
    #[must_use]
    pub fn epochs(&self) -> EpochStatus {
        self.epochs.status()
    }

    /// What it has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Connections that stand, in no particular order.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.iter().copied()
    }
}
