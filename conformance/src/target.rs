//! A target: one host with one TCP connection that a case is run against.
//!
//! Calls of a socket and of its host, those of Hiatus, and a clock. What a call sets off comes out of
//! [`Target::transmit`], now or after time has [passed](Target::pass): in virtual time, which jumps, or in everybody's.

pub mod child;
mod choice;
pub mod mutant;
pub mod reference;

use std::time::Duration;

use hiatus_codec::HoldTime;

pub use choice::{ChoiceError, TargetChoice};

use crate::adapter::Clock;
use crate::script::{NetworkError, Sending, TargetOptions};
use crate::wire::OwnedSegment;

/// Why a call was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The target cannot do this at all; it says so itself.
    #[error("{0}: not supported by this target")]
    Unsupported(&'static str),
    /// It can, but not now.
    #[error("refused: {0}")]
    Refused(String),
}

/// What the application read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Received {
    /// The octets, in order.
    pub octets: Vec<u8>,
    /// What ended the stream behind them, if it is at its end.
    pub end: StreamEnd,
}

/// Whether a stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StreamEnd {
    /// It does, as far as is known.
    #[default]
    Open,
    /// The peer closed it.
    Closed,
}

/// What every target is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// What the script asks for.
    pub options: TargetOptions,
    /// Where all its entropy comes from; the same seed gives the same octets.
    pub seed: u64,
    /// Port of the target.
    pub target_port: u16,
    /// Port of the bench.
    pub bench_port: u16,
}

/// A fresh target, or why it cannot be started, in one line.
pub type Made = Result<Box<dyn Target>, String>;

/// One host with at most one connection. Times count from the start of the case.
pub trait Target {
    /// Waits for a SYN.
    ///
    /// # Errors
    ///
    /// A [`CallError`]; so for every call below.
    fn listen(&mut self, now: Duration) -> Result<(), CallError>;
    /// Sends a SYN.
    fn connect(&mut self, now: Duration) -> Result<(), CallError>;
    /// The application writes; gives how many octets were taken.
    fn write(&mut self, now: Duration, octets: &[u8]) -> Result<usize, CallError>;
    /// The application reads at most `room` octets.
    fn read(&mut self, now: Duration, room: usize) -> Result<Received, CallError>;
    /// The application writes no more.
    fn close(&mut self, now: Duration) -> Result<(), CallError>;
    /// The application ends the connection at once.
    fn abort(&mut self, now: Duration) -> Result<(), CallError>;

    /// The host is going away.
    fn suspend(&mut self, _now: Duration, _expected_absence: HoldTime) -> Result<(), CallError> {
        Err(CallError::Unsupported("suspend"))
    }
    /// The host stands still: it neither hears nor speaks until it is back.
    fn stop(&mut self, _now: Duration) -> Result<(), CallError> {
        Err(CallError::Unsupported("stop"))
    }
    /// The host is back, its memory intact.
    fn resume(&mut self, _now: Duration) -> Result<(), CallError> {
        Err(CallError::Unsupported("resume"))
    }
    /// The host copies its whole state as `epoch`; the copy is not durable yet.
    fn snapshot_taken(&mut self, _now: Duration, _epoch: u32) -> Result<(), CallError> {
        Err(CallError::Unsupported("snapshot taken"))
    }
    /// That copy is durable.
    fn snapshot_durable(&mut self, _now: Duration, _epoch: u32) -> Result<(), CallError> {
        Err(CallError::Unsupported("snapshot durable"))
    }
    /// The host loses its memory; it is up again, without connections.
    fn crash(&mut self, _now: Duration) -> Result<(), CallError> {
        Err(CallError::Unsupported("crash"))
    }
    /// The host starts from the copy `epoch`, and has restored its connections after `lasts`. A copy that is not durable
    /// yet may still become so.
    fn restore(&mut self, _now: Duration, _epoch: u32, _lasts: Duration) -> Result<(), CallError> {
        Err(CallError::Unsupported("restore"))
    }
    /// The state of the copy `epoch` comes back, and the host does not notice, as under a virtual machine that is reset.
    fn rewind(&mut self, _now: Duration, _epoch: u32) -> Result<(), CallError> {
        Err(CallError::Unsupported("rewind"))
    }
    /// From now on octets wait for a durable epoch, or do not.
    fn hold_send(&mut self, _now: Duration, _sending: Sending) -> Result<(), CallError> {
        Err(CallError::Unsupported("hold-send"))
    }
    /// The network reports an error about `quoted`, which the target sent.
    fn network_error(
        &mut self,
        _now: Duration,
        _error: NetworkError,
        _quoted: &OwnedSegment,
    ) -> Result<(), CallError> {
        Err(CallError::Unsupported("icmp"))
    }
    /// A second instance with the same state, of which neither knows of the other.
    fn fork(&self) -> Result<Box<dyn Target>, CallError> {
        Err(CallError::Unsupported("clone"))
    }

    /// A segment arrives.
    fn deliver(&mut self, now: Duration, segment: &OwnedSegment);
    /// The next segment to send now; polled until there is none.
    fn transmit(&mut self, now: Duration) -> Option<OwnedSegment>;
    /// When [`timeout`](Self::timeout) is due.
    fn next_timeout(&self) -> Option<Duration>;
    /// Time has passed.
    fn timeout(&mut self, now: Duration);

    /// Whose time it lives in.
    fn clock(&self) -> Clock {
        Clock::Virtual
    }
    /// Lets time pass from `now` until the target may have something to send, at most until `until`; gives the time it is
    /// then, which in wall time may be a little past `until`.
    fn pass(&mut self, now: Duration, until: Duration) -> Duration {
        match self.next_timeout() {
            Some(due) if due <= until => {
                let at = now.max(due);
                self.timeout(at);
                at
            }
            _ => now.max(until),
        }
    }
    /// What is wrong with the target itself, such as that its process has ended; the case fails with it.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// What the target itself said that it cannot do, at its setup or since; the case is *unsupported*.
    fn unsupported(&self) -> Option<String> {
        None
    }

    /// The next thing that the application was told, as words with dashes such as `peer-suspended`.
    fn event(&mut self) -> Result<Option<String>, CallError> {
        Err(CallError::Unsupported("events"))
    }
    /// The names of the states it is in, such as `established`, `hiatus-on`, `self-leaving`, `peer-held`.
    fn states(&self) -> Result<Vec<String>, CallError> {
        Err(CallError::Unsupported("states"))
    }
}
