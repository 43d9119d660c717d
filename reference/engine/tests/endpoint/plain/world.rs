//! An ordinary TCP, an end that crashes, its store, both applications, and the network between them.

use core::time::Duration;
use std::collections::BTreeMap;

use hiatus_codec::{Flags, KnownOptions, SequenceNumber};
use hiatus_engine::{
    Backlog, ChecksumStatus, CloseReason, Command, Config, ConnectionId, Endpoint, EndpointLimits, Event,
    Extent, HiatusState, ListenerId, Placed, Restoration, Saved, TcpState, Time,
};
use oorandom::Rand32;

use crate::net::{A_SECRETS, Addresses, B_SECRETS, MTU_OCTETS, segment_of};

const ONE_WAY: Duration = Duration::from_millis(10);
/// Between two epochs.
const INTERVAL: Duration = Duration::from_millis(25);
/// From TAKEN to DURABLE.
const FLUSH: Duration = Duration::from_millis(6);
/// The least step of timestamps between two lives, in ticks (draft, {#restoring}).
const STEP_TICKS: u32 = 1 << 22;
const EVENTS_MAX: usize = 50_000;
/// Octets of a write.
const PIECE_OCTETS: usize = 1000;

/// Who opens the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opens {
    Peer,
    Own,
}

/// For how long the end is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Away {
    Shortly,
    Long,
}

impl Away {
    pub(crate) fn lasts(self) -> Duration {
        Duration::from_millis(if self == Self::Shortly { 7 } else { 20_000 })
    }
}

/// When the endpoint is told that an epoch is DURABLE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    WhenDurable,
    /// Too early.
    WhenTaken,
}

/// What the host says of the epoch that it restores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restores {
    Latest,
    Older,
}

/// An application: it writes, closes, and reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Application {
    written_octets: usize,
    has_closed: bool,
    read: Vec<u8>,
    peer_has_closed: bool,
}

/// What an epoch has.
#[derive(Debug, Clone, Default)]
struct Saving {
    records: BTreeMap<ConnectionId, Vec<u8>>,
    application: Application,
    /// Octets that its connection had received, read or not; and whether the FIN was.
    received_octets: usize,
    fin_is_received: bool,
    taken: Time,
    epoch: u32,
}

pub(crate) struct World {
    now: Time,
    peer: Endpoint,
    /// `None` while it is away.
    own: Option<Endpoint>,
    addresses: Addresses,
    listener: ListenerId,
    peer_id: Option<ConnectionId>,
    own_id: Option<ConnectionId>,
    own_config: Config,
    applications: [Application; 2],
    octets: [Vec<u8>; 2],
    network: BTreeMap<(Time, u64), (bool, Vec<u8>)>,
    packets: u64,
    records: BTreeMap<ConnectionId, Vec<u8>>,
    pending: Vec<(Time, Saving)>,
    durable: Option<Saving>,
    next_epoch: (Time, u32),
    back_at: Option<Time>,
    incarnation: u32,
    ceiling: u32,
    /// ISS of the peer and of this end, as they stood on their SYNs.
    isns: [Option<SequenceNumber>; 2],
    latest_tsval: Option<u32>,
    least_tsval: Option<u32>,
    opens: Opens,
    opened: bool,
    pub(crate) crash_at: Vec<usize>,
    pub(crate) crashes: usize,
    pub(crate) away: Away,
    pub(crate) seed: u64,
    pub(crate) lost_of_100: u32,
    pub(crate) read_octets_max: usize,
    pub(crate) told: Told,
    pub(crate) restores: Restores,
    pub(crate) judges_packets: bool,
    /// How far Hiatus is, once the connection was there.
    pub(crate) hiatus: Option<HiatusState>,
    /// When the last octet had been read.
    pub(crate) read_at: Time,
}

/// Octets that do not repeat soon.
fn octets(count: usize, salt: u32) -> Vec<u8> {
    let count = u32::try_from(count).unwrap();
    (0..count).map(|n| ((n + salt).wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0]).collect()
}

impl World {
    pub(crate) fn new(
        addresses: Addresses,
        opens: Opens,
        peer_config: Config,
        own_config: Config,
        octets_each: usize,
    ) -> Self {
        let mut peer = Endpoint::new(A_SECRETS, EndpointLimits::default());
        let mut own = Endpoint::new(B_SECRETS, EndpointLimits::default());
        let now = Time::from_secs(1000);
        let (mut peer_id, mut own_id) = (None, None);
        let listener = match opens {
            Opens::Peer => {
                let listener = own.listen(addresses.b(), own_config, Backlog::default()).unwrap();
                peer_id = Some(peer.connect(now, addresses.a(), addresses.b(), peer_config).unwrap());
                listener
            }
            Opens::Own => {
                let listener = peer.listen(addresses.b(), peer_config, Backlog::default()).unwrap();
                own_id = Some(own.connect(now, addresses.a(), addresses.b(), own_config).unwrap());
                listener
            }
        };
        Self {
            now,
            peer,
            own: Some(own),
            addresses,
            listener,
            peer_id,
            own_id,
            own_config,
            applications: Default::default(),
            octets: [octets(octets_each, 1), octets(octets_each, 77)],
            network: BTreeMap::new(),
            packets: 0,
            records: BTreeMap::new(),
            pending: Vec::new(),
            durable: None,
            next_epoch: (now + INTERVAL, 1),
            back_at: None,
            incarnation: 0,
            ceiling: 0,
            isns: [None; 2],
            latest_tsval: None,
            least_tsval: None,
            opens,
            opened: false,
            crash_at: Vec::new(),
            crashes: 0,
            away: Away::Shortly,
            seed: 1,
            lost_of_100: 0,
            read_octets_max: usize::MAX,
            told: Told::WhenDurable,
            restores: Restores::Latest,
            judges_packets: true,
            hiatus: None,
            read_at: Time::ZERO,
        }
    }

    /// Until both applications have everything and both ends are closed, or have only TIME-WAIT before them.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        let mut dice = Rand32::new(self.seed);
        let mut events = 0;
        for turn in 0..EVENTS_MAX {
            self.turn(&mut dice)?;
            if self.is_over() {
                return Ok(());
            }
            // Before the first epoch with the connection in it a crash leaves no connection, and no octet that anybody knows.
            if self.opened && self.own.is_some() {
                if self.crash_at.contains(&events) {
                    self.crash();
                }
                events += 1;
            }
            let next = self.next_time().ok_or_else(|| format!("nothing happens any more, turn {turn}"))?;
            self.now = self.now.max(next);
        }
        Err(format!("it does not end: {:?}", self.progress()))
    }

    fn progress(&self) -> Vec<(usize, usize, bool, bool)> {
        let one = |application: &Application| {
            let Application { written_octets, has_closed, read, peer_has_closed } = application;
            (*written_octets, read.len(), *has_closed, *peer_has_closed)
        };
        self.applications.iter().map(one).collect()
    }

    fn is_over(&mut self) -> bool {
        let [peer, own] = &self.applications;
        if self.read_at == Time::ZERO && peer.read == self.octets[1] && own.read == self.octets[0] {
            self.read_at = self.now;
        }
        let is_read = peer.read == self.octets[1] && own.read == self.octets[0];
        let over = |endpoint: &Endpoint, id: Option<ConnectionId>| {
            id.is_some_and(|id| matches!(endpoint.state(id), TcpState::Closed | TcpState::TimeWait))
        };
        let own_is_over = self.own.as_ref().is_some_and(|endpoint| over(endpoint, self.own_id));
        is_read
            && peer.peer_has_closed
            && own.peer_has_closed
            && over(&self.peer, self.peer_id)
            && own_is_over
    }

    fn next_time(&self) -> Option<Time> {
        let arrival = self.network.first_key_value().map(|((at, _), _)| *at);
        let own =
            self.own.as_ref().map(|own| own.poll_timeout().into_iter().chain([self.next_epoch.0]).min());
        let flush = self.pending.first().map(|(at, _)| *at);
        [arrival, self.peer.poll_timeout(), own.flatten(), flush, self.back_at].into_iter().flatten().min()
    }

    /// All that is due now.
    fn turn(&mut self, dice: &mut Rand32) -> Result<(), String> {
        let now = self.now;
        if self.back_at.is_some_and(|at| at <= now) {
            self.come_back()?;
        }
        if let Some(entry) = self.network.first_entry().filter(|entry| entry.key().0 <= now) {
            let (to_own, packet) = entry.remove();
            let to = if to_own { self.own.as_mut() } else { Some(&mut self.peer) };
            if let Some(to) = to {
                to.handle_packet(now, &packet, ChecksumStatus::ToVerify);
            }
        }
        self.peer.handle_timeout(now);
        if let Some(own) = &mut self.own {
            own.handle_timeout(now);
        }
        self.accept();
        self.run_applications()?;
        self.epochs();
        self.send(dice)
    }

    fn accept(&mut self) {
        match self.opens {
            Opens::Peer => {
                if let (None, Some(own)) = (self.own_id, &mut self.own) {
                    self.own_id = own.accept(self.listener);
                }
            }
            Opens::Own => self.peer_id = self.peer_id.or_else(|| self.peer.accept(self.listener)),
        }
        if let (Some(own), Some(id)) = (&self.own, self.own_id)
            && own.state(id) == TcpState::Established
        {
            self.hiatus = Some(own.hiatus_state(id));
        }
    }

    fn run_applications(&mut self) -> Result<(), String> {
        let now = self.now;
        let [peer, own] = &mut self.applications;
        let ends = [(Some(&mut self.peer), self.peer_id, peer), (self.own.as_mut(), self.own_id, own)];
        for ((endpoint, id, application), octets) in ends.into_iter().zip(&self.octets) {
            let (Some(endpoint), Some(id)) = (endpoint, id) else { continue };
            let mut room = [0; 2000];
            let count = self.read_octets_max.min(room.len());
            let count = endpoint.read(now, id, &mut room[..count]);
            application.read.extend_from_slice(&room[..count]);
            let rest = &octets[application.written_octets..];
            if !rest.is_empty() {
                let piece = &rest[..rest.len().min(PIECE_OCTETS)];
                application.written_octets += endpoint.write(now, id, piece).unwrap_or(0);
            } else if !application.has_closed && endpoint.state(id) != TcpState::SynSent {
                application.has_closed = endpoint.command(now, id, Command::Close).is_ok();
            }
            while let Some((_, event)) = endpoint.poll_event() {
                match event {
                    Event::PeerClosed => application.peer_has_closed = true,
                    Event::Closed { reason } if reason != CloseReason::Finished => {
                        return Err(format!("closed: {reason:?}"));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Takes an epoch if it is time, and makes one durable.
    fn epochs(&mut self) {
        let now = self.now;
        while let Some((at, _)) = self.pending.first()
            && *at <= now
        {
            let (_, saving) = self.pending.remove(0);
            if self.told == Told::WhenDurable
                && let Some(own) = &mut self.own
            {
                own.snapshot_durable(now, saving.epoch);
            }
            self.opened |= saving.received_octets > 0;
            self.durable = Some(saving);
        }
        let Some(own) = self.own.as_mut().filter(|_| self.next_epoch.0 <= now) else { return };
        let epoch = self.next_epoch.1;
        self.next_epoch = (now + INTERVAL, epoch + 1);
        let mut told = Vec::new();
        let extent = own.snapshot_taken(now, epoch, |saved| {
            told.push(match saved {
                Saved::Connection { id, record } => (id, Some(record.to_vec())),
                Saved::Gone { id } => (id, None),
            });
        });
        if extent == Extent::Full {
            self.records.clear();
        }
        for (id, record) in told {
            match record {
                Some(record) => self.records.insert(id, record),
                None => self.records.remove(&id),
            };
        }
        let application = self.applications[1].clone();
        let readable = self.own_id.map_or(0, |id| own.readable_octets(id));
        let saving = Saving {
            records: self.records.clone(),
            received_octets: application.read.len() + readable,
            fin_is_received: application.peer_has_closed,
            application,
            taken: now,
            epoch,
        };
        if self.told == Told::WhenTaken {
            own.snapshot_durable(now, epoch);
        }
        self.pending.push((now + FLUSH, saving));
    }

    fn send(&mut self, dice: &mut Rand32) -> Result<(), String> {
        let now = self.now;
        let mut buffer = [0; MTU_OCTETS];
        let mut sent = Vec::new();
        while let Some(packet) = self.peer.poll_packet(now, &mut buffer) {
            sent.push((true, buffer[..packet.len_octets].to_vec()));
        }
        if let Some(own) = &mut self.own {
            self.ceiling = own.timestamp_clock(now);
            while let Some(packet) = own.poll_packet(now, &mut buffer) {
                sent.push((false, buffer[..packet.len_octets].to_vec()));
            }
        }
        for (to_own, packet) in sent {
            self.judge(to_own, &packet)?;
            self.packets += 1;
            if dice.rand_range(0..100) >= self.lost_of_100 {
                self.network.insert((now + ONE_WAY, self.packets), (to_own, packet));
            }
        }
        Ok(())
    }

    /// What is wrong with a packet, if anything.
    fn judge(&mut self, is_peers: bool, packet: &[u8]) -> Result<(), String> {
        let segment = segment_of(packet);
        if segment.flags.contains(Flags::RST) {
            return Err(format!("{} sends an RST", if is_peers { "the peer" } else { "this end" }));
        }
        if segment.flags.contains(Flags::SYN) {
            self.isns[usize::from(!is_peers)].get_or_insert(segment.seq);
            return Ok(());
        }
        let ([Some(irs), Some(iss)], false, true) = (self.isns, is_peers, self.judges_packets) else {
            return Ok(());
        };
        if let Some(timestamps) = KnownOptions::parse(&segment).timestamps {
            let is_before = |a: u32, b: u32| b.wrapping_sub(a).wrapping_sub(1) < 1 << 31;
            if self.least_tsval.is_some_and(|least| is_before(timestamps.value, least)) {
                return Err(format!("TSval {} is not above those before the crash", timestamps.value));
            }
            self.latest_tsval = Some(timestamps.value);
        }
        let nothing = Saving::default();
        let durable = self.durable.as_ref().unwrap_or(&nothing);
        let position = |number: SequenceNumber, first: SequenceNumber| {
            usize::try_from(number.0.wrapping_sub(first.0).wrapping_sub(1)).unwrap()
        };
        let acknowledged = position(segment.ack, irs);
        let stable = durable.received_octets + usize::from(durable.fin_is_received);
        if acknowledged > stable {
            return Err(format!("octet {acknowledged} is acknowledged, durable are {stable}"));
        }
        if segment.payload.is_empty() && !segment.flags.contains(Flags::FIN) {
            return Ok(());
        }
        let fin = usize::from(segment.flags.contains(Flags::FIN));
        let end = position(segment.seq, iss) + segment.payload.len() + fin;
        let Application { written_octets, has_closed, .. } = durable.application;
        let may_send = written_octets + usize::from(has_closed);
        if end > may_send {
            return Err(format!("octet {end} is sent, durable are {may_send}"));
        }
        Ok(())
    }

    fn crash(&mut self) {
        self.crashes += 1;
        self.own = None;
        // What was on its way to the disk may be there or not; here it is not.
        self.pending.clear();
        self.back_at = Some(self.now + self.away.lasts());
    }

    fn come_back(&mut self) -> Result<(), String> {
        self.back_at = None;
        let now = self.now;
        let saving = self.durable.clone().ok_or("there is no epoch")?;
        self.incarnation += 1;
        let life = Restoration {
            incarnation: self.incarnation,
            instance: [self.incarnation.to_le_bytes()[0]; 16],
            tsval_ceiling: self.ceiling,
            taken: saving.taken,
        };
        let mut own = Endpoint::restoring(B_SECRETS, EndpointLimits::default());
        if self.opens == Opens::Peer {
            self.listener = own.listen(self.addresses.b(), self.own_config, Backlog::default()).unwrap();
        }
        let records = saving.records.values().map(|record| (&self.own_config, record.as_slice()));
        let mut placed = Vec::new();
        let restored = match self.restores {
            Restores::Latest => own.restore_latest(now, &life, records, |found| placed.push(found)),
            Restores::Older => own.restore(now, &life, records, |found| placed.push(found)),
        };
        restored.map_err(|error| error.to_string())?;
        match placed.as_slice() {
            [Placed::Kept(id)] => self.own_id = Some(*id),
            // It was over.
            [] if saving.application.has_closed && saving.application.peer_has_closed => {}
            found => return Err(format!("the connection is lost: {found:?}")),
        }
        self.applications[1] = saving.application;
        self.least_tsval = self.latest_tsval.map(|latest| latest.wrapping_add(STEP_TICKS));
        self.own = Some(own);
        self.next_epoch = (now + INTERVAL, saving.epoch + 1);
        Ok(())
    }
}
