//! SEGMENT ARRIVES (RFC 9293, section 3.10.7), where no other story tells it: blind attacks (RFC 5961), what nobody
//! asked for, urgent data.

use hiatus_codec::{Flags, Segment, SequenceNumber};
use hiatus_engine::{CloseReason, Command, Config, Event, TcpState};

use crate::pair::{A_ISN, B_ISN, Made, Pair, Side, names, plain_config, seconds};

fn connected() -> Pair {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    pair.events(Side::A);
    pair.events(Side::B);
    pair
}

/// B in SYN-RECEIVED, its SYN/ACK sent.
fn received() -> Pair {
    let mut pair = Pair::new(plain_config(), plain_config());
    let syn = pair.take(Side::A);
    pair.deliver(&syn[0]);
    pair.take(Side::B);
    pair
}

#[test]
fn listener_ignores_a_reset_and_what_has_neither_syn_nor_ack() {
    let mut pair = Pair::new(plain_config(), plain_config());
    for flags in
        [Flags::RST, Flags::RST.union(Flags::ACK), Flags::SYN.union(Flags::RST), Flags::FIN, Flags(0)]
    {
        Made::ack(Side::A, 0, 0).flags(flags).give(&mut pair);
        assert_eq!((pair.b.state(), pair.take(Side::B).len()), (TcpState::Listen, 0));
    }
    // A SYN/ACK is an ACK first.
    Made::ack(Side::A, 0, 9).flags(Flags::SYN.union(Flags::ACK)).give(&mut pair);
    let answer = pair.take(Side::B);
    assert_eq!((names(&answer), answer[0].segment().seq.0), (vec!["rst"], B_ISN.wrapping_add(9)));
}

#[test]
fn syn_sent_resets_an_ack_of_what_it_did_not_send() {
    for ack in [0, 2, 1000, 0x8000_0000] {
        let mut pair = Pair::new(plain_config(), plain_config());
        pair.take(Side::A);
        // Not if it is a reset itself.
        Made::ack(Side::B, 0, ack).flags(Flags::RST.union(Flags::ACK)).give(&mut pair);
        assert_eq!((pair.a.state(), pair.take(Side::A).len()), (TcpState::SynSent, 0));
        Made::ack(Side::B, 0, ack).flags(Flags::SYN.union(Flags::ACK)).give(&mut pair);
        let answer = pair.take(Side::A);
        assert_eq!((names(&answer), answer[0].segment().seq.0), (vec!["rst"], A_ISN.wrapping_add(ack)));
        assert_eq!(pair.a.state(), TcpState::SynSent);
    }
}

#[test]
fn syn_sent_drops_a_reset_without_ack_and_what_has_no_syn() {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.take(Side::A);
    Made::rst(Side::B, 0).give(&mut pair);
    Made::ack(Side::B, 0, 1).give(&mut pair);
    Made::ack(Side::B, 0, 1).flags(Flags::ACK.union(Flags::FIN)).payload(b"x").give(&mut pair);
    assert_eq!((pair.a.state(), pair.take(Side::A).len()), (TcpState::SynSent, 0));
    assert_eq!(pair.events(Side::A), []);
}

#[test]
fn syn_received_resets_a_wrong_ack_and_stays() {
    let mut pair = received();
    for ack in [0, 2, 70_000] {
        Made::ack(Side::A, 1, ack).give(&mut pair);
        let answer = pair.take(Side::B);
        assert_eq!((names(&answer), answer[0].segment().seq.0), (vec!["rst"], B_ISN.wrapping_add(ack)));
        assert_eq!(pair.b.state(), TcpState::SynReceived);
    }
    // Outside the window it draws an ACK; without ACK nothing.
    Made::ack(Side::A, 100_000, 1).payload(b"x").give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
    Made::ack(Side::A, 1, 0).flags(Flags(0)).give(&mut pair);
    assert_eq!((pair.b.state(), pair.take(Side::B).len()), (TcpState::SynReceived, 0));
}

#[test]
fn syn_received_drops_an_old_duplicate_before_it_connects() {
    // RFC 7323, sections 3.2 and 5.3: an ACK without timestamps, and one older than the SYN.
    let mut pair = received();
    let frame = Made::ack(Side::A, 1, 1).frame(pair.now);
    pair.arrive(Side::B, &Segment { options: &[], ..frame.segment() });
    assert_eq!((pair.b.state(), pair.take(Side::B).len()), (TcpState::SynReceived, 0));
    Made::ack(Side::A, 1, 1).tsval(1).give(&mut pair);
    assert_eq!((pair.b.state(), names(&pair.take(Side::B))), (TcpState::SynReceived, vec!["ack"]));
    Made::ack(Side::A, 1, 1).give(&mut pair);
    assert_eq!(pair.b.state(), TcpState::Established);
}

#[test]
fn reset_that_repeats_the_syn_changes_nothing() {
    let mut pair = received();
    Made::ack(Side::A, 0, 0).flags(Flags::SYN.union(Flags::RST)).give(&mut pair);
    assert_eq!((pair.b.state(), pair.take(Side::B).len()), (TcpState::SynReceived, 0));
}

#[test]
fn syn_ack_of_a_simultaneous_open_connects_at_once() {
    // Figure 8, line 6. The window of a SYN is not scaled: 2000 octets, not 8000.
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.take(Side::A);
    let syn = Made::ack(Side::B, 0, 0).flags(Flags::SYN).frame(pair.now);
    // Scale 2, and the timestamps of `Made`.
    let options = [&[1, 3, 3, 2], syn.segment().options].concat();
    pair.arrive(Side::A, &Segment { options: &options, ..syn.segment() });
    pair.take(Side::A);
    let syn_ack = Made::ack(Side::B, 0, 1).flags(Flags::SYN.union(Flags::ACK)).window(2000);
    syn_ack.give(&mut pair);
    assert_eq!(pair.a.state(), TcpState::Established);
    assert_eq!(pair.events(Side::A), [Event::Connected]);
    pair.write(Side::A, &[7; 5000]);
    let sent: usize = pair.take(Side::A).iter().map(|frame| frame.segment().payload.len()).sum();
    assert!(sent <= 2000, "{sent}");
}

#[test]
fn ack_with_data_and_fin_leads_from_syn_received_to_close_wait() {
    let mut pair = received();
    Made::ack(Side::A, 1, 1).flags(Flags::ACK.union(Flags::FIN)).payload(b"all").give(&mut pair);
    assert_eq!((pair.b.state(), pair.read(Side::B)), (TcpState::CloseWait, b"all".to_vec()));
    assert_eq!(pair.take(Side::B)[0].segment().ack.0, A_ISN + 5);
}

#[test]
fn ack_counts_from_the_largest_window_below_snd_una_up_to_snd_nxt() {
    // RFC 5961, section 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT. The largest window heard is all of the
    // buffer, 65,536 octets; 120,000 were sent.
    let una = 120_001;
    for (ack, is_taken) in [(una, true), (una + 1, false), (una - 65_536, true), (una - 65_537, false)] {
        let mut pair = connected();
        for _ in 0..2 {
            pair.write(Side::B, &[7; 60_000]);
            pair.pass(seconds(1));
            pair.read(Side::A);
        }
        pair.exchange();
        Made::ack(Side::A, 1, ack).payload(b"x").give(&mut pair);
        assert_eq!(names(&pair.take(Side::B)), ["ack"]);
        assert_eq!(pair.read(Side::B).len(), usize::from(is_taken), "{ack}");
    }
}

#[test]
fn segment_without_ack_is_dropped_in_silence() {
    let mut pair = connected();
    Made::ack(Side::A, 1, 1).flags(Flags::PSH).payload(b"x").give(&mut pair);
    assert_eq!((pair.take(Side::B).len(), pair.read(Side::B).len()), (0, 0));
}

#[test]
fn syn_draws_a_challenge_wherever_it_lies() {
    // RFC 5961, section 4.2: irrespective of the sequence number, in every synchronized state.
    for close in [None, Some(Side::A), Some(Side::B)] {
        for seq in [0, 1, 2, 1000, 0x4000_0000] {
            let mut pair = connected();
            if let Some(side) = close {
                pair.command(side, Command::Close);
                pair.exchange();
            }
            let before = pair.b.state();
            Made::ack(Side::A, seq, 0).flags(Flags::SYN).give(&mut pair);
            let answer = pair.take(Side::B);
            assert_eq!((names(&answer), pair.b.state()), (vec!["ack"], before), "{seq}");
        }
    }
}

#[test]
fn flood_of_syns_draws_a_bounded_number_of_challenges() {
    // RFC 5961, section 7: within the window and outside of it, with a timestamp that is old and one that is not.
    for (seq, tsval) in [(1, 500_000_000), (0x4000_0000, 500_000_000), (1, 1)] {
        let mut pair = connected();
        let mut answers = 0;
        for _ in 0..100 {
            Made::ack(Side::A, seq, 0).flags(Flags::SYN).tsval(tsval).give(&mut pair);
            answers += pair.take(Side::B).len();
        }
        assert!((1..=10).contains(&answers), "{seq} {tsval}: {answers}");
    }
}

#[test]
fn reset_may_carry_octets() {
    // SHLD-2.
    let mut pair = connected();
    Made::rst(Side::A, 1).payload(b"why").give(&mut pair);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::Reset }]);
}

#[test]
fn reset_is_judged_by_its_number_alone() {
    // RFC 5961, section 3.2; RFC 9293, section 3.10.7.4: with octets too, and where the window is closed.
    let small = Config { receive_buffer_octets: 2000, window_scale: None, ..plain_config() };
    let full = || {
        let mut pair = Pair::new(plain_config(), small);
        pair.exchange();
        pair.write(Side::A, &[7; 2000]);
        pair.pass(seconds(2));
        assert_eq!(pair.b.readable_octets(), 2000);
        pair.events(Side::B);
        pair
    };
    let mut pair = full();
    Made::rst(Side::A, 2001).payload(b"why").give(&mut pair);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::Reset }]);
    // Outside the window it is dropped, though octets of it would fit.
    for (mut pair, seq) in [(full(), 2000), (full(), 2002), (connected(), 0)] {
        Made::rst(Side::A, seq).payload(b"why").give(&mut pair);
        assert_eq!((pair.b.state(), pair.take(Side::B).len()), (TcpState::Established, 0), "{seq}");
    }
    // The same before the connection stands.
    let mut pair = received();
    Made::rst(Side::A, 0).payload(b"why").give(&mut pair);
    assert_eq!((pair.b.state(), pair.take(Side::B).len()), (TcpState::SynReceived, 0));
}

#[test]
fn segment_that_straddles_the_edges_is_cut() {
    // Section 3.10.7.4: only the new part counts, and what fits the window.
    let mut pair = connected();
    Made::ack(Side::A, 1, 1).payload(b"abc").give(&mut pair);
    Made::ack(Side::A, 2, 1).payload(b"bcde").give(&mut pair);
    assert_eq!(pair.read(Side::B), b"abcde");
}

#[test]
fn text_and_fin_behind_a_fin_are_ignored() {
    let mut pair = connected();
    Made::ack(Side::A, 1, 1).flags(Flags::ACK.union(Flags::FIN)).payload(b"end").give(&mut pair);
    pair.take(Side::B);
    for flags in [Flags::ACK, Flags::ACK.union(Flags::FIN)] {
        Made::ack(Side::A, 5, 1).flags(flags).payload(b"more").give(&mut pair);
        let answer = pair.take(Side::B);
        assert_eq!(answer[0].segment().ack.0, A_ISN + 5);
    }
    assert_eq!((pair.read(Side::B), pair.b.state()), (b"end".to_vec(), TcpState::CloseWait));
}

#[test]
fn urgent_octets_are_octets_of_the_stream() {
    // RFC 6093, section 6: in line, wherever the pointer points.
    let mut pair = connected();
    let mut seq = 1;
    for urgent in [0, 1, 3, 100, u16::MAX] {
        let flags = Flags::ACK.union(Flags::URG);
        let frame = Made::ack(Side::A, seq, 1).flags(flags).payload(b"abc").frame(pair.now);
        pair.arrive(Side::B, &Segment { urgent, ..frame.segment() });
        assert_eq!(pair.read(Side::B), b"abc");
        seq += 3;
    }
    // Without text, and where no text may come any more.
    for (state, seq) in [(TcpState::Established, 16), (TcpState::CloseWait, 17)] {
        let frame = Made::ack(Side::A, seq, 1).flags(Flags::ACK.union(Flags::URG)).frame(pair.now);
        pair.arrive(Side::B, &Segment { urgent: 5, ..frame.segment() });
        assert_eq!(pair.b.state(), state);
        Made::ack(Side::A, 16, 1).flags(Flags::ACK.union(Flags::FIN)).give(&mut pair);
    }
}

#[test]
fn fin_wait_1_hears_the_fin_with_and_without_the_acknowledgment_of_its_own() {
    // Eighth: TIME-WAIT if it is there, CLOSING if not.
    for (ack, state) in [(2, TcpState::TimeWait), (1, TcpState::Closing)] {
        let mut pair = connected();
        pair.command(Side::A, Command::Close);
        pair.take(Side::A);
        Made::ack(Side::B, 1, ack).flags(Flags::ACK.union(Flags::FIN)).give(&mut pair);
        assert_eq!(pair.a.state(), state);
        let answer = pair.take(Side::A);
        assert_eq!(answer[0].segment().ack, SequenceNumber(B_ISN.wrapping_add(2)));
    }
}

#[test]
fn closing_ignores_all_but_the_acknowledgment_of_its_fin() {
    let mut pair = connected();
    pair.write(Side::A, b"data");
    pair.command(Side::A, Command::Close);
    pair.take(Side::A);
    Made::ack(Side::B, 1, 1).flags(Flags::ACK.union(Flags::FIN)).give(&mut pair);
    Made::ack(Side::B, 2, 5).give(&mut pair);
    assert_eq!(pair.a.state(), TcpState::Closing);
    Made::ack(Side::B, 2, 6).give(&mut pair);
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    pair.alone(Side::A, seconds(0));
}
