//! What it costs to save held connections and to bring them back: thread CPU time, in memory, queues empty.
//!
//! `cargo xtask bench engine-snapshots`. Prints one line a figure, as xtask reads it: group with its unit, contender, figure.
//! The peer is bare TCP_REPAIR of Linux 6.18 on loopback, quoted and not run here: it takes privileges, and dump and restore
//! of 1000 sockets with empty queues took 4.3 and 8.2 microseconds each (median of three runs), of which the system calls are
//! the most. An argument in digits is the number of connections in place of a million.

#[allow(dead_code, reason = "other benches use the rest")]
mod ours;
#[allow(dead_code, reason = "other benches use the rest")]
mod ring;
#[path = "../../../../codec/benches/parse/thread_time.rs"]
#[allow(dead_code, reason = "other benches use the rest")]
mod thread_time;
#[allow(dead_code, reason = "other benches use the rest")]
mod work;

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::Measurement;
use hiatus_engine::{
    Config, Connection, Endpoint, EndpointLimits, EndpointSecrets, Placed, Restoration, Saved, Time,
};

use crate::thread_time::ThreadTime;

/// Connections that are saved and restored.
const COUNT: usize = 1_000_000;
/// Octets of a record with empty queues, and some to spare.
const RECORD_OCTETS: usize = 256;
/// How often everything is measured; the median counts.
const ROUNDS: usize = 5;
/// One of so many connections is touched before a snapshot of what changed.
const TOUCHED_OF: usize = 100;
const TCP_REPAIR: &str = "TCP_REPAIR, quoted";
const TCP_REPAIR_DUMP_NS: f64 = 4_300.0;
const TCP_REPAIR_RESTORE_NS: f64 = 8_200.0;
const OURS: &str = "ours";
/// The clock at the snapshot, later than all that happened before.
const TAKEN: Time = Time::from_secs(100_000);

/// Records one after the other, and where each ends: a store in memory.
struct Image {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

impl Image {
    fn with_room(count: usize) -> Self {
        Self { octets: Vec::with_capacity(count * RECORD_OCTETS), ends: Vec::with_capacity(count) }
    }

    fn push(&mut self, record: &[u8]) {
        self.octets.extend_from_slice(record);
        self.ends.push(self.octets.len());
    }

    fn records(&self) -> impl Iterator<Item = &[u8]> {
        let starts = core::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).filter_map(|(start, end)| self.octets.get(*start..*end))
    }
}

fn main() {
    let count = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(COUNT);
    let config = ours::older_config();
    let mut pair = ours::Pair::ordinary(config);
    let clients = pair.add_idle(count);
    pair.make_clients_durable();
    pair.suspend(&clients);
    pair.rest();
    let server = pair.into_server();
    let mut figures = Figures::default();
    for _ in 0..ROUNDS {
        round(&mut figures, &server, &config, count);
    }
    figures.print(count);
    one_at_a_time(&server, &config);
}

/// Medians of what the rounds took, per connection, in nanoseconds.
#[derive(Default)]
struct Figures {
    save: Vec<f64>,
    nothing: Vec<f64>,
    restore: Vec<f64>,
    resume: Vec<f64>,
}

impl Figures {
    fn print(&self, count: usize) {
        let all = as_f64(count) / 1e6;
        let (save, restore) = (median(&self.save), median(&self.restore));
        line("endpoint snapshot, held [ns per connection]", OURS, save);
        line("endpoint snapshot, held [ns per connection]", TCP_REPAIR, TCP_REPAIR_DUMP_NS);
        line("endpoint restore, held [ns per connection]", OURS, restore);
        line("endpoint restore, held [ns per connection]", TCP_REPAIR, TCP_REPAIR_RESTORE_NS);
        line("endpoint snapshot, all held [ms]", OURS, save * all);
        line("endpoint restore, all held [ms]", OURS, restore * all);
        line("endpoint snapshot, nothing changed [us]", OURS, median(&self.nothing) * as_f64(count) / 1e3);
        line("endpoint unpacked and RESUME sent [ns per connection]", OURS, median(&self.resume));
    }
}

fn line(group: &str, contender: &str, figure: f64) {
    println!("{group}\t{contender}\t{figure:.3}");
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("below 4 billion"))
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// What `act` took, for each of `count`.
fn per(count: usize, act: impl FnOnce()) -> f64 {
    let start = ThreadTime.start();
    act();
    let took: Duration = ThreadTime.end(start);
    took.as_secs_f64() * 1e9 / as_f64(count)
}

fn round(figures: &mut Figures, server: &Endpoint, config: &Config, count: usize) {
    let mut server = server.clone();
    let mut image = Image::with_room(count);
    // The memory is there, as in a host that takes one snapshot after the other.
    image.octets.resize(count * RECORD_OCTETS, 1);
    image.octets.clear();
    figures.save.push(per(count, || {
        server.snapshot_taken(TAKEN, 1, |saved| {
            if let Saved::Connection { record, .. } = saved {
                image.push(record);
            }
        });
    }));
    assert_eq!(image.ends.len(), count);
    figures.nothing.push(per(count, || {
        server.snapshot_taken(TAKEN, 2, |_| panic!("nothing happened"));
    }));
    drop(server);
    let life = Restoration { incarnation: 1, instance: [9; 16], tsval_ceiling: 1 << 30, taken: TAKEN };
    let limits = EndpointLimits { resumes_per_second: u32::MAX, ..EndpointLimits::default() };
    let secrets = EndpointSecrets { host: [3; 16], instance: [4; 16] };
    let mut restored = Endpoint::restoring(secrets, limits);
    let mut kept = 0;
    figures.restore.push(per(count, || {
        let records = Sized { records: image.records().map(|record| (config, record)), count };
        let placed = |found: Placed| kept += usize::from(matches!(found, Placed::Kept(_)));
        restored.restore(Time::ZERO, &life, records, placed).expect("every record is whole");
    }));
    assert_eq!(kept, count);
    let mut buffer = [0; 1500];
    let mut sent = 0;
    let now = Time::from_secs(1);
    figures.resume.push(per(count, || {
        while restored.returning() > 0 {
            restored.handle_timeout(now);
            while restored.poll_packet(now, &mut buffer).is_some() {
                sent += 1;
            }
        }
    }));
    assert_eq!(sent, count);
}

/// Records whose number the store knows.
struct Sized<I> {
    records: I,
    count: usize,
}

impl<I: Iterator> Iterator for Sized<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<Self::Item> {
        self.records.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, None)
    }
}

/// One connection after the other, as an owner without an endpoint has it.
fn one_at_a_time(server: &Endpoint, config: &Config) {
    let mut server = server.clone();
    let mut records = Vec::new();
    server.snapshot_taken(TAKEN, 1, |saved| {
        if let Saved::Connection { record, .. } = saved
            && records.len() < COUNT / TOUCHED_OF
        {
            records.push(record.to_vec());
        }
    });
    let count = records.len();
    let mut connections = Vec::with_capacity(count);
    let from = per(count, || {
        let back = records.iter().map(|record| Connection::from_record(TAKEN, config, record));
        connections.extend(back.map(|back| back.expect("the record is whole")));
    });
    let to = per(count, || {
        for connection in &connections {
            black_box(connection.to_record(TAKEN));
        }
    });
    line("connection to record [ns per connection]", OURS, to);
    line("connection to record [ns per connection]", TCP_REPAIR, TCP_REPAIR_DUMP_NS);
    line("connection from record [ns per connection]", OURS, from);
    line("connection from record [ns per connection]", TCP_REPAIR, TCP_REPAIR_RESTORE_NS);
}
