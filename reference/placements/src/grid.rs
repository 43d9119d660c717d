//! Every placement under every condition, on all cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::measure::{Figure, Latency, Load, Transfer, run};
use crate::placement::{Conditions, Placement};

/// From one TAKEN to the next.
pub const INTERVALS_MS: [u64; 6] = [10, 50, 100, 1_000, 10_000, 100_000];
/// Megabits in a second.
pub const RATES_MBIT_S: [u64; 3] = [1, 10, 100];
/// There and back.
pub const RTTS_MS: [u64; 3] = [1, 20, 200];

/// What was measured of one placement under one condition. What is `None` ended before it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    #[serde(flatten)]
    pub placement: Placement,
    /// Where.
    #[serde(flatten)]
    pub conditions: Conditions,
    /// From TAKEN to DURABLE.
    pub durable_ms: u64,
    /// What the peer retains, or the host holds back, at most.
    pub limit_octets: u64,
    /// The peer sends as fast as it can.
    pub transfer_in: Option<Transfer>,
    /// The host does.
    pub transfer_out: Option<Transfer>,
    /// Messages of the peer.
    pub message_in: Option<Latency>,
    /// Messages of the host.
    pub message_out: Option<Latency>,
    /// From a question of the peer to its answer.
    pub question: Option<Latency>,
    /// The same of the host, one after the other.
    pub turn: Option<Latency>,
}

impl Row {
    /// Nothing measured yet.
    #[must_use]
    pub fn new(placement: Placement, conditions: Conditions) -> Self {
        let durable = conditions.rhythm().durable_after;
        Self {
            placement,
            conditions,
            durable_ms: u64::try_from(durable.as_millis()).unwrap_or(u64::MAX),
            limit_octets: conditions.limit_octets(),
            transfer_in: None,
            transfer_out: None,
            message_in: None,
            message_out: None,
            question: None,
            turn: None,
        }
    }

    fn note(&mut self, load: Load, figure: Figure) {
        match (load, figure) {
            (Load::TransferIn, Figure::Transfer(found)) => self.transfer_in = Some(found),
            (Load::TransferOut, Figure::Transfer(found)) => self.transfer_out = Some(found),
            (Load::MessagesIn, Figure::Latency(found)) => self.message_in = Some(found),
            (Load::MessagesOut, Figure::Latency(found)) => self.message_out = Some(found),
            (Load::Questions, Figure::Latency(found)) => self.question = Some(found),
            (Load::Turns, Figure::Latency(found)) => self.turn = Some(found),
            _ => {}
        }
    }
}

/// Every row of the table, unmeasured, in its order.
#[must_use]
pub fn rows() -> Vec<Row> {
    let conditions = RATES_MBIT_S.into_iter().flat_map(|rate_mbit_s| {
        RTTS_MS.into_iter().flat_map(move |rtt_ms| {
            INTERVALS_MS.map(|interval_ms| Conditions { interval_ms, rate_mbit_s, rtt_ms })
        })
    });
    let rows =
        conditions.flat_map(|conditions| Placement::ALL.map(|placement| Row::new(placement, conditions)));
    rows.collect()
}

/// Measures `rows` on so many threads; calls `done` after each run, of which there are [`Load::ALL`] for a row.
pub fn measure(rows: &mut [Row], threads: usize, done: impl Fn() + Sync) {
    let mut jobs: Vec<(usize, Load)> =
        (0..rows.len()).flat_map(|index| Load::ALL.map(|load| (index, load))).collect();
    // The long ones first: the last core is not left alone with one.
    let asked: Vec<_> = rows.iter().map(|row| (row.placement, row.conditions)).collect();
    jobs.sort_by_key(|(index, load)| {
        let (_, Conditions { interval_ms, rate_mbit_s, .. }) = asked[*index];
        let weight = if *load <= Load::TransferOut { rate_mbit_s } else { 0 };
        core::cmp::Reverse(interval_ms * weight)
    });
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::with_capacity(jobs.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some((index, load)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (placement, conditions) = &asked[*index];
                    let figure = run(*placement, conditions, *load);
                    if let Ok(mut found) = found.lock() {
                        found.push((*index, *load, figure));
                    }
                    done();
                }
            });
        }
    });
    for (index, load, figure) in found.into_inner().unwrap_or_default() {
        rows[index].note(load, figure);
    }
}
