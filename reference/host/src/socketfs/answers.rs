//! What each request is answered with. One that has to wait is given back, and tried again when something has changed.

use std::ffi::OsStr;
use std::net::SocketAddr;

use fuser::{
    Errno, FileHandle, FileType, Generation, INodeNo, PollEvents, ReplyData, ReplyDirectory, ReplyOpen,
};
use hiatus_engine::Command;
use rustix::io::Errno as Number;

use crate::epochs::StoreStatus;
use crate::machine::Machine;
use crate::socketfs::front::{Caller, Job, OPENED};
use crate::socketfs::service::{HANDLES_MAX, Handle, Sockets, WAITING_MAX, Waiting, accepted};
use crate::socketfs::socket::{Listening, Phase, Standing, Stream, Switch, backlog};
use crate::socketfs::texts;
use crate::socketfs::tree::{File, NO_TIME, Node};
use crate::socketfs::trouble::{errno, of_connect, of_listen};

/// Octets of the longest line that is understood.
const LINE_OCTETS_MAX: usize = 128;
/// The socket of a handle was released.
const RELEASED: Number = Number::CONNABORTED;

/// What became of a request.
pub(super) enum Outcome<T> {
    Done(T),
    Wait,
    Fail(Errno),
}

impl Sockets {
    /// Answers `job`, or gives it back if it has to wait.
    pub(super) fn attempt(&mut self, machine: &mut Machine, job: Job) -> Option<Job> {
        match job {
            Job::Lookup { parent, name, reply } => match self.find(parent, &name) {
                Some(node) => {
                    let serial = node.socket().and_then(|number| self.sockets.get(&number));
                    let generation = Generation(serial.map_or(0, |socket| socket.serial));
                    reply.entry(&NO_TIME, &node.attributes(self.owner), generation);
                }
                None => reply.error(Errno::ENOENT),
            },
            Job::Attributes { ino, handle, reply } => match self.open_node(ino, handle) {
                Some(node) => reply.attr(&NO_TIME, &node.attributes(self.owner)),
                None => reply.error(Errno::ENOENT),
            },
            Job::List { ino, offset, reply } => self.list(ino, offset, reply),
            Job::Open { ino, caller, reply } => return self.open(machine, ino, caller, reply),
            Job::Read { handle, octets_max, caller, reply } => {
                return self.read(machine, handle, octets_max, caller, reply);
            }
            Job::Poll { handle, notifier, reply } => {
                reply.poll(self.poll(machine, handle));
                if let Some(handle) = self.handles.get_mut(&handle)
                    && notifier.is_some()
                {
                    handle.notifier = notifier;
                }
            }
            Job::Release { handle, reply } => {
                if let Some(Handle { owns: Some((number, serial)), .. }) = self.handles.remove(&handle)
                    && self.sockets.get(&number).is_some_and(|socket| socket.serial == serial)
                {
                    self.release(machine, number);
                }
                reply.ok();
            }
            Job::Remove { parent, name, reply } => match self.find(parent, &name) {
                Some(Node::Socket(number)) => {
                    self.release(machine, number);
                    reply.ok();
                }
                Some(_) => reply.error(Errno::EPERM),
                None => reply.error(Errno::ENOENT),
            },
            Job::Unmounted => self.goes_on = false,
            write @ (Job::Write { .. } | Job::Connecting { .. } | Job::Written { .. } | Job::Sync { .. }) => {
                return self.attempt_write(machine, write);
            }
        }
        None
    }

    fn attempt_write(&mut self, machine: &mut Machine, job: Job) -> Option<Job> {
        match job {
            Job::Write { handle, octets, mut done, caller, reply } => {
                let node = self.handles.get(&handle).map(|handle| handle.node);
                let Some(Node::File(_, file)) = node else {
                    reply.error(Errno::EBADF);
                    return None;
                };
                let count = u32::try_from(octets.len()).unwrap_or(u32::MAX);
                let outcome = match file {
                    File::Data => self.write_data(machine, handle, &octets, &mut done, caller),
                    _ => match self.write_line(machine, handle, file, &octets) {
                        Ok(()) => Outcome::Done(octets.len()),
                        Err(error) => Outcome::Fail(error),
                    },
                };
                match outcome {
                    Outcome::Done(_) if file == File::Connect && caller.waits() => {
                        return self.attempt_write(machine, Job::Connecting { handle, count, caller, reply });
                    }
                    Outcome::Done(_)
                        if file == File::Data && caller.wants_durable() && has_store(machine) =>
                    {
                        let epoch = next_epoch(machine);
                        return Some(Job::Written { handle, count, epoch, caller, reply });
                    }
                    Outcome::Done(count) => reply.written(u32::try_from(count).unwrap_or(u32::MAX)),
                    Outcome::Wait => return Some(Job::Write { handle, octets, done, caller, reply }),
                    Outcome::Fail(error) => reply.error(error),
                }
            }
            Job::Connecting { handle, count, caller, reply } => match self.connected(handle) {
                Outcome::Done(()) => reply.written(count),
                Outcome::Wait => return Some(Job::Connecting { handle, count, caller, reply }),
                Outcome::Fail(error) => reply.error(error),
            },
            Job::Written { handle, count, epoch, caller, reply } => {
                if machine.epochs().durable < epoch {
                    return Some(Job::Written { handle, count, epoch, caller, reply });
                }
                reply.written(count);
            }
            Job::Sync { handle, epoch, caller, reply } => {
                if !has_store(machine) {
                    // As of a pipe or a socket: nothing is kept.
                    reply.error(Errno::EINVAL);
                    return None;
                }
                let epoch = epoch.unwrap_or_else(|| next_epoch(machine));
                if machine.epochs().durable < epoch {
                    return Some(Job::Sync { handle, epoch: Some(epoch), caller, reply });
                }
                reply.ok();
            }
            other => return Some(other),
        }
        None
    }

    /// Keeps a request that has to wait, if its caller wants that.
    pub(super) fn park(&mut self, job: Job) {
        let Some((handle, caller)) = job.waits() else { return job.refused(Errno::EIO) };
        let node = match (&job, handle) {
            (Job::Open { ino, .. }, _) => self.node(*ino),
            (_, handle) => handle.and_then(|handle| self.handles.get(&handle)).map(|handle| handle.node),
        };
        let Some(number) = node.and_then(Node::socket) else { return job.refused(Errno::EIO) };
        if !caller.waits() {
            return job.refused(Errno::EAGAIN);
        }
        if self.waiting.len() >= WAITING_MAX {
            return job.refused(errno(Number::NOBUFS));
        }
        self.waiting.push(Waiting { job, pid: caller.pid, number });
    }

    /// The node of a number, if it is there.
    fn node(&self, ino: INodeNo) -> Option<Node> {
        let node = Node::of(ino)?;
        let Some(number) = node.socket() else { return Some(node) };
        let socket = self.sockets.get(&number)?;
        let is_hidden =
            matches!(node, Node::File(_, File::AcceptSocket)) && !matches!(socket.phase, Phase::Listening(_));
        (!is_hidden).then_some(node)
    }

    /// The same for a file that is open: it stays what it is when its socket goes.
    fn open_node(&self, ino: INodeNo, handle: Option<u64>) -> Option<Node> {
        let open = handle.and_then(|handle| self.handles.get(&handle)).map(|handle| handle.node);
        open.or_else(|| self.node(ino))
    }

    fn find(&self, parent: INodeNo, name: &OsStr) -> Option<Node> {
        let parent = self.node(parent)?;
        let name = name.to_str()?;
        let child = parent.children().into_iter().find(|(known, _)| *known == name).map(|(_, node)| node);
        let node = match (child, parent) {
            (Some(node), _) => node,
            // As it is written, or `00` would be another name of the same socket.
            (None, Node::Tcp) => {
                Node::Socket(name.parse().ok().filter(|number: &u32| number.to_string() == name)?)
            }
            _ => return None,
        };
        self.node(node.ino())
    }

    fn list(&self, ino: INodeNo, offset: u64, mut reply: ReplyDirectory) {
        let Some(node) = self.node(ino) else { return reply.error(Errno::ENOENT) };
        if node.kind() != FileType::Directory {
            return reply.error(Errno::ENOTDIR);
        }
        let parent = match node {
            Node::Socket(_) => Node::Tcp,
            Node::Options(number) => Node::Socket(number),
            _ => Node::Root,
        };
        let mut entries = vec![(".".to_owned(), node), ("..".to_owned(), parent)];
        entries.extend(node.children().into_iter().map(|(name, child)| (name.to_owned(), child)));
        if node == Node::Tcp {
            entries.extend(self.sockets.keys().map(|number| (number.to_string(), Node::Socket(*number))));
        }
        entries.retain(|(_, child)| self.node(child.ino()).is_some());
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        for (next, (name, child)) in (1..).zip(&entries).skip(skipped) {
            if reply.add(child.ino(), next, child.kind(), name) {
                break;
            }
        }
        reply.ok();
    }

    fn open(&mut self, machine: &mut Machine, ino: INodeNo, caller: Caller, reply: ReplyOpen) -> Option<Job> {
        let Some(node) = self.node(ino) else {
            reply.error(Errno::ENOENT);
            return None;
        };
        if self.handles.len() >= HANDLES_MAX {
            reply.error(Errno::ENFILE);
            return None;
        }
        let made = match node {
            Node::NewSocket => self.add(Phase::New).map(Some),
            Node::File(number, File::AcceptSocket) => match self.accept(machine, number) {
                Outcome::Done(made) => Ok(Some(made)),
                Outcome::Wait => return Some(Job::Open { ino, caller, reply }),
                Outcome::Fail(error) => Err(error),
            },
            _ => Ok(None),
        };
        let owns = match made {
            Ok(owns) => owns,
            Err(error) => {
                reply.error(error);
                return None;
            }
        };
        let serial =
            node.socket().and_then(|number| self.sockets.get(&number)).map_or(0, |socket| socket.serial);
        let text = owns.map(|(number, _)| format!("tcp/{number}\n").into_bytes());
        let id = self.next_handle;
        self.next_handle += 1;
        self.handles.insert(id, Handle { node, serial, owns, text, notifier: None });
        if owns.is_some() {
            machine.note_change();
        }
        reply.opened(FileHandle(id), OPENED);
        None
    }

    /// The oldest connection that waits becomes a socket.
    fn accept(&mut self, machine: &mut Machine, number: u32) -> Outcome<(u32, u64)> {
        let Some(socket) = self.sockets.get_mut(&number) else { return Outcome::Fail(Errno::ENOENT) };
        let Phase::Listening(listening) = &mut socket.phase else { return Outcome::Fail(Errno::EINVAL) };
        let Some(stream) = listening.next(machine) else { return Outcome::Wait };
        let (id, back) = (stream.id, stream.id);
        match self.add(Phase::Connected(stream)) {
            Ok((number, serial)) => {
                if let Some(id) = id {
                    self.by_connection.insert(id, number);
                }
                Outcome::Done((number, serial))
            }
            Err(error) => {
                // It waits on: another socket may be released.
                if let Some(Phase::Listening(listening)) =
                    self.sockets.get_mut(&number).map(|socket| &mut socket.phase)
                    && let Some(id) = back
                {
                    listening.pending.push_front(id);
                }
                Outcome::Fail(error)
            }
        }
    }

    fn read(
        &mut self,
        machine: &mut Machine,
        handle: u64,
        octets_max: usize,
        caller: Caller,
        reply: ReplyData,
    ) -> Option<Job> {
        let Some(node) = self.handles.get(&handle).map(|handle| handle.node) else {
            reply.error(Errno::EBADF);
            return None;
        };
        let outcome = match node {
            Node::File(_, File::Data) => self.read_data(machine, handle, octets_max),
            Node::File(_, File::Peek) => self.peek_data(machine, handle, octets_max),
            _ => self.read_text(machine, handle, octets_max),
        };
        match outcome {
            Outcome::Done(octets) => reply.data(&octets),
            Outcome::Fail(error) => reply.error(error),
            Outcome::Wait => return Some(Job::Read { handle, octets_max, caller, reply }),
        }
        None
    }

    /// A text is read once for each time that it was opened, and then it ends.
    fn read_text(&mut self, machine: &Machine, handle: u64, octets_max: usize) -> Outcome<Vec<u8>> {
        let text = match self.handles.get(&handle) {
            Some(Handle { text: Some(_), .. }) => None,
            Some(Handle { node, .. }) => match self.text(machine, *node, handle) {
                Outcome::Done(text) => Some(text.into_bytes()),
                Outcome::Wait => return Outcome::Wait,
                Outcome::Fail(error) => return Outcome::Fail(error),
            },
            None => return Outcome::Fail(Errno::EBADF),
        };
        let Some(handle) = self.handles.get_mut(&handle) else { return Outcome::Fail(Errno::EBADF) };
        let rest = handle.text.get_or_insert_with(|| text.unwrap_or_default());
        let count = octets_max.min(rest.len());
        Outcome::Done(rest.drain(..count).collect())
    }

    fn text(&mut self, machine: &Machine, node: Node, handle: u64) -> Outcome<String> {
        let file = match node {
            Node::Address => return Outcome::Done(self.network.address()),
            Node::Netmask => return Outcome::Done(self.network.netmask()),
            Node::Gateway => return Outcome::Done(self.network.gateway()),
            Node::LinkState => return Outcome::Done("up\n".to_owned()),
            Node::File(_, file) => file,
            _ => return Outcome::Fail(Errno::EISDIR),
        };
        if file == File::Connect {
            return match self.connected(handle) {
                Outcome::Done(()) => Outcome::Done("connected\n".to_owned()),
                Outcome::Wait => Outcome::Wait,
                Outcome::Fail(error) => Outcome::Fail(error),
            };
        }
        let Some((_, socket)) = self.of_handle(handle) else { return Outcome::Fail(errno(RELEASED)) };
        match (file, &socket.phase) {
            (File::Accept, Phase::Listening(listening)) if listening.pending.is_empty() => Outcome::Wait,
            (File::Accept, Phase::Listening(_)) => Outcome::Done("1\n".to_owned()),
            (File::Accept, _) => Outcome::Fail(Errno::EINVAL),
            _ => match texts::of_socket(file, socket, machine) {
                Ok(text) => Outcome::Done(text),
                Err(error) => Outcome::Fail(error),
            },
        }
    }

    fn connected(&mut self, handle: u64) -> Outcome<()> {
        let Some((_, socket)) = self.of_handle(handle) else { return Outcome::Fail(errno(RELEASED)) };
        match socket.stream() {
            None => Outcome::Fail(errno(Number::NOTCONN)),
            Some(Stream { over: Some(over), is_ended: false, .. }) => Outcome::Fail(over.number()),
            Some(Stream { standing: Standing::Opening, .. }) => Outcome::Wait,
            Some(_) => Outcome::Done(()),
        }
    }

    fn read_data(&mut self, machine: &mut Machine, handle: u64, octets_max: usize) -> Outcome<Vec<u8>> {
        let Some((_, socket)) = self.of_handle(handle) else { return Outcome::Fail(errno(RELEASED)) };
        let Some(stream) = socket.stream_mut() else { return Outcome::Fail(errno(Number::NOTCONN)) };
        let waiting = stream.id.map_or(0, |id| machine.endpoint().readable_octets(id));
        if let Some(id) = stream.id
            && waiting > 0
        {
            let mut octets = vec![0; waiting.min(octets_max)];
            let count = machine.read(id, &mut octets);
            octets.truncate(count);
            stream.read_octets += u64::try_from(count).unwrap_or(0);
            socket.is_fresh = true;
            return Outcome::Done(octets);
        }
        nothing_to_read(machine, stream)
    }

    fn peek_data(&mut self, machine: &Machine, handle: u64, octets_max: usize) -> Outcome<Vec<u8>> {
        // Once for each time it was opened: `cat` would never end.
        if self.handles.get(&handle).is_some_and(|handle| handle.text.is_some()) {
            return self.read_text(machine, handle, octets_max);
        }
        let Some((_, socket)) = self.of_handle(handle) else { return Outcome::Fail(errno(RELEASED)) };
        let Some(stream) = socket.stream() else { return Outcome::Fail(errno(Number::NOTCONN)) };
        let waiting = stream.id.map_or(0, |id| machine.endpoint().readable_octets(id));
        let Some(id) = stream.id.filter(|_| waiting > 0) else { return nothing_to_read(machine, stream) };
        let mut octets = vec![0; waiting.min(octets_max)];
        let count = machine.endpoint().peek(id, &mut octets);
        octets.truncate(count);
        if let Some(handle) = self.handles.get_mut(&handle) {
            handle.text = Some(Vec::new());
        }
        Outcome::Done(octets)
    }

    fn write_data(
        &mut self,
        machine: &mut Machine,
        handle: u64,
        octets: &[u8],
        done: &mut usize,
        caller: Caller,
    ) -> Outcome<usize> {
        let Some((_, socket)) = self.of_handle(handle) else { return Outcome::Fail(errno(RELEASED)) };
        let Some(stream) = socket.stream_mut() else { return Outcome::Fail(errno(Number::NOTCONN)) };
        let refused = |error: Errno| if *done > 0 { Outcome::Done(*done) } else { Outcome::Fail(error) };
        let id = match (&stream.over, stream.id) {
            (Some(over), _) => return refused(over.number()),
            (None, None) => return refused(Errno::EPIPE),
            (None, Some(id)) => id,
        };
        if stream.standing == Standing::Opening {
            return Outcome::Wait;
        }
        let rest = octets.get(*done..).unwrap_or_default();
        match machine.write(id, rest) {
            Ok(count) => {
                *done += count;
                stream.written_octets += u64::try_from(count).unwrap_or(0);
                socket.is_fresh |= count > 0;
                // Who does not wait is told how far it came.
                let is_done = *done == octets.len() || (*done > 0 && !caller.waits());
                if is_done { Outcome::Done(*done) } else { Outcome::Wait }
            }
            Err(_) => refused(Errno::EPIPE),
        }
    }

    fn poll(&mut self, machine: &Machine, handle: u64) -> PollEvents {
        let always = PollEvents::POLLIN | PollEvents::POLLOUT;
        let Some(Node::File(_, file)) = self.handles.get(&handle).map(|handle| handle.node) else {
            return always;
        };
        let Some((_, socket)) = self.of_handle(handle) else { return always | PollEvents::POLLHUP };
        let mut events = PollEvents::empty();
        match (&socket.phase, file) {
            (Phase::Listening(listening), File::Accept) if listening.pending.is_empty() => events,
            (Phase::Connected(stream), File::Data | File::Peek | File::Connect) => {
                let is_open = stream.standing == Standing::Open;
                let readable = stream.id.map_or(0, |id| machine.endpoint().readable_octets(id));
                let writable = stream.id.map_or(0, |id| machine.endpoint().writable_octets(id));
                let is_at_end = is_open && stream.is_at_end(machine);
                let can_read = readable > 0 || is_at_end || (file == File::Connect && is_open);
                events.set(PollEvents::POLLIN, can_read || stream.over.is_some());
                events.set(PollEvents::POLLOUT, (is_open && writable > 0) || stream.over.is_some());
                events.set(PollEvents::POLLHUP, stream.over.is_some());
                let is_error = stream.over.is_some() && !is_at_end;
                events.set(PollEvents::POLLERR, is_error);
                events
            }
            _ => always,
        }
    }

    fn write_line(
        &mut self,
        machine: &mut Machine,
        handle: u64,
        file: File,
        octets: &[u8],
    ) -> Result<(), Errno> {
        let line = octets.get(..LINE_OCTETS_MAX.min(octets.len())).unwrap_or_default();
        let text = std::str::from_utf8(line).map_err(|_| Errno::EINVAL)?.trim();
        let number = self.of_handle(handle).map(|(number, _)| number).ok_or(errno(RELEASED))?;
        machine.note_change();
        self.stirred.insert(number);
        let parsed = || text.parse::<SocketAddr>().map_err(|_| Errno::EINVAL);
        match file {
            File::Bind => self.bind(number, parsed()?),
            File::Connect => self.connect(machine, number, parsed()?),
            File::Listen => self.listen(machine, number, text.parse().map_err(|_| Errno::EINVAL)?),
            File::Shutdown => self.shut_down(machine, number, text),
            File::SoKeepalive | File::TcpNodelay | File::TcpUserTimeout => {
                self.set_option(machine, number, file, text)
            }
            _ => Err(Errno::EACCES),
        }
    }

    fn bind(&mut self, number: u32, address: SocketAddr) -> Result<(), Errno> {
        if !self.network.has(address.ip()) {
            return Err(errno(Number::ADDRNOTAVAIL));
        }
        let others = self.sockets.iter().filter(|(other, _)| **other != number);
        if address.port() != 0 && others.into_iter().any(|(_, socket)| socket.conflicts_with(address)) {
            return Err(errno(Number::ADDRINUSE));
        }
        let socket = self.sockets.get_mut(&number).ok_or(Errno::ENOENT)?;
        if !matches!(socket.phase, Phase::New) || socket.bound.is_some() {
            return Err(Errno::EINVAL);
        }
        socket.bound = Some(address);
        socket.is_fresh = true;
        Ok(())
    }

    fn connect(&mut self, machine: &mut Machine, number: u32, remote: SocketAddr) -> Result<(), Errno> {
        let socket = self.sockets.get_mut(&number).ok_or(Errno::ENOENT)?;
        match &socket.phase {
            Phase::New => {}
            Phase::Listening(_) => return Err(Errno::EINVAL),
            // An attempt that failed can be repeated.
            Phase::Connected(stream) => match (stream.standing, &stream.over) {
                (Standing::Opening, Some(_)) => drop(stream.id.map(|id| self.by_connection.remove(&id))),
                (Standing::Opening, None) => return Err(errno(Number::ALREADY)),
                (Standing::Open, _) => return Err(errno(Number::ISCONN)),
            },
        }
        let bound = socket.bound.filter(|bound| bound.is_ipv4() == remote.is_ipv4());
        let source = bound.map(|bound| bound.ip()).filter(|address| !address.is_unspecified());
        let source =
            source.or_else(|| self.network.source(remote.ip())).ok_or(errno(Number::ADDRNOTAVAIL))?;
        let local = SocketAddr::new(source, bound.map_or(0, |bound| bound.port()));
        let id = machine.connect(local, remote).map_err(of_connect)?;
        let local = machine.endpoint().local(id).unwrap_or(local);
        socket.phase = Phase::Connected(Stream::new(id, local, remote, Standing::Opening));
        socket.is_fresh = true;
        self.by_connection.insert(id, number);
        self.apply_options(machine, number);
        Ok(())
    }

    fn listen(&mut self, machine: &mut Machine, number: u32, accept_max: usize) -> Result<(), Errno> {
        let socket = self.sockets.get_mut(&number).ok_or(Errno::ENOENT)?;
        let Phase::New = socket.phase else { return Err(Errno::EINVAL) };
        let local = socket.bound.ok_or(errno(Number::DESTADDRREQ))?;
        let accept_max = accept_max.clamp(1, 4096);
        let id = machine.listen(local, backlog(accept_max)).map_err(of_listen)?;
        let pending = std::collections::VecDeque::new();
        socket.phase = Phase::Listening(Listening { id, local, backlog: accept_max, pending });
        socket.is_fresh = true;
        Ok(())
    }

    fn shut_down(&mut self, machine: &mut Machine, number: u32, how: &str) -> Result<(), Errno> {
        let socket = self.sockets.get_mut(&number).ok_or(Errno::ENOENT)?;
        let id = socket.connection().ok_or(errno(Number::NOTCONN))?;
        let command = match how {
            "write" => Command::Close,
            "abort" => Command::Abort,
            _ => return Err(Errno::EINVAL),
        };
        machine.command(id, command).map_err(|_| errno(Number::NOTCONN))
    }

    fn set_option(
        &mut self,
        machine: &mut Machine,
        number: u32,
        file: File,
        text: &str,
    ) -> Result<(), Errno> {
        let value: u64 = text.parse().map_err(|_| Errno::EINVAL)?;
        let switch = if value == 0 { Switch::Off } else { Switch::On };
        let socket = self.sockets.get_mut(&number).ok_or(Errno::ENOENT)?;
        match file {
            File::SoKeepalive => socket.options.keepalive = Some(switch),
            File::TcpNodelay => socket.options.nodelay = Some(switch),
            _ => socket.options.user_timeout_ms = (value > 0).then_some(value),
        }
        socket.is_fresh = true;
        self.apply_options(machine, number);
        Ok(())
    }
}

impl Listening {
    /// The oldest connection that waits and is still there.
    fn next(&mut self, machine: &mut Machine) -> Option<Stream> {
        let mut next = self.pending.pop_front().or_else(|| machine.accept(self.id));
        while let Some(id) = next {
            if let Some(stream) = accepted(machine, id) {
                return Some(stream);
            }
            next = self.pending.pop_front().or_else(|| machine.accept(self.id));
        }
        None
    }
}

fn nothing_to_read(machine: &Machine, stream: &Stream) -> Outcome<Vec<u8>> {
    if stream.standing == Standing::Open && stream.is_at_end(machine) {
        return Outcome::Done(Vec::new());
    }
    match &stream.over {
        Some(over) => Outcome::Fail(over.number()),
        None => Outcome::Wait,
    }
}

fn has_store(machine: &Machine) -> bool {
    machine.epochs().store != StoreStatus::Absent
}

/// The epoch that will have everything so far.
fn next_epoch(machine: &mut Machine) -> u32 {
    machine.note_change();
    machine.epochs().taken.wrapping_add(1)
}
