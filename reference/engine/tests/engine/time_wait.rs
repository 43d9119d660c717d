//! TIME-WAIT: how long, and what may come after it (RFC 9293, section 3.6.1; RFC 1337; RFC 6191).

use core::time::Duration;

use hiatus_codec::{Flags, SequenceNumber};
use hiatus_engine::{Command, Config, TcpState, Timestamping};

use crate::pair::{A_ISN, B_ISN, Made, Pair, Side, names, plain_config, seconds};

/// A is in TIME-WAIT; the numbers of both ended with the FIN, 1 after the ISN.
fn waiting_with(config: Config) -> Pair {
    let mut pair = Pair::new(config, config);
    pair.exchange();
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    pair
}

fn waiting() -> Pair {
    waiting_with(plain_config())
}

#[test]
fn it_lasts_two_msl() {
    // MUST-13.
    let mut pair = waiting();
    pair.alone(Side::A, seconds(239));
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    pair.alone(Side::A, seconds(1));
    assert_eq!(pair.a.state(), TcpState::Closed);
}

#[test]
fn it_may_last_for_ever() {
    let mut pair = waiting_with(Config { msl: Duration::MAX, ..plain_config() });
    Made::ack(Side::B, 1, 2).flags(Flags::FIN.union(Flags::ACK)).give(&mut pair);
    pair.alone(Side::A, seconds(1_000_000));
    assert_eq!(pair.a.state(), TcpState::TimeWait);
}

#[test]
fn fin_again_is_acknowledged_and_begins_it_anew() {
    // Section 3.10.7.4, eighth.
    let mut pair = waiting();
    pair.alone(Side::A, seconds(200));
    Made::ack(Side::B, 1, 2).flags(Flags::FIN.union(Flags::ACK)).give(&mut pair);
    let ack = pair.take(Side::A);
    assert_eq!((names(&ack), ack[0].segment().ack), (vec!["ack"], SequenceNumber(B_ISN.wrapping_add(2))));
    pair.alone(Side::A, seconds(239));
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    pair.alone(Side::A, seconds(2));
    assert_eq!(pair.a.state(), TcpState::Closed);
}

#[test]
fn only_the_fin_of_the_peer_begins_it_anew() {
    // Blind segments must not keep it: FINs beyond the window, and before the one that was received.
    let mut pair = waiting();
    pair.alone(Side::A, seconds(200));
    for seq in [0, 1_000_000] {
        Made::ack(Side::B, seq, 2).flags(Flags::FIN.union(Flags::ACK)).give(&mut pair);
    }
    pair.alone(Side::A, seconds(41));
    assert_eq!(pair.a.state(), TcpState::Closed);
}

#[test]
fn reset_does_not_cut_it_short() {
    // RFC 1337, section 3.
    let mut pair = waiting();
    for seq in [0, 1, 2, 3] {
        Made::rst(Side::B, seq).give(&mut pair);
    }
    assert_eq!(pair.a.state(), TcpState::TimeWait);
}

#[test]
fn numbers_of_the_next_connection_begin_after_those_of_this() {
    // Section 3.6.1, condition 1: SYN and FIN took one each.
    let pair = waiting();
    assert_eq!(pair.a.iss_min(), Some(SequenceNumber(A_ISN + 2)));
}

/// A SYN of B `seq` after its ISN; with `tsval` if that is given.
fn may_replace(pair: &Pair, seq: u32, tsval: Option<u32>) -> bool {
    let made = Made::ack(Side::B, seq, 0).flags(Flags::SYN).tsval(tsval.unwrap_or(0));
    let frame = made.frame(pair.now);
    let segment = frame.segment();
    let options = if tsval.is_some() { segment.options } else { &[] };
    pair.a.may_be_replaced_by(&hiatus_codec::Segment { options, ..segment })
}

#[test]
fn syn_with_a_newer_timestamp_may_replace_it() {
    // RFC 6191, section 2. The last timestamp heard of B is one by hand: 500,000,000.
    let mut pair = waiting();
    Made::ack(Side::B, 2, 2).give(&mut pair);
    let last = 500_000_000;
    let expected = [
        // Newer, whatever the sequence number.
        (0, Some(last + 1), true),
        (0x8000_0000, Some(last + 1), true),
        // The same: the number decides. The FIN had 1 after the ISN.
        (2, Some(last), true),
        (1, Some(last), false),
        // Older.
        (1000, Some(last - 1), false),
        // None: the number decides.
        (2, None, true),
        (1, None, false),
    ];
    for (seq, tsval, may) in expected {
        assert_eq!(may_replace(&pair, seq, tsval), may, "{seq} {tsval:?}");
    }
}

#[test]
fn connection_without_timestamps_gives_way_to_one_with_them() {
    // RFC 6191, section 2: if this end would use them too.
    let without = Config { timestamps: Timestamping::Off, ..plain_config() };
    let pair = waiting_with(without);
    assert!(!may_replace(&pair, 1, Some(7)), "this end offers none");
    assert!(may_replace(&pair, 2, Some(7)));
    // Here the peer did not use them.
    let mut pair = Pair::new(plain_config(), without);
    pair.exchange();
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert!(may_replace(&pair, 0, Some(7)));
    assert!(!may_replace(&pair, 1, None));
}

#[test]
fn only_a_bare_syn_and_only_time_wait_count() {
    let pair = waiting();
    for flags in [Flags::ACK, Flags::SYN.union(Flags::ACK), Flags::SYN.union(Flags::RST), Flags::FIN] {
        let frame = Made::ack(Side::B, 1000, 0).flags(flags).frame(pair.now);
        assert!(!pair.a.may_be_replaced_by(&frame.segment()));
    }
    let mut other = Pair::new(plain_config(), plain_config());
    other.exchange();
    assert!(!may_replace(&other, 1000, Some(600_000_000)));
}
