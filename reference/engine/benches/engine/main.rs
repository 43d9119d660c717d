//! The endpoint against smoltcp: both ends of a link in memory on one thread, same buffers, one run.
//!
//! `cargo xtask bench engine` runs it several times and prints ratios. Beside Criterion's own arguments it knows
//! `--count-list` and `--count GROUP CONTENDER PASSES`, with which xtask counts instructions under valgrind.
//!
//! What the peer is: smoltcp 0.14 as it comes, without congestion control, with Nagle's algorithm off and a device that
//! is a ring of 64 recycled buffers. It acknowledges once for all that it found in the ring; ours, every second segment,
//! unless a group says otherwise.
//! `cargo xtask bench engine-counts` prints how many segments of either kind that makes.

mod groups;
#[allow(dead_code, reason = "the bench that counts uses the rest")]
mod ours;
mod ring;
#[allow(dead_code, reason = "the bench that counts uses the rest")]
mod smol;
#[path = "../../../../codec/benches/parse/thread_time.rs"]
mod thread_time;
mod work;

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::Measurement;
use criterion::{Criterion, Throughput};

use crate::groups::{
    BULKS, BulkContender, CHURNS, COUNTED_OCTETS, CROWDS, ChurnContender, CrowdContender, Group,
};
use crate::thread_time::ThreadTime;
use crate::work::SEGMENT_OCTETS;

/// What one transfer of a bulk group carries, in megabytes of a million octets.
const TRANSFER_MB: usize = 4;
/// Carried before anything is measured, so that windows are open and buffers there.
const WARM_UP_OCTETS: usize = 16 << 20;
/// Segments that are made, then served, then tidied up.
const SERVED_AT_ONCE: usize = 32;
/// Steps from one connection of a crowd to the next: a prime, so that neighbours in memory are not next.
const STRIDE: usize = 7919;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.get(1..).unwrap_or_default() {
        ["--count-list", ..] => count_list(),
        ["--count", group, contender, passes, ..] => count(group, contender, passes),
        _ => criterion(),
    }
}

/// As much as one Criterion sample of these groups is to take. Short, because xtask runs everything several times.
fn criterion() {
    let mut criterion = Criterion::default()
        .with_measurement(ThreadTime)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .sample_size(15)
        .without_plots()
        .configure_from_args();
    for group in BULKS {
        bulk(&mut criterion, group);
    }
    for group in CHURNS {
        churn(&mut criterion, group);
    }
    for group in CROWDS {
        crowd(&mut criterion, group);
    }
    criterion.final_summary();
}

fn bulk(criterion: &mut Criterion<ThreadTime>, group: &Group<BulkContender>) {
    let mut measured = criterion.benchmark_group(format!("{} [MB/s]", group.name));
    measured.throughput(Throughput::Elements(u64::try_from(TRANSFER_MB).unwrap_or(u64::MAX)));
    for contender in group.contenders {
        measured.bench_function(contender.name, |bencher| {
            let mut transfer = (contender.new)(contender.bulk);
            transfer(WARM_UP_OCTETS);
            bencher.iter(|| transfer(TRANSFER_MB * 1_000_000));
        });
    }
}

fn churn(criterion: &mut Criterion<ThreadTime>, group: &Group<ChurnContender>) {
    let mut measured = criterion.benchmark_group(format!("{} [connections/s]", group.name));
    measured.throughput(Throughput::Elements(1));
    for contender in group.contenders {
        measured.bench_function(contender.name, |bencher| {
            let mut connect_and_close = (contender.new)(contender.idle_count);
            bencher.iter(&mut connect_and_close);
        });
    }
}

fn crowd(criterion: &mut Criterion<ThreadTime>, group: &Group<CrowdContender>) {
    let mut measured = criterion.benchmark_group(format!("{} [ns per segment]", group.name));
    measured.throughput(Throughput::Elements(1));
    for contender in group.contenders {
        measured.bench_function(contender.name, |bencher| {
            let mut crowd = (contender.new)(contender.count);
            let mut index = 0;
            bencher.iter_custom(|segments| {
                let mut took = ThreadTime.zero();
                let mut left = usize::try_from(segments).expect("it fits");
                while left > 0 {
                    let batch = left.min(SERVED_AT_ONCE);
                    for _ in 0..batch {
                        index += STRIDE;
                        crowd.send(index, &[7; SEGMENT_OCTETS]);
                    }
                    let start = ThreadTime.start();
                    crowd.serve();
                    took = ThreadTime.add(&took, &ThreadTime.end(start));
                    crowd.tidy();
                    left -= batch;
                }
                took
            });
        });
    }
}

/// Bulk groups only: what the others do is dominated by memory, which instructions do not show.
fn count_list() {
    for group in BULKS {
        for contender in group.contenders {
            println!("{}\t{}\t{}", counted_name(group), contender.name, COUNTED_OCTETS / 1000);
        }
    }
}

fn counted_name(group: &Group<BulkContender>) -> String {
    format!("{} [ns per 1000 octets]", group.name)
}

fn count(name: &str, contender: &str, passes: &str) {
    let passes: u32 = passes.parse().expect("PASSES is a number");
    let group = BULKS.iter().find(|group| counted_name(group) == name).expect("GROUP is in the list");
    let contender = group.contenders.iter().find(|found| found.name == contender);
    let contender = contender.expect("CONTENDER is in the list");
    let mut transfer = (contender.new)(contender.bulk);
    transfer(WARM_UP_OCTETS);
    for _ in 0..passes {
        transfer(black_box(COUNTED_OCTETS));
    }
}
