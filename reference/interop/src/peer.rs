//! The processes with the other stacks in them.

pub(crate) mod kernel;

use std::io;
use std::time::Duration;

use hiatus_netns::Tun;

use crate::case::{Case, Peer, Side};
use crate::drive::{Clock, Observer, drive};
use crate::report::{Done, Line, say, wait_for_go};
use crate::transfer::Transfer;
use hiatus_interop::lwip::Lwip;
use hiatus_interop::smoltcp::Smoltcp;
use hiatus_interop::stack::Foreign;
use hiatus_interop::trouble::Trouble;

/// Name of the device towards the peer: a TUN device, or one end of a veth pair.
pub(crate) const DEVICE: &str = "theirs";

/// One run of the peer of `case`.
pub(crate) fn run(case: &Case) -> Result<(), Trouble> {
    match case.peer {
        Peer::Kernel => kernel::run(case),
        Peer::Lwip => run_on_tun::<Lwip>(case),
        Peer::Smoltcp => run_on_tun::<Smoltcp>(case),
    }
}

/// Tells only the end: the other process watches the wire.
struct Quiet;

impl Observer for Quiet {
    fn packet(&mut self, _now: Duration, _side: Side, _octets: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn done(&mut self, now: Duration) -> Result<(), Trouble> {
        say(&Line::Done(Done { findings: Vec::new(), seconds: now.as_secs_f64(), wire: None }))
    }
}

fn run_on_tun<S: Foreign>(case: &Case) -> Result<(), Trouble> {
    let mut tun = Tun::attach(DEVICE).map_err(Trouble::system(format!("TUN device {DEVICE}")))?;
    say(&Line::Ready)?;
    if !wait_for_go()? {
        return Ok(());
    }
    let clock = Clock::start();
    let mut stack = S::open(clock.now(), &case.opening())?;
    stack.start(clock.now(), case.role())?;
    let mut transfer = Transfer::new(case, Side::Them);
    if case.opener == Side::Us {
        say(&Line::Listening)?;
    }
    let result = drive(clock, Side::Them, &mut tun, &mut stack, &mut transfer, &mut Quiet);
    result.or_else(|trouble| report_trouble(clock.now(), &trouble))
}

fn report_trouble(now: Duration, trouble: &Trouble) -> Result<(), Trouble> {
    let findings = vec![trouble.to_string()];
    say(&Line::Done(Done { findings, seconds: now.as_secs_f64(), wire: None }))
}
