//! The sockets of a mount: what runs on the machine, and answers the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use fuser::{Errno, PollNotifier};
use hiatus_engine::{Command, ConnectionId, Event, Extent, KeepAlive, Nagle};
use rustix::io::Errno as Number;
use tracing::{info, warn};

use crate::epochs::{States, StatesFound};
use crate::event_loop::Wired;
use crate::machine::{Machine, Returned, Service};
use crate::socketfs::front::Job;
use crate::socketfs::signals::{LOOK_EVERY, has_signal};
use crate::socketfs::socket::{Kept, Phase, Role, Socket, Standing, Switch, backlog};
use crate::socketfs::socket::{Listening, Stream};
use crate::socketfs::texts::Network;
use crate::socketfs::tree::Node;
use crate::socketfs::trouble::{Over, errno};

/// The states of the sockets in an epoch have this before their number.
pub(super) const STATE_PREFIX: &str = "socketfs/";
/// Requests that may wait at a time; another one is refused with ENOBUFS.
pub(super) const WAITING_MAX: usize = 1024;
/// Handles that may be open at a time.
pub(super) const HANDLES_MAX: usize = 16 * 1024;
/// Requests that one round answers before the link has its turn.
const JOBS_PER_ROUND: usize = 256;

/// An open file.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) node: Node,
    /// Of its socket.
    pub(super) serial: u64,
    /// The socket that goes with it.
    pub(super) owns: Option<(u32, u64)>,
    /// What is left to read of a text; `None` before the first read.
    pub(super) text: Option<Vec<u8>>,
    /// Who polls it.
    pub(super) notifier: Option<PollNotifier>,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) job: Job,
    pub(super) pid: u32,
    /// Its socket.
    pub(super) number: u32,
}

/// All sockets of a mount.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) sockets: BTreeMap<u32, Socket>,
    pub(super) sockets_max: u32,
    pub(super) handles: BTreeMap<u64, Handle>,
    pub(super) by_connection: BTreeMap<ConnectionId, u32>,
    pub(super) network: Network,
    pub(super) owner: (u32, u32),
    pub(super) waiting: Vec<Waiting>,
    /// Sockets of which something may have changed for those who wait.
    pub(super) stirred: BTreeSet<u32>,
    pub(super) goes_on: bool,
    pub(super) next_handle: u64,
    serials: u64,
    removed: Vec<u32>,
    jobs: Receiver<Job>,
    has_more_jobs: bool,
    looked: Instant,
}

impl Sockets {
    pub(super) fn new(jobs: Receiver<Job>, network: Network, sockets_max: u32, owner: (u32, u32)) -> Self {
        Self {
            sockets: BTreeMap::new(),
            sockets_max,
            handles: BTreeMap::new(),
            by_connection: BTreeMap::new(),
            network,
            owner,
            waiting: Vec::new(),
            stirred: BTreeSet::new(),
            goes_on: true,
            next_handle: 1,
            serials: 0,
            removed: Vec::new(),
            jobs,
            has_more_jobs: false,
            looked: Instant::now(),
        }
    }

    /// Brings back what an epoch has, with the connections that came back for it.
    pub(super) fn restore(&mut self, machine: &mut Machine, states: &StatesFound, returned: &[Returned]) {
        let mut free: BTreeMap<u64, Returned> = returned.iter().map(|back| (back.was, *back)).collect();
        for (name, octets) in states {
            let Some(number) = name.strip_prefix(STATE_PREFIX).and_then(|text| text.parse().ok()) else {
                continue;
            };
            let Ok(Kept { bound, options, role }) = serde_json::from_slice(octets) else {
                warn!(name, "the state of a socket cannot be read: it is gone");
                self.removed.push(number);
                continue;
            };
            let phase = match role {
                Role::New => Phase::New,
                Role::Listening { local, backlog: accept_max } => {
                    match machine.listen(local, backlog(accept_max)) {
                        Ok(id) => Phase::Listening(Listening {
                            id,
                            local,
                            backlog: accept_max,
                            pending: std::collections::VecDeque::new(),
                        }),
                        Err(error) => {
                            warn!(%error, "a socket listens no longer");
                            Phase::New
                        }
                    }
                }
                Role::Connected(kept) => {
                    let back = kept.connection.and_then(|was| free.remove(&was));
                    if let Some(back) = back {
                        self.by_connection.insert(back.id, number);
                    }
                    Phase::Connected(kept.returned(back.map(|back| back.id)))
                }
            };
            let serial = self.next_serial();
            self.sockets.insert(number, Socket { bound, options, ..Socket::new(serial, phase) });
            self.apply_options(machine, number);
        }
        for back in free.into_values() {
            self.adopt(machine, &back);
        }
        if !self.sockets.is_empty() {
            info!(sockets = self.sockets.len(), "sockets are back under their numbers");
        }
    }

    /// A connection that no socket has: it waited to be accepted, or nobody wants it any more.
    fn adopt(&mut self, machine: &mut Machine, back: &Returned) {
        let listening = self.sockets.values_mut().find_map(|socket| match &mut socket.phase {
            Phase::Listening(listening)
                if listening.local.port() == back.local.port()
                    && (listening.local.ip() == back.local.ip() || listening.local.ip().is_unspecified()) =>
            {
                Some(listening)
            }
            _ => None,
        });
        match listening {
            Some(listening) => listening.pending.push_back(back.id),
            // One that is closing already goes on doing so.
            None => drop(machine.command(back.id, Command::CloseBoth)),
        }
    }

    pub(super) fn next_serial(&mut self) -> u64 {
        self.serials += 1;
        self.serials
    }

    /// A new socket under the lowest number that is free.
    pub(super) fn add(&mut self, phase: Phase) -> Result<(u32, u64), Errno> {
        let number = (0..self.sockets_max).find(|number| !self.sockets.contains_key(number));
        let number = number.ok_or(errno(Number::NFILE))?;
        let serial = self.next_serial();
        self.sockets.insert(number, Socket::new(serial, phase));
        self.removed.retain(|removed| *removed != number);
        Ok((number, serial))
    }

    /// The socket of a handle, unless it was released meanwhile.
    pub(super) fn of_handle(&mut self, handle: u64) -> Option<(u32, &mut Socket)> {
        let handle = self.handles.get(&handle)?;
        let (number, serial) = (handle.node.socket()?, handle.serial);
        let socket = self.sockets.get_mut(&number).filter(|socket| socket.serial == serial)?;
        Some((number, socket))
    }

    /// The socket goes, and its connection is closed as close(2) does.
    pub(super) fn release(&mut self, machine: &mut Machine, number: u32) {
        let Some(socket) = self.sockets.remove(&number) else { return };
        match socket.phase {
            Phase::New => {}
            Phase::Listening(listening) => {
                machine.unlisten(listening.id);
                for id in listening.pending {
                    machine.command(id, Command::Abort).ok();
                }
            }
            Phase::Connected(stream) => {
                if let Some(id) = stream.id {
                    self.by_connection.remove(&id);
                    // One that is over already has nothing to close.
                    machine.command(id, Command::CloseBoth).ok();
                }
            }
        }
        self.removed.push(number);
        self.stirred.insert(number);
        machine.note_change();
    }

    /// What is set for a socket, on its connection.
    pub(super) fn apply_options(&self, machine: &mut Machine, number: u32) {
        let Some(socket) = self.sockets.get(&number) else { return };
        let Some(id) = socket.connection() else { return };
        let options = socket.options;
        let keepalive = options
            .keepalive
            .map(|switch| Command::SetKeepAlive((switch == Switch::On).then(KeepAlive::default)));
        let nagle = options
            .nodelay
            .map(|switch| Command::SetNagle(if switch == Switch::On { Nagle::Off } else { Nagle::On }));
        let timeout = options.user_timeout_ms.filter(|timeout_ms| *timeout_ms > 0);
        let timeout =
            timeout.map(|timeout_ms| Command::SetUserTimeout { r2: Duration::from_millis(timeout_ms) });
        for command in [keepalive, nagle, timeout].into_iter().flatten() {
            // One that is over needs no options.
            machine.command(id, command).ok();
        }
    }

    fn note(&mut self, machine: &mut Machine, id: ConnectionId, event: Event) {
        let Some(number) = self.by_connection.get(&id).copied() else {
            return self.note_unaccepted(machine, id, event);
        };
        self.stirred.insert(number);
        let Some(socket) = self.sockets.get_mut(&number) else { return };
        let Some(stream) = socket.stream_mut() else { return };
        match event {
            Event::Connected => stream.standing = Standing::Open,
            Event::PeerClosed => stream.is_ended = true,
            Event::Closed { reason } => stream.over = Some(Over::of(reason)),
            // What was read or written before may still be news.
            _ => return,
        }
        socket.is_fresh = true;
        if event == Event::Connected {
            self.apply_options(machine, number);
        }
    }

    /// Something happened to a connection that no socket has yet, or no longer.
    fn note_unaccepted(&mut self, machine: &mut Machine, id: ConnectionId, event: Event) {
        for (number, socket) in &mut self.sockets {
            let Phase::Listening(listening) = &mut socket.phase else { continue };
            if matches!(event, Event::Closed { .. }) {
                listening.pending.retain(|pending| *pending != id);
            }
            while listening.pending.len() < listening.backlog.max(1)
                && let Some(id) = machine.accept(listening.id)
            {
                listening.pending.push_back(id);
                self.stirred.insert(*number);
            }
        }
    }

    /// Tries again what waits for the sockets of which something changed, and tells who polls them.
    fn serve_stirred(&mut self, machine: &mut Machine) {
        // Each answer may change something for others: once more, then, but not without end.
        for _ in 0..4 {
            let stirred = std::mem::take(&mut self.stirred);
            if stirred.is_empty() {
                return;
            }
            let all = std::mem::take(&mut self.waiting);
            for Waiting { job, pid, number } in all {
                if !stirred.contains(&number) {
                    self.waiting.push(Waiting { job, pid, number });
                } else if let Some(job) = self.attempt(machine, job) {
                    self.waiting.push(Waiting { job, pid, number });
                }
            }
            for handle in self.handles.values() {
                let is_stirred = handle.node.socket().is_some_and(|number| stirred.contains(&number));
                if is_stirred && let Some(notifier) = &handle.notifier {
                    // A handle that was closed meanwhile needs no telling.
                    notifier.clone().notify().ok();
                }
            }
        }
    }

    /// Gives up what waits for threads that got a signal.
    fn look_for_signals(&mut self) {
        if self.waiting.is_empty() || self.looked.elapsed() < LOOK_EVERY {
            return;
        }
        self.looked = Instant::now();
        let all = std::mem::take(&mut self.waiting);
        let (interrupted, waiting) = all.into_iter().partition(|waiting: &Waiting| has_signal(waiting.pid));
        self.waiting = waiting;
        let interrupted: Vec<Waiting> = interrupted;
        for Waiting { job, .. } in interrupted {
            job.interrupted();
        }
    }
}

impl Service for Sockets {
    fn handle_event(&mut self, machine: &mut Machine, id: ConnectionId, event: Event) {
        self.note(machine, id, event);
    }

    fn taken(&mut self, states: &mut States<'_>, _epoch: u32) {
        let is_whole = states.extent() == Extent::Full;
        for number in std::mem::take(&mut self.removed) {
            if !is_whole {
                states.remove(&format!("{STATE_PREFIX}{number}"));
            }
        }
        for (number, socket) in &mut self.sockets {
            if (socket.is_fresh || is_whole)
                && let Ok(octets) = serde_json::to_vec(&socket.kept())
            {
                states.put(&format!("{STATE_PREFIX}{number}"), &octets);
                socket.is_fresh = false;
            }
        }
    }

    fn durable(&mut self, _machine: &mut Machine, _epoch: u32) {
        let wait = self.waiting.iter().filter(|waiting| waiting.job.waits_for_epoch());
        self.stirred.extend(wait.map(|waiting| waiting.number));
    }
}

impl Wired for Sockets {
    fn handle_ready(&mut self, _machine: &mut Machine, _event: &mio::event::Event) {
        // SIGINT or SIGHUP.
        self.goes_on = false;
    }

    fn handle_round(&mut self, machine: &mut Machine) {
        self.has_more_jobs = true;
        for _ in 0..JOBS_PER_ROUND {
            let Ok(job) = self.jobs.try_recv() else {
                self.has_more_jobs = false;
                break;
            };
            if let Some(job) = self.attempt(machine, job) {
                self.park(job);
            }
        }
        self.serve_stirred(machine);
        self.look_for_signals();
    }

    fn patience(&self, _machine: &Machine) -> Option<Duration> {
        if self.has_more_jobs || !self.stirred.is_empty() || !self.goes_on {
            return Some(Duration::ZERO);
        }
        (!self.waiting.is_empty()).then_some(LOOK_EVERY)
    }

    fn goes_on(&self) -> bool {
        self.goes_on
    }

    fn handle_restored(
        &mut self,
        _machine: &mut Machine,
        returned: &[Returned],
        listeners: &[(hiatus_engine::ListenerId, hiatus_engine::ListenerId)],
    ) {
        let now = |id: ConnectionId| returned.iter().find(|back| back.was == id.number()).map(|back| back.id);
        self.by_connection.clear();
        for (number, socket) in &mut self.sockets {
            self.stirred.insert(*number);
            socket.is_fresh = true;
            match &mut socket.phase {
                Phase::New => {}
                Phase::Listening(listening) => {
                    if let Some((_, new)) = listeners.iter().find(|(old, _)| *old == listening.id) {
                        listening.id = *new;
                    }
                    listening.pending = listening.pending.iter().copied().filter_map(now).collect();
                }
                Phase::Connected(stream) => {
                    stream.id = stream.id.and_then(now);
                    match stream.id {
                        Some(id) => drop(self.by_connection.insert(id, *number)),
                        None if stream.over.is_none() && !stream.is_ended => stream.over = Some(Over::lost()),
                        None => {}
                    }
                }
            }
        }
    }

    fn status(&self, _machine: &Machine) -> serde_json::Value {
        serde_json::json!({
            "service": "socketfs",
            "sockets": self.sockets.len(),
            "handles": self.handles.len(),
            "waiting": self.waiting.len(),
        })
    }
}

/// A new connection of a listener, as a socket has it.
pub(super) fn accepted(machine: &Machine, id: ConnectionId) -> Option<Stream> {
    let endpoint = machine.endpoint();
    let (local, remote) = (endpoint.local(id)?, endpoint.remote(id)?);
    Some(Stream::new(id, local, remote, Standing::Open))
}
