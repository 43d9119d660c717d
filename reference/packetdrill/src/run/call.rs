//! Calls of the application: made, made again while they wait, and their results compared.

use std::time::Duration;

use hiatus_engine::Time;

use super::argument::{Arguments, field};
use super::flow::pattern;
use super::{Mismatch, Runner, Seconds};
use crate::errno::{Errno, Refusal};
use crate::script::{Call, Step, Value, When};
use crate::sockets::{EpollChange, EpollEvent, Fd, MessageFlags, OptionValue, PollEntry};

/// A call that waits.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) line: usize,
    pub(super) text: String,
    call: Call,
    /// When it is to return.
    ends: Time,
    /// When its own timeout ends it.
    pub(super) deadline: Option<Time>,
    progress: Progress,
}

/// What a call that waits has done already.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    written: usize,
    deadline: Option<Time>,
}

/// What a call returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Returned {
    result: i64,
    errno: Option<Errno>,
}

/// Why a call did not return.
enum Stop {
    Blocks,
    Mismatch(Mismatch),
}

impl From<Mismatch> for Stop {
    fn from(mismatch: Mismatch) -> Self {
        Self::Mismatch(mismatch)
    }
}

/// A result of the sockets as a call returns it.
fn returned<T>(
    found: Result<T, impl Into<Refusal>>,
    result: impl FnOnce(T) -> i64,
) -> Result<Returned, Stop> {
    match found.map_err(Into::into) {
        Ok(found) => Ok(Returned { result: result(found), errno: None }),
        Err(Refusal::Failed(errno)) => Ok(Returned { result: -1, errno: Some(errno) }),
        Err(Refusal::Blocks) => Err(Stop::Blocks),
    }
}

fn count(octets: usize) -> i64 {
    i64::try_from(octets).unwrap_or(i64::MAX)
}

impl Runner<'_> {
    /// Makes a call; it may wait if the script says so.
    pub(super) fn start_call(&mut self, step: &Step, call: &Call) -> Result<(), Mismatch> {
        let mut progress = Progress::default();
        let now = self.sockets.host().now();
        match self.attempt(call, &mut progress) {
            Ok(returned) => {
                self.note_call(step, returned);
                if let Some(ends) = call.ends.map(|ends| self.end_of(step.when, ends)) {
                    self.compare_end(ends)?;
                }
                compare(call, returned)
            }
            Err(Stop::Mismatch(mismatch)) => Err(mismatch),
            Err(Stop::Blocks) => match call.ends {
                None => Err(Mismatch::new("a call that returns at once", "it waits")),
                Some(ends) => {
                    self.note(now, &format!("    {} waits", step.text));
                    let ends = self.end_of(step.when, ends);
                    let (line, text, call) = (step.line, step.text.clone(), call.clone());
                    let deadline = progress.deadline;
                    self.pending = Some(Pending { line, text, call, ends, deadline, progress });
                    Ok(())
                }
            },
        }
    }

    fn note_call(&mut self, step: &Step, returned: Returned) {
        let now = self.sockets.host().now();
        let errno = returned.errno.map_or_else(String::new, |errno| format!(" {errno}"));
        self.note(now, &format!("    {} -> {}{errno}", step.text, returned.result));
    }

    /// When a call of an event is to end: counted from where the event's own time is counted from.
    fn end_of(&self, when: When, ends: Duration) -> Time {
        match when {
            When::After(after) => self.sockets.host().now() - after + ends,
            _ => self.start + ends,
        }
    }

    fn compare_end(&self, ends: Time) -> Result<(), Mismatch> {
        let now = self.sockets.host().now();
        if now + self.tolerance >= ends && now <= ends + self.tolerance {
            return Ok(());
        }
        let expected = format!("the call to end at {}", Seconds(ends.since(self.start)));
        Err(Mismatch::new(expected, Seconds(self.elapsed()).to_string()))
    }

    /// Anything may have changed: the call that waits is made again.
    pub(super) fn retry(&mut self) -> Result<(), (usize, String, Mismatch)> {
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        let at = |mismatch| (pending.line, pending.text.clone(), mismatch);
        match self.attempt(&pending.call, &mut pending.progress) {
            Ok(returned) => {
                let now = self.sockets.host().now();
                let errno = returned.errno.map_or_else(String::new, |errno| format!(" {errno}"));
                self.note(now, &format!("    {} -> {}{errno}", pending.text, returned.result));
                self.compare_end(pending.ends).map_err(at)?;
                compare(&pending.call, returned).map_err(at)
            }
            Err(Stop::Mismatch(mismatch)) => Err(at(mismatch)),
            Err(Stop::Blocks) => {
                self.pending = Some(pending);
                Ok(())
            }
        }
    }

    /// The socket that the script knows by the number at `index`; one that there never was stays unknown.
    fn fd(&self, arguments: &Arguments<'_>, index: usize) -> Result<Fd, Mismatch> {
        let number = arguments.int(index)?;
        Ok(self.fds.get(&number).copied().unwrap_or(Fd(-1)))
    }

    fn next_fd(&mut self) -> Fd {
        self.fd_last += 1;
        Fd(self.fd_last)
    }

    /// Notes that the script knows `fd` by the number it expects.
    fn learn_fd(&mut self, call: &Call, fd: Fd) -> i64 {
        match call.result {
            Value::Int(number) if number >= 0 => {
                self.fds.insert(number, fd);
                number
            }
            _ => fd.0.into(),
        }
    }

    fn attempt(&mut self, call: &Call, progress: &mut Progress) -> Result<Returned, Stop> {
        let arguments = Arguments::of(call);
        match call.name.as_str() {
            "socket" | "bind" | "listen" | "accept" | "connect" | "shutdown" | "close" | "fcntl"
            | "ioctl" => self.attempt_control(call, &arguments),
            "read" | "recv" | "recvfrom" | "readv" | "recvmsg" | "write" | "send" | "sendto" | "writev"
            | "sendmsg" => self.attempt_transfer(call, &arguments, progress),
            "setsockopt" => self.setsockopt(&arguments),
            "getsockopt" => self.getsockopt(&arguments),
            "poll" => self.poll(&arguments, progress),
            "epoll_create" => {
                let fd = self.next_fd();
                let fd = self.sockets.epoll_create(fd);
                let result = self.learn_fd(call, fd);
                Ok(Returned { result, errno: None })
            }
            "epoll_ctl" => self.epoll_ctl(&arguments),
            "epoll_wait" => self.epoll_wait(&arguments, progress),
            name => Err(Mismatch::new("a call that is known", name).into()),
        }
    }

    fn attempt_control(&mut self, call: &Call, arguments: &Arguments<'_>) -> Result<Returned, Stop> {
        if call.name == "socket" {
            let (domain, fd) = (arguments.int_or(0, self.flow.domain())?, self.next_fd());
            let found = self.sockets.socket(fd, domain, arguments.i32(1)?, arguments.i32(2)?);
            self.flow.listens();
            let found = found.map(|fd| self.learn_fd(call, fd));
            return returned(found, |number| number);
        }
        let fd = self.fd(arguments, 0)?;
        match call.name.as_str() {
            "bind" => {
                let address = arguments.address_or(1, self.flow.bind_address())?;
                returned(self.sockets.bind(fd, address), |()| 0)
            }
            "listen" => {
                self.flow.listens();
                returned(self.sockets.listen(fd, arguments.i32(1)?), |()| 0)
            }
            "accept" => {
                let accepted = self.next_fd();
                let found = self.sockets.accept(fd, accepted).map(|_| self.learn_fd(call, accepted));
                returned(found, |number| number)
            }
            "connect" => {
                let address = arguments.address_or(1, self.flow.connect_address())?;
                if self.sockets.is_fresh(fd) {
                    self.flow.connects();
                }
                returned(self.sockets.connect(fd, address), |()| 0)
            }
            "shutdown" => returned(self.sockets.shutdown(fd, arguments.i32(1)?), |()| 0),
            "close" => {
                self.fds.remove(&arguments.int(0)?);
                returned(self.sockets.close(fd), |()| 0)
            }
            "fcntl" => {
                let argument = if call.arguments.len() > 2 { arguments.i32(2)? } else { 0 };
                returned(self.sockets.fcntl(fd, arguments.i32(1)?, argument), i64::from)
            }
            _ => {
                let request = u64::try_from(arguments.int(1)?).unwrap_or(0);
                let found = self.sockets.ioctl(fd, request);
                if let Ok(found) = found {
                    self.compare_list(arguments, 2, found.into())?;
                }
                returned(found, |_| 0)
            }
        }
    }

    fn attempt_transfer(
        &mut self,
        call: &Call,
        arguments: &Arguments<'_>,
        progress: &mut Progress,
    ) -> Result<Returned, Stop> {
        let fd = self.fd(arguments, 0)?;
        let flags = match call.name.as_str() {
            "recv" | "recvfrom" | "send" | "sendto" => MessageFlags(arguments.i32(3)?),
            "recvmsg" | "sendmsg" => MessageFlags(arguments.i32(2)?),
            _ => MessageFlags::default(),
        };
        let octets = match call.name.as_str() {
            "readv" | "writev" => arguments.vectors(1)?.into_iter().sum(),
            "recvmsg" | "sendmsg" => arguments.message(1)?.into_iter().sum(),
            _ => arguments.size(2)?,
        };
        if call.name.starts_with('r') {
            return self.receive(fd, octets, flags);
        }
        let text = match call.name.as_str() {
            "write" | "send" | "sendto" => arguments.text(1)?,
            _ => None,
        };
        self.transmit(fd, octets, flags, text, progress)
    }

    fn receive(&mut self, fd: Fd, octets: usize, flags: MessageFlags) -> Result<Returned, Stop> {
        let mut buffer = vec![0; octets];
        let found = self.sockets.recv(fd, &mut buffer, flags);
        if let Ok(found) = found {
            let first = self.read.get(&fd).copied().unwrap_or(1);
            let wrong = (first..).zip(&buffer[..found]).find(|(at, octet)| pattern(*at) != **octet);
            if let Some((at, octet)) = wrong {
                let expected = format!("octet {} at {at}", pattern(at));
                return Err(Mismatch::new(expected, octet.to_string()).into());
            }
            if flags.0 & libc::MSG_PEEK == 0 {
                self.read.insert(fd, first + u64::try_from(found).unwrap_or(0));
            }
        }
        returned(found, count)
    }

    fn transmit(
        &mut self,
        fd: Fd,
        octets: usize,
        flags: MessageFlags,
        text: Option<&str>,
        progress: &mut Progress,
    ) -> Result<Returned, Stop> {
        let first = self.written.get(&fd).copied().unwrap_or(1);
        let left = octets.saturating_sub(progress.written);
        let buffer: Vec<u8> = match text {
            Some(text) => {
                self.pattern_is_off = true;
                text.bytes().cycle().skip(progress.written).take(left).collect()
            }
            None => (first..).take(left).map(pattern).collect(),
        };
        let found = self.sockets.send(fd, &buffer, flags);
        if let Ok(found) = found {
            self.written.insert(fd, first + u64::try_from(found).unwrap_or(0));
            progress.written += found;
            if progress.written < octets && self.sockets.is_blocking(fd, flags) {
                return Err(Stop::Blocks);
            }
            return Ok(Returned { result: count(progress.written), errno: None });
        }
        // What was taken before the end counts.
        if progress.written > 0 && found != Err(Refusal::Blocks) {
            return Ok(Returned { result: count(progress.written), errno: None });
        }
        returned(found, count)
    }

    fn setsockopt(&mut self, arguments: &Arguments<'_>) -> Result<Returned, Stop> {
        let (fd, level, name) = (self.fd(arguments, 0)?, arguments.i32(1)?, arguments.i32(2)?);
        let value = if let Some(linger) = arguments.linger(3)? {
            OptionValue::Linger(linger)
        } else if let Some(text) = arguments.text(3)? {
            OptionValue::Name(text.to_owned())
        } else {
            let [Value::Int(value)] = arguments.list(3)? else {
                return Err(Mismatch::new("a list of one number as the value", "another").into());
            };
            OptionValue::Int(i32::try_from(*value).unwrap_or(i32::MAX))
        };
        returned(self.sockets.setsockopt(fd, level, name, &value), |()| 0)
    }

    fn getsockopt(&mut self, arguments: &Arguments<'_>) -> Result<Returned, Stop> {
        let (fd, level, name) = (self.fd(arguments, 0)?, arguments.i32(1)?, arguments.i32(2)?);
        let found = self.sockets.getsockopt(fd, level, name);
        match &found {
            Ok(OptionValue::Int(found)) => self.compare_list(arguments, 3, (*found).into())?,
            Ok(OptionValue::Linger(found)) => {
                let expected = arguments.linger(3)?;
                if expected.is_some_and(|expected| expected != *found) {
                    return Err(Mismatch::new(format!("{expected:?}"), format!("{found:?}")).into());
                }
            }
            Ok(OptionValue::Name(found)) => {
                let expected = arguments.text(3)?;
                if expected.is_some_and(|expected| expected != found) {
                    return Err(Mismatch::new(format!("{expected:?}"), found).into());
                }
            }
            Ok(OptionValue::Info(_)) | Err(_) => {}
        }
        returned(found, |_| 0)
    }

    /// Compares what a call wrote to where `[5]` stands; `...` and `[...]` leave it open.
    fn compare_list(&self, arguments: &Arguments<'_>, index: usize, found: i64) -> Result<(), Mismatch> {
        match arguments.list(index) {
            Ok([Value::Int(expected)]) if *expected != found => {
                Err(Mismatch::new(format!("[{expected}]"), format!("[{found}]")))
            }
            _ => Ok(()),
        }
    }

    fn poll(&mut self, arguments: &Arguments<'_>, progress: &mut Progress) -> Result<Returned, Stop> {
        let mut entries = Vec::new();
        let mut expected = Vec::new();
        for value in arguments.list(0)? {
            let Value::Record(fields) = value else {
                return Err(Mismatch::new("{fd=..., events=...}", format!("{value:?}")).into());
            };
            let number = field(fields, "fd").unwrap_or(-1);
            let fd = self.fds.get(&number).copied().unwrap_or(Fd(-1));
            let events = |name| i16::try_from(field(fields, name).unwrap_or(0)).unwrap_or(0);
            entries.push(PollEntry { fd, events: events("events"), found: 0 });
            expected.push(events("revents"));
        }
        self.set_deadline(arguments.int(2)?, progress);
        let found = self.sockets.poll(&mut entries, progress.deadline);
        if found.is_ok() {
            let events: Vec<i16> = entries.iter().map(|entry| entry.found).collect();
            if events != expected {
                return Err(Mismatch::new(format!("revents {expected:?}"), format!("{events:?}")).into());
            }
        }
        returned(found, count)
    }

    /// When a timeout of `timeout_ms` from now ends, unless it began before; negative for never.
    fn set_deadline(&self, timeout_ms: i64, progress: &mut Progress) {
        if progress.deadline.is_none()
            && let Ok(timeout_ms) = u64::try_from(timeout_ms)
        {
            progress.deadline = Some(self.sockets.host().now() + Duration::from_millis(timeout_ms));
        }
    }

    fn epoll_ctl(&mut self, arguments: &Arguments<'_>) -> Result<Returned, Stop> {
        let (epoll, fd) = (self.fd(arguments, 0)?, self.fd(arguments, 2)?);
        let event = || {
            let Ok(Value::Record(fields)) = arguments.record(3) else {
                return EpollEvent { events: 0, data: 0 };
            };
            let events = u32::try_from(field(fields, "events").unwrap_or(0)).unwrap_or(0);
            let data = ["fd", "ptr", "u32", "u64"].iter().find_map(|name| field(fields, name));
            EpollEvent { events, data: u64::try_from(data.unwrap_or(0)).unwrap_or(0) }
        };
        let change = match arguments.i32(1)? {
            libc::EPOLL_CTL_ADD => EpollChange::Add(event()),
            libc::EPOLL_CTL_MOD => EpollChange::Modify(event()),
            _ => EpollChange::Delete,
        };
        returned(self.sockets.epoll_ctl(epoll, fd, change), |()| 0)
    }

    fn epoll_wait(&mut self, arguments: &Arguments<'_>, progress: &mut Progress) -> Result<Returned, Stop> {
        let epoll = self.fd(arguments, 0)?;
        self.set_deadline(arguments.int(3)?, progress);
        let found = self.sockets.epoll_wait(epoll, arguments.size(2)?, progress.deadline);
        if let Ok(events) = &found {
            let expected = match arguments.record(1) {
                Ok(Value::Record(fields)) => field(fields, "events"),
                _ => None,
            };
            let first = events.first().map(|event| i64::from(event.events));
            if expected.is_some() && first.is_some() && expected != first {
                return Err(Mismatch::new(format!("events {expected:?}"), format!("{first:?}")).into());
            }
        }
        returned(found, |events| count(events.len()))
    }
}

fn compare(call: &Call, returned: Returned) -> Result<(), Mismatch> {
    let Value::Int(expected) = call.result else { return Ok(()) };
    let show = |result: i64, errno: Option<Errno>| match errno {
        Some(errno) => format!("{result} {errno}"),
        None => result.to_string(),
    };
    let errno_fits = call.errno.is_none() || call.errno == returned.errno;
    if expected == returned.result && errno_fits {
        return Ok(());
    }
    Err(Mismatch::new(show(expected, call.errno), show(returned.result, returned.errno)))
}
