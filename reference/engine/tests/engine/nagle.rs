//! When data leaves: Nagle, silly windows, and what overrides them (RFC 9293, sections 3.7.4 and 3.8.6.2.1).

use core::time::Duration;

use hiatus_codec::Flags;
use hiatus_engine::{Command, Config, Nagle};

use crate::pair::{Frame, Made, Pair, Side, plain_config, seconds};

fn connected(nagle: Nagle) -> Pair {
    let config = Config { nagle, ..plain_config() };
    let mut pair = Pair::new(config, config);
    pair.exchange();
    pair
}

/// Data octets of each frame.
fn sizes(frames: &[Frame]) -> Vec<usize> {
    frames.iter().map(|frame| frame.segment().payload.len()).collect()
}

#[test]
fn small_segment_waits_for_the_acknowledgment() {
    // Section 3.7.4: while SND.NXT > SND.UNA, user data is kept until it is acknowledged or fills a segment.
    let mut pair = connected(Nagle::On);
    pair.write(Side::A, b"first");
    assert_eq!(sizes(&pair.take(Side::A)), [5]);
    pair.write(Side::A, b"second");
    pair.write(Side::A, b"third");
    assert_eq!(sizes(&pair.take(Side::A)), [0; 0]);
    Made::ack(Side::B, 1, 6).give(&mut pair);
    let frames = pair.take(Side::A);
    assert_eq!(frames[0].segment().payload, b"secondthird");
    assert_eq!(frames.len(), 1);
}

#[test]
fn full_segments_do_not_wait_but_what_is_left_does() {
    let mut pair = connected(Nagle::On);
    pair.write(Side::A, b"x");
    pair.take(Side::A);
    // 1448 octets: 1460 less 12 of timestamps (RFC 6691).
    pair.write(Side::A, &[7; 2 * 1448 + 10]);
    assert_eq!(sizes(&pair.take(Side::A)), [1448, 1448]);
    Made::ack(Side::B, 1, 2 + 2 * 1448).give(&mut pair);
    assert_eq!(sizes(&pair.take(Side::A)), [10]);
}

#[test]
fn burst_holds_back_its_small_tail() {
    let mut pair = connected(Nagle::On);
    pair.write(Side::A, &[7; 2 * 1448 + 10]);
    let mut buffer = [0; 65_535];
    let now = pair.now;
    let burst = pair.a.poll_transmit_burst(now, &mut buffer, 40).expect("data");
    assert_eq!(burst.len_octets - burst.header_octets, 2 * 1448);
    assert_eq!(pair.a.poll_transmit_burst(now, &mut buffer, 40), None);
}

#[test]
fn fin_takes_the_last_octets_along() {
    // Section 3.9.1.4: CLOSE implies push.
    let mut pair = connected(Nagle::On);
    pair.write(Side::A, b"first");
    pair.take(Side::A);
    pair.write(Side::A, b"last");
    pair.command(Side::A, Command::Close);
    let frames = pair.take(Side::A);
    assert_eq!(sizes(&frames), [4]);
    assert!(frames[0].has(Flags::FIN));
}

#[test]
fn fin_alone_does_not_wait() {
    let mut pair = connected(Nagle::On);
    pair.write(Side::A, b"first");
    pair.take(Side::A);
    pair.command(Side::A, Command::Close);
    assert!(pair.take(Side::A)[0].has(Flags::FIN));
}

#[test]
fn nagle_can_be_turned_off() {
    // MUST-17: by configuration, and on a connection that stands.
    let mut off = connected(Nagle::Off);
    let mut changed = connected(Nagle::On);
    changed.command(Side::A, Command::SetNagle(Nagle::Off));
    for pair in [&mut off, &mut changed] {
        pair.write(Side::A, b"first");
        assert_eq!(sizes(&pair.take(Side::A)), [5]);
        pair.write(Side::A, b"second");
        assert_eq!(sizes(&pair.take(Side::A)), [6]);
    }
    changed.command(Side::A, Command::SetNagle(Nagle::On));
    changed.write(Side::A, b"third");
    assert_eq!(sizes(&changed.take(Side::A)), [0; 0]);
}

#[test]
fn lost_octets_are_sent_again_whatever_nagle_says() {
    let mut pair = connected(Nagle::On);
    pair.write(Side::A, b"first");
    pair.take(Side::A);
    pair.write(Side::A, b"second");
    let again = pair.alone(Side::A, Duration::from_millis(1001));
    assert_eq!(&again[0].segment().payload[..5], b"first");
}

#[test]
fn silly_window_is_left_alone_until_the_override() {
    // The window was 16,000 << 2 once; 100 << 2 is neither a full segment nor half of that. With nothing in flight the
    // data leaves after 0.1 to 1 s (section 3.8.6.2.1, rule 4).
    for nagle in [Nagle::On, Nagle::Off] {
        let mut pair = connected(nagle);
        Made::ack(Side::B, 1, 1).window(100).give(&mut pair);
        pair.write(Side::A, &[7; 5000]);
        assert_eq!(sizes(&pair.alone(Side::A, Duration::from_millis(99))), [0; 0]);
        let start = pair.now;
        let frames = pair.alone(Side::A, Duration::from_millis(901));
        assert_eq!(sizes(&frames), [400]);
        assert!(frames[0].at.since(start) <= Duration::from_millis(901));
        // It is in flight like any other, and no probe: the timer backs off only when it gets lost.
        Made::ack(Side::B, 1, 401).window(16_000).give(&mut pair);
        assert_eq!(sizes(&pair.take(Side::A))[..3], [1448, 1448, 1448]);
    }
}

#[test]
fn tiny_window_updates_do_not_put_the_override_off() {
    let mut pair = connected(Nagle::On);
    Made::ack(Side::B, 1, 1).window(100).give(&mut pair);
    pair.write(Side::A, &[7; 5000]);
    let mut sent = Vec::new();
    for step in 0..10_u16 {
        sent.extend(pair.alone(Side::A, Duration::from_millis(100)));
        Made::ack(Side::B, 1, 1).window(100 + step % 2).give(&mut pair);
    }
    assert!(sizes(&sent).contains(&400) || sizes(&sent).contains(&404));
}

#[test]
fn half_the_largest_window_is_enough() {
    // Rule 3 with Fs = 1/2: the largest window is 2000 octets, so 1000 are worth a segment.
    let small = Config { receive_buffer_octets: 2000, window_scale: None, ..plain_config() };
    for (window, expected) in [(1000, vec![1000]), (999, vec![])] {
        let mut pair = Pair::new(plain_config(), small);
        pair.exchange();
        Made::ack(Side::B, 1, 1).window(window).give(&mut pair);
        pair.write(Side::A, &[7; 5000]);
        assert_eq!(sizes(&pair.take(Side::A)), expected);
    }
    // Not while something is in flight.
    let mut pair = Pair::new(Config { nagle: Nagle::On, ..plain_config() }, small);
    pair.exchange();
    pair.write(Side::A, b"x");
    pair.take(Side::A);
    Made::ack(Side::B, 1, 1).window(1001).give(&mut pair);
    pair.write(Side::A, &[7; 5000]);
    assert_eq!(sizes(&pair.take(Side::A)), [0; 0]);
    pair.alone(Side::A, seconds(0));
}

#[test]
fn probe_that_became_needless_lets_nothing_small_out() {
    let mut pair = connected(Nagle::On);
    Made::ack(Side::B, 1, 1).window(0).give(&mut pair);
    pair.write(Side::A, b"waiting");
    pair.now = pair.now + seconds(1);
    let now = pair.now;
    pair.a.handle_timeout(now);
    // The window opens before the probe leaves.
    Made::ack(Side::B, 1, 1).window(16_000).give(&mut pair);
    assert_eq!(sizes(&pair.take(Side::A)), [7]);
    pair.write(Side::A, b"small");
    assert_eq!(sizes(&pair.take(Side::A)), [0; 0]);
}
