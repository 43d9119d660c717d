//! Where each field of a record stands. Numbers are in network byte order.

use super::{FIXED_OCTETS, RecordError};

/// The part of a record that has a fixed layout.
pub(crate) type Fixed = [u8; FIXED_OCTETS];

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    /// As `docs/record.md` calls it.
    pub(crate) name: &'static str,
    /// Its first octet.
    pub(crate) at: usize,
    pub(crate) width_octets: usize,
}

const fn field(name: &'static str, at: usize, width_octets: usize) -> Field {
    Field { name, at, width_octets }
}

pub(crate) const MAGIC_AT: Field = field("magic", 0, 4);
pub(crate) const VERSION_AT: Field = field("version", 4, 2);
pub(crate) const HIA: Field = field("HIA", 6, 1);
pub(crate) const STATE: Field = field("state", 7, 1);
pub(crate) const LENGTH: Field = field("length", 8, 4);
pub(crate) const FAMILY: Field = field("family", 12, 1);
pub(crate) const ROLE: Field = field("role", 13, 1);
pub(crate) const FLAGS: Field = field("flags", 14, 2);
pub(crate) const TAKEN: Field = field("taken", 16, 8);
pub(crate) const LOCAL: Field = field("local address", 24, 16);
pub(crate) const REMOTE: Field = field("remote address", 40, 16);
pub(crate) const LOCAL_PORT: Field = field("local port", 56, 2);
pub(crate) const REMOTE_PORT: Field = field("remote port", 58, 2);
pub(crate) const ISS: Field = field("ISS", 60, 4);
pub(crate) const IRS: Field = field("IRS", 64, 4);
pub(crate) const OFFSET: Field = field("timestamp offset", 68, 4);
pub(crate) const SND_STB: Field = field("SND.STB", 72, 8);
pub(crate) const SND_UNA: Field = field("SND.UNA", 80, 8);
pub(crate) const SND_NXT: Field = field("SND.NXT", 88, 8);
pub(crate) const SND_END: Field = field("SND.END", 96, 8);
pub(crate) const RCV_NXT: Field = field("RCV.NXT", 104, 8);
pub(crate) const SND_WL1: Field = field("SND.WL1", 112, 8);
pub(crate) const SND_WL2: Field = field("SND.WL2", 120, 8);
pub(crate) const SND_WND: Field = field("SND.WND", 128, 4);
pub(crate) const SND_SCALE: Field = field("SND.SCALE", 132, 1);
pub(crate) const RCV_SCALE: Field = field("RCV.SCALE", 133, 1);
pub(crate) const PEER_MSS: Field = field("peer's MSS", 134, 2);
/// Of plain TCP, where the fields of Hiatus stand otherwise.
pub(crate) const TS_RECENT: Field = field("TS.Recent", 136, 4);
pub(crate) const OWN_KEY: Field = field("own key", 136, 8);
pub(crate) const PEER_KEY: Field = field("peer's key", 144, 8);
pub(crate) const OWN_BITS: Field = field("own bits", 152, 1);
pub(crate) const PEER_BITS: Field = field("peer's bits", 153, 1);
pub(crate) const OWN_HOLD: Field = field("own hold", 154, 2);
pub(crate) const PEER_HOLD: Field = field("peer's hold", 156, 2);
pub(crate) const SELF: Field = field("SELF", 158, 1);
pub(crate) const PEER: Field = field("PEER", 159, 1);
pub(crate) const OWN_INCARNATION: Field = field("own incarnation", 160, 4);
pub(crate) const OWN_GENERATION: Field = field("own generation", 164, 2);
pub(crate) const PEER_GENERATION: Field = field("peer's generation", 166, 2);
pub(crate) const PEER_INCARNATION: Field = field("peer's incarnation", 168, 4);
pub(crate) const OWN_NONCE: Field = field("own nonce", 172, 4);
pub(crate) const PEER_NONCE: Field = field("peer's nonce", 176, 4);
pub(crate) const GRANTED: Field = field("granted hold", 180, 2);
pub(crate) const CLOSER: Field = field("first closer", 182, 1);
pub(crate) const SPARE: Field = field("spare", 183, 1);
pub(crate) const SUSPENDED_AT: Field = field("SUS.SEQ", 184, 8);
pub(crate) const HOLD_LEFT: Field = field("hold left", 192, 8);
pub(crate) const END_LEFT: Field = field("end left", 200, 8);
pub(crate) const LINGER_LEFT: Field = field("linger left", 208, 8);
pub(crate) const UNSENT_COUNT: Field = field("octets to send", 216, 4);
pub(crate) const UNREAD_COUNT: Field = field("octets to read", 220, 4);

/// Every field, in order: nothing lies between two of them.
#[cfg(test)]
pub(crate) const ALL: &[Field] = &[
    MAGIC_AT,
    VERSION_AT,
    HIA,
    STATE,
    LENGTH,
    FAMILY,
    ROLE,
    FLAGS,
    TAKEN,
    LOCAL,
    REMOTE,
    LOCAL_PORT,
    REMOTE_PORT,
    ISS,
    IRS,
    OFFSET,
    SND_STB,
    SND_UNA,
    SND_NXT,
    SND_END,
    RCV_NXT,
    SND_WL1,
    SND_WL2,
    SND_WND,
    SND_SCALE,
    RCV_SCALE,
    PEER_MSS,
    OWN_KEY,
    PEER_KEY,
    OWN_BITS,
    PEER_BITS,
    OWN_HOLD,
    PEER_HOLD,
    SELF,
    PEER,
    OWN_INCARNATION,
    OWN_GENERATION,
    PEER_GENERATION,
    PEER_INCARNATION,
    OWN_NONCE,
    PEER_NONCE,
    GRANTED,
    CLOSER,
    SPARE,
    SUSPENDED_AT,
    HOLD_LEFT,
    END_LEFT,
    LINGER_LEFT,
    UNSENT_COUNT,
    UNREAD_COUNT,
];

/// Bits of the field `flags`.
pub(crate) mod flag {
    /// The application has closed: the last position before SND.END is a FIN.
    pub(crate) const OWN_FIN: u16 = 1 << 0;
    /// The peer has: the last position before RCV.NXT is a FIN.
    pub(crate) const PEER_FIN: u16 = 1 << 1;
    /// SACK-permitted was said by both.
    pub(crate) const SACK: u16 = 1 << 2;
    /// Timestamps are in use.
    pub(crate) const TIMESTAMPS: u16 = 1 << 3;
    /// CLOSE.WAITS.
    pub(crate) const CLOSE_WAITS: u16 = 1 << 4;
    /// The application reads no more.
    pub(crate) const READER_GONE: u16 = 1 << 5;
    /// The application waits for room to write.
    pub(crate) const WRITER_WAITS: u16 = 1 << 6;
    /// Octets wait for a durable epoch before they are sent.
    pub(crate) const HOLD_SEND: u16 = 1 << 7;
    /// Every bit that has a meaning.
    pub(crate) const ALL: u16 = (1 << 8) - 1;
}

/// What the fields with few values say.
pub(crate) mod code {
    /// HIA: plain TCP.
    pub(crate) const HIA_OFF: u8 = 0;
    /// HIA: a negotiation is under way.
    pub(crate) const HIA_NEGOTIATING: u8 = 1;
    /// HIA: on.
    pub(crate) const HIA_ON: u8 = 2;
    /// HIA: plain TCP that is durable, of which the record says everything.
    pub(crate) const HIA_PLAIN: u8 = 3;
    /// PEER.
    pub(crate) const PEER_UP: u8 = 0;
    pub(crate) const PEER_HELD: u8 = 1;
    pub(crate) const PEER_PRESUMED: u8 = 2;
    /// A timer that does not run.
    pub(crate) const NO_TIMER: u64 = u64::MAX;
}

impl Field {
    /// Writes a value that is as wide as the field.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(self, fixed: &mut Fixed, value: [u8; N]) {
        debug_assert_eq!(N, self.width_octets, "{}", self.name);
        if let Some(room) = fixed.get_mut(self.at..self.at + N) {
            room.copy_from_slice(&value);
        }
    }

    /// Reads it.
    #[inline(always)]
    pub(crate) fn octets<const N: usize>(self, fixed: &Fixed) -> [u8; N] {
        debug_assert_eq!(N, self.width_octets, "{}", self.name);
        fixed.get(self.at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    pub(crate) fn u8(self, fixed: &Fixed) -> u8 {
        u8::from_be_bytes(self.octets(fixed))
    }

    pub(crate) fn u16(self, fixed: &Fixed) -> u16 {
        u16::from_be_bytes(self.octets(fixed))
    }

    pub(crate) fn u32(self, fixed: &Fixed) -> u32 {
        u32::from_be_bytes(self.octets(fixed))
    }

    pub(crate) fn u64(self, fixed: &Fixed) -> u64 {
        u64::from_be_bytes(self.octets(fixed))
    }

    /// Refuses a value that is not in `least..=most`.
    pub(crate) fn within(self, found: u64, least: u64, most: u64) -> Result<(), RecordError> {
        if (least..=most).contains(&found) {
            return Ok(());
        }
        Err(RecordError::OutOfRange { field: self.name, at: self.at, found, least, most })
    }
}
