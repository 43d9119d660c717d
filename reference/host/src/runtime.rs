//! A host with a thread of its own, and sockets that feel like those of the standard library.

mod listener;
mod socket;
mod stream;
#[cfg(feature = "tokio")]
mod tokio;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker as TaskWaker;
use std::thread;
use std::time::Duration;

use hiatus_codec::HoldTime;
use hiatus_engine::{
    Backlog, ConnectError, ConnectionId, Event, Extent, ListenError, ListenerId, WriteError,
};
use tracing::error;

use crate::epochs::{EpochStatus, Found, Keeping, StartError, States};
use crate::event_loop::{EventLoop, Wired, patience};
use crate::link::Link;
use crate::machine::{
    Counters, GivenLife, Machine, Next, RestoredError, Returned, Service, Settings, Started,
};

pub use listener::HiatusListener;
use socket::Socket;
pub use socket::{ClosedError, StreamEvent};
pub use stream::HiatusStream;

/// Why a host with a thread could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Its state.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The system: no descriptor or no thread is left.
    #[error("the loop of the host: {0}")]
    Loop(#[from] io::Error),
}

/// A host that runs. Clones are the same host; it stops when the last one is gone, and its streams with it.
///
/// Nothing is said to peers then: with a state folder the connections come back at the next start.
#[derive(Debug, Clone)]
pub struct Host {
    running: Arc<Running>,
}

/// The thread, and what it shares.
#[derive(Debug)]
struct Running {
    shared: Arc<Shared>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    waker: Arc<mio::Waker>,
}

/// What the lock guards: a whole host, between two turns.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) machine: Machine,
    pub(crate) sockets: Sockets,
    stops: bool,
}

/// The service of a host: who waits for what.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    pub(crate) by_id: HashMap<ConnectionId, Socket>,
    pub(crate) accepting: HashMap<ListenerId, Vec<TaskWaker>>,
    /// What listeners go by; it changes when the host comes back older.
    listeners: Vec<Arc<Mutex<ListenerId>>>,
    /// Of applications, and whether the latest epoch lacks it.
    states: BTreeMap<String, (Vec<u8>, Fresh)>,
    removed: Vec<String>,
    /// Who waits for an epoch to be durable.
    waiting: Vec<(u32, TaskWaker)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fresh {
    Yes,
    No,
}

impl Service for Sockets {
    fn handle_event(&mut self, machine: &mut Machine, id: ConnectionId, event: Event) {
        self.by_id.entry(id).or_default().note(event);
        if event == Event::Connected {
            // It may be a listener's: which one only the endpoint knows.
            self.accepting.values_mut().flat_map(|wakers| wakers.drain(..)).for_each(TaskWaker::wake);
        }
        if matches!(event, Event::Closed { .. }) && machine.endpoint().remote(id).is_none() {
            self.forget_if_idle(id);
        }
    }

    fn taken(&mut self, states: &mut States<'_>, _epoch: u32) {
        if states.extent() == Extent::Changes {
            self.removed.drain(..).for_each(|name| states.remove(&name));
        }
        self.removed.clear();
        for (name, (octets, fresh)) in &mut self.states {
            if *fresh == Fresh::Yes || states.extent() == Extent::Full {
                states.put(name, octets);
                *fresh = Fresh::No;
            }
        }
    }

    fn durable(&mut self, _machine: &mut Machine, epoch: u32) {
        let (done, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|(of, _)| *of <= epoch);
        self.waiting = waiting;
        let done: Vec<(u32, TaskWaker)> = done;
        done.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

impl Wired for Sockets {
    fn handle_ready(&mut self, _machine: &mut Machine, _event: &mio::event::Event) {}

    fn handle_round(&mut self, _machine: &mut Machine) {}

    fn handle_restored(
        &mut self,
        machine: &mut Machine,
        returned: &[Returned],
        listeners: &[(ListenerId, ListenerId)],
    ) {
        for (id, mut socket) in std::mem::take(&mut self.by_id) {
            match returned.iter().find(|back| back.was == id.number()) {
                Some(back) => {
                    socket.renamed(back.id);
                    socket.came_back(machine.endpoint().state(back.id));
                    self.by_id.insert(back.id, socket);
                }
                None => socket.lost(),
            }
        }
        for (old, new) in listeners {
            if let Some(wakers) = self.accepting.remove(old) {
                self.accepting.insert(*new, wakers);
            }
        }
        for known in &self.listeners {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, new)) = listeners.iter().find(|(old, _)| *old == *known) {
                *known = *new;
            }
        }
    }
}

impl Sockets {
    pub(crate) fn listener(&mut self, id: ListenerId) -> Arc<Mutex<ListenerId>> {
        let shared = Arc::new(Mutex::new(id));
        self.listeners.push(Arc::clone(&shared));
        shared
    }

    pub(crate) fn forget_listener(&mut self, id: ListenerId) {
        self.accepting.remove(&id);
        self.listeners.retain(|known| *known.lock().unwrap_or_else(PoisonError::into_inner) != id);
    }

    /// Nobody has a stream of it: nothing of it is to be told.
    fn forget_if_idle(&mut self, id: ConnectionId) {
        if self.by_id.get(&id).is_some_and(|socket| !socket.is_owned()) {
            self.by_id.remove(&id);
        }
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `act` on the host, sends what follows from it, and sees to it that the loop knows of times that came nearer.
    pub(crate) fn act<R>(&self, act: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.lock();
        let before = inner.machine.next();
        let result = act(&mut inner);
        if let Err(error) = inner.machine.send_packets() {
            error!(%error, "the link failed");
        }
        let after = inner.machine.next();
        drop(inner);
        if after != before && !(after == Next::Idle) {
            // A loop that is gone needs no waking.
            self.waker.wake().ok();
        }
        result
    }
}

impl Host {
    /// Starts a host on `link`, as [`Machine::start`] does, and a thread that turns it.
    ///
    /// # Errors
    ///
    /// A [`RunError`].
    pub fn start(link: Link, settings: Settings, keeping: Option<&Keeping>) -> Result<StartedHost, RunError> {
        Self::start_in(EventLoop::new()?, link, settings, keeping)
    }

    /// The same in a loop that was made before: one with a control socket, or one that catches signals.
    ///
    /// # Errors
    ///
    /// A [`RunError`].
    pub fn start_in(
        event_loop: EventLoop,
        link: Link,
        settings: Settings,
        keeping: Option<&Keeping>,
    ) -> Result<StartedHost, RunError> {
        let started = Machine::start(link, settings, keeping, event_loop.wake())?;
        let Started { mut machine, found, returned, lost, states } = started;
        event_loop.attach(&mut machine)?;
        let mut sockets = Sockets::default();
        let kept = states.iter().map(|(name, octets)| (name.clone(), (octets.clone(), Fresh::No)));
        sockets.states = kept.collect();
        for connection in &returned {
            let state = machine.endpoint().state(connection.id);
            sockets.by_id.entry(connection.id).or_default().came_back(state);
        }
        let waker = event_loop.waker();
        let shared = Arc::new(Shared { inner: Mutex::new(Inner { machine, sockets, stops: false }), waker });
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("hiatus-host".to_owned())
            .spawn(move || turn_until_stopped(event_loop, &of_thread))?;
        let running = Arc::new(Running { shared: Arc::clone(&shared), thread: Mutex::new(Some(thread)) });
        let host = Self { running };
        let returned = returned
            .into_iter()
            .map(|connection| (connection.was, HiatusStream::of(&host, connection.id)))
            .collect();
        let lost = lost.into_iter().map(|lost| (lost.local, lost.remote)).collect();
        Ok(StartedHost { host, found, returned, lost })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.running.shared
    }

    /// Listens on `local`. Port 0 is not allowed: peers could not come back to it.
    ///
    /// # Errors
    ///
    /// A [`ListenError`].
    pub fn listen(&self, local: SocketAddr) -> Result<HiatusListener, ListenError> {
        let id = self.shared().act(|inner| inner.machine.listen(local, Backlog::default()))?;
        Ok(HiatusListener::new(self.clone(), id, local))
    }

    /// Opens a connection and gives it at once; writing waits until it stands, and fails if it never does.
    ///
    /// # Errors
    ///
    /// A [`ConnectError`].
    pub fn begin_connect(&self, local: SocketAddr, remote: SocketAddr) -> Result<HiatusStream, ConnectError> {
        let id = self.shared().act(|inner| {
            let id = inner.machine.connect(local, remote)?;
            inner.sockets.by_id.entry(id).or_default();
            Ok::<_, ConnectError>(id)
        })?;
        Ok(HiatusStream::of(self, id))
    }

    /// Opens a connection and waits until it stands. `local` has port 0 for one that is hard to guess.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] that holds a [`ConnectError`] or a [`ClosedError`].
    pub fn connect(&self, local: SocketAddr, remote: SocketAddr) -> io::Result<HiatusStream> {
        let stream = self
            .begin_connect(local, remote)
            .map_err(|error| io::Error::new(io::ErrorKind::AddrNotAvailable, error))?;
        stream.wait_connected()?;
        Ok(stream)
    }

    /// Reads, writes and states that belong together: no epoch is TAKEN between them.
    ///
    /// An application that is to come back with its connections keeps here what it has done with the octets that it read:
    /// in every epoch both are of one instant. `act` must not wait, nor use a stream but through the [`Transaction`].
    pub fn atomically<R>(&self, act: impl FnOnce(&mut Transaction<'_>) -> R) -> R {
        self.shared().act(|inner| act(&mut Transaction { inner }))
    }

    /// The state under `name`: as the application put it last, or as the epoch had it.
    #[must_use]
    pub fn state(&self, name: &str) -> Option<Vec<u8>> {
        self.shared().lock().sockets.states.get(name).map(|(octets, _)| octets.clone())
    }

    /// An epoch is TAKEN now; gives its number, or nothing while another one is being made durable.
    #[must_use]
    pub fn snapshot(&self) -> Option<u32> {
        self.shared().act(|Inner { machine, sockets, .. }| machine.snapshot(sockets))
    }

    /// Whoever saves this memory has what was TAKEN as `epoch` for good. Changes nothing for a host with a store.
    pub fn durable(&self, epoch: u32) {
        self.shared().act(|Inner { machine, sockets, .. }| machine.durable(sockets, epoch));
    }

    /// This memory was saved, and came back. Streams and listeners go on as before.
    ///
    /// # Errors
    ///
    /// A [`RestoredError`].
    pub fn restored(&self, life: Option<GivenLife>) -> Result<(), RestoredError> {
        self.shared().act(|Inner { machine, sockets, .. }| {
            let before = machine.listeners();
            let (returned, after) = machine.restored(life)?;
            let listeners: Vec<_> = before.into_iter().zip(after).collect();
            sockets.handle_restored(machine, &returned, &listeners);
            Ok(())
        })
    }

    /// The host is about to stop: peers are told. Gives how many connections are told.
    pub fn suspend(&self, expected_absence: HoldTime) -> usize {
        self.shared().act(|inner| inner.machine.suspend(expected_absence))
    }

    /// Deaf and mute from now on, as a machine that is off, until [`resume`](Self::resume).
    pub fn stop(&self) {
        self.shared().act(|inner| inner.machine.stop());
    }

    /// The host is back, its memory as it was.
    pub fn resume(&self) {
        self.shared().act(|inner| inner.machine.resume());
    }

    /// The epochs so far.
    #[must_use]
    pub fn epochs(&self) -> EpochStatus {
        self.shared().lock().machine.epochs()
    }

    /// What it has done so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared().lock().machine.counters()
    }

    /// Looks at the machine between two turns.
    pub fn look<R>(&self, look: impl FnOnce(&Machine) -> R) -> R {
        look(&self.shared().lock().machine)
    }
}

/// A host that has begun, and what is back with it.
#[derive(Debug)]
pub struct StartedHost {
    /// It.
    pub host: Host,
    /// What it was restored from.
    pub found: Found,
    /// Connections that are back, each with the number under which states of applications know it.
    pub returned: Vec<(u64, HiatusStream)>,
    /// Local and remote address of those that are not.
    pub lost: Vec<(SocketAddr, SocketAddr)>,
}

/// Calls on a host between which nothing happens.
#[derive(Debug)]
pub struct Transaction<'h> {
    inner: &'h mut Inner,
}

impl Transaction<'_> {
    /// Moves received octets into `octets`, without waiting, and says how many.
    pub fn read(&mut self, stream: &HiatusStream, octets: &mut [u8]) -> usize {
        self.inner.machine.read(stream.id(), octets)
    }

    /// Takes as many of `octets` as there is room for, without waiting, and says how many.
    ///
    /// # Errors
    ///
    /// A [`WriteError`].
    pub fn write(&mut self, stream: &HiatusStream, octets: &[u8]) -> Result<usize, WriteError> {
        self.inner.machine.write(stream.id(), octets)
    }

    /// The state under `name` is this from now on, in every epoch.
    pub fn put_state(&mut self, name: &str, octets: &[u8]) {
        self.inner.sockets.states.insert(name.to_owned(), (octets.to_vec(), Fresh::Yes));
        self.inner.machine.note_change();
    }

    /// There is no state under `name` any more.
    pub fn remove_state(&mut self, name: &str) {
        if self.inner.sockets.states.remove(name).is_some() {
            self.inner.sockets.removed.push(name.to_owned());
            self.inner.machine.note_change();
        }
    }

    /// The state under `name`.
    #[must_use]
    pub fn state(&self, name: &str) -> Option<&[u8]> {
        self.inner.sockets.states.get(name).map(|(octets, _)| octets.as_slice())
    }
}

/// The longest wait of the loop: a call that fails to wake it costs no more.
const PATIENCE_MAX: Duration = Duration::from_secs(1);

fn turn_until_stopped(mut event_loop: EventLoop, shared: &Shared) {
    loop {
        let patience = {
            let mut inner = shared.lock();
            let Inner { machine, sockets, stops } = &mut *inner;
            if *stops || !event_loop.obey(machine, sockets) {
                return;
            }
            match machine.turn(sockets) {
                Ok(next) => patience(machine, next),
                Err(error) => {
                    error!(%error, "the link failed: the host is cut off");
                    sockets.by_id.values_mut().for_each(Socket::lost);
                    return;
                }
            }
        };
        let patience = patience.map_or(PATIENCE_MAX, |patience| patience.min(PATIENCE_MAX));
        if let Err(error) = event_loop.wait(Some(patience), |_| {}) {
            error!(%error, "the loop of the host failed");
            return;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.lock().stops = true;
        self.shared.waker.wake().ok();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            thread.join().ok();
        }
    }
}
