//! The Hiatus messages (draft, {#opt-head}): head, subtypes, and the typed value of each.
//!
//! Head, 5 octets: `Kind | Len | ExID (2) | Subtype (4 bits) Flags (4 bits)`. Flags are sent 0 and ignored; octets
//! past a message's known length are ignored too.

pub(crate) mod abort;
pub(crate) mod capable;
pub(crate) mod epoch;
pub(crate) mod resume;
pub(crate) mod suspend;

use core::fmt;

use crate::error::EmitError;
use crate::field::Fields;
use crate::mac::Tag;
use crate::option::{ExperimentId, OptionKind};
use crate::segment::{Flags, Segment};
use abort::Abort;
use capable::{Capable, CapableBits};
use epoch::{Epoch, EpochEcho};
use resume::{Resume, ResumeAck};
use suspend::{Suspend, SuspendAck};

/// Octets of Kind, Len and ExID: what the MAC does not cover.
pub(crate) const BEFORE_SUBTYPE_OCTETS: usize = 4;
/// Octets of the whole head.
pub(crate) const HEAD_OCTETS: u8 = 5;
/// The longest message: RESUME and RESUME-ACK.
pub(crate) const MESSAGE_LEN_OCTETS_MAX: usize = 27;

/// What a message is about: the upper four bits of octet 4 (draft, {#opt-head}).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Subtype(pub u8);

impl Subtype {
    /// CAPABLE, short and long.
    pub const CAPABLE: Self = Self(0);
    /// EPOCH.
    pub const EPOCH: Self = Self(1);
    /// EPOCH-ECHO.
    pub const EPOCH_ECHO: Self = Self(2);
    /// SUSPEND.
    pub const SUSPEND: Self = Self(3);
    /// SUSPEND-ACK.
    pub const SUSPEND_ACK: Self = Self(4);
    /// RESUME.
    pub const RESUME: Self = Self(5);
    /// RESUME-ACK.
    pub const RESUME_ACK: Self = Self(6);
    /// ABORT.
    pub const ABORT: Self = Self(7);
}

/// A Hiatus message, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Message<'a> {
    /// "I speak Hiatus."
    Capable(Capable),
    /// "This much is in durable state."
    Epoch(Epoch),
    /// "I know it."
    EpochEcho(EpochEcho),
    /// "I am going away."
    Suspend(Suspend),
    /// "I hold the connection."
    SuspendAck(SuspendAck),
    /// "I am back."
    Resume(Resume),
    /// "Go on from here."
    ResumeAck(ResumeAck),
    /// "This connection is over, because."
    Abort(Abort),
    /// A subtype that this version does not know; ignored by every receiver.
    Unknown(UnknownMessage<'a>),
}

/// A message of an unknown subtype, kept as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnknownMessage<'a> {
    /// 8 to 15.
    pub subtype: Subtype,
    /// The octets after the head, 0 to 35.
    pub body: &'a [u8],
}

/// A Hiatus message as the octets that carry it: its MAC covers them as they were sent.
///
/// The octets are at least as many as the subtype's message has; [`message`](Self::message) decodes them when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HiatusOption<'a> {
    /// From octet 4 of the option, the one with Subtype and Flags, to its end: never empty.
    from_subtype: &'a [u8],
}

impl<'a> HiatusOption<'a> {
    /// Takes the octets after the ExID if they are enough for their subtype; the error is the Length that is needed.
    #[inline]
    pub(crate) fn new(from_subtype: &'a [u8]) -> Result<Self, u8> {
        let expected_octets =
            from_subtype.first().map_or(HEAD_OCTETS, |octet| Subtype(octet >> 4).len_octets_min());
        if from_subtype.len() + BEFORE_SUBTYPE_OCTETS < usize::from(expected_octets) {
            return Err(expected_octets);
        }
        Ok(Self { from_subtype })
    }

    /// What the message is about.
    #[must_use]
    #[inline]
    pub fn subtype(&self) -> Subtype {
        Subtype(self.from_subtype.first().map_or(u8::MAX, |octet| octet >> 4))
    }

    /// The message, decoded.
    #[must_use]
    pub fn message(&self) -> Message<'a> {
        let subtype = self.subtype();
        let body = self.from_subtype.get(1..).unwrap_or(&[]);
        let message = match subtype {
            Subtype::CAPABLE => Capable::parse(body).map(|(_, value)| Message::Capable(value)),
            Subtype::EPOCH => Epoch::parse(body).map(|(_, value)| Message::Epoch(value)),
            Subtype::EPOCH_ECHO => EpochEcho::parse(body).map(|(_, value)| Message::EpochEcho(value)),
            Subtype::SUSPEND => Suspend::parse(body).map(|(_, value)| Message::Suspend(value)),
            Subtype::SUSPEND_ACK => SuspendAck::parse(body).map(|(_, value)| Message::SuspendAck(value)),
            Subtype::RESUME => Resume::parse(body).map(|(_, value)| Message::Resume(value)),
            Subtype::RESUME_ACK => ResumeAck::parse(body).map(|(_, value)| Message::ResumeAck(value)),
            Subtype::ABORT => Abort::parse(body).map(|(_, value)| Message::Abort(value)),
            _ => Err(nom::Err::Error(())),
        };
        // Only an unknown subtype gets here: `new` has seen to the length of the others.
        message.unwrap_or(Message::Unknown(UnknownMessage { subtype, body }))
    }

    /// True if a receiver may act on this message on `segment`: the table of messages (draft, {#opt-head}).
    ///
    /// An unknown subtype, a CAPABLE of version 0 and a RESUME with nonce zero are on no segment.
    #[must_use]
    #[inline]
    pub fn is_carried_on(&self, segment: &Segment<'_>) -> bool {
        let flags = segment.flags;
        match self.subtype() {
            Subtype::CAPABLE => {
                // On a SYN only octets 0 to 7 are read, whatever the Length; elsewhere the key is needed.
                let long =
                    self.from_subtype.len() + BEFORE_SUBTYPE_OCTETS >= usize::from(capable::LONG_LEN_OCTETS);
                let syn_without_ack = flags.contains(Flags::SYN) && !flags.contains(Flags::ACK);
                let version =
                    self.from_subtype.get(1).map_or(0, |bits| CapableBits::from_octet(*bits).version());
                version != 0 && !flags.contains(Flags::RST) && (long || syn_without_ack)
            }
            //= draft#opt-resume
            //# A receiver MUST ignore a RESUME with nonce zero.
            Subtype::RESUME => {
                let nonce = self.from_subtype.get(resume::NONCE_FROM_SUBTYPE);
                segment.is_pure_ack() && nonce.is_some_and(|octets| octets.iter().any(|octet| *octet != 0))
            }
            Subtype::ABORT => flags.contains(Flags::RST),
            Subtype(subtype) if subtype < Subtype::ABORT.0 => segment.is_pure_ack(),
            _ => false,
        }
    }

    /// The octets that the message's MAC covers: octet 4 of the option up to its MAC, as received.
    ///
    /// Empty for a message that has no MAC.
    #[must_use]
    pub fn authenticated_octets(&self) -> &'a [u8] {
        self.from_subtype.get(..self.message().authenticated_len_octets()).unwrap_or(&[])
    }

    /// Every octet of the option from the one with Subtype and Flags to its end, unknown ones included.
    #[must_use]
    pub const fn octets_from_subtype(&self) -> &'a [u8] {
        self.from_subtype
    }
}

impl Subtype {
    /// The least Length of an option with this subtype (draft, {#opt-head}).
    const fn len_octets_min(self) -> u8 {
        match self {
            Self::CAPABLE => capable::SHORT_LEN_OCTETS,
            Self::EPOCH => epoch::EPOCH_LEN_OCTETS,
            Self::EPOCH_ECHO => epoch::ECHO_LEN_OCTETS,
            Self::SUSPEND | Self::SUSPEND_ACK => suspend::LEN_OCTETS,
            Self::RESUME | Self::RESUME_ACK => resume::LEN_OCTETS,
            Self::ABORT => abort::LEN_OCTETS,
            _ => HEAD_OCTETS,
        }
    }
}

impl Message<'_> {
    /// The subtype of this message.
    #[must_use]
    pub const fn subtype(&self) -> Subtype {
        match self {
            Self::Capable(_) => Subtype::CAPABLE,
            Self::Epoch(_) => Subtype::EPOCH,
            Self::EpochEcho(_) => Subtype::EPOCH_ECHO,
            Self::Suspend(_) => Subtype::SUSPEND,
            Self::SuspendAck(_) => Subtype::SUSPEND_ACK,
            Self::Resume(_) => Subtype::RESUME,
            Self::ResumeAck(_) => Subtype::RESUME_ACK,
            Self::Abort(_) => Subtype::ABORT,
            Self::Unknown(unknown) => unknown.subtype,
        }
    }

    /// Length of the option that carries this message, head included: 5 to 40.
    #[must_use]
    pub fn len_octets(&self) -> u8 {
        match self {
            Self::Capable(capable) => capable.len_octets(),
            Self::Unknown(unknown) => {
                u8::try_from(unknown.body.len()).unwrap_or(u8::MAX).saturating_add(HEAD_OCTETS)
            }
            known => known.subtype().len_octets_min(),
        }
    }

    /// The MAC; `None` for a message that has none: CAPABLE, EPOCH-ECHO, ABORT with reason LOST, an unknown one.
    #[must_use]
    pub fn tag(&self) -> Option<Tag> {
        match self {
            Self::Epoch(epoch) => Some(epoch.tag),
            Self::Suspend(suspend) => Some(suspend.tag),
            Self::SuspendAck(ack) => Some(ack.tag),
            Self::Resume(resume) => Some(resume.tag),
            Self::ResumeAck(ack) => Some(ack.tag),
            Self::Abort(abort) if abort.reason != abort::AbortReason::LOST => Some(Tag(abort.proof)),
            Self::Abort(_) | Self::Capable(_) | Self::EpochEcho(_) | Self::Unknown(_) => None,
        }
    }

    /// Puts `tag` in the place of the MAC; does nothing to a message that has none.
    pub fn set_tag(&mut self, tag: Tag) {
        match self {
            Self::Epoch(epoch) => epoch.tag = tag,
            Self::Suspend(suspend) => suspend.tag = tag,
            Self::SuspendAck(ack) => ack.tag = tag,
            Self::Resume(resume) => resume.tag = tag,
            Self::ResumeAck(ack) => ack.tag = tag,
            Self::Abort(abort) if abort.reason != abort::AbortReason::LOST => abort.proof = tag.0,
            Self::Abort(_) | Self::Capable(_) | Self::EpochEcho(_) | Self::Unknown(_) => {}
        }
    }

    /// Octets from the one with Subtype and Flags to the MAC; 0 for a message without a MAC.
    fn authenticated_len_octets(&self) -> usize {
        const OTHERS_OCTETS: usize = BEFORE_SUBTYPE_OCTETS + crate::mac::TAG_LEN_OCTETS;
        self.tag().map_or(0, |_| usize::from(self.len_octets()).saturating_sub(OTHERS_OCTETS))
    }

    /// Writes the whole option, Kind and Len included, at the start of `out` and gives the rest.
    ///
    /// Flags are written 0: the mirror image of [`HiatusOption::message`] for every option that has Flags 0 and its
    /// known length. To pass an option on as it came, push it as [`TcpOption::Hiatus`](crate::TcpOption::Hiatus).
    ///
    /// # Errors
    ///
    /// [`EmitError::NoRoom`] if `out` is shorter than [`len_octets`](Self::len_octets).
    pub fn emit<'o>(&self, out: &'o mut [u8]) -> Result<&'o mut [u8], EmitError> {
        let mut fields = Fields::<MESSAGE_LEN_OCTETS_MAX>::new();
        fields.put(&[OptionKind::HIATUS.0, self.len_octets()]).put(&ExperimentId::HIATUS.0.to_be_bytes());
        fields.put(&[self.subtype().0 << 4]);
        match self {
            Self::Capable(capable) => capable.put(&mut fields),
            Self::Epoch(epoch) => epoch.put(&mut fields),
            Self::EpochEcho(echo) => echo.put(&mut fields),
            Self::Suspend(suspend) => suspend.put(&mut fields),
            Self::SuspendAck(ack) => ack.put(&mut fields),
            Self::Resume(resume) => resume.put(&mut fields),
            Self::ResumeAck(ack) => ack.put(&mut fields),
            Self::Abort(abort) => abort.put(&mut fields),
            Self::Unknown(_) => {}
        }
        let unknown_body = if let Self::Unknown(unknown) = self { unknown.body } else { &[] };
        let known = fields.as_slice();
        let needed_octets = known.len() + unknown_body.len();
        let available_octets = out.len();
        let (room, rest) = out
            .split_at_mut_checked(needed_octets)
            .ok_or(EmitError::NoRoom { needed_octets, available_octets })?;
        let (head, tail) = room.split_at_mut(known.len());
        head.copy_from_slice(known);
        tail.copy_from_slice(unknown_body);
        Ok(rest)
    }
}

impl fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capable(capable) => capable.fmt(f),
            Self::Epoch(epoch) => epoch.fmt(f),
            Self::EpochEcho(echo) => echo.fmt(f),
            Self::Suspend(suspend) => suspend.fmt(f),
            Self::SuspendAck(ack) => ack.fmt(f),
            Self::Resume(resume) => resume.fmt(f),
            Self::ResumeAck(ack) => ack.fmt(f),
            Self::Abort(abort) => abort.fmt(f),
            Self::Unknown(unknown) => write!(f, "hiatus-{} len {}", unknown.subtype.0, self.len_octets()),
        }
    }
}
