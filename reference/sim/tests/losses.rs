//! Plain TCP on bad paths, told from outside: what is lost, who waits, and what it costs.

use core::num::NonZeroU32;
use core::time::Duration;

use hiatus_codec::{Flags, Segment, SequenceNumber};
use hiatus_engine::{
    CloseReason, Config, CongestionAlgorithm, Event, KeepAlive, Sacking, TcpState, Time, Timestamping,
};
use hiatus_sim::{Fate, Frame, Happening, Oversize, Reader, Scenario, Side, Sim};

const SIDES: [Side; 2] = [Side::A, Side::B];
/// Ethernet's 1500 octets less the headers and the timestamps.
const DATA_OCTETS: usize = 1448;
/// Long enough for every timer here.
const PATIENCE: Time = Time::from_secs(4 * 3600);

fn plain(seed: u64) -> Scenario {
    Scenario::new(seed).plain(Side::A).plain(Side::B)
}

fn both(scenario: Scenario, change: impl Fn(&mut Config)) -> Scenario {
    scenario.config(Side::A, &change).config(Side::B, &change)
}

/// A sends so many octets, and both close.
fn upload(scenario: Scenario, count_octets: usize) -> Scenario {
    scenario.writes(Side::A, count_octets).closes(Side::A).closes(Side::B)
}

fn finish(scenario: Scenario) -> Sim {
    let mut sim = scenario.start();
    sim.run_until(PATIENCE);
    for side in SIDES {
        let (host, peer) = (sim.host(side), sim.host(side.peer()));
        assert!(host.received == peer.outgoing(), "{side:?} read {} octets", host.received.len());
        let finished = Event::Closed { reason: CloseReason::Finished };
        assert!(host.has_seen(finished), "{side:?} is in {}: {:?}", host.connection.state(), host.events);
    }
    sim
}

fn segment(frame: &Frame) -> Segment<'_> {
    frame.segment().expect("engines send segments")
}

fn sent_by(sim: &Sim, side: Side) -> impl Iterator<Item = (&Frame, Segment<'_>)> {
    sim.trace().iter().filter(move |frame| frame.from == side).map(|frame| (frame, segment(frame)))
}

/// Octets of data that `side` sent, those included that it sent again.
fn octets_sent(sim: &Sim, side: Side) -> usize {
    sent_by(sim, side).map(|(_, segment)| segment.payload.len()).sum()
}

/// When the last octet of data was read at `side`.
fn read_all_at(sim: &Sim, side: Side) -> Time {
    let readable = sim.host(side).events.iter().rev().find(|(_, event)| *event == Event::Readable);
    readable.expect("it read something").0
}

#[test]
fn lost_syn_is_sent_again_after_a_second() {
    let sim = finish(upload(plain(1), 5000).loses(Side::A, [1]));
    let syns: Vec<Time> = sent_by(&sim, Side::A)
        .filter(|(_, segment)| segment.flags.contains(Flags::SYN))
        .map(|(frame, _)| frame.sent_at)
        .collect();
    // The first RTO is a second (RFC 6298, section 2.1).
    assert_eq!(syns, [Time::ZERO, Time::from_secs(1)]);
}

#[test]
fn lost_syn_ack_is_sent_again() {
    let sim = finish(upload(plain(2), 5000).loses(Side::B, [1]));
    let count = sent_by(&sim, Side::B).filter(|(_, segment)| segment.flags.contains(Flags::SYN)).count();
    assert!((2..=3).contains(&count), "{count} SYN/ACKs");
    assert!(read_all_at(&sim, Side::B) < Time::from_millis(1200));
}

#[test]
fn lost_third_ack_is_made_good_by_the_data_behind_it() {
    let sim = finish(upload(plain(3), 5000).loses(Side::A, [2]));
    assert!(read_all_at(&sim, Side::B) < Time::from_millis(300), "{}", read_all_at(&sim, Side::B));
}

#[test]
fn lost_third_ack_without_data_is_asked_for() {
    let scenario = plain(4).writes(Side::B, 3000).closes(Side::A).closes(Side::B);
    let scenario = scenario.habits(Side::A, |habits| habits.closing = hiatus_sim::Closing::AfterPeer);
    let sim = finish(scenario.loses(Side::A, [2]));
    assert!(read_all_at(&sim, Side::A) < Time::from_millis(1200), "{}", read_all_at(&sim, Side::A));
}

/// Ten segments in a row are lost in the middle of 300,000 octets. Gives what was sent beyond them, and when all was
/// read.
fn burst(sacking: Sacking) -> (usize, Time) {
    let count_octets = 300_000;
    let scenario = both(upload(plain(5), count_octets), |config| {
        config.sack = sacking;
        config.receive_buffer_octets = 1 << 20;
        config.send_buffer_octets = 1 << 20;
        config.window_scale = Some(7);
    });
    let sim = finish(scenario.loses(Side::A, 80..90));
    (octets_sent(&sim, Side::A) - count_octets, read_all_at(&sim, Side::B))
}

#[test]
fn burst_in_the_middle_is_filled_from_sack_in_a_few_round_trips() {
    let (again_octets, at) = burst(Sacking::On);
    // Only what was lost is sent again (RFC 6675), and no timer has to run out, which would take a second.
    assert!(
        (10 * DATA_OCTETS..=11 * DATA_OCTETS).contains(&again_octets),
        "{again_octets} octets sent again"
    );
    assert!(at < Time::from_millis(500), "{at}");
}

#[test]
fn burst_in_the_middle_is_filled_without_sack_one_a_round_trip() {
    let (again_octets, at) = burst(Sacking::Off);
    // One hole a round trip of 20 ms (RFC 6582).
    assert!(
        (10 * DATA_OCTETS..=12 * DATA_OCTETS).contains(&again_octets),
        "{again_octets} octets sent again"
    );
    assert!(at < Time::from_millis(1000), "{at}");
    assert!(at > burst(Sacking::On).1 + Duration::from_millis(100), "{at}");
}

#[test]
fn path_that_drops_every_fifth_carries_everything() {
    for sacking in [Sacking::On, Sacking::Off] {
        let scenario = both(upload(plain(6), 100_000), |config| config.sack = sacking);
        let every = |path: &mut hiatus_sim::Path| path.loses_every = NonZeroU32::new(5);
        let sim = finish(scenario.path(Side::A, every).path(Side::B, every));
        assert!(sim.trace().iter().filter(|frame| frame.fate == Fate::Lost).count() > 20);
    }
}

#[test]
fn slow_reader_draws_no_small_segments() {
    let scenario = upload(plain(7), 60_000)
        .config(Side::B, |config| config.receive_buffer_octets = 8 * 1024)
        .habits(Side::B, |habits| {
            habits.read_octets_max = 100;
            habits.read_pause = Duration::from_millis(5);
        });
    let sim = finish(scenario);
    let lengths = || sent_by(&sim, Side::A).map(|(_, segment)| segment.payload.len()).filter(|len| *len > 0);
    // The window opens by a segment or by half of the buffer (RFC 9293, section 3.8.6.2.2): never by what was read.
    let small = lengths().filter(|len| *len < 1000).count();
    assert!(small <= 3, "{small} small segments of {}", lengths().count());
}

#[test]
fn zero_window_for_an_hour_is_probed_ever_more_rarely() {
    let hour = Time::from_secs(3600);
    let scenario = upload(plain(8), 300_000)
        .plan(Time::ZERO, Happening::Reader(Side::B, Reader::Pauses))
        .plan(hour, Happening::Reader(Side::B, Reader::Reads));
    let sim = finish(scenario);
    let probes = |from: Time, to: Time| {
        sent_by(&sim, Side::A).filter(|(frame, _)| from < frame.sent_at && frame.sent_at < to).count()
    };
    // The interval doubles up to a minute (RFC 9293, SHLD-30; the largest RTO).
    let late = probes(Time::from_secs(600), hour);
    assert!((45..=51).contains(&late), "{late} probes in 50 minutes");
    let early = probes(Time::from_secs(5), Time::from_secs(600));
    assert!((9..=20).contains(&early), "{early} probes in the first 10 minutes");
}

#[test]
fn path_whose_mtu_shrinks_is_found_out() {
    let mut sim = both(upload(plain(9), 400_000), |config| config.receive_buffer_octets = 16 * 1024).start();
    sim.run_until(Time::from_millis(200));
    let before = sim.trace().len();
    let path = sim.path_mut(Side::A);
    (path.mtu_octets, path.oversize) = (Some(1000), Oversize::Reported);
    sim.run_until(PATIENCE);
    assert!(sim.host(Side::B).received == sim.host(Side::A).outgoing());
    let lost = sim.trace()[before..].iter().filter(|frame| frame.fate == Fate::Lost).count();
    // What was in flight, and no more.
    assert!((1..=24).contains(&lost), "{lost} lost");
    assert!(read_all_at(&sim, Side::B) < Time::from_secs(5), "{}", read_all_at(&sim, Side::B));
}

#[test]
fn both_close_at_once_whatever_is_lost() {
    let mut closing_count = 0;
    for seed in 0..200 {
        let scenario =
            plain(seed).writes(Side::A, 3000).writes(Side::B, 3000).closes(Side::A).closes(Side::B);
        let sim = finish(scenario.loss(200));
        // Each sent its FIN before it had the other's.
        closing_count += u32::from(SIDES.iter().all(|side| {
            let first = sent_by(&sim, *side).find(|(_, segment)| segment.flags.contains(Flags::FIN));
            let (frame, _) = first.expect("it closed");
            let host = sim.host(*side);
            host.events.iter().any(|(at, event)| *event == Event::PeerClosed && *at > frame.sent_at)
        }));
    }
    assert!(closing_count > 50, "{closing_count} of 200 closed at once");
}

#[test]
fn numbers_wrap_in_the_middle_of_a_recovery() {
    for sacking in [Sacking::On, Sacking::Off] {
        // The 40th segment of data is the one that wraps: those around it are lost.
        let before = u32::try_from(40 * DATA_OCTETS + 700).expect("small");
        let scenario = both(upload(plain(10), 300_000), |config| config.sack = sacking)
            .isn(Side::A, SequenceNumber(0_u32.wrapping_sub(before)))
            .loses(Side::A, [38, 40, 41, 42, 44, 45]);
        let sim = finish(scenario);
        let lost = sim.trace().iter().filter(|frame| frame.fate == Fate::Lost).map(segment);
        let (low, high): (Vec<_>, Vec<_>) =
            lost.map(|segment| segment.seq.0).partition(|number| *number < 1 << 31);
        assert!(!low.is_empty() && !high.is_empty(), "lost before the wrap {high:?}, after it {low:?}");
        assert!(read_all_at(&sim, Side::B) < Time::from_secs(3), "{}", read_all_at(&sim, Side::B));
    }
}

#[test]
fn peer_without_any_option_gets_none() {
    let scenario = upload(Scenario::new(11).plain(Side::B), 50_000).config(Side::B, |config| {
        config.timestamps = Timestamping::Off;
        config.window_scale = None;
        config.sack = Sacking::Off;
    });
    let sim = finish(scenario.loss(30));
    let with_options = |side| {
        sent_by(&sim, side)
            .filter(|(_, segment)| !segment.flags.contains(Flags::SYN) && !segment.options.is_empty())
            .count()
    };
    assert_eq!(SIDES.map(with_options), [0, 0]);
}

#[test]
fn keep_alives_find_a_peer_that_is_gone() {
    let keep_alive =
        KeepAlive { idle: Duration::from_secs(60), interval: Duration::from_secs(10), probes: 3 };
    let scenario = plain(12).writes(Side::A, 1000);
    let mut sim = scenario.config(Side::A, |config| config.keep_alive = Some(keep_alive)).start();
    // Three times as long as it is patient: a peer that answers is not lost.
    sim.run_until(Time::from_secs(300));
    assert_eq!(sim.host(Side::A).connection.state(), TcpState::Established);
    sim.plan(Time::from_secs(300), Happening::PowerOff(Side::B));
    sim.run_until(Time::from_secs(300 + 60 + 40));
    assert_eq!(sim.host(Side::A).connection.state(), TcpState::Closed, "{:?}", sim.host(Side::A).events);
}

/// Octets a second of a long transfer at 1 % loss and a round trip of 50 ms.
fn goodput(seed: u64, congestion: CongestionAlgorithm) -> f64 {
    let count_octets = 3_000_000;
    let scenario = both(upload(plain(seed), count_octets), |config| {
        config.congestion = congestion;
        config.receive_buffer_octets = 1 << 20;
        config.send_buffer_octets = 1 << 20;
        config.window_scale = Some(7);
    });
    let scenario = scenario.delay(Duration::from_millis(25), Duration::ZERO);
    let sim = finish(scenario.path(Side::A, |path| path.loss_per_mille = 10));
    let took = read_all_at(&sim, Side::B).since(Time::ZERO);
    f64::from(u32::try_from(count_octets).expect("small")) / took.as_secs_f64()
}

#[test]
fn goodput_at_one_percent_loss_is_above_half_of_what_the_formula_says() {
    // Mathis, Semke, Mahdavi, Ott: "The Macroscopic Behavior of the TCP Congestion Avoidance Algorithm" (1997): MSS / RTT
    // * C / sqrt(p); C is 0.94 with delayed acknowledgments and random loss.
    let formula = 1448.0 / 0.05 * 0.94 / 0.01_f64.sqrt();
    for congestion in [CongestionAlgorithm::NewReno, CongestionAlgorithm::Cubic] {
        let rates: Vec<f64> = (0..3).map(|seed| goodput(100 + seed, congestion)).collect();
        let slowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(slowest > formula / 2.0, "{congestion:?}: {rates:?} octets/s, the formula says {formula}");
    }
}
