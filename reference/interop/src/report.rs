//! What the processes of a run say to the one that started them: lines on standard output.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::host::watch::Sent;
use hiatus_interop::trouble::Trouble;

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub(crate) enum Line {
    /// Everything is prepared that needs no network; the process waits for a line on standard input.
    Ready,
    /// The process is listening.
    Listening,
    /// The transfer is over.
    Done(Done),
}

/// How a transfer ended for one process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Done {
    /// What went wrong; empty if all is well.
    pub(crate) findings: Vec<String>,
    /// Seconds from the beginning to the orderly end.
    pub(crate) seconds: f64,
    /// What passed our device: ours, theirs. Of the process with the engine only.
    pub(crate) wire: Option<(Sent, Sent)>,
}

/// Says one thing.
pub(crate) fn say(line: &Line) -> Result<(), Trouble> {
    let text = serde_json::to_string(line).map_err(io::Error::from).map_err(Trouble::system("report"))?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Trouble::system("standard output"))
}

/// Waits for a line on standard input; false if it was closed.
pub(crate) fn wait_for_go() -> Result<bool, Trouble> {
    let mut line = String::new();
    let count = io::stdin().lock().read_line(&mut line).map_err(Trouble::system("standard input"))?;
    Ok(count > 0)
}
