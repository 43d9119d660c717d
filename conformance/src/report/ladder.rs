//! A ladder diagram: two hosts, time downwards, an arrow a segment. SVG without scripts or outside resources.

use std::fmt::Write as _;
use std::time::Duration;

use super::html::escaped;
use crate::record::Frame;
use crate::session::Session;
use crate::tell;
use crate::wire::Side;

const WIDTH: u32 = 760;
const LEFT: u32 = 150;
const RIGHT: u32 = 690;
const TOP: u32 = 44;
const ROW: u32 = 34;
/// Rows that one diagram shows; the capture has them all.
const ROWS_MAX: usize = 60;
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
        "<svg xmlns=\"http://www.w3.org/2000/svg\"{attributes}>\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"100%\" height=\"100%\"/>{inside}\n"
    )
}

/// The diagram of `frames`; `marked` is the number of a frame to point out, from 1.
pub(super) fn ladder(frames: &[Frame], marked: Option<usize>) -> String {
    let mut session = Session::default();
    let mut rows = String::new();
    let mut y = TOP;
    let mut before = Duration::ZERO;
    for (index, frame) in frames.iter().take(ROWS_MAX).enumerate() {
        session.observe(frame.from, &frame.segment);
        let pause = frame.at.saturating_sub(before);
        if pause >= PAUSE && index > 0 {
            let middle = (LEFT + RIGHT) / 2;
            let text = format!("{} s", pause.as_secs());
            let _ = write!(rows, r#"<text class="pause" x="{middle}" y="{}">⋮ {text} ⋮</text>"#, y + 14);
            y += ROW - 8;
        }
        before = frame.at;
        y += ROW;
        row(&mut rows, frame, &session, y, marked == Some(index + 1));
    }
    if frames.len() > ROWS_MAX {
        y += ROW;
        let more = frames.len() - ROWS_MAX;
        let _ = write!(rows, r#"<text class="pause" x="{LEFT}" y="{y}">{more} more in the capture</text>"#);
    }
    let bottom = y + 14;
    let height = bottom + 10;
    format!(
        r#"<svg class="ladder" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="segments of the case">
<text class="host" x="{LEFT}" y="24">bench</text><text class="host" x="{RIGHT}" y="24">target</text>
<path class="host" d="M{LEFT} 34V{bottom}M{RIGHT} 34V{bottom}"/>{rows}</svg>"#
    )
}

fn row(rows: &mut String, frame: &Frame, session: &Session, y: u32, marked: bool) {
    let (from, to) = match frame.from {
        Side::Bench => (LEFT, RIGHT),
        Side::Target => (RIGHT, LEFT),
    };
    let message = tell::message(session, frame.from, &frame.segment);
    let class = match (marked, &message) {
        (true, _) => "arrow wrong",
        (false, Some(_)) => "arrow hiatus",
        (false, None) => "arrow",
    };
    let head = if to > from { format!("l-9 -4v8z M{to} {y}") } else { format!("l9 -4v8z M{to} {y}") };
    let end = if to > from { to - 2 } else { to + 2 };
    let _ = write!(
        rows,
        r#"<g class="{class}"><path d="M{from} {y}H{end}M{end} {y}{head}"/><text class="time" x="8" y="{}">{}</text>"#,
        y + 4,
        tell::seconds(frame.at)
    );
    let headline = escaped(&tell::headline(session, frame.from, &frame.segment));
    let message = message.map(|text| format!(r#" <tspan class="message">{}</tspan>"#, escaped(&text)));
    let _ = write!(
        rows,
        r#"<text x="{}" y="{}">{headline}{}</text></g>"#,
        LEFT + 14,
        y - 6,
        message.unwrap_or_default()
    );
}
