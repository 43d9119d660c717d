//! What can go wrong in one of the processes of a run.

use std::io;
use std::time::Duration;

/// Why a transfer failed, or could not be tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The machine refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the machine said.
        source: io::Error,
    },
    /// Another program was called and failed.
    #[error("`{line}` failed: {said}")]
    Tool {
        /// The command line.
        line: String,
        /// Its standard error.
        said: String,
    },
    /// A wrong octet arrived.
    #[error("octet {offset} of the stream: expected {expected:#04x}, found {found:#04x}")]
    Octet {
        /// Where in the stream.
        offset: u64,
        /// What was sent.
        expected: u8,
        /// What arrived.
        found: u8,
    },
    /// More octets than were sent.
    #[error("end of the stream: expected after {expected} octets, found {found} and no end")]
    PastEnd {
        /// Octets sent.
        expected: u64,
        /// Octets that arrived.
        found: u64,
    },
    /// The end came too early.
    #[error("end of the stream: expected after {expected} octets, found after {found}")]
    EndsEarly {
        /// Octets sent.
        expected: u64,
        /// Octets that arrived.
        found: u64,
    },
    /// A stack gave the connection up.
    #[error("{stack}: expected an open connection, found: {found}")]
    Broken {
        /// Whose stack.
        stack: &'static str,
        /// What it says.
        found: String,
    },
    /// Nothing moves any more.
    #[error("no octet moved for {patience:?}: {found}")]
    Stalled {
        /// How long nothing moved.
        patience: Duration,
        /// How far it got.
        found: String,
    },
}

impl Trouble {
    /// For `map_err` on what the machine may refuse.
    pub fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}
