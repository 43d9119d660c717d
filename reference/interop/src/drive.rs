//! The loop that drives a [`Stack`] over a TUN device: packets, time and the application, in turn.

use std::io;
use std::time::{Duration, Instant};

use hiatus_netns::Tun;

use crate::case::Side;
use crate::transfer::Transfer;
use crate::tun::{PACKET_OCTETS_MAX, Woken, wait};
use hiatus_interop::stack::{Phase, Stack};
use hiatus_interop::trouble::Trouble;

/// Packets taken before anything else gets its turn.
const PACKETS_PER_TURN: usize = 64;
/// The longest sleep.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// A connection on which no octet moves for so long is broken: RTOs back off to less than that.
const STALL: Duration = Duration::from_secs(40);

/// What the loop tells, besides driving.
pub(crate) trait Observer {
    /// A packet passed the device; `side` sent it.
    fn packet(&mut self, now: Duration, side: Side, octets: &[u8]) -> io::Result<()>;
    /// Everything was sent and received, and both ends closed. It may be told only once; the loop goes on, so that
    /// the peer's last segments are answered.
    fn done(&mut self, now: Duration) -> Result<(), Trouble>;
}

/// The beginning of a run's time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the beginning. CLOCK_MONOTONIC.
    pub(crate) fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Drives `stack` until this process is told to end.
pub(crate) fn drive(
    clock: Clock,
    side: Side,
    tun: &mut Tun,
    stack: &mut impl Stack,
    transfer: &mut Transfer,
    observer: &mut impl Observer,
) -> Result<(), Trouble> {
    let device = |error| Trouble::System { what: "TUN device".to_owned(), source: error };
    let mut buffer = vec![0; PACKET_OCTETS_MAX];
    let mut moved_at = clock.now();
    let mut is_done = false;
    loop {
        let mut is_idle = true;
        for _ in 0..PACKETS_PER_TURN {
            let Some(len_octets) = tun.receive(&mut buffer).map_err(device)? else { break };
            let now = clock.now();
            observer.packet(now, side.other(), &buffer[..len_octets]).map_err(device)?;
            stack.receive(now, &buffer[..len_octets]);
            // At once: three segments out of order are three duplicate ACKs (RFC 5681, section 4.2), not one.
            send(now, side, tun, stack, observer, &mut buffer).map_err(device)?;
            is_idle = false;
        }
        let now = clock.now();
        stack.handle_time(now);
        let phase = stack.phase();
        if !is_done
            && phase.as_ref().is_ok_and(|phase| *phase != Phase::Opening)
            && transfer.step(now, stack)?
        {
            is_idle = false;
            moved_at = now;
        }
        is_idle &= !send(now, side, tun, stack, observer, &mut buffer).map_err(device)?;
        if !is_done && phase? == Phase::Closed && transfer.is_done() {
            is_done = true;
            observer.done(now)?;
        }
        if !is_done && now.saturating_sub(moved_at) > STALL {
            let found = format!("{}, {}", stack.describe(), transfer.describe());
            return Err(Trouble::Stalled { patience: STALL, found });
        }
        let patience = if is_idle { sleep(stack.next_time(now), clock.now()) } else { Duration::ZERO };
        if wait(tun, patience).map_err(device)? == Woken::ToldToEnd {
            return Ok(());
        }
    }
}

/// Sends what the stack has to send, and says whether that was anything.
fn send(
    now: Duration,
    side: Side,
    tun: &mut Tun,
    stack: &mut impl Stack,
    observer: &mut impl Observer,
    buffer: &mut [u8],
) -> io::Result<bool> {
    let mut has_sent = false;
    for _ in 0..PACKETS_PER_TURN {
        let Some(len_octets) = stack.transmit(now, buffer) else { break };
        observer.packet(now, side, &buffer[..len_octets])?;
        tun.send(&buffer[..len_octets])?;
        has_sent = true;
    }
    Ok(has_sent)
}

fn sleep(until: Option<Duration>, now: Duration) -> Duration {
    until.map_or(SLEEP_MAX, |until| until.saturating_sub(now).min(SLEEP_MAX))
}
