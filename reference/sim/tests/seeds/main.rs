//! Ten thousand transfers, each as its seed decides: the network loses, damages, doubles and reorders; windows, buffers
//! and segments go down to single octets; the ends differ in their options; sequence numbers wrap. Every octet arrives
//! once, in order, both ways, and both ends finish.
//!
//! Seeds that ever failed stand in `tests/seeds.txt` and are replayed first.

mod draw;

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io::Write;
use std::sync::Mutex;

use hiatus_engine::{CloseReason, Event, TcpState, Time};
use hiatus_sim::{Side, Sim};

/// What one run of the test draws, unless the environment variable says `FIRST..END`. One seed alone prints its trace.
const SEEDS: Range<u64> = 0..10_000;
const SEEDS_VARIABLE: &str = "HIATUS_SEEDS";
/// Seeds that failed once: seed, commit, what it was.
const KEPT: &str = include_str!("../seeds.txt");
/// A path that loses every n-th segment may fall in step with a sender for ever: it does so no longer than this.
const IN_STEP_MAX: Time = Time::from_secs(3600);
/// Long enough for a transfer of single octets over the worst network here, and for a hold of a day.
const LIMIT: Time = Time::from_secs(48 * 3600);
/// More than any honest transfer here takes: beyond them two ends answer each other for ever.
const FRAMES_MAX: usize = 20_000;
/// Seeds between two lines of progress.
const PROGRESS_EVERY: u64 = 1000;
/// Failures that are told one by one.
const TOLD_MAX: usize = 20;

const SIDES: [Side; 2] = [Side::A, Side::B];

/// Both ends are closed, and a slow reader has read all the same what came.
fn is_over(sim: &Sim) -> bool {
    SIDES.iter().all(|side| {
        let connection = &sim.host(*side).connection;
        connection.state() == TcpState::Closed && connection.readable_octets() == 0
    })
}

/// What is wrong with the transfer of `seed`, if anything.
fn run(seed: u64) -> Result<Sim, (String, Box<Sim>)> {
    let mut sim = draw::scenario(seed).start();
    let goes_on = |sim: &Sim| !is_over(sim) && sim.trace().len() < FRAMES_MAX;
    sim.run_while(IN_STEP_MAX, goes_on);
    for side in SIDES {
        sim.path_mut(side).loses_every = None;
    }
    sim.run_while(LIMIT, goes_on);
    match judge(&sim) {
        Ok(()) => Ok(sim),
        Err(what) => Err((what, Box::new(sim))),
    }
}

fn judge(sim: &Sim) -> Result<(), String> {
    for side in SIDES {
        let (host, peer) = (sim.host(side), sim.host(side.peer()));
        let (read, written) = (host.received.len(), peer.outgoing().len());
        if !peer.outgoing().starts_with(&host.received) {
            return Err(format!("{side:?} read what was not written"));
        }
        if sim.trace().len() >= FRAMES_MAX {
            return Err(format!("{FRAMES_MAX} segments at {}; {side:?} read {read} of {written}", sim.now()));
        }
        let reason = host.events.iter().find_map(|(_, event)| match event {
            Event::Closed { reason } => Some(*reason),
            _ => None,
        });
        match reason {
            None => {
                let state = host.connection.state();
                return Err(format!("{side:?} hangs in {state} after {read} of {written} octets"));
            }
            Some(CloseReason::Finished) if read == written => {}
            // The last ACKs were lost, the peer went through TIME-WAIT, and its RST was taken for an absence.
            Some(CloseReason::HoldOver) if read == written && host.has_seen(Event::HiatusOn) => {}
            Some(reason) => {
                return Err(format!("{side:?} ended with {reason:?} after {read} of {written} octets"));
            }
        }
    }
    Ok(())
}

/// A run of one seed, a panic of the engine or of the simulation included.
fn run_caught(seed: u64) -> Result<Sim, String> {
    match std::panic::catch_unwind(|| run(seed)) {
        Ok(Ok(sim)) => Ok(sim),
        Ok(Err((what, _))) => Err(what),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("panic: {}", text.unwrap_or_default()))
        }
    }
}

fn replay_command(seed: u64) -> String {
    format!("{SEEDS_VARIABLE}={seed}..{} cargo test -p hiatus-sim --test seeds", seed + 1)
}

fn seeds() -> Range<u64> {
    let Ok(range) = std::env::var(SEEDS_VARIABLE) else { return SEEDS };
    let (first, end) = range.split_once("..").expect("FIRST..END");
    first.parse().expect("a number")..end.parse().expect("a number")
}

/// The first column of every line that is not a comment.
fn kept_seeds() -> Vec<u64> {
    let lines = KEPT.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split_whitespace().next().and_then(|seed| seed.parse().ok()).expect("a seed first"))
        .collect()
}

/// Tells of progress past the test harness, which keeps what `eprintln!` writes.
fn tell(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

/// What all the runs of a test did, so that it can be seen that they did something.
#[derive(Default)]
struct Tally {
    lost: u64,
    damaged: u64,
    unseen_damage: u64,
    doubled: u64,
    wrapped: u64,
    segments: u64,
    longest: Time,
}

impl Tally {
    fn add(&mut self, sim: &Sim) {
        use hiatus_sim::Fate;
        for frame in sim.trace() {
            match frame.fate {
                Fate::Lost => self.lost += 1,
                Fate::Damaged { .. } => self.damaged += 1,
                Fate::Duplicated { .. } => self.doubled += 1,
                Fate::Delivered { .. } => {}
            }
        }
        self.unseen_damage += u64::from(sim.unseen_damage_count());
        self.segments += u64::try_from(sim.trace().len()).expect("fits");
        self.wrapped += u64::from(SIDES.iter().any(|side| has_wrapped(sim, *side)));
        self.longest = self.longest.max(sim.now());
    }
}

/// Sequence numbers of `side` went from the last quarter of the space to the first one.
fn has_wrapped(sim: &Sim, side: Side) -> bool {
    let numbers = || {
        let own = sim.trace().iter().filter(move |frame| frame.from == side);
        own.filter_map(|frame| frame.segment().ok()).map(|segment| segment.seq.0 >> 30)
    };
    numbers().next() == Some(3) && numbers().any(|quarter| quarter == 0)
}

#[test]
fn seeds_that_failed_once_pass() {
    for seed in kept_seeds() {
        if let Err(what) = run_caught(seed) {
            panic!("seed {seed} fails again: {what}\n{}", replay_command(seed));
        }
    }
}

#[test]
fn every_transfer_is_exact_and_ends() {
    let seeds = seeds();
    if seeds.end - seeds.start == 1 {
        return tell_one(seeds.start);
    }
    let next = AtomicU64::new(seeds.start);
    let wrong = Mutex::new(Vec::new());
    let tally = Mutex::new(Tally::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    match run_caught(seed) {
                        Ok(sim) => tally.lock().expect("no thread panics").add(&sim),
                        Err(what) => wrong.lock().expect("no thread panics").push((seed, what)),
                    }
                    if (seed + 1).is_multiple_of(PROGRESS_EVERY) {
                        tell(&format!("seeds: {} of {}", seed + 1 - seeds.start, seeds.end - seeds.start));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("no thread panics");
    wrong.sort();
    let tally = tally.into_inner().expect("no thread panics");
    tell(&format!(
        "seeds: {} segments, {} lost, {} damaged (checksum right all the same: {}), {} doubled; numbers wrapped in {} \
         runs; longest {}",
        tally.segments,
        tally.lost,
        tally.damaged,
        tally.unseen_damage,
        tally.doubled,
        tally.wrapped,
        Duration::from_micros(tally.longest.micros()).as_secs()
    ));
    let told: Vec<String> = wrong
        .iter()
        .take(TOLD_MAX)
        .map(|(seed, what)| format!("seed {seed}: {what}\n  {}", replay_command(*seed)))
        .collect();
    assert!(wrong.is_empty(), "{} transfers went wrong:\n{}", wrong.len(), told.join("\n"));
    // Otherwise the test would not have tested what it says.
    let count = seeds.end - seeds.start;
    assert!(tally.wrapped * 10 >= count, "numbers wrapped in {} of {count} runs", tally.wrapped);
    assert!(tally.lost > count && tally.damaged > count / 2, "the network was too good");
}

/// One seed, with its trace.
fn tell_one(seed: u64) {
    match run(seed) {
        Ok(sim) => tell(&format!("seed {seed}: all well, {} segments", sim.trace().len())),
        Err((what, sim)) => {
            tell(&format!("{:#?}", draw::scenario(seed)));
            for frame in sim.trace() {
                tell(&frame.to_string());
            }
            panic!("seed {seed}: {what}");
        }
    }
}
