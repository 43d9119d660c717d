//! Why a call is refused, with what the text of [`hiatus_error`](crate::ffi::hiatus_error) says.

use hiatus_engine::{CommandError, ConnectError, ListenError, RestoreError, WriteError};

use crate::status::Status;

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{argument}: NULL")]
    Null { argument: &'static str },
    #[error("{argument}: not aligned for its type")]
    Unaligned { argument: &'static str },
    #[error("{argument}: {found}, expected {least} to {most}")]
    OutOfRange { argument: &'static str, found: u64, least: u64, most: u64 },
    #[error("{argument}: room for {found_octets} octets, expected {expected_octets}")]
    NoRoom { argument: &'static str, found_octets: usize, expected_octets: usize },
    #[error("connection {number}: there is none of this name, or it is over")]
    NoConnection { number: u64 },
    #[error("listener {number}: there is none of this name")]
    NoListener { number: u64 },
    #[error("the endpoint waits to be restored")]
    Restoring,
    #[error("callback: it returned {found}, expected 0")]
    Callback { found: i32 },
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

impl Refusal {
    /// What the call returns.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Null { .. } | Self::Unaligned { .. } => Status::HIATUS_ERROR_POINTER,
            Self::OutOfRange { .. } => Status::HIATUS_ERROR_RANGE,
            Self::NoRoom { .. } => Status::HIATUS_ERROR_ROOM,
            Self::NoConnection { .. } => Status::HIATUS_ERROR_NO_CONNECTION,
            Self::NoListener { .. } => Status::HIATUS_ERROR_NO_LISTENER,
            Self::Restoring => Status::HIATUS_ERROR_RESTORING,
            Self::Callback { .. } => Status::HIATUS_ERROR_CALLBACK,
            Self::Listen(error) => listen(error),
            Self::Connect(error) => connect(error),
            Self::Write(error) => write(error),
            Self::Command(error) => command(error),
            Self::Restore(error) => restore(error),
        }
    }

    /// Refuses `found` if it is not within the bounds.
    pub(crate) fn unless_within(
        argument: &'static str,
        found: impl Into<u64>,
        (least, most): (u64, u64),
    ) -> Result<(), Self> {
        let found = found.into();
        if (least..=most).contains(&found) {
            Ok(())
        } else {
            Err(Self::OutOfRange { argument, found, least, most })
        }
    }
}

// The engine's errors may grow: what is not known here is a bound that is reached, or a connection that cannot do it.

fn listen(error: &ListenError) -> Status {
    match error {
        ListenError::Taken { .. } | ListenError::PrefixTaken { .. } => Status::HIATUS_ERROR_TAKEN,
        ListenError::NoPort => Status::HIATUS_ERROR_NO_PORT,
        _ => Status::HIATUS_ERROR_FULL,
    }
}

fn connect(error: &ConnectError) -> Status {
    match error {
        ConnectError::Families { .. } | ConnectError::NotUnicast { .. } => Status::HIATUS_ERROR_ADDRESS,
        ConnectError::InUse { .. } => Status::HIATUS_ERROR_TAKEN,
        ConnectError::NoPort { .. } => Status::HIATUS_ERROR_NO_PORT,
        ConnectError::Restoring => Status::HIATUS_ERROR_RESTORING,
        _ => Status::HIATUS_ERROR_FULL,
    }
}

fn write(error: &WriteError) -> Status {
    match error {
        WriteError::Closing { .. } => Status::HIATUS_ERROR_CLOSING,
        _ => Status::HIATUS_ERROR_NO_CONNECTION,
    }
}

fn command(error: &CommandError) -> Status {
    match error {
        CommandError::Closing { .. } => Status::HIATUS_ERROR_CLOSING,
        CommandError::HiatusOff => Status::HIATUS_ERROR_HIATUS_OFF,
        CommandError::NotOffered => Status::HIATUS_ERROR_NOT_OFFERED,
        CommandError::Suspended => Status::HIATUS_ERROR_SUSPENDED,
        CommandError::GenerationsExhausted => Status::HIATUS_ERROR_GENERATIONS_EXHAUSTED,
        CommandError::GenerationsLeft { .. } => Status::HIATUS_ERROR_GENERATIONS_LEFT,
        CommandError::NotNewer { .. } => Status::HIATUS_ERROR_NOT_NEWER,
        _ => Status::HIATUS_ERROR_NO_CONNECTION,
    }
}

fn restore(error: &RestoreError) -> Status {
    match error {
        RestoreError::NotRestoring => Status::HIATUS_ERROR_NOT_RESTORING,
        RestoreError::NotNewer { .. } => Status::HIATUS_ERROR_NOT_NEWER,
        RestoreError::Record { .. } | RestoreError::TakenLater { .. } | RestoreError::Twice { .. } => {
            Status::HIATUS_ERROR_RECORD
        }
        _ => Status::HIATUS_ERROR_FULL,
    }
}
