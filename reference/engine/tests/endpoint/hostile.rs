//! Whatever arrives at an endpoint and whatever is asked of it, in any order: no panic, no endless loop, every bound
//! holds, and what nobody needs any more is gone.
//!
//! Two endpoints talk over a wire that loses, repeats and reorders. Between their packets come mutations of them, ICMP
//! errors about them, segments near them, SYNs from ports that nobody answers from, and noise.

use core::time::Duration;
use std::collections::BTreeMap;

use etherparse::IpSlice;
use hiatus_codec::{Flags, HoldTime, Nonce, SequenceNumber};
use hiatus_engine::{
    Backlog, ChecksumStatus, Command, Config, ConnectionId, EcnPolicy, Endpoint, EndpointLimits, Event,
    KeepAlive, ListenerId, Nagle, PathMtuDiscovery, Strays, TcpState, Time, Timestamping,
};
use oorandom::Rand32;

use crate::icmp::about;
use crate::net::{A_SECRETS, Addresses, B_SECRETS, V4, V6, forged, hiatus_config, segment_of};

/// Things that happen in one run.
const STEPS: u32 = 400;
/// Packets of the past that mutations are made of.
const POOL_MAX: usize = 64;
/// Packets that one endpoint sends at a time, at most: both windows of all connections, and the answers.
const BURST_MAX: usize = 10_000;
/// Timeouts that are waited for one by one; beyond them time jumps.
const TIMEOUTS_MAX: u32 = 500;
/// Calls at one time, at most.
const CALLS_MAX: u32 = 100;
/// Exchanges of packets at one time, at most: a send buffer in segments of an octet, where the path is said to be that
/// narrow.
const ROUNDS_MAX: u32 = 1 << 17;
const SEEDS: core::ops::Range<u64> = 0..60;
const LIMITS: EndpointLimits = EndpointLimits {
    connections_max: 24,
    time_wait_max: 3,
    held_max: 6,
    held_per_peer_max: 4,
    retained_octets_max: 1 << 20,
    retained_octets_per_peer_max: 1 << 19,
    events_max: 64,
    answers_max: 8,
    resets_per_second: 20,
    resumes_per_second: 1_000,
    packets_per_turn: 2,
    segments_per_packet: 1,
    checksum: hiatus_engine::ChecksumWriter::Endpoint,
};
const BACKLOG: Backlog = Backlog { half_open_max: 3, accept_max: 4 };

/// An endpoint and what its owner knows.
struct Host {
    endpoint: Endpoint,
    listeners: Vec<(ListenerId, Addresses)>,
    ids: Vec<ConnectionId>,
    /// Events of each connection that come once at most.
    ends: BTreeMap<ConnectionId, u32>,
}

struct World {
    random: Rand32,
    now: Time,
    hosts: [Host; 2],
    config: Config,
    /// To which host, and what.
    wire: Vec<(usize, Vec<u8>)>,
    pool: Vec<(usize, Vec<u8>)>,
}

fn config(random: &mut Rand32) -> Config {
    let hiatus = if below(random, 2) == 0 { hiatus_config() } else { Config::default() };
    let keep_alive = KeepAlive { idle: Duration::from_secs(20), ..KeepAlive::default() };
    Config {
        ecn: if below(random, 2) == 0 { EcnPolicy::On } else { EcnPolicy::Off },
        keep_alive: (below(random, 3) == 0).then_some(keep_alive),
        path_mtu_discovery: match below(random, 3) {
            0 => PathMtuDiscovery::Probing,
            1 => PathMtuDiscovery::Off,
            _ => PathMtuDiscovery::On,
        },
        timestamps: if below(random, 3) == 0 { Timestamping::Off } else { Timestamping::On },
        msl: Duration::from_secs(5),
        r2: Duration::from_secs(60),
        receive_buffer_octets: [1, 1000, 65_536, 1 << 20][usize_below(random, 4)],
        ..hiatus
    }
}

/// The same with the least and the most that its fields can say.
fn extreme(random: &mut Rand32, config: Config) -> Config {
    const OCTETS: [u32; 4] = [0, 1, 3, u32::MAX];
    const SHORT: [u16; 4] = [0, 1, 600, u16::MAX];
    let durations = [Duration::ZERO, Duration::from_micros(1), Duration::from_secs(1), Duration::MAX];
    let duration = |random: &mut Rand32| durations[usize_below(random, 4)];
    Config {
        mss_octets: SHORT[usize_below(random, 4)],
        receive_buffer_octets: OCTETS[usize_below(random, 4)],
        send_buffer_octets: OCTETS[usize_below(random, 4)],
        window_scale: Some(octet(random)),
        delayed_ack: Some(duration(random)),
        rto_min: duration(random),
        rto_max: duration(random),
        r2: duration(random),
        r2_syn: duration(random),
        link_mtu_octets: Some(SHORT[usize_below(random, 4)]),
        fin_wait_2: duration(random),
        msl: duration(random),
        ..config
    }
}

fn below(random: &mut Rand32, end: u32) -> u32 {
    random.rand_range(0..end)
}

fn usize_below(random: &mut Rand32, end: usize) -> usize {
    usize::try_from(below(random, u32::try_from(end).unwrap())).unwrap()
}

fn octet(random: &mut Rand32) -> u8 {
    u8::try_from(below(random, 256)).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Rand32::new(seed);
        let mut config = config(&mut random);
        if below(&mut random, 4) == 0 {
            config = extreme(&mut random, config);
        }
        let segments_per_packet = if below(&mut random, 3) == 0 { 8 } else { 1 };
        let limits = EndpointLimits { segments_per_packet, ..LIMITS };
        let host = |secrets| Host {
            endpoint: Endpoint::new(secrets, limits),
            listeners: Vec::new(),
            ids: Vec::new(),
            ends: BTreeMap::new(),
        };
        let mut hosts = [host(A_SECRETS), host(B_SECRETS)];
        for addresses in [V4, V6] {
            let id = hosts[1].endpoint.listen(addresses.b(), config, BACKLOG).unwrap();
            hosts[1].listeners.push((id, addresses));
        }
        let now = [Time::ZERO, Time::from_secs(1000), Time(1 << 53)][usize_below(&mut random, 3)];
        Self { random, now, hosts, config, wire: Vec::new(), pool: Vec::new() }
    }

    fn below(&mut self, end: u32) -> u32 {
        below(&mut self.random, end)
    }

    fn any(&mut self, count: usize) -> usize {
        usize_below(&mut self.random, count)
    }

    /// Takes what both hosts have to send.
    fn collect(&mut self) {
        for (from, host) in self.hosts.iter_mut().enumerate() {
            let mut buffer = vec![0; 65_535];
            let room = if from == 0 { 1500 } else { 65_535 };
            let mut count = 0;
            while let Some(packet) = host.endpoint.poll_packet(self.now, &mut buffer[..room]) {
                count += 1;
                assert!(count < BURST_MAX, "it never ends");
                let octets = buffer[..packet.len_octets].to_vec();
                // A packet of an endpoint to itself comes back.
                let is_own =
                    IpSlice::from_slice(&octets).is_ok_and(|ip| ip.source_addr() == ip.destination_addr());
                let to = if is_own { from } else { 1 - from };
                self.wire.push((to, octets.clone()));
                if self.pool.len() < POOL_MAX {
                    self.pool.push((to, octets));
                } else {
                    let at = usize_below(&mut self.random, POOL_MAX);
                    self.pool[at] = (to, octets);
                }
            }
        }
    }

    /// Hands over what is on the wire: some is lost, some comes twice, some later.
    fn deliver(&mut self, damage_of_16: u32) {
        for (to, packet) in core::mem::take(&mut self.wire) {
            match self.below(16) {
                case if case >= damage_of_16 => self.give(to, &packet, ChecksumStatus::ToVerify),
                0 => {}
                1 => {
                    self.give(to, &packet, ChecksumStatus::ToVerify);
                    self.give(to, &packet, ChecksumStatus::ToVerify);
                }
                2 => self.wire.push((to, packet)),
                _ => self.mutate(to, packet),
            }
        }
    }

    fn give(&mut self, to: usize, packet: &[u8], status: ChecksumStatus) {
        self.hosts[to].endpoint.handle_packet(self.now, packet, status);
    }

    fn mutate(&mut self, to: usize, mut packet: Vec<u8>) {
        for _ in 0..1 + self.below(3) {
            let at = self.any(packet.len().min(100));
            match self.below(5) {
                0 | 1 => packet[at] ^= 1 << self.below(8),
                2 => packet[at] = octet(&mut self.random),
                3 => packet.truncate(at.max(1)),
                _ => packet.extend((0..self.random.rand_range(1..40)).map(|n| n.to_le_bytes()[0])),
            }
        }
        self.give(to, &packet, ChecksumStatus::Verified);
    }

    /// A segment that an attacker makes of one that was seen.
    fn forge(&mut self) {
        if self.pool.is_empty() {
            return;
        }
        let at = self.any(self.pool.len());
        let (to, mut packet) = self.pool[at].clone();
        let is_land = self.below(16) == 0;
        if is_land {
            // From the receiver to itself.
            let (source, destination) = if packet[0] >> 4 == 4 { (12, 16..20) } else { (8, 24..40) };
            packet.copy_within(destination, source);
        }
        let (seq_by, ack_by, flags, window) =
            (self.near(), self.near(), self.random.rand_u32(), self.random.rand_u32());
        let payload = vec![9; self.any(1400)];
        let keeps = self.below(16);
        let reflects = self.below(8) == 0;
        let forged = forged(&packet, |segment| {
            segment.seq = SequenceNumber(segment.seq.0.wrapping_add(seq_by));
            segment.ack = SequenceNumber(segment.ack.0.wrapping_add(ack_by));
            if keeps & 1 == 0 {
                segment.flags = Flags(u16::try_from(flags & 0x1ff).unwrap());
            }
            if keeps & 2 == 0 {
                segment.payload =
                    if keeps & 4 == 0 { &[] } else { PAYLOAD.get(..payload.len()).unwrap_or(&[]) };
            }
            if keeps & 8 == 0 {
                segment.window = u16::try_from(window & 0xffff).unwrap();
            }
            if is_land {
                segment.source_port = segment.destination_port;
            }
            if reflects {
                core::mem::swap(&mut segment.source_port, &mut segment.destination_port);
            }
        });
        self.give(to, &forged, ChecksumStatus::ToVerify);
    }

    /// How far a number is moved.
    fn near(&mut self) -> u32 {
        match self.below(5) {
            0 => self.random.rand_u32(),
            1 => self.below(100_000),
            2 => self.below(3).wrapping_sub(1),
            _ => 0,
        }
    }

    fn icmp(&mut self) {
        if self.pool.is_empty() {
            return;
        }
        let at = self.any(self.pool.len());
        let (to, packet) = self.pool[at].clone();
        let mtu = u16::try_from(self.below(1600)).unwrap().to_be_bytes();
        let message = about(
            &packet,
            octet(&mut self.random) % 13,
            octet(&mut self.random) % 16,
            [0, 0, mtu[0], mtu[1]],
        );
        // The error goes to who sent it; its addresses count for nothing.
        self.give(1 - to, &message, ChecksumStatus::Verified);
    }

    fn flood(&mut self) {
        let Some((to, syn)) =
            self.pool.iter().find(|(_, packet)| segment_of(packet).flags == Flags::SYN).cloned()
        else {
            return;
        };
        for _ in 0..self.below(20) {
            let (port, seq) = (self.below(40), self.below(2));
            let packet = forged(&syn, |segment| {
                segment.source_port = u16::try_from(1 + port).unwrap();
                segment.seq = SequenceNumber(seq * 1_000_000);
                segment.flags = if seq == 0 && port < 20 { Flags::RST } else { Flags::SYN };
            });
            self.give(to, &packet, ChecksumStatus::ToVerify);
        }
    }

    fn noise(&mut self) {
        let to = self.any(2);
        let mut packet: Vec<u8> = (0..self.below(200)).map(|_| 0).collect();
        packet.fill_with(|| octet(&mut self.random));
        if let Some(first) = packet.first_mut() {
            *first = if *first & 1 == 0 { 0x45 } else { 0x60 };
        }
        self.give(to, &packet, ChecksumStatus::Verified);
    }

    fn id(&mut self, at: usize) -> Option<ConnectionId> {
        let count = self.hosts[at].ids.len();
        (count > 0).then(|| self.any(count)).map(|which| self.hosts[at].ids[which])
    }

    fn connect(&mut self) {
        let addresses = if self.below(2) == 0 { V4 } else { V6 };
        let mut local = addresses.a();
        if self.below(2) == 0 {
            local.set_port(u16::try_from(1 + self.below(40)).unwrap());
        }
        let (now, config) = (self.now, self.config);
        // Some from one endpoint to itself.
        let remote = if self.below(16) == 0 { local } else { addresses.b() };
        if let Ok(id) = self.hosts[0].endpoint.connect(now, local, remote, config) {
            self.hosts[0].ids.push(id);
        }
    }

    fn command(&mut self) {
        let at = self.any(2);
        let Some(id) = self.id(at) else { return };
        let number = self.random.rand_u32();
        let command = match self.below(16) {
            0..3 => Command::Close,
            3 => Command::CloseBoth,
            4 | 5 => Command::Abort,
            6 | 7 => Command::Suspend { expected_absence: HoldTime::from_seconds(self.below(100)) },
            8..11 => Command::Resume,
            11 => Command::Restored {
                incarnation: number % 1000,
                nonce: Nonce(number | 1),
                tsval_ceiling: number,
            },
            12 => Command::ResumeAnew { incarnation: number % 1000, nonce: Nonce(number | 1) },
            13 => Command::SetUserTimeout { r2: Duration::from_secs(u64::from(self.below(300))) },
            14 => Command::SetNagle(Nagle::Off),
            _ => Command::SetKeepAlive(Some(KeepAlive {
                idle: Duration::from_millis(u64::from(self.below(9000))),
                interval: Duration::ZERO,
                probes: octet(&mut self.random),
            })),
        };
        let now = self.now;
        self.hosts[at].endpoint.command(now, id, command).ok();
    }

    fn talk(&mut self) {
        let at = self.any(2);
        let Some(id) = self.id(at) else { return };
        let count = self.any(9000);
        let now = self.now;
        let endpoint = &mut self.hosts[at].endpoint;
        if count.is_multiple_of(2) {
            endpoint.write(now, id, &PAYLOAD[..count]).ok();
        } else {
            endpoint.read(now, id, &mut vec![0; count]);
        }
    }

    fn listen(&mut self) {
        let now = self.now;
        let Host { endpoint, listeners, ids, .. } = &mut self.hosts[1];
        for (listener, _) in listeners.iter() {
            ids.extend(endpoint.accept(*listener));
        }
        if below(&mut self.random, 10) > 0 {
            return;
        }
        let at = usize_below(&mut self.random, listeners.len());
        let (old, addresses) = listeners[at];
        endpoint.unlisten(now, old);
        listeners[at].0 = endpoint.listen(addresses.b(), self.config, BACKLOG).unwrap();
    }

    fn events(&mut self) {
        for host in &mut self.hosts {
            for _ in 0..below(&mut self.random, 30) {
                let Some((id, event)) = host.endpoint.poll_event() else { break };
                host.hear(id, event);
            }
        }
    }

    fn pass(&mut self) {
        let unit = [1, 40, 1000, 3000, 60_000, 10_000_000][self.any(6)];
        let millis = u64::from(self.below(unit));
        self.pass_to(self.now + Duration::from_millis(millis));
    }

    fn pass_to(&mut self, end: Time) {
        let mut calls = 0;
        for _ in 0..TIMEOUTS_MAX {
            let ends = self.hosts.iter().filter_map(|host| host.endpoint.poll_timeout());
            let Some(next) = ends.min().filter(|next| *next <= end) else { break };
            calls = if next > self.now { 0 } else { calls + 1 };
            assert!(calls < CALLS_MAX, "time stands still");
            self.now = self.now.max(next);
            for host in &mut self.hosts {
                host.endpoint.handle_timeout(self.now);
                while let Some((id, event)) = host.endpoint.poll_event() {
                    host.hear(id, event);
                }
            }
            self.collect();
            self.deliver(4);
            self.collect();
        }
        self.now = self.now.max(end);
    }

    fn step(&mut self) {
        match self.below(32) {
            0..3 => self.connect(),
            3..7 => self.command(),
            7..13 => self.talk(),
            13..15 => self.listen(),
            15 => self.flood(),
            16..20 => self.forge(),
            20 => self.icmp(),
            21 => self.noise(),
            22..24 => self.events(),
            24 => self.pass(),
            25 => {
                let strays = if self.below(4) == 0 { Strays::Silenced } else { Strays::Answered };
                let at = self.any(2);
                self.hosts[at].endpoint.set_strays(strays);
            }
            26 => self.collect(),
            27 => self.quieten(),
            _ => {
                self.collect();
                self.deliver(4);
            }
        }
    }

    /// Hands over everything until nobody has anything to say: the two may not answer each other for ever.
    fn quieten(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.collect();
            if self.wire.is_empty() {
                return;
            }
            self.deliver(0);
        }
        panic!("they answer each other for ever");
    }

    fn check(&self) {
        for host in &self.hosts {
            host.endpoint.check_invariants().expect("invariants");
            for (id, ends) in &host.ends {
                assert!(*ends <= 1, "{id:?} ended {ends} times");
            }
        }
    }

    /// Everything ends: nothing may stay behind.
    fn end(&mut self) {
        self.wire.clear();
        let now = self.now;
        for host in &mut self.hosts {
            for (listener, _) in core::mem::take(&mut host.listeners) {
                host.endpoint.unlisten(now, listener);
            }
            for id in host.ids.clone() {
                host.endpoint.command(now, id, Command::Abort).ok();
                host.endpoint.read(now, id, &mut vec![0; 1 << 20]);
            }
        }
        for _ in 0..3 {
            self.pass_to(self.now + Duration::from_secs(200));
            self.collect();
            for host in &mut self.hosts {
                while let Some((id, event)) = host.endpoint.poll_event() {
                    host.hear(id, event);
                }
            }
            self.collect();
            self.wire.clear();
        }
        self.check();
        let Config { rto_min, rto_max, r2_syn, .. } = self.config;
        if [rto_min, rto_max, r2_syn].contains(&Duration::MAX) {
            // A handshake waits for ever.
            return;
        }
        for host in &self.hosts {
            for id in &host.ids {
                assert_eq!(host.endpoint.state(*id), TcpState::Closed);
            }
            assert_eq!(host.endpoint.connections(), 0, "nobody needs them");
            assert_eq!(host.endpoint.poll_timeout(), None);
        }
    }
}

static PAYLOAD: [u8; 9000] = [9; 9000];

impl Host {
    fn hear(&mut self, id: ConnectionId, event: Event) {
        if let Event::Closed { .. } = event {
            *self.ends.entry(id).or_default() += 1;
        }
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
        world.check();
    }
    world.end();
}

#[test]
fn whatever_comes_every_bound_holds() {
    // Others by hand: HIATUS_HOSTILE_SEEDS=<first>..<last>.
    let by_hand = std::env::var("HIATUS_HOSTILE_SEEDS").ok();
    let bounds = by_hand.as_deref().and_then(|seeds| seeds.split_once(".."));
    let seeds = bounds.map_or(SEEDS, |(first, last)| first.parse().unwrap()..last.parse().unwrap());
    for seed in seeds {
        println!("seed {seed}");
        run(seed);
    }
}
