//! Carries out a script in virtual time.
//!
//! Numbers and times mean what they mean to packetdrill. Three things are stricter here: octets of data are a pattern
//! of their position and not zeros, so that an octet at a wrong place is seen; TSecr is compared; and an ACK without data
//! is not taken for a part of the data that follows it.

mod argument;
mod call;
mod compare;
mod flow;
mod observed;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hiatus_engine::{IpVersion, Time};

use crate::host::Sent;
use crate::script::{Action, Packet, Script, Step, When};
use crate::sockets::{Fd, Settings, Sockets};
use call::Pending;
use flow::Flow;
use observed::Observed;

/// How far from its time an event may be, unless the script says otherwise.
const TOLERANCE: Duration = Duration::from_millis(4);
/// How long after its time a segment is still waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long `*` waits.
const PATIENCE_ANY: Duration = Duration::from_secs(24 * 3600);

/// Why a script failed: the event, what was expected and what happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Line of the event.
    pub line: usize,
    /// The event as written.
    pub text: String,
    /// When it failed, from the start.
    pub at: Duration,
    /// What was expected.
    pub expected: String,
    /// What happened.
    pub found: String,
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "line {}: {}", self.line, self.text)?;
        writeln!(f, "  at        {}", Seconds(self.at))?;
        writeln!(f, "  expected  {}", self.expected)?;
        write!(f, "  got       {}", self.found)
    }
}

/// A time as reports show it.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}.{:06} s", self.0.as_secs(), self.0.subsec_micros())
    }
}

/// What happened, for the trace.
pub type Trace = Vec<String>;

/// What one event asked for and what came instead, before it is known which event that was.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mismatch {
    expected: String,
    found: String,
}

impl Mismatch {
    fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into() }
    }
}

/// Runs a script; `trace` gets a line for every segment and call.
///
/// # Errors
///
/// The first [`Failure`].
pub fn run(script: &Script, version: IpVersion, trace: &mut Trace) -> Result<(), Failure> {
    Runner::new(script, version, trace).run(script)
}

struct Runner<'t> {
    sockets: Sockets,
    start: Time,
    tolerance: Duration,
    flow: Flow,
    /// The number the script knows a socket by, and the number it has.
    fds: BTreeMap<i64, Fd>,
    fd_last: i32,
    /// Octets written and read on each socket: what the pattern goes by.
    written: BTreeMap<Fd, u64>,
    read: BTreeMap<Fd, u64>,
    /// A text was written or peeked at: the pattern does not hold.
    pattern_is_off: bool,
    pending: Option<Pending>,
    trace: &'t mut Trace,
}

impl<'t> Runner<'t> {
    fn new(script: &Script, version: IpVersion, trace: &'t mut Trace) -> Self {
        let mut tolerance = TOLERANCE;
        for setting in &script.settings {
            if setting.name == "tolerance_usecs"
                && let Ok(micros) = setting.value.parse()
            {
                tolerance = Duration::from_micros(micros);
            }
        }
        let sockets = Sockets::new(flow::LOCAL_V4, flow::LOCAL_V6, Settings::default());
        // Not at the origin: a time before the start must be thinkable.
        let start = Time::from_secs(1000);
        let mut runner = Self {
            sockets,
            start,
            tolerance,
            flow: Flow::new(version),
            fds: BTreeMap::new(),
            fd_last: 100,
            written: BTreeMap::new(),
            read: BTreeMap::new(),
            pattern_is_off: false,
            pending: None,
            trace,
        };
        runner.sockets.host_mut().advance_to(start);
        runner
    }

    fn run(mut self, script: &Script) -> Result<(), Failure> {
        for step in &script.steps {
            self.step(step).map_err(|(line, text, mismatch)| self.failure(line, text, mismatch))?;
        }
        match self.pending.take() {
            None => Ok(()),
            Some(pending) => {
                let mismatch = Mismatch::new("the call to end before the script does", "it still waits");
                Err(self.failure(pending.line, pending.text, mismatch))
            }
        }
    }

    fn failure(&self, line: usize, text: String, mismatch: Mismatch) -> Failure {
        let Mismatch { expected, found } = mismatch;
        Failure { line, text, at: self.elapsed(), expected, found }
    }

    fn elapsed(&self) -> Duration {
        self.sockets.host().now().since(self.start)
    }

    fn note(&mut self, at: Time, what: &str) {
        self.trace.push(format!("{} {what}", Seconds(at.since(self.start))));
    }

    /// Carries out one event. A failure may be that of a call that waited.
    fn step(&mut self, step: &Step) -> Result<(), (usize, String, Mismatch)> {
        let own = |mismatch| (step.line, step.text.clone(), mismatch);
        let (from, to) = self.due(step.when);
        if let Action::Expect(packet) = &step.action {
            return self.expect(step, packet, (from, to));
        }
        self.advance_to(from)?;
        if self.sockets.host().now() > from + self.tolerance {
            let expected = Seconds(from.since(self.start)).to_string();
            let found = format!("it is {} already", Seconds(self.elapsed()));
            return Err(own(Mismatch::new(expected, found)));
        }
        let now = self.sockets.host().now();
        match &step.action {
            Action::Inject(packet) => {
                let octets = self.flow.inbound(packet).map_err(own)?;
                self.note(now, &format!("<   {}", step.text));
                self.arrive(&octets).map_err(own)?;
                self.retry()
            }
            Action::InjectIcmp(icmp) => {
                let octets = self.flow.inbound_icmp(icmp).map_err(own)?;
                self.note(now, &format!("<   {}", step.text));
                self.arrive(&octets).map_err(own)?;
                self.retry()
            }
            Action::Call(call) => {
                if self.pending.is_some() {
                    return Err(own(Mismatch::new("no call that waits", "one does")));
                }
                self.start_call(step, call).map_err(own)?;
                self.retry()
            }
            Action::Expect(_) => Ok(()),
        }
    }

    fn arrive(&mut self, octets: &[u8]) -> Result<(), Mismatch> {
        let host = self.sockets.host_mut();
        host.handle_packet(octets)
            .map_err(|error| Mismatch::new("a packet that can be read", error.to_string()))
    }

    /// From when to when an event may be.
    fn due(&self, when: When) -> (Time, Time) {
        let now = self.sockets.host().now();
        match when {
            When::At(at) => (self.start + at, self.start + at),
            When::After(after) => (now + after, now + after),
            When::AtBetween(from, to) => (self.start + from, self.start + to),
            When::AfterBetween(from, to) => (now + from, now + to),
            When::Any => (self.start, now + PATIENCE_ANY),
        }
    }

    /// Lets time pass; a call that waits goes on at every timer on the way.
    fn advance_to(&mut self, to: Time) -> Result<(), (usize, String, Mismatch)> {
        while let Some(due) = self.next_due().filter(|due| *due <= to) {
            self.sockets.host_mut().advance_to(due);
            self.retry()?;
        }
        self.sockets.host_mut().advance_to(to);
        self.retry()
    }

    /// When something happens by itself.
    fn next_due(&self) -> Option<Time> {
        let deadline = self.pending.as_ref().and_then(|pending| pending.deadline);
        let now = self.sockets.host().now();
        let deadline = deadline.filter(|deadline| *deadline > now);
        [self.sockets.host().next_timeout(), deadline].into_iter().flatten().min()
    }

    fn expect(
        &mut self,
        step: &Step,
        packet: &Packet,
        (from, to): (Time, Time),
    ) -> Result<(), (usize, String, Mismatch)> {
        let own = |mismatch| (step.line, step.text.clone(), mismatch);
        let mut observed: Option<Observed> = None;
        // Several segments may carry what the script has as one: a stack may leave segmentation to the device.
        while observed.as_ref().is_none_or(|observed| observed.len_octets() < usize::from(packet.len_octets))
        {
            let next = self.next_of_flow(packet, to)?;
            let Some(next) = next else {
                let found = match &observed {
                    Some(observed) => format!("only {observed}"),
                    None => "nothing".to_owned(),
                };
                return Err(own(Mismatch::new(compare::describe(packet, from, to, self.start), found)));
            };
            match &mut observed {
                None => observed = Some(next),
                Some(observed) => {
                    let found = format!("{observed}, then {next}");
                    observed.join(next).map_err(|()| {
                        own(Mismatch::new(compare::describe(packet, from, to, self.start), found))
                    })?;
                }
            }
        }
        let Some(observed) = observed else { return Ok(()) };
        let expected = compare::describe(packet, from, to, self.start);
        let is_in_time = observed.at + self.tolerance >= from && observed.at <= to + self.tolerance;
        let pattern = (!self.pattern_is_off).then_some(flow::pattern as fn(u64) -> u8);
        let difference = match compare::difference(packet, &observed, pattern) {
            Some(difference) => difference,
            None if is_in_time => return Ok(()),
            None => "the time".to_owned(),
        };
        let at = Seconds(observed.at.since(self.start));
        Err(own(Mismatch::new(expected, format!("{at} {observed}\n  differs   {difference}"))))
    }

    /// The next segment of the flow under test that left, at `to` and [`PATIENCE`] at the latest.
    fn next_of_flow(
        &mut self,
        packet: &Packet,
        to: Time,
    ) -> Result<Option<Observed>, (usize, String, Mismatch)> {
        let limit = to + self.tolerance.max(PATIENCE);
        loop {
            while let Some(Sent { at, octets }) = self.sockets.host_mut().take_sent() {
                let Some(observed) = self.flow.outbound(at, &octets, packet) else {
                    self.note(at, "  > of another connection");
                    continue;
                };
                self.note(at, &format!("  > {observed}"));
                return Ok(Some(observed));
            }
            match self.next_due().filter(|due| *due <= limit) {
                Some(due) => {
                    self.sockets.host_mut().advance_to(due);
                    self.retry()?;
                }
                None => return Ok(None),
            }
        }
    }
}
