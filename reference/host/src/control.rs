//! How operators talk to a host that runs: a Unix socket that takes a line of JSON and gives one, and two signals.

mod client;
mod generation;
mod request;
mod status;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGTERM, SIGUSR1, SIGUSR2};
use tracing::{info, warn};

use crate::event_loop::Wired;
use crate::machine::Machine;

pub use client::{ControlClient, ControlError};
use generation::Generation;
pub use request::{Answer, Reply, Request};
pub use status::{ConnectionStatus, Status};

/// Clients at a time; another one waits in the backlog.
const CLIENTS_MAX: usize = 64;
/// Octets of the longest line that a client may send.
const LINE_OCTETS_MAX: usize = 64 * 1024;
/// Tokens of the control, far above those of services.
const TOKEN_BASE: usize = 1 << 48;
const LISTENER: Token = Token(TOKEN_BASE);
const FIRST_CLIENT: usize = TOKEN_BASE + 1;
/// And of the signals, above those of the clients.
const SIGNALS: [(i32, Token); 3] = [
    (SIGUSR1, Token(TOKEN_BASE * 2)),
    (SIGUSR2, Token(TOKEN_BASE * 2 + 1)),
    (SIGTERM, Token(TOKEN_BASE * 2 + 2)),
];

/// The socket, its clients, and the signals.
#[derive(Debug, Default)]
pub(crate) struct Control {
    listener: Option<(UnixListener, PathBuf)>,
    clients: BTreeMap<usize, Client>,
    signals: Vec<(i32, UnixStream)>,
    next_client: usize,
    generation: Generation,
    /// SIGTERM came.
    pub(crate) ends: bool,
}

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// An epoch whose durability it waits for.
    waits_for: Option<u32>,
}

impl Control {
    /// Listens at `path`, readable by the owner only; what a dead process left there goes.
    pub(crate) fn open(&mut self, path: &Path, registry: &Registry) -> io::Result<()> {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers there"));
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        self.listener = Some((listener, path.to_owned()));
        Ok(())
    }

    /// Takes SIGUSR1, SIGUSR2 and SIGTERM from now on. `generation` is a file that changes when this memory comes back older.
    pub(crate) fn catch_signals(&mut self, generation: Option<&Path>, registry: &Registry) -> io::Result<()> {
        self.generation = Generation::watch(generation);
        for (signal, token) in SIGNALS {
            let (mut reader, writer) = UnixStream::pair()?;
            registry.register(&mut reader, token, Interest::READABLE)?;
            signal_hook::low_level::pipe::register(signal, std::os::fd::OwnedFd::from(writer))?;
            self.signals.push((signal, reader));
        }
        Ok(())
    }

    /// Whether `token` is one of its own.
    pub(crate) fn owns(token: Token) -> bool {
        token.0 >= TOKEN_BASE
    }

    /// One of its descriptors is ready.
    pub(crate) fn handle_ready(
        &mut self,
        token: Token,
        registry: &Registry,
        machine: &mut Machine,
        service: &mut impl Wired,
    ) {
        if token == LISTENER {
            self.accept(registry);
        } else if let Some((signal, stream)) = self
            .signals
            .iter_mut()
            .find(|(signal, _)| SIGNALS.iter().any(|(known, its)| known == signal && *its == token))
        {
            let signal = *signal;
            // As often as it came, it is one.
            while stream.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
            self.handle_signal(signal, machine, service);
        } else {
            self.serve(token.0, registry, machine, service);
        }
    }

    fn handle_signal(&mut self, signal: i32, machine: &mut Machine, service: &mut impl Wired) {
        match signal {
            SIGUSR1 => {
                self.generation.remember();
                let epoch = machine.snapshot(service);
                info!(?epoch, "SIGUSR1: snapshot");
            }
            SIGUSR2 if self.generation.has_changed() => {
                let restored = request::restored(machine, service, None);
                self.generation.remember();
                match restored {
                    Ok(count) => info!(connections = count, "SIGUSR2: restored"),
                    Err(error) => warn!(%error, "SIGUSR2: this memory came back, and cannot go on"),
                }
            }
            SIGUSR2 => {
                let epoch = machine.epochs().taken;
                machine.durable(service, epoch);
                info!(epoch, "SIGUSR2: durable");
            }
            _ => self.ends = true,
        }
    }

    fn accept(&mut self, registry: &Registry) {
        while self.clients.len() < CLIENTS_MAX {
            let Some((listener, _)) = &self.listener else { return };
            let Ok((mut stream, _)) = listener.accept() else { return };
            let number = FIRST_CLIENT + self.next_client;
            self.next_client += 1;
            let both = Interest::READABLE | Interest::WRITABLE;
            if registry.register(&mut stream, Token(number), both).is_ok() {
                let client = Client { stream, input: Vec::new(), output: Vec::new(), waits_for: None };
                self.clients.insert(number, client);
            }
        }
    }

    fn serve(&mut self, number: usize, registry: &Registry, machine: &mut Machine, service: &mut impl Wired) {
        let Some(client) = self.clients.get_mut(&number) else { return };
        let mut is_open = client.fill();
        while let Some(line) = client.next_line() {
            let reply = match serde_json::from_slice::<Request>(&line) {
                Ok(Request::Snapshot { wait: true }) => {
                    let epoch = machine.snapshot(service).unwrap_or_else(|| machine.epochs().taken);
                    client.waits_for = Some(epoch);
                    continue;
                }
                Ok(request) => request::carry_out(&request, machine, service),
                Err(error) => Reply::refused(format!("not a request: {error}")),
            };
            client.reply(&reply);
        }
        is_open &= client.flush();
        if !is_open {
            if let Some(mut client) = self.clients.remove(&number) {
                registry.deregister(&mut client.stream).ok();
            }
            self.accept(registry);
        }
    }

    /// Once in each round: answers those who wait for an epoch that is durable now.
    pub(crate) fn handle_round(&mut self, machine: &Machine) {
        let durable = machine.epochs().durable;
        for client in self.clients.values_mut() {
            if let Some(epoch) = client.waits_for.filter(|epoch| *epoch <= durable) {
                client.waits_for = None;
                client.reply(&Reply::Done(Answer::Epoch { epoch, durable: true }));
                client.flush();
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.listener {
            fs::remove_file(path).ok();
        }
    }
}

impl Client {
    /// Reads what is there; false if nobody is there any more, or talks without end.
    fn fill(&mut self) -> bool {
        let mut octets = [0; 4096];
        loop {
            match self.stream.read(&mut octets) {
                Ok(0) => return false,
                Ok(count) => self.input.extend_from_slice(octets.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
            if self.input.len() > LINE_OCTETS_MAX && !self.input.contains(&b'\n') {
                return false;
            }
        }
    }

    fn next_line(&mut self) -> Option<Vec<u8>> {
        let end = self.input.iter().position(|octet| *octet == b'\n')?;
        let line = self.input.drain(..=end).collect();
        Some(line)
    }

    fn reply(&mut self, reply: &Reply) {
        if let Ok(line) = serde_json::to_vec(reply) {
            self.output.extend_from_slice(&line);
            self.output.push(b'\n');
        }
    }

    fn flush(&mut self) -> bool {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(0) => return false,
                Ok(count) => drop(self.output.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }
}
