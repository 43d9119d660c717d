//! Both ends agree on where each direction goes on (draft, {#sync}).

use core::time::Duration;

use hiatus_codec::mac::{Context, Role};
use hiatus_codec::{AbortReason, HoldTime, Life, Message, Nonce, Position, Resume, Suspend};
use hiatus_engine::{CloseReason, Command, Event, PeerState};

use crate::pair::{
    A_ISN, A_NONCE, B_ISN, Made, Pair, SUSPEND, Side, abort_reason, give_resume, names, seconds,
};

#[test]
fn positions_that_do_not_fit_abort_the_connection() {
    //= draft#sync
    //# A host MUST answer a RESUME of a newer life with R below its SND.STB
    //# with ABORT and reason GONE.
    //= draft#sync
    //# A host MUST answer a RESUME of a newer life with R above its SND.LIM,
    //# or with End below its RCV.NXT, with ABORT and reason DIVERGED.
    let cases =
        [(100, 6, AbortReason::GONE), (102, 6, AbortReason::DIVERGED), (101, 5, AbortReason::DIVERGED)];
    for (received, end, reason) in cases {
        let mut pair = Pair::on();
        // B sent 100 octets and A 5, all acknowledged: SND.STB = SND.LIM = 101 and RCV.NXT = 6 at B.
        pair.write(Side::B, &[0; 100]);
        pair.write(Side::A, b"hello");
        pair.exchange();
        pair.events(Side::B);
        give_resume(&mut pair, 0, Life { incarnation: 1, generation: 0 }, Nonce(9), received, end);
        let answer = pair.take(Side::B);
        assert_eq!(abort_reason(&answer[0]), reason, "R {received}, End {end}");
        assert_eq!(answer[0].segment().seq.0, B_ISN.wrapping_add(received));
        assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::AbortedHere(reason) }]);
        //= draft#ending
        //# For 60 seconds after it has closed a connection by sending
        //# ABORT, a host MUST answer every segment of it that has neither
        //# SYN nor RST with the same ABORT again, under the rate limit of
        //# challenge ACKs.
        pair.alone(Side::B, seconds(59));
        give_resume(&mut pair, 0, Life { incarnation: 1, generation: 0 }, Nonce(9), received, end);
        assert_eq!(abort_reason(&pair.take(Side::B)[0]), reason);
        pair.alone(Side::B, seconds(1));
        give_resume(&mut pair, 0, Life { incarnation: 1, generation: 0 }, Nonce(9), received, end);
        assert_eq!(pair.take(Side::B), []);
    }
}

#[test]
fn synchronising_rewinds_and_drops_what_is_out_of_order() {
    //= draft#sync
    //# A host that synchronises MUST set SND.UNA and SND.NXT to R.
    //= draft#sync
    //# A host that synchronises MUST drop the data that it holds out of
    //# order.
    let mut pair = Pair::on();
    // Five segments of B are lost; A got nothing.
    pair.write(Side::B, &[4; 7000]);
    assert_eq!(pair.take(Side::B).len(), 5);
    // The second segment of A arrives, the first does not.
    pair.write(Side::A, &[5; 2000]);
    let data = pair.take(Side::A);
    pair.deliver(&data[1]);
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    pair.command(Side::A, Command::Resume);
    let sent = pair.take(Side::A);
    pair.deliver(&sent[0]);
    let frames = pair.take(Side::B);
    assert_eq!(names(&frames)[..2], ["resume-ack", "data"]);
    // SEG.SEQ is SND.NXT after the rewind; the first octet goes again at once.
    assert_eq!(frames[0].segment().seq.0, B_ISN + 1);
    assert_eq!(frames[1].segment().seq.0, B_ISN + 1);
    for frame in &frames {
        pair.deliver(frame);
    }
    // A sends everything again, the second segment too.
    let again = pair.take(Side::A);
    let octets: usize = again.iter().map(|frame| frame.segment().payload.len()).sum();
    assert_eq!(octets, 2000);
    pair.deliver(again.iter().find(|frame| frame.segment().seq.0 == A_ISN + 1).expect("the first"));
    assert_eq!(pair.b.readable_octets(), 1448);
}

#[test]
fn synchronising_takes_window_and_timestamp_as_they_are() {
    let mut pair = Pair::on();
    pair.write(Side::A, b"hello");
    pair.exchange();
    // An A with an older SND.UNA, a small window (400 octets after scaling) and a clock that went back.
    let life = Life { incarnation: 1, generation: 0 };
    let context = Context::resume(Role::Initiator, Position(1), Position(6));
    let made = Made::ack(Side::A, 0, 1).window(100).tsval(2);
    made.sealed(&context, |tag| Message::Resume(Resume { life, nonce: Nonce(9), end: 6, tag }))
        .give(&mut pair);
    pair.write(Side::B, &[0; 5000]);
    // Before the RTO.
    let frames = pair.alone(Side::B, Duration::from_millis(900));
    assert_eq!(frames[0].timestamps().echo_reply, 2);
    let octets: usize = frames.iter().map(|frame| frame.segment().payload.len()).sum();
    assert_eq!(octets, 400);
    Made::ack(Side::A, 6, 1).tsval(3).payload(b"accepted").give(&mut pair);
    assert_eq!(pair.read(Side::B), b"helloaccepted");
}

#[test]
fn synchronising_starts_slowly_after_an_absence() {
    //= draft#sync
    //# A host that synchronises after more than one RTO, or to an R below its
    //# SND.NXT, SHOULD start with a congestion window of at most the initial
    //# window.
    let mut pair = Pair::on();
    // Long enough in one go for the window to have grown beyond ten segments.
    for _ in 0..8 {
        pair.write(Side::B, &[6; 60_000]);
        pair.exchange();
        pair.read(Side::A);
        pair.exchange();
    }
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    pair.write(Side::B, &[6; 60_000]);
    pair.off(seconds(100));
    pair.command(Side::A, Command::Resume);
    let sent = pair.take(Side::A);
    pair.deliver(&sent[0]);
    let octets: usize = pair.take(Side::B).iter().map(|frame| frame.segment().payload.len()).sum();
    assert!(octets <= 14_600, "{octets} octets at once");
}

#[test]
fn acknowledgment_of_what_was_sent_before_the_rewind_counts() {
    let mut pair = Pair::on();
    pair.write(Side::B, &[2; 100]);
    pair.take(Side::B);
    give_resume(&mut pair, 0, Life { incarnation: 0, generation: 1 }, A_NONCE, 1, 1);
    // The octets were late, not lost: they reach A after its RESUME, and A acknowledges them (SND.MAX is 101).
    Made::ack(Side::A, 1, 101).give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["resume-ack"]);
}

#[test]
fn window_that_opened_while_resuming_is_announced() {
    let mut pair = Pair::on();
    // B fills the receive buffer of A.
    pair.write(Side::B, &[7; 65_536]);
    pair.exchange();
    pair.command(Side::A, Command::Resume);
    let resume = pair.take(Side::A);
    assert_eq!(resume[0].segment().window, 0);
    assert_eq!(pair.read(Side::A).len(), 65_536);
    pair.deliver(&resume[0]);
    let answer = pair.take(Side::B);
    pair.deliver(&answer[0]);
    let update = pair.take(Side::A);
    assert_eq!(names(&update), ["ack"]);
    assert!(update[0].segment().window > 0);
}

#[test]
fn repeated_synchronisation_without_an_acknowledgment_starts_with_one_segment() {
    //= draft#sync
    //# A host that synchronises although its peer has acknowledged nothing new
    //# since it last synchronised SHOULD start with a congestion window of one
    //# segment.
    let mut pair = Pair::on();
    pair.write(Side::B, &[4; 30_000]);
    // The peer's window has room for ten segments and more: the initial window counts.
    pair.take(Side::B);
    let drawn = |pair: &mut Pair, generation, received| {
        give_resume(pair, 1, Life { incarnation: 0, generation }, A_NONCE, received, 1);
        let frames = pair.take(Side::B);
        assert_eq!(frames[0].name(), "resume-ack");
        frames.len() - 1
    };
    assert!(drawn(&mut pair, 1, 1) > 1);
    assert_eq!(drawn(&mut pair, 2, 1), 1);
    assert_eq!(drawn(&mut pair, 3, 1), 1);
    // R acknowledges something, so the next time counts from it.
    assert_eq!(drawn(&mut pair, 4, 1001), 1);
    Made::ack(Side::A, 1, 2449).window(u16::MAX).give(&mut pair);
    pair.take(Side::B);
    assert!(drawn(&mut pair, 5, 2449) > 1);
}

#[test]
fn repeated_synchronisation_from_held_starts_with_one_segment_too() {
    let mut pair = Pair::on();
    pair.write(Side::B, &[4; 30_000]);
    pair.take(Side::B);
    for generation in 1..=2 {
        let life = Life { incarnation: 0, generation };
        give_resume(&mut pair, 1, life, A_NONCE, 1, 1);
        let frames = pair.take(Side::B);
        assert_eq!(frames[0].name(), "resume-ack");
        assert_eq!(frames.len() == 2, generation == 2, "{} segments", frames.len() - 1);
        Made::ack(Side::A, 1, 1)
            .sealed(&Context::suspend(Role::Initiator, life), |tag| {
                Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag })
            })
            .give(&mut pair);
        pair.take(Side::B);
        assert_eq!(pair.end(Side::B).peer_state(), PeerState::Held);
    }
}
