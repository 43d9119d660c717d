//! Header prediction is a short cut and nothing else: what it leaves is what the long way leaves.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use hiatus_codec::{CapableBits, ConnectionKey, Flags, HoldTime, Nonce, Segment, SequenceNumber};
use quickcheck::{Arbitrary, Gen, QuickCheck};

use crate::command::Command;
use crate::config::{
    Config, EcnPolicy, Entropy, HiatusPolicy, IpVersion, KeySource, Nagle, Offer, Sacking, Timestamping,
};
use crate::ecn::Ecn;
use crate::event::{Event, TcpState};
use crate::outgoing::Room;
use crate::state::State;
use crate::state::listen::Listen;
use crate::state::syn_sent::SynSent;
use crate::tcb::{Context, Ports};
use crate::time::Time;

const A: Ports = Ports { local: 40_000, remote: 80 };

/// What a path element, or a forger, may change of a segment.
#[derive(Debug, Clone, Copy)]
enum Change {
    Nothing,
    Seq(i8),
    Ack(i8),
    Window(u16),
    Flags(u8),
    /// So many octets of text are left.
    Text(u8),
    /// So many octets of options are left.
    Options(u8),
    /// Of the octets of the options, that one becomes another.
    OptionOctet(u8, u8),
    Marked,
    /// More text than the window may hold, with the mark of congestion.
    Merged,
}

impl Arbitrary for Change {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 14 {
            0 => Self::Seq(i8::arbitrary(g)),
            1 => Self::Ack(i8::arbitrary(g)),
            2 => Self::Window(u16::arbitrary(g)),
            3 => Self::Flags(u8::arbitrary(g)),
            4 => Self::Text(u8::arbitrary(g)),
            5 => Self::Options(u8::arbitrary(g) % 40),
            6 => Self::OptionOctet(u8::arbitrary(g) % 40, u8::arbitrary(g)),
            7 => Self::Marked,
            8 => Self::Merged,
            _ => Self::Nothing,
        }
    }
}

/// What may happen; `0` is the end that opened.
#[derive(Debug, Clone)]
enum Act {
    Write(usize, u16),
    Read(usize, u16),
    Command(usize, Command),
    /// Segments leave and arrive; of eight in a row those whose bit is set are lost. A changed copy of each meets a copy
    /// of who gets it, or the connection itself.
    Exchange {
        lost: u8,
        change: Change,
        is_forged: bool,
    },
    Pass {
        millis: u32,
    },
}

impl Arbitrary for Act {
    fn arbitrary(g: &mut Gen) -> Self {
        let side = usize::from(bool::arbitrary(g));
        match u8::arbitrary(g) % 24 {
            0..=7 => Self::Write(side, u16::arbitrary(g) % 8_000),
            8..=10 => Self::Read(side, u16::arbitrary(g)),
            11 => Self::Command(side, Command::Suspend { expected_absence: HoldTime::NONE }),
            12 => Self::Command(side, Command::Resume),
            13 if u8::arbitrary(g) % 4 == 0 => Self::Command(side, Command::Close),
            14 if u8::arbitrary(g) % 8 == 0 => Self::Command(side, Command::CloseBoth),
            15..=16 => Self::Pass { millis: u32::arbitrary(g) >> (u32::arbitrary(g) % 32) },
            _ => Self::Exchange {
                lost: u8::arbitrary(g) & u8::arbitrary(g) & u8::arbitrary(g),
                change: Change::arbitrary(g),
                is_forged: u8::arbitrary(g) % 8 == 0,
            },
        }
    }
}

/// One end.
#[derive(Debug, Clone)]
struct End {
    state: State,
    config: Config,
    events: VecDeque<Event>,
}

impl End {
    fn cx(&mut self, now: Time) -> (Context<'_>, &mut State) {
        let Self { state, config, events } = self;
        (Context { now, ip: IpVersion::V4, config, events }, state)
    }

    /// `segment` arrives; if it is predicted, both ways are gone and compared. True if it was.
    fn arrive(&mut self, now: Time, segment: &Segment<'_>, mark: Ecn) -> bool {
        let mut is_predicted = false;
        if let State::Synchronized(here) = &self.state
            && let Some(arrived) = here.tcb.predicted(now, segment, mark)
        {
            is_predicted = true;
            let (mut short, mut long) =
                ((here.clone(), self.events.clone()), (here.clone(), self.events.clone()));
            let cx = |events| Context { now, ip: IpVersion::V4, config: &self.config, events };
            let short_end = short.0.on_predicted(&mut cx(&mut short.1), &arrived);
            let long_end = long.0.on_any(&mut cx(&mut long.1), segment, mark);
            assert_eq!(short_end, long_end, "{segment:?}");
            assert_eq!(short, long, "{segment:?}");
        }
        let (mut cx, state) = self.cx(now);
        state.handle_segment(&mut cx, segment, mark);
        is_predicted
    }
}

/// Two ends, and how many segments were predicted.
struct Pair {
    now: Time,
    ends: [End; 2],
    predicted: usize,
}

fn entropy(seed: u8) -> Entropy {
    Entropy {
        // The numbers wrap soon.
        isn: SequenceNumber(0u32.wrapping_sub(u32::from(seed) * 1_000)),
        connection_key: ConnectionKey([seed; 8]),
        key_source: KeySource::Drawn,
        nonce: Nonce(u32::from(seed)),
        timestamp_offset: 0u32.wrapping_sub(u32::from(seed)),
    }
}

impl Pair {
    fn new(config: Config) -> Self {
        let now = Time::from_secs(5_000);
        let mut events = VecDeque::new();
        let cx = Context { now, ip: IpVersion::V4, config: &config, events: &mut events };
        let a = State::SynSent(SynSent::new(&cx, &entropy(7), A));
        let b = State::Listen(Box::new(Listen::new(entropy(9))));
        let end = |state| End { state, config, events: VecDeque::new() };
        Self { now, ends: [end(a), end(b)], predicted: 0 }
    }

    fn act(&mut self, act: &Act) {
        let now = self.now;
        match act {
            Act::Write(side, count) => {
                let (cx, state) = self.ends[*side].cx(now);
                state.write(&cx, &vec![7; usize::from(*count)]).ok();
            }
            Act::Read(side, count) => {
                self.ends[*side].state.read(&mut vec![0; usize::from(*count)]);
            }
            Act::Command(side, command) => {
                let (mut cx, state) = self.ends[*side].cx(now);
                state.handle_command(&mut cx, *command).ok();
            }
            Act::Exchange { lost, change, is_forged } => self.exchange(*lost, *change, *is_forged),
            Act::Pass { millis } => self.pass(Duration::from_millis(u64::from(*millis))),
        }
        self.ends.iter_mut().for_each(|end| end.events.clear());
    }

    /// At most so many segments go each way at once, and all of it ends some time.
    fn exchange(&mut self, lost: u8, change: Change, is_forged: bool) {
        let mut count = 0_u32;
        for _ in 0..100 {
            let mut is_quiet = true;
            for from in [0, 1] {
                for octets in self.leaving(from) {
                    is_quiet = false;
                    if count >= 8 || lost >> count & 1 == 0 {
                        self.give(1 - from, &octets, change, is_forged);
                    }
                    count += 1;
                }
            }
            if is_quiet {
                return;
            }
        }
    }

    fn leaving(&mut self, from: usize) -> Vec<Vec<u8>> {
        let now = self.now;
        let mut buffer = vec![0; 2_000];
        core::iter::from_fn(|| {
            let (mut cx, state) = self.ends[from].cx(now);
            let burst = state.transmit(&mut cx, &mut Room { buffer: &mut buffer, segments_max: 1 })?;
            Some(buffer[..burst.len_octets].to_vec())
        })
        .take(100)
        .collect()
    }

    fn give(&mut self, to: usize, octets: &[u8], change: Change, is_forged: bool) {
        let segment = Segment::parse(octets).unwrap();
        let now = self.now;
        let mut options = segment.options.to_vec();
        let mut changed = segment;
        let mut mark = Ecn::Ect0;
        match change {
            Change::Nothing => {}
            Change::Seq(by) => changed.seq = moved(segment.seq, by),
            Change::Ack(by) => changed.ack = moved(segment.ack, by),
            Change::Window(window) => changed.window = window,
            Change::Flags(bits) => changed.flags = Flags(segment.flags.0 ^ u16::from(bits)),
            Change::Text(count) => {
                changed.payload = segment.payload.get(..usize::from(count)).unwrap_or(segment.payload);
            }
            Change::Options(count) => options.truncate(usize::from(count / 4 * 4)),
            Change::OptionOctet(at, octet) => {
                if let Some(old) = options.get_mut(usize::from(at)) {
                    *old = octet;
                }
            }
            Change::Marked => mark = Ecn::Ce,
            Change::Merged => (changed.payload, mark) = (&[7; 5_000], Ecn::Ce),
        }
        let changed = Segment { options: &options, ..changed };
        let end = &mut self.ends[to];
        // A SYN by somebody else would be another connection.
        if is_forged && end.state.name() != TcpState::Listen {
            self.predicted += usize::from(end.arrive(now, &changed, mark));
        } else {
            self.predicted += usize::from(end.clone().arrive(now, &changed, mark));
        }
        self.predicted += usize::from(end.arrive(now, &segment, mark));
    }

    /// To the end of `duration`, by a bounded number of steps.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..50 {
            self.exchange(0, Change::Nothing, false);
            let next = |end: &End| end.state.tcb().and_then(|tcb| tcb.timers.next());
            let due = self.ends.iter().filter_map(next).min().filter(|due| *due <= end);
            let Some(due) = due else { break };
            self.now = self.now.max(due);
            self.timeout();
        }
        self.now = self.now.max(end);
        self.timeout();
    }

    fn timeout(&mut self) {
        let now = self.now;
        for end in &mut self.ends {
            let (mut cx, state) = end.cx(now);
            state.handle_timeout(&mut cx);
        }
    }
}

fn moved(number: SequenceNumber, by: i8) -> SequenceNumber {
    SequenceNumber(number.0.wrapping_add_signed(i32::from(by)))
}

/// What both ends are told; each bit of `choice` is one thing.
fn config(choice: u8) -> Config {
    let has = |bit: u8| choice >> bit & 1 == 1;
    let offer = Offer { bits: CapableBits::new(1).with_silent(), hold: HoldTime::from_seconds(7200) };
    let of = Config::default();
    Config {
        hiatus: if has(0) { HiatusPolicy::On(offer) } else { HiatusPolicy::Off },
        timestamps: if has(1) { Timestamping::Off } else { Timestamping::On },
        sack: if has(2) { Sacking::Off } else { Sacking::On },
        ecn: if has(3) { EcnPolicy::On } else { EcnPolicy::Off },
        delayed_ack: if has(4) { None } else { of.delayed_ack },
        receive_buffer_octets: if has(5) { 3_000 } else { of.receive_buffer_octets },
        window_scale: if has(5) { None } else { of.window_scale },
        nagle: if has(6) { Nagle::Off } else { Nagle::On },
        ..of
    }
}

#[test]
fn a_predicted_segment_leaves_what_the_long_way_leaves() {
    fn holds(acts: Vec<Act>, choice: u8) -> bool {
        let mut pair = Pair::new(config(choice));
        pair.exchange(0, Change::Nothing, false);
        for act in acts {
            pair.act(&act);
        }
        true
    }
    QuickCheck::new().tests(300).quickcheck(holds as fn(Vec<Act>, u8) -> bool);
}

#[test]
fn nearly_every_segment_of_a_transfer_is_predicted() {
    for choice in 0..=u8::MAX {
        let mut pair = Pair::new(config(choice));
        pair.pass(Duration::from_secs(1));
        let before = pair.predicted;
        for _ in 0..10 {
            pair.act(&Act::Write(0, 2_800));
            pair.act(&Act::Exchange { lost: 0, change: Change::Nothing, is_forged: false });
            pair.act(&Act::Read(1, u16::MAX));
            pair.act(&Act::Pass { millis: 1_000 });
        }
        // Two full segments at least each time, or what stands for them, and once more by the copy.
        assert!(pair.predicted - before >= 40, "{choice:#b}: {}", pair.predicted - before);
    }
}
