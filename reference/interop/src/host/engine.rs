//! The engine as a [`Stack`]: the only file that calls it.

use std::time::Duration;

use hiatus_engine::{
    Backlog, ChecksumStatus, CloseReason, Command, Config, ConnectionId, DEFAULT_RTO_MIN, Endpoint,
    EndpointLimits, EndpointSecrets, Event, ListenerId, Sacking, TcpState, Time, Timestamping,
};
use oorandom::Rand64;

use crate::case::{Case, Side, Use};
use hiatus_interop::stack::{Phase, Reading, Stack};
use hiatus_interop::trouble::Trouble;

/// Either buffer: more than the bandwidth-delay product of any run.
const BUFFER_OCTETS: u32 = 256 * 1024;
/// 256 KiB need two bits more than the window field has.
const WINDOW_SCALE: u8 = 3;
/// TIME-WAIT outlasts every retransmission of the peer's FIN in a run.
const MSL: Duration = Duration::from_secs(60);

/// An endpoint of the engine with one connection.
pub(crate) struct Engine {
    endpoint: Endpoint,
    /// Where the connection comes from, if the peer opens it.
    listener: Option<ListenerId>,
    connection: Option<ConnectionId>,
    was_connected: bool,
    peer_has_closed: bool,
    closed: Option<CloseReason>,
}

impl Engine {
    /// Opens actively or passively, as `case` says.
    pub(crate) fn open(now: Duration, case: &Case) -> Result<Self, Trouble> {
        let (local, remote) = (case.address(Side::Us), case.address(Side::Them));
        let mut endpoint = Endpoint::new(secrets(case), EndpointLimits::default());
        let (mut listener, mut connection) = (None, None);
        match case.opener {
            Side::Us => {
                let opened = endpoint.connect(time(now), local, remote, config(case));
                connection = Some(opened.map_err(|error| broken(&error))?);
            }
            Side::Them => {
                let listening = endpoint.listen(local, config(case), Backlog::default());
                listener = Some(listening.map_err(|error| broken(&error))?);
            }
        }
        Ok(Self {
            endpoint,
            listener,
            connection,
            was_connected: false,
            peer_has_closed: false,
            closed: None,
        })
    }

    fn note_events(&mut self) {
        while let Some((_, event)) = self.endpoint.poll_event() {
            match event {
                Event::Connected => self.was_connected = true,
                Event::PeerClosed => self.peer_has_closed = true,
                Event::Closed { reason } => self.closed = Some(reason),
                _ => {}
            }
        }
        if self.connection.is_none() {
            self.connection = self.listener.and_then(|listener| self.endpoint.accept(listener));
        }
    }

    fn connection(&self) -> Result<ConnectionId, Trouble> {
        self.connection.ok_or_else(|| broken(&"nobody has connected"))
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
fn secrets(case: &Case) -> EndpointSecrets {
    let mut random = Rand64::new(u128::from(case.seed(Side::Us)));
    let mut secret = || ((u128::from(random.rand_u64()) << 64) | u128::from(random.rand_u64())).to_be_bytes();
    EndpointSecrets { host: secret(), instance: secret() }
}

fn time(now: Duration) -> Time {
    Time(u64::try_from(now.as_micros()).unwrap_or(u64::MAX))
}

impl Stack for Engine {
    fn receive(&mut self, now: Duration, packet: &[u8]) {
        self.endpoint.handle_packet(time(now), packet, ChecksumStatus::ToVerify);
        self.note_events();
    }

    fn transmit(&mut self, now: Duration, buffer: &mut [u8]) -> Option<usize> {
        // The MSS bounds the packet, not the buffer: that the MTU is kept is judged by whoever watches the wire.
        self.endpoint.poll_packet(time(now), buffer).map(|packet| packet.len_octets)
    }

    fn handle_time(&mut self, now: Duration) {
        self.endpoint.handle_timeout(time(now));
        self.note_events();
    }

    fn next_time(&mut self, _now: Duration) -> Option<Duration> {
        self.endpoint.poll_timeout().map(|time| Duration::from_micros(time.micros()))
    }

    fn write(&mut self, now: Duration, octets: &[u8]) -> Result<usize, Trouble> {
        let id = self.connection()?;
        self.endpoint.write(time(now), id, octets).map_err(|error| broken(&error))
    }

    fn read(&mut self, now: Duration, room: &mut [u8]) -> Result<Reading, Trouble> {
        let id = self.connection()?;
        Ok(match self.endpoint.read(time(now), id, room) {
            0 if self.peer_has_closed => Reading::End,
            0 => Reading::Nothing,
            count => Reading::Octets(count),
        })
    }

    fn finish(&mut self, now: Duration) -> Result<bool, Trouble> {
        let id = self.connection()?;
        self.endpoint.command(time(now), id, Command::Close).map_err(|error| broken(&error))?;
        Ok(true)
    }

    fn abort(&mut self, now: Duration) -> Result<(), Trouble> {
        let id = self.connection()?;
        self.endpoint.command(time(now), id, Command::Abort).map_err(|error| broken(&error))
    }

    fn phase(&self) -> Result<Phase, Trouble> {
        let state = self.connection.map(|id| self.endpoint.state(id));
        match (state, self.closed) {
            (_, Some(CloseReason::Finished)) | (Some(TcpState::TimeWait), None) => Ok(Phase::Closed),
            (_, Some(reason)) => Err(broken(&reason)),
            (Some(_), None) if self.was_connected => Ok(Phase::Open),
            _ => Ok(Phase::Opening),
        }
    }

    fn describe(&self) -> String {
        self.connection.map_or(TcpState::Listen, |id| self.endpoint.state(id)).to_string()
    }
}
