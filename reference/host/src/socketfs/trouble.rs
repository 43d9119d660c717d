//! Errors as programs know them, each with its reason in words.

use fuser::Errno;
use hiatus_codec::AbortReason;
use hiatus_engine::{CloseReason, ConnectError, ListenError};
use rustix::io::Errno as Number;
use serde::{Deserialize, Serialize};

/// Why a socket is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Over {
    /// The number of the error.
    pub(super) errno: i32,
    /// Its name, in capitals.
    pub(super) name: String,
    /// Why.
    pub(super) words: String,
}

impl Over {
    fn new(number: Number, words: String) -> Self {
        let name = match number {
            Number::CONNREFUSED => "ECONNREFUSED",
            Number::CONNRESET => "ECONNRESET",
            Number::TIMEDOUT => "ETIMEDOUT",
            Number::HOSTUNREACH => "EHOSTUNREACH",
            Number::CONNABORTED => "ECONNABORTED",
            Number::PIPE => "EPIPE",
            _ => "EIO",
        };
        Self { errno: number.raw_os_error(), name: name.to_owned(), words }
    }

    /// As the engine says it.
    pub(super) fn of(reason: CloseReason) -> Self {
        let number = match reason {
            CloseReason::Refused => Number::CONNREFUSED,
            CloseReason::Reset | CloseReason::PeerHasNoState | CloseReason::PeerIsPlain => Number::CONNRESET,
            CloseReason::AbortedByPeer(AbortReason::APPLICATION | AbortReason::LOST) => Number::CONNRESET,
            CloseReason::NoAnswer | CloseReason::HoldOver => Number::TIMEDOUT,
            CloseReason::Unreachable(_) => Number::HOSTUNREACH,
            CloseReason::Aborted => Number::CONNABORTED,
            // Both directions are closed: nothing can be written any more, and nothing more is read.
            CloseReason::Finished => Number::PIPE,
            _ => Number::IO,
        };
        let words = match reason {
            CloseReason::AbortedByPeer(reason) | CloseReason::AbortedHere(reason)
                if reason != AbortReason::APPLICATION =>
            {
                format!("{}: {}", reason.to_string().to_uppercase(), of_host(reason))
            }
            _ => String::new(),
        };
        let words = if words.is_empty() { reason.to_string() } else { format!("{words} ({reason})") };
        Self::new(number, words)
    }

    /// The host came back without it.
    pub(super) fn lost() -> Self {
        let words = "the host was restored, and the connection is not in its epoch or its peer is plain TCP";
        Self::new(Number::CONNRESET, words.to_owned())
    }

    pub(super) fn number(&self) -> Errno {
        Errno::from_i32(self.errno)
    }
}

fn of_host(reason: AbortReason) -> &'static str {
    match reason {
        AbortReason::FENCED => "another, later life of the same host has taken over",
        AbortReason::GONE => "the octets that are asked for are no longer kept",
        AbortReason::DIVERGED => "the two histories do not fit together",
        AbortReason::LOST => "the other end has no state of the connection",
        AbortReason::SHED => "given up to stay within limits",
        _ => "for another reason",
    }
}

pub(super) fn errno(number: Number) -> Errno {
    Errno::from_i32(number.raw_os_error())
}

pub(super) fn of_connect(error: ConnectError) -> Errno {
    errno(match error {
        ConnectError::Families { .. } => Number::AFNOSUPPORT,
        ConnectError::InUse { .. } => Number::ADDRINUSE,
        ConnectError::NotUnicast { .. } => Number::NETUNREACH,
        ConnectError::NoPort { .. } => Number::ADDRNOTAVAIL,
        ConnectError::Restoring => Number::AGAIN,
        _ => Number::NOBUFS,
    })
}

pub(super) fn of_listen(error: ListenError) -> Errno {
    errno(match error {
        ListenError::Taken { .. } | ListenError::PrefixTaken { .. } => Number::ADDRINUSE,
        ListenError::NoPort => Number::INVAL,
        _ => Number::NOBUFS,
    })
}
