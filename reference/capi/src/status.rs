//! What a call returns.

/// What a call returns: 0, a value above it that is no mistake, or an error below it.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "the names that a C program reads, written once")]
pub enum Status {
    /// Done.
    HIATUS_OK = 0,
    /// There is nothing of the kind now: no packet, event, timeout, connection or octet.
    HIATUS_NOTHING = 1,
    /// Everything that the peer sent has been read, its FIN included: the end of the stream.
    HIATUS_END = 2,
    /// A pointer is NULL, or not aligned.
    HIATUS_ERROR_POINTER = -1,
    /// A value is out of the range that the header gives for it.
    HIATUS_ERROR_RANGE = -2,
    /// The caller's memory is too short for what was to be written.
    HIATUS_ERROR_ROOM = -3,
    /// The endpoint is in a call already, whose callback this call came from.
    HIATUS_ERROR_BUSY = -4,
    /// The library has failed within a call, which is a defect of it. The endpoint can only be freed.
    HIATUS_ERROR_BROKEN = -5,
    /// A callback returned something else than 0.
    HIATUS_ERROR_CALLBACK = -6,
    /// No connection has this name, or it is over.
    HIATUS_ERROR_NO_CONNECTION = -7,
    /// No listener has this name.
    HIATUS_ERROR_NO_LISTENER = -8,
    /// This direction is closed already.
    HIATUS_ERROR_CLOSING = -9,
    /// Address and port are taken: by a listener, or by a connection between the same ends.
    HIATUS_ERROR_TAKEN = -10,
    /// The addresses are of two families, or one is not that of a host.
    HIATUS_ERROR_ADDRESS = -11,
    /// No ephemeral port is free.
    HIATUS_ERROR_NO_PORT = -12,
    /// A bound of the endpoint is reached: connections, or 65,536 configurations.
    HIATUS_ERROR_FULL = -13,
    /// The endpoint waits to be restored.
    HIATUS_ERROR_RESTORING = -14,
    /// The endpoint does not wait to be restored: it may have sent something already.
    HIATUS_ERROR_NOT_RESTORING = -15,
    /// A record is damaged, of another version, later than the epoch, or there twice. Nothing was restored.
    HIATUS_ERROR_RECORD = -16,
    /// An incarnation is not greater than every earlier one, or a nonce is 0.
    HIATUS_ERROR_NOT_NEWER = -17,
    /// Hiatus is not on for this connection.
    HIATUS_ERROR_HIATUS_OFF = -18,
    /// This end did not offer S, so it may not fall silent.
    HIATUS_ERROR_NOT_OFFERED = -19,
    /// It is suspended already.
    HIATUS_ERROR_SUSPENDED = -20,
    /// All 65,536 generations of this incarnation are used: hiatus_resume_anew() takes a new incarnation.
    HIATUS_ERROR_GENERATIONS_EXHAUSTED = -21,
    /// A new incarnation although generations are left: hiatus_resume() takes the next.
    HIATUS_ERROR_GENERATIONS_LEFT = -22,
}

impl Status {
    /// Every one.
    const ALL: [Self; 25] = [
        Self::HIATUS_OK,
        Self::HIATUS_NOTHING,
        Self::HIATUS_END,
        Self::HIATUS_ERROR_POINTER,
        Self::HIATUS_ERROR_RANGE,
        Self::HIATUS_ERROR_ROOM,
        Self::HIATUS_ERROR_BUSY,
        Self::HIATUS_ERROR_BROKEN,
        Self::HIATUS_ERROR_CALLBACK,
        Self::HIATUS_ERROR_NO_CONNECTION,
        Self::HIATUS_ERROR_NO_LISTENER,
        Self::HIATUS_ERROR_CLOSING,
        Self::HIATUS_ERROR_TAKEN,
        Self::HIATUS_ERROR_ADDRESS,
        Self::HIATUS_ERROR_NO_PORT,
        Self::HIATUS_ERROR_FULL,
        Self::HIATUS_ERROR_RESTORING,
        Self::HIATUS_ERROR_NOT_RESTORING,
        Self::HIATUS_ERROR_RECORD,
        Self::HIATUS_ERROR_NOT_NEWER,
        Self::HIATUS_ERROR_HIATUS_OFF,
        Self::HIATUS_ERROR_NOT_OFFERED,
        Self::HIATUS_ERROR_SUSPENDED,
        Self::HIATUS_ERROR_GENERATIONS_EXHAUSTED,
        Self::HIATUS_ERROR_GENERATIONS_LEFT,
    ];

    /// Its number for C.
    #[must_use]
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// What `code` says, in a line of English.
    pub(crate) fn text_of(code: i32) -> &'static core::ffi::CStr {
        Self::ALL.into_iter().find(|status| status.code() == code).map_or(c"no status of hiatus", Self::text)
    }

    const fn text(self) -> &'static core::ffi::CStr {
        match self {
            Self::HIATUS_OK => c"done",
            Self::HIATUS_NOTHING => c"nothing now",
            Self::HIATUS_END => c"end of the stream",
            Self::HIATUS_ERROR_POINTER => c"a pointer is NULL or not aligned",
            Self::HIATUS_ERROR_RANGE => c"a value is out of range",
            Self::HIATUS_ERROR_ROOM => c"the caller's memory is too short",
            Self::HIATUS_ERROR_BUSY => c"called from within a callback of the endpoint",
            Self::HIATUS_ERROR_BROKEN => c"the library has failed; the endpoint can only be freed",
            Self::HIATUS_ERROR_CALLBACK => c"a callback failed",
            Self::HIATUS_ERROR_NO_CONNECTION => c"no such connection, or it is over",
            Self::HIATUS_ERROR_NO_LISTENER => c"no such listener",
            Self::HIATUS_ERROR_CLOSING => c"this direction is closed already",
            Self::HIATUS_ERROR_TAKEN => c"address and port are taken",
            Self::HIATUS_ERROR_ADDRESS => c"two address families, or no address of a host",
            Self::HIATUS_ERROR_NO_PORT => c"no port is free, or none was given",
            Self::HIATUS_ERROR_FULL => c"a bound of the endpoint is reached",
            Self::HIATUS_ERROR_RESTORING => c"the endpoint waits to be restored",
            Self::HIATUS_ERROR_NOT_RESTORING => c"the endpoint does not wait to be restored",
            Self::HIATUS_ERROR_RECORD => c"a record is refused",
            Self::HIATUS_ERROR_NOT_NEWER => c"the incarnation was used before, or the nonce is 0",
            Self::HIATUS_ERROR_HIATUS_OFF => c"Hiatus is not on for this connection",
            Self::HIATUS_ERROR_NOT_OFFERED => c"this end did not offer S",
            Self::HIATUS_ERROR_SUSPENDED => c"suspended already",
            Self::HIATUS_ERROR_GENERATIONS_EXHAUSTED => c"no generation is left in this incarnation",
            Self::HIATUS_ERROR_GENERATIONS_LEFT => c"generations are left in this incarnation",
        }
    }
}
