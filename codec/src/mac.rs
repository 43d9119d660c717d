//! The session key and the MAC of the Hiatus messages (draft, {#mac-input}).
//!
//! MAC: the first 8 octets of HMAC-SHA-256 under the session key over
//! `role (1) | option from octet 4 to before the MAC | life (6) | nonce (4) | p1 (8) | p2 (8)`.
//! What life, nonce, p1 and p2 are for each message stands in the [`Context`] constructors, and nowhere else.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::EmitError;
use crate::life::{Life, Nonce};
use crate::message::capable::ConnectionKey;
use crate::message::{BEFORE_SUBTYPE_OCTETS, MESSAGE_LEN_OCTETS_MAX, Message};
use crate::position::Position;

/// Octets of a MAC on the wire.
pub const TAG_LEN_OCTETS: usize = 8;
/// Octets of a session key.
pub const SESSION_KEY_LEN_OCTETS: usize = 32;

const LABEL: &[u8] = b"hiatus 1";

/// A MAC as the wire carries it. Compare received ones only by [`verify`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tag(pub [u8; TAG_LEN_OCTETS]);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The key of one connection (draft, {#keys}).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionKey([u8; SESSION_KEY_LEN_OCTETS]);

impl SessionKey {
    /// `HMAC-SHA-256(key = initiator's key || responder's key, message = "hiatus 1")`.
    #[must_use]
    pub fn derive(initiator: ConnectionKey, responder: ConnectionKey) -> Self {
        let mut material = [0; 2 * 8];
        let (first, second) = material.split_at_mut(8);
        first.copy_from_slice(&initiator.0);
        second.copy_from_slice(&responder.0);
        Self(hmac(&material).chain_update(LABEL).finalize().into_bytes().into())
    }

    /// No key: what stands in its place while it is derived from both keys again when it is needed.
    pub const UNKNOWN: Self = Self([0; SESSION_KEY_LEN_OCTETS]);

    /// The key as octets.
    #[must_use]
    pub const fn octets(&self) -> &[u8; SESSION_KEY_LEN_OCTETS] {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key does not belong into a log.
        f.write_str("SessionKey(..)")
    }
}

/// Who sent a message: its MAC begins with this octet, so that a message cannot be sent back to its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Role {
    /// The end that sent the first SYN.
    Initiator,
    /// The end that answered it.
    Responder,
}

impl Role {
    /// The octet that the MAC begins with.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::Initiator => 0,
            Self::Responder => 1,
        }
    }

    /// The other end.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }
}

/// What a MAC covers beside the message's own octets (draft, {#mac-input}, one constructor per row of its table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context {
    /// The role of the message's sender.
    pub role: Role,
    /// The life that the message's row names.
    pub life: Life,
    /// The nonce that the message's row names, else 0.
    pub nonce: Nonce,
    /// First position, else 0.
    pub p1: Position,
    /// Second position, else 0.
    pub p2: Position,
}

impl Context {
    const fn of(role: Role) -> Self {
        let life = Life { incarnation: 0, generation: 0 };
        Self { role, life, nonce: Nonce::UNKNOWN, p1: Position(0), p2: Position(0) }
    }

    /// EPOCH: the sender's life and the whole stable point.
    #[must_use]
    pub const fn epoch(sender: Role, sender_life: Life, stable_point: Position) -> Self {
        Self { life: sender_life, p1: stable_point, ..Self::of(sender) }
    }

    /// SUSPEND: the sender's life.
    #[must_use]
    pub const fn suspend(sender: Role, sender_life: Life) -> Self {
        Self { life: sender_life, ..Self::of(sender) }
    }

    /// SUSPEND-ACK: the addressee's life.
    #[must_use]
    pub const fn suspend_ack(sender: Role, addressee_life: Life) -> Self {
        Self { life: addressee_life, ..Self::of(sender) }
    }

    /// RESUME: R and E whole; life and nonce are in the message itself.
    #[must_use]
    pub const fn resume(sender: Role, received: Position, end: Position) -> Self {
        Self { p1: received, p2: end, ..Self::of(sender) }
    }

    /// RESUME-ACK: life and nonce of the RESUME that it answers; R and E whole.
    #[must_use]
    pub const fn resume_ack(
        sender: Role,
        resume_life: Life,
        resume_nonce: Nonce,
        received: Position,
        end: Position,
    ) -> Self {
        Self { life: resume_life, nonce: resume_nonce, p1: received, p2: end, ..Self::of(sender) }
    }

    /// ABORT: the addressee's life, and the nonce of the RESUME that it answers, else [`Nonce::UNKNOWN`].
    #[must_use]
    pub const fn abort(sender: Role, addressee_life: Life, resume_nonce: Nonce) -> Self {
        Self { life: addressee_life, nonce: resume_nonce, ..Self::of(sender) }
    }
}

/// The tag of `authenticated_octets` in `context`.
#[must_use]
pub fn tag(key: &SessionKey, context: &Context, authenticated_octets: &[u8]) -> Tag {
    let whole: [u8; 32] = computation(key, context, authenticated_octets).finalize().into_bytes().into();
    let [a, b, c, d, e, f, g, h, ..] = whole;
    Tag([a, b, c, d, e, f, g, h])
}

/// True if `found` is the tag of `authenticated_octets` in `context`. Takes the same time whatever differs.
#[must_use]
pub fn verify(key: &SessionKey, context: &Context, authenticated_octets: &[u8], found: Tag) -> bool {
    computation(key, context, authenticated_octets).verify_truncated_left(&found.0).is_ok()
}

/// The tag that `message` carries when it is sent in `context`; a tag already in it does not matter.
///
/// # Errors
///
/// [`EmitError::NoRoom`] for an unknown message longer than any known one: such a message has no MAC.
pub fn tag_of_message(key: &SessionKey, context: &Context, message: &Message<'_>) -> Result<Tag, EmitError> {
    let mut octets = [0; MESSAGE_LEN_OCTETS_MAX];
    message.emit(&mut octets)?;
    let end = usize::from(message.len_octets()).saturating_sub(TAG_LEN_OCTETS);
    Ok(tag(key, context, octets.get(BEFORE_SUBTYPE_OCTETS..end).unwrap_or(&[])))
}

fn computation(key: &SessionKey, context: &Context, authenticated_octets: &[u8]) -> Hmac<Sha256> {
    hmac(&key.0)
        .chain_update([context.role.octet()])
        .chain_update(authenticated_octets)
        .chain_update(context.life.octets())
        .chain_update(context.nonce.0.to_be_bytes())
        .chain_update(context.p1.0.to_be_bytes())
        .chain_update(context.p2.0.to_be_bytes())
}

/// HMAC takes a key of any length; those here are at most one block, so nothing is hashed away and nothing fails.
fn hmac<const N: usize>(key: &[u8; N]) -> Hmac<Sha256> {
    const { assert!(N <= 64, "the key fits the block of SHA-256") };
    let mut block = [0; 64];
    block[..N].copy_from_slice(key);
    // Zero-padding to the block is what HMAC itself does with a shorter key (RFC 2104, section 2).
    Hmac::new(&block.into())
}
