//! Ending a connection in every order (RFC 9293, sections 3.6, 3.10.4 and 3.10.5), and data on a SYN.

use hiatus_codec::{Flags, Message, SequenceNumber};
use hiatus_engine::{CloseReason, Command, CommandError, Config, Event, TcpState, WriteError};

use crate::pair::{
    A_ISN, B_ISN, Frame, Made, Pair, SUSPEND, Side, abort_reason, hiatus_config, names, plain_config, seconds,
};

fn connected() -> Pair {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    pair.events(Side::A);
    pair.events(Side::B);
    pair
}

fn closed(reason: CloseReason) -> Event {
    Event::Closed { reason }
}

#[test]
fn close_before_the_peer_answers_ends_the_attempt_in_silence() {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.take(Side::A);
    pair.command(Side::A, Command::Close);
    assert_eq!((pair.a.state(), pair.take(Side::A).len()), (TcpState::Closed, 0));
    assert_eq!(pair.events(Side::A), [closed(CloseReason::Aborted)]);
    pair.command(Side::B, Command::Close);
    assert_eq!(pair.b.state(), TcpState::Closed);
    let now = pair.now;
    let found = TcpState::Closed;
    assert_eq!(pair.b.handle_command(now, Command::Close), Err(CommandError::NoConnection { found }));
    assert_eq!(pair.b.handle_command(now, Command::Abort), Err(CommandError::NoConnection { found }));
    assert_eq!(pair.b.write(now, b"x"), Err(WriteError::NoConnection { found }));
}

#[test]
fn close_in_syn_received_is_kept_until_the_connection_stands() {
    let mut pair = Pair::new(plain_config(), plain_config());
    let syn = pair.take(Side::A);
    pair.deliver(&syn[0]);
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::CloseWait, TcpState::FinWait2));
}

#[test]
fn half_closed_connection_carries_the_other_direction_on() {
    for (closer, other) in [(Side::A, Side::B), (Side::B, Side::A)] {
        let mut pair = connected();
        pair.write(closer, b"question");
        pair.command(closer, Command::Close);
        pair.exchange();
        assert_eq!(pair.read(other), b"question");
        for part in [&b"first"[..], b"second"] {
            pair.write(other, part);
            pair.exchange();
            assert_eq!(pair.read(closer), part);
            pair.pass(seconds(1000));
        }
        let states = (pair.end(closer).state(), pair.end(other).state());
        assert_eq!(states, (TcpState::FinWait2, TcpState::CloseWait));
        pair.command(other, Command::Close);
        pair.exchange();
        assert_eq!(pair.end(closer).state(), TcpState::TimeWait);
    }
}

#[test]
fn reading_what_came_before_the_fin_says_nothing_to_a_peer_that_will_send_no_more() {
    let small = Config { receive_buffer_octets: 4000, ..plain_config() };
    let mut pair = Pair::new(small, plain_config());
    pair.exchange();
    pair.write(Side::B, &[7; 3000]);
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!(pair.a.state(), TcpState::CloseWait);
    let unread = pair.clone();
    assert_eq!(pair.read(Side::A).len(), 3000);
    assert_eq!(names(&pair.take(Side::A)), Vec::<&str>::new());
    // In TIME-WAIT the peer is gone, and would answer with a reset.
    let mut pair = unread;
    pair.command(Side::A, Command::Close);
    pair.exchange();
    assert_eq!(pair.read(Side::A).len(), 3000);
    assert_eq!(names(&pair.take(Side::A)), Vec::<&str>::new());
}

#[test]
fn second_close_and_writing_after_it_are_errors() {
    let mut pair = connected();
    pair.command(Side::A, Command::Close);
    let now = pair.now;
    let found = TcpState::FinWait1;
    assert_eq!(pair.a.handle_command(now, Command::Close), Err(CommandError::Closing { found }));
    assert_eq!(pair.a.write(now, b"x"), Err(WriteError::Closing { found }));
}

#[test]
fn abort_is_a_reset_at_snd_nxt() {
    // Section 3.10.5: <SEQ=SND.NXT><CTL=RST>.
    for from in [TcpState::Established, TcpState::FinWait1, TcpState::FinWait2, TcpState::CloseWait] {
        let mut pair = connected();
        pair.write(Side::A, b"12345");
        let mut sent = 6;
        match from {
            TcpState::FinWait1 => {
                pair.command(Side::A, Command::Close);
                sent += 1;
                pair.take(Side::A);
            }
            TcpState::FinWait2 => {
                pair.command(Side::A, Command::Close);
                sent += 1;
                pair.exchange();
            }
            TcpState::CloseWait => {
                pair.command(Side::B, Command::Close);
                pair.exchange();
            }
            _ => {
                pair.take(Side::A);
            }
        }
        assert_eq!(pair.a.state(), from);
        pair.events(Side::A);
        pair.command(Side::A, Command::Abort);
        let frames = pair.take(Side::A);
        assert_eq!(names(&frames), ["rst"]);
        assert_eq!(frames[0].segment().seq, SequenceNumber(A_ISN + sent));
        assert_eq!(frames[0].segment().flags, Flags::RST);
        assert_eq!(pair.events(Side::A), [closed(CloseReason::Aborted)]);
    }
}

#[test]
fn abort_after_both_fins_says_nothing() {
    for from in [TcpState::Closing, TcpState::LastAck, TcpState::TimeWait] {
        let mut pair = connected();
        match from {
            TcpState::LastAck => {
                pair.command(Side::B, Command::Close);
                pair.exchange();
                pair.command(Side::A, Command::Close);
                pair.take(Side::A);
            }
            TcpState::Closing => {
                pair.command(Side::A, Command::Close);
                pair.take(Side::A);
                Made::ack(Side::B, 1, 1).flags(Flags::ACK.union(Flags::FIN)).give(&mut pair);
                pair.take(Side::A);
            }
            _ => {
                pair.command(Side::A, Command::Close);
                pair.exchange();
                pair.command(Side::B, Command::Close);
                pair.exchange();
            }
        }
        assert_eq!(pair.a.state(), from);
        pair.command(Side::A, Command::Abort);
        assert_eq!((pair.a.state(), pair.take(Side::A).len()), (TcpState::Closed, 0));
    }
}

#[test]
fn every_segment_of_a_simultaneous_close_may_get_lost() {
    for lost in 0..4 {
        let mut pair = connected();
        pair.write(Side::A, b"from a");
        pair.write(Side::B, b"from b");
        pair.command(Side::A, Command::Close);
        pair.command(Side::B, Command::Close);
        let mut frames = pair.take(Side::A);
        frames.extend(pair.take(Side::B));
        for (index, frame) in frames.iter().enumerate() {
            if index != lost {
                pair.deliver(frame);
            }
        }
        pair.pass(seconds(10));
        assert_eq!((pair.read(Side::A), pair.read(Side::B)), (b"from b".to_vec(), b"from a".to_vec()));
        assert_eq!((pair.a.state(), pair.b.state()), (TcpState::TimeWait, TcpState::TimeWait), "{lost}");
        pair.pass(seconds(241));
        assert_eq!((pair.a.state(), pair.b.state()), (TcpState::Closed, TcpState::Closed));
    }
}

#[test]
fn who_reads_no_more_resets_what_is_unread() {
    // SHLD-3.
    let mut pair = connected();
    pair.write(Side::B, b"unread");
    pair.exchange();
    pair.events(Side::A);
    pair.command(Side::A, Command::CloseBoth);
    assert_eq!(names(&pair.exchange()), ["rst"]);
    assert_eq!(pair.events(Side::A), [closed(CloseReason::Aborted)]);
    assert_eq!(pair.b.state(), TcpState::Closed);
}

#[test]
fn who_reads_no_more_resets_what_comes_late() {
    let mut pair = connected();
    pair.command(Side::A, Command::CloseBoth);
    pair.exchange();
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::FinWait2, TcpState::CloseWait));
    pair.write(Side::B, b"late");
    let frames = pair.exchange();
    assert_eq!(names(&frames), ["data", "rst"]);
    assert_eq!(frames[1].segment().seq, SequenceNumber(A_ISN + 2));
    assert_eq!(pair.a.state(), TcpState::Closed);
    assert_eq!(pair.events(Side::B).last(), Some(&closed(CloseReason::Reset)));
}

#[test]
fn who_reads_no_more_resets_what_comes_late_with_the_fin() {
    // SHLD-3 again, before and after the own FIN is acknowledged, and where the octets fill a hole before the FIN.
    for (is_acknowledged, is_in_order) in [(false, true), (true, true), (false, false), (true, false)] {
        let mut pair = connected();
        pair.command(Side::A, Command::CloseBoth);
        pair.take(Side::A);
        let ack = if is_acknowledged { 2 } else { 1 };
        let fin = Flags::ACK.union(Flags::FIN);
        let late = Made::ack(Side::B, 1, ack);
        if is_in_order {
            late.flags(fin).payload(b"late").give(&mut pair);
        } else {
            Made::ack(Side::B, 5, ack).flags(fin).give(&mut pair);
            pair.take(Side::A);
            late.payload(b"late").give(&mut pair);
        }
        let frames = pair.take(Side::A);
        assert_eq!(names(&frames), ["rst"], "{is_acknowledged} {is_in_order}");
        assert_eq!(frames[0].segment().seq, SequenceNumber(A_ISN + 2));
        assert_eq!(pair.events(Side::A), [closed(CloseReason::Aborted)]);
    }
}

#[test]
fn who_reads_no_more_still_closes_in_order() {
    let mut pair = connected();
    pair.write(Side::A, b"last");
    pair.command(Side::A, Command::CloseBoth);
    pair.exchange();
    assert_eq!(pair.read(Side::B), b"last");
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::TimeWait, TcpState::Closed));
    pair.pass(seconds(241));
    assert_eq!(pair.events(Side::A).last(), Some(&closed(CloseReason::Finished)));
}

#[test]
fn fin_wait_2_that_nobody_reads_ends() {
    let mut pair = connected();
    let mut half_closed = pair.clone();
    pair.command(Side::A, Command::CloseBoth);
    pair.exchange();
    pair.alone(Side::A, seconds(59));
    assert_eq!(pair.a.state(), TcpState::FinWait2);
    assert_eq!(pair.alone(Side::A, seconds(2)).len(), 0);
    assert_eq!(pair.events(Side::A), [closed(CloseReason::NoAnswer)]);
    // Who reads waits.
    half_closed.command(Side::A, Command::Close);
    half_closed.exchange();
    half_closed.alone(Side::A, seconds(100_000));
    assert_eq!(half_closed.a.state(), TcpState::FinWait2);
    // Until it stops reading.
    half_closed.command(Side::A, Command::CloseBoth);
    half_closed.alone(Side::A, seconds(61));
    assert_eq!(half_closed.a.state(), TcpState::Closed);
}

#[test]
fn fin_that_is_not_the_peers_does_not_lengthen_fin_wait_2() {
    let mut pair = connected();
    pair.command(Side::A, Command::CloseBoth);
    pair.exchange();
    pair.alone(Side::A, seconds(59));
    // Far outside the window.
    Made::ack(Side::B, 1_000_000, 2).flags(Flags::ACK.union(Flags::FIN)).give(&mut pair);
    pair.alone(Side::A, seconds(2));
    assert_eq!(pair.events(Side::A), [closed(CloseReason::NoAnswer)]);
}

#[test]
fn fin_that_ends_fin_wait_2_begins_time_wait_in_full() {
    let mut pair = connected();
    pair.command(Side::A, Command::CloseBoth);
    pair.exchange();
    pair.alone(Side::A, seconds(50));
    pair.command(Side::B, Command::Close);
    pair.exchange();
    pair.alone(Side::A, seconds(239));
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    pair.alone(Side::A, seconds(2));
    assert_eq!(pair.events(Side::A).last(), Some(&closed(CloseReason::Finished)));
}

#[test]
fn where_hiatus_is_on_the_reset_is_an_abort() {
    //= draft#ending
    //# A host that resets a connection that is on, or on which it has sent
    //# EPOCH and not fallen back, MUST send ABORT and not a bare RST.
    let mut pair = Pair::on();
    pair.command(Side::A, Command::CloseBoth);
    pair.exchange();
    pair.write(Side::B, b"late");
    let frames = pair.exchange();
    assert_eq!(abort_reason(frames.last().expect("ABORT")), hiatus_codec::AbortReason::APPLICATION);
    assert!(matches!(frames.last().and_then(Frame::message), Some(Message::Abort(_))));
}

#[test]
fn fin_wait_2_waits_for_a_peer_that_is_held() {
    let mut pair = Pair::on_with(hiatus_config(), hiatus_config());
    pair.command(Side::B, Command::CloseBoth);
    pair.exchange();
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    pair.alone(Side::B, seconds(7000));
    assert_eq!(pair.b.state(), TcpState::FinWait2);
}

#[test]
fn data_on_a_syn_comes_again() {
    // Section 3.10.7.2: it is not acknowledged, so the peer sends it again.
    let mut pair = Pair::new(plain_config(), plain_config());
    Made::ack(Side::A, 0, 0).flags(Flags::SYN).payload(b"early").give(&mut pair);
    let syn_ack = pair.take(Side::B);
    assert_eq!(syn_ack[0].segment().ack, SequenceNumber(A_ISN + 1));
    Made::ack(Side::A, 1, 1).payload(b"early").give(&mut pair);
    assert_eq!(pair.read(Side::B), b"early");
}

#[test]
fn data_and_fin_on_a_syn_ack_are_taken() {
    // Section 3.10.7.3, fourth: processing goes on at the sixth step.
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.take(Side::A);
    let flags = Flags::SYN.union(Flags::ACK).union(Flags::FIN);
    Made::ack(Side::B, 0, 1).flags(flags).payload(b"early").give(&mut pair);
    assert_eq!(pair.a.state(), TcpState::CloseWait);
    assert_eq!(pair.read(Side::A), b"early");
    let ack = pair.take(Side::A);
    assert_eq!((ack.len(), ack[0].segment().ack), (1, SequenceNumber(B_ISN.wrapping_add(7))));
}

#[test]
fn data_right_behind_a_syn_ack_is_taken() {
    // The SYN announced a window; the peer need not wait for the ACK of its own.
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.take(Side::A);
    Made::ack(Side::B, 0, 1).flags(Flags::SYN.union(Flags::ACK)).give(&mut pair);
    Made::ack(Side::B, 1, 1).payload(b"at once").give(&mut pair);
    assert_eq!(pair.read(Side::A), b"at once");
}

#[test]
fn both_open_at_once_and_have_something_to_say() {
    // Figure 8 of section 3.5, between this engine and itself.
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.b = hiatus_engine::Connection::connect(
        pair.now,
        plain_config(),
        hiatus_engine::Endpoints { local: pair.b.local(), remote: pair.a.local() },
        hiatus_engine::Entropy {
            isn: SequenceNumber(B_ISN),
            connection_key: crate::pair::B_KEY,
            key_source: hiatus_engine::KeySource::Drawn,
            nonce: crate::pair::B_NONCE,
            timestamp_offset: 0,
        },
    );
    pair.write(Side::A, b"from a");
    pair.write(Side::B, b"from b");
    pair.exchange();
    assert_eq!((pair.a.state(), pair.b.state()), (TcpState::Established, TcpState::Established));
    assert_eq!((pair.read(Side::A), pair.read(Side::B)), (b"from b".to_vec(), b"from a".to_vec()));
}
