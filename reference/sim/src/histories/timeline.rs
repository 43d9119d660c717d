//! A history as a timeline, for people.

use core::fmt;

use hiatus_engine::Time;

use crate::histories::network::Fate;
use crate::sim::Side;
use crate::trace::write_segment;

/// What happened, line by line; nothing is kept unless somebody will read it.
#[derive(Debug, Default)]
pub(crate) struct Timeline(Option<Vec<String>>);

/// Whether a run is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It is: it keeps a timeline.
    Timeline,
    /// It is not.
    Nothing,
}

impl Timeline {
    pub(crate) fn new(telling: Telling) -> Self {
        Self((telling == Telling::Timeline).then(Vec::new))
    }

    pub(crate) fn note(&mut self, now: Time, side: Side, what: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push(format!("+{now:<16} {side:?}  {}", what()));
        }
    }

    pub(crate) fn segment(&mut self, now: Time, from: Side, octets: &[u8], fate: impl FnOnce() -> Fate) {
        let fate = fate();
        if let Some(lines) = &mut self.0 {
            lines.push(format!("+{now:<16} {}", Line { from, octets, fate }));
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.0.unwrap_or_default()
    }
}

/// A segment: an arrow, flags, numbers as on the wire, options, and what became of it.
struct Line<'a> {
    from: Side,
    octets: &'a [u8],
    fate: Fate,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.from == Side::A { "A --> B  " } else { "A <-- B  " })?;
        write_segment(f, self.octets)?;
        f.write_str(match self.fate {
            Fate::Passes => "",
            Fate::Twice => "  twice",
            Fate::Late => "  late",
            Fate::Lost => "  lost",
            Fate::AnsweredByPath => "  answered by the path with RST",
        })
    }
}
