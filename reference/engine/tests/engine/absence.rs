//! Leaving: SUSPEND, and what goes with it (draft, {#leaving}).

use core::time::Duration;

use hiatus_codec::{HoldTime, Message};
use hiatus_engine::{Command, CommandError, Config, Event, HiatusPolicy, Offer, PeerState, SelfState};

use crate::pair::{
    A_ISN, HOLD_SECONDS, Made, Pair, SUSPEND, Side, hiatus_config, names, plain_config, seconds,
};

#[test]
fn suspension_is_announced_and_acknowledged() {
    //= draft#holding
    //# A host MUST answer every valid SUSPEND with a SUSPEND-ACK.
    let mut pair = Pair::on();
    let expected_absence = HoldTime::from_seconds(90);
    pair.command(Side::A, Command::Suspend { expected_absence });
    let frames = pair.exchange();
    assert_eq!(names(&frames), ["suspend", "suspend-ack"]);
    let Some(Message::Suspend(suspend)) = frames[0].message() else { panic!("SUSPEND") };
    assert_eq!(suspend.expected_absence, expected_absence);
    //= draft#leaving
    //# A host that is going away MUST NOT close its window to say so.
    assert_eq!(frames[0].segment().window, 16_384);
    //= draft#holding
    //# The Granted Hold MUST NOT be longer than the hold that its sender
    //# offered in CAPABLE.
    let Some(Message::SuspendAck(ack)) = frames[1].message() else { panic!("SUSPEND-ACK") };
    assert_eq!(u64::from(ack.granted_hold.seconds()), HOLD_SECONDS);
    let hold = seconds(HOLD_SECONDS);
    assert_eq!(pair.events(Side::A), [Event::SuspendAcknowledged { hold }]);
    //= draft#holding
    //# A host SHOULD tell its application that the peer is absent, and for
    //# how long it will be held.
    assert_eq!(pair.events(Side::B), [Event::PeerSuspended { hold }]);
    assert_eq!((pair.a.self_state(), pair.a.peer_state()), (SelfState::Leaving, PeerState::Up));
    assert_eq!((pair.b.self_state(), pair.b.peer_state()), (SelfState::Up, PeerState::Held));
}

#[test]
fn suspend_is_sent_three_times_an_rto_apart() {
    //= draft#leaving
    //# A host MUST NOT send more than three SUSPENDs for one absence.
    //= draft#leaving
    //# A host MUST NOT repeat a SUSPEND before one RTO has passed since the
    //# last one.
    let mut pair = Pair::on();
    let start = pair.now;
    pair.command(Side::A, SUSPEND);
    let copies = pair.alone(Side::A, seconds(600));
    assert_eq!(names(&copies), ["suspend"; 3]);
    let times: Vec<Duration> = copies.iter().map(|frame| frame.at.since(start)).collect();
    assert_eq!(times, [seconds(0), seconds(1), seconds(2)]);
}

#[test]
fn suspend_is_not_repeated_after_its_acknowledgment() {
    //= draft#leaving
    //# A host MUST NOT repeat a SUSPEND after a valid SUSPEND-ACK.
    let mut pair = Pair::on();
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    assert_eq!(pair.alone(Side::A, seconds(600)), []);
}

#[test]
fn leaving_host_acknowledges_and_sends_nothing_new() {
    //= draft#leaving
    //# A host in LEAVING MUST acknowledge the data that it accepts.
    //= draft#states
    //# A host MUST NOT send an octet for the first time unless SELF is UP and
    //# PEER is UP.
    let mut pair = Pair::on();
    pair.write(Side::B, b"on its way");
    let data = pair.take(Side::B);
    pair.command(Side::A, SUSPEND);
    pair.write(Side::A, b"too late");
    assert_eq!(names(&pair.take(Side::A)), ["suspend"]);
    pair.deliver(&data[0]);
    let ack = pair.take(Side::A);
    assert_eq!(names(&ack), ["ack"]);
    assert_eq!(ack[0].segment().ack.0, data[0].segment().seq.0.wrapping_add(10));
    assert_eq!(pair.read(Side::A), b"on its way");
}

#[test]
fn leaving_host_still_sends_lost_octets_again() {
    let mut pair = Pair::on();
    pair.write(Side::A, b"lost");
    pair.take(Side::A);
    pair.command(Side::A, SUSPEND);
    let frames = pair.alone(Side::A, Duration::from_millis(1500));
    assert_eq!(names(&frames), ["suspend", "suspend", "data"]);
}

#[test]
fn close_while_leaving_waits() {
    let mut pair = Pair::on();
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    pair.command(Side::A, Command::Close);
    assert_eq!(pair.alone(Side::A, seconds(10)), []);
    pair.command(Side::A, Command::Resume);
    let frames = pair.exchange();
    assert_eq!(names(&frames), ["resume", "resume-ack", "fin", "ack"]);
}

#[test]
fn leaving_can_be_cancelled() {
    let mut pair = Pair::on();
    pair.command(Side::A, SUSPEND);
    pair.command(Side::A, Command::Resume);
    assert_eq!(pair.a.self_state(), SelfState::Resuming);
    assert_eq!(names(&pair.exchange()), ["resume", "resume-ack"]);
    assert_eq!(pair.a.self_state(), SelfState::Up);
}

#[test]
fn commands_that_make_no_sense_are_refused() {
    let mut pair = Pair::on();
    let now = pair.now;
    pair.command(Side::A, SUSPEND);
    assert_eq!(pair.a.handle_command(now, SUSPEND), Err(CommandError::Suspended));
    let mut plain = Pair::new(hiatus_config(), plain_config());
    plain.exchange();
    assert_eq!(plain.a.handle_command(now, SUSPEND), Err(CommandError::HiatusOff));
    let no_s = Offer { bits: hiatus_codec::CapableBits::new(1), hold: HoldTime::from_seconds(60) };
    let stays = Config { hiatus: HiatusPolicy::On(no_s), ..plain_config() };
    let mut pair = Pair::on_with(stays, hiatus_config());
    assert_eq!(pair.a.handle_command(now, SUSPEND), Err(CommandError::NotOffered));
}

#[test]
fn peer_without_a_hold_refuses() {
    let none = Offer { bits: hiatus_codec::CapableBits::new(1).with_silent(), hold: HoldTime::NONE };
    let refuses = Config { hiatus: HiatusPolicy::On(none), ..plain_config() };
    let mut pair = Pair::on_with(hiatus_config(), refuses);
    pair.command(Side::A, SUSPEND);
    assert_eq!(names(&pair.exchange()), ["suspend", "suspend-ack"]);
    assert_eq!(pair.events(Side::A), [Event::SuspendAcknowledged { hold: Duration::ZERO }]);
    assert_eq!(pair.b.peer_state(), PeerState::Up);
}

#[test]
fn leaving_host_sends_nothing_from_its_suspend_on() {
    //= draft#leaving
    //# A host in LEAVING MUST NOT send a window probe, a keep-alive, or a FIN
    //# or octet at or beyond SEG.SEQ of its SUSPEND.
    let mut pair = Pair::on();
    // B closes its window; A has probed it with its first octet.
    Made::ack(Side::B, 1, 1).window(0).give(&mut pair);
    pair.write(Side::A, b"waits");
    assert_eq!(names(&pair.alone(Side::A, seconds(1))), ["data"]);
    pair.command(Side::A, SUSPEND);
    let frames = pair.alone(Side::A, seconds(600));
    assert_eq!(names(&frames), ["suspend"; 3]);
    assert_eq!(frames[0].segment().seq.0, A_ISN + 1);
    Made::ack(Side::B, 1, 1).give(&mut pair);
    assert_eq!(pair.alone(Side::A, seconds(600)), []);
}

#[test]
fn leaving_host_does_not_send_again_what_its_peer_has_not_seen() {
    // A had sent five octets that B lost with an older history: after the rewind SND.NXT is 1 and SND.MAX 6.
    let mut pair = Pair::on();
    pair.write(Side::A, b"hello");
    pair.take(Side::A);
    pair.command(Side::B, Command::Resume);
    let resume = pair.take(Side::B);
    pair.deliver(&resume[0]);
    pair.command(Side::A, SUSPEND);
    let frames = pair.alone(Side::A, seconds(600));
    assert_eq!(names(&frames), ["resume-ack", "suspend", "suspend", "suspend"]);
    assert_eq!(frames[1].segment().seq.0, A_ISN + 1);
}
