//! The target's side of the protocol: reads calls on standard input, carries them out, writes the answers.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use hiatus_codec::HoldTime;
use hiatus_netns::Tun;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Call, Clock, Hello, Hex, Line, LineReader, Packets, Reply, Request, Setup};
use crate::packet::{self, Carried};
use crate::script::Sending;
use crate::target::{CallError, StreamEnd, Target};

/// Octets that one read takes.
const CHUNK_OCTETS: usize = 1 << 16;
/// Packets that are taken from a device before anything else is looked at.
const PACKETS_AT_ONCE_MAX: usize = 64;
/// Longest sleep: a timer further away is looked at again.
const SLEEP_MAX: Duration = Duration::from_secs(3_600);

/// A target whose packets are octets. One that speaks of segments is wrapped in [`Segments`].
pub trait Host {
    /// Its calls, its timers and what its application is told; [`Target::deliver`] and [`Target::transmit`] are not used.
    fn target(&mut self) -> &mut dyn Target;
    /// A packet arrives, whatever is in it.
    fn arrives(&mut self, now: Duration, packet: &[u8]);
    /// The next packet to send now; polled until there is none.
    fn leaves(&mut self, now: Duration) -> Option<Vec<u8>>;
}

/// A [`Target`] as a [`Host`]: takes segments out of packets, and puts packets around them.
///
/// A packet with a wrong checksum, or for another address, does not arrive.
pub struct Segments {
    target: Box<dyn Target>,
    local: IpAddr,
    remote: IpAddr,
}

impl Segments {
    /// `target`, between the addresses of `setup`.
    #[must_use]
    pub fn new(target: Box<dyn Target>, setup: &Setup) -> Self {
        Self { target, local: setup.local.ip(), remote: setup.remote.ip() }
    }
}

impl Host for Segments {
    fn target(&mut self) -> &mut dyn Target {
        self.target.as_mut()
    }

    fn arrives(&mut self, now: Duration, packet: &[u8]) {
        let Ok(packet) = packet::read(packet) else { return };
        if packet.destination != self.local {
            return;
        }
        match packet.carried {
            Carried::Segment(segment) if packet.source == self.remote => self.target.deliver(now, &segment),
            Carried::NetworkError(error, quoted) => {
                // Nobody waits for an answer to an ICMP error.
                let _ = self.target.network_error(now, error, &quoted);
            }
            _ => {}
        }
    }

    fn leaves(&mut self, now: Duration) -> Option<Vec<u8>> {
        let segment = self.target.transmit(now)?;
        packet::of_segment(self.local, self.remote, &segment).ok()
    }
}

/// Makes the host that a setup asks for; [`CallError::Unsupported`] if it cannot be as asked.
pub type Maker<'a> = dyn FnMut(&Setup) -> Result<Box<dyn Host>, CallError> + 'a;

/// Serves one case on standard input and output: says `hello`, then does what it is asked until `end`, or until standard
/// input is closed.
///
/// With the virtual clock it does nothing by itself. With the wall clock it sleeps until a line or a packet comes or a
/// timer is due; [`Target::next_timeout`] and [`Target::timeout`] count from the setup.
///
/// # Errors
///
/// An [`io::Error`]: a pipe or the device is gone, or the bench said what is no call (`InvalidData`).
pub fn serve(hello: &Hello, make: &mut Maker<'_>) -> io::Result<()> {
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut server = Server {
        output,
        hello,
        make,
        host: None,
        device: None,
        clock: Clock::Virtual,
        began: Instant::now(),
        said: Vec::new(),
    };
    server.say(&Line::Hello(hello.clone()))?;
    server.flush()?;
    server.run(input)
}

/// Whether the case goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    Over,
}

struct Server<'a> {
    output: File,
    hello: &'a Hello,
    make: &'a mut Maker<'a>,
    host: Option<Box<dyn Host>>,
    device: Option<Tun>,
    clock: Clock,
    began: Instant,
    /// Lines that are not written yet: all of a call go out at once.
    said: Vec<u8>,
}

impl Server<'_> {
    fn run(&mut self, mut input: File) -> io::Result<()> {
        let mut lines = LineReader::<Request>::default();
        let mut chunk = vec![0; CHUNK_OCTETS];
        loop {
            let [line_came, packet_came] = self.sleep(&input)?;
            if packet_came {
                self.take_packets(&mut chunk)?;
            }
            if line_came {
                let taken = input.read(&mut chunk)?;
                if taken == 0 {
                    return Ok(());
                }
                lines.push(chunk.get(..taken).unwrap_or(&[]));
                while let Some(request) = lines.next_line() {
                    let request = request
                        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
                    if self.answer(&request)? == Goes::Over {
                        return Ok(());
                    }
                }
            }
            self.timers()?;
        }
    }

    /// Sleeps until a line or a packet is there, or a timer is due.
    fn sleep(&mut self, input: &File) -> io::Result<[bool; 2]> {
        let due = match self.clock {
            Clock::Wall => self.next_timeout(),
            Clock::Virtual => None,
        };
        let patience = due.map_or(SLEEP_MAX, |due| due.saturating_sub(self.began.elapsed()).min(SLEEP_MAX));
        let timeout = Timespec::try_from(patience).map_err(io::Error::other)?;
        let ready = |sources: &mut [PollFd<'_>]| -> io::Result<()> {
            match poll(sources, Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
                Err(error) => Err(error.into()),
            }
        };
        Ok(match &self.device {
            None => {
                let mut sources = [PollFd::new(input, PollFlags::IN)];
                ready(&mut sources)?;
                [is_ready(&sources[0]), false]
            }
            Some(device) => {
                let mut sources = [PollFd::new(input, PollFlags::IN), PollFd::new(device, PollFlags::IN)];
                ready(&mut sources)?;
                [is_ready(&sources[0]), is_ready(&sources[1])]
            }
        })
    }

    fn next_timeout(&mut self) -> Option<Duration> {
        self.host.as_mut()?.target().next_timeout()
    }

    fn take_packets(&mut self, chunk: &mut [u8]) -> io::Result<()> {
        for _ in 0..PACKETS_AT_ONCE_MAX {
            let Some(device) = self.device.as_mut() else { break };
            let Some(len_octets) = device.receive(chunk)? else { break };
            let now = self.began.elapsed();
            if let (Some(host), Some(packet)) = (self.host.as_mut(), chunk.get(..len_octets)) {
                host.arrives(now, packet);
                self.send_off(now)?;
            }
        }
        self.flush()
    }

    /// Timers that are due go off, each at most once: one that never rests must not stop the lines.
    fn timers(&mut self) -> io::Result<()> {
        if self.clock == Clock::Virtual {
            return Ok(());
        }
        let now = self.began.elapsed();
        let Some(host) = self.host.as_mut() else { return Ok(()) };
        if host.target().next_timeout().is_some_and(|due| due <= now) {
            host.target().timeout(now);
        }
        self.send_off(now)?;
        self.flush()
    }

    fn answer(&mut self, request: &Request) -> io::Result<Goes> {
        let now = match self.clock {
            Clock::Virtual => Duration::from_micros(request.now_us),
            Clock::Wall => self.began.elapsed(),
        };
        let goes = if request.call == Call::End { Goes::Over } else { Goes::On };
        let result = self.carry_out(now, &request.call);
        self.send_off(now)?;
        let wake = match self.clock {
            Clock::Virtual => self.next_timeout(),
            Clock::Wall => None,
        };
        let wake_us = wake.map(|due| u64::try_from(due.as_micros()).unwrap_or(u64::MAX));
        let said = match result {
            Ok(reply) => reply,
            Err(CallError::Unsupported(what)) => {
                Reply { unsupported: Some(what.to_owned()), ..Reply::default() }
            }
            Err(CallError::Refused(why)) => Reply { refused: Some(why), ..Reply::default() },
        };
        self.say(&Line::Reply(Reply { id: request.id, wake_us, ..said }))?;
        self.flush()?;
        Ok(goes)
    }

    fn carry_out(&mut self, now: Duration, call: &Call) -> Result<Reply, CallError> {
        match call {
            Call::Setup(setup) => return self.set_up(setup),
            Call::End => return Ok(Reply::default()),
            _ => {}
        }
        let host = self.host.as_mut().ok_or_else(|| CallError::Refused("not set up".to_owned()))?;
        match call {
            Call::Packet { octets } => {
                host.arrives(now, &octets.0);
                Ok(Reply::default())
            }
            call => carry_out(host.target(), now, call),
        }
    }

    fn set_up(&mut self, setup: &Setup) -> Result<Reply, CallError> {
        self.clock = setup.clock;
        self.began = Instant::now();
        let refused = |error: io::Error| CallError::Refused(format!("{}: {error}", setup.device));
        self.device = (setup.packets == Packets::Tun)
            .then(|| Tun::attach(&setup.device))
            .transpose()
            .map_err(refused)?;
        self.host = Some((self.make)(setup)?);
        Ok(Reply::default())
    }

    /// Takes what the host has to send and to say now.
    fn send_off(&mut self, now: Duration) -> io::Result<()> {
        let Some(host) = self.host.as_mut() else { return Ok(()) };
        let mut lines = Vec::new();
        while let Some(packet) = host.leaves(now) {
            match self.device.as_mut() {
                Some(device) => device.send(&packet)?,
                None => lines.push(Line::Packet(Hex(packet))),
            }
        }
        if self.hello.events {
            while let Ok(Some(event)) = host.target().event() {
                lines.push(Line::Event(event));
            }
        }
        lines.iter().try_for_each(|line| self.say(line))
    }

    fn say(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.said, line)?;
        self.said.push(b'\n');
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.write_all(&self.said)?;
        self.said.clear();
        Ok(())
    }
}

fn is_ready(source: &PollFd<'_>) -> bool {
    !source.revents().is_empty()
}

fn carry_out(target: &mut dyn Target, now: Duration, call: &Call) -> Result<Reply, CallError> {
    let done = match call {
        Call::Listen => target.listen(now),
        Call::Connect => target.connect(now),
        Call::Close => target.close(now),
        Call::Abort => target.abort(now),
        Call::Write { octets } => {
            let taken = target.write(now, &octets.0)?;
            return Ok(Reply { taken: Some(taken), ..Reply::default() });
        }
        Call::Read { room } => {
            let received = target.read(now, *room)?;
            let end = Some(received.end == StreamEnd::Closed);
            return Ok(Reply { octets: Some(Hex(received.octets)), end, ..Reply::default() });
        }
        Call::States => {
            return Ok(Reply { states: Some(target.states()?), ..Reply::default() });
        }
        Call::Time => {
            target.timeout(now);
            Ok(())
        }
        Call::Suspend { absence_s } => {
            target.suspend(now, absence_s.map_or(HoldTime::NONE, HoldTime::from_seconds))
        }
        Call::Stop => target.stop(now),
        Call::Resume => target.resume(now),
        Call::SnapshotTaken { epoch } => target.snapshot_taken(now, *epoch),
        Call::SnapshotDurable { epoch } => target.snapshot_durable(now, *epoch),
        Call::Crash => target.crash(now),
        Call::Restore { epoch, lasts_us } => target.restore(now, *epoch, Duration::from_micros(*lasts_us)),
        Call::Rewind { epoch } => target.rewind(now, *epoch),
        Call::HoldSend { on } => target.hold_send(now, if *on { Sending::HoldSend } else { Sending::Unheld }),
        Call::Setup(_) | Call::Packet { .. } | Call::End => Ok(()),
    };
    done.map(|()| Reply::default())
}
