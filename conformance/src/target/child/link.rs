//! The conversation with a process: calls and replies, packets and events, in virtual and in wall time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::exchange::{Chosen, Exchange};
use super::micros;
use super::network::{self, Network, TARGET_DEVICE};
use super::process::{Process, Room, Woken};
use crate::adapter;
use crate::adapter::{
    Call, Clock, Hello, Hex, LINES_MAX, Line, Offer, PROTOCOL, Packets, Reply, Request, shown,
};
use crate::packet::{self, Carried};
use crate::record::address;
use crate::script::{NetworkError, Sending, Timestamping};
use crate::target::{CallError, Setup};
use crate::wire::{OwnedSegment, Side};

/// How long the hello, and each reply, may take.
pub(super) const REPLY_PATIENCE: Duration = Duration::from_secs(5);
/// How long a process may take to be gone after `end`.
const END_PATIENCE: Duration = Duration::from_secs(1);
/// Room for the longest packet that a device of ours passes.
const PACKET_OCTETS_MAX: usize = 2_048;
/// Packets of a case; more is a flood.
const PACKETS_MAX: usize = 2_000;

/// A process that said hello, and what is known of it.
pub(super) struct Link {
    process: Process,
    /// If its packets go over a device.
    network: Option<Network>,
    hello: Hello,
    chosen: Chosen,
    local: SocketAddr,
    remote: SocketAddr,
    /// When the setup was answered: 0 s of the case in wall time.
    began: Instant,
    /// Of the last call.
    id: u64,
    /// The time of the last call.
    now: Duration,
    wake: Option<Duration>,
    sent: VecDeque<OwnedSegment>,
    events: VecDeque<String>,
    packets_came: usize,
    lines_since_reply: usize,
    last_line: String,
    unsupported: Option<String>,
    trouble: Option<String>,
}

impl Link {
    pub(super) fn start(command: &[String], setup: &Setup, exchange: &Exchange) -> Result<Self, String> {
        let mut link = Self::new(Process::start(command)?, setup);
        if !link.greet() {
            return Ok(link);
        }
        link.chosen = exchange.choose(&link.hello, |packets| match packets {
            Packets::Stdio => Ok(()),
            Packets::Tun | Packets::Kernel => network::is_possible(),
        })?;
        if link.chosen.packets != Packets::Stdio && !link.start_again(command)? {
            return Ok(link);
        }
        link.set_up(setup);
        if let Some(network) = &link.network {
            network.bring_up()?;
        }
        link.began = Instant::now();
        Ok(link)
    }

    /// Starts the process once more, in a network of its own; false if it says no hello there.
    fn start_again(&mut self, command: &[String]) -> Result<bool, String> {
        self.process.kill();
        let (target, bench) = (self.local.ip(), self.remote.ip());
        let plan = network::Plan { packets: self.chosen.packets, target, bench };
        let (process, network) = network::start(command, plan)?;
        self.process = process;
        self.network = Some(network);
        self.lines_since_reply = 0;
        Ok(self.greet())
    }

    fn new(process: Process, setup: &Setup) -> Self {
        let hello = Hello {
            protocol: PROTOCOL,
            name: String::new(),
            version: String::new(),
            packets: Vec::new(),
            clocks: Vec::new(),
            events: true,
            states: true,
        };
        Self {
            process,
            network: None,
            hello,
            chosen: Chosen { packets: Packets::Stdio, clock: Clock::Virtual },
            local: SocketAddr::new(address(setup.options.ip, Side::Target), setup.target_port),
            remote: SocketAddr::new(address(setup.options.ip, Side::Bench), setup.bench_port),
            began: Instant::now(),
            id: 0,
            now: Duration::ZERO,
            wake: None,
            sent: VecDeque::new(),
            events: VecDeque::new(),
            packets_came: 0,
            lines_since_reply: 0,
            last_line: String::new(),
            unsupported: None,
            trouble: None,
        }
    }

    /// Reads the hello; false if there is none to be had.
    fn greet(&mut self) -> bool {
        let line = match self.next_line(Instant::now() + REPLY_PATIENCE, "its hello") {
            Ok(line) => line,
            Err(_) => return false,
        };
        match line {
            Line::Hello(hello) if hello.protocol == PROTOCOL => {
                self.hello = hello;
                true
            }
            Line::Hello(hello) => {
                let what = format!("it speaks protocol {}, the bench speaks {PROTOCOL}", hello.protocol);
                self.give_up(what);
                false
            }
            _ => {
                self.give_up("its first line is no hello".to_owned());
                false
            }
        }
    }

    fn set_up(&mut self, setup: &Setup) {
        let options = &setup.options;
        let call = Call::Setup(adapter::Setup {
            packets: self.chosen.packets,
            clock: self.chosen.clock,
            device: if self.chosen.packets == Packets::Tun {
                TARGET_DEVICE.to_owned()
            } else {
                String::new()
            },
            local: self.local,
            remote: self.remote,
            seed: setup.seed,
            timestamps: options.timestamps == Timestamping::On,
            hiatus: options.hiatus.map(|(bits, hold)| Offer::new(bits, hold)),
            hold_send: options.sending == Sending::HoldSend,
            retains_octets: options.retained_octets_max,
        });
        if let Err(CallError::Refused(why)) = self.call(Duration::ZERO, call) {
            self.give_up(format!("it refused the setup: {why}"));
        }
    }

    /// Makes a call and waits for its reply.
    pub(super) fn call(&mut self, now: Duration, call: Call) -> Result<Reply, CallError> {
        if self.trouble.is_some() {
            return Err(CallError::Refused("the target is in trouble".to_owned()));
        }
        let name = call.name();
        // A target that cannot be as it was asked to be is asked for nothing else.
        if self.unsupported.is_some() {
            return Err(CallError::Unsupported(name));
        }
        self.id += 1;
        self.now = now;
        let request = Request { id: self.id, now_us: micros(now), call };
        let deadline = Instant::now() + REPLY_PATIENCE;
        let mut line = match serde_json::to_vec(&request) {
            Ok(line) => line,
            Err(error) => return Err(self.give_up(format!("the bench cannot write `{name}`: {error}"))),
        };
        line.push(b'\n');
        self.write(&line, deadline, name)?;
        let waited_for = format!("its reply to `{name}`");
        loop {
            match self.next_line(deadline, &waited_for)? {
                Line::Reply(reply) => return self.take_reply(name, reply),
                line => self.take(line)?,
            }
        }
    }

    fn take_reply(&mut self, name: &'static str, reply: Reply) -> Result<Reply, CallError> {
        if reply.id != self.id {
            let (found, expected) = (reply.id, self.id);
            return Err(
                self.give_up(format!("it replied to call {found}, the bench had made call {expected}"))
            );
        }
        self.lines_since_reply = 0;
        self.wake = reply.wake_us.map(Duration::from_micros);
        match (&reply.unsupported, &reply.refused) {
            (Some(what), _) => {
                self.unsupported =
                    Some(if what.is_empty() { name.to_owned() } else { shown(what.as_bytes()) });
                Err(CallError::Unsupported(name))
            }
            (None, Some(why)) => Err(CallError::Refused(shown(why.as_bytes()))),
            (None, None) => Ok(reply),
        }
    }

    /// Writes a line, and reads what comes meanwhile: a target may be busy writing too.
    fn write(&mut self, line: &[u8], deadline: Instant, name: &str) -> Result<(), CallError> {
        let mut left = line;
        while !left.is_empty() {
            match self.process.write(left) {
                Ok(taken) => left = left.get(taken..).unwrap_or(&[]),
                // It has closed its end; how it ended is seen when the reply is waited for.
                Err(_) => return Ok(()),
            }
            if left.is_empty() {
                break;
            }
            match self.process.wait(deadline, Room::Counts, None) {
                Ok(Woken::TimeOver) => {
                    let what = format!("it did not read `{name}` within {} s", REPLY_PATIENCE.as_secs());
                    return Err(self.give_up(what));
                }
                Ok(Woken::Ended) => return Ok(()),
                Ok(_) => self.take_lines()?,
                Err(error) => return Err(self.give_up(format!("the bench cannot poll: {error}"))),
            }
        }
        Ok(())
    }

    fn take_lines(&mut self) -> Result<(), CallError> {
        while let Some(line) = self.read_line()? {
            self.take(line)?;
        }
        Ok(())
    }

    /// A line that was read already.
    fn read_line(&mut self) -> Result<Option<Line>, CallError> {
        match self.process.next_line() {
            None => Ok(None),
            Some(Err(bad)) => {
                self.last_line = bad.shown;
                Err(self.give_up(format!("it said what is {}", bad.why)))
            }
            Some(Ok(line)) => {
                self.lines_since_reply += 1;
                if self.lines_since_reply > LINES_MAX {
                    return Err(
                        self.give_up(format!("it floods: more than {LINES_MAX} lines before a reply"))
                    );
                }
                self.last_line = serde_json::to_string(&line)
                    .map_or_else(|_| String::new(), |text| shown(text.as_bytes()));
                Ok(Some(line))
            }
        }
    }

    /// The next line, waited for until `deadline`.
    fn next_line(&mut self, deadline: Instant, waited_for: &str) -> Result<Line, CallError> {
        loop {
            if let Some(line) = self.read_line()? {
                return Ok(line);
            }
            match self.process.wait(deadline, Room::IsNothing, None) {
                Ok(Woken::TimeOver) => {
                    let seconds = REPLY_PATIENCE.as_secs();
                    return Err(
                        self.give_up(format!("it hangs: {waited_for} did not come within {seconds} s"))
                    );
                }
                Ok(Woken::Ended) => {
                    if let Some(line) = self.read_line()? {
                        return Ok(line);
                    }
                    return Err(self.ended(waited_for));
                }
                Ok(_) => {}
                Err(error) => return Err(self.give_up(format!("the bench cannot poll: {error}"))),
            }
        }
    }

    fn ended(&mut self, waited_for: &str) -> CallError {
        let ending = self.process.ending().unwrap_or_else(|| "its output closed".to_owned());
        let unfinished = self.process.unfinished();
        if !unfinished.is_empty() {
            self.last_line = unfinished;
        }
        self.give_up(format!("its process ended ({ending}) where {waited_for} was due"))
    }

    /// What is no reply.
    fn take(&mut self, line: Line) -> Result<(), CallError> {
        match line {
            Line::Packet(Hex(octets)) => {
                if self.chosen.packets != Packets::Stdio {
                    return Err(self
                        .give_up("it sent a packet as a line, though packets go over a device".to_owned()));
                }
                self.take_packet(&octets)
            }
            Line::Event(event) => {
                if !self.hello.events {
                    return Err(self.give_up("it said an event, though its hello has none".to_owned()));
                }
                self.events.push_back(event);
                if self.events.len() > LINES_MAX {
                    self.events.pop_front();
                }
                Ok(())
            }
            Line::Reply(reply) => {
                Err(self.give_up(format!("it replied to call {}, which nobody made", reply.id)))
            }
            Line::Hello(_) => Err(self.give_up("it said hello a second time".to_owned())),
        }
    }

    fn take_packet(&mut self, octets: &[u8]) -> Result<(), CallError> {
        self.packets_came += 1;
        if self.packets_came > PACKETS_MAX {
            return Err(self.give_up(format!("it floods: more than {PACKETS_MAX} packets")));
        }
        let packet = match packet::read(octets) {
            Ok(packet) => packet,
            Err(error) => return Err(self.give_up(format!("it sent what is dropped on the way: {error}"))),
        };
        let Carried::Segment(segment) = packet.carried else { return Ok(()) };
        let (from, to) = (self.local.ip(), self.remote.ip());
        if (packet.source, packet.destination) != (from, to) {
            let (found_from, found_to) = (packet.source, packet.destination);
            let what = format!("it sent a packet from {found_from} to {found_to}, expected {from} to {to}");
            return Err(self.give_up(what));
        }
        self.sent.push_back(segment);
        Ok(())
    }

    /// The end of the process, and of belief in it. The first trouble is the one that counts.
    pub(super) fn give_up(&mut self, what: String) -> CallError {
        if self.trouble.is_none() {
            self.process.kill();
            let mut told = what;
            if !self.last_line.is_empty() {
                told = format!("{told}; its last line: `{}`", self.last_line);
            }
            let words = self.process.last_words();
            if !words.is_empty() {
                told = format!("{told}; its standard error ends: {words}");
            }
            self.trouble = Some(told);
            self.wake = None;
        }
        CallError::Refused("the target is in trouble".to_owned())
    }

    pub(super) fn deliver(&mut self, now: Duration, segment: &OwnedSegment) -> Result<(), CallError> {
        let packet = packet::of_segment(self.remote.ip(), self.local.ip(), segment);
        self.deliver_octets(now, packet)
    }

    pub(super) fn deliver_error(
        &mut self,
        now: Duration,
        error: NetworkError,
        quoted: &OwnedSegment,
    ) -> Result<(), CallError> {
        let packet = packet::of_network_error(self.remote.ip(), self.local.ip(), error, quoted);
        self.deliver_octets(now, packet)
    }

    fn deliver_octets(
        &mut self,
        now: Duration,
        packet: Result<Vec<u8>, packet::MakeError>,
    ) -> Result<(), CallError> {
        let octets = match packet {
            Ok(octets) => octets,
            Err(error) => return Err(self.give_up(format!("the bench has no packet for it: {error}"))),
        };
        let Some(network) = self.network.as_mut() else {
            return self.call(now, Call::Packet { octets: Hex(octets) }).map(|_| ());
        };
        match network.device.send(&octets) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.give_up(format!("the bench cannot send over its device: {error}"))),
        }
    }

    /// Takes what lies at the device.
    fn take_device(&mut self) -> Result<(), CallError> {
        let mut packet = [0; PACKET_OCTETS_MAX];
        loop {
            let Some(network) = self.network.as_mut() else { return Ok(()) };
            match network.device.receive(&mut packet) {
                Ok(Some(len_octets)) => self.take_packet(packet.get(..len_octets).unwrap_or(&[]))?,
                Ok(None) => return Ok(()),
                Err(error) => return Err(self.give_up(format!("the bench cannot read its device: {error}"))),
            }
        }
    }

    pub(super) fn next_segment(&mut self) -> Option<OwnedSegment> {
        self.sent.pop_front()
    }

    pub(super) fn wake(&self) -> Option<Duration> {
        self.wake
    }

    pub(super) fn clock(&self) -> Clock {
        self.chosen.clock
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.clone()
    }

    pub(super) fn unsupported(&self) -> Option<String> {
        self.unsupported.clone()
    }

    /// Lets real time pass until something comes, at most until `until`; gives the time it is.
    pub(super) fn pass(&mut self, now: Duration, until: Duration) -> Duration {
        let deadline = self.began + until;
        // Trouble is kept, and asked for.
        let _ = self.wait_for_anything(deadline);
        now.max(self.began.elapsed())
    }

    fn wait_for_anything(&mut self, deadline: Instant) -> Result<(), CallError> {
        if self.trouble.is_some() || !self.sent.is_empty() {
            return Ok(());
        }
        if let Some(line) = self.read_line()? {
            self.take(line)?;
            return self.take_lines();
        }
        let device = self.network.as_ref().map(|network| network.device.as_fd());
        match self.process.wait(deadline, Room::IsNothing, device) {
            Ok(Woken::Ended) => {
                self.take_lines()?;
                Err(self.ended("the next packet"))
            }
            Ok(Woken::Device) => {
                self.take_device()?;
                self.take_lines()
            }
            Ok(_) => self.take_lines(),
            Err(error) => Err(self.give_up(format!("the bench cannot poll: {error}"))),
        }
    }

    pub(super) fn forget_events(&mut self) {
        self.events.clear();
    }

    pub(super) fn next_event(&mut self) -> Result<Option<String>, CallError> {
        if self.hello.events { Ok(self.events.pop_front()) } else { Err(CallError::Unsupported("events")) }
    }

    pub(super) fn states(&mut self) -> Result<Vec<String>, CallError> {
        if !self.hello.states {
            return Err(CallError::Unsupported("states"));
        }
        let reply = self.call(self.now, Call::States)?;
        Ok(reply.states.unwrap_or_default())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.trouble.is_none() {
            let deadline = Instant::now() + END_PATIENCE;
            self.id += 1;
            let request = Request { id: self.id, now_us: micros(self.now), call: Call::End };
            if let Ok(mut line) = serde_json::to_vec(&request) {
                line.push(b'\n');
                // A pipe that is full takes no more; then it is not read either.
                let _ = self.process.write(&line);
            }
            self.process.hang_up();
            self.process.wait_for_end(deadline);
        }
        // Its group too, whatever it left behind.
        self.process.kill();
    }
}
