//! A target that is a process of its own.

use std::time::Duration;

use super::{CallError, Received, Setup, Target};
use crate::wire::OwnedSegment;

/// A process that speaks the adapter protocol.
pub struct Child;

impl Child {
    /// Starts the process of `command` and sets it up.
    ///
    /// # Errors
    ///
    /// Why it cannot be started, in one line.
    pub fn start(command: &[String], _setup: &Setup) -> Result<Self, String> {
        Err(format!("{}: targets that are processes cannot be started yet", command.join(" ")))
    }
}

impl Target for Child {
    fn listen(&mut self, _now: Duration) -> Result<(), CallError> {
        Err(CallError::Unsupported("listen"))
    }
    fn connect(&mut self, _now: Duration) -> Result<(), CallError> {
        Err(CallError::Unsupported("connect"))
    }
    fn write(&mut self, _now: Duration, _octets: &[u8]) -> Result<usize, CallError> {
        Err(CallError::Unsupported("write"))
    }
    fn read(&mut self, _now: Duration, _room: usize) -> Result<Received, CallError> {
        Err(CallError::Unsupported("read"))
    }
    fn close(&mut self, _now: Duration) -> Result<(), CallError> {
        Err(CallError::Unsupported("close"))
    }
    fn abort(&mut self, _now: Duration) -> Result<(), CallError> {
        Err(CallError::Unsupported("abort"))
    }
    fn deliver(&mut self, _now: Duration, _segment: &OwnedSegment) {}
    fn transmit(&mut self, _now: Duration) -> Option<OwnedSegment> {
        None
    }
    fn next_timeout(&self) -> Option<Duration> {
        None
    }
    fn timeout(&mut self, _now: Duration) {}
}
