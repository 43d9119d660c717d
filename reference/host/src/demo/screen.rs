//! What is shown while the stories run.

use std::io::Write;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};

use crate::demo::plain::of_octets;
use crate::demo::{Frame, News, Plan, Progress, Which};

pub(crate) const TITLE: Style = Style::new().bold();
pub(crate) const PLAIN: Style = AnsiColor::Red.on_default();
pub(crate) const HIATUS: Style = AnsiColor::Cyan.on_default();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const POWER: Style = AnsiColor::Yellow.on_default().bold();
const FAINT: Style = Style::new().dimmed();
/// From one picture of the bars to the next.
const DRAW_EVERY: Duration = Duration::from_millis(80);
/// Columns of a bar at most, and what stands around it.
const BAR_COLUMNS_MAX: usize = 40;
const AROUND_BAR_COLUMNS: usize = 42;
/// Lines of the bars.
const BARS: usize = 7;

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// News, and below them bars that move, in a terminal of so many columns.
    Live {
        /// Columns of the terminal.
        columns: usize,
    },
    /// News, one a line.
    Lines,
    /// Not at all.
    Silent,
}

/// A terminal, or what stands in its place.
#[derive(Debug)]
pub struct Screen {
    look: Look,
    plan: Plan,
    told: usize,
    drawn_at: Option<Instant>,
}

impl Screen {
    /// Shows the stories of `plan`.
    #[must_use]
    pub fn new(look: Look, plan: Plan) -> Self {
        Self { look, plan, told: 0, drawn_at: None }
    }

    /// Shows what is to come.
    pub fn begin(&self) {
        if self.look == Look::Silent {
            return;
        }
        let Plan { seed, octets, cuts, delay_us, octets_per_second, .. } = self.plan;
        let each = of_octets(octets);
        let rate = of_octets(octets_per_second);
        anstream::println!(
            "{TITLE}Hiatus demo{TITLE:#}  seed {seed}: {each} from A to B and {each} from B to A, {rate}/s, {} ms one way.\n\
             Host B loses its power {cuts} times. {PLAIN}Plain TCP{PLAIN:#} and {HIATUS}Hiatus{HIATUS:#} go through the same, side by side.\n",
            delay_us / 1_000,
        );
    }

    /// Shows how far they are. Who reads no more has seen enough: that nothing can be written is no error.
    pub fn show(&mut self, frame: &Frame<'_>) {
        if self.look == Look::Silent {
            return;
        }
        let new = frame.news.get(self.told..).unwrap_or_default();
        let is_due = self.drawn_at.is_none_or(|at| at.elapsed() >= DRAW_EVERY);
        let Look::Live { columns } = self.look else {
            self.told = frame.news.len();
            for news in new {
                anstream::println!("{}", line(news));
            }
            return;
        };
        if new.is_empty() && !is_due {
            return;
        }
        let mut text = String::new();
        if self.drawn_at.is_some() {
            text.push_str(&format!("\x1b[{BARS}A\x1b[J"));
        }
        for news in new {
            text.push_str(&line(news));
            text.push('\n');
        }
        self.told = frame.news.len();
        text.push_str(&self.bars(frame, columns));
        self.drawn_at = Some(Instant::now());
        let mut out = anstream::stdout().lock();
        write!(out, "{text}").and_then(|()| out.flush()).ok();
    }

    /// The bars: `BARS` lines.
    fn bars(&self, frame: &Frame<'_>, columns: usize) -> String {
        let width = columns.saturating_sub(AROUND_BAR_COLUMNS).clamp(4, BAR_COLUMNS_MAX);
        let power = if frame.is_b_on {
            format!("{GOOD}host B is on{GOOD:#}")
        } else {
            format!("{POWER}host B has no power{POWER:#}")
        };
        let mut text = format!("\n  +{}.{} s   {power}\n", frame.at_ms / 1_000, frame.at_ms % 1_000 / 100);
        for (name, style, progress) in [("plain TCP", PLAIN, frame.plain), ("Hiatus", HIATUS, frame.hiatus)] {
            let Progress { at_a, at_b } = progress;
            for (name, way, octets) in [(name, "A → B", at_b), ("", "B → A", at_a)] {
                let bar = bar(octets, self.plan.octets, width);
                let percent = octets * 100 / self.plan.octets.max(1);
                let octets = of_octets(octets);
                text.push_str(&format!(
                    "  {style}{name:<9}{style:#}  {way} {style}{bar}{style:#} {percent:>3} %  {octets}\n"
                ));
            }
        }
        text.push('\n');
        text
    }
}

fn bar(octets: u64, total: u64, width: usize) -> String {
    let eighths = octets.min(total) * u64::try_from(width * 8).unwrap_or(0) / total.max(1);
    let eighths = usize::try_from(eighths).unwrap_or(0);
    let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"].get(eighths % 8).copied().unwrap_or_default();
    let full = "█".repeat(eighths / 8);
    let used = eighths / 8 + usize::from(!part.is_empty());
    format!("{full}{part}{}", "·".repeat(width.saturating_sub(used)))
}

fn line(news: &News) -> String {
    let (style, who) = match news.of {
        Which::Plain => (PLAIN, "plain TCP"),
        Which::Hiatus => (HIATUS, "Hiatus"),
        Which::Both => (POWER, "power"),
    };
    let at = format!("+{}.{:03}", news.at_ms / 1_000, news.at_ms % 1_000);
    format!("{FAINT}{at:>8}{FAINT:#}  {style}{who:<9}{style:#}  {}", news.text)
}
