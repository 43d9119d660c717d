//! How a case, and with it a requirement, counts in a report.

/// How a case or a requirement counts; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The target did not do what was expected.
    Fail,
    /// The bench or the script is at fault; nothing is known of the target.
    Inconclusive,
    /// It failed, and the file of known failures says why.
    Known,
    /// The bench left it out.
    Skipped,
    /// The target says that it cannot do it.
    Unsupported,
    /// The target did all that was expected.
    Pass,
}

impl Status {
    /// All of them, as summaries have them: the best first, then the worst.
    pub const ALL: [Self; 6] =
        [Self::Pass, Self::Fail, Self::Known, Self::Inconclusive, Self::Unsupported, Self::Skipped];

    /// One word, as reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::Known => "known",
            Self::Skipped => "skipped",
            Self::Unsupported => "unsupported",
            Self::Pass => "pass",
        }
    }

    /// The same on a terminal, where a failure is to show without colour too.
    #[must_use]
    pub const fn loud(self) -> &'static str {
        match self {
            Self::Fail => "FAIL",
            other => other.name(),
        }
    }
}

/// How many cases ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Summary {
    /// [`Status::Pass`].
    pub pass: usize,
    /// [`Status::Fail`].
    pub fail: usize,
    /// [`Status::Known`].
    pub known: usize,
    /// [`Status::Inconclusive`].
    pub inconclusive: usize,
    /// [`Status::Unsupported`].
    pub unsupported: usize,
    /// [`Status::Skipped`].
    pub skipped: usize,
    /// Not run, for the run was stopped before.
    pub not_run: usize,
}

impl Summary {
    /// One more of `status`.
    pub fn add(&mut self, status: Status) {
        *match status {
            Status::Pass => &mut self.pass,
            Status::Fail => &mut self.fail,
            Status::Known => &mut self.known,
            Status::Inconclusive => &mut self.inconclusive,
            Status::Unsupported => &mut self.unsupported,
            Status::Skipped => &mut self.skipped,
        } += 1;
    }

    /// All of `other`.
    pub(super) fn add_all(&mut self, other: &Self) {
        for status in Status::ALL {
            (0..other.of(status)).for_each(|_| self.add(status));
        }
        self.not_run += other.not_run;
    }

    /// How many of `status`.
    #[must_use]
    pub const fn of(&self, status: Status) -> usize {
        match status {
            Status::Pass => self.pass,
            Status::Fail => self.fail,
            Status::Known => self.known,
            Status::Inconclusive => self.inconclusive,
            Status::Unsupported => self.unsupported,
            Status::Skipped => self.skipped,
        }
    }

    /// `195 pass, 2 fail, 3 not run`: what there is none of is left out, but `pass` and `fail`.
    #[must_use]
    pub fn told(&self) -> String {
        let told = |status: &Status| match (self.of(*status), status) {
            (0, Status::Pass | Status::Fail) => Some(format!("0 {}", status.name())),
            (0, _) => None,
            (count, _) => Some(format!("{count} {}", status.name())),
        };
        let mut parts: Vec<String> = Status::ALL.iter().filter_map(told).collect();
        if self.not_run > 0 {
            parts.push(format!("{} not run", self.not_run));
        }
        parts.join(", ")
    }
}

/// `1 case`, `2 cases`.
pub(super) fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
