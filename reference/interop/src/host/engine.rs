//! The engine as a [`Stack`]: the only file that calls it.

use std::net::SocketAddr;
use std::time::Duration;

use hiatus_codec::{ConnectionKey, Nonce, Segment, SequenceNumber};
use hiatus_engine::{
    CloseReason, Command, Config, Connection, DEFAULT_RTO_MIN, Endpoints, Entropy, Event, KeySource, Sacking,
    TcpState, Time, Timestamping,
};
use oorandom::Rand64;

use crate::case::{Case, Side, Use};
use crate::packet;
use crate::stack::{Phase, Reading, Stack};
use crate::trouble::Trouble;

/// Either buffer: more than the bandwidth-delay product of any run.
const BUFFER_OCTETS: u32 = 256 * 1024;
/// 256 KiB need two bits more than the window field has.
const WINDOW_SCALE: u8 = 3;
/// TIME-WAIT outlasts every retransmission of the peer's FIN in a run.
const MSL: Duration = Duration::from_secs(60);

/// One connection of the engine, with the IP layer around it.
pub(crate) struct Engine {
    connection: Connection,
    local: SocketAddr,
    remote: SocketAddr,
    was_connected: bool,
    peer_has_closed: bool,
    closed: Option<CloseReason>,
}

impl Engine {
    /// Opens actively or passively, as `case` says.
    pub(crate) fn open(now: Duration, case: &Case) -> Self {
        let (local, remote) = (case.address(Side::Us), case.address(Side::Them));
        let config = config(case);
        let entropy = entropy(case);
        let connection = match case.opener {
            Side::Us => Connection::connect(time(now), config, Endpoints { local, remote }, entropy),
            Side::Them => Connection::listen(config, local, entropy),
        };
        Self { connection, local, remote, was_connected: false, peer_has_closed: false, closed: None }
    }

    fn note_events(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Connected => self.was_connected = true,
                Event::PeerClosed => self.peer_has_closed = true,
                Event::Closed { reason } => self.closed = Some(reason),
                _ => {}
            }
        }
    }
}

fn broken(found: &impl ToString) -> Trouble {
    Trouble::Broken { stack: "engine", found: found.to_string() }
}

fn config(case: &Case) -> Config {
    Config {
        mss_octets: case.mss_octets(),
        receive_buffer_octets: BUFFER_OCTETS,
        send_buffer_octets: BUFFER_OCTETS,
        timestamps: match case.timestamps_of(Side::Us) {
            Use::On => Timestamping::On,
            Use::Off => Timestamping::Off,
        },
        window_scale: Some(WINDOW_SCALE),
        sack: match case.sack_of(Side::Us) {
            Use::On => Sacking::On,
            Use::Off => Sacking::Off,
        },
        rto_min: case.rto_min().unwrap_or(DEFAULT_RTO_MIN),
        msl: MSL,
        ..Config::default()
    }
}

/// Not random, so that a run can be repeated; another seed gives another.
fn entropy(case: &Case) -> Entropy {
    let mut random = Rand64::new(u128::from(case.seed(Side::Us)));
    let mut word = || u32::try_from(random.rand_u64() >> 32).unwrap_or_default();
    Entropy {
        isn: SequenceNumber(word()),
        connection_key: ConnectionKey([0; 8]),
        key_source: KeySource::Drawn,
        nonce: Nonce(1),
        timestamp_offset: word(),
    }
}

fn time(now: Duration) -> Time {
    Time(u64::try_from(now.as_micros()).unwrap_or(u64::MAX))
}

impl Stack for Engine {
    fn receive(&mut self, now: Duration, packet: &[u8]) {
        let Some(found) = packet::read(packet) else { return };
        if !found.is_sound || found.from != self.remote.ip() || found.to != self.local.ip() {
            return;
        }
        if let Ok(segment) = Segment::parse(found.segment) {
            self.connection.handle_segment(time(now), &segment);
            self.note_events();
        }
    }

    fn transmit(&mut self, now: Duration, buffer: &mut [u8]) -> Option<usize> {
        let at = packet::header_octets(self.remote.ip());
        // The MSS bounds the packet, not the buffer: that the MTU is kept is judged by whoever watches the wire.
        let room = buffer.get_mut(at..)?;
        let segment_octets = self.connection.poll_transmit(time(now), room)?.wire_len_octets();
        packet::finish(self.local, self.remote, buffer, segment_octets)
    }

    fn handle_time(&mut self, now: Duration) {
        self.connection.handle_timeout(time(now));
        self.note_events();
    }

    fn next_time(&mut self, _now: Duration) -> Option<Duration> {
        self.connection.poll_timeout().map(|time| Duration::from_micros(time.micros()))
    }

    fn write(&mut self, now: Duration, octets: &[u8]) -> Result<usize, Trouble> {
        self.connection.write(time(now), octets).map_err(|error| broken(&error))
    }

    fn read(&mut self, _now: Duration, room: &mut [u8]) -> Result<Reading, Trouble> {
        Ok(match self.connection.read(room) {
            0 if self.peer_has_closed => Reading::End,
            0 => Reading::Nothing,
            count => Reading::Octets(count),
        })
    }

    fn finish(&mut self, now: Duration) -> Result<bool, Trouble> {
        self.connection.handle_command(time(now), Command::Close).map_err(|error| broken(&error))?;
        Ok(true)
    }

    fn phase(&self) -> Result<Phase, Trouble> {
        match (self.connection.state(), self.closed) {
            (_, Some(CloseReason::Finished)) | (TcpState::TimeWait, None) => Ok(Phase::Closed),
            (_, Some(reason)) => Err(broken(&reason)),
            _ if !self.was_connected => Ok(Phase::Opening),
            _ => Ok(Phase::Open),
        }
    }

    fn describe(&self) -> String {
        self.connection.state().to_string()
    }
}
