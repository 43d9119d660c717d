//! How a case ended.

use crate::record::Frame;

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The target did all that the script expects.
    Pass,
    /// It did not.
    Fail(Box<Failure>),
    /// The bench or the script is at fault; nothing is known of the target.
    Inconclusive(String),
    /// The target says that it cannot do what the case needs.
    Unsupported(String),
    /// The bench left the case out, and why.
    Skipped(String),
}

impl Verdict {
    /// One word, as reports have it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail(_) => "fail",
            Self::Inconclusive(_) => "inconclusive",
            Self::Unsupported(_) => "unsupported",
            Self::Skipped(_) => "skipped",
        }
    }

    /// Why, in one line; empty for a pass.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Pass => String::new(),
            Self::Fail(failure) => failure.because.clone(),
            Self::Inconclusive(reason) | Self::Unsupported(reason) | Self::Skipped(reason) => reason.clone(),
        }
    }
}

/// Where a target departed from a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Line of the script, from 1.
    pub line: usize,
    /// The step as written, with its time in the case.
    pub expected: String,
    /// What happened in its place, with its time in the case.
    pub got: String,
    /// What does not fit.
    pub because: String,
    /// Frames of the capture, from 1: the last before, and the one in question.
    pub frames: (usize, usize),
}

/// A case that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub verdict: Verdict,
    /// All that went over the wire.
    pub frames: Vec<Frame>,
}
