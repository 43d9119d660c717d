//! The steps that call the target or look at it.

use super::{Bench, Stop};
use crate::record::Frame;
use crate::script::{Call, Step, Written};
use crate::target::{CallError, Received, StreamEnd};
use crate::tell;
use crate::wire::{Side, pattern};

/// Most octets that one read asks for beyond what the script expects, to see what else is there.
const READ_ROOM_OCTETS: usize = 1 << 20;

/// What an application has done by the time of a snapshot.
#[derive(Debug, Clone)]
pub(super) struct Saved {
    written: Vec<u8>,
    /// The last of it, which the target had no room for yet.
    unwritten_octets: usize,
    read_octets: u32,
}

impl Bench<'_> {
    pub(super) fn call(&mut self, step: &Step, call: &Call) -> Result<(), Stop> {
        let now = self.now;
        let target = &mut self.target;
        let result = match call {
            Call::Listen => target.listen(now),
            Call::Connect => target.connect(now),
            Call::Close => target.close(now),
            Call::Abort => target.abort(now),
            Call::Suspend(absence) => target.suspend(now, *absence),
            Call::Stop => target.stop(now),
            Call::Resume => target.resume(now),
            Call::SnapshotTaken(epoch) => target.snapshot_taken(now, *epoch),
            Call::SnapshotDurable(epoch) => target.snapshot_durable(now, *epoch),
            Call::Crash => target.crash(now),
            Call::Restore { epoch, lasts } => target.restore(now, *epoch, *lasts),
            Call::Rewind(epoch) => target.rewind(now, *epoch),
            Call::HoldSend(sending) => target.hold_send(now, *sending),
            Call::Icmp(error) => {
                let sent = |frame: &&Frame| frame.from == Side::Target;
                match self.frames.iter().rev().find(sent) {
                    Some(frame) => target.network_error(now, *error, &frame.segment),
                    None => return Err(Stop::Bench("icmp: the target has sent nothing".to_owned())),
                }
            }
            Call::Attempt(call) => {
                return match self.call(step, call) {
                    Err(Stop::Fail(failure)) if failure.because.contains("refused") => Ok(()),
                    other => other,
                };
            }
            Call::Write(written) => return self.write(step, written),
            Call::Reads(octets) => return self.reads(step, *octets),
            Call::ReadsNothing => return self.reads_nothing(step),
            Call::ReadsEnd => return self.reads_end(step),
            Call::Event(name) => return self.event(step, name),
            Call::State(name) => return self.state(step, name),
        };
        result.map_err(|error| self.refusal(step, error))?;
        self.application(call);
        Ok(())
    }

    /// The application is saved and restored together with its connection.
    fn application(&mut self, call: &Call) {
        match call {
            Call::SnapshotTaken(epoch) => {
                let unwritten_octets = self.unwritten.len();
                let saved =
                    Saved { written: self.written.clone(), unwritten_octets, read_octets: self.read_octets };
                self.saved.insert(*epoch, saved);
            }
            Call::Restore { epoch, .. } | Call::Rewind(epoch) => {
                let Some(saved) = self.saved.get(epoch).cloned() else { return };
                let taken = saved.written.len() - saved.unwritten_octets;
                self.unwritten = saved.written.get(taken..).unwrap_or(&[]).to_vec();
                self.written = saved.written;
                self.read_octets = saved.read_octets;
            }
            _ => {}
        }
    }

    fn write(&mut self, step: &Step, written: &Written) -> Result<(), Stop> {
        let octets = match written {
            Written::Pattern(len) => {
                let position = u32::try_from(self.written.len() + 1).unwrap_or(u32::MAX);
                pattern(Side::Target, position, *len)
            }
            Written::Text(text) => text.clone(),
        };
        self.written.extend_from_slice(&octets);
        let taken = self.target.write(self.now, &octets).map_err(|error| self.refusal(step, error))?;
        self.unwritten.extend(octets.get(taken..).unwrap_or(&[]));
        Ok(())
    }

    /// What the target had no room for is offered again, as an application does that waits for room.
    pub(super) fn write_on(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        if let Ok(taken) = self.target.write(self.now, &self.unwritten) {
            self.unwritten.drain(..taken.min(self.unwritten.len()));
        }
    }

    fn read(&mut self, step: &Step, room: usize) -> Result<Received, Stop> {
        self.target.read(self.now, room).map_err(|error| self.refusal(step, error))
    }

    fn reads(&mut self, step: &Step, wanted: u32) -> Result<(), Stop> {
        let room = usize::try_from(wanted).unwrap_or(READ_ROOM_OCTETS);
        let mut received = self.read(step, room)?;
        let until = self.patience();
        while received.octets.len() < room && self.now < until {
            self.wait_a_little(step, until)?;
            let more = self.read(step, room - received.octets.len())?;
            received.octets.extend(more.octets);
        }
        let expected = pattern(Side::Bench, self.read_octets.wrapping_add(1), wanted);
        self.read_octets = self.read_octets.wrapping_add(wanted);
        if received.octets == expected {
            return Ok(());
        }
        let same =
            received.octets.iter().zip(&expected).take_while(|(found, wanted)| found == wanted).count();
        let got = format!("{}  {} octets", tell::seconds(self.now), received.octets.len());
        let because = format!("the application got {same} of {wanted} octets right");
        Err(self.fail(step, got, because, None))
    }

    fn reads_nothing(&mut self, step: &Step) -> Result<(), Stop> {
        let received = self.read(step, READ_ROOM_OCTETS)?;
        if received == Received::default() {
            return Ok(());
        }
        let got = format!("{}  {}", tell::seconds(self.now), told(&received));
        Err(self.fail(step, got, "the application was to read nothing".to_owned(), None))
    }

    fn reads_end(&mut self, step: &Step) -> Result<(), Stop> {
        let mut received = self.read(step, READ_ROOM_OCTETS)?;
        let until = self.patience();
        while received == Received::default() && self.now < until {
            self.wait_a_little(step, until)?;
            received = self.read(step, READ_ROOM_OCTETS)?;
        }
        if received.octets.is_empty() && received.end == StreamEnd::Closed {
            return Ok(());
        }
        let got = format!("{}  {}", tell::seconds(self.now), told(&received));
        Err(self.fail(step, got, "the application was to read the end of the stream".to_owned(), None))
    }

    /// Events up to the one that is looked for are taken; `closed` stands for every event that begins so.
    fn event(&mut self, step: &Step, name: &str) -> Result<(), Stop> {
        let mut passed = Vec::new();
        let until = self.patience();
        loop {
            match self.target.event() {
                Ok(Some(event)) if is_named(&event, name) => return Ok(()),
                Ok(Some(event)) => passed.push(event),
                Ok(None) if self.now < until => self.wait_a_little(step, until)?,
                Ok(None) => break,
                Err(error) => return Err(self.refusal(step, error)),
            }
        }
        let told = if passed.is_empty() { "no event".to_owned() } else { passed.join(", ") };
        let got = format!("{}  {told}", tell::seconds(self.now));
        Err(self.fail(step, got, "the application was not told".to_owned(), None))
    }

    fn state(&mut self, step: &Step, name: &str) -> Result<(), Stop> {
        let until = self.patience();
        let states = loop {
            let states = match self.target.states() {
                Ok(states) => states,
                Err(error @ CallError::Unsupported(_)) => return Err(self.refusal(step, error)),
                Err(error) => {
                    self.look_after(step)?;
                    return Err(Stop::Bench(error.to_string()));
                }
            };
            if states.iter().any(|state| state == name) {
                return Ok(());
            }
            if self.now >= until {
                break states;
            }
            self.wait_a_little(step, until)?;
        };
        let got = format!("{}  {}", tell::seconds(self.now), states.join(", "));
        Err(self.fail(step, got, format!("the target is not {name}"), None))
    }
}

/// What the application read, in words.
fn told(received: &Received) -> String {
    let end = match received.end {
        StreamEnd::Open => "and the stream goes on",
        StreamEnd::Closed => "and the end of the stream",
    };
    format!("{} octets, {end}", received.octets.len())
}

fn is_named(event: &str, name: &str) -> bool {
    event.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
