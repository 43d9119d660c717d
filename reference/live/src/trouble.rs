//! Why something could not be done, or went otherwise than it should.

use std::io;
use std::time::Duration;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// A call of the system.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program failed that makes or asks a network, or a snapshot.
    #[error("`{line}`: {said}")]
    Tool {
        /// Its command line.
        line: String,
        /// What it said.
        said: String,
    },
    /// Something did not come in time.
    #[error("{what}: expected within {patience:?}, found nothing; the last words of {of}: {last}")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        patience: Duration,
        /// Who should have said it.
        of: String,
        /// What it said last.
        last: String,
    },
    /// Something is not as it should be.
    #[error("{what}: expected {expected}, found {found}")]
    Unexpected {
        /// What was looked at.
        what: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// It cannot be tried here.
    #[error("{0}")]
    Impossible(String),
}

impl Trouble {
    /// For `map_err` on calls of the system.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// Something is not as it should be.
    pub(crate) fn unexpected(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Unexpected { what: what.into(), expected: expected.into(), found: found.into() }
    }
}
