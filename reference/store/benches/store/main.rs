//! The store against the disk itself: the same octets written one behind the other to a file, and synced.
//!
//! `cargo xtask bench store` runs it several times and prints ratios. Besides the raw file there is `rows`: the same redb
//! with a row for each record, which is what the store would be without segments. Files are read back from the cache of
//! the system, as far as it holds them. Nothing here can be counted in instructions.

mod raw;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::measurement::{Measurement, WallTime};
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use hiatus_store::{Epoch, EpochId, RecordId, Store, Taker};

/// Connections of a large host.
const RECORDS: u64 = 1_000_000;
/// A connection with empty queues, about.
const RECORD_OCTETS: usize = 300;
/// What changes when one in a hundred does.
const CHANGED: u64 = RECORDS / 100;
/// Steps from one changed record to the next: a prime, so that they lie apart and others change each time.
const STRIDE: u64 = 611_953;

fn main() {
    if std::env::args().any(|argument| argument.starts_with("--count")) {
        // For xtask: there is nothing to count.
        return;
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(1))
        .measurement_time(Duration::from_secs(1))
        .sample_size(10)
        .without_plots()
        .configure_from_args();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("store-bench");
    fs::create_dir_all(&folder).expect("the folder can be made");
    take(&mut criterion);
    whole(&mut criterion, &folder);
    changes(&mut criterion, &folder, CHANGED, "store commit 1 % of 1M [ns per record]");
    changes(&mut criterion, &folder, 1, "store commit 1 of 1M [ns per record]");
    load(&mut criterion, &folder);
    fs::remove_dir_all(&folder).expect("the folder can be removed");
    criterion.final_summary();
}

/// What is in a record, different in each and at each time.
fn record(id: u64, time: u64) -> [u8; RECORD_OCTETS] {
    let mut octets = [0; RECORD_OCTETS];
    let mut state = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ time;
    for eight in octets.chunks_mut(8) {
        state = state.wrapping_mul(0xd128_3af5_c1a3_5e2d).wrapping_add(1);
        eight.copy_from_slice(&state.to_le_bytes()[..eight.len()]);
    }
    octets
}

/// Which records change at a time.
fn changed(count: u64, time: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |index| (time * count + index) * STRIDE % RECORDS)
}

fn taken(taker: &mut Taker, number: u32, ids: impl Iterator<Item = u64>) -> Epoch {
    let mut epoch = taker.begin(EpochId { incarnation: 0, number }).expect("epochs rise");
    for id in ids {
        epoch.put(RecordId(id), &record(id, number.into())).expect("it is short");
    }
    epoch
}

fn group<'a>(criterion: &'a mut Criterion, name: &str, elements: u64) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(elements)).sampling_mode(SamplingMode::Flat);
    group
}

const MEGABYTES: u64 = RECORDS * RECORD_OCTETS as u64 / 1_000_000;

/// What a host pays at the instant of an epoch: the octets are copied once, here beside a copy into one buffer.
fn take(criterion: &mut Criterion) {
    let records: Vec<_> = (0..CHANGED).map(|id| record(id, 0)).collect();
    let mut group = group(criterion, "store take [ns per record]", CHANGED);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("store-bench-take");
    let _ = fs::remove_file(&path);
    let taker = Store::create(&path).expect("it can be created").taker();
    group.bench_function("ours", |bencher| {
        bencher.iter(|| {
            let mut epoch =
                taker.clone().begin(EpochId { incarnation: 0, number: 1 }).expect("it is the first");
            for (id, record) in (0..).zip(&records) {
                epoch.put(RecordId(id), record).expect("it is short");
            }
            epoch
        });
    });
    group.bench_function("copy", |bencher| {
        bencher.iter(|| {
            let mut copy = Vec::new();
            records.iter().for_each(|record| copy.extend_from_slice(record));
            copy
        });
    });
    let _ = fs::remove_file(&path);
}

fn whole(criterion: &mut Criterion, folder: &Path) {
    let mut group = group(criterion, "store commit 1M [MB/s]", MEGABYTES);
    group.bench_function("ours", |bencher| {
        bencher.iter_custom(|times| {
            timed(times, |_| {
                let path = fresh(folder, "whole");
                let mut store = Store::create(path).expect("it can be created");
                let epoch = taken(&mut store.taker(), 1, 0..RECORDS);
                move || {
                    store.commit(&epoch).expect("the disk takes it");
                    (store, epoch)
                }
            })
        });
    });
    group.bench_function("raw", |bencher| {
        bencher.iter_custom(|times| {
            timed(times, |_| {
                let path = fresh(folder, "raw");
                let octets: Vec<u8> = (0..RECORDS).flat_map(|id| record(id, 1)).collect();
                move || {
                    raw::write(&path, &octets);
                    octets
                }
            })
        });
    });
    group.bench_function("rows", |bencher| {
        bencher.iter_custom(|times| {
            timed(times, |_| {
                let database = rows::create(&fresh(folder, "rows"));
                let records: Vec<_> = (0..RECORDS).map(|id| (id, record(id, 1))).collect();
                move || {
                    rows::commit(&database, &records);
                    (database, records)
                }
            })
        });
    });
}

fn changes(criterion: &mut Criterion, folder: &Path, count: u64, name: &str) {
    let mut group = group(criterion, name, count);
    let mut time = 1_u32;
    group.bench_function("ours", |bencher| {
        let mut store = Store::create(fresh(folder, "changes")).expect("it can be created");
        let mut taker = store.taker();
        time += 1;
        store.commit(&taken(&mut taker, time, 0..RECORDS)).expect("the disk takes it");
        bencher.iter_custom(|times| {
            let epochs: Vec<Epoch> = (0..times)
                .map(|_| {
                    time += 1;
                    taken(&mut taker, time, changed(count, time.into()))
                })
                .collect();
            let start = WallTime.start();
            epochs.iter().for_each(|epoch| store.commit(epoch).expect("the disk takes it"));
            WallTime.end(start)
        });
    });
    group.bench_function("raw", |bencher| {
        let path = fresh(folder, "raw");
        bencher.iter_custom(|times| {
            timed(times, |time| {
                let octets: Vec<u8> = changed(count, time).flat_map(|id| record(id, time)).collect();
                let path = path.clone();
                move || raw::append(&path, &octets)
            })
        });
    });
    group.bench_function("rows", |bencher| {
        let database = rows::create(&fresh(folder, "rows"));
        rows::commit(&database, &(0..RECORDS).map(|id| (id, record(id, 1))).collect::<Vec<_>>());
        bencher.iter_custom(|times| {
            timed(times, |time| {
                let records: Vec<_> = changed(count, time).map(|id| (id, record(id, time))).collect();
                let database = &database;
                move || rows::commit(database, &records)
            })
        });
    });
}

fn load(criterion: &mut Criterion, folder: &Path) {
    let mut group = group(criterion, "store restore 1M [MB/s]", MEGABYTES);
    let path = fresh(folder, "load");
    let mut store = Store::create(&path).expect("it can be created");
    store.commit(&taken(&mut store.taker(), 1, 0..RECORDS)).expect("the disk takes it");
    drop(store);
    group.bench_function("ours", |bencher| {
        bencher.iter_custom(|times| {
            timed(times, |_| {
                || {
                    let (store, image) = Store::restore(&path).expect("it is whole");
                    let octets: usize =
                        image.iter().flat_map(|image| image.records()).map(|(_, octets)| octets.len()).sum();
                    assert_eq!(octets, RECORD_OCTETS * usize::try_from(RECORDS).expect("it fits"));
                    (store, image)
                }
            })
        });
    });
    let path = fresh(folder, "raw");
    raw::write(&path, &(0..RECORDS).flat_map(|id| record(id, 1)).collect::<Vec<u8>>());
    group.bench_function("raw", |bencher| {
        bencher.iter_custom(|times| timed(times, |_| || fs::read(&path).expect("it is there")));
    });
}

/// Prepares, measures what was prepared, and tidies up, each time anew.
fn timed<T, R, W: FnOnce() -> R>(times: u64, mut prepare: impl FnMut(u64) -> W) -> T
where
    WallTime: Measurement<Value = T>,
{
    (0..times).fold(WallTime.zero(), |total, time| {
        let work = prepare(time);
        let start = WallTime.start();
        let rest = work();
        let took = WallTime.end(start);
        drop(rest);
        WallTime.add(&total, &took)
    })
}

/// A path at which nothing is.
fn fresh(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let _ = fs::remove_file(&path);
    path
}
