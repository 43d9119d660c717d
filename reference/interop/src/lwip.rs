//! lwIP 2.2.1 as a [`Stack`].

mod ffi;

use std::net::SocketAddr;
use std::time::Duration;

use crate::lwip::ffi::{ERR_MEM, Handle, LwipError};
use crate::stack::{Foreign, Opening, Phase, Reading, Role, Stack};
use crate::trouble::Trouble;

/// `ERR_CLSD`: LAST-ACK ended as it should.
const ERR_CLSD: i32 = -15;
/// `enum tcp_state`.
const STATES: [&str; 11] = [
    "CLOSED",
    "LISTEN",
    "SYN-SENT",
    "SYN-RECEIVED",
    "ESTABLISHED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
    "TIME-WAIT",
];
const TIME_WAIT: i32 = 10;

/// One connection of lwIP.
pub struct Lwip {
    handle: Handle,
    local: SocketAddr,
    remote: SocketAddr,
    /// See [`Opening::haste`].
    haste: u32,
}

impl Foreign for Lwip {
    /// Once in a process: lwIP has global state. Its options are those of `lwip/lwipopts.h`: timestamps are always offered.
    fn open(now: Duration, opening: &Opening) -> Result<Self, Trouble> {
        let random = u32::try_from(opening.seed & 0xffff_ffff).unwrap_or_default();
        let mut handle = Handle::start(random, opening.mtu_octets, opening.local.ip());
        handle.time(milliseconds(now * opening.haste));
        Ok(Self { handle, local: opening.local, remote: opening.remote, haste: opening.haste })
    }

    fn start(&mut self, _now: Duration, role: Role) -> Result<(), Trouble> {
        let (local, remote) = (self.local, self.remote);
        let result = match role {
            Role::Listen => self.handle.listen(local.port()),
            Role::Connect => self.handle.connect(local.port(), remote.ip(), remote.port()),
        };
        result.map_err(|error| broken("open", error))
    }
}

fn broken(what: &str, LwipError(error): LwipError) -> Trouble {
    Trouble::Broken { stack: "lwIP", found: format!("{what}: err_t {error}") }
}

fn milliseconds(now: Duration) -> u32 {
    u32::try_from(now.as_millis() & u128::from(u32::MAX)).unwrap_or_default()
}

impl Stack for Lwip {
    fn receive(&mut self, _now: Duration, packet: &[u8]) {
        self.handle.input(packet);
    }

    fn transmit(&mut self, _now: Duration, buffer: &mut [u8]) -> Option<usize> {
        let packet = self.handle.next_packet()?;
        buffer.get_mut(..packet.len())?.copy_from_slice(&packet);
        Some(packet.len())
    }

    fn handle_time(&mut self, now: Duration) {
        self.handle.time(milliseconds(now * self.haste));
    }

    fn next_time(&mut self, now: Duration) -> Option<Duration> {
        // Its clock has milliseconds: one more, so that time has surely come then.
        Some(now + Duration::from_millis(u64::from(self.handle.sleep_ms()) + 1) / self.haste)
    }

    fn write(&mut self, _now: Duration, octets: &[u8]) -> Result<usize, Trouble> {
        self.handle.write(octets).map_err(|error| broken("write", error))
    }

    fn read(&mut self, _now: Duration, room: &mut [u8]) -> Result<Reading, Trouble> {
        let count = self.handle.read(room);
        Ok(match count {
            0 if self.handle.status().peer_ended => Reading::End,
            0 => Reading::Nothing,
            count => Reading::Octets(count),
        })
    }

    fn finish(&mut self, _now: Duration) -> Result<bool, Trouble> {
        match self.handle.finish() {
            Ok(()) => Ok(true),
            Err(ERR_MEM) => Ok(false),
            Err(error) => Err(broken("shutdown", error)),
        }
    }

    fn abort(&mut self, _now: Duration) -> Result<(), Trouble> {
        self.handle.abort();
        Ok(())
    }

    fn phase(&self) -> Result<Phase, Trouble> {
        let status = self.handle.status();
        match status.error {
            0 if status.state == TIME_WAIT => Ok(Phase::Closed),
            0 if status.is_connected => Ok(Phase::Open),
            0 => Ok(Phase::Opening),
            ERR_CLSD if status.peer_ended => Ok(Phase::Closed),
            error => Err(broken("connection", LwipError(i64::from(error)))),
        }
    }

    fn describe(&self) -> String {
        let state = usize::try_from(self.handle.status().state).unwrap_or_default();
        STATES.get(state).copied().unwrap_or("?").to_owned()
    }
}
