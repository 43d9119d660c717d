//! The process with the engine in it.

pub(crate) mod capture;
mod engine;
pub(crate) mod watch;

use std::io;
use std::path::Path;
use std::time::Duration;

use hiatus_netns::Tun;

use crate::case::{Case, Side};
use crate::drive::{Clock, Observer, drive};
use crate::host::capture::Capture;
use crate::host::engine::Engine;
use crate::host::watch::Watch;
use crate::report::{Done, Line, say, wait_for_go};
use crate::transfer::Transfer;
use hiatus_interop::stack::Stack;
use hiatus_interop::trouble::Trouble;

/// Name of the TUN device of the engine.
pub(crate) const DEVICE: &str = "ours";

/// Counts, judges and keeps what passes.
struct Record {
    watch: Watch,
    capture: Capture,
    is_done: bool,
}

impl Record {
    fn report(&self, now: Duration, trouble: Option<String>) -> Result<(), Trouble> {
        let (ours, theirs, mut findings) = self.watch.result();
        findings.extend(trouble);
        say(&Line::Done(Done { findings, seconds: now.as_secs_f64(), wire: Some((ours, theirs)) }))
    }
}

impl Observer for Record {
    fn packet(&mut self, now: Duration, side: Side, octets: &[u8]) -> io::Result<()> {
        self.watch.packet(now, side, octets);
        self.capture.note(now, octets)
    }

    fn done(&mut self, now: Duration) -> Result<(), Trouble> {
        self.is_done = true;
        self.report(now, None)
    }
}

/// One run of the engine over the TUN device of this network; every packet is captured in the file `capture`.
pub(crate) fn run(case: &Case, capture: &Path) -> Result<(), Trouble> {
    let mut tun = Tun::attach(DEVICE).map_err(Trouble::system(format!("TUN device {DEVICE}")))?;
    let capture =
        Capture::create(capture).map_err(Trouble::system(format!("capture {}", capture.display())))?;
    let mut record = Record { watch: Watch::new(case), capture, is_done: false };
    say(&Line::Ready)?;
    if !wait_for_go()? {
        return Ok(());
    }
    let clock = Clock::start();
    let mut engine = Engine::open(clock.now(), case)?;
    let mut transfer = Transfer::new(case, Side::Us);
    if case.opener == Side::Them {
        say(&Line::Listening)?;
    }
    let trouble = match drive(clock, Side::Us, &mut tun, &mut engine, &mut transfer, &mut record) {
        Ok(()) if record.is_done => return Ok(()),
        Ok(()) => "the engine was told to end before it was done".to_owned(),
        Err(trouble) => trouble.to_string(),
    };
    let place = format!("{trouble} (in {}, {})", engine.describe(), transfer.describe());
    record.report(clock.now(), Some(place))
}
