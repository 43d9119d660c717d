//! Epochs, retention and hold-send (draft, {#epochs} to {#hold-send}).

use core::time::Duration;

use hiatus_codec::mac::{Context, Role};
use hiatus_codec::{
    AbortReason, CapableBits, Epoch, EpochEcho, Flags, HoldTime, Life, Message, Nonce, Position,
};
use hiatus_engine::{CloseReason, Command, Config, Event, HiatusPolicy, Offer, SelfState, Sending, TcpState};

use crate::pair::{
    A_NONCE, Frame, HOLD_SECONDS, Made, Pair, SUSPEND, Side, abort_reason, give_resume, names, plain_config,
    seconds,
};

/// N and K.
pub(crate) fn durable_config() -> Config {
    let offer = Offer {
        bits: CapableBits::new(1).with_older().with_retention(),
        hold: HoldTime::from_seconds(u32::try_from(HOLD_SECONDS).expect("small")),
    };
    Config { hiatus: HiatusPolicy::On(offer), ..plain_config() }
}

pub(crate) fn durable_pair() -> Pair {
    Pair::on_with(durable_config(), durable_config())
}

/// An epoch of `side` is TAKEN and DURABLE at once.
pub(crate) fn epoch(pair: &mut Pair, side: Side, number: u32) {
    pair.command(side, Command::SnapshotTaken { epoch: number });
    pair.command(side, Command::SnapshotDurable { epoch: number });
}

pub(crate) fn restored(incarnation: u32) -> Command {
    Command::Restored { incarnation, nonce: Nonce(incarnation + 0x700), tsval_ceiling: 1 << 24 }
}

pub(crate) fn stable_points(frames: &[Frame]) -> Vec<(u32, u32)> {
    let epochs = frames.iter().filter_map(|frame| match frame.message() {
        Some(Message::Epoch(Epoch { number, stable_point, .. })) => Some((number, stable_point)),
        _ => None,
    });
    epochs.collect()
}

fn retained(pair: &mut Pair, side: Side) -> u64 {
    pair.end(side).info().expect("it is synchronised").retained_octets
}

#[test]
fn stable_point_is_rcv_nxt_of_the_epoch_and_not_of_the_moment() {
    //= draft#epochs
    //# A host MUST NOT report in an EPOCH a stable point that lies above the
    //# RCV.NXT that its latest DURABLE epoch contains.
    let mut pair = durable_pair();
    pair.write(Side::A, b"in the epoch");
    pair.exchange();
    pair.command(Side::B, Command::SnapshotTaken { epoch: 7 });
    pair.write(Side::A, b", and not in it");
    pair.exchange();
    assert_eq!(retained(&mut pair, Side::A), 27);
    pair.command(Side::B, Command::SnapshotDurable { epoch: 7 });
    let sent = pair.take(Side::B);
    assert_eq!(stable_points(&sent), [(7, 13)]);
    pair.deliver(&sent[0]);
    assert_eq!(names(&pair.exchange()), ["echo"]);
    assert_eq!(retained(&mut pair, Side::A), 15);
    // Echoed: nothing is repeated, and an epoch with nothing new is not told.
    assert_eq!(pair.alone(Side::B, seconds(300)), []);
    pair.command(Side::B, Command::SnapshotDurable { epoch: 7 });
    assert_eq!(pair.take(Side::B), []);
}

#[test]
fn epoch_is_repeated_until_it_is_echoed() {
    //= draft#epochs
    //# On a connection that is on, a host whose SELF and PEER are UP MUST
    //# repeat an EPOCH that has not been echoed after one RTO, doubling the
    //# interval each time up to 60 seconds.
    let mut pair = durable_pair();
    pair.write(Side::A, b"12345678");
    pair.exchange();
    let start = pair.now;
    epoch(&mut pair, Side::B, 1);
    let sent = pair.alone(Side::B, seconds(99));
    let at: Vec<u64> = sent.iter().map(|frame| frame.at.since(start).as_secs()).collect();
    assert_eq!(at, [0, 1, 3, 7, 15, 31, 63]);
    assert!(stable_points(&sent).iter().all(|told| *told == (1, 9)));
    // What was never told is not believed.
    Made::ack(Side::A, 9, 1).message(&Message::EpochEcho(EpochEcho { stable_point: 10 })).give(&mut pair);
    assert_eq!(names(&pair.alone(Side::B, seconds(25))), ["epoch", "resume"]);
    Made::ack(Side::A, 9, 1).message(&Message::EpochEcho(EpochEcho { stable_point: 9 })).give(&mut pair);
    assert_eq!(pair.alone(Side::B, seconds(300)), []);
}

#[test]
fn newer_epoch_takes_the_place_of_an_older_one() {
    //= draft#epochs
    //# A host MUST NOT repeat an EPOCH after it has sent one with a higher
    //# stable point.
    let mut pair = durable_pair();
    pair.write(Side::A, b"1234");
    pair.exchange();
    epoch(&mut pair, Side::B, 1);
    assert_eq!(stable_points(&pair.take(Side::B)), [(1, 5)]);
    pair.write(Side::A, b"5678");
    for frame in pair.take(Side::A) {
        pair.deliver(&frame);
    }
    epoch(&mut pair, Side::B, 2);
    // Within a second.
    let sent = pair.alone(Side::B, Duration::from_millis(999));
    assert_eq!(stable_points(&sent), [(2, 9)]);
    assert!(stable_points(&pair.alone(Side::B, seconds(90))).iter().all(|told| *told == (2, 9)));
}

#[test]
fn epoch_waits_while_the_peer_is_away() {
    let mut pair = durable_pair();
    pair.write(Side::A, b"1234");
    pair.exchange();
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    epoch(&mut pair, Side::B, 1);
    assert_eq!(pair.alone(Side::B, seconds(600)), []);
    pair.command(Side::A, Command::Resume);
    let said = pair.exchange();
    assert_eq!(names(&said), ["resume", "resume-ack", "epoch", "echo"]);
}

#[test]
fn epoch_of_a_silent_peer_gives_up_after_r2() {
    let mut pair = durable_pair();
    pair.write(Side::A, b"1234");
    pair.exchange();
    epoch(&mut pair, Side::B, 1);
    // The copy that would leave after 123 seconds finds that R2, 100 seconds, has passed.
    pair.alone(Side::B, seconds(122));
    assert_eq!(pair.events(Side::B), [Event::Readable]);
    pair.alone(Side::B, seconds(2));
    let hold = Duration::from_secs(HOLD_SECONDS);
    assert_eq!(pair.events(Side::B), [Event::PeerPresumedSuspended { hold }]);
}

#[test]
fn what_was_acknowledged_is_sent_again_to_a_peer_that_went_back() {
    //= draft#retention
    //# While retention is on, a host MUST keep the octets from SND.STB on,
    //# whether acknowledged or not, until it sheds them.
    let mut pair = durable_pair();
    pair.write(Side::A, b"stable, ");
    pair.exchange();
    pair.read(Side::B);
    epoch(&mut pair, Side::B, 1);
    pair.exchange();
    let saved = pair.b.clone();
    pair.write(Side::A, b"and read, and forgotten");
    pair.exchange();
    assert_eq!(pair.read(Side::B), b"and read, and forgotten");
    pair.b = saved;
    pair.now = pair.now + seconds(30);
    pair.command(Side::B, restored(1));
    // The answer and what follows it come in one round trip; then the restored host says what is stable.
    assert_eq!(names(&pair.exchange()), ["resume", "resume-ack", "data", "epoch", "echo"]);
    assert_eq!(pair.read(Side::B), b"and read, and forgotten");
}

#[test]
fn octets_of_the_time_before_it_is_on_are_kept_too() {
    let mut pair = Pair::new(durable_config(), durable_config());
    // A writes with its first ACK, before it has seen an EPOCH.
    let syn = pair.take(Side::A);
    pair.deliver(&syn[0]);
    let syn_ack = pair.take(Side::B);
    pair.deliver(&syn_ack[0]);
    pair.write(Side::A, b"early");
    pair.exchange();
    assert_eq!(pair.read(Side::B), b"early");
    assert_eq!(retained(&mut pair, Side::A), 5);
}

#[test]
fn nothing_is_kept_for_a_peer_that_does_not_ask_for_it() {
    let silent = |config: Config| {
        let offer = Offer {
            bits: CapableBits::new(1).with_silent().with_retention(),
            hold: HoldTime::from_seconds(3600),
        };
        Config { hiatus: HiatusPolicy::On(offer), ..config }
    };
    let mut pair = Pair::on_with(durable_config(), silent(plain_config()));
    for side in [Side::A, Side::B] {
        pair.write(side, b"1234");
    }
    pair.exchange();
    // B did not say N; A did, and B keeps.
    assert_eq!((retained(&mut pair, Side::A), retained(&mut pair, Side::B)), (0, 4));
    epoch(&mut pair, Side::B, 1);
    assert_eq!(pair.take(Side::B), []);
    let mut pair = Pair::on_with(
        durable_config(),
        Config { timestamps: hiatus_engine::Timestamping::Off, ..durable_config() },
    );
    pair.write(Side::A, b"1234");
    pair.exchange();
    assert_eq!(retained(&mut pair, Side::A), 0);
}

#[test]
fn full_retainer_waits_for_two_minutes_and_then_sheds() {
    //= draft#back-pressure
    //# A host MUST NOT hold back octets for longer than 120 seconds at a time
    //# because of what it retains.
    let mut pair = Pair::on_with(Config { retained_octets_max: 1000, ..durable_config() }, durable_config());
    pair.write(Side::A, &[1; 3000]);
    pair.exchange();
    assert_eq!(pair.read(Side::B).len(), 1000);
    pair.pass(seconds(119));
    assert_eq!((pair.read(Side::B).len(), pair.events(Side::A)), (0, vec![]));
    pair.pass(seconds(1));
    assert_eq!((pair.read(Side::B).len(), pair.events(Side::A)), (2000, vec![Event::Shed]));
    assert_eq!(retained(&mut pair, Side::A), 1000);
    // It does not hold back again before the stable point has risen.
    pair.write(Side::A, &[2; 3000]);
    pair.exchange();
    assert_eq!(pair.read(Side::B).len(), 3000);
    epoch(&mut pair, Side::B, 1);
    pair.exchange();
    assert_eq!(retained(&mut pair, Side::A), 0);
    pair.write(Side::A, &[3; 3000]);
    pair.exchange();
    assert_eq!(pair.read(Side::B).len(), 1000);
}

#[test]
fn stable_point_that_rises_lets_the_next_octets_go() {
    let mut pair = Pair::on_with(Config { retained_octets_max: 1000, ..durable_config() }, durable_config());
    pair.write(Side::A, &[1; 3000]);
    for number in 1..=3 {
        pair.pass(seconds(100));
        assert_eq!(pair.read(Side::B).len(), 1000);
        epoch(&mut pair, Side::B, number);
    }
    pair.pass(seconds(300));
    assert_eq!((retained(&mut pair, Side::A), pair.events(Side::A)), (0, vec![]));
}

#[test]
fn peer_that_went_back_below_what_was_shed_is_told_gone() {
    //= draft#sync
    //# A host MUST answer a RESUME of a newer life with R below its SND.STB
    //# with ABORT and reason GONE.
    let mut pair = Pair::on_with(Config { retained_octets_max: 1000, ..durable_config() }, durable_config());
    let saved = pair.b.clone();
    pair.write(Side::A, &[1; 3000]);
    pair.pass(seconds(130));
    pair.b = saved;
    pair.command(Side::B, restored(1));
    pair.exchange();
    let reason = CloseReason::AbortedByPeer(AbortReason::GONE);
    assert_eq!(pair.events(Side::B).last(), Some(&Event::Closed { reason }));
}

#[test]
fn stable_point_above_snd_una_counts_as_snd_una() {
    //= draft#epochs
    //# A stable point above SND.UNA is then taken as SND.UNA.
    let mut pair = durable_pair();
    pair.write(Side::A, b"12345678");
    pair.take(Side::A);
    let context = Context::epoch(Role::Responder, Life::default(), Position(9));
    // It acknowledges 1 to 4 only.
    let epoch = |tag| Message::Epoch(Epoch { number: 1, stable_point: 9, tag });
    Made::ack(Side::B, 1, 5).sealed(&context, epoch).give(&mut pair);
    let info = pair.a.info().expect("it is synchronised");
    assert_eq!((info.stable.peer, info.unacknowledged_octets), (Position(5), 4));
    assert_eq!(names(&pair.take(Side::A)), ["echo"]);
}

fn holding_pair() -> Pair {
    Pair::on_with(Config { sending: Sending::HoldSend, ..durable_config() }, durable_config())
}

#[test]
fn held_octets_leave_when_an_epoch_with_them_is_durable() {
    //= draft#hold-send
    //# On a connection that is on, a host with hold-send MUST NOT transmit for
    //# the first time an octet or a FIN that was not in its send buffer when an
    //# epoch that is now DURABLE was TAKEN.
    let mut pair = holding_pair();
    pair.write(Side::A, b"taken");
    assert_eq!(pair.alone(Side::A, seconds(100)), []);
    pair.command(Side::A, Command::SnapshotTaken { epoch: 1 });
    pair.write(Side::A, b", not taken");
    pair.command(Side::A, Command::Close);
    assert_eq!(pair.take(Side::A), []);
    pair.command(Side::A, Command::SnapshotDurable { epoch: 1 });
    let sent = pair.take(Side::A);
    assert_eq!((names(&sent), sent[1].segment().payload), (vec!["epoch", "data"], &b"taken"[..]));
    pair.deliver(&sent[0]);
    pair.deliver(&sent[1]);
    // Acknowledgments do not wait.
    pair.write(Side::B, b"hello");
    let said = pair.exchange();
    assert_eq!(names(&said), ["echo", "data", "ack"]);
    epoch(&mut pair, Side::A, 2);
    let sent = pair.take(Side::A);
    let last = sent.last().expect("the rest");
    assert!(last.has(Flags::FIN));
    assert_eq!(last.segment().payload, b", not taken");
}

#[test]
fn held_host_that_went_back_repeats_what_its_peer_has() {
    let mut pair = holding_pair();
    pair.write(Side::A, b"promised");
    pair.command(Side::A, Command::SnapshotTaken { epoch: 1 });
    let saved = pair.a.clone();
    pair.command(Side::A, Command::SnapshotDurable { epoch: 1 });
    pair.exchange();
    assert_eq!(pair.read(Side::B), b"promised");
    pair.write(Side::A, b" and never sent");
    pair.a = saved;
    pair.now = pair.now + seconds(5);
    pair.command(Side::A, restored(1));
    pair.exchange();
    assert_eq!((pair.a.self_state(), pair.a.state()), (SelfState::Up, TcpState::Established));
    // Still held: the setting is part of the connection.
    pair.write(Side::A, b", again");
    assert_eq!(pair.alone(Side::A, seconds(100)), []);
    epoch(&mut pair, Side::A, 1);
    pair.exchange();
    assert_eq!(pair.read(Side::B), b", again");
}

#[test]
fn unheld_host_that_went_back_below_what_its_peer_has_diverges() {
    let mut pair = durable_pair();
    let saved = pair.a.clone();
    pair.write(Side::A, b"sent at once");
    pair.exchange();
    pair.a = saved;
    pair.command(Side::A, restored(1));
    pair.exchange();
    let reason = CloseReason::AbortedByPeer(AbortReason::DIVERGED);
    assert_eq!(pair.events(Side::A).last(), Some(&Event::Closed { reason }));
}

#[test]
fn hold_send_can_be_turned_on_and_off() {
    let mut pair = durable_pair();
    pair.write(Side::A, b"at once");
    assert_eq!(names(&pair.exchange()), ["data", "ack"]);
    pair.command(Side::A, Command::SetSending(Sending::HoldSend));
    pair.write(Side::A, b"later");
    assert_eq!(pair.alone(Side::A, seconds(100)), []);
    assert_eq!(pair.a.info().expect("it is synchronised").held_octets, 5);
    pair.command(Side::A, Command::SetSending(Sending::Unheld));
    assert_eq!(names(&pair.exchange()), ["data", "ack"]);
}

#[test]
fn probe_of_a_closed_window_carries_no_held_octet() {
    //= draft#hold-send
    //# A zero-window probe carries an octet
    //# below SND.LIM, or none.
    let mut pair = holding_pair();
    Made::ack(Side::B, 1, 1).window(0).give(&mut pair);
    pair.write(Side::A, b"1234");
    assert_eq!(pair.alone(Side::A, seconds(100)), []);
    epoch(&mut pair, Side::A, 1);
    let sent = pair.alone(Side::A, seconds(10));
    let probes: Vec<_> =
        sent.iter().map(|frame| frame.segment().payload).filter(|text| !text.is_empty()).collect();
    assert_eq!(probes, [b"1"; 3]);
}

#[test]
fn late_resume_of_a_life_that_was_recorded_rewinds_nothing() {
    let mut pair = durable_pair();
    pair.write(Side::B, b"12345678");
    pair.exchange();
    give_resume(&mut pair, 0, Life::default(), A_NONCE, 1, 1);
    assert_eq!(names(&pair.take(Side::B)), ["resume-ack"]);
    give_resume(&mut pair, 0, Life { incarnation: 1, generation: 0 }, A_NONCE, 1, 1);
    assert_eq!(names(&pair.take(Side::B)), ["resume-ack", "data"]);
    give_resume(&mut pair, 0, Life::default(), A_NONCE, 1, 1);
    assert_eq!(abort_reason(&pair.take(Side::B)[0]), AbortReason::FENCED);
}
