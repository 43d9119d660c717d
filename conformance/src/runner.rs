//! Carries a script out against a target, in virtual time.
//!
//! The bench plays the target's peer. It keeps the time: the target is asked when it wants to be woken, and time jumps
//! there, or to the next step of the script. A target that floods or never comes to rest is stopped by a bound.

mod call;
mod compose;
mod fit;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use hiatus_codec::{Flags, SequenceNumber};

use call::Saved;

use crate::adapter::Clock;
use crate::case::Case;
use crate::record::{CONNECT_PORT, Frame, LISTEN_PORT};
use crate::script::{
    Action, Call, Field, MessageBody, MessagePattern, OptionPattern, SegmentPattern, Silence, Step, When,
};
use crate::seed::Seed;
use crate::session::Session;
use crate::target::{CallError, Made, Setup, Target};
use crate::tell;
use crate::verdict::{Failure, Outcome, Verdict};
use crate::wire::{OwnedSegment, Side};

/// Segments that one case may take; more is a flood.
const FRAMES_MAX: usize = 2_000;
/// Wake-ups of a target without time going on; more is a target that never comes to rest.
const WAKES_AT_ONCE_MAX: usize = 1_000;
/// How long `*` waits.
const ANY_TIME_MAX: Duration = Duration::from_secs(3_600);
/// Ticks of the bench's timestamp clock before the case began, so that TSval is never 0.
const TSVAL_START: u32 = 1_000;
/// How far timestamps of a new incarnation lie above those of the earlier ones (draft, {#restoring}).
const INCARNATION_STEP_TICKS: u32 = 1 << 22;

/// How late in wall time a segment, an octet or an event may be: what a busy machine takes to let both ends run.
const WALL_LATE: Duration = Duration::from_millis(250);
/// How early: the segment before it, from which it is counted, may have been seen that late.
const WALL_EARLY: Duration = Duration::from_millis(100);
/// How often the bench looks again for what is not there yet.
const WALL_POLL: Duration = Duration::from_millis(5);
/// What a script may take in wall time, if nobody says otherwise.
pub const WALL_LIMIT: Duration = Duration::from_secs(10);

/// Runs `case` against the target that `build` makes; if it cannot be made, the case is inconclusive.
pub fn run(case: &Case, build: &dyn Fn(&Setup) -> Made) -> Outcome {
    run_with(case, Terms::default(), build)
}

/// What a run is given beside the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Mixed into all that looks random; 0 gives the numbers of the golden captures.
    pub seed: u64,
    /// In wall time a case whose script takes longer is skipped.
    pub wall_limit: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self { seed: 0, wall_limit: WALL_LIMIT }
    }
}

/// The same on other terms.
pub fn run_with(case: &Case, terms: Terms, build: &dyn Fn(&Setup) -> Made) -> Outcome {
    let mut seed = Seed::of_text(&case.id).mixed_with(terms.seed);
    let active = case.script.steps.iter().any(|step| step.action == Action::Call(Call::Connect));
    let (target_port, bench_port) =
        if active { (CONNECT_PORT, LISTEN_PORT) } else { (LISTEN_PORT, CONNECT_PORT) };
    let bench_isn = SequenceNumber(seed.next_u32());
    let setup =
        Setup { options: case.script.header.target.clone(), seed: seed.next_u64(), target_port, bench_port };
    let target = match build(&setup) {
        Ok(target) => target,
        Err(reason) => return Outcome { verdict: Verdict::Inconclusive(reason), frames: Vec::new() },
    };
    let mut bench = Bench {
        case,
        clock: target.clock(),
        wall_limit: terms.wall_limit,
        target,
        setup,
        session: Session::new(bench_isn),
        now: Duration::ZERO,
        previous: Duration::ZERO,
        waiting: VecDeque::new(),
        frames: Vec::new(),
        written: Vec::new(),
        unwritten: Vec::new(),
        read_octets: 0,
        saved: BTreeMap::new(),
    };
    let verdict = match bench.fits().and_then(|()| bench.steps()) {
        Ok(()) => Verdict::Pass,
        Err(Stop::Skip(reason)) => Verdict::Skipped(reason),
        Err(Stop::Fail(failure)) => Verdict::Fail(failure),
        Err(Stop::Bench(reason)) => Verdict::Inconclusive(reason),
        Err(Stop::Unsupported(reason)) => Verdict::Unsupported(reason),
    };
    Outcome { verdict, frames: bench.frames }
}

/// Why a run ends before the script does.
enum Stop {
    Fail(Box<Failure>),
    Bench(String),
    Unsupported(String),
    Skip(String),
}

struct Bench<'a> {
    case: &'a Case,
    target: Box<dyn Target>,
    clock: Clock,
    wall_limit: Duration,
    setup: Setup,
    session: Session,
    now: Duration,
    /// When the step before this one happened.
    previous: Duration,
    /// Segments of the target that no step has taken yet, as indices of `frames`.
    waiting: VecDeque<usize>,
    frames: Vec<Frame>,
    /// All that the target's application wrote.
    written: Vec<u8>,
    /// What of it the target has not taken yet.
    unwritten: Vec<u8>,
    /// What the target's application has read.
    read_octets: u32,
    /// The application at each snapshot.
    saved: BTreeMap<u32, Saved>,
}

impl Bench<'_> {
    /// A target that is in no state to be asked anything needs no time for it.
    fn fits(&self) -> Result<(), Stop> {
        let Some(first) = self.case.script.steps.first() else { return Ok(()) };
        self.look_after(first)?;
        let scripted = scripted_time(&self.case.script.steps);
        if self.clock == Clock::Virtual || scripted <= self.wall_limit {
            return Ok(());
        }
        let (takes, limit) = (scripted.as_secs_f64().ceil(), self.wall_limit.as_secs());
        Err(Stop::Skip(format!("takes {takes} s of wall time, the limit is {limit} s")))
    }

    fn steps(&mut self) -> Result<(), Stop> {
        for step in &self.case.script.steps {
            match (&step.action, step.when) {
                (Action::Inject(wanted), When::After(delay)) => self.inject(step, wanted, delay)?,
                (Action::Call(call), When::After(delay)) => {
                    self.advance(step, self.previous + delay)?;
                    self.previous = self.now;
                    self.call(step, call)?;
                    self.catch_up();
                    self.poll(step)?;
                }
                (Action::Silence(silence, length), When::After(delay)) => {
                    self.silence(step, *silence, self.previous + delay + *length)?;
                }
                (Action::Expect(wanted), when) => self.expect(step, wanted, when)?,
                _ => return Err(Stop::Bench(format!("line {}: a step without a time", step.line))),
            }
        }
        let Some(last) = self.case.script.steps.last() else { return Ok(()) };
        self.look_after(last)?;
        self.reject_waiting(last, "the script ends")
    }

    fn inject(&mut self, step: &Step, wanted: &SegmentPattern, delay: Duration) -> Result<(), Stop> {
        self.advance(step, self.previous + delay)?;
        self.reject_waiting(step, "the bench sends the next segment")?;
        self.previous = self.now;
        let millis = u32::try_from(self.now.as_millis()).unwrap_or(u32::MAX);
        let defaults = compose::Defaults {
            source_port: self.setup.bench_port,
            destination_port: self.setup.target_port,
            tsval: millis.wrapping_add(TSVAL_START).wrapping_add(self.tsval_step(wanted)),
        };
        let segment = compose::segment(wanted, &self.session, defaults)
            .map_err(|reason| Stop::Bench(format!("line {}: {reason}", step.line)))?;
        self.record(Side::Bench, segment.clone(), format!("line {}: {}", step.line, step.text));
        self.target.deliver(self.now, &segment);
        self.catch_up();
        self.poll(step)
    }

    /// In wall time a call takes a while.
    fn catch_up(&mut self) {
        if self.clock == Clock::Wall {
            self.now = self.target.pass(self.now, self.now);
        }
    }

    /// Until when something may still come that the target owes now: in virtual time it is there, or it is not.
    fn patience(&self) -> Duration {
        match self.clock {
            Clock::Virtual => self.now,
            Clock::Wall => self.now + WALL_LATE,
        }
    }

    /// Lets a moment pass, at most until `until`; what the target sends waits for a step that takes it.
    fn wait_a_little(&mut self, step: &Step, until: Duration) -> Result<(), Stop> {
        self.now = self.target.pass(self.now, until.min(self.now + WALL_POLL));
        self.poll(step)
    }

    /// A target that is at fault itself fails the case; what it says that it cannot do makes it *unsupported*.
    fn look_after(&self, step: &Step) -> Result<(), Stop> {
        if let Some(because) = self.target.trouble() {
            let got = format!("{}  the target is no target any more", tell::seconds(self.now));
            return Err(self.fail(step, got, because, None));
        }
        self.target.unsupported().map_or(Ok(()), |what| Err(Stop::Unsupported(what)))
    }

    /// How far the bench's clock is ahead of time: each of its incarnations begins a step above the one before it.
    fn tsval_step(&self, wanted: &SegmentPattern) -> u32 {
        let begins = wanted.options.named.iter().find_map(|option| match option {
            OptionPattern::Hiatus(MessagePattern {
                body: MessageBody::Resume { life: Field::Is(life), .. },
                ..
            }) => Some(life.incarnation),
            _ => None,
        });
        let incarnation = begins.unwrap_or(0).max(self.session.end(Side::Bench).life.incarnation);
        incarnation.wrapping_mul(INCARNATION_STEP_TICKS)
    }

    fn record(&mut self, from: Side, segment: OwnedSegment, comment: String) {
        self.session.observe(from, &segment);
        self.frames.push(Frame { at: self.now, from, segment, comment });
    }

    /// Takes all that the target has to send now.
    fn poll(&mut self, step: &Step) -> Result<(), Stop> {
        self.look_after(step)?;
        self.write_on();
        while let Some(segment) = self.target.transmit(self.now) {
            if self.frames.len() >= FRAMES_MAX {
                let got = format!("more than {FRAMES_MAX} segments");
                return Err(self.fail(step, got, "the target floods the path".to_owned(), None));
            }
            self.record(Side::Target, segment, "not mentioned in the script".to_owned());
            self.waiting.push_back(self.frames.len() - 1);
        }
        Ok(())
    }

    /// Lets time pass until the target sends something, at most until `until`.
    fn advance_to_segment(&mut self, step: &Step, until: Duration) -> Result<(), Stop> {
        let mut wakes_at_once = 0;
        while self.waiting.is_empty() {
            let is_due = self.target.next_timeout().is_some_and(|due| due <= until);
            if !is_due && self.clock == Clock::Virtual {
                self.now = self.target.pass(self.now, until);
                return Ok(());
            }
            let before = self.now;
            self.now = self.target.pass(before, until);
            wakes_at_once = if is_due && self.now <= before { wakes_at_once + 1 } else { 0 };
            if wakes_at_once > WAKES_AT_ONCE_MAX {
                let got = "a timer that is due again and again".to_owned();
                return Err(self.fail(step, got, "the target never comes to rest".to_owned(), None));
            }
            self.poll(step)?;
            if !is_due && self.now >= until {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Lets time pass until `until`; what the target sends meanwhile waits for a step that takes it.
    fn advance(&mut self, step: &Step, until: Duration) -> Result<(), Stop> {
        let taken = std::mem::take(&mut self.waiting);
        let mut sent = taken;
        let result = loop {
            if let Err(stop) = self.advance_to_segment(step, until) {
                break Err(stop);
            }
            if self.waiting.is_empty() {
                break Ok(());
            }
            sent.append(&mut self.waiting);
        };
        self.waiting = sent;
        result
    }

    /// The target may not have sent anything by now that the script does not know, pure ACKs apart.
    fn reject_waiting(&mut self, step: &Step, when: &str) -> Result<(), Stop> {
        while let Some(index) = self.waiting.pop_front() {
            let plain = self.frames.get(index).is_none_or(|frame| frame.segment.is_plain_ack());
            if !plain {
                let because = format!("no step expects this segment before {when}");
                return Err(self.fail_at(step, index, because));
            }
        }
        Ok(())
    }

    fn expect(&mut self, step: &Step, wanted: &SegmentPattern, when: When) -> Result<(), Stop> {
        let tolerance = self.case.script.header.tolerance;
        let (from, to) = match when {
            When::After(delay) => {
                let at = self.previous + delay;
                (at.saturating_sub(tolerance), at + tolerance)
            }
            When::Between(from, to) => (self.previous + from, self.previous + to),
            When::Any => (self.previous, self.previous + ANY_TIME_MAX),
        };
        let (from, to) = match self.clock {
            Clock::Virtual => (from, to),
            Clock::Wall => (from.saturating_sub(WALL_EARLY), to + WALL_LATE),
        };
        // Nobody waits for an hour of real time.
        let patience = if self.clock == Clock::Wall { to.min(from + self.wall_limit) } else { to };
        let mut skipped = None;
        loop {
            self.advance_to_segment(step, patience)?;
            let Some(index) = self.waiting.pop_front() else {
                if patience < to && skipped.is_none() {
                    let limit = self.wall_limit.as_secs();
                    let step = step.line;
                    return Err(Stop::Skip(format!(
                        "nothing came for {limit} s of wall time, line {step} waits longer"
                    )));
                }
                return Err(self.nothing_came(step, skipped));
            };
            let Some(frame) = self.frames.get(index) else { continue };
            let misfit = fit::segment(wanted, &frame.segment, &self.session)
                .and_then(|()| self.data_is_right(&frame.segment));
            match misfit {
                Ok(()) if frame.at < from || frame.at > to => {
                    let early = if frame.at < from { "too early" } else { "too late" };
                    return Err(self.fail_at(step, index, format!("the segment fits, but it came {early}")));
                }
                Ok(()) => {
                    self.previous = frame.at;
                    self.comment(index, step);
                    return Ok(());
                }
                Err(because) if frame.segment.is_plain_ack() => skipped = Some((index, because)),
                Err(because) => return Err(self.fail_at(step, index, because)),
            }
        }
    }

    fn comment(&mut self, index: usize, step: &Step) {
        if let Some(frame) = self.frames.get_mut(index) {
            frame.comment = format!("line {}: {}", step.line, step.text);
        }
    }

    /// Data of the target is what its application wrote at that place, wherever it is sent.
    fn data_is_right(&self, segment: &OwnedSegment) -> Result<(), String> {
        let position = self.session.relative(Side::Target, segment.seq);
        if segment.payload.is_empty() || segment.flags.contains(Flags::SYN) {
            return Ok(());
        }
        let start = usize::try_from(position.wrapping_sub(1)).unwrap_or(usize::MAX);
        let end = start.saturating_add(segment.payload.len());
        match self.written.get(start..end) {
            Some(written) if written == segment.payload => Ok(()),
            Some(_) => Err("its data is not what the application wrote at this place".to_owned()),
            None => Err(format!("it has data beyond the {} octets written", self.written.len())),
        }
    }

    fn nothing_came(&self, step: &Step, skipped: Option<(usize, String)>) -> Stop {
        match skipped {
            Some((index, because)) => self.fail_at(step, index, because),
            None => {
                let got = format!("{}  nothing", tell::seconds(self.now));
                self.fail(step, got, "the target sent nothing that was asked for".to_owned(), None)
            }
        }
    }

    fn silence(&mut self, step: &Step, silence: Silence, until: Duration) -> Result<(), Stop> {
        loop {
            while let Some(index) = self.waiting.pop_front() {
                let Some(frame) = self.frames.get(index) else { continue };
                let segment = &frame.segment;
                let broken = match silence {
                    Silence::Everything => Some("the target was to send nothing"),
                    Silence::Hiatus => {
                        (segment.hiatus_count() > 0).then_some("the target was to send no Hiatus option")
                    }
                    Silence::Data => {
                        (!segment.payload.is_empty()).then_some("the target was to send no data")
                    }
                    Silence::Reset => {
                        segment.flags.contains(Flags::RST).then_some("the target was to send no RST")
                    }
                };
                if let Some(because) = broken {
                    // What was due right behind it may come a little early.
                    if self.clock == Clock::Wall && frame.at + WALL_EARLY > until {
                        self.waiting.push_front(index);
                        self.previous = until;
                        return Ok(());
                    }
                    return Err(self.fail_at(step, index, because.to_owned()));
                }
                self.comment(index, step);
            }
            self.advance_to_segment(step, until)?;
            if self.waiting.is_empty() {
                self.previous = self.now;
                return Ok(());
            }
        }
    }

    fn refusal(&self, step: &Step, error: CallError) -> Stop {
        match error {
            CallError::Unsupported(what) => {
                Stop::Unsupported(self.target.unsupported().unwrap_or_else(|| what.to_owned()))
            }
            other => {
                if let Err(stop) = self.look_after(step) {
                    return stop;
                }
                let because = format!("the call was {other}");
                self.fail(step, format!("{}  the call fails", tell::seconds(self.now)), because, None)
            }
        }
    }

    fn fail_at(&self, step: &Step, index: usize, because: String) -> Stop {
        let told = self.frames.get(index).map_or_else(String::new, |frame| {
            format!(
                "{}  > {}",
                tell::seconds(frame.at),
                tell::segment(&self.session, frame.from, &frame.segment)
            )
        });
        self.fail(step, told, because, Some(index + 1))
    }

    fn fail(&self, step: &Step, got: String, because: String, frame: Option<usize>) -> Stop {
        let last = frame.unwrap_or(self.frames.len());
        let expected = format!("{}  {}", self.wanted_time(step.when), without_time(&step.text));
        let frames = (last.saturating_sub(1).max(1), last.max(1));
        Stop::Fail(Box::new(Failure { line: step.line, expected, got, because, frames }))
    }

    /// When a step was to happen, in the time of the case.
    fn wanted_time(&self, when: When) -> String {
        match when {
            When::After(delay) => tell::seconds(self.previous + delay),
            When::Between(from, to) => {
                format!("{}..{}", tell::seconds(self.previous + from), tell::seconds(self.previous + to))
            }
            When::Any => format!("{}..", tell::seconds(self.previous)),
        }
    }
}

/// What a script takes at least: its delays, its silences, and the beginnings of the ranges that it expects.
fn scripted_time(steps: &[Step]) -> Duration {
    let of_step = |step: &Step| {
        let silence = if let Action::Silence(_, length) = &step.action { *length } else { Duration::ZERO };
        let delay = match step.when {
            When::After(delay) => delay,
            When::Between(from, _) => from,
            When::Any => Duration::ZERO,
        };
        delay + silence
    };
    steps.iter().map(of_step).sum()
}

fn without_time(text: &str) -> &str {
    text.split_once(char::is_whitespace).map_or(text, |(_, rest)| rest.trim_start())
}
