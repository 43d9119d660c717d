//! A target that is a process of its own: the bench's side of the adapter protocol (`conformance/docs/adapter.md`).
//!
//! Everything that the process can do to the bench has a bound. Once it has broken one, or the protocol, it is killed, and
//! [`Target::trouble`] says what it did.

mod exchange;
mod link;
mod network;
mod process;

use std::cell::RefCell;
use std::time::Duration;

use hiatus_codec::HoldTime;

pub use exchange::Exchange;

use self::link::Link;
use super::{CallError, Received, Setup, StreamEnd, Target};
use crate::adapter::{Call, Clock, Hex, Reply};
use crate::script::{NetworkError, Sending};
use crate::wire::OwnedSegment;

/// Octets that one call writes or asks for at most, so that its line stays below the longest.
const OCTETS_AT_ONCE_MAX: usize = 1 << 18;

/// A process that speaks the adapter protocol.
pub struct Child {
    /// A look at the states is a call too, so it changes what is known of the process.
    link: RefCell<Link>,
}

impl Child {
    /// Starts the process of `command` and sets it up. A process that starts and then does not speak the protocol is a
    /// target with [`trouble`](Target::trouble).
    ///
    /// # Errors
    ///
    /// Why it cannot be started, in one line.
    pub fn start(command: &[String], setup: &Setup, exchange: &Exchange) -> Result<Self, String> {
        Link::start(command, setup, exchange).map(|link| Self { link: RefCell::new(link) })
    }

    fn call(&self, now: Duration, call: Call) -> Result<Reply, CallError> {
        self.link.borrow_mut().call(now, call)
    }

    fn done(&self, now: Duration, call: Call) -> Result<(), CallError> {
        self.call(now, call).map(|_| ())
    }

    /// A call that takes the application to another time: what it was told before is forgotten with it.
    fn turn(&self, now: Duration, call: Call) -> Result<(), CallError> {
        self.link.borrow_mut().forget_events();
        self.done(now, call)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Target for Child {
    fn listen(&mut self, now: Duration) -> Result<(), CallError> {
        self.done(now, Call::Listen)
    }

    fn connect(&mut self, now: Duration) -> Result<(), CallError> {
        self.done(now, Call::Connect)
    }

    fn write(&mut self, now: Duration, octets: &[u8]) -> Result<usize, CallError> {
        let octets = octets.get(..OCTETS_AT_ONCE_MAX).unwrap_or(octets);
        let reply = self.call(now, Call::Write { octets: Hex(octets.to_vec()) })?;
        let taken = reply.taken.unwrap_or(octets.len());
        if taken > octets.len() {
            let what = format!("it took {taken} octets of {} that were written", octets.len());
            return Err(self.link.borrow_mut().give_up(what));
        }
        Ok(taken)
    }

    fn read(&mut self, now: Duration, room: usize) -> Result<Received, CallError> {
        let room = room.min(OCTETS_AT_ONCE_MAX);
        let reply = self.call(now, Call::Read { room })?;
        let octets = reply.octets.unwrap_or_default().0;
        if octets.len() > room {
            let what = format!("it read {} octets where there was room for {room}", octets.len());
            return Err(self.link.borrow_mut().give_up(what));
        }
        let end = if reply.end == Some(true) { StreamEnd::Closed } else { StreamEnd::Open };
        Ok(Received { octets, end })
    }

    fn close(&mut self, now: Duration) -> Result<(), CallError> {
        self.done(now, Call::Close)
    }

    fn abort(&mut self, now: Duration) -> Result<(), CallError> {
        self.done(now, Call::Abort)
    }

    fn suspend(&mut self, now: Duration, expected_absence: HoldTime) -> Result<(), CallError> {
        let absence_s = (!expected_absence.is_none()).then(|| expected_absence.seconds());
        self.done(now, Call::Suspend { absence_s })
    }

    fn stop(&mut self, now: Duration) -> Result<(), CallError> {
        self.done(now, Call::Stop)
    }

    fn resume(&mut self, now: Duration) -> Result<(), CallError> {
        self.done(now, Call::Resume)
    }

    fn snapshot_taken(&mut self, now: Duration, epoch: u32) -> Result<(), CallError> {
        self.done(now, Call::SnapshotTaken { epoch })
    }

    fn snapshot_durable(&mut self, now: Duration, epoch: u32) -> Result<(), CallError> {
        self.done(now, Call::SnapshotDurable { epoch })
    }

    fn crash(&mut self, now: Duration) -> Result<(), CallError> {
        self.turn(now, Call::Crash)
    }

    fn restore(&mut self, now: Duration, epoch: u32, lasts: Duration) -> Result<(), CallError> {
        self.turn(now, Call::Restore { epoch, lasts_us: micros(lasts) })
    }

    fn rewind(&mut self, now: Duration, epoch: u32) -> Result<(), CallError> {
        self.turn(now, Call::Rewind { epoch })
    }

    fn hold_send(&mut self, now: Duration, sending: Sending) -> Result<(), CallError> {
        self.done(now, Call::HoldSend { on: sending == Sending::HoldSend })
    }

    fn network_error(
        &mut self,
        now: Duration,
        error: NetworkError,
        quoted: &OwnedSegment,
    ) -> Result<(), CallError> {
        self.link.borrow_mut().deliver_error(now, error, quoted)
    }

    fn deliver(&mut self, now: Duration, segment: &OwnedSegment) {
        // What went wrong is trouble, or unsupported, and asked for.
        let _ = self.link.borrow_mut().deliver(now, segment);
    }

    fn transmit(&mut self, _now: Duration) -> Option<OwnedSegment> {
        self.link.borrow_mut().next_segment()
    }

    fn next_timeout(&self) -> Option<Duration> {
        self.link.borrow().wake()
    }

    fn timeout(&mut self, now: Duration) {
        // As in `deliver`.
        let _ = self.done(now, Call::Time);
    }

    fn clock(&self) -> Clock {
        self.link.borrow().clock()
    }

    fn pass(&mut self, now: Duration, until: Duration) -> Duration {
        if self.clock() == Clock::Wall {
            return self.link.borrow_mut().pass(now, until);
        }
        match self.next_timeout() {
            Some(due) if due <= until => {
                let at = now.max(due);
                self.timeout(at);
                at
            }
            _ => now.max(until),
        }
    }

    fn trouble(&self) -> Option<String> {
        self.link.borrow().trouble()
    }

    fn unsupported(&self) -> Option<String> {
        self.link.borrow().unsupported()
    }

    fn event(&mut self) -> Result<Option<String>, CallError> {
        self.link.borrow_mut().next_event()
    }

    fn states(&self) -> Result<Vec<String>, CallError> {
        self.link.borrow_mut().states()
    }
}
