//! Whatever the network drops, doubles, delays and repeats, and whenever either end goes away: nothing is lost, doubled
//! or invented, and once all is well again both ends finish.

use core::ops::Range;
use core::time::Duration;

use hiatus_codec::{HoldTime, SequenceNumber};
use hiatus_engine::{CloseReason, Command, Config, Event, FallbackReason, TcpState, Time};
use hiatus_sim::{Dice, Happening, Reader, Scenario, Side, Sim};

/// Histories of one run of the test, among them the first that went wrong. The environment variable
/// [`SEEDS_VARIABLE`], as `FIRST..END`, explores others.
const SEEDS: Range<u64> = 7000..10_000;
const SEEDS_VARIABLE: &str = "HIATUS_ADVERSITY_SEEDS";
/// All is well from then on.
const HORIZON: Duration = Duration::from_secs(900);
/// Long enough for every timer but the hold of a day.
const PATIENCE: Duration = Duration::from_secs(12 * 3600);
/// More segments than any honest history here takes: beyond them two ends answer each other for ever.
const FRAMES_MAX: usize = 50_000;
/// Things that happen before all is well.
const HAPPENINGS_MAX: u64 = 12;

const SIDES: [Side; 2] = [Side::A, Side::B];

/// A network, two applications and their buffers, as the seed has it.
fn scenario(seed: u64, dice: &mut Dice) -> Scenario {
    let mut scenario = Scenario::new(seed);
    for side in SIDES {
        let isn = match dice.below(6) {
            0 => 0,
            1 => u32::MAX,
            2 => 0x7fff_ffff,
            3 => u32::MAX - 5000,
            _ => u32::try_from(dice.below(1 << 32)).expect("32 bits"),
        };
        let bits = dice.below(16);
        let octets = usize::try_from(dice.below(1 << bits)).expect("small");
        let buffer_octets = u32::try_from(500 + dice.below(8000)).expect("small");
        let mss_octets = u16::try_from(100 + dice.below(1400)).expect("small");
        scenario = scenario
            .isn(side, SequenceNumber(isn))
            .writes(side, octets)
            .config(side, |config: &mut Config| {
                config.receive_buffer_octets = buffer_octets;
                config.send_buffer_octets = 4 * buffer_octets;
                config.mss_octets = mss_octets;
            })
            .path(side, |path| {
                path.loss_per_mille = u16::try_from(dice.below(4) * 100).expect("small");
                path.duplicates_per_mille = u16::try_from(dice.below(3) * 150).expect("small");
                path.delay = dice.duration_up_to(Duration::from_millis(200));
                path.jitter = dice.duration_up_to(Duration::from_millis(500));
            });
        if dice.one_in(2) {
            scenario = scenario.closes(side);
        }
    }
    scenario
}

fn any_side(dice: &mut Dice) -> Side {
    if dice.one_in(2) { Side::A } else { Side::B }
}

/// An absence, announced or not, or a reader that pauses.
fn happens(dice: &mut Dice, mut scenario: Scenario) -> Scenario {
    let mut at = Time::ZERO;
    for _ in 0..dice.below(HAPPENINGS_MAX) {
        at = at + dice.duration_up_to(Duration::from_secs(120));
        let side = any_side(dice);
        let until = at + dice.duration_up_to(Duration::from_secs(400));
        let suspend = Command::Suspend { expected_absence: HoldTime::NONE };
        scenario = match dice.below(5) {
            0 | 1 => scenario.suspends(side, at, until.since(at)),
            2 => scenario.loses_power(side, at, until.since(at)),
            // Leaving is cancelled.
            3 => scenario
                .plan(at, Happening::Command(side, suspend))
                .plan(until, Happening::PowerOn(side))
                .plan(
                    at + dice.duration_up_to(Duration::from_secs(1)),
                    Happening::Command(side, Command::Resume),
                ),
            _ => scenario
                .plan(at, Happening::Reader(side, Reader::Pauses))
                .plan(until, Happening::Reader(side, Reader::Reads)),
        };
    }
    scenario
}

/// Someone repeats segments that were sent long ago.
fn replay(dice: &mut Dice, sim: &mut Sim) {
    if sim.trace().is_empty() {
        return;
    }
    for _ in 0..dice.below(4) {
        let length = u64::try_from(sim.trace().len()).expect("fits");
        let index = usize::try_from(dice.below(length)).expect("fits");
        let frame = sim.trace()[index].clone();
        sim.plan(
            sim.now(),
            Happening::Arrival { at: frame.from.peer(), octets: frame.octets, ecn: frame.ecn },
        );
    }
}

fn is_over(sim: &Sim) -> bool {
    SIDES.iter().all(|side| sim.host(*side).connection.state() == TcpState::Closed)
}

fn run(seed: u64) -> Sim {
    let mut dice = Dice::new(seed, 1);
    let plain = scenario(seed, &mut dice);
    let mut sim = happens(&mut dice, plain).start();
    let end = Time::ZERO + HORIZON;
    while sim.now() < end {
        let next = sim.now() + dice.duration_up_to(Duration::from_secs(60)) + Duration::from_millis(1);
        sim.run_while(next, |sim| sim.trace().len() < FRAMES_MAX);
        replay(&mut dice, &mut sim);
    }
    for side in SIDES {
        let path = sim.path_mut(side);
        (path.loss_per_mille, path.duplicates_per_mille) = (0, 0);
        sim.plan(end, Happening::PowerOn(side));
        sim.plan(end, Happening::Reader(side, Reader::Reads));
        sim.close_after_writing(side);
    }
    sim.run_while(end + PATIENCE, |sim| !is_over(sim) && sim.trace().len() < FRAMES_MAX);
    sim
}

/// Why `side` ended.
fn reason(sim: &Sim, side: Side) -> Option<CloseReason> {
    sim.host(side).events.iter().find_map(|(_, event)| match event {
        Event::Closed { reason } => Some(*reason),
        _ => None,
    })
}

/// What is wrong with a history, if anything.
fn judge(sim: &Sim) -> Result<(), String> {
    if sim.trace().len() >= FRAMES_MAX {
        return Err(format!("{FRAMES_MAX} segments at {}", sim.now()));
    }
    let fell_back = Event::FellBack { reason: FallbackReason::ResumeMetPlain };
    let hosts = SIDES.map(|side| sim.host(side));
    let stayed_on = hosts.iter().all(|host| host.has_seen(Event::HiatusOn) && !host.has_seen(fell_back));
    for side in SIDES {
        let (host, peer) = (sim.host(side), sim.host(side.peer()));
        let (read, written) = (host.received.len(), peer.outgoing().len());
        if !peer.outgoing().starts_with(&host.received) {
            return Err(format!("{side:?} read what was not written"));
        }
        let Some(reason) = reason(sim, side) else {
            let connection = &host.connection;
            // Nothing came of a SYN that was repeated long after.
            if connection.state() == TcpState::Listen {
                continue;
            }
            let (state, own) = (connection.state(), connection.self_state());
            return Err(format!("{side:?} hangs in {state}, SELF {own}, PEER {}", connection.peer_state()));
        };
        // A plain connection does not outlive long absences.
        if !stayed_on {
            continue;
        }
        // An end that was away when the last ACK came may find that its peer is through TIME-WAIT and gone.
        if !matches!(reason, CloseReason::Finished | CloseReason::PeerHasNoState) {
            return Err(format!("{side:?} ended with {reason:?} after {read} of {written} octets"));
        }
        if read < written {
            return Err(format!("{side:?} read {read} of {written} octets"));
        }
    }
    Ok(())
}

fn seeds() -> Range<u64> {
    let Ok(range) = std::env::var(SEEDS_VARIABLE) else { return SEEDS };
    let (first, end) = range.split_once("..").expect("FIRST..END");
    first.parse().expect("a number")..end.parse().expect("a number")
}

#[test]
fn nothing_is_lost_doubled_or_invented_and_all_ends() {
    let mut on_count = 0;
    let mut wrong = Vec::new();
    let seeds = seeds();
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let sim = run(seed);
        on_count += u64::from(SIDES.iter().all(|side| sim.host(*side).has_seen(Event::HiatusOn)));
        wrong.extend(judge(&sim).err().map(|what| format!("seed {seed}: {what}")));
    }
    assert!(wrong.is_empty(), "{} histories went wrong:\n{}", wrong.len(), wrong.join("\n"));
    // Otherwise the test would not have tested what it says.
    assert!(on_count * 10 >= count * 7, "Hiatus was on in {on_count} of {count} histories");
}
