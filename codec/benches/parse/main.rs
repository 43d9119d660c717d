//! The codec against a hand-written loop, etherparse and smoltcp: same headers, same result, one run.
//!
//! `cargo xtask bench parse` runs it several times and prints ratios. Beside Criterion's own arguments it knows
//! `--count-list` and `--count GROUP CONTENDER PASSES`, with which xtask counts instructions under valgrind.
//!
//! Before anything is timed, every contender's result is compared with the hand-written loop's for every header.

mod emit;
mod hand;
mod mix;
mod ours;
mod peers;
mod seen;
mod thread_time;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};

use crate::mix::Header;
use crate::seen::Seen;
use crate::thread_time::ThreadTime;

type Parse = for<'a> fn(&'a [u8]) -> Seen<'a>;
type Emit = fn(&Seen<'_>, &mut [u8; 60]) -> usize;

/// One way of doing a group's work.
struct Contender<F> {
    name: &'static str,
    run: F,
}

/// Group names carry the unit of one element in brackets; xtask reads it there.
const HEADER_GROUP: &str = "codec parse header and options [ns per header]";
const WALK_GROUP: &str = "codec walk options one by one [ns per header]";
const EMIT_GROUP: &str = "codec emit header and options [ns per header]";

const HEADER: [Contender<Parse>; 5] = [
    Contender { name: "ours", run: ours::header_and_options },
    Contender { name: "hand", run: hand::header_and_options },
    Contender { name: "hand-shortcut", run: hand::header_and_options_with_shortcut },
    Contender { name: "etherparse", run: peers::etherparse_header_and_options },
    Contender { name: "smoltcp", run: peers::smoltcp_header_and_options },
];
const WALK: [Contender<Parse>; 4] = [
    Contender { name: "ours", run: ours::walk },
    Contender { name: "hand", run: hand::walk },
    Contender { name: "etherparse", run: peers::etherparse_walk },
    Contender { name: "smoltcp", run: peers::smoltcp_walk },
];
const EMIT: [Contender<Emit>; 4] = [
    Contender { name: "ours", run: emit::ours },
    Contender { name: "hand", run: emit::hand },
    Contender { name: "etherparse", run: emit::etherparse },
    Contender { name: "smoltcp", run: emit::smoltcp },
];

fn main() {
    let headers = mix::headers();
    agree(&headers);
    let arguments: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.get(1..).unwrap_or_default() {
        ["--count-list", ..] => count_list(&headers),
        ["--count", group, contender, passes, ..] => count(&headers, group, contender, passes),
        _ => criterion(&headers),
    }
}

/// Every contender must do the same work: a fast wrong answer is no answer.
fn agree(headers: &[Header]) {
    for header in headers {
        let octets = header.octets();
        for (group, expected) in [(&HEADER[..], HEADER[1].run), (&WALK[..], WALK[1].run)] {
            let expected = expected(octets);
            for contender in group {
                let found = (contender.run)(octets);
                // etherparse's iterator ends at kind 253: the one thing that it cannot see.
                let expected =
                    if contender.name == "etherparse" { expected.without_experiment() } else { expected };
                assert_eq!(found, expected, "{}", contender.name);
            }
        }
    }
    for wanted in wanted(headers) {
        for contender in &EMIT {
            let mut out = [0; 60];
            let len = (contender.run)(&wanted, &mut out);
            let found = hand::header_and_options(out.get(..len).unwrap_or_default());
            assert_eq!(found, wanted, "{}", contender.name);
        }
    }
}

fn criterion(headers: &[Header]) {
    // Short, because xtask runs it several times: neighbours on the machine then disturb all contenders alike.
    let mut criterion = Criterion::default()
        .with_measurement(ThreadTime)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(400))
        .sample_size(20)
        .without_plots()
        .configure_from_args();
    let throughput = Throughput::Elements(u64::try_from(headers.len()).unwrap_or(u64::MAX));
    for (name, contenders) in [(HEADER_GROUP, &HEADER[..]), (WALK_GROUP, &WALK[..])] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(throughput.clone());
        for contender in contenders {
            group
                .bench_function(contender.name, |bencher| bencher.iter(|| parse_all(headers, contender.run)));
        }
    }
    let wanted = wanted(headers);
    let mut group = criterion.benchmark_group(EMIT_GROUP);
    group.throughput(Throughput::Elements(u64::try_from(wanted.len()).unwrap_or(u64::MAX)));
    for contender in &EMIT {
        group.bench_function(contender.name, |bencher| bencher.iter(|| emit_all(&wanted, contender.run)));
    }
    group.finish();
    criterion.final_summary();
}

/// What the emit group writes: the headers that all contenders can express.
fn wanted(headers: &[Header]) -> Vec<Seen<'_>> {
    let seen = headers.iter().map(|header| hand::header_and_options(header.octets()));
    seen.filter(|seen| seen.experiment.is_none()).collect()
}

fn parse_all(headers: &[Header], parse: Parse) {
    for header in headers {
        black_box(&parse(black_box(header.octets())));
    }
}

fn emit_all(wanted: &[Seen<'_>], emit: Emit) {
    let mut out = [0; 60];
    for seen in wanted {
        black_box(emit(black_box(seen), &mut out));
        black_box(&out);
    }
}

fn count_list(headers: &[Header]) {
    for (group, contenders) in [(HEADER_GROUP, &HEADER[..]), (WALK_GROUP, &WALK[..])] {
        for contender in contenders {
            println!("{group}\t{}\t{}", contender.name, headers.len());
        }
    }
    for contender in &EMIT {
        println!("{EMIT_GROUP}\t{}\t{}", contender.name, wanted(headers).len());
    }
}

fn count(headers: &[Header], group: &str, name: &str, passes: &str) {
    let passes: u32 = passes.parse().expect("PASSES is a number");
    let parsers = if group == HEADER_GROUP { &HEADER[..] } else { &WALK[..] };
    let wanted = wanted(headers);
    for _ in 0..passes {
        if group == EMIT_GROUP {
            let contender = EMIT.iter().find(|contender| contender.name == name);
            emit_all(&wanted, contender.expect("CONTENDER is in the list").run);
        } else {
            let contender = parsers.iter().find(|contender| contender.name == name);
            parse_all(headers, contender.expect("CONTENDER is in the list").run);
        }
    }
}
