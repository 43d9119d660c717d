//! The picture in a terminal: octets over time, drawn with Braille patterns.

use std::fmt::Write;

use crate::demo::Outcome;
use crate::demo::screen::{HIATUS, PLAIN, POWER};

/// Dots of one character.
const DOTS_WIDE: usize = 2;
const DOTS_HIGH: usize = 4;
/// The pattern without a dot, and the bit of each dot, row by row.
const EMPTY: u32 = 0x2800;
const BITS: [[u32; DOTS_WIDE]; DOTS_HIGH] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
/// Lines of the chart, and columns at least and at most; what stands left of it.
const LINES: usize = 14;
const COLUMNS_MIN: usize = 20;
const COLUMNS_MAX: usize = 110;
const LABEL_COLUMNS: usize = 9;

/// Dots of one line of the chart.
struct Dots {
    wide: usize,
    set: Vec<bool>,
}

impl Dots {
    fn new(wide: usize, high: usize) -> Self {
        Self { wide, set: vec![false; wide * high] }
    }

    fn put(&mut self, x: usize, y: usize) {
        if x < self.wide
            && let Some(dot) = self.set.get_mut(y * self.wide + x)
        {
            *dot = true;
        }
    }

    /// The pattern of one character.
    fn pattern(&self, column: usize, line: usize) -> u32 {
        let mut bits = 0;
        for (row, of_row) in BITS.iter().enumerate() {
            for (dot, bit) in of_row.iter().enumerate() {
                let at = (line * DOTS_HIGH + row) * self.wide + column * DOTS_WIDE + dot;
                if self.set.get(at) == Some(&true) {
                    bits |= bit;
                }
            }
        }
        bits
    }
}

/// How a line is drawn, so that both are told apart without colours, too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stroke {
    Solid,
    Dashed,
}

/// Draws one story: for each dot from left to right its height, and what joins it with the one before.
fn drawn(outcome: &Outcome, of: fn(&crate::demo::Point) -> u64, wide: usize, stroke: Stroke) -> Dots {
    let high = LINES * DOTS_HIGH;
    let mut dots = Dots::new(wide, high);
    let most = (2 * outcome.plan.octets).max(1);
    let took_ms = outcome.took_ms.max(1);
    let mut before = None;
    for x in 0..wide {
        let at_ms = scaled(x, wide, took_ms);
        let reached = outcome.points.partition_point(|point| point.at_ms <= at_ms);
        let value = reached.checked_sub(1).and_then(|at| outcome.points.get(at)).map_or(0, of);
        let up = usize::try_from(value.min(most) * wide_of(high - 1) / most).unwrap_or(0);
        let y = high - 1 - up;
        let (from, to) = before.map_or((y, y), |before: usize| (before.min(y), before.max(y)));
        for between in from..=to {
            let is_gap = stroke == Stroke::Dashed && (x + between) % 4 >= 2;
            if !is_gap {
                dots.put(x, between);
            }
        }
        before = Some(y);
    }
    dots
}

fn wide_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// What of `whole` dot `x` of `wide` stands for.
fn scaled(x: usize, wide: usize, whole: u64) -> u64 {
    wide_of(x + 1) * whole / wide_of(wide.max(1))
}

/// The chart as text for a terminal of so many columns, with colours.
#[must_use]
pub fn text_chart(outcome: &Outcome, columns: usize) -> String {
    let columns = columns.saturating_sub(LABEL_COLUMNS + 1).clamp(COLUMNS_MIN, COLUMNS_MAX);
    let wide = columns * DOTS_WIDE;
    let hiatus = drawn(outcome, |point| point.hiatus, wide, Stroke::Solid);
    let plain = drawn(outcome, |point| point.plain, wide, Stroke::Dashed);
    let is_off = |column: usize| {
        let at_ms = scaled(column, columns, outcome.took_ms);
        outcome.cuts_ms.iter().any(|cut| (*cut..cut + outcome.plan.away_ms).contains(&at_ms))
    };
    let mut text = String::from("MiB that the applications have read, both directions\n");
    for line in 0..LINES {
        let label = if line % 4 == 0 { label(outcome, line) } else { String::new() };
        write!(text, "{label:>LABEL_COLUMNS$}│").ok();
        for column in 0..columns {
            put(&mut text, hiatus.pattern(column, line), plain.pattern(column, line), is_off(column));
        }
        text.push('\n');
    }
    write!(text, "{:>LABEL_COLUMNS$}└", "").ok();
    for column in 0..columns {
        let is_cut = is_off(column) && (column == 0 || !is_off(column - 1));
        let mark = if is_cut { '▲' } else { '─' };
        let style = if is_cut { POWER } else { anstyle::Style::new() };
        write!(text, "{style}{mark}{style:#}").ok();
    }
    let end = format!("{}.{} s", outcome.took_ms / 1_000, outcome.took_ms % 1_000 / 100);
    write!(text, "\n{:>LABEL_COLUMNS$} 0 s{end:>width$}\n", "", width = columns - 3).ok();
    write!(text, "{:>LABEL_COLUMNS$} {HIATUS}⠤⠤⠤ Hiatus{HIATUS:#}   {PLAIN}⠤ ⠤ plain TCP{PLAIN:#}", "").ok();
    writeln!(text, "   {POWER}▲ power cut{POWER:#}   ░ host B is off").ok();
    text
}

/// One character: Hiatus above plain TCP, both above a time without power.
fn put(text: &mut String, hiatus: u32, plain: u32, is_off: bool) {
    let pattern = |bits| char::from_u32(EMPTY + bits).unwrap_or(' ');
    match (hiatus, plain) {
        (0, 0) => text.push(if is_off { '░' } else { ' ' }),
        (0, bits) => {
            write!(text, "{PLAIN}{}{PLAIN:#}", pattern(bits)).ok();
        }
        (bits, under) => {
            write!(text, "{HIATUS}{}{HIATUS:#}", pattern(bits | under)).ok();
        }
    }
}

/// What the top of a line stands for.
fn label(outcome: &Outcome, line: usize) -> String {
    let tenths = (2 * outcome.plan.octets * 10 * wide_of(LINES - line) / wide_of(LINES)) >> 20;
    format!("{}.{} ", tenths / 10, tenths % 10)
}
