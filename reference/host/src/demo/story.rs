//! What both stories have in common: two hosts, a link, and what their applications do.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hiatus_engine::{
    Backlog, ChecksumStatus, Config, ConnectionId, Endpoint, EndpointLimits, EndpointSecrets, Event,
    ListenerId, Time,
};

use crate::demo::application::{Application, History, Side};
use crate::demo::ladder::Ladder;
use crate::demo::wire::{MTU_OCTETS, Wire};
use crate::demo::{DemoError, Plan, Progress};
use crate::epochs::drawn;

/// Of the networks for documentation (RFC 5737).
const ADDRESS_A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ADDRESS_B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const PORT: u16 = 80;
/// Room in each direction of a connection.
const BUFFER_OCTETS: u32 = 128 * 1024;
/// The shift that lets the window say so.
const WINDOW_SCALE: u8 = 3;
/// What most systems take in place of RFC 6298's second.
const RTO_MIN: Duration = Duration::from_millis(200);

/// A host, as it lies in memory.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) endpoint: Endpoint,
    pub(crate) listener: Option<ListenerId>,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) application: Application,
}

impl Host {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, listener: None, connection: None, application: Application::default() }
    }

    /// The host B of plain TCP, and of both at first: it listens.
    pub(crate) fn listening(mut endpoint: Endpoint, config: Config) -> Result<Self, DemoError> {
        let listener = endpoint
            .listen(SocketAddr::new(ADDRESS_B, PORT), config, Backlog::default())
            .map_err(|error| DemoError::Refused { what: "listen", why: error.to_string() })?;
        Ok(Self { listener: Some(listener), ..Self::new(endpoint) })
    }
}

/// An endpoint with secrets of its own.
pub(crate) fn endpoint() -> Result<Endpoint, DemoError> {
    let secrets = EndpointSecrets { host: drawn()?, instance: drawn()? };
    Ok(Endpoint::new(secrets, EndpointLimits::default()))
}

/// What both hosts of both stories have in common.
pub(crate) fn config(base: Config) -> Config {
    Config {
        receive_buffer_octets: BUFFER_OCTETS,
        send_buffer_octets: BUFFER_OCTETS,
        window_scale: Some(WINDOW_SCALE),
        rto_min: RTO_MIN,
        link_mtu_octets: Some(MTU_OCTETS),
        ..base
    }
}

/// Two hosts and what is between them.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) total: u64,
    pub(crate) a: Host,
    /// `None` while it has no power.
    pub(crate) b: Option<Host>,
    pub(crate) said_by_a: History,
    pub(crate) said_by_b: History,
    pub(crate) wire: Wire,
    /// Where segments are noted, if they are.
    pub(crate) ladder: Option<Ladder>,
    /// What B had read when its power went.
    pub(crate) latest: Progress,
}

impl Story {
    pub(crate) fn new(plan: &Plan, b: Host) -> Result<Self, DemoError> {
        Ok(Self {
            total: plan.octets,
            a: Host::new(endpoint()?),
            b: Some(b),
            said_by_a: History::new(Side::A),
            said_by_b: History::new(Side::B),
            wire: Wire::new(Duration::from_micros(plan.delay_us), plan.octets_per_second),
            ladder: None,
            latest: Progress::default(),
        })
    }

    /// A opens a connection, and the applications begin.
    pub(crate) fn connect(&mut self, now: Time, config: Config) -> Result<(), DemoError> {
        let local = SocketAddr::new(ADDRESS_A, 0);
        let id = self
            .a
            .endpoint
            .connect(now, local, SocketAddr::new(ADDRESS_B, PORT), config)
            .map_err(|error| DemoError::Refused { what: "connect", why: error.to_string() })?;
        self.a.connection = Some(id);
        self.a.application = Application::default();
        Ok(())
    }

    /// Octets that the applications have read. While B has no power, those that it had.
    pub(crate) fn progress(&self) -> Progress {
        let at_b = self.b.as_ref().map_or(self.latest.at_b, |b| b.application.read);
        Progress { at_a: self.a.application.read, at_b }
    }

    pub(crate) fn is_complete(&self) -> bool {
        let Progress { at_a, at_b } = self.progress();
        self.b.is_some() && at_a >= self.total && at_b >= self.total
    }

    /// Delivers what arrived, does what is due, lets the applications work, sends. Gives what was told.
    pub(crate) fn turn(&mut self, now: Time) -> Vec<(Side, ConnectionId, Event)> {
        for side in [Side::A, Side::B] {
            while let Some(packet) = self.wire.receive(now, side) {
                if let Some(host) = self.host(side) {
                    host.endpoint.handle_packet(now, &packet, ChecksumStatus::ToVerify);
                }
            }
        }
        let mut told = Vec::new();
        for side in [Side::A, Side::B] {
            let Some(host) = self.host(side) else { continue };
            host.endpoint.handle_timeout(now);
            while let Some((id, event)) = host.endpoint.poll_event() {
                told.push((side, id, event));
            }
            while let Some(id) = host.listener.and_then(|listener| host.endpoint.accept(listener)) {
                host.connection = Some(id);
                host.application = Application::default();
            }
        }
        self.work(now);
        self.carry(now);
        told
    }

    fn host(&mut self, side: Side) -> Option<&mut Host> {
        match side {
            Side::A => Some(&mut self.a),
            Side::B => self.b.as_mut(),
        }
    }

    fn work(&mut self, now: Time) {
        let Self { total, a, b, said_by_a, said_by_b, .. } = self;
        let at = (now, *total);
        if let Some(id) = a.connection {
            a.application.work(at, &mut a.endpoint, id, (said_by_a, said_by_b));
        }
        if let Some(b) = b
            && let Some(id) = b.connection
        {
            b.application.work(at, &mut b.endpoint, id, (said_by_b, said_by_a));
        }
    }

    /// Sends what waits.
    pub(crate) fn carry(&mut self, now: Time) {
        let mut buffer = [0; MTU_OCTETS as usize];
        for (from, to) in [(Side::A, Side::B), (Side::B, Side::A)] {
            while let Some(sent) =
                self.host(from).and_then(|host| host.endpoint.poll_packet(now, &mut buffer))
            {
                let packet = buffer.get(..sent.len_octets).unwrap_or_default();
                let segment = packet.get(sent.tcp_at..).unwrap_or_default();
                if let Some(ladder) = &mut self.ladder {
                    ladder.note(now, from, segment);
                }
                self.wire.send(now, to, packet);
            }
        }
    }
}
