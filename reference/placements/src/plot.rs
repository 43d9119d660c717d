//! The figures as SVG: one plot for each question.

mod chart;

use crate::grid::{INTERVALS_MS, RATES_MBIT_S, RTTS_MS, Row};
use crate::placement::{Conditions, Keeping, Placement};
use crate::recovery::{Mishap, Recovery};
use crate::table::{SHOWN_RATE_MBIT_S, SHOWN_RTT_MS, f64_of, find, held, unheld};
pub use chart::PlotError;
use chart::{Axis, Panel, Plot, Series};

/// One line over the intervals.
fn over_intervals(
    rows: &[Row],
    look: usize,
    (name, placement): (&str, Placement),
    at: impl Fn(u64) -> Conditions,
    value: impl Fn(&Row) -> Option<f64>,
) -> Series {
    let points = INTERVALS_MS.into_iter().filter_map(|ms| {
        let row = find(rows, placement, at(ms))?;
        Some((f64_of(ms) / 1000.0, value(row)?))
    });
    Series { name: name.to_owned(), look, points: points.collect() }
}

/// How much of plain TCP's goodput is left.
///
/// # Errors
///
/// What the drawing library says.
pub fn goodput(rows: &[Row]) -> Result<String, PlotError> {
    let panel = |rtt_ms: u64| {
        let at = move |interval_ms| Conditions { interval_ms, rate_mbit_s: SHOWN_RATE_MBIT_S, rtt_ms };
        let share = |row: &Row, of: fn(&Row) -> Option<u64>| {
            let plain = of(find(rows, Placement::PLAIN, row.conditions)?)?;
            Some(100.0 * f64_of(of(row)?) / f64_of(plain.max(1)))
        };
        let into: fn(&Row) -> Option<u64> = |row| Some(row.transfer_in.as_ref()?.goodput_kbit_s);
        let out: fn(&Row) -> Option<u64> = |row| Some(row.transfer_out.as_ref()?.goodput_kbit_s);
        let lines = [
            (("to host: peer retains", unheld(Keeping::Peer)), into),
            (("to host: journal", unheld(Keeping::Journal)), into),
            (("to host: broker", unheld(Keeping::Broker)), into),
            (("to host: withhold", unheld(Keeping::Withhold)), into),
            (("from host: hold-send", held(Keeping::Peer)), out),
        ];
        let series = lines.into_iter().enumerate();
        Panel {
            caption: format!("{SHOWN_RATE_MBIT_S} Mbit/s, RTT {rtt_ms} ms"),
            series: series
                .map(|(look, (line, of))| over_intervals(rows, look, line, at, |row| share(row, of)))
                .collect(),
        }
    };
    Plot {
        title: "Goodput, as a share of plain TCP".to_owned(),
        x: Axis::seconds("interval of epochs", 0.01, 100.0),
        y: Axis::linear("% of plain TCP", 0.0, 110.0),
        panels: RTTS_MS.map(panel).into(),
    }
    .svg()
}

/// How long a message takes.
///
/// # Errors
///
/// What the drawing library says.
pub fn latency(rows: &[Row]) -> Result<String, PlotError> {
    let panel = |rtt_ms: u64| {
        let at = move |interval_ms| Conditions { interval_ms, rate_mbit_s: SHOWN_RATE_MBIT_S, rtt_ms };
        type Pick = fn(&Row) -> Option<u64>;
        let lines: [(&str, Placement, Pick); 6] = [
            ("message, unheld", unheld(Keeping::Peer), |row| Some(row.message_out.as_ref()?.mean_us)),
            ("message, broker", unheld(Keeping::Broker), |row| Some(row.message_out.as_ref()?.mean_us)),
            ("message to host, withhold", unheld(Keeping::Withhold), |row| {
                Some(row.message_in.as_ref()?.mean_us)
            }),
            ("message, hold-send", held(Keeping::Peer), |row| Some(row.message_out.as_ref()?.mean_us)),
            ("message, hold-send, p99", held(Keeping::Peer), |row| Some(row.message_out.as_ref()?.p99_us)),
            ("turn, hold-send", held(Keeping::Peer), |row| Some(row.turn.as_ref()?.mean_us)),
        ];
        let series = lines.into_iter().enumerate().map(|(look, (name, placement, of))| {
            over_intervals(rows, look, (name, placement), at, |row| Some(f64_of(of(row)?) / 1_000_000.0))
        });
        Panel { caption: format!("{SHOWN_RATE_MBIT_S} Mbit/s, RTT {rtt_ms} ms"), series: series.collect() }
    };
    Plot {
        title: "Latency of a message, mean unless p99 is said".to_owned(),
        x: Axis::seconds("interval of epochs", 0.01, 100.0),
        y: Axis::seconds("latency", 0.0003, 6000.0),
        panels: RTTS_MS.map(panel).into(),
    }
    .svg()
}

/// How much is kept for the host.
///
/// # Errors
///
/// What the drawing library says.
pub fn memory(rows: &[Row]) -> Result<String, PlotError> {
    let panel = |rate_mbit_s: u64| {
        let at = move |interval_ms| Conditions { interval_ms, rate_mbit_s, rtt_ms: SHOWN_RTT_MS };
        type Pick = fn(&Row) -> Option<u64>;
        let lines: [(&str, Placement, Pick); 4] = [
            ("retained by the peer", unheld(Keeping::Peer), |row| {
                Some(row.transfer_in.as_ref()?.retained_octets_max)
            }),
            ("in the journal", unheld(Keeping::Journal), |row| {
                Some(row.transfer_in.as_ref()?.journal_octets_max)
            }),
            ("in the broker's log", unheld(Keeping::Broker), |row| {
                Some(row.transfer_in.as_ref()?.journal_octets_max)
            }),
            ("limit of the peer", unheld(Keeping::Peer), |row| Some(row.limit_octets)),
        ];
        let series = lines.into_iter().enumerate().map(|(look, (name, placement, of))| {
            over_intervals(rows, look, (name, placement), at, |row| Some(f64_of(of(row)?.max(1))))
        });
        Panel { caption: format!("{rate_mbit_s} Mbit/s, RTT {SHOWN_RTT_MS} ms"), series: series.collect() }
    };
    Plot {
        title: "Octets kept at most during a transfer to the host".to_owned(),
        x: Axis::seconds("interval of epochs", 0.01, 100.0),
        y: Axis::octets("octets kept", 1e3, 1e9),
        panels: RATES_MBIT_S.map(panel).into(),
    }
    .svg()
}

/// How long a recovery takes.
///
/// # Errors
///
/// What the drawing library says.
pub fn recovery(rows: &[Recovery]) -> Result<String, PlotError> {
    let panel = |loss: u32| {
        let series = Mishap::ALL.into_iter().enumerate().map(|(look, mishap)| {
            let name = match mishap {
                Mishap::PowerCut => "power cut",
                Mishap::ReceiverRollback => "receiver rolled back",
                Mishap::SenderRollback => "sender rolled back (hold-send)",
                Mishap::BothRollback => "both rolled back (hold-send)",
            };
            let of = rows.iter().filter(|row| row.mishap == mishap && row.loss_per_mille == loss);
            let points = of.map(|row| (f64_of(row.rtt_ms) / 1000.0, f64_of(row.new_octet_us) / 1_000_000.0));
            Series { name: name.to_owned(), look, points: points.collect() }
        });
        let mut series: Vec<_> = series.collect();
        let trip =
            |factor: f64| RTTS_MS.iter().map(move |ms| (f64_of(*ms) / 1000.0, factor * f64_of(*ms) / 1000.0));
        series.push(Series { name: "one round trip".to_owned(), look: 4, points: trip(1.0).collect() });
        // Capture r3: 13.4 s, where the peer's limit of retransmissions was lowered to 5; the default is 924 s and more.
        let captured = RTTS_MS.iter().map(|ms| (f64_of(*ms) / 1000.0, 13.4));
        series.push(Series {
            name: "plain TCP: never; an error after 13 s to 924 s".to_owned(),
            look: 5,
            points: captured.collect(),
        });
        Panel { caption: format!("{} % of packets lost", loss / 10), series }
    };
    Plot {
        title: "From RESUME to the first new octet, mean".to_owned(),
        x: Axis::seconds("round-trip time", 0.001, 0.2),
        y: Axis::seconds("until the first new octet", 0.0008, 100.0),
        panels: [0, 20].map(panel).into(),
    }
    .svg()
}
