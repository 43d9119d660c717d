//! What came of it, in words.

use std::fmt::Write;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

use crate::demo::plain::of_octets;
use crate::demo::screen::{GOOD, HIATUS, PLAIN, TITLE};
use crate::demo::{Mishap, Moment, Outcome, Recovery, Return};

/// Columns that are used at most, and at least.
const COLUMNS_MAX: usize = 120;
const COLUMNS_MIN: usize = 60;

/// The whole report after the chart, for a terminal of so many columns, with colours.
#[must_use]
pub fn summary(outcome: &Outcome, columns: usize) -> String {
    let mut text = String::new();
    if !outcome.cuts_ms.is_empty() {
        text.push_str(&ladder(outcome));
        write!(text, "{TITLE}What each power cut did{TITLE:#}\n{}\n\n", cuts(outcome, columns)).ok();
    }
    write!(text, "{TITLE}What came of it{TITLE:#}\n{}\n\n", totals(outcome, columns)).ok();
    text.push_str(&verdict(outcome));
    text
}

fn table(columns: usize) -> Table {
    let mut table = Table::new();
    let width = u16::try_from(columns.clamp(COLUMNS_MIN, COLUMNS_MAX)).unwrap_or(u16::MAX);
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table
}

fn ladder(outcome: &Outcome) -> String {
    let mut text = format!("{TITLE}Over the wire, around power cut 1, over Hiatus{TITLE:#}\n");
    let mut latest = None;
    for line in &outcome.ladder {
        if latest != Some(line.moment) {
            latest = Some(line.moment);
            let what = match line.moment {
                Moment::Before => "before",
                Moment::During => "B has no power: what A sends is lost",
                Moment::After => "B has power again",
            };
            writeln!(text, "            -- {what}").ok();
        }
        let style = if line.options.iter().any(|option| option.starts_with("resume")) {
            GOOD
        } else {
            anstyle::Style::new()
        };
        writeln!(text, "{style}{line}{style:#}").ok();
    }
    text.push('\n');
    text
}

fn of_mishap(mishap: &Mishap) -> String {
    let how = match mishap.returned {
        Return::FromImage => "back from an image of its memory",
        Return::WithoutState => "back without state",
    };
    let mut text = format!("{how}: {}", mishap.outcome);
    if let Some(after_ms) = mishap.noticed_after_ms {
        write!(text, ", seen after {after_ms} ms; {} arrived for nothing", of_octets(mishap.lost_octets))
            .ok();
    }
    if mishap.diverged_octets > 0 {
        let diverged = of_octets(mishap.diverged_octets);
        write!(text, "; A kept {diverged} that B no longer knows of, and nobody was told").ok();
    }
    text
}

fn of_recovery(recovery: &Recovery) -> String {
    let Recovery { epoch, set_back_octets, restored_us, in_step_us, diverged_octets } = recovery;
    let older = of_octets(*set_back_octets);
    let mut text = match in_step_us {
        Some(us) => format!("in step after {}", millis(*us)),
        None => "never in step again".to_owned(),
    };
    write!(
        text,
        " ({} of it to restore epoch {epoch}); its application was set back by {older}",
        millis(*restored_us)
    )
    .ok();
    if *diverged_octets > 0 {
        write!(text, "; A kept {} that B no longer knows of", of_octets(*diverged_octets)).ok();
    }
    text
}

fn millis(us: u64) -> String {
    format!("{}.{} ms", us / 1_000, us % 1_000 / 100)
}

fn cuts(outcome: &Outcome, columns: usize) -> Table {
    let mut table = table(columns);
    table.set_header(["", "plain TCP", "Hiatus"]);
    for (at, at_ms) in outcome.cuts_ms.iter().enumerate() {
        let head = format!("+{}.{} s", at_ms / 1_000, at_ms % 1_000 / 100);
        let plain = outcome.plain.mishaps.get(at).map_or_else(String::new, of_mishap);
        let hiatus = outcome.hiatus.recoveries.get(at).map_or_else(String::new, of_recovery);
        table.add_row([head, plain, hiatus]);
    }
    table
}

fn totals(outcome: &Outcome, columns: usize) -> Table {
    let Outcome { plan, plain, hiatus, .. } = outcome;
    let whole = of_octets(2 * plan.octets);
    let arrived = |sum: u64| format!("{} of {whole}", of_octets(sum));
    let connections = if hiatus.closed.is_none() { "1" } else { "1, and it is over" };
    let diverged: u64 = hiatus.recoveries.iter().map(|recovery| recovery.diverged_octets).sum();
    let plain_diverged: u64 = plain.mishaps.iter().map(|mishap| mishap.diverged_octets).sum();
    let mut table = table(columns);
    table.set_header(["", "plain TCP", "Hiatus"]);
    for (what, plain, hiatus) in [
        ("arrived", arrived(plain.progress.sum()), arrived(hiatus.progress.sum())),
        ("connections", plain.attempts.to_string(), connections.to_owned()),
        ("arrived for nothing", of_octets(plain.lost_octets), of_octets(0)),
        ("read and never written", of_octets(plain.wrong_octets), of_octets(hiatus.wrong_octets)),
        ("only one end knows of", of_octets(plain_diverged), of_octets(diverged)),
        ("epochs on the disk", "-".to_owned(), hiatus.epochs.to_string()),
    ] {
        table.add_row([what.to_owned(), plain, hiatus]);
    }
    table
}

fn verdict(outcome: &Outcome) -> String {
    let Outcome { plain, hiatus, cuts_ms, .. } = outcome;
    let cuts = cuts_ms.len();
    let of_plain = if plain.is_complete && plain.attempts == 1 && plain.wrong_octets == 0 {
        format!("{PLAIN}plain TCP{PLAIN:#}  complete with one connection")
    } else if plain.is_complete {
        format!("{PLAIN}plain TCP{PLAIN:#}  complete at last, with connection {}", plain.attempts)
    } else {
        format!("{PLAIN}plain TCP{PLAIN:#}  not complete when Hiatus was: {} connections", plain.attempts)
    };
    let of_hiatus = if hiatus.survived {
        format!(
            "{HIATUS}Hiatus{HIATUS:#}     survived {cuts} power cuts with one connection, every octet compared"
        )
    } else {
        let why = hiatus.closed.as_deref().unwrap_or("octets are missing or wrong");
        format!("{HIATUS}Hiatus{HIATUS:#}     did NOT survive: {why}")
    };
    format!("{of_plain}\n{of_hiatus}\n")
}
