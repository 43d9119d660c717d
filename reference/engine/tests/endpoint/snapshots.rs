//! Epochs of a whole endpoint, and a host that is restored to one (draft, {#restoring}, {#snapshot}).

use core::time::Duration;
use std::collections::BTreeMap;

use hiatus_codec::{CapableBits, Flags, HoldTime, KnownOptions, Message};
use hiatus_engine::{
    ChecksumStatus, Command, Config, ConnectError, ConnectionId, Endpoint, EndpointLimits, Event, Extent,
    HiatusPolicy, Offer, PeerState, Placed, RecordError, Restoration, RestoreError, Saved, SelfState,
    Sending, TcpState, Time, Timestamping,
};

use crate::net::{B_SECRETS, Net, Side, V4, V6, has, hiatus_config, segment_of};

/// N and K, and a hold of two hours.
fn older_config() -> Config {
    let bits = CapableBits::new(1).with_older().with_retention();
    let offer = Offer { bits, hold: HoldTime::from_seconds(7200) };
    Config { hiatus: HiatusPolicy::On(offer), ..Config::default() }
}

/// What a host keeps of its epochs: the records by name.
#[derive(Debug, Clone, Default)]
struct Store {
    records: BTreeMap<ConnectionId, Vec<u8>>,
    taken: Time,
    epoch: u32,
    /// Connections told of and gone, of the latest epoch.
    told: (usize, usize),
}

impl Store {
    fn take(&mut self, now: Time, endpoint: &mut Endpoint) -> Extent {
        self.epoch += 1;
        self.taken = now;
        self.told = (0, 0);
        let mut told = Vec::new();
        let extent = endpoint.snapshot_taken(now, self.epoch, |saved| {
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
                Some(record) => {
                    self.told.0 += 1;
                    self.records.insert(id, record);
                }
                None => {
                    self.told.1 += 1;
                    assert!(self.records.remove(&id).is_some(), "what is gone was there");
                }
            }
        }
        extent
    }

    fn take_durable(&mut self, net: &mut Net) -> Extent {
        let now = net.now;
        let extent = self.take(now, &mut net.b);
        net.b.snapshot_durable(now, self.epoch);
        extent
    }

    fn life(&self, incarnation: u32) -> Restoration {
        Restoration {
            incarnation,
            instance: [incarnation.to_le_bytes()[0]; 16],
            tsval_ceiling: 1 << 30,
            taken: self.taken,
        }
    }

    /// B is restored, its clock at `now`; gives what became of each record.
    fn restore(&self, net: &mut Net, life: &Restoration, limits: EndpointLimits) -> Vec<Placed> {
        let config = net.config;
        let mut b = Endpoint::restoring(B_SECRETS, limits);
        net.listener = b.listen(net.addresses.b(), config, Default::default()).unwrap();
        let mut placed = Vec::new();
        let records = self.records.values().map(|record| (&config, record.as_slice()));
        b.restore(net.now, life, records, |found| placed.push(found)).unwrap();
        net.b = b;
        placed
    }
}

fn kept(placed: &[Placed]) -> Vec<ConnectionId> {
    let id = |placed: &Placed| if let Placed::Kept(id) = placed { Some(*id) } else { None };
    placed.iter().filter_map(id).collect()
}

/// RESUMEs among packets.
fn resumes(packets: &[Vec<u8>]) -> usize {
    let is_resume = |packet: &&Vec<u8>| {
        let option = KnownOptions::parse(&segment_of(packet)).hiatus;
        option.is_some_and(|option| matches!(option.message(), Message::Resume(_)))
    };
    packets.iter().filter(is_resume).count()
}

#[test]
fn a_snapshot_tells_what_changed_and_who_is_gone() {
    let mut net = Net::new(V4, older_config());
    let ids: Vec<_> = (0..5).map(|_| net.connected()).collect();
    net.pass(Duration::from_secs(3));
    let mut store = Store::default();
    assert_eq!((store.take(net.now, &mut net.b), store.told), (Extent::Full, (5, 0)));
    assert_eq!((store.take(net.now, &mut net.b), store.told), (Extent::Changes, (0, 0)));
    net.carry(Side::A, ids[1], b"one");
    net.b.command(net.now, ids[3].1, Command::Abort).unwrap();
    net.exchange();
    net.events(Side::B);
    net.events(Side::A);
    assert_eq!((store.take(net.now, &mut net.b), store.told), (Extent::Changes, (1, 1)));
    // One that comes and goes between two epochs is in neither.
    let (_, b) = net.connected();
    net.b.command(net.now, b, Command::Abort).unwrap();
    net.exchange();
    net.pass(Duration::from_secs(61));
    net.events(Side::B);
    store.take(net.now, &mut net.b);
    assert_eq!(store.told.1, 0);
    assert_eq!(store.records.len(), 4);
}

#[test]
fn a_restored_host_goes_on_where_its_epoch_was() {
    for addresses in [V4, V6] {
        let mut net = Net::new(addresses, older_config());
        let (a, b) = net.connected();
        net.a.write(net.now, a, b"received and not read").unwrap();
        net.exchange();
        let mut store = Store::default();
        store.take_durable(&mut net);
        net.exchange();
        // What follows is lost, and comes again.
        net.a.write(net.now, a, b", and later").unwrap();
        net.exchange();
        assert_eq!(net.b.readable_octets(b), 32);
        let placed = store.restore(&mut net, &store.life(1), EndpointLimits::default());
        let [b] = kept(&placed)[..] else { panic!("{placed:?}") };
        assert_eq!((net.b.self_state(b), net.b.readable_octets(b)), (SelfState::Resuming, 21));
        assert_eq!(net.b.remote(b), net.a.local(a));
        net.pass(Duration::from_secs(1));
        assert_eq!(net.b.self_state(b), SelfState::Up);
        let mut buffer = [0; 100];
        assert_eq!(net.b.read(net.now, b, &mut buffer), 32);
        assert_eq!(&buffer[..32], b"received and not read, and later");
        net.carry(Side::B, (a, b), &[7; 100_000]);
        net.carry(Side::A, (a, b), &[8; 100_000]);
        net.b.check_invariants().unwrap();
        // And once more, from an epoch of this life.
        let mut next = Store { epoch: store.epoch, ..Store::default() };
        assert_eq!(next.take_durable(&mut net), Extent::Full);
        net.pass(Duration::from_secs(5));
        let placed = next.restore(&mut net, &next.life(2), EndpointLimits::default());
        let [b] = kept(&placed)[..] else { panic!("{placed:?}") };
        net.pass(Duration::from_secs(1));
        net.carry(Side::B, (a, b), b"again");
        net.carry(Side::A, (a, b), b"and again");
    }
}

#[test]
fn connections_that_are_lost_are_deleted_without_a_segment() {
    let plain = Config::default();
    let untimed = Config { timestamps: Timestamping::Off, ..older_config() };
    for config in [plain, hiatus_config(), untimed] {
        let mut net = Net::new(V4, config);
        let (a, _) = net.connected();
        let mut store = Store::default();
        store.take_durable(&mut net);
        net.exchange();
        let placed = store.restore(&mut net, &store.life(1), EndpointLimits::default());
        let (local, remote) = (V4.b(), net.a.local(a).unwrap());
        assert_eq!(placed, [Placed::Lost { local, remote }]);
        assert_eq!(net.b.connections(), 0);
        assert!(net.leaving(Side::B).is_empty());
        // From now on the host answers as one without state does.
        net.a.write(net.now, a, b"hello").unwrap();
        let packets = net.leaving(Side::A);
        net.give(Side::B, &packets);
        assert!(net.leaving(Side::B).iter().all(|packet| has(packet, Flags::RST)));
    }
}

#[test]
fn an_endpoint_under_restore_is_mute() {
    let mut net = Net::new(V4, older_config());
    let (a, _) = net.connected();
    let mut store = Store::default();
    store.take_durable(&mut net);
    net.exchange();
    let mut b = Endpoint::restoring(B_SECRETS, EndpointLimits::default());
    b.listen(V4.b(), net.config, Default::default()).unwrap();
    // A segment of a saved connection, a SYN to a listener and one to nobody.
    net.a.write(net.now, a, b"hello").unwrap();
    net.connect();
    net.a.connect(net.now, V4.a(), "192.0.2.2:81".parse().unwrap(), net.config).unwrap();
    let packets = net.leaving(Side::A);
    assert_eq!(packets.len(), 3);
    for packet in &packets {
        b.handle_packet(net.now, packet, ChecksumStatus::ToVerify);
        assert_eq!(b.poll_packet(net.now, &mut [0; 1500]), None);
    }
    assert_eq!((b.connections(), b.poll_timeout()), (0, None));
    let refused = b.connect(net.now, "192.0.2.2:0".parse().unwrap(), net.a.local(a).unwrap(), net.config);
    assert_eq!(refused, Err(ConnectError::Restoring));
    // One that was never to be restored is not.
    let error =
        Endpoint::new(B_SECRETS, EndpointLimits::default()).restore(net.now, &store.life(1), [], |_| {});
    assert_eq!(error, Err(RestoreError::NotRestoring));
}

#[test]
fn all_connections_are_restored_or_none() {
    let mut net = Net::new(V4, older_config());
    for _ in 0..3 {
        net.connected();
    }
    let mut store = Store::default();
    store.take_durable(&mut net);
    let config = net.config;
    let records: Vec<Vec<u8>> = store.records.values().cloned().collect();
    let life = store.life(1);
    let mut limits = EndpointLimits::default();
    let attempt = |limits: EndpointLimits, life: &Restoration, records: &[Vec<u8>]| {
        let mut b = Endpoint::restoring(B_SECRETS, limits);
        b.listen(V4.b(), config, Default::default()).unwrap();
        let records = records.iter().map(|record| (&config, record.as_slice()));
        let error = b.restore(Time::ZERO, life, records, |_| {}).unwrap_err();
        b.check_invariants().unwrap();
        assert_eq!((b.connections(), b.poll_packet(Time::ZERO, &mut [0; 1500])), (0, None));
        (b, error)
    };
    let mut damaged = records.clone();
    damaged[2][150] ^= 1;
    let (mut b, error) = attempt(limits, &life, &damaged);
    assert!(matches!(error, RestoreError::Record { nth: 2, error: RecordError::Damaged { .. } }), "{error}");
    // An older epoch may do.
    let whole = records.iter().map(|record| (&config, record.as_slice()));
    assert_eq!(b.restore(Time::ZERO, &life, whole, |_| {}), Ok(()));
    b.check_invariants().unwrap();
    assert_eq!(b.connections(), 3);
    let twice = [records[0].clone(), records[1].clone(), records[0].clone()];
    assert!(matches!(attempt(limits, &life, &twice).1, RestoreError::Twice { nth: 2, .. }));
    let used = Restoration { incarnation: 0, ..life };
    let not_newer = RestoreError::NotNewer { nth: 0, found: 0, present: 0 };
    assert_eq!(attempt(limits, &used, &records).1, not_newer);
    let earlier = Restoration { taken: Time(life.taken.0 - 1), ..life };
    let later = RestoreError::TakenLater { nth: 0, found: life.taken, expected: earlier.taken };
    assert_eq!(attempt(limits, &earlier, &records).1, later);
    limits.connections_max = 2;
    assert_eq!(attempt(limits, &life, &records).1, RestoreError::Full { connections_max: 2 });
}

#[test]
fn resumes_of_a_restored_host_are_spread() {
    let mut net = Net::new(V4, older_config());
    for _ in 0..100 {
        net.connected();
    }
    let mut store = Store::default();
    store.take_durable(&mut net);
    net.exchange();
    let limits = EndpointLimits { resumes_per_second: 10, ..EndpointLimits::default() };
    store.restore(&mut net, &store.life(1), limits);
    let began = net.now;
    let mut sent = Vec::new();
    while let Some(due) = net.b.poll_timeout().filter(|due| *due <= began + Duration::from_secs(11)) {
        net.now = net.now.max(due);
        net.b.handle_timeout(net.now);
        let packets = net.leaving(Side::B);
        sent.extend(core::iter::repeat_n(net.now.since(began).as_secs(), resumes(&packets)));
        net.give(Side::A, &packets);
        let packets = net.leaving(Side::A);
        net.give(Side::B, &packets);
        let packets = net.leaving(Side::B);
        net.give(Side::A, &packets);
    }
    assert_eq!(sent.len(), 100);
    for second in 0..10 {
        let count = sent.iter().filter(|at| **at == second).count();
        assert!((9..=11).contains(&count), "{count} in second {second}");
    }
    assert_eq!(net.b.returning(), 0);
    net.b.check_invariants().unwrap();
}

#[test]
fn a_segment_brings_a_connection_back_before_its_turn() {
    let mut net = Net::new(V4, older_config());
    let ids: Vec<_> = (0..10).map(|_| net.connected()).collect();
    let mut store = Store::default();
    store.take_durable(&mut net);
    net.exchange();
    let limits = EndpointLimits { resumes_per_second: 1, ..EndpointLimits::default() };
    let placed = kept(&store.restore(&mut net, &store.life(1), limits));
    let (a, _) = ids[9];
    let b = *placed.iter().find(|b| net.b.remote(**b) == net.a.local(a)).unwrap();
    net.carry(Side::A, (a, b), b"what about me");
    assert_eq!(net.b.self_state(b), SelfState::Up);
    assert!(net.b.returning() > 0);
    // One that waits still can be saved: it is what it was.
    let mut next = Store { epoch: store.epoch, ..Store::default() };
    next.take_durable(&mut net);
    assert_eq!(next.records.len(), 10);
    let placed = kept(&next.restore(&mut net, &next.life(2), EndpointLimits::default()));
    net.pass(Duration::from_secs(10));
    for (a, _) in ids {
        let b = *placed.iter().find(|b| net.b.remote(**b) == net.a.local(a)).unwrap();
        net.carry(Side::B, (a, b), b"there");
    }
}

#[test]
fn time_before_the_epoch_is_charged_to_a_hold_and_time_after_it_is_not() {
    let mut net = Net::new(V4, older_config());
    let (a, _) = net.connected();
    net.a.command(net.now, a, Command::Suspend { expected_absence: HoldTime::NONE }).unwrap();
    net.exchange();
    let mut store = Store::default();
    store.take_durable(&mut net);
    // A was told, which is a change too.
    store.take(net.now, &mut net.b);
    // The record stays what it was; the epoch is an hour younger.
    net.now = net.now + Duration::from_secs(3600);
    store.take(net.now, &mut net.b);
    assert_eq!(store.told, (0, 0));
    net.now = Time::from_secs(5);
    let placed = store.restore(&mut net, &store.life(1), EndpointLimits::default());
    let b = kept(&placed)[0];
    assert_eq!(net.b.peer_state(b), PeerState::Held);
    let began = net.now;
    let over = |events: Vec<(ConnectionId, Event)>| {
        events.iter().any(|(_, event)| matches!(event, Event::Closed { .. }))
    };
    // Nobody answers.
    let mut closed_at = None;
    while let Some(due) = net.b.poll_timeout().filter(|_| closed_at.is_none()) {
        net.now = net.now.max(due);
        net.b.handle_timeout(net.now);
        net.leaving(Side::B);
        closed_at = over(net.events(Side::B)).then_some(net.now);
    }
    // 7200 s were granted.
    let lasted = closed_at.unwrap().since(began);
    assert!((3599..=3602).contains(&lasted.as_secs()), "{lasted:?}");
}

#[test]
fn a_durable_epoch_lets_octets_out_and_tells_peers() {
    let config = Config { sending: Sending::HoldSend, ..older_config() };
    let mut net = Net::new(V4, config);
    let (a, b) = net.connected();
    net.a.write(net.now, a, b"question").unwrap();
    let mut store = Store::default();
    // A holds back as well.
    net.a.snapshot_taken(net.now, 1, |_| {});
    net.exchange();
    assert_eq!(net.b.readable_octets(b), 0);
    net.a.snapshot_durable(net.now, 1);
    net.exchange();
    assert_eq!(net.b.readable_octets(b), 8);
    net.b.write(net.now, b, b"answer").unwrap();
    store.take(net.now, &mut net.b);
    net.b.write(net.now, b, b", and more").unwrap();
    net.b.snapshot_durable(net.now, 99);
    net.exchange();
    assert_eq!(net.a.readable_octets(a), 0, "no such epoch");
    net.b.snapshot_durable(net.now, store.epoch);
    net.exchange();
    assert_eq!(net.a.readable_octets(a), 6);
    // "question" takes positions 1 to 8: A knows that B has it for good.
    assert_eq!(net.a.info(a).unwrap().stable.peer.0, 9);
    // Epochs that nobody calls durable are let out by a later one, however many there are.
    for _ in 0..20 {
        store.take(net.now, &mut net.b);
    }
    net.b.snapshot_durable(net.now, store.epoch);
    net.exchange();
    assert_eq!(net.a.readable_octets(a), 16);
    assert_eq!(net.b.state(b), TcpState::Established);
    // Nothing is left to tell.
    store.take_durable(&mut net);
    net.exchange();
    let packets = net.packets;
    store.take_durable(&mut net);
    net.exchange();
    assert_eq!(net.packets, packets);
}

#[test]
fn timestamps_of_a_restored_host_lie_a_step_above_those_of_its_earlier_lives() {
    let tsval = |packet: &[u8]| KnownOptions::parse(&segment_of(packet)).timestamps.unwrap().value;
    let mut net = Net::new(V4, older_config());
    let (_, b) = net.connected();
    net.b.write(net.now, b, b"x").unwrap();
    let before = tsval(&net.leaving(Side::B)[0]);
    let clock = net.b.timestamp_clock(net.now);
    let mut store = Store::default();
    store.take_durable(&mut net);
    net.now = Time::from_secs(1);
    let life = Restoration { tsval_ceiling: clock + 500, ..store.life(1) };
    store.restore(&mut net, &life, EndpointLimits { resumes_per_second: 1, ..EndpointLimits::default() });
    net.b.handle_timeout(net.now);
    let resume = net.leaving(Side::B);
    assert_eq!(resumes(&resume), 1);
    // HIA-MUST-109: 2^22 ticks, above the ceiling, which was 500 above what was sent.
    assert_eq!(tsval(&resume[0]).wrapping_sub(before), (1 << 22) + 500);
    assert_eq!(net.b.timestamp_clock(net.now), clock + 500 + (1 << 22));
}
