//! Random histories of take, commit, crash and restore, against a plain model.
//!
//! After any crash the state is exactly that of the last commit that returned `Ok`, or of the one under way; what a
//! restore gave stays, whatever happens next; incarnations never repeat, and no timestamp was above the ceiling.

use std::collections::VecDeque;
use std::ops::Range;

use hiatus_store::{BeginLifeError, Epoch, EpochId, Origin, Outside, Store, Taker};
use oorandom::Rand64;

use crate::disk::{Disk, Trouble};
use crate::model::Model;

const STEPS: u32 = 60;
/// Each fails with a chance below 7 in 8.
const RESTORES_MAX: u32 = 1000;

struct Host {
    random: Rand64,
    store_disk: Disk,
    outside_disk: Disk,
    /// `None` while the host is down.
    up: Option<Up>,
    /// What a restore may give: the last that was durable, and the one whose commit failed.
    allowed: Vec<Model>,
    /// Highest incarnation that was ever given out.
    incarnation: u32,
    /// Highest timestamp ever used.
    tsval: u32,
    seen: Seen,
}

struct Up {
    store: Store,
    outside: Outside,
    taker: Taker,
    now: Model,
    number: u32,
    waiting: VecDeque<(Epoch, Model)>,
}

/// How often each kind of thing happened.
#[derive(Debug, Default)]
struct Seen {
    commits: u32,
    commits_failed: u32,
    landed: u32,
    lost: u32,
    power_cuts: u32,
    deaths: u32,
    restores_failed: u32,
    lives: u32,
    lives_failed: u32,
}

impl Host {
    fn new(seed: u64) -> Self {
        let mut host = Self {
            random: Rand64::new(u128::from(seed)),
            store_disk: Disk::default(),
            outside_disk: Disk::default(),
            up: None,
            allowed: vec![Model::default()],
            incarnation: 0,
            tsval: 0,
            seen: Seen::default(),
        };
        let store = Store::create_on(host.store_disk.clone()).unwrap();
        let outside = Outside::create_on(host.outside_disk.clone()).unwrap();
        host.start(store, outside, Model::default());
        host
    }

    fn start(&mut self, store: Store, outside: Outside, now: Model) {
        assert_eq!(store.durable(), now.epoch);
        let taker = store.taker();
        self.up = Some(Up { store, outside, taker, now, number: 0, waiting: VecDeque::new() });
    }

    fn step(&mut self) {
        if self.up.is_none() {
            self.restore();
            return;
        }
        match self.random.rand_range(0..16) {
            0..6 => self.take(),
            6..12 => self.commit(),
            12..14 => self.use_timestamps(),
            _ => self.crash(),
        }
    }

    fn take(&mut self) {
        let Some(up) = &mut self.up else { return };
        up.number += 1;
        let id = EpochId { incarnation: self.incarnation, number: up.number };
        let is_whole = self.random.rand_range(0..12) == 0;
        let mut epoch = if is_whole { up.taker.begin_whole(id) } else { up.taker.begin(id) }.unwrap();
        if epoch.after().is_none() {
            up.now.put_all(&mut epoch);
        }
        for _ in 0..self.random.rand_range(0..12) {
            up.now.change(&mut epoch, &mut self.random);
        }
        up.now.epoch = Some(id);
        up.waiting.push_back((epoch, up.now.clone()));
    }

    fn commit(&mut self) {
        arm(&self.store_disk, &mut self.random, 40);
        let Some(up) = &mut self.up else { return };
        let Some((epoch, state)) = up.waiting.pop_front() else { return };
        match up.store.commit(&epoch) {
            Ok(()) => {
                self.seen.commits += 1;
                self.allowed = vec![state];
                self.store_disk.disarm();
            }
            Err(_) => {
                self.seen.commits_failed += 1;
                self.allowed.push(state);
                self.crash();
            }
        }
    }

    fn use_timestamps(&mut self) {
        arm(&self.outside_disk, &mut self.random, 60);
        let Some(up) = &mut self.up else { return };
        let tsval = up
            .outside
            .tsval_ceiling()
            .wrapping_sub(u32::try_from(self.random.rand_range(0..900_000)).unwrap());
        let result = up.outside.raise_tsval_ceiling(tsval);
        self.outside_disk.disarm();
        match result {
            Ok(_) => self.tsval = self.tsval.max(tsval),
            Err(_) => self.crash(),
        }
    }

    /// The machine or the process goes, with both files; each disk keeps what it keeps.
    fn crash(&mut self) {
        if self.random.rand_range(0..3) == 0 {
            self.seen.deaths += 1;
            self.store_disk = self.store_disk.after_process_death();
            self.outside_disk = self.outside_disk.after_process_death();
        } else {
            self.seen.power_cuts += 1;
            self.store_disk = self.store_disk.after_power_cut(&mut self.random);
            self.outside_disk = self.outside_disk.after_power_cut(&mut self.random);
        }
        // After the disks are off, so that nothing of the dead process reaches them.
        self.up = None;
    }

    fn restore(&mut self) {
        arm(&self.store_disk, &mut self.random, 30);
        let Ok((store, image)) = Store::restore_on(self.store_disk.clone()) else {
            self.seen.restores_failed += 1;
            self.crash();
            return;
        };
        self.store_disk.disarm();
        let found = Model::of(image.as_ref());
        assert!(self.allowed.contains(&found), "{:?} is none of {:?}", found.epoch, self.epochs());
        if self.allowed.len() > 1 {
            if Some(&found) == self.allowed.last() { self.seen.landed += 1 } else { self.seen.lost += 1 }
        }
        // What was given once is not taken back.
        self.allowed = vec![found.clone()];
        self.begin_life(store, found);
    }

    fn begin_life(&mut self, store: Store, found: Model) {
        arm(&self.outside_disk, &mut self.random, 50);
        let life = Outside::open_on(self.outside_disk.clone()).ok().and_then(|mut outside| {
            let ceiling = outside.tsval_ceiling();
            assert!(ceiling >= self.tsval, "timestamp {} was used, the ceiling is {ceiling}", self.tsval);
            assert!(outside.incarnation() >= self.incarnation);
            let origin = found.epoch.map_or(Origin::Nothing, Origin::Restored);
            match outside.begin_life(origin) {
                Ok(life) => Some((outside, life)),
                Err(BeginLifeError::Storage(_)) => None,
                Err(error) => panic!("{error}"),
            }
        });
        let Some((outside, life)) = life else {
            self.seen.lives_failed += 1;
            self.crash();
            return;
        };
        self.outside_disk.disarm();
        self.seen.lives += 1;
        assert!(life.incarnation > self.incarnation, "incarnation {} again", life.incarnation);
        assert!(life.tsval_ceiling >= self.tsval);
        self.incarnation = life.incarnation;
        self.start(store, outside, found);
    }

    fn epochs(&self) -> Vec<Option<EpochId>> {
        self.allowed.iter().map(|model| model.epoch).collect()
    }
}

/// Every second time, something is going to happen to the disk.
fn arm(disk: &Disk, random: &mut Rand64, operations: u64) {
    let trouble = match random.rand_range(0..8) {
        0 | 1 => Trouble::PowerCut,
        2 => Trouble::WriteError,
        3 => Trouble::SyncError,
        4 => Trouble::Full,
        _ => return disk.disarm(),
    };
    let most = if trouble == Trouble::SyncError { 4 } else { operations };
    disk.arm(random.rand_range(0..most), trouble);
}

fn run(seed: u64) -> Seen {
    let mut host = Host::new(seed);
    for _ in 0..STEPS {
        host.step();
    }
    for _ in 0..RESTORES_MAX {
        if host.up.is_none() {
            host.restore();
        }
    }
    assert!(host.up.is_some(), "not restored after {RESTORES_MAX} tries");
    host.seen
}

/// `HIATUS_STORE_SEEDS=a..b` runs others.
fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("HIATUS_STORE_SEEDS") else { return 0..1500 };
    let (first, end) = text.split_once("..").expect("HIATUS_STORE_SEEDS is a..b");
    first.parse().unwrap()..end.parse().unwrap()
}

impl std::ops::AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        let Self {
            commits,
            commits_failed,
            landed,
            lost,
            power_cuts,
            deaths,
            restores_failed,
            lives,
            lives_failed,
        } = other;
        self.commits += commits;
        self.commits_failed += commits_failed;
        self.landed += landed;
        self.lost += lost;
        self.power_cuts += power_cuts;
        self.deaths += deaths;
        self.restores_failed += restores_failed;
        self.lives += lives;
        self.lives_failed += lives_failed;
    }
}

#[test]
fn what_was_durable_is_there_after_any_crash() {
    let all = |seeds: std::iter::StepBy<Range<u64>>| {
        let mut total = Seen::default();
        for seed in seeds {
            total += std::panic::catch_unwind(|| run(seed)).unwrap_or_else(|_| panic!("seed {seed}"));
        }
        total
    };
    let mut total = Seen::default();
    std::thread::scope(|scope| {
        let Range { start, end } = seeds();
        let halves = [start, start + 1].map(|start| scope.spawn(move || all((start..end).step_by(2))));
        halves.into_iter().for_each(|half| total += half.join().expect("no seed fails"));
    });
    println!("{total:?}");
    // A test in which nothing breaks proves nothing.
    let Seen { landed, lost, power_cuts, deaths, restores_failed, lives_failed, .. } = total;
    assert!([landed, lost, power_cuts, deaths, restores_failed, lives_failed].iter().all(|count| *count > 0));
}
