//! States of connections, as the kernel lists them.

use std::net::SocketAddr;
use std::{fs, io};

/// The names of RFC 9293 for the kernel's numbers from 1 on (`include/net/tcp_states.h`); a request socket is in
/// SYN-RECEIVED.
const STATES: [&str; 12] = [
    "established",
    "syn-sent",
    "syn-received",
    "fin-wait-1",
    "fin-wait-2",
    "time-wait",
    "closed",
    "close-wait",
    "last-ack",
    "listen",
    "closing",
    "syn-received",
];
const LISTEN: &str = "listen";

/// The state of the connection between port `local` and `remote`; without one, of the listener there.
pub(super) fn state(local: u16, remote: SocketAddr) -> io::Result<&'static str> {
    let path = if remote.is_ipv4() { "/proc/thread-self/net/tcp" } else { "/proc/thread-self/net/tcp6" };
    Ok(state_in(&fs::read_to_string(path)?, local, remote.port()))
}

fn state_in(table: &str, local: u16, remote: u16) -> &'static str {
    let rows = || table.lines().filter_map(Row::parse).filter(|row| row.local == local);
    let connection = rows().find(|row| row.remote == remote).map(|row| row.state);
    let listener = || rows().find(|row| row.state == LISTEN).map(|row| row.state);
    connection.or_else(listener).unwrap_or("closed")
}

struct Row {
    local: u16,
    remote: u16,
    state: &'static str,
}

impl Row {
    /// `sl local_address rem_address st ...`, all in hexadecimal digits; the head line is none.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().skip(1);
        let mut port = || u16::from_str_radix(words.next()?.rsplit_once(':')?.1, 16).ok();
        let (local, remote) = (port()?, port()?);
        let number = usize::from_str_radix(words.next()?, 16).ok()?;
        Some(Self { local, remote, state: STATES.get(number.checked_sub(1)?)? })
    }
}

#[cfg(test)]
mod tests {
    use super::state_in;

    /// As a kernel wrote it: a listener at 7000, a connection of it, another one's in TIME-WAIT.
    const TABLE: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 010200C0:1B58 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 010200C0:1B58 020200C0:9C40 08 00000000:00000001 00:00000000 00000000     0        0 2 1 0 20 4 30 10 -1
   2: 010200C0:1B59 020200C0:9C40 06 00000000:00000000 03:00000100 00000000     0        0 0 3 0
";

    #[test]
    fn the_connection_comes_before_its_listener() {
        assert_eq!(state_in(TABLE, 7000, 40_000), "close-wait");
        assert_eq!(state_in(TABLE, 7000, 40_001), "listen");
        assert_eq!(state_in(TABLE, 7001, 40_000), "time-wait");
        assert_eq!(state_in(TABLE, 7002, 40_000), "closed");
    }
}
