//! The cursors of the send ring against a list of every octet ever written, across 2^32.

use alloc::vec;
use alloc::vec::Vec;

use hiatus_codec::{Position, SequenceNumber};
use quickcheck::{Arbitrary, Gen, QuickCheck};

use super::SendSide;
use crate::config::Sending;
use crate::retention::Retention;

const CAPACITY_OCTETS: u32 = 60;
const RETAINED_OCTETS_MAX: u32 = 25;
/// The first octet: positions lie across 2^32, where their low half wraps.
const FIRST: u64 = (1 << 32) - 40;

/// What happens to a send ring. Numbers choose among what is possible then.
#[derive(Debug, Clone, Copy)]
enum Act {
    Write(u8),
    Close,
    /// Sends up to so many octets of what may go.
    Send(u8),
    Acknowledge(u8),
    /// The peer's stable point rises.
    Stable(u8),
    Shed,
    /// An epoch is TAKEN.
    Taken,
    /// The last one TAKEN is DURABLE.
    Durable,
    /// A peer with an older state asks for what it has lost.
    Rewind(u8),
    ResendAll,
    SetSending(Sending),
}

impl Arbitrary for Act {
    fn arbitrary(g: &mut Gen) -> Self {
        let number = u8::arbitrary(g);
        match u8::arbitrary(g) % 20 {
            0..=4 => Self::Write(number % 40),
            5..=8 => Self::Send(number % 40),
            9..=11 => Self::Acknowledge(number),
            12 | 13 => Self::Stable(number),
            14 => Self::Taken,
            15 => Self::Durable,
            16 => Self::Rewind(number),
            17 => Self::ResendAll,
            18 if number < 128 => Self::Shed,
            18 => Self::Close,
            _ if number < 128 => Self::SetSending(Sending::HoldSend),
            _ => Self::SetSending(Sending::Unheld),
        }
    }
}

/// What a send ring is to know.
#[derive(Debug)]
struct Model {
    /// Every octet ever written; the first is at `FIRST`.
    written: Vec<u8>,
    taken: Option<Position>,
    /// Acknowledged octets below this may be gone.
    given_up: Position,
    retains: bool,
}

fn ring(iss: u32, retains: bool) -> SendSide {
    let first = Position(FIRST);
    let mut snd = SendSide::new(SequenceNumber(iss), CAPACITY_OCTETS, 10);
    snd.buffer_start = first;
    for cursor in
        [&mut snd.stb, &mut snd.una, &mut snd.resend, &mut snd.nxt, &mut snd.max, &mut snd.lim, &mut snd.end]
    {
        *cursor = first;
    }
    if retains {
        snd.retain(Retention::on(RETAINED_OCTETS_MAX));
    }
    snd
}

/// The position a part of the way from `from` to `to`: 0 gives `from`, 255 `to`.
fn between(from: Position, to: Position, part: u8) -> Position {
    from.advanced_by(from.distance_to(to) * u64::from(part) / 255)
}

impl Model {
    fn act(&mut self, snd: &mut SendSide, act: Act) {
        match act {
            Act::Write(count) if snd.fin.is_none() => {
                let octets: Vec<u8> = (self.written.len()..)
                    .take(usize::from(count))
                    .map(|index| u8::try_from(index % 251).expect("small"))
                    .collect();
                let unacknowledged = snd.una.distance_to(snd.end);
                let room = u64::from(CAPACITY_OCTETS).saturating_sub(unacknowledged);
                let taken = snd.write(&octets);
                assert_eq!(
                    u64::try_from(taken),
                    Ok(room.min(u64::from(count))),
                    "what is not acknowledged is bounded"
                );
                self.written.extend(&octets[..taken]);
            }
            Act::Close => snd.close(),
            Act::Send(count) => {
                let bound = snd.bound();
                assert!(bound <= snd.lim || bound == snd.max);
                let end = snd.resend.advanced_by(u64::from(count)).min(bound);
                if end > snd.resend {
                    snd.sent_up_to(end);
                }
            }
            Act::Acknowledge(part) => {
                let ack = between(snd.una, snd.max, part);
                snd.acknowledge(ack);
                assert_eq!(snd.una, ack);
            }
            Act::Stable(part) => {
                // It may overtake the acknowledgment.
                let stable = between(snd.stb, snd.max, part);
                snd.is_stable_to(stable);
                assert!(snd.stb >= stable.min(snd.una));
                self.given_up = self.given_up.max(stable);
            }
            Act::Shed => {
                snd.shed();
            }
            Act::Taken => self.taken = Some(snd.end),
            Act::Durable => {
                if let Some(end) = self.taken {
                    snd.is_durable_to(end);
                }
            }
            Act::Rewind(part) => {
                let received = between(snd.stb, snd.lim, part);
                let max = snd.max.max(received);
                snd.rewind(received);
                assert_eq!((snd.una, snd.nxt, snd.max), (received, received, max));
            }
            Act::ResendAll => snd.resend_all(),
            Act::SetSending(sending) => snd.set_sending(sending),
            Act::Write(_) => {}
        }
    }

    /// Every octet that the peer may still ask for is there, and is the one that was written.
    fn judge(&self, snd: &SendSide) {
        snd.check().expect("the invariants hold");
        let kept = snd.stb.distance_to(snd.data_end());
        let mut octets = vec![0; usize::try_from(kept).expect("small")];
        assert_eq!(snd.copy_octets(snd.stb, &mut octets), octets.len());
        let from = usize::try_from(Position(FIRST).distance_to(snd.stb)).expect("small");
        assert_eq!(octets, self.written.get(from..).unwrap_or(&[]), "from {}", snd.stb);
        let bound = u64::from(RETAINED_OCTETS_MAX) + 2 * u64::from(CAPACITY_OCTETS);
        assert!(kept <= bound, "bounded memory: {kept}");
        match snd.retention {
            Retention::Holding { .. } if self.retains => {}
            Retention::Shedding { .. } => assert!(snd.retained_octets() <= u64::from(RETAINED_OCTETS_MAX)),
            _ => assert_eq!(snd.stb, snd.una),
        }
        // On the wire and back, wherever the initial number lies.
        for cursor in [snd.stb, snd.una, snd.nxt, snd.max, snd.end] {
            let number = cursor.sequence(snd.iss);
            assert_eq!(Position::of_sequence(number, snd.iss, snd.una), cursor);
        }
    }
}

fn cursors_hold(iss: u32, retains: bool, acts: Vec<Act>) -> bool {
    let mut snd = ring(iss, retains);
    let mut model = Model { written: Vec::new(), taken: None, given_up: Position(FIRST), retains };
    for act in acts {
        let (stb, was_shedding) = (snd.stb, matches!(snd.retention, Retention::Shedding { .. }));
        model.act(&mut snd, act);
        // While it holds back, it gives up nothing that is not stable.
        let may_give_up = was_shedding || !retains || matches!(act, Act::Shed | Act::Rewind(_));
        assert!(may_give_up || snd.stb == stb || snd.stb <= model.given_up, "{act:?}");
        model.judge(&snd);
    }
    true
}

#[test]
fn cursors_of_the_send_ring_hold_whatever_happens() {
    QuickCheck::new().tests(2000).quickcheck(cursors_hold as fn(u32, bool, Vec<Act>) -> bool);
}

#[test]
fn initial_numbers_next_to_the_wrap_hold_too() {
    /// The initial number is one of those where something wraps.
    fn property(choice: u8, retains: bool, acts: Vec<Act>) -> bool {
        const ISS: [u32; 6] = [0, 1, u32::MAX, u32::MAX - 39, 1 << 31, (1 << 31) - 1];
        cursors_hold(ISS[usize::from(choice) % ISS.len()], retains, acts)
    }
    QuickCheck::new().tests(1000).quickcheck(property as fn(u8, bool, Vec<Act>) -> bool);
}
