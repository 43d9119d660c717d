//! Sentences of RFC 7323 that no story elsewhere is about; `companions.toml` names the tests.

use core::time::Duration;

use hiatus_codec::{Flags, KnownOptions, Segment};
use hiatus_engine::{CloseReason, Command, Config, Event, TcpState};

use crate::pair::{Made, Pair, Side, names};

fn connected() -> Pair {
    let mut pair = Pair::new(Config::default(), Config::default());
    pair.exchange();
    assert_eq!(pair.b.state(), TcpState::Established);
    pair.events(Side::B);
    pair
}

#[test]
fn window_scale_stands_on_both_syns_or_on_none() {
    // Section 2.2.
    let scales = |config_a: Config| {
        let mut pair = Pair::new(config_a, Config::default());
        pair.write(Side::A, b"data");
        let frames = pair.exchange();
        let scale = |frame: &crate::pair::Frame| KnownOptions::parse(&frame.segment()).window_scale.is_some();
        assert!(frames[2..].iter().all(|frame| !scale(frame)));
        [scale(&frames[0]), scale(&frames[1])]
    };
    assert_eq!(scales(Config::default()), [true, true]);
    assert_eq!(scales(Config { window_scale: None, ..Config::default() }), [false, false]);
}

#[test]
fn every_segment_has_timestamps_once_they_are_agreed() {
    // Section 3.2.
    let mut pair = Pair::new(Config::default(), Config::default());
    pair.write(Side::A, &[1; 5000]);
    let mut frames = pair.exchange();
    pair.command(Side::A, Command::Close);
    frames.extend(pair.exchange());
    pair.command(Side::B, Command::Close);
    frames.extend(pair.exchange());
    assert!(frames.len() > 8);
    for frame in &frames {
        assert!(KnownOptions::parse(&frame.segment()).timestamps.is_some(), "{}", frame.name());
    }
    // One without them is dropped, and not answered. An RST is not: it may come from a host without state.
    let mut pair = connected();
    let data = Made::ack(Side::A, 1, 1).payload(b"x").frame(pair.now);
    pair.arrive(Side::B, &Segment { options: &[], ..data.segment() });
    assert_eq!((pair.read(Side::B), names(&pair.take(Side::B))), (vec![], vec![]));
    let reset = Made::rst(Side::A, 1).frame(pair.now);
    pair.arrive(Side::B, &Segment { options: &[], ..reset.segment() });
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::Reset }]);
}

#[test]
fn a_reset_with_an_old_timestamp_counts() {
    // Section 5.2: PAWS does not test it.
    let mut pair = connected();
    Made::ack(Side::A, 1, 1).tsval(500_000_000).payload(b"x").give(&mut pair);
    Made::rst(Side::A, 2).tsval(1).give(&mut pair);
    assert_eq!(pair.events(Side::B).last(), Some(&Event::Closed { reason: CloseReason::Reset }));
}

#[test]
fn the_clock_of_the_timestamps_ticks_between_once_a_second_and_once_a_millisecond() {
    // Section 5.4.
    let mut pair = connected();
    let tsval = |pair: &mut Pair| {
        pair.write(Side::A, b"x");
        let frame = pair.take(Side::A).remove(0);
        pair.deliver(&frame);
        pair.pass(Duration::from_secs(1));
        frame.timestamps().value
    };
    let first = tsval(&mut pair);
    pair.pass(Duration::from_secs(99));
    let second = tsval(&mut pair);
    assert!((100..=100_000).contains(&second.wrapping_sub(first)), "{first} {second}");
}

#[test]
fn the_window_of_a_syn_is_not_scaled() {
    // Section 2.2: 65,535 on a SYN that offers a shift of 14 are 65,535 octets.
    let wide = Config { window_scale: Some(14), receive_buffer_octets: 1 << 20, ..Config::default() };
    let mut pair = Pair::new(wide, wide);
    let syn = pair.take(Side::A).remove(0);
    assert!(syn.has(Flags::SYN));
    assert_eq!(syn.segment().window, 0xffff);
    pair.deliver(&syn);
    pair.write(Side::B, &[1; 60_000]);
    pair.exchange();
    // Afterwards it counts units of 2^14.
    pair.write(Side::A, b"x");
    let window = pair.take(Side::A)[0].segment().window;
    assert!(window <= 64, "{window}");
}
