//! Numbers that the C library's headers give names.

/// `FIONREAD`: octets that can be read.
pub(super) const SIOCINQ: u64 = 0x541b;
/// `TIOCOUTQ`: octets that are not acknowledged.
pub(super) const SIOCOUTQ: u64 = 0x5411;

/// The families there are sockets of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Inet,
    Inet6,
}

pub(super) fn family(domain: i32) -> Option<Family> {
    match domain {
        libc::AF_INET => Some(Family::Inet),
        libc::AF_INET6 => Some(Family::Inet6),
        _ => None,
    }
}
