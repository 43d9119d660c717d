//! Acknowledging only what is stable: a journal (draft, {#placements}, {#epochs}).

use core::time::Duration;

use hiatus_codec::{CapableBits, Flags, HoldTime, Message, Nonce, Position};
use hiatus_engine::{
    Acknowledging, CloseReason, Command, Config, Event, HiatusPolicy, HiatusState, Offer, SelfState, TcpState,
};

use crate::pair::{
    B_ISN, Frame, Made, Pair, Side, hiatus_config, names, older_config, plain_config, seconds,
};

/// One that journals.
fn journals(config: Config) -> Config {
    Config { acknowledging: Acknowledging::WhenStable, ..config }
}

/// B journals, A needs to know nothing of it.
fn pair() -> Pair {
    Pair::on_with(hiatus_config(), journals(older_config()))
}

/// What `side` has journaled is what it has received.
fn journal(pair: &mut Pair, side: Side) {
    let received = pair.end(side).info().expect("a connection").received;
    pair.command(side, Command::Journaled { received });
}

/// SEG.ACK, counted from B's view of A's octets: 1 before the first.
fn acknowledged(frame: &Frame) -> u32 {
    let peer_isn = if frame.from == Side::B { crate::pair::A_ISN } else { B_ISN };
    frame.segment().ack.0.wrapping_sub(peer_isn)
}

#[test]
fn octets_are_acknowledged_once_they_are_journaled() {
    let mut pair = pair();
    pair.write(Side::A, b"0123456789");
    assert_eq!(names(&pair.exchange()), ["data"]);
    // The application may have them before.
    assert_eq!(pair.read(Side::B), b"0123456789");
    assert!(pair.take(Side::B).is_empty());
    // What B sends meanwhile acknowledges nothing.
    pair.write(Side::B, b"hi");
    let sent = pair.exchange();
    assert_eq!((names(&sent), acknowledged(&sent[0])), (vec!["data", "ack"], 1));
    pair.command(Side::B, Command::Journaled { received: Position(5) });
    let sent = pair.exchange();
    assert_eq!((names(&sent), acknowledged(&sent[0])), (vec!["ack"], 5));
    assert_eq!(pair.a.info().expect("open").unacknowledged_octets, 6);
    // A lower one than before says nothing, one beyond RCV.NXT no more than RCV.NXT.
    pair.command(Side::B, Command::Journaled { received: Position(3) });
    assert!(pair.exchange().is_empty());
    pair.command(Side::B, Command::Journaled { received: Position(1000) });
    assert_eq!(acknowledged(&pair.exchange()[0]), 11);
    assert_eq!(pair.a.info().expect("open").unacknowledged_octets, 0);
    pair.write(Side::A, b"x");
    assert_eq!(names(&pair.exchange()), ["data"]);
}

#[test]
fn window_does_not_shrink_while_octets_wait_for_the_journal() {
    let mut pair = pair();
    let edge = |frame: &Frame| u64::from(acknowledged(frame)) + (u64::from(frame.segment().window) << 2);
    pair.write(Side::B, b"a");
    let mut before = edge(&pair.exchange()[0]);
    for round in 0..200_u32 {
        pair.write(Side::A, &[7; 1000]);
        pair.exchange();
        if round % 3 == 0 {
            pair.read(Side::B);
        }
        if round % 7 == 0 {
            journal(&mut pair, Side::B);
        }
        pair.write(Side::B, b"a");
        for frame in pair.exchange().iter().filter(|frame| frame.from == Side::B) {
            assert!(edge(frame) >= before, "round {round}: {} after {before}", edge(frame));
            before = edge(frame);
        }
        if pair.end(Side::A).writable_octets() < 1000 {
            journal(&mut pair, Side::B);
            pair.exchange();
        }
    }
}

#[test]
fn what_comes_twice_or_early_is_answered_at_once() {
    let mut pair = pair();
    Made::ack(Side::A, 1, 1).payload(b"first").give(&mut pair);
    assert!(pair.take(Side::B).is_empty());
    // Sent again: the sender may have lost an ACK.
    Made::ack(Side::A, 1, 1).payload(b"first").give(&mut pair);
    let sent = pair.take(Side::B);
    assert_eq!((names(&sent), acknowledged(&sent[0])), (vec!["ack"], 1));
    // A hole.
    Made::ack(Side::A, 11, 1).payload(b"third").give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
}

#[test]
fn timestamp_that_is_echoed_is_that_of_the_earliest_octet_not_acknowledged() {
    // RFC 7323, section 4.3: the RTT that the sender measures includes the wait.
    let mut pair = pair();
    Made::ack(Side::A, 1, 1).tsval(500_000_001).payload(b"first").give(&mut pair);
    Made::ack(Side::A, 6, 1).tsval(500_000_009).payload(b"second").give(&mut pair);
    journal(&mut pair, Side::B);
    assert_eq!(pair.take(Side::B)[0].timestamps().echo_reply, 500_000_001);
}

#[test]
fn fin_is_acknowledged_once_it_is_journaled() {
    let mut pair = Pair::new(plain_config(), journals(plain_config()));
    pair.exchange();
    pair.write(Side::A, b"all");
    pair.command(Side::A, Command::Close);
    pair.exchange();
    assert_eq!(pair.b.state(), TcpState::CloseWait);
    pair.command(Side::B, Command::Close);
    pair.exchange();
    // B's FIN is acknowledged, but A's is not yet.
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::Closing, TcpState::LastAck));
    pair.command(Side::B, Command::Journaled { received: Position(4) });
    let sent = pair.exchange();
    assert_eq!((acknowledged(&sent[0]), pair.b.state()), (4, TcpState::LastAck));
    assert_eq!(pair.b.info().expect("a connection").received, Position(5));
    journal(&mut pair, Side::B);
    let sent = pair.exchange();
    assert_eq!((names(&sent), acknowledged(&sent[0])), (vec!["ack"], 5));
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::TimeWait, TcpState::Closed));
    assert_eq!(pair.events(Side::B).pop(), Some(Event::Closed { reason: CloseReason::Finished }));
}

#[test]
fn plain_connection_can_be_journaled_too() {
    // The leg of a broker towards a legacy peer.
    let mut pair = Pair::new(plain_config(), journals(older_config()));
    pair.exchange();
    assert_eq!(pair.b.hiatus_state(), HiatusState::Off);
    pair.write(Side::A, b"octets");
    pair.exchange();
    assert_eq!(pair.a.info().expect("open").unacknowledged_octets, 6);
    journal(&mut pair, Side::B);
    pair.exchange();
    assert_eq!(pair.a.info().expect("open").unacknowledged_octets, 0);
}

#[test]
fn host_back_with_its_memory_does_not_acknowledge_what_is_not_journaled() {
    let mut pair = pair();
    pair.write(Side::A, b"0123456789");
    pair.exchange();
    pair.command(Side::B, Command::Journaled { received: Position(5) });
    pair.take(Side::B);
    pair.off(seconds(10));
    pair.command(Side::B, Command::Resume);
    let sent = pair.take(Side::B);
    assert_eq!((names(&sent), acknowledged(&sent[0])), (vec!["resume"], 5));
    pair.deliver(&sent[0]);
    pair.exchange();
    assert_eq!(pair.b.self_state(), SelfState::Up);
    // A has kept the rest, and B has read each octet once.
    assert_eq!(pair.a.info().expect("open").unacknowledged_octets, 6);
    assert_eq!(pair.read(Side::B), b"0123456789");
    journal(&mut pair, Side::B);
    pair.pass(seconds(5));
    assert_eq!(pair.a.info().expect("open").unacknowledged_octets, 0);
    assert_eq!(pair.read(Side::B), b"");
}

#[test]
fn restored_host_replays_its_journal_and_asks_for_what_follows() {
    let mut pair = pair();
    pair.write(Side::A, b"before.");
    pair.exchange();
    assert_eq!(pair.read(Side::B), b"before.");
    journal(&mut pair, Side::B);
    pair.exchange();
    // The epoch; its application has read "before.".
    let epoch = pair.b.clone();
    pair.write(Side::A, b"journaled.");
    pair.exchange();
    journal(&mut pair, Side::B);
    pair.exchange();
    pair.write(Side::A, b"lost.");
    pair.exchange();
    assert_eq!(pair.read(Side::B), b"journaled.lost.");
    // Cut off before the last octets were journaled.
    pair.b = epoch;
    pair.off(seconds(60));
    let now = pair.now;
    assert_eq!(pair.b.info().expect("restored").received, Position(8));
    assert_eq!(pair.b.replay(now, b"journaled."), 10);
    pair.command(Side::B, Command::Restored { incarnation: 1, nonce: Nonce(9), tsval_ceiling: 1 << 30 });
    let sent = pair.take(Side::B);
    assert_eq!((names(&sent), acknowledged(&sent[0])), (vec!["resume"], 18));
    pair.deliver(&sent[0]);
    pair.exchange();
    pair.pass(Duration::from_secs(3));
    assert_eq!(pair.read(Side::B), b"journaled.lost.");
    assert_eq!(pair.b.self_state(), SelfState::Up);
}

#[test]
fn replay_takes_what_there_is_room_for_and_ends_with_the_fin() {
    let small = Config { receive_buffer_octets: 8, ..journals(older_config()) };
    let mut pair = Pair::on_with(hiatus_config(), small);
    let (mut restored, now) = (pair.b.clone(), pair.now);
    assert_eq!(restored.replay(now, b"0123456789"), 8);
    let mut octets = [0; 16];
    assert_eq!(restored.read(&mut octets), 8);
    assert_eq!(restored.replay(now, b"89"), 2);
    restored.replay_fin(now);
    assert_eq!(restored.state(), TcpState::CloseWait);
    assert_eq!(restored.replay(now, b"more"), 0);
    assert_eq!(restored.read(&mut octets), 2);
    let anew = Command::Restored { incarnation: 1, nonce: Nonce(9), tsval_ceiling: 1 << 30 };
    restored.handle_command(now, anew).expect("taken");
    restored.check_invariants().expect("invariants");
    // Until then A had sent all that, and its FIN.
    pair.write(Side::A, b"0123456789");
    pair.command(Side::A, Command::Close);
    pair.b = restored;
    let resume = pair.take(Side::B);
    let Some(Message::Resume(_)) = resume[0].message() else { panic!("{}", resume[0].name()) };
    assert_eq!((acknowledged(&resume[0]), resume[0].has(Flags::ACK)), (12, true));
}

#[test]
fn octets_can_be_withheld_until_an_epoch_with_them_is_durable() {
    let mut pair = pair();
    pair.write(Side::A, b"01234");
    pair.exchange();
    pair.command(Side::B, Command::SnapshotTaken { epoch: 1 });
    pair.write(Side::A, b"56789");
    pair.exchange();
    assert_eq!(pair.a.info().expect("open").unacknowledged_octets, 10);
    pair.command(Side::B, Command::SnapshotDurable { epoch: 1 });
    // What came after TAKEN waits for the next.
    assert_eq!(acknowledged(&pair.exchange()[0]), 6);
    assert_eq!(pair.a.info().expect("open").unacknowledged_octets, 5);
}

#[test]
fn peer_that_retains_learns_what_is_journaled() {
    let retains = Offer { bits: CapableBits::new(1).with_silent().with_retention(), hold: HoldTime::NONE };
    let retains = Config { hiatus: HiatusPolicy::On(retains), ..plain_config() };
    let mut pair = Pair::on_with(retains, journals(older_config()));
    pair.write(Side::A, b"0123456789");
    pair.exchange();
    journal(&mut pair, Side::B);
    pair.pass(seconds(1));
    let info = pair.a.info().expect("open");
    // Where a broker may cut its log.
    assert_eq!((info.retained_octets, info.stable.peer), (0, Position(11)));
    assert_eq!(pair.b.info().expect("open").stable.own, Some(Position(11)));
}

#[test]
fn ends_that_both_withhold_acknowledgments_get_on_after_an_absence() {
    let small = Config { mss_octets: 64, ..journals(older_config()) };
    let mut pair = Pair::on_with(small, small);
    let octets = [7; 200];
    for side in [Side::A, Side::B] {
        pair.write(side, &octets);
    }
    pair.exchange();
    // Both have received everything, and neither has said so. A is back, twice: each goes on from R of the other, with one
    // segment.
    for _ in 0..2 {
        pair.command(Side::A, Command::Resume);
        pair.exchange();
        assert_eq!(pair.a.self_state(), SelfState::Up);
    }
    for side in [Side::A, Side::B] {
        journal(&mut pair, side);
    }
    pair.pass(seconds(60));
    for side in [Side::A, Side::B] {
        assert_eq!(pair.end(side).info().expect("open").unacknowledged_octets, 0);
        assert_eq!(pair.read(side), octets);
    }
}
