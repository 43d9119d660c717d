//! R1 and R2: what happens to connections that fail (RFC 9293, section 3.8.3).

use core::time::Duration;

use hiatus_engine::{CloseReason, Command, Config, Event, TcpState};

use crate::pair::{Made, Pair, Side, plain_config, seconds};

fn connected() -> Pair {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    pair.events(Side::A);
    pair
}

const CLOSED: Event = Event::Closed { reason: CloseReason::NoAnswer };

#[test]
fn r1_is_told_after_three_retransmissions_and_once() {
    // SHLD-9, SHLD-10: with an RTO of 1 s they leave after 1, 3 and 7 s.
    let mut pair = connected();
    pair.write(Side::A, b"data");
    pair.alone(Side::A, Duration::from_millis(6999));
    assert_eq!(pair.events(Side::A), []);
    pair.alone(Side::A, seconds(1));
    assert_eq!(pair.events(Side::A), [Event::Unanswered]);
    pair.alone(Side::A, seconds(60));
    assert_eq!((pair.a.state(), pair.events(Side::A)), (TcpState::Established, vec![]));
    // After an answer it is told anew.
    Made::ack(Side::B, 1, 5).give(&mut pair);
    pair.command(Side::A, Command::SetUserTimeout { r2: Duration::MAX });
    pair.write(Side::A, b"more");
    // The timeout stays doubled until a round trip is measured again (RFC 6298, section 5).
    pair.alone(Side::A, seconds(200));
    assert_eq!(pair.events(Side::A), [Event::Unanswered]);
}

#[test]
fn r2_is_at_least_100_seconds() {
    // SHLD-11.
    let mut pair = connected();
    pair.write(Side::A, b"data");
    pair.alone(Side::A, seconds(100));
    assert_eq!(pair.a.state(), TcpState::Established);
    pair.alone(Side::A, seconds(70));
    assert_eq!(pair.events(Side::A), [Event::Unanswered, CLOSED]);
}

#[test]
fn application_sets_r2_of_its_connection() {
    // MUST-21.
    let mut pair = connected();
    pair.command(Side::A, Command::SetUserTimeout { r2: seconds(10) });
    pair.write(Side::A, b"data");
    pair.alone(Side::A, seconds(16));
    assert_eq!(pair.events(Side::A), [Event::Unanswered, CLOSED]);

    let mut pair = connected();
    pair.command(Side::A, Command::SetUserTimeout { r2: Duration::MAX });
    pair.write(Side::A, b"data");
    pair.alone(Side::A, seconds(1_000_000));
    assert_eq!(pair.a.state(), TcpState::Established);
    // It may change while data waits.
    pair.command(Side::A, Command::SetUserTimeout { r2: seconds(1) });
    pair.alone(Side::A, seconds(61));
    assert_eq!(pair.events(Side::A), [Event::Unanswered, CLOSED]);
}

#[test]
fn syn_is_sent_again_for_three_minutes_whatever_is_configured() {
    // MUST-23; R1 holds for a SYN too.
    let config = Config { r2_syn: seconds(1), r2: seconds(1), ..plain_config() };
    let mut pair = Pair::new(config, config);
    pair.alone(Side::A, seconds(180));
    assert_eq!((pair.a.state(), pair.events(Side::A)), (TcpState::SynSent, vec![Event::Unanswered]));
    pair.alone(Side::A, seconds(90));
    assert_eq!(pair.events(Side::A), [CLOSED]);
}

#[test]
fn syn_ack_is_given_up_like_a_syn() {
    let mut pair = Pair::new(plain_config(), plain_config());
    let syn = pair.take(Side::A);
    pair.deliver(&syn[0]);
    pair.alone(Side::B, seconds(180));
    assert_eq!(pair.b.state(), TcpState::SynReceived);
    pair.alone(Side::B, seconds(90));
    assert_eq!(pair.b.state(), TcpState::Closed);
}
