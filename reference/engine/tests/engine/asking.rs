//! Hosts that are there and ask: they may have been replaced, or rolled back unawares (draft, {#lives}, {#clones}).

use core::time::Duration;

use hiatus_codec::{AbortReason, Message};
use hiatus_engine::{CloseReason, Event, FallbackReason, HiatusState, PeerState, TcpState};

use crate::durability::{durable_pair, epoch, restored};
use crate::pair::{Frame, Made, Pair, Side, abort_reason, names, older_config, seconds};

fn life(frame: &Frame) -> (u32, u16) {
    let Some(Message::Resume(resume)) = frame.message() else { panic!("RESUME, not {}", frame.name()) };
    (resume.life.incarnation, resume.life.generation)
}

#[test]
fn ack_of_what_was_never_sent_makes_a_host_ask() {
    //= draft#lives
    //# A host with N that gets an acknowledgment above its SND.MAX MUST send a
    //# RESUME with its current life.
    let mut pair = Pair::on_with(older_config(), older_config());
    Made::ack(Side::A, 1, 33).give(&mut pair);
    let sent = pair.take(Side::B);
    assert_eq!(names(&sent), ["resume", "ack"]);
    assert_eq!(life(&sent[0]), (0, 0));
    // At most once a second.
    Made::ack(Side::A, 1, 33).give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
    pair.off(seconds(1));
    Made::ack(Side::A, 1, 33).give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["resume", "ack"]);
    // A peer that was only misunderstood answers, and all goes on.
    pair.deliver(&sent[0]);
    let answer = pair.take(Side::A);
    assert_eq!(names(&answer), ["resume-ack"]);
    pair.deliver(&answer[0]);
    assert_eq!((pair.events(Side::B), pair.b.peer_state()), (vec![], PeerState::Up));
    // An answer is no reason to ask sooner.
    Made::ack(Side::A, 1, 33).give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
    pair.write(Side::B, b"on it goes");
    pair.exchange();
    assert_eq!(pair.read(Side::A), b"on it goes");
}

#[test]
fn host_without_n_does_not_ask() {
    let mut pair = Pair::on();
    Made::ack(Side::A, 1, 33).give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
}

#[test]
fn rollback_that_nobody_told_of_is_found_by_asking() {
    let mut pair = Pair::on_with(older_config(), older_config());
    let saved = pair.b.clone();
    pair.write(Side::B, b"received, and then never written");
    pair.exchange();
    pair.b = saved;
    pair.write(Side::A, b"hello");
    pair.exchange();
    let reason = CloseReason::AbortedHere(AbortReason::DIVERGED);
    assert_eq!(pair.events(Side::B).last(), Some(&Event::Closed { reason }));
    let reason = CloseReason::AbortedByPeer(AbortReason::DIVERGED);
    assert_eq!(pair.events(Side::A).last(), Some(&Event::Closed { reason }));
}

#[test]
fn epochs_without_an_echo_make_a_host_ask() {
    //= draft#lives
    //# A host that has sent three EPOCHs without an echo of one of them, while
    //# acceptable segments arrived, MUST send a RESUME with its current life
    //# when it sends the fourth.
    let mut pair = durable_pair();
    pair.write(Side::A, b"1234");
    pair.exchange();
    // It has been replaced; its successor speaks with the same address.
    let mut successor = pair.clone();
    successor.command(Side::B, restored(4));
    let resume = successor.take(Side::B);
    epoch(&mut pair, Side::B, 1);
    let mut sent = pair.take(Side::B);
    for frame in &resume {
        pair.deliver(frame);
    }
    pair.take(Side::A);
    pair.off(Duration::from_millis(1));
    Made::ack(Side::A, 5, 1).give(&mut pair);
    sent.extend(pair.alone(Side::B, seconds(8)));
    assert_eq!(names(&sent), ["epoch", "epoch", "epoch", "epoch", "resume"]);
    pair.deliver(&sent[4]);
    let fenced = pair.take(Side::A);
    assert_eq!(abort_reason(&fenced[0]), AbortReason::FENCED);
    pair.events(Side::B);
    pair.deliver(&fenced[0]);
    let reason = CloseReason::AbortedByPeer(AbortReason::FENCED);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason }]);
}

#[test]
fn six_questions_that_each_met_a_plain_segment_end_in_fallback() {
    //= draft#lives
    //# six that each met a plain
    //# segment end in fallback
    let mut pair = durable_pair();
    pair.write(Side::A, b"1234");
    pair.exchange();
    pair.events(Side::B);
    epoch(&mut pair, Side::B, 1);
    let mut questions = 0;
    for _ in 0..400 {
        questions += names(&pair.alone(Side::B, seconds(1))).iter().filter(|name| **name == "resume").count();
        if pair.b.hiatus_state() == HiatusState::Off {
            break;
        }
        Made::ack(Side::A, 5, 1).give(&mut pair);
    }
    assert_eq!(questions, 6);
    assert_eq!(pair.events(Side::B), [Event::FellBack { reason: FallbackReason::ResumeMetPlain }]);
}

/// 2^21 ticks of a millisecond.
const LONG: Duration = Duration::from_millis(1 << 21);

#[test]
fn host_that_has_not_asked_for_long_asks_before_it_sends() {
    //= draft#clones
    //# A host with N MUST NOT send an octet for the first time when more than
    //# 2^21 ticks of its timestamps have passed since the handshake or a RESUME
    //# of its current life was last answered.
    let mut pair = Pair::on_with(older_config(), older_config());
    pair.off(LONG);
    pair.write(Side::A, b"in time");
    assert_eq!(names(&pair.exchange()), ["data", "ack"]);
    pair.off(Duration::from_millis(1));
    pair.write(Side::A, b"late");
    let asked = pair.take(Side::A);
    assert_eq!(names(&asked), ["resume"]);
    // Like an octet that is not acknowledged.
    assert_eq!(names(&pair.alone(Side::A, seconds(10))), ["resume"; 3]);
    // What the peer asks for is answered meanwhile.
    Made::ack(Side::B, 1, 8).payload(b"x").give(&mut pair);
    assert_eq!(names(&pair.take(Side::A)), ["ack"]);
    pair.deliver(&asked[0]);
    let answer = pair.take(Side::B);
    assert_eq!(names(&answer), ["resume-ack"]);
    pair.deliver(&answer[0]);
    assert_eq!(names(&pair.take(Side::A)), ["data"]);
    pair.write(Side::A, b", and no more questions");
    assert_eq!(names(&pair.take(Side::A)), ["data"]);
}

#[test]
fn host_that_was_replaced_learns_it_when_it_asks() {
    let mut pair = Pair::on_with(older_config(), older_config());
    let mut successor = pair.clone();
    successor.command(Side::A, restored(1));
    let resume = successor.take(Side::A);
    pair.deliver(&resume[0]);
    pair.take(Side::B);
    pair.off(LONG + seconds(1));
    pair.write(Side::A, b"of a history that is dead");
    pair.exchange();
    let reason = CloseReason::AbortedByPeer(AbortReason::FENCED);
    assert_eq!(pair.events(Side::A).last(), Some(&Event::Closed { reason }));
    assert_eq!(pair.read(Side::B), b"");
}

#[test]
fn question_that_nobody_answers_gives_up_after_r2() {
    let mut pair = Pair::on_with(older_config(), older_config());
    pair.off(LONG + seconds(1));
    pair.write(Side::A, b"late");
    pair.alone(Side::A, seconds(200));
    assert_eq!((pair.a.peer_state(), pair.a.state()), (PeerState::Presumed, TcpState::Established));
}

#[test]
fn question_after_long_time_that_meets_plain_segments_ends_in_fallback() {
    //= draft#clones
    //# Six of them
    //# that each met a plain segment end in fallback
    let mut pair = Pair::on_with(older_config(), older_config());
    pair.off(LONG + seconds(1));
    pair.write(Side::A, b"late");
    let mut questions = names(&pair.take(Side::A)).iter().filter(|name| **name == "resume").count();
    for _ in 0..100 {
        // A path that strips options leaves a keep-alive of the RESUME, and this of its answer.
        Made::ack(Side::B, 1, 1).give(&mut pair);
        if pair.a.hiatus_state() == HiatusState::Off {
            break;
        }
        questions += names(&pair.alone(Side::A, seconds(1))).iter().filter(|name| **name == "resume").count();
    }
    assert_eq!(questions, 6);
    assert!(pair.events(Side::A).contains(&Event::FellBack { reason: FallbackReason::ResumeMetPlain }));
    assert_eq!(names(&pair.take(Side::A)), ["data"]);
}
