//! The shared-object interface of packetdrill: a table of functions that it fills its calls with.
//!
//! The only `unsafe` of the repository lies in this file and the two below it: what packetdrill hands over are pointers
//! of C. `memory` turns them into values, `table` has the functions; here is what they share.
//!
//! packetdrill runs in two threads: blocking calls are made on its second, everything else on its first. Time is
//! virtual and passes only where the first thread asks for it.
#![allow(unsafe_code, reason = "packetdrill calls through C function pointers")]

mod memory;
mod table;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use hiatus_engine::Time;

use crate::host::Sent;
use crate::sockets::{Errno, Refusal, Settings, Sockets};

pub use table::{Interface, packetdrill_interface_init};

/// What `gettimeofday` lets pass: packetdrill spins on it.
const MICROS_PER_LOOK: u64 = 1;
/// When a script starts: a time before it must be thinkable.
const START: Time = Time::from_secs(1_000_000_000);
/// How long the first thread waits for the second, in real time, before it goes on without it.
const HANDSHAKE_PATIENCE: Duration = Duration::from_millis(500);
const LOCAL_V4: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 1);
const LOCAL_V6: Ipv6Addr = Ipv6Addr::new(0xfd3d, 0xa0b, 0x17d6, 0, 0, 0, 0, 1);

struct Stack {
    sockets: Sockets,
    /// Calls that wait.
    waiting: u32,
    /// Of those, how many have not looked again since the last change.
    to_look: u32,
    /// When a call that waits gives up by itself.
    deadline: Option<Time>,
    /// A thread whose call waited has returned and will ask for the time: until then it stands still.
    will_ask: Option<ThreadId>,
}

/// What all functions of the table share.
struct Shared {
    stack: Mutex<Stack>,
    changed: Condvar,
}

impl Shared {
    fn new(settings: Settings) -> Self {
        let mut sockets = Sockets::new(LOCAL_V4, LOCAL_V6, settings);
        sockets.host_mut().advance_to(START);
        let stack = Stack { sockets, waiting: 0, to_look: 0, deadline: None, will_ask: None };
        Self { stack: Mutex::new(stack), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Stack> {
        self.stack.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a call that may wait: again and again, until it does not.
    fn call<T>(&self, mut attempt: impl FnMut(&mut Sockets) -> Result<T, Refusal>) -> Result<T, Errno> {
        self.call_until(None, |sockets, _| attempt(sockets))
    }

    /// The same for a call with a timeout; `attempt` is told when that ends.
    fn call_until<T>(
        &self,
        timeout: Option<Duration>,
        mut attempt: impl FnMut(&mut Sockets, Option<Time>) -> Result<T, Refusal>,
    ) -> Result<T, Errno> {
        let mut stack = self.lock();
        // A thread that makes its next call does not ask for the end of the last.
        if stack.will_ask == Some(std::thread::current().id()) {
            stack.will_ask = None;
        }
        let deadline = timeout.map(|timeout| stack.sockets.host().now() + timeout);
        let mut has_waited = false;
        let found = loop {
            match attempt(&mut stack.sockets, deadline) {
                Ok(found) => break Ok(found),
                Err(Refusal::Failed(errno)) => break Err(errno),
                Err(Refusal::Blocks) => {
                    has_waited = true;
                    stack.waiting += 1;
                    stack.deadline = deadline;
                    self.changed.notify_all();
                    while stack.to_look == 0 {
                        stack = self.changed.wait(stack).unwrap_or_else(PoisonError::into_inner);
                    }
                    stack.to_look -= 1;
                    stack.waiting -= 1;
                    stack.deadline = None;
                }
            }
        };
        if has_waited {
            stack.will_ask = Some(std::thread::current().id());
        }
        self.changed.notify_all();
        found
    }

    /// Something changed: every call that waits looks again, before this returns.
    fn tell<'g>(&'g self, mut stack: MutexGuard<'g, Stack>) -> MutexGuard<'g, Stack> {
        stack.to_look = stack.waiting;
        self.changed.notify_all();
        let own = std::thread::current().id();
        let is_busy =
            |stack: &mut Stack| stack.to_look > 0 || stack.will_ask.is_some_and(|thread| thread != own);
        let waited = self.changed.wait_timeout_while(stack, HANDSHAKE_PATIENCE, is_busy);
        let (mut stack, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            stack.will_ask = None;
        }
        stack
    }

    /// Lets time pass until `to`, timer by timer.
    fn pass(&self, to: Time) {
        let mut stack = self.tell(self.lock());
        while let Some(due) = stack.next_due().filter(|due| *due <= to) {
            stack.sockets.host_mut().advance_to(due);
            stack = self.tell(stack);
        }
        stack.sockets.host_mut().advance_to(to);
        drop(self.tell(stack));
    }

    /// The time, a little later at every look.
    fn look(&self) -> Time {
        let mut stack = self.lock();
        if stack.will_ask == Some(std::thread::current().id()) {
            stack.will_ask = None;
            self.changed.notify_all();
            return stack.sockets.host().now();
        }
        let later = Time(stack.sockets.host().now().micros() + MICROS_PER_LOOK);
        stack.sockets.host_mut().advance_to(later);
        later
    }

    /// The next packet that leaves, whenever that is; `None` if nothing will ever leave by itself.
    fn next_packet(&self) -> Option<Sent> {
        let mut stack = self.tell(self.lock());
        loop {
            if let Some(sent) = stack.sockets.host_mut().take_sent() {
                return Some(sent);
            }
            let due = stack.next_due()?;
            stack.sockets.host_mut().advance_to(due);
            stack = self.tell(stack);
        }
    }
}

impl Stack {
    /// When something happens by itself.
    fn next_due(&self) -> Option<Time> {
        let now = self.sockets.host().now();
        let deadline = self.deadline.filter(|deadline| *deadline > now);
        [self.sockets.host().next_timeout(), deadline].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
