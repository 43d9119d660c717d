//! Whatever arrives, in whatever order: no panic, no endless answer, and the invariants hold.

use core::time::Duration;

use hiatus_codec::mac::{Context, Role, Tag};
use hiatus_codec::{
    Abort, AbortReason, Epoch, EpochEcho, Flags, HoldTime, Life, Message, Nonce, Position, Resume, ResumeAck,
    SequenceNumber, Suspend, SuspendAck,
};
use hiatus_engine::{
    Command, Config, Connection, Ecn, EcnPolicy, IcmpError, IcmpErrorKind, KeepAlive, Nagle,
    PathMtuDiscovery, Sending,
};
use quickcheck::{Arbitrary, Gen, QuickCheck};

use crate::durability::durable_config;
use crate::pair::{A_ISN, A_NONCE, B_ISN, Frame, Made, Pair, SUSPEND, Side, hiatus_config};

/// One thing that happens.
#[derive(Debug, Clone)]
enum Input {
    /// A segment by hand, near the window or anywhere.
    Segment {
        seq: u32,
        ack: u32,
        flags: u16,
        tsval: u32,
        len_octets: usize,
    },
    /// A segment with a message and the right MAC.
    Message {
        kind: u8,
        seq: u32,
        ack: u32,
        life: (u8, u8),
        nonce: u8,
        number: u32,
    },
    /// What both ends said so far arrives, or is lost: bit n tells for segment n.
    Exchange {
        arrives: u64,
    },
    Write {
        len_octets: usize,
    },
    Read,
    Pass {
        millis: u64,
    },
    Command {
        kind: u8,
    },
    /// An epoch is TAKEN, with a copy of the connection if it is `kept`.
    Take {
        kept: bool,
    },
    /// The epoch TAKEN so many before the last one is DURABLE.
    Durable {
        age: u32,
    },
    /// The host goes back to the copy.
    GoBack,
    SetSending {
        sending: bool,
    },
    /// The network reports an error.
    Error {
        seq: u32,
        kind: u8,
        mtu_octets: u16,
    },
}

fn near(g: &mut Gen) -> u32 {
    match u8::arbitrary(g) % 8 {
        0 => u32::arbitrary(g),
        1 => 0,
        2 => u32::arbitrary(g) % 100_000,
        _ => 1 + u32::arbitrary(g) % 4000,
    }
}

impl Arbitrary for Input {
    fn arbitrary(g: &mut Gen) -> Self {
        let small = |g: &mut Gen| u8::arbitrary(g) % 4;
        match u8::arbitrary(g) % 24 {
            0..3 => Self::Segment {
                seq: near(g),
                ack: near(g),
                flags: if bool::arbitrary(g) { Flags::ACK.0 } else { u16::arbitrary(g) & 0x1ff },
                tsval: if bool::arbitrary(g) { 500_000_000 } else { u32::arbitrary(g) },
                len_octets: usize::arbitrary(g) % 1500,
            },
            3..7 => Self::Message {
                kind: u8::arbitrary(g) % 7,
                seq: near(g),
                ack: near(g),
                life: (small(g), small(g)),
                nonce: small(g),
                number: near(g),
            },
            7..11 => Self::Exchange { arrives: u64::arbitrary(g) | u64::arbitrary(g) },
            11 => Self::Write { len_octets: usize::arbitrary(g) % 5000 },
            12 => Self::Read,
            13..15 => Self::Pass { millis: u64::arbitrary(g) % 200_000 },
            15 => Self::Error {
                seq: near(g),
                kind: u8::arbitrary(g),
                mtu_octets: 500 + u16::arbitrary(g) % 1100,
            },
            16 => Self::Command { kind: u8::arbitrary(g) % 20 },
            17..19 => Self::Take { kept: bool::arbitrary(g) },
            19..21 => Self::Durable { age: u32::arbitrary(g) % 12 },
            21 => Self::GoBack,
            22 => Self::SetSending { sending: bool::arbitrary(g) },
            _ => Self::Pass { millis: u64::arbitrary(g) % 3_000_000 },
        }
    }
}

/// A message of A with the right MAC.
fn give_message(pair: &mut Pair, kind: u8, made: Made, life: Life, nonce: Nonce, number: u32, received: u32) {
    let role = Role::Initiator;
    let (p1, p2) = (Position(u64::from(received)), Position(u64::from(number)));
    let made = match kind {
        0 => made.sealed(&Context::resume(role, p1, p2), |tag| {
            Message::Resume(Resume { life, nonce, end: number, tag })
        }),
        1 => made.sealed(&Context::resume_ack(role, life, crate::pair::B_NONCE, p1, p2), |tag| {
            Message::ResumeAck(ResumeAck { life, received, end: number, tag })
        }),
        2 => made.sealed(&Context::suspend(role, life), |tag| {
            Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag })
        }),
        3 => made.sealed(&Context::suspend_ack(role, life), |tag| {
            Message::SuspendAck(SuspendAck { granted_hold: HoldTime::from_seconds(60), tag })
        }),
        4 => made.sealed(&Context::epoch(role, life, p2), |tag| {
            Message::Epoch(Epoch { number, stable_point: number, tag })
        }),
        5 => made.message(&Message::EpochEcho(EpochEcho { stable_point: number })),
        _ => {
            let reason = AbortReason(u8::try_from(number % 9).expect("small"));
            made.flags(Flags::RST).sealed(&Context::abort(role, life, Nonce(0)), |tag: Tag| {
                Message::Abort(Abort { reason, proof: tag.0 })
            })
        }
    };
    made.give(pair);
}

fn command(kind: u8, number: u32) -> Command {
    match kind {
        0..4 => SUSPEND,
        4..9 => Command::Resume,
        9..12 => Command::Close,
        12 => Command::Abort,
        16 => Command::CloseBoth,
        17 => Command::SetUserTimeout { r2: Duration::from_secs(u64::from(number)) },
        18 => Command::SetNagle(if number.is_multiple_of(2) { Nagle::On } else { Nagle::Off }),
        19 => Command::SetKeepAlive(Some(KeepAlive {
            idle: Duration::from_secs(u64::from(number)),
            interval: Duration::ZERO,
            probes: 0,
        })),
        _ => Command::Restored { incarnation: number, nonce: Nonce(number + 1), tsval_ceiling: number },
    }
}

/// What each host has in its epochs.
#[derive(Debug, Default)]
struct Stores {
    saved: [Option<Connection>; 2],
    taken: u32,
}

fn apply(pair: &mut Pair, wire: &mut Vec<Frame>, stores: &mut Stores, index: usize, input: &Input) {
    let side = if index.is_multiple_of(3) { Side::A } else { Side::B };
    let now = pair.now;
    match *input {
        Input::Segment { seq, ack, flags, tsval, len_octets } => {
            Made::ack(Side::A, seq, ack)
                .flags(Flags(flags))
                .tsval(tsval)
                .payload(&vec![7; len_octets])
                .give(pair);
        }
        Input::Message { kind, seq, ack, life, nonce, number } => {
            let life = Life { incarnation: u32::from(life.0), generation: u16::from(life.1) };
            let nonce = if nonce == 0 { A_NONCE } else { Nonce(u32::from(nonce)) };
            give_message(pair, kind, Made::ack(Side::A, seq, ack), life, nonce, number, ack);
        }
        Input::Exchange { arrives } => {
            for (number, frame) in core::mem::take(wire).iter().enumerate() {
                if arrives >> (number % 64) & 1 == 1 {
                    let mark = if arrives >> (number % 61) & 2 == 2 { Ecn::Ce } else { Ecn::Ect0 };
                    pair.end(frame.from.peer()).handle_marked_segment(now, mark, &frame.segment());
                }
            }
        }
        Input::Write { len_octets } => {
            pair.end(side).write(now, &vec![1; len_octets]).ok();
        }
        Input::Read => {
            pair.read(side);
        }
        Input::Pass { millis } => {
            let frames = pair.alone(side, Duration::from_millis(millis));
            wire.extend(frames);
        }
        Input::Take { .. } | Input::Durable { .. } | Input::GoBack | Input::SetSending { .. } => {
            apply_to_host(pair, stores, (index, side), input);
        }
        Input::Error { seq, kind, mtu_octets } => {
            let kind = IcmpErrorKind::of_v4(kind % 13, kind / 13, mtu_octets);
            let isn = if side == Side::A { A_ISN } else { B_ISN };
            let quoted_seq = SequenceNumber(isn.wrapping_add(seq));
            for kind in kind.into_iter().chain([IcmpErrorKind::PacketTooBig { mtu_octets }]) {
                pair.end(side).handle_icmp(now, &IcmpError { kind, quoted_seq });
            }
        }
        Input::Command { kind } => {
            let number = u32::try_from(index).expect("small");
            pair.end(side).handle_command(now, command(kind, number)).ok();
        }
    }
    judge(pair, wire);
}

/// What a host does with its epochs.
fn apply_to_host(pair: &mut Pair, stores: &mut Stores, (index, side): (usize, Side), input: &Input) {
    let now = pair.now;
    match *input {
        Input::Take { kept } => {
            stores.taken += 1;
            pair.command(side, Command::SnapshotTaken { epoch: stores.taken });
            if kept {
                stores.saved[usize::from(side == Side::B)] = Some(pair.end(side).clone());
            }
        }
        Input::Durable { age } => {
            pair.command(side, Command::SnapshotDurable { epoch: stores.taken.saturating_sub(age) });
        }
        Input::GoBack => {
            if let Some(saved) = stores.saved[usize::from(side == Side::B)].clone() {
                *pair.end(side) = saved;
                let incarnation = u32::try_from(index).expect("small") + 1;
                let nonce = Nonce(incarnation);
                let tsval_ceiling = incarnation << 24;
                pair.end(side)
                    .handle_command(now, Command::Restored { incarnation, nonce, tsval_ceiling })
                    .ok();
            }
        }
        Input::SetSending { sending } => {
            let sending = if sending { Sending::HoldSend } else { Sending::Unheld };
            pair.end(side).handle_command(now, Command::SetSending(sending)).ok();
        }
        _ => {}
    }
}

/// What holds after every input.
fn judge(pair: &mut Pair, wire: &mut Vec<Frame>) {
    let now = pair.now;
    for side in [Side::A, Side::B] {
        // A bound on what one input draws: the window of the other end, or a handful.
        let frames = pair.take(side);
        assert!(frames.len() <= 100);
        wire.extend(frames);
        pair.end(side).check_invariants().expect("invariants");
        let events = pair.events(side);
        assert!(events.len() <= 64);
        // What is due is done.
        pair.end(side).handle_timeout(now);
        wire.extend(pair.take(side));
        assert!(pair.end(side).poll_timeout().is_none_or(|due| due > now), "due for ever");
        if let Some(info) = pair.end(side).info() {
            // The limit of retained octets, and one send buffer of a peer that jumps.
            assert!(info.retained_octets <= u64::from(RETAINED_MAX + SEND_BUFFER), "{info:?}");
        }
    }
}

/// What an end of these tests retains.
const RETAINED_MAX: u32 = 3000;

/// Its send buffer.
const SEND_BUFFER: u32 = 10_000;

/// N and K, and little room for what is retained.
fn durable_full_config(sending: Sending) -> Config {
    Config {
        hiatus: durable_config().hiatus,
        retained_octets_max: RETAINED_MAX,
        send_buffer_octets: SEND_BUFFER,
        sending,
        ..full_config()
    }
}

/// With everything that Hiatus does not need.
fn full_config() -> Config {
    Config {
        hiatus: hiatus_config().hiatus,
        ecn: EcnPolicy::On,
        keep_alive: Some(KeepAlive { idle: Duration::from_secs(30), ..KeepAlive::default() }),
        path_mtu_discovery: PathMtuDiscovery::Probing,
        ..Config::default()
    }
}

/// The same inputs in every run.
fn seeded() -> QuickCheck {
    /// Inputs in one property, at most.
    const SIZE: usize = 100;
    QuickCheck::new().rng(Gen::from_size_and_seed(SIZE, 0x4849))
}

#[expect(clippy::needless_pass_by_value, reason = "quickcheck gives the vector away")]
fn run(mut pair: Pair, inputs: Vec<Input>) -> bool {
    let (mut wire, mut stores) = (Vec::new(), Stores::default());
    for (index, input) in inputs.iter().enumerate() {
        apply(&mut pair, &mut wire, &mut stores, index, input);
    }
    true
}

#[test]
fn any_input_keeps_the_invariants() {
    seeded().tests(3000).quickcheck(
        (|inputs| run(Pair::on_with(full_config(), full_config()), inputs)) as fn(Vec<Input>) -> bool,
    );
}

#[test]
fn any_input_keeps_the_invariants_from_the_first_syn_on() {
    let property = |inputs| run(Pair::new(full_config(), full_config()), inputs);
    seeded().tests(2000).quickcheck(property as fn(Vec<Input>) -> bool);
}

#[test]
fn any_input_keeps_the_invariants_of_hosts_that_go_back() {
    let property = |inputs| {
        let (held, unheld) = (durable_full_config(Sending::HoldSend), durable_full_config(Sending::Unheld));
        run(Pair::on_with(held, unheld), inputs)
    };
    seeded().tests(3000).quickcheck(property as fn(Vec<Input>) -> bool);
}
