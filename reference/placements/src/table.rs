//! The figures as CSV, as JSON, and as the tables of the draft.

use core::fmt::Write as _;

use crate::grid::{INTERVALS_MS, RTTS_MS, Row};
use crate::measure::{Latency, Transfer};
use crate::placement::{Conditions, Keeping, Placement, Sends};
use crate::recovery::{Mishap, Recovery};

/// The rate and the round trip that the tables of the draft show.
pub(crate) const SHOWN_RATE_MBIT_S: u64 = 100;
pub(crate) const SHOWN_RTT_MS: u64 = 20;

/// A figure of a transfer and its name.
type Column = (&'static str, fn(&Transfer) -> u64);
/// A line of a table of the draft: its name, and what stands in it.
type Line<'a> = (&'a str, Placement, fn(&Row) -> Option<String>);

/// Names and values of one row, in order.
fn cells(row: &Row) -> Vec<(&'static str, String)> {
    let keeping = match row.placement.keeping {
        Keeping::Plain => "plain",
        Keeping::Peer => "peer",
        Keeping::Journal => "journal",
        Keeping::Withhold => "withhold",
        Keeping::Broker => "broker",
    };
    let sends = match row.placement.sends {
        Sends::Unheld => "unheld",
        Sends::HoldSend => "hold-send",
    };
    let mut cells = vec![("keeping", keeping.to_owned()), ("sends", sends.to_owned())];
    for (name, value) in [
        ("interval_ms", row.conditions.interval_ms),
        ("durable_ms", row.durable_ms),
        ("rate_mbit_s", row.conditions.rate_mbit_s),
        ("rtt_ms", row.conditions.rtt_ms),
        ("limit_octets", row.limit_octets),
    ] {
        cells.push((name, value.to_string()));
    }
    let transfers: [(Option<&Transfer>, &[Column]); 2] = [
        (
            row.transfer_in.as_ref(),
            &[
                ("in_goodput_kbit_s", |found| found.goodput_kbit_s),
                ("in_retained_octets_max", |found| found.retained_octets_max),
                ("in_journal_octets_max", |found| found.journal_octets_max),
                ("in_acks_per_mille", |found| found.acks_per_mille),
                ("in_messages_per_minute", |found| found.messages_per_minute),
                ("in_again_per_mille", |found| found.again_per_mille),
            ],
        ),
        (
            row.transfer_out.as_ref(),
            &[
                ("out_goodput_kbit_s", |found| found.goodput_kbit_s),
                ("out_buffer_octets_max", |found| found.host_buffer_octets_max),
            ],
        ),
    ];
    for (found, columns) in transfers {
        let values = columns.iter();
        cells.extend(
            values.map(|(name, pick)| (*name, found.map_or(String::new(), |found| pick(found).to_string()))),
        );
    }
    let latencies: [(Option<&Latency>, [&'static str; 3]); 4] = [
        (row.message_in.as_ref(), ["message_in_mean_us", "message_in_p50_us", "message_in_p99_us"]),
        (row.message_out.as_ref(), ["message_out_mean_us", "message_out_p50_us", "message_out_p99_us"]),
        (row.question.as_ref(), ["question_mean_us", "question_p50_us", "question_p99_us"]),
        (row.turn.as_ref(), ["turn_mean_us", "turn_p50_us", "turn_p99_us"]),
    ];
    for (found, names) in latencies {
        let values = found.map(|found| [found.mean_us, found.p50_us, found.p99_us]);
        for (at, name) in names.into_iter().enumerate() {
            let value = values.and_then(|values| values.get(at).map(u64::to_string));
            cells.push((name, value.unwrap_or_default()));
        }
    }
    cells
}

/// The head of the CSV and its lines, one for each row.
#[must_use]
pub fn csv(rows: &[Row]) -> String {
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = cells(row);
        if number == 0 {
            let names: Vec<_> = cells.iter().map(|(name, _)| *name).collect();
            let _ = writeln!(text, "{}", names.join(","));
        }
        let values: Vec<_> = cells.into_iter().map(|(_, value)| value).collect();
        let _ = writeln!(text, "{}", values.join(","));
    }
    text
}

/// The same of recoveries.
#[must_use]
pub fn recovery_csv(rows: &[Recovery]) -> String {
    let mut text = String::from(
        "mishap,rtt_ms,loss_per_mille,runs,failed,in_step_us,new_octet_us,new_octet_us_max,again_octets\n",
    );
    for row in rows {
        let mishap = match row.mishap {
            Mishap::PowerCut => "power-cut",
            Mishap::ReceiverRollback => "receiver-rollback",
            Mishap::SenderRollback => "sender-rollback",
            Mishap::BothRollback => "both-rollback",
        };
        let Recovery { rtt_ms, loss_per_mille, runs, failed, in_step_us, new_octet_us, .. } = row;
        let (most, again) = (row.new_octet_us_max, row.again_octets);
        let _ = writeln!(
            text,
            "{mishap},{rtt_ms},{loss_per_mille},{runs},{failed},{in_step_us},{new_octet_us},{most},{again}"
        );
    }
    text
}

/// JSON, one row on a line.
///
/// # Errors
///
/// What serde says; no row of ours makes it say something.
pub fn json<T: serde::Serialize>(rows: &[T]) -> Result<String, serde_json::Error> {
    let lines = rows.iter().map(|row| serde_json::to_string(row)).collect::<Result<Vec<_>, _>>()?;
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

/// `10 ms`, `1 s`.
pub(crate) fn interval(ms: u64) -> String {
    if ms < 1000 { format!("{ms} ms") } else { format!("{} s", ms / 1000) }
}

/// Three figures, as people write them.
fn three(value: f64) -> String {
    match value {
        _ if value >= 99.95 => format!("{value:.0}"),
        _ if value >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn decimal(value: u64, unit: f64) -> String {
    three(f64_of(value) / unit)
}

/// Microseconds as milliseconds, or as seconds with their unit.
fn time(us: u64) -> String {
    if us < 999_500 { decimal(us, 1e3) } else { format!("{} s", decimal(us, 1e6)) }
}

pub(crate) fn f64_of(value: u64) -> f64 {
    // Exact below 2^53.
    f64::from(u32::try_from(value >> 21).unwrap_or(u32::MAX)) * 2_097_152.0
        + f64::from(u32::try_from(value & 0x1f_ffff).unwrap_or(0))
}

pub(crate) fn find(rows: &[Row], placement: Placement, conditions: Conditions) -> Option<&Row> {
    rows.iter().find(|row| row.placement == placement && row.conditions == conditions)
}

pub(crate) fn shown(interval_ms: u64) -> Conditions {
    Conditions { interval_ms, rate_mbit_s: SHOWN_RATE_MBIT_S, rtt_ms: SHOWN_RTT_MS }
}

pub(crate) const fn unheld(keeping: Keeping) -> Placement {
    Placement { keeping, sends: Sends::Unheld }
}

pub(crate) const fn held(keeping: Keeping) -> Placement {
    Placement { keeping, sends: Sends::HoldSend }
}

/// A table with a column for each interval.
fn by_interval(rows: &[Row], first: &str, lines: &[Line<'_>], title: &str) -> String {
    let mut text = format!("| {first} |");
    INTERVALS_MS.iter().for_each(|ms| {
        let _ = write!(text, " {} |", interval(*ms));
    });
    text.push_str("\n|---|");
    text.push_str(&"---:|".repeat(INTERVALS_MS.len()));
    for (name, placement, of) in lines {
        let _ = write!(text, "\n| {name} |");
        for ms in INTERVALS_MS {
            let value = find(rows, *placement, shown(ms)).and_then(of);
            let _ = write!(text, " {} |", value.unwrap_or_else(|| "-".to_owned()));
        }
    }
    let _ = writeln!(text, "\n{{: {title}}}");
    text
}

/// Goodput, for the draft.
#[must_use]
pub fn goodput(rows: &[Row]) -> String {
    let into: fn(&Row) -> Option<String> =
        |row| row.transfer_in.as_ref().map(|found| decimal(found.goodput_kbit_s, 1000.0));
    let out: fn(&Row) -> Option<String> =
        |row| row.transfer_out.as_ref().map(|found| decimal(found.goodput_kbit_s, 1000.0));
    by_interval(
        rows,
        "Transfer",
        &[
            ("in, plain TCP", Placement::PLAIN, into),
            ("in, peer retains", unheld(Keeping::Peer), into),
            ("in, journal", unheld(Keeping::Journal), into),
            ("in, broker", unheld(Keeping::Broker), into),
            ("in, withhold", unheld(Keeping::Withhold), into),
            ("out, unheld", unheld(Keeping::Peer), out),
            ("out, hold-send", held(Keeping::Peer), out),
        ],
        "#tab-goodput title=\"Goodput in Mbit/s by interval of epochs\"",
    )
}

/// Latency, for the draft.
#[must_use]
pub fn latency(rows: &[Row]) -> String {
    fn ms(found: Option<&Latency>) -> Option<String> {
        found.map(|found| time(found.mean_us))
    }
    fn ms99(found: Option<&Latency>) -> Option<String> {
        found.map(|found| time(found.p99_us))
    }
    by_interval(
        rows,
        "Mean, ms",
        &[
            ("message, unheld", unheld(Keeping::Peer), |row| ms(row.message_out.as_ref())),
            ("message, hold-send", held(Keeping::Peer), |row| ms(row.message_out.as_ref())),
            ("the same, p99", held(Keeping::Peer), |row| ms99(row.message_out.as_ref())),
            ("answer, unheld", unheld(Keeping::Peer), |row| ms(row.question.as_ref())),
            ("answer, hold-send", held(Keeping::Peer), |row| ms(row.question.as_ref())),
            ("turn, hold-send", held(Keeping::Peer), |row| ms(row.turn.as_ref())),
            ("message, broker", unheld(Keeping::Broker), |row| ms(row.message_out.as_ref())),
            ("message in, withhold", unheld(Keeping::Withhold), |row| ms(row.message_in.as_ref())),
        ],
        "#tab-latency title=\"Latency by interval of epochs\"",
    )
}

/// Memory, for the draft.
#[must_use]
pub fn memory(rows: &[Row]) -> String {
    const MB: f64 = 1_000_000.0;
    by_interval(
        rows,
        "MB at most",
        &[
            ("peer retains", unheld(Keeping::Peer), |row| {
                row.transfer_in.as_ref().map(|found| decimal(found.retained_octets_max, MB))
            }),
            ("its limit", unheld(Keeping::Peer), |row| Some(decimal(row.limit_octets, MB))),
            ("journal", unheld(Keeping::Journal), |row| {
                row.transfer_in.as_ref().map(|found| decimal(found.journal_octets_max, MB))
            }),
            ("broker's log", unheld(Keeping::Broker), |row| {
                row.transfer_in.as_ref().map(|found| decimal(found.journal_octets_max, MB))
            }),
        ],
        "#tab-kept title=\"Octets kept during a transfer to the host\"",
    )
}

/// Recoveries, for the draft.
#[must_use]
pub fn recovery(rows: &[Recovery]) -> String {
    let mut text = String::from("| What happened | Loss |");
    for rtt_ms in RTTS_MS {
        let _ = write!(text, " {rtt_ms} ms |");
    }
    text.push_str(" Again |\n|---|---:|");
    text.push_str(&"---:|".repeat(RTTS_MS.len() + 1));
    for loss in [0, 20] {
        for mishap in Mishap::ALL {
            let name = match mishap {
                Mishap::PowerCut => "power cut",
                Mishap::ReceiverRollback => "receiver rolled back",
                Mishap::SenderRollback => "sender rolled back",
                Mishap::BothRollback => "both rolled back",
            };
            let _ = write!(text, "\n| {name} | {} % |", loss / 10);
            let of = |row: &&Recovery| row.mishap == mishap && row.loss_per_mille == loss;
            for row in rows.iter().filter(of) {
                let (in_step, new) = (time(row.in_step_us), time(row.new_octet_us));
                let _ = write!(text, " {in_step} / {new} |");
            }
            let again = rows.iter().filter(of).map(|row| row.again_octets).max().unwrap_or(0);
            let _ = write!(text, " {again} |");
        }
    }
    text.push_str(
        "\n{: #tab-recovery title=\"From RESUME to being in step, and to the first new octet, in ms\"}\n",
    );
    text
}
