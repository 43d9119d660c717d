//! Probes of an idle connection (RFC 9293, section 3.8.4).

use core::time::Duration;

use hiatus_engine::{
    CloseReason, Command, Config, DEFAULT_KEEP_ALIVE_IDLE, Event, KeepAlive, PeerState, TcpState,
};

use crate::pair::{A_ISN, Frame, Made, Pair, SUSPEND, Side, hiatus_config, names, plain_config, seconds};

const POLICY: KeepAlive =
    KeepAlive { idle: Duration::from_secs(7200), interval: Duration::from_secs(75), probes: 3 };

fn connected() -> Pair {
    let config = Config { keep_alive: Some(POLICY), ..plain_config() };
    let mut pair = Pair::new(config, plain_config());
    pair.exchange();
    pair.events(Side::A);
    pair
}

fn times(frames: &[Frame], pair: &Pair, duration: Duration) -> Vec<u64> {
    let start = pair.now - duration;
    frames.iter().map(|frame| frame.at.since(start).as_secs()).collect()
}

#[test]
fn default_is_none_and_two_hours() {
    // MUST-25, MUST-28.
    assert_eq!(Config::default().keep_alive, None);
    assert_eq!(KeepAlive::default().idle, DEFAULT_KEEP_ALIVE_IDLE);
    assert!(DEFAULT_KEEP_ALIVE_IDLE >= seconds(7200));
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    assert_eq!(pair.alone(Side::A, seconds(1_000_000)).len(), 0);
}

#[test]
fn idle_connection_is_probed_without_data_below_the_window() {
    // SHLD-12; SEG.SEQ = SND.NXT - 1.
    let mut pair = connected();
    assert_eq!(pair.alone(Side::A, seconds(7199)).len(), 0);
    let probes = pair.alone(Side::A, seconds(2));
    assert_eq!(names(&probes), ["ack"]);
    let segment = probes[0].segment();
    assert_eq!((segment.seq.0, segment.payload.len()), (A_ISN, 0));
    // It draws an answer, from this engine too.
    pair.deliver(&probes[0]);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
}

#[test]
fn peer_that_answers_stays_for_ever() {
    let mut pair = connected();
    let frames = pair.pass(seconds(10 * 7200));
    // One probe and one answer every two hours.
    assert!((18..=20).contains(&frames.len()), "{}", frames.len());
    assert_eq!(pair.a.state(), TcpState::Established);
}

#[test]
fn only_probes_that_nobody_answers_end_the_connection() {
    // MUST-29: not one of them alone.
    let mut pair = connected();
    let waited = seconds(7200 + 3 * 75);
    let probes = pair.alone(Side::A, waited);
    assert_eq!(times(&probes, &pair, waited), [7200, 7275, 7350]);
    assert_eq!(pair.events(Side::A), [Event::Closed { reason: CloseReason::NoAnswer }]);
    let mut once = connected();
    once.command(Side::A, Command::SetKeepAlive(Some(KeepAlive { probes: 1, ..POLICY })));
    once.alone(Side::A, seconds(7200 + 80));
    assert_eq!(once.a.state(), TcpState::Established);
}

#[test]
fn answer_to_the_last_probe_is_enough() {
    let mut pair = connected();
    pair.alone(Side::A, seconds(7200 + 2 * 75 + 70));
    Made::ack(Side::B, 1, 1).give(&mut pair);
    assert_eq!(pair.alone(Side::A, seconds(7199)).len(), 0);
    assert_eq!(pair.alone(Side::A, seconds(2)).len(), 1);
    assert_eq!(pair.a.state(), TcpState::Established);
}

#[test]
fn whatever_arrives_puts_the_probe_off() {
    // MUST-26.
    let mut pair = connected();
    for _ in 0..5 {
        assert_eq!(pair.alone(Side::A, seconds(7000)).len(), 0);
        Made::ack(Side::B, 1, 1).give(&mut pair);
    }
}

#[test]
fn nothing_is_probed_while_data_is_in_flight() {
    // MUST-26: the retransmission timer asks already.
    let mut pair = connected();
    pair.command(Side::A, Command::SetUserTimeout { r2: Duration::MAX });
    pair.write(Side::A, b"data");
    let frames = pair.alone(Side::A, seconds(20_000));
    assert!(frames.iter().all(|frame| frame.name() == "data"));
}

#[test]
fn keep_alives_can_be_turned_on_and_off() {
    // MUST-24.
    let mut pair = connected();
    pair.command(Side::A, Command::SetKeepAlive(None));
    assert_eq!(pair.alone(Side::A, seconds(20_000)).len(), 0);
    pair.command(Side::A, Command::SetKeepAlive(Some(KeepAlive { idle: seconds(30_000), ..POLICY })));
    assert_eq!(pair.alone(Side::A, seconds(9_900)).len(), 0);
    assert_eq!(pair.alone(Side::A, seconds(150)).len(), 1);
}

#[test]
fn peer_that_may_be_silent_is_presumed_away() {
    //= draft#presumed
    //# A host MUST enter PRESUMED instead of closing the connection when R2,
    //# the keep-alive or the persist timer gives up on a peer that sent S and
    //# to which it offered a hold.
    let config = Config { keep_alive: Some(POLICY), ..hiatus_config() };
    let mut pair = Pair::on_with(hiatus_config(), config);
    pair.alone(Side::B, seconds(7200 + 3 * 75));
    assert_eq!(pair.b.peer_state(), PeerState::Presumed);
    assert_eq!(pair.b.state(), TcpState::Established);
}

#[test]
fn nobody_is_probed_who_said_that_it_goes_or_who_goes_itself() {
    //= draft#leaving
    //# A host in LEAVING MUST NOT send a window probe, a keep-alive, or a FIN
    //# or octet at or beyond SEG.SEQ of its SUSPEND.
    let config = Config { keep_alive: Some(KeepAlive { idle: seconds(100), ..POLICY }), ..hiatus_config() };
    let mut pair = Pair::on_with(config, config);
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    for side in [Side::A, Side::B] {
        assert_eq!(pair.clone().alone(side, seconds(7000)).len(), 0);
    }
    // Both are there again.
    pair.now = pair.now + seconds(1000);
    pair.command(Side::A, Command::Resume);
    pair.exchange();
    let probes = pair.alone(Side::B, seconds(101));
    assert_eq!(names(&probes), ["ack"]);
}
