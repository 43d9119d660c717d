//! The windows against the RFCs' formulas, computed in floating point by another program.

use core::time::Duration;

use crate::config::CongestionAlgorithm;
use crate::congestion::{Congestion, Progress, Timeout};
use crate::time::Time;

const MSS_OCTETS: u16 = 1460;
const SEGMENT: u32 = MSS_OCTETS as u32;

fn progress(octets: u32, now: Time, round_trip_ms: u64) -> Progress {
    Progress { octets, now, round_trip: Duration::from_millis(round_trip_ms), mss_octets: MSS_OCTETS }
}

/// In slow start, with a window of so many segments.
fn opened(algorithm: CongestionAlgorithm, segments: u32) -> Congestion {
    let mut congestion = Congestion::new(algorithm, MSS_OCTETS);
    while congestion.cwnd() < segments * SEGMENT {
        congestion.acknowledged(&progress(SEGMENT, Time::ZERO, 100));
    }
    assert_eq!(congestion.cwnd(), segments * SEGMENT);
    congestion
}

fn lose(congestion: &mut Congestion) {
    congestion.lost(congestion.cwnd(), MSS_OCTETS);
}

/// One segment is acknowledged each millisecond from 1 ms on; cwnd is looked at in the milliseconds of `expected`, in
/// thousandths of a segment. It may be a thousandth of itself off.
fn follow(congestion: &mut Congestion, round_trip_ms: u64, expected: &[(u64, u32)]) {
    let mut last_ms = 0;
    for &(until_ms, expected) in expected {
        for now_ms in last_ms + 1..=until_ms {
            congestion.acknowledged(&progress(SEGMENT, Time::from_millis(now_ms), round_trip_ms));
        }
        last_ms = until_ms;
        let found = congestion.cwnd() * 100 / SEGMENT * 10;
        let off = found.abs_diff(expected);
        assert!(off <= expected / 1000 + 10, "after {until_ms} ms: {found}, not {expected}");
    }
}

#[test]
fn cubic_is_concave_up_to_w_max_and_convex_beyond() {
    // 100 segments, a loss, 100 ms of round trip: W_cubic in python3 floats gives these.
    let mut congestion = opened(CongestionAlgorithm::Cubic, 100);
    lose(&mut congestion);
    assert_eq!(congestion.cwnd(), 70 * SEGMENT);
    let expected = [
        (500, 79_783),
        (1000, 86_830),
        (2000, 95_645),
        (4000, 99_993),
        (6000, 106_882),
        (8000, 124_193),
        (10_000, 174_807),
    ];
    follow(&mut congestion, 100, &expected);
}

#[test]
fn cubic_reaches_a_far_plateau_on_a_long_path() {
    let mut congestion = opened(CongestionAlgorithm::Cubic, 1000);
    lose(&mut congestion);
    follow(&mut congestion, 200, &[(1000, 754_022), (5000, 950_893), (9000, 998_005), (12_000, 1_005_513)]);
}

#[test]
fn cubic_is_never_slower_than_reno() {
    // A short round trip and a small window: the Reno-friendly region (RFC 9438, section 4.3).
    let mut congestion = opened(CongestionAlgorithm::Cubic, 20);
    lose(&mut congestion);
    let expected = [(100, 17_378), (200, 20_361), (500, 31_859), (1000, 44_893), (2000, 63_370)];
    follow(&mut congestion, 10, &expected);
}

#[test]
fn cubic_gives_way_when_it_did_not_come_back() {
    // RFC 9438, section 4.7: W_max is 0.85 of a window that was below the last W_max, here 200 segments.
    let mut congestion = opened(CongestionAlgorithm::Cubic, 200);
    congestion.lost(200 * SEGMENT, MSS_OCTETS);
    congestion.hold_at(100 * SEGMENT, MSS_OCTETS);
    lose(&mut congestion);
    let expected = [(500, 75_988), (1000, 79_945), (2000, 84_045), (4000, 95_281), (6000, 110_720)];
    follow(&mut congestion, 100, &expected);
}

#[test]
fn cubic_starts_on_a_plateau_after_a_timeout() {
    // RFC 9438, section 4.8: K = 0 and W_max = cwnd = 70 segments; ssthresh is 0.7 of what was outstanding.
    let mut congestion = opened(CongestionAlgorithm::Cubic, 100);
    congestion.timed_out(Timeout::First, 100 * SEGMENT, MSS_OCTETS);
    assert_eq!((congestion.cwnd(), congestion.ssthresh()), (SEGMENT, 70 * SEGMENT));
    while congestion.cwnd() < 70 * SEGMENT {
        congestion.acknowledged(&progress(SEGMENT, Time::ZERO, 1000));
    }
    congestion.acknowledged(&progress(1, Time::ZERO, 1000));
    follow(&mut congestion, 1000, &[(1000, 77_194), (2000, 83_772), (3500, 92_769), (8000, 333_529)]);
}

#[test]
fn cubic_does_not_count_time_in_which_the_window_was_not_used() {
    let mut busy = opened(CongestionAlgorithm::Cubic, 100);
    lose(&mut busy);
    follow(&mut busy, 100, &[(1000, 86_830)]);
    let mut idle = busy.clone();
    idle.unused(Duration::from_secs(100));
    busy.acknowledged(&progress(SEGMENT, Time::from_millis(1001), 100));
    idle.acknowledged(&progress(SEGMENT, Time::from_millis(101_001), 100));
    assert_eq!(busy.cwnd(), idle.cwnd());
}

#[test]
fn slow_start_adds_what_was_acknowledged_and_not_more_than_the_bound() {
    // RFC 5681, section 3.1: min(N, SMSS). RFC 9406, section 4.3: min(N, 8 SMSS).
    for (algorithm, bound) in [(CongestionAlgorithm::NewReno, 1), (CongestionAlgorithm::Cubic, 8)] {
        let mut congestion = Congestion::new(algorithm, MSS_OCTETS);
        assert_eq!(congestion.cwnd(), 14_600);
        congestion.acknowledged(&progress(100, Time::ZERO, 100));
        assert_eq!(congestion.cwnd(), 14_700);
        congestion.acknowledged(&progress(1_000_000, Time::ZERO, 100));
        assert_eq!(congestion.cwnd(), 14_700 + bound * SEGMENT);
    }
}

#[test]
fn initial_window_is_rfc_6928s() {
    let found = [536, 1460, 2190, 9000, 65_495]
        .map(|mss_octets| Congestion::new(CongestionAlgorithm::NewReno, mss_octets).cwnd());
    assert_eq!(found, [5360, 14_600, 14_600, 18_000, 130_990]);
}

#[test]
fn new_reno_adds_a_segment_for_each_window() {
    let mut congestion = opened(CongestionAlgorithm::NewReno, 40);
    lose(&mut congestion);
    assert_eq!(congestion.cwnd(), 20 * SEGMENT);
    for window in 20..30 {
        assert_eq!(congestion.cwnd(), window * SEGMENT);
        for _ in 0..window {
            congestion.acknowledged(&progress(SEGMENT, Time::ZERO, 100));
        }
    }
    // One acknowledgment of everything counts as one window.
    congestion.acknowledged(&progress(u32::MAX, Time::ZERO, 100));
    assert_eq!(congestion.cwnd(), 31 * SEGMENT);
}

#[test]
fn reductions_have_a_floor() {
    for algorithm in [CongestionAlgorithm::NewReno, CongestionAlgorithm::Cubic] {
        let mut congestion = Congestion::new(algorithm, MSS_OCTETS);
        congestion.lost(SEGMENT, MSS_OCTETS);
        assert_eq!((congestion.cwnd(), congestion.ssthresh()), (2 * SEGMENT, 2 * SEGMENT));
        congestion.ecn_echo(SEGMENT, MSS_OCTETS);
        assert_eq!((congestion.cwnd(), congestion.ssthresh()), (SEGMENT, 2 * SEGMENT));
        congestion.timed_out(Timeout::First, 0, MSS_OCTETS);
        assert_eq!((congestion.cwnd(), congestion.ssthresh()), (SEGMENT, 2 * SEGMENT));
    }
}

#[test]
fn second_timeout_of_the_same_octets_keeps_ssthresh() {
    // RFC 5681, section 3.1, after equation 4.
    let mut congestion = opened(CongestionAlgorithm::NewReno, 40);
    congestion.timed_out(Timeout::First, 40 * SEGMENT, MSS_OCTETS);
    congestion.timed_out(Timeout::Repeated, SEGMENT, MSS_OCTETS);
    assert_eq!((congestion.cwnd(), congestion.ssthresh()), (SEGMENT, 20 * SEGMENT));
}

#[test]
fn restart_never_opens_the_window() {
    // RFC 5681, section 4.1: RW = min(IW, cwnd).
    for algorithm in [CongestionAlgorithm::NewReno, CongestionAlgorithm::Cubic] {
        let mut wide = opened(algorithm, 40);
        wide.restart(MSS_OCTETS);
        assert_eq!(wide.cwnd(), 10 * SEGMENT);
        let mut narrow = Congestion::new(algorithm, MSS_OCTETS);
        narrow.hold_at(3 * SEGMENT, MSS_OCTETS);
        narrow.restart(MSS_OCTETS);
        assert_eq!(narrow.cwnd(), 3 * SEGMENT);
        narrow.restart_with_one(MSS_OCTETS);
        assert_eq!(narrow.cwnd(), SEGMENT);
    }
}

#[test]
fn any_numbers_leave_a_window() {
    fn property(octets: u32, flight: u32, now: u64, rtt_ms: u32, mss_octets: u16, steps: u8) -> bool {
        let mut congestion = Congestion::new(CongestionAlgorithm::Cubic, mss_octets);
        for step in 0..=steps {
            let progress = Progress {
                octets,
                now: Time(now.saturating_mul(u64::from(step))),
                round_trip: Duration::from_millis(u64::from(rtt_ms)),
                mss_octets,
            };
            congestion.acknowledged(&progress);
            match step % 16 {
                3 => congestion.lost(flight, mss_octets.max(1)),
                7 => congestion.unused(Duration::from_micros(now)),
                11 => congestion.timed_out(Timeout::First, flight, mss_octets.max(1)),
                _ => {}
            }
            if congestion.check().is_err() {
                return false;
            }
        }
        true
    }
    quickcheck::quickcheck(property as fn(u32, u32, u64, u32, u16, u8) -> bool);
}

#[test]
fn value_is_small() {
    assert_eq!(size_of::<Congestion>(), 40);
}
