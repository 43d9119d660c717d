//! In which states of RFC 9293 a message counts: each is given with and without its option, and what differs is its
//! doing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hiatus_codec::mac::{Context, Role, Tag};
use hiatus_codec::{
    Abort, AbortReason, Capable, CapableBits, ConnectionKey, Epoch, EpochEcho, Flags, HoldTime, Life,
    Message, Nonce, Position, Resume, ResumeAck, Suspend, SuspendAck,
};
use hiatus_engine::{Command, Event, HiatusState, KeySource, TcpState, Time, answer_stray};

use super::scene::State;
use crate::pair::{A_KEY, A_NONCE, B_KEY, B_NONCE, Frame, Made, Pair, SUSPEND, Side, hiatus_config};

/// Every state, in the order of the table.
pub(super) const STATES: [TcpState; 11] = [
    TcpState::Closed,
    TcpState::Listen,
    TcpState::SynSent,
    TcpState::SynReceived,
    TcpState::Established,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::CloseWait,
    TcpState::Closing,
    TcpState::LastAck,
    TcpState::TimeWait,
];
/// Every message, in the order of the subtypes.
pub(super) const MESSAGES: [&str; 8] =
    ["CAPABLE", "EPOCH", "EPOCH-ECHO", "SUSPEND", "SUSPEND-ACK", "RESUME", "RESUME-ACK", "ABORT"];

/// How far the negotiation is where a message arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    On,
    /// The EPOCH of the responder is not echoed.
    Before,
}

/// One end in a state, and the numbers that the next segment of its peer has.
struct Place {
    pair: Pair,
    side: Side,
    seq: u32,
    ack: u32,
}

/// What can be seen of an end.
#[derive(PartialEq, Eq)]
struct Seen {
    sent: Vec<&'static str>,
    events: Vec<Event>,
    state: State,
    tcp: TcpState,
    hiatus: HiatusState,
}

/// Message and state to what the table says.
pub(super) type Counts = BTreeMap<(&'static str, TcpState), &'static str>;

pub(super) fn counts() -> Counts {
    let mut counts = BTreeMap::new();
    for message in MESSAGES {
        for state in STATES {
            let says = match state {
                TcpState::Closed => closed(message),
                TcpState::Listen if message == "RESUME" => listening(),
                _ if acts(message, state, Phase::On) => "yes",
                _ if acts(message, state, Phase::Before) => "until on",
                _ => "no",
            };
            counts.insert((message, state), says);
        }
    }
    counts
}

/// The table; states in which everything counts alike share a column.
pub(super) fn markdown(counts: &Counts) -> String {
    let column = |state: TcpState| MESSAGES.map(|message| counts[&(message, state)]);
    let mut columns: Vec<(TcpState, TcpState)> = Vec::new();
    for state in STATES {
        match columns.last_mut() {
            Some((_, last)) if column(*last) == column(state) => *last = state,
            _ => columns.push((state, state)),
        }
    }
    let head = columns.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    let mut out = format!("| Message | {} |\n", head.collect::<Vec<_>>().join(" | "));
    writeln!(out, "|---{}|", "|---".repeat(columns.len())).unwrap();
    for message in MESSAGES {
        let cells: Vec<&str> = columns.iter().map(|(first, _)| counts[&(message, *first)]).collect();
        writeln!(out, "| {message} | {} |", cells.join(" | ")).unwrap();
    }
    out
}

/// What a host without a connection does.
fn closed(message: &'static str) -> &'static str {
    let draws = |made: &Made, key: Option<ConnectionKey>| {
        let asked = made.frame(Time::ZERO);
        let mut buffer = [0; 60];
        let len_octets = answer_stray(&asked.segment(), key, &mut buffer)?.wire_len_octets();
        Some(name(&Frame { from: Side::B, at: Time::ZERO, octets: buffer[..len_octets].to_vec() }))
    };
    let (with, without) = carrier(message, Side::A, (1, 1), Life::default());
    match [Some(B_KEY), None].map(|key| (draws(&with, key), draws(&without, key))) {
        [(Some("ABORT LOST"), Some("RST")), (Some("RST"), Some("RST"))] => "ABORT LOST, or RST",
        [(a, b), (c, d)] if a == b && c == d => "no",
        other => panic!("{message} in CLOSED: {other:?}"),
    }
}

/// What an end in LISTEN answers to a RESUME, where its key was derived and where it was drawn.
fn listening() -> &'static str {
    let (resume, bare) = carrier("RESUME", Side::A, (1, 1), Life::default());
    let draws = |made: &Made, source| {
        let mut pair = Pair::new(hiatus_config(), hiatus_config());
        pair.b = crate::pair::connection_b_with(hiatus_config(), source);
        made.give(&mut pair);
        let said: Vec<&'static str> = pair.take(Side::B).iter().map(name).collect();
        assert_eq!(pair.b.state(), TcpState::Listen);
        said
    };
    let [derived, drawn] =
        [KeySource::Derived, KeySource::Drawn].map(|source| [draws(&resume, source), draws(&bare, source)]);
    assert_eq!(derived, [["ABORT LOST"], ["RST"]]);
    assert_eq!(drawn, [["RST"], ["RST"]]);
    "ABORT LOST, or RST"
}

fn name(frame: &Frame) -> &'static str {
    match frame.name() {
        "abort" if crate::pair::abort_reason(frame) == AbortReason::LOST => "ABORT LOST",
        "rst" => "RST",
        other => other,
    }
}

/// Whether the option makes a difference.
fn acts(message: &'static str, state: TcpState, phase: Phase) -> bool {
    let Some(place) = reach(state, phase, message) else { return false };
    let (with, without) = {
        let generation = u16::from(message == "RESUME-ACK" && state != TcpState::TimeWait);
        carrier(message, place.side.peer(), (place.seq, place.ack), Life { incarnation: 0, generation })
    };
    place.after(&with) != place.after(&without)
}

impl Place {
    fn after(&self, made: &Made) -> Seen {
        let mut pair = self.pair.clone();
        made.give(&mut pair);
        let sent = crate::pair::names(&pair.take(self.side));
        let events = pair.events(self.side);
        let end = pair.end(self.side);
        let state = State { here: end.self_state(), there: end.peer_state() };
        Seen { sent, events, state, tcp: end.state(), hiatus: end.hiatus_state() }
    }
}

/// The third segment of the handshake arrives; what B answers is lost, and echoed by hand or not at all.
fn shake_hands(pair: &mut Pair, phase: Phase) {
    for side in [Side::A, Side::B, Side::A] {
        let frames = pair.take(side);
        frames.iter().for_each(|frame| pair.deliver(frame));
    }
    pair.take(Side::B);
    if phase == Phase::On {
        let echo = Message::EpochEcho(EpochEcho { stable_point: 0 });
        Made::ack(Side::A, 1, 1).message(&echo).give(pair);
    }
}

/// An end in `state`; in LEAVING or RESUMING where `message` answers that. `None` if there is no such end.
fn reach(state: TcpState, phase: Phase, message: &str) -> Option<Place> {
    let mut pair = Pair::new(hiatus_config(), hiatus_config());
    let place = |pair, side, seq, ack| Some(Place { pair, side, seq, ack });
    let is_before = phase == Phase::Before;
    match state {
        TcpState::Listen => return if is_before { place(pair, Side::B, 0, 0) } else { None },
        TcpState::SynSent if is_before => {
            pair.take(Side::A);
            return place(pair, Side::A, 0, 1);
        }
        TcpState::SynReceived if is_before => {
            let syn = pair.take(Side::A);
            pair.deliver(&syn[0]);
            pair.take(Side::B);
            return place(pair, Side::B, 1, 1);
        }
        TcpState::SynSent | TcpState::SynReceived => return None,
        _ => {}
    }
    shake_hands(&mut pair, phase);
    let prepare = |pair: &mut Pair| {
        let now = pair.now;
        let command = match message {
            "SUSPEND-ACK" => SUSPEND,
            "RESUME-ACK" => Command::Resume,
            _ => return,
        };
        pair.b.handle_command(now, command).ok();
        pair.take(Side::B);
    };
    let fin = |pair: &mut Pair, ack| {
        Made::ack(Side::A, 1, ack).flags(Flags::FIN.union(Flags::ACK)).give(pair);
        pair.take(Side::B);
    };
    let close = |pair: &mut Pair| {
        pair.command(Side::B, Command::Close);
        pair.take(Side::B);
    };
    let (mut seq, mut ack) = (1, 1);
    if matches!(state, TcpState::CloseWait | TcpState::LastAck) {
        fin(&mut pair, 1);
        seq = 2;
    }
    if !matches!(state, TcpState::Established | TcpState::CloseWait) {
        close(&mut pair);
    }
    if matches!(state, TcpState::FinWait2 | TcpState::TimeWait) {
        Made::ack(Side::A, 1, 2).give(&mut pair);
        ack = 2;
    }
    if state == TcpState::TimeWait && message == "SUSPEND-ACK" {
        // Later it would be refused.
        prepare(&mut pair);
    }
    if matches!(state, TcpState::Closing | TcpState::TimeWait) {
        fin(&mut pair, ack);
        seq = 2;
    }
    prepare(&mut pair);
    pair.events(Side::B);
    assert_eq!(pair.b.state(), state);
    assert_eq!(pair.b.hiatus_state() == HiatusState::On, phase == Phase::On);
    place(pair, Side::B, seq, ack)
}

/// A valid `message` of `from` to an end in `own_life`, on the segment that is to carry it; and that segment alone.
fn carrier(message: &'static str, from: Side, numbers: (u32, u32), own_life: Life) -> (Made, Made) {
    let (seq, ack) = numbers;
    let role = if from == Side::A { Role::Initiator } else { Role::Responder };
    let position = |low: u32| Position(u64::from(low));
    let bare = match (message, from, numbers) {
        ("ABORT", ..) => Made::rst(from, seq),
        ("CAPABLE", _, (0, 0)) => Made::ack(from, 0, 0).flags(Flags::SYN),
        ("CAPABLE", Side::B, _) => Made::ack(from, 0, ack).flags(Flags::SYN.union(Flags::ACK)),
        _ => Made::ack(from, seq, ack),
    };
    let life = Life::default();
    let newer = life.next_generation();
    let nonce = if from == Side::A { A_NONCE } else { B_NONCE };
    let to_nonce = if from == Side::A { B_NONCE } else { A_NONCE };
    let key = if from == Side::A { A_KEY } else { B_KEY };
    let hold = HoldTime::from_seconds(60);
    let sealed =
        |context: Context, made: &dyn Fn(Tag) -> Message<'static>| bare.clone().sealed(&context, made);
    let with = match message {
        "CAPABLE" => {
            let bits = CapableBits::new(CapableBits::VERSION).with_silent();
            bare.clone().message(&Message::Capable(Capable { bits, offered_hold: hold, key: Some(key) }))
        }
        "EPOCH" => sealed(Context::epoch(role, life, Position(0)), &|tag| {
            Message::Epoch(Epoch { number: 0, stable_point: 0, tag })
        }),
        "EPOCH-ECHO" => bare.clone().message(&Message::EpochEcho(EpochEcho { stable_point: 0 })),
        "SUSPEND" => sealed(Context::suspend(role, life), &|tag| {
            Message::Suspend(Suspend { expected_absence: hold, tag })
        }),
        "SUSPEND-ACK" => sealed(Context::suspend_ack(role, own_life), &|tag| {
            Message::SuspendAck(SuspendAck { granted_hold: hold, tag })
        }),
        "RESUME" => sealed(Context::resume(role, position(ack), position(seq)), &|tag| {
            Message::Resume(Resume { life: newer, nonce, end: seq, tag })
        }),
        "RESUME-ACK" => {
            sealed(Context::resume_ack(role, own_life, to_nonce, position(ack), position(seq)), &|tag| {
                Message::ResumeAck(ResumeAck { life, received: ack, end: seq, tag })
            })
        }
        _ => sealed(Context::abort(role, life, Nonce::UNKNOWN), &|tag| {
            Message::Abort(Abort { reason: AbortReason::APPLICATION, proof: tag.0 })
        }),
    };
    (with, bare)
}
