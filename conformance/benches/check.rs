//! How fast the checker reads: packets per second over a generated capture.
//!
//! `HIATUS_BENCH_PACKETS` sets its size (200,000). It stays in the target directory, for other programs to be measured
//! on the same octets.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hiatus_conformance::capture::generate::{Mix, write_capture};
use hiatus_conformance::capture::{Found, Reader, find_segment};
use hiatus_conformance::check::check_path;

fn capture(packets: u64) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("check-{packets}.pcap"));
    let mut out = BufWriter::new(File::create(&path).expect("the target directory"));
    write_capture(&Mix { packets, ..Mix::default() }, &mut out).expect("room on the disk");
    path
}

fn check(criterion: &mut Criterion) {
    let packets = std::env::var("HIATUS_BENCH_PACKETS").ok().and_then(|text| text.parse().ok());
    let packets = packets.unwrap_or(200_000);
    let path = capture(packets);
    let mut group = criterion.benchmark_group("capture");
    group.throughput(Throughput::Elements(packets)).sample_size(10);
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            let mut reader = Reader::open(&path).expect("a capture");
            let mut octets = 0;
            while let Some(record) = reader.next_record() {
                if let Found::Segment(segment) = find_segment(record.link_type, record.octets) {
                    octets += u64::from(segment.data_octets);
                }
            }
            octets
        });
    });
    group.bench_function("check", |bencher| bencher.iter(|| check_path(&path).expect("a capture")));
    group.finish();
}

criterion_group!(benches, check);
criterion_main!(benches);
