//! A ladder diagram: two hosts, time downwards, an arrow a segment, its options decoded. SVG without scripts or outside
//! resources, as narrow as a phone.

use std::fmt::Write as _;
use std::time::Duration;

use super::html::escaped;
use crate::record::Frame;
use crate::session::Session;
use crate::tell::{self, Kind};
use crate::wire::Side;

const WIDTH: u32 = 400;
const LEFT: u32 = 8;
const RIGHT: u32 = 392;
const TOP: u32 = 34;
/// From one line of text to the next.
const LINE: u32 = 15;
/// Between the options of a segment and the next segment.
const GAP: u32 = 13;
/// Letters that fit between the hosts.
const COLUMNS: usize = 50;
/// Segments from the first on that a diagram shows; the capture has them all.
const FIRST_MAX: usize = 50;
/// Segments up to the one that is pointed out that a diagram shows.
const LAST_MAX: usize = 10;
/// Lines of options that one row shows.
const OPTION_LINES_MAX: usize = 4;
/// A pause of at least this long gets a gap in the time line.
const PAUSE: Duration = Duration::from_secs(5);

/// Colours, light and dark, and the look of a diagram, on a page and by itself.
pub(super) const STYLE: &str = include_str!("ladder.css");

/// The diagram of `frames` as a file of its own, for a page that shows pictures.
#[must_use]
pub fn picture(frames: &[Frame]) -> String {
    const OPENING: &str = "<svg";
    let diagram = ladder(frames, None);
    let (head, inside) = diagram.split_once('>').unwrap_or((OPENING, "</svg>"));
    let attributes = head.trim_start_matches(OPENING);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"540\"{attributes}>\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"100%\" height=\"100%\"/>{inside}\n"
    )
}

/// The diagram of `frames`; `marked` is the number of a frame to point out, from 1.
pub(super) fn ladder(frames: &[Frame], marked: Option<usize>) -> String {
    let mut session = Session::default();
    let mut rows = String::new();
    let mut y = TOP;
    let mut before = Duration::ZERO;
    let mut left_out = 0;
    let last = marked.unwrap_or(0);
    for (number, frame) in (1..).zip(frames) {
        session.observe(frame.from, &frame.segment);
        if number > FIRST_MAX && !(number <= last && number + LAST_MAX > last) {
            left_out += 1;
            continue;
        }
        y = more_in_the_capture(&mut rows, y, std::mem::take(&mut left_out));
        let pause = frame.at.saturating_sub(before);
        if pause >= PAUSE && number > 1 {
            y = between(&mut rows, y, &format!("⋮ {} s ⋮", pause.as_secs()));
        }
        before = frame.at;
        y = row(&mut rows, frame, &session, y, marked == Some(number));
    }
    y = more_in_the_capture(&mut rows, y, left_out);
    let bottom = y + 4;
    let height = bottom + 8;
    format!(
        r#"<svg class="ladder" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="segments between bench and target">
<text class="host" x="{LEFT}" y="18">bench</text><text class="host end" x="{RIGHT}" y="18">target</text>
<path class="host" d="M{LEFT} 26V{bottom}M{RIGHT} 26V{bottom}"/>{rows}</svg>"#
    )
}

fn more_in_the_capture(rows: &mut String, y: u32, count: usize) -> u32 {
    if count == 0 { y } else { between(rows, y, &format!("{count} more in the capture")) }
}

/// A line of text between segments.
fn between(rows: &mut String, y: u32, text: &str) -> u32 {
    let (x, y) = (WIDTH / 2, y + LINE);
    let _ = write!(rows, r#"<text class="pause" x="{x}" y="{y}">{text}</text>"#);
    y + GAP
}

/// Draws a segment below `y`; gives where the next begins.
fn row(rows: &mut String, frame: &Frame, session: &Session, mut y: u32, marked: bool) -> u32 {
    let (from, to) = match frame.from {
        Side::Bench => (LEFT, RIGHT),
        Side::Target => (RIGHT, LEFT),
    };
    let told = tell::options_told(session, frame.from, &frame.segment);
    let lines_of = |wanted: Kind| -> Vec<String> {
        let options: Vec<&str> =
            told.iter().filter(|(kind, _)| *kind == wanted).map(|(_, told)| told.as_str()).collect();
        let options = options.join(", ");
        let lines = textwrap::wrap(&options, COLUMNS).into_iter().map(std::borrow::Cow::into_owned);
        lines.filter(|line| !line.is_empty()).take(OPTION_LINES_MAX).collect()
    };
    let (ours, plain) = (lines_of(Kind::Hiatus), lines_of(Kind::Plain));
    let class = match (marked, ours.is_empty()) {
        (true, _) => "arrow wrong",
        (false, false) => "arrow hiatus",
        (false, true) => "arrow",
    };
    // Text stands at the end that the segment comes from.
    let (anchor, x) = match frame.from {
        Side::Bench => ("", LEFT + 10),
        Side::Target => (" end", RIGHT - 10),
    };
    y += LINE;
    let headline = escaped(&tell::headline(session, frame.from, &frame.segment));
    let time = tell::seconds(frame.at);
    let _ = write!(
        rows,
        r#"<g class="{class}"><text class="head{anchor}" x="{x}" y="{y}"><tspan class="time">{time}</tspan>  {headline}</text>"#,
    );
    y += 7;
    let head = if to > from { format!("l-9 -4v8z M{to} {y}") } else { format!("l9 -4v8z M{to} {y}") };
    let end = if to > from { to - 2 } else { to + 2 };
    let _ = write!(rows, r#"<path d="M{from} {y}H{end}M{end} {y}{head}"/>"#);
    for (class, lines) in [("message", ours), ("other", plain)] {
        for line in lines {
            y += LINE;
            let line = escaped(&line);
            let _ = write!(rows, r#"<text class="{class}{anchor}" x="{x}" y="{y}">{line}</text>"#);
        }
    }
    rows.push_str("</g>");
    y + GAP
}
