//! From CAPABLE to on, or to plain TCP for good (draft, {#negotiation}).

use core::time::Duration;

use hiatus_codec::mac::{Context, Role};
use hiatus_codec::{AbortReason, Capable, CapableBits, Flags, HoldTime, Life, Message, Suspend};
use hiatus_engine::{
    CloseReason, Command, CommandError, Event, FallbackReason, HiatusState, PeerState, TcpState,
};

use crate::pair::{
    A_KEY, A_NONCE, B_KEY, Frame, HOLD_SECONDS, Made, Pair, SUSPEND, Side, give_resume, hiatus_config, names,
    plain_config, seconds,
};

fn fresh() -> Pair {
    Pair::new(hiatus_config(), hiatus_config())
}

fn capable(frame: &Frame) -> Option<Capable> {
    if let Some(Message::Capable(capable)) = frame.message() { Some(capable) } else { None }
}

/// The first three legs are delivered; gives what B says to the third.
fn confirming() -> (Pair, Vec<Frame>) {
    let mut pair = fresh();
    for side in [Side::A, Side::B, Side::A] {
        let frames = pair.take(side);
        assert_eq!(frames.len(), 1);
        pair.deliver(&frames[0]);
    }
    let epoch = pair.take(Side::B);
    (pair, epoch)
}

/// CAPABLE of a peer: version and S, a hold of 60 s.
fn offer(version: u8, key: Option<hiatus_codec::ConnectionKey>) -> Message<'static> {
    let bits = CapableBits::new(version).with_silent();
    Message::Capable(Capable { bits, offered_hold: HoldTime::from_seconds(60), key })
}

// The figure of the draft's {#negotiation}.
#[test]
fn four_legs_lead_to_on_at_both_ends() {
    let mut pair = fresh();
    let frames = pair.exchange();
    assert_eq!(names(&frames), ["capable", "capable", "capable", "epoch", "echo"]);
    let legs: Vec<Flags> = frames.iter().map(|frame| frame.segment().flags).collect();
    assert_eq!(legs, [Flags::SYN, Flags::SYN.union(Flags::ACK), Flags::ACK, Flags::ACK, Flags::ACK]);
    let keys: Vec<_> = frames.iter().filter_map(capable).map(|capable| capable.key).collect();
    assert_eq!(keys, [None, Some(B_KEY), Some(A_KEY)]);
    let Some(Message::Epoch(epoch)) = frames[3].message() else { panic!("EPOCH") };
    assert_eq!((epoch.number, epoch.stable_point), (0, 0));
    assert_eq!((pair.a.hiatus_state(), pair.b.hiatus_state()), (HiatusState::On, HiatusState::On));
    assert_eq!(pair.events(Side::A), [Event::Connected, Event::HiatusOn]);
    assert_eq!(pair.events(Side::B), [Event::Connected, Event::HiatusOn]);
}

// HIA-MUST-1, HIA-MUST-3: one Hiatus option, its flags 0.
#[test]
fn every_hiatus_option_stands_alone_with_flags_zero() {
    let mut pair = fresh();
    let mut frames = pair.exchange();
    pair.command(Side::A, SUSPEND);
    frames.extend(pair.exchange());
    pair.command(Side::A, Command::Resume);
    frames.extend(pair.exchange());
    pair.command(Side::A, Command::Abort);
    frames.extend(pair.exchange());
    let mut seen = 0;
    for frame in &frames {
        let octets = frame.segment().options;
        let found: Vec<_> = hiatus_codec::options(octets)
            .flatten()
            .filter_map(|option| match option {
                hiatus_codec::TcpOption::Hiatus(option) => Some(option),
                _ => None,
            })
            .collect();
        assert!(found.len() <= 1);
        for option in found {
            assert_eq!(option.octets_from_subtype()[0] & 0x0f, 0);
            seen += 1;
        }
    }
    assert_eq!(seen, 10);
}

#[test]
fn third_syn_carries_no_capable() {
    //= draft#neg-syn
    //# An initiator that offers the extension MUST put the short CAPABLE on the
    //# first two transmissions of its SYN and on no later one.
    let mut pair = fresh();
    let syns = pair.alone(Side::A, seconds(16));
    assert_eq!(names(&syns), ["capable", "capable", "syn", "syn", "syn"]);
}

#[test]
fn third_syn_ack_carries_no_capable() {
    //= draft#neg-synack
    //# A responder that accepts the offer MUST put the long CAPABLE on the
    //# first two transmissions of its SYN/ACK, as long as no SYN without
    //# CAPABLE has arrived, and on no other.
    let mut pair = fresh();
    let syn = pair.take(Side::A);
    pair.deliver(&syn[0]);
    let mut crossed = pair.clone();
    let syn_acks = pair.alone(Side::B, seconds(8));
    assert_eq!(names(&syn_acks), ["capable", "capable", "syn-ack", "syn-ack"]);
    // The third SYN of A overtakes the second SYN/ACK of B; the first one still arrives.
    let first = crossed.take(Side::B);
    assert_eq!(names(&first), ["capable"]);
    Made::ack(Side::A, 0, 0).flags(Flags::SYN).give(&mut crossed);
    assert_eq!(names(&crossed.alone(Side::B, seconds(2))), ["syn-ack", "syn-ack"]);
    crossed.deliver(&first[0]);
    crossed.exchange();
    assert_eq!((crossed.a.hiatus_state(), crossed.b.hiatus_state()), (HiatusState::On, HiatusState::On));
}

#[test]
fn syn_without_capable_draws_no_option() {
    //= draft#neg-synack
    //# A responder MUST NOT put a Hiatus option on the answer to a SYN
    //# without CAPABLE.
    let mut pair = Pair::new(plain_config(), hiatus_config());
    let frames = pair.pass(seconds(100));
    assert_eq!(names(&frames), ["syn", "syn-ack", "ack"]);
    let fell_back = Event::FellBack { reason: FallbackReason::NotOffered };
    assert_eq!(pair.events(Side::B), [fell_back, Event::Connected]);
}

#[test]
fn responder_answers_with_the_smaller_version() {
    //= draft#neg-synack
    //# A responder MUST set the Version of its CAPABLE to the smaller of the
    //# offered one and its own.
    let mut pair = fresh();
    Made::ack(Side::A, 0, 0).flags(Flags::SYN).message(&offer(7, None)).give(&mut pair);
    let answer = pair.take(Side::B);
    assert_eq!(capable(&answer[0]).map(|capable| capable.bits.version()), Some(1));
}

#[test]
fn version_zero_is_no_offer() {
    //= draft#opt-capable
    //# A receiver MUST ignore a CAPABLE with Version 0 and, on a SYN/ACK, one
    //# with a Version above the one it offered.
    let mut pair = fresh();
    Made::ack(Side::A, 0, 0).flags(Flags::SYN).message(&offer(0, None)).give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["syn-ack"]);
}

#[test]
fn initiator_is_plain_without_a_usable_long_capable() {
    //= draft#neg-synack
    //# An initiator MUST treat the connection as plain TCP when the SYN/ACK
    //# that it accepts has no long CAPABLE that it does not ignore.
    for message in [None, Some(offer(1, None)), Some(offer(2, Some(B_KEY))), Some(offer(0, Some(B_KEY)))] {
        let mut pair = fresh();
        pair.take(Side::A);
        let mut syn_ack = Made::ack(Side::B, 0, 1).flags(Flags::SYN.union(Flags::ACK));
        if let Some(message) = &message {
            syn_ack = syn_ack.message(message);
        }
        syn_ack.give(&mut pair);
        assert_eq!(pair.a.state(), TcpState::Established);
        assert_eq!(pair.a.hiatus_state(), HiatusState::Off, "{message:?}");
        //= draft#fallback
        //# A host that has fallen back MUST NOT send any Hiatus option on that
        //# connection.
        pair.write(Side::A, b"go on");
        let frames = pair.alone(Side::A, seconds(20));
        assert!(frames.iter().all(|frame| frame.message().is_none()));
    }
}

#[test]
fn capable_is_on_six_segments() {
    //= draft#neg-confirm
    //# After a SYN/ACK with CAPABLE, an initiator MUST put the long CAPABLE
    //# on each of its next six segments without RST, as long as no valid
    //# EPOCH has arrived, it has not fallen back and its retransmission timer
    //# has not expired twice in a row.
    //= draft#neg-confirm
    //# An initiator MUST NOT put CAPABLE on a segment after those six, nor
    //# after a valid EPOCH.
    let mut pair = fresh();
    let syn = pair.take(Side::A);
    pair.deliver(&syn[0]);
    let syn_ack = pair.take(Side::B);
    pair.write(Side::A, &[0; 12_000]);
    pair.deliver(&syn_ack[0]);
    let frames = pair.take(Side::A);
    let carry: Vec<bool> = frames.iter().map(|frame| capable(frame).is_some()).collect();
    assert_eq!(carry[..6], [true; 6]);
    assert!(carry.len() > 7 && !carry[6..].contains(&true));
    // It is long, with the bits and hold of the SYN.
    let first = capable(&frames[0]).expect("CAPABLE");
    assert_eq!(first.key, Some(A_KEY));
    assert_eq!(first.bits, capable(&syn[0]).expect("CAPABLE").bits);
    // Octets that went with it count.
    for frame in &frames {
        pair.deliver(frame);
    }
    pair.exchange();
    assert_eq!(pair.read(Side::B).len(), 12_000);
    assert_eq!(pair.a.hiatus_state(), HiatusState::On);
}

#[test]
fn third_copy_goes_without_capable() {
    //= draft#neg-confirm
    //# An initiator MUST NOT put CAPABLE on a segment that it sends again
    //# after the second expiry in a row of the retransmission timer.
    let (mut pair, _epoch) = confirming();
    let start = pair.now;
    pair.write(Side::A, b"one");
    let copies = pair.alone(Side::A, Duration::from_millis(3_100));
    let at: Vec<u128> = copies.iter().map(|frame| frame.at.since(start).as_millis()).collect();
    assert_eq!(at, [0, 1000, 3000]);
    assert_eq!(names(&copies), ["capable", "capable", "data"]);
    // An acknowledgment in between: the next expiry is again the first in a row.
    let (mut pair, _epoch) = confirming();
    // It measures nothing, so the timeout stays doubled (RFC 6298, section 5).
    for (octets, ack, rto_ms) in [(b"one", 4, 1_000), (b"two", 7, 2_000)] {
        pair.write(Side::A, octets);
        let copies = pair.alone(Side::A, Duration::from_millis(rto_ms + 100));
        assert_eq!(names(&copies), ["capable", "capable"]);
        Made::ack(Side::B, 1, ack).give(&mut pair);
    }
    // An EPOCH that comes late turns it on all the same.
    let (mut late, epoch) = confirming();
    late.write(Side::A, b"one");
    late.alone(Side::A, seconds(10));
    late.deliver(&epoch[0]);
    assert_eq!(late.a.hiatus_state(), HiatusState::On);
}

#[test]
fn initiator_waits_for_epoch_for_64_seconds() {
    let (mut pair, _lost) = confirming();
    pair.alone(Side::A, Duration::from_millis(63_900));
    assert_eq!(pair.a.hiatus_state(), HiatusState::Negotiating);
    pair.alone(Side::A, Duration::from_millis(200));
    assert_eq!(pair.a.hiatus_state(), HiatusState::Off);
    let fell_back = Event::FellBack { reason: FallbackReason::NoEpoch };
    assert_eq!(pair.events(Side::A), [Event::Connected, fell_back]);
}

#[test]
fn epoch_is_sent_six_times_and_then_given_up() {
    //= draft#neg-confirm
    //# A responder MUST repeat the EPOCH of the negotiation, as long as it
    //# has not been echoed, after one RTO, doubling the interval each time,
    //# until it has sent it six times.
    let (mut pair, first) = confirming();
    assert_eq!(names(&first), ["epoch"]);
    // Data that is lost doubles its own RTO and not this interval.
    pair.write(Side::B, b"lost");
    let mut again = pair.alone(Side::B, seconds(62));
    again.retain(|frame| frame.name() == "epoch");
    let times: Vec<u128> = again.iter().map(|frame| frame.at.since(first[0].at).as_millis()).collect();
    assert_eq!(names(&again), ["epoch"; 5]);
    // The first measurement is a round trip of nothing, so the RTO is its least, one second.
    assert_eq!(times, [1000, 3000, 7000, 15_000, 31_000]);
    assert_eq!(pair.b.hiatus_state(), HiatusState::Negotiating);
    let more = pair.alone(Side::B, seconds(2));
    assert!(more.iter().all(|frame| frame.message().is_none()));
    let fell_back = Event::FellBack { reason: FallbackReason::NoEcho };
    assert_eq!(pair.events(Side::B), [Event::Connected, Event::Unanswered, fell_back]);
}

#[test]
fn epoch_is_repeated_after_a_second_though_the_syn_ack_was_sent_twice() {
    //= draft#neg-confirm
    //# where no round trip has been measured, the EPOCH is
    //# repeated as with an RTO of one second, also if the SYN/ACK was sent
    //# twice.
    let mut pair = fresh();
    let syn = pair.take(Side::A);
    pair.deliver(&syn[0]);
    let syn_acks = pair.alone(Side::B, seconds(1));
    assert_eq!(names(&syn_acks), ["capable", "capable"]);
    pair.deliver(&syn_acks[1]);
    let third = pair.take(Side::A);
    pair.deliver(&third[0]);
    let start = pair.now;
    let epochs = pair.alone(Side::B, seconds(4));
    let times: Vec<u128> = epochs.iter().map(|frame| frame.at.since(start).as_millis()).collect();
    assert_eq!((names(&epochs), times), (vec!["epoch"; 3], vec![0, 1000, 3000]));
}

#[test]
fn epoch_repeated_is_echoed_again() {
    //= draft#neg-confirm
    //# A host that is not in RESUMING MUST answer every valid EPOCH with an
    //# EPOCH-ECHO that has the same Stable Point.
    let (mut pair, epoch) = confirming();
    for _ in 0..3 {
        pair.deliver(&epoch[0]);
        let echo = pair.take(Side::A);
        assert_eq!(names(&echo), ["echo"]);
        let Some(Message::EpochEcho(echo)) = echo[0].message() else { panic!("EPOCH-ECHO") };
        assert_eq!(echo.stable_point, 0);
    }
    assert_eq!(pair.b.hiatus_state(), HiatusState::Negotiating);
}

#[test]
fn echo_of_another_stable_point_does_not_count() {
    let (mut pair, _epoch) = confirming();
    let echo = |stable_point| Message::EpochEcho(hiatus_codec::EpochEcho { stable_point });
    Made::ack(Side::A, 1, 1).message(&echo(5)).give(&mut pair);
    assert_eq!(pair.b.hiatus_state(), HiatusState::Negotiating);
    Made::ack(Side::A, 1, 1).message(&echo(0)).give(&mut pair);
    assert_eq!(pair.b.hiatus_state(), HiatusState::On);
}

#[test]
fn responder_is_plain_when_the_first_segment_is_bare() {
    //= draft#neg-confirm
    //# A responder that sent CAPABLE MUST treat the connection as plain TCP
    //# when the first acceptable segment without SYN carries no long CAPABLE.
    //= draft#neg-confirm
    //# A responder that knows which Version it sent MUST ignore a long CAPABLE
    //# with another one.
    for message in [None, Some(offer(2, Some(A_KEY)))] {
        let mut pair = fresh();
        let syn = pair.take(Side::A);
        pair.deliver(&syn[0]);
        pair.take(Side::B);
        let mut first = Made::ack(Side::A, 1, 1);
        if let Some(message) = &message {
            first = first.message(message);
        }
        first.give(&mut pair);
        let fell_back = Event::FellBack { reason: FallbackReason::CapableStripped };
        assert_eq!(pair.events(Side::B), [fell_back, Event::Connected], "{message:?}");
        //= draft#fallback
        //# A host that has fallen back MUST ignore every Hiatus option on that
        //# connection.
        Made::ack(Side::A, 1, 1).message(&offer(1, Some(A_KEY))).give(&mut pair);
        suspend_by_hand(&mut pair);
        assert_eq!(pair.take(Side::B), []);
        assert_eq!(pair.b.peer_state(), PeerState::Up);
    }
}

fn suspend_by_hand(pair: &mut Pair) {
    let context = Context::suspend(Role::Initiator, Life::default());
    Made::ack(Side::A, 1, 1)
        .sealed(&context, |tag| Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag }))
        .give(pair);
}

#[test]
fn nothing_else_is_sent_or_believed_before_on() {
    //= draft#neg-confirm
    //# A host MUST NOT send a Hiatus message other than ABORT and those of
    //# this section before the connection is on.
    //= draft#neg-confirm
    //# A host MUST ignore a Hiatus message other than those of this section
    //# before the connection is on.
    let (mut pair, _epoch) = confirming();
    let now = pair.now;
    for side in [Side::A, Side::B] {
        assert_eq!(pair.end(side).handle_command(now, SUSPEND), Err(CommandError::HiatusOff));
    }
    let context = Context::suspend(Role::Responder, Life::default());
    Made::ack(Side::B, 1, 1)
        .sealed(&context, |tag| Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag }))
        .give(&mut pair);
    assert_eq!(pair.a.peer_state(), PeerState::Up);
    assert_eq!(pair.take(Side::A), []);
}

#[test]
fn other_messages_stand_for_the_echo() {
    //= draft#neg-confirm
    //# A responder that waits for an EPOCH-ECHO MUST take a valid EPOCH,
    //# SUSPEND, RESUME or ABORT as if the EPOCH-ECHO had come just before it.
    let (mut pair, _epoch) = confirming();
    let mut forged = pair.clone();
    let mut resumed = pair.clone();
    suspend_by_hand(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Held);
    assert_eq!(names(&pair.alone(Side::B, seconds(100))), ["suspend-ack"]);
    // The second generation of A: the RESUME of the first was lost too.
    give_resume(&mut resumed, 1, Life { incarnation: 0, generation: 2 }, A_NONCE, 1, 1);
    assert_eq!(resumed.b.hiatus_state(), HiatusState::On);
    assert_eq!(names(&resumed.alone(Side::B, seconds(100))), ["resume-ack"]);
    let mut aborted = forged.clone();
    let abort = Context::abort(Role::Initiator, Life::default(), hiatus_codec::Nonce(0));
    let reason = hiatus_codec::AbortReason::APPLICATION;
    Made::rst(Side::A, 1)
        .sealed(&abort, |tag| Message::Abort(hiatus_codec::Abort { reason, proof: tag.0 }))
        .give(&mut aborted);
    let by_peer = hiatus_engine::CloseReason::AbortedByPeer(reason);
    assert_eq!(aborted.events(Side::B).last(), Some(&Event::Closed { reason: by_peer }));
    // One beyond what was sent is ignored, and so is no echo either (HIA-MUST-35).
    let mut reported = forged.clone();
    for (stable, state) in [(2, HiatusState::Negotiating), (1, HiatusState::On)] {
        let context = Context::epoch(Role::Initiator, Life::default(), hiatus_codec::Position(stable));
        let stable_point = hiatus_codec::Position(stable).low();
        Made::ack(Side::A, 1, 1)
            .sealed(&context, |tag| Message::Epoch(hiatus_codec::Epoch { number: 1, stable_point, tag }))
            .give(&mut reported);
        assert_eq!(reported.b.hiatus_state(), state);
    }
    assert_eq!(names(&reported.alone(Side::B, seconds(100))), ["echo"]);
    // With a wrong End it is not the RESUME that was sealed: no challenge either, since nothing of Hiatus counts yet.
    let context = Context::resume(Role::Initiator, hiatus_codec::Position(1), hiatus_codec::Position(2));
    let resume =
        |tag| Message::Resume(hiatus_codec::Resume { life: Life::default(), nonce: A_NONCE, end: 1, tag });
    Made::ack(Side::A, 1, 1).sealed(&context, resume).give(&mut forged);
    assert_eq!(forged.b.hiatus_state(), HiatusState::Negotiating);
    assert_eq!(forged.take(Side::B), []);
}

#[test]
fn responder_that_waits_for_the_echo_aborts() {
    //= draft#ending
    //# A host that resets a connection that is on, or on which it has sent
    //# EPOCH and not fallen back, MUST send ABORT and not a bare RST.
    let (mut pair, epoch) = confirming();
    let mut fallen = pair.clone();
    pair.deliver(&epoch[0]);
    let _lost = pair.take(Side::A);
    pair.command(Side::B, Command::Abort);
    let abort = pair.take(Side::B);
    assert_eq!(names(&abort), ["abort"]);
    pair.events(Side::A);
    pair.deliver(&abort[0]);
    let closed = CloseReason::AbortedByPeer(AbortReason::APPLICATION);
    assert_eq!(pair.events(Side::A), [Event::Closed { reason: closed }]);
    // The initiator is not on: to it an ABORT is an RST.
    fallen.deliver(&abort[0]);
    assert_eq!(fallen.events(Side::A), [Event::Connected, Event::Closed { reason: CloseReason::Reset }]);
    // Once the responder has fallen back, so is what it sends.
    fallen.alone(Side::B, seconds(600));
    fallen.command(Side::B, Command::Abort);
    assert_eq!(names(&fallen.take(Side::B)), ["rst"]);
    // The same before its EPOCH has left.
    let mut early = fresh();
    for side in [Side::A, Side::B, Side::A] {
        let frames = early.take(side);
        early.deliver(&frames[0]);
    }
    early.command(Side::B, Command::Abort);
    assert_eq!(names(&early.take(Side::B)), ["rst"]);
}

#[test]
fn simultaneous_open_is_plain() {
    //= draft#combinations
    //# A host MUST treat a connection opened simultaneously as plain TCP.
    let mut pair = fresh();
    pair.take(Side::A);
    Made::ack(Side::B, 0, 0).flags(Flags::SYN).message(&offer(1, None)).give(&mut pair);
    assert_eq!(names(&pair.take(Side::A)), ["syn-ack"]);
    Made::ack(Side::B, 1, 1).give(&mut pair);
    let fell_back = Event::FellBack { reason: FallbackReason::SimultaneousOpen };
    assert_eq!(pair.events(Side::A), [fell_back, Event::Connected]);
}

#[test]
fn epoch_with_a_wrong_mac_or_beyond_what_was_sent_is_ignored() {
    //= draft#neg-confirm
    //# A receiver MUST ignore an EPOCH with a Stable Point beyond what it has
    //# sent.
    let (mut pair, _epoch) = confirming();
    let epoch =
        |stable_point| move |tag| Message::Epoch(hiatus_codec::Epoch { number: 1, stable_point, tag });
    let beyond = hiatus_codec::Position(2);
    let context = Context::epoch(Role::Responder, Life::default(), beyond);
    Made::ack(Side::B, 1, 1).sealed(&context, epoch(2)).give(&mut pair);
    let zero = Context::epoch(Role::Initiator, Life::default(), hiatus_codec::Position(0));
    Made::ack(Side::B, 1, 1).sealed(&zero, epoch(0)).give(&mut pair);
    assert_eq!(pair.a.hiatus_state(), HiatusState::Negotiating);
    assert_eq!(pair.take(Side::A), []);
}

#[test]
fn bits_and_hold_are_those_of_the_sender() {
    let mut older = hiatus_config();
    older.hiatus = hiatus_engine::HiatusPolicy::On(hiatus_engine::Offer {
        bits: CapableBits::new(1).with_older(),
        hold: HoldTime::NONE,
    });
    let mut pair = Pair::new(hiatus_config(), older);
    let frames = pair.exchange();
    let sent: Vec<Capable> = frames.iter().filter_map(capable).collect();
    assert!(sent[0].bits.may_fall_silent() && !sent[0].bits.may_return_older());
    assert_eq!(u64::from(sent[0].offered_hold.seconds()), HOLD_SECONDS);
    assert!(sent[1].bits.may_fall_silent() && sent[1].bits.may_return_older());
    assert!(sent[1].offered_hold.is_none());
}
