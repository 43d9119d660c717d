//! The other end of the control socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::control::request::{Answer, Reply, Request};

/// The longest time that an answer may take: an epoch that waits for a disk that is full takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// Nobody listens there, or stopped listening.
    #[error("control socket {}: {error}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// What came is no answer.
    #[error("control socket {}: expected an answer, found {found:?}", path.display())]
    NoAnswer {
        /// Where.
        path: PathBuf,
        /// What came.
        found: String,
    },
    /// The host says no.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
    },
}

/// A connection to a host that runs.
#[derive(Debug)]
pub struct ControlClient {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl ControlClient {
    /// Connects to the host that listens at `path`.
    ///
    /// # Errors
    ///
    /// [`ControlError::Socket`].
    pub fn connect(path: &Path) -> Result<Self, ControlError> {
        let socket = |error| ControlError::Socket { path: path.to_owned(), error };
        let stream = UnixStream::connect(path).map_err(socket)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(socket)?;
        Ok(Self { path: path.to_owned(), stream: BufReader::new(stream) })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// A [`ControlError`].
    pub fn ask(&mut self, request: &Request) -> Result<Answer, ControlError> {
        let socket = |error| ControlError::Socket { path: self.path.clone(), error };
        let mut line = serde_json::to_vec(request).map_err(io::Error::from).map_err(socket)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).map_err(socket)?;
        let mut answer = String::new();
        self.stream.read_line(&mut answer).map_err(socket)?;
        match serde_json::from_str(&answer) {
            Ok(Reply::Done(answer)) => Ok(answer),
            Ok(Reply::Refused { reason }) => Err(ControlError::Refused { reason }),
            Err(_) => Err(ControlError::NoAnswer { path: self.path.clone(), found: answer }),
        }
    }
}
