#![allow(clippy::unwrap_used, reason = "a test may panic")]

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use hiatus_codec::{CapableBits, HoldTime};
use quickcheck::{Arbitrary, Gen, quickcheck};

use super::{Dormant, is_quiet};
use crate::command::Command;
use crate::config::{Config, HiatusPolicy, Offer};
use crate::endpoint::slot::Body;
use crate::endpoint::{
    Backlog, ChecksumStatus, ConnectionId, Endpoint, EndpointLimits, EndpointSecrets, ListenerId,
};
use crate::event::Event;
use crate::record::{self, Source};
use crate::time::Time;

/// Which end does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    A,
    B,
}

/// What may happen.
#[derive(Debug, Clone)]
enum Act {
    Write(Side, u16),
    Read(Side),
    Command(Side, Command),
    /// Packets are handed over; of eight in a row, those whose bit is set are lost.
    Exchange {
        lost: u8,
    },
    Pass {
        millis: u32,
    },
}

impl Arbitrary for Act {
    fn arbitrary(g: &mut Gen) -> Self {
        let side = if bool::arbitrary(g) { Side::A } else { Side::B };
        match u8::arbitrary(g) % 16 {
            0..=2 => Self::Write(side, u16::arbitrary(g) % 5_000),
            3 | 4 => Self::Read(side),
            5 => Self::Command(side, Command::Suspend { expected_absence: HoldTime::NONE }),
            6 => Self::Command(side, Command::Resume),
            7 if u8::arbitrary(g) % 4 == 0 => Self::Command(side, Command::Close),
            8 if u8::arbitrary(g) % 16 == 0 => Self::Command(side, Command::Abort),
            9 => Self::Exchange { lost: u8::arbitrary(g) },
            10..=12 => Self::Pass { millis: u32::arbitrary(g) >> (u32::arbitrary(g) % 32) },
            _ => Self::Exchange { lost: 0 },
        }
    }
}

/// Two endpoints with one connection.
struct Pair {
    now: Time,
    a: Endpoint,
    b: Endpoint,
    listener: ListenerId,
    ids: [Option<ConnectionId>; 2],
    /// Everything that the wire and the applications saw.
    seen: Vec<Vec<u8>>,
    told: Vec<(Time, ConnectionId, Event)>,
}

impl Pair {
    fn new(config: Config) -> Self {
        let now = Time::from_secs(5000);
        let secrets = |seed: u8| EndpointSecrets { host: [seed; 16], instance: [seed + 1; 16] };
        let mut a = Endpoint::new(secrets(1), EndpointLimits::default());
        let mut b = Endpoint::new(secrets(3), EndpointLimits::default());
        let to = "192.0.2.2:80".parse().unwrap();
        let listener = b.listen(to, config, Backlog::default()).unwrap();
        let id = a.connect(now, "192.0.2.1:0".parse().unwrap(), to, config).unwrap();
        Self { now, a, b, listener, ids: [Some(id), None], seen: vec![], told: vec![] }
    }

    fn side(&mut self, side: Side) -> (&mut Endpoint, Option<ConnectionId>) {
        match side {
            Side::A => (&mut self.a, self.ids[0]),
            Side::B => (&mut self.b, self.ids[1]),
        }
    }

    fn act(&mut self, act: &Act) {
        let now = self.now;
        match act {
            Act::Write(side, count) => {
                if let (endpoint, Some(id)) = self.side(*side) {
                    endpoint.write(now, id, &vec![7; usize::from(*count)]).ok();
                }
            }
            Act::Read(side) => {
                if let (endpoint, Some(id)) = self.side(*side) {
                    let mut buffer = [0; 3000];
                    let count = endpoint.read(now, id, &mut buffer);
                    self.seen.push(buffer[..count].to_vec());
                }
            }
            Act::Command(side, command) => {
                if let (endpoint, Some(id)) = self.side(*side) {
                    endpoint.command(now, id, *command).ok();
                }
            }
            Act::Exchange { lost } => self.exchange(*lost),
            Act::Pass { millis } => self.pass(Duration::from_millis(u64::from(*millis))),
        }
        self.ids[1] = self.ids[1].or_else(|| self.b.accept(self.listener));
        for side in [Side::A, Side::B] {
            let told: Vec<_> = core::iter::from_fn(|| self.side(side).0.poll_event()).collect();
            self.told.extend(told.into_iter().map(|(id, event)| (now, id, event)));
        }
    }

    fn exchange(&mut self, lost: u8) {
        let mut buffer = [0; 1500];
        let mut count = 0_u32;
        for _ in 0..1000 {
            let mut is_quiet = true;
            for (from, to) in [(Side::A, Side::B), (Side::B, Side::A)] {
                let now = self.now;
                if let Some(packet) = self.side(from).0.poll_packet(now, &mut buffer) {
                    is_quiet = false;
                    let octets = &buffer[..packet.len_octets];
                    self.seen.push(octets.to_vec());
                    if count >= 8 || lost >> count & 1 == 0 {
                        self.side(to).0.handle_packet(now, octets, ChecksumStatus::ToVerify);
                    }
                    count += 1;
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    /// To the end of `duration`, by a bounded number of steps.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.exchange(0);
        for _ in 0..100_000 {
            let next = [self.a.poll_timeout(), self.b.poll_timeout()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            let now = self.now;
            self.a.handle_timeout(now);
            self.b.handle_timeout(now);
            self.exchange(0);
        }
        self.now = self.now.max(end);
        let now = self.now;
        self.a.handle_timeout(now);
        self.b.handle_timeout(now);
    }

    /// Packs whatever is quiet, now.
    fn pack_all(&mut self) {
        let now = self.now + Duration::from_secs(3600);
        for endpoint in [&mut self.a, &mut self.b] {
            for index in 0..4 {
                endpoint.sleep(now, index);
            }
        }
    }

    /// Wakes everybody.
    fn wake_all(&mut self) {
        for endpoint in [&mut self.a, &mut self.b] {
            for index in 0..4 {
                if let Some(slot) = endpoint.slots.at_mut(index) {
                    slot.awake();
                }
            }
        }
    }

    /// Packs every state, quiet or not, and compares what comes out. Gives how many there were.
    fn check(&self) -> usize {
        let mut count = 0;
        for endpoint in [&self.a, &self.b] {
            for index in 0..4 {
                let Some(Body::Awake(state)) = endpoint.slots.at(index).map(|slot| &slot.body) else {
                    continue;
                };
                if let Some(dormant) = Dormant::of(&mut state.clone()) {
                    assert_eq!(dormant.awake().as_ref(), Some(state));
                    assert_eq!(recorded_packed(&dormant), recorded(&Source::of(state)));
                    count += 1;
                } else {
                    assert!(!is_quiet(state), "a quiet one is small");
                }
            }
        }
        count
    }
}

fn recorded(source: &Source<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    let end = "192.0.2.1:80".parse().unwrap();
    record::write(source, end, Some(end), Time::ZERO, &mut octets);
    octets
}

/// The record of what was packed, as a snapshot makes it.
fn recorded_packed(dormant: &Dormant) -> Vec<u8> {
    let Dormant::Split(split) = dormant else { return recorded(&Source::of(&dormant.awake().unwrap())) };
    let (fixed, _) = split.taken_out().unwrap();
    let mut octets = Vec::new();
    let local: core::net::SocketAddr = "192.0.2.1:80".parse().unwrap();
    let remote = core::net::SocketAddr::new(local.ip(), record::field::REMOTE_PORT.u16(&fixed));
    record::write_taken_out(fixed, local, remote, Time::ZERO, &mut octets);
    octets
}

fn config(with_hiatus: bool) -> Config {
    let offer = Offer { bits: CapableBits::new(1).with_silent(), hold: HoldTime::from_seconds(7200) };
    Config {
        hiatus: if with_hiatus { HiatusPolicy::On(offer) } else { HiatusPolicy::Off },
        ..Config::default()
    }
}

quickcheck! {
    /// Whatever a connection went through: unpacked, it is what was packed.
    fn what_comes_out_is_what_went_in(acts: Vec<Act>, with_hiatus: bool) -> bool {
        let mut pair = Pair::new(config(with_hiatus));
        let mut count = 0;
        pair.exchange(0);
        for act in acts {
            pair.act(&act);
            pair.wake_all();
            count += pair.check();
        }
        count > 0 || pair.told.is_empty() || pair.a.connections() == 0 || pair.now > Time::from_secs(5000)
    }

    /// One pair is packed at every chance and the other never: wire and applications see the same.
    fn nobody_notices(acts: Vec<Act>, with_hiatus: bool) -> bool {
        let mut pairs = [Pair::new(config(with_hiatus)), Pair::new(config(with_hiatus))];
        for act in acts {
            for pair in &mut pairs {
                pair.act(&act);
            }
            pairs[0].pack_all();
            pairs[1].wake_all();
            let [packed, awake] = &pairs;
            assert_eq!(packed.seen.len(), awake.seen.len(), "after {act:?}");
            assert_eq!(packed.seen, awake.seen);
            assert_eq!(packed.told, awake.told);
        }
        true
    }
}

#[test]
fn a_connection_that_rests_lies_in_its_slot_and_one_with_hiatus_beside_it() {
    for (with_hiatus, octets_max) in [(false, super::HERE_OCTETS), (true, 240)] {
        let mut pair = Pair::new(config(with_hiatus));
        for side in [Side::A, Side::B] {
            pair.act(&Act::Exchange { lost: 0 });
            pair.act(&Act::Write(side, 3000));
            pair.act(&Act::Pass { millis: 500 });
            pair.act(&Act::Read(Side::A));
            pair.act(&Act::Read(Side::B));
        }
        pair.act(&Act::Pass { millis: 5000 });
        for endpoint in [&pair.a, &pair.b] {
            match endpoint.slots.at(0).map(|slot| &slot.body) {
                Some(Body::Dormant(Dormant::Here { len_octets, .. })) => {
                    assert!(usize::from(*len_octets) <= octets_max, "{len_octets} octets");
                }
                Some(Body::Dormant(Dormant::Split(split))) => {
                    assert!(split.0.len() <= octets_max, "{} octets", split.0.len());
                }
                Some(Body::Dormant(Dormant::There(octets))) => {
                    assert!(octets.len() <= octets_max, "{} octets", octets.len());
                }
                _ => panic!("it is not packed"),
            }
        }
    }
}
