//! The loop of a host: waits for the link, the wake-ups of other threads, the descriptors of its service, and the time.

use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hiatus_engine::ListenerId;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use crate::control::Control;
use crate::machine::{Machine, Next, Returned, Service};

/// The tokens of the loop itself; a service uses those from [`FIRST_TOKEN`] on.
const LINK: Token = Token(0);
const WAKE: Token = Token(1);
/// The first token that is a service's own.
pub const FIRST_TOKEN: usize = 16;
/// Descriptors that are told of in one round.
const EVENTS_MAX: usize = 1024;

/// A service that has descriptors and times of its own.
pub trait Wired: Service {
    /// One of its descriptors is ready; it was registered with [`EventLoop::registry`] under `event`'s token.
    fn handle_ready(&mut self, machine: &mut Machine, event: &mio::event::Event);

    /// Once in each round, before the machine is turned: commands of other threads, times of its own.
    fn handle_round(&mut self, machine: &mut Machine);

    /// The longest time that it may be left alone; `None` waits for something to come.
    fn patience(&self, machine: &Machine) -> Option<Duration> {
        let _ = machine;
        None
    }

    /// Whether the loop goes on.
    fn goes_on(&self) -> bool {
        true
    }

    /// This memory came back older: connections and listeners have new ids (old, new). One that is not there is lost.
    fn handle_restored(
        &mut self,
        machine: &mut Machine,
        returned: &[Returned],
        listeners: &[(ListenerId, ListenerId)],
    ) {
        let _ = (machine, returned, listeners);
    }

    /// What it says of itself to an operator.
    fn status(&self, machine: &Machine) -> serde_json::Value {
        let _ = machine;
        serde_json::Value::Null
    }
}

/// The descriptors of a host.
#[derive(Debug)]
pub struct EventLoop {
    poll: Poll,
    events: Events,
    waker: Arc<Waker>,
    control: Control,
    /// Descriptors of the control that are ready.
    asked: Vec<Token>,
}

impl EventLoop {
    /// A loop that waits for nothing yet.
    ///
    /// # Errors
    ///
    /// An [`io::Error`]: no descriptor is left.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
        let events = Events::with_capacity(EVENTS_MAX);
        Ok(Self { poll, events, waker, control: Control::default(), asked: Vec::new() })
    }

    /// Where a service registers its descriptors, with tokens from [`FIRST_TOKEN`] on.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// What ends a wait, from any thread.
    #[must_use]
    pub fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// What [`Machine::start`] wants to be called when an epoch is durable.
    pub fn wake(&self) -> impl Fn() + Send + 'static {
        let waker = self.waker();
        move || {
            // A loop that is gone needs no waking.
            waker.wake().ok();
        }
    }

    /// Lets operators talk to the host through a Unix socket at `path`, which only the owner may use.
    ///
    /// # Errors
    ///
    /// An [`io::Error`]: the path cannot be used, or another process answers there.
    pub fn open_control(&mut self, path: &Path) -> io::Result<()> {
        self.control.open(path, self.poll.registry())
    }

    /// SIGUSR1 takes an epoch from now on. SIGUSR2 says that it is durable, or, if the file `generation` has changed since,
    /// that this memory came back older. SIGTERM ends the loop, and the connections go on in the next life.
    ///
    /// # Errors
    ///
    /// An [`io::Error`]: no descriptor is left.
    pub fn catch_signals(&mut self, generation: Option<&Path>) -> io::Result<()> {
        self.control.catch_signals(generation, self.poll.registry())
    }

    /// Waits for the link of `machine` from now on.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] of epoll.
    pub fn attach(&self, machine: &mut Machine) -> io::Result<()> {
        machine.set_waker(self.waker());
        if let Some(descriptor) = machine.link().descriptor() {
            let descriptor = descriptor.as_raw_fd();
            self.registry().register(&mut SourceFd(&descriptor), LINK, Interest::READABLE)?;
        }
        Ok(())
    }

    /// Waits until something comes, or until `next`, or for `patience`; then gives what of the service's is ready to `ready`.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] of epoll.
    pub fn wait(
        &mut self,
        patience: Option<Duration>,
        mut ready: impl FnMut(&mio::event::Event),
    ) -> io::Result<()> {
        match self.poll.poll(&mut self.events, patience) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in self.events.iter().filter(|event| event.token().0 >= FIRST_TOKEN) {
            if Control::owns(event.token()) {
                self.asked.push(event.token());
            } else {
                ready(event);
            }
        }
        Ok(())
    }

    /// Does what operators asked for since the last wait. False if one of them wants an end.
    pub(crate) fn obey(&mut self, machine: &mut Machine, service: &mut impl Wired) -> bool {
        for token in std::mem::take(&mut self.asked) {
            self.control.handle_ready(token, self.poll.registry(), machine, service);
        }
        self.control.handle_round(machine);
        !self.control.ends
    }

    /// Turns `machine` and `service` until the service says that it is over.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] of the link or of epoll.
    pub fn run(&mut self, machine: &mut Machine, service: &mut impl Wired) -> io::Result<()> {
        self.attach(machine)?;
        while service.goes_on() && self.obey(machine, service) {
            service.handle_round(machine);
            let next = machine.turn(service)?;
            if !service.goes_on() {
                return Ok(());
            }
            let patience = shorter(patience(machine, next), service.patience(machine));
            self.wait(patience, |event| service.handle_ready(machine, event))?;
        }
        Ok(())
    }
}

/// How long may be waited before `next`; `None` for ever.
pub(crate) fn patience(machine: &Machine, next: Next) -> Option<Duration> {
    match next {
        Next::Now => Some(Duration::ZERO),
        Next::At(time) => Some(machine.clock().until(time)),
        Next::Idle => None,
    }
}

fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
