//! What of a connection must not be guessed, derived by a keyed hash: nothing here is random.

use core::hash::Hasher;
use core::time::Duration;

use hiatus_codec::{ConnectionKey, Nonce, SequenceNumber};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

use crate::config::{Entropy, KeySource};
use crate::endpoint::tuple::Tuple;
use crate::time::Time;

/// Microseconds of one tick of M, the clock of initial sequence numbers (RFC 9293, section 3.4.1).
const ISN_TICK: Duration = Duration::from_micros(4);

/// The secrets of an endpoint, drawn by the caller. Everything unpredictable of its connections follows from them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EndpointSecrets {
    /// Kept for days, and beyond a restart of the host: from it a responder derives its connection keys, so that a host
    /// without state can still tell its peer so (draft, {#keys}).
    pub host: [u8; 16],
    /// Drawn anew whenever the endpoint begins, and when it is restored from an older state.
    pub instance: [u8; 16],
}

impl core::fmt::Debug for EndpointSecrets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // A secret does not belong into a log.
        f.write_str("EndpointSecrets(..)")
    }
}

/// What a value is derived for. Each use is a function of its own.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Use {
    Isn,
    TimestampOffset,
    ResponderKey,
    InitiatorKey,
    Nonce,
    PortOffset,
    PortCounter,
    TableKey,
    CookieBase,
    CookieData,
    RestoredNonce,
}

impl EndpointSecrets {
    fn hash(key: &[u8; 16], purpose: Use, parts: [&[u8]; 2]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(key);
        hasher.write(&[purpose as u8]);
        for part in parts {
            hasher.write(part);
        }
        hasher.finish()
    }

    /// ISN = M + F(4-tuple, secret) (RFC 6528, section 3; RFC 9293, MUST-8).
    pub(crate) fn isn(&self, now: Time, tuple: &Tuple) -> SequenceNumber {
        let ticks = u128::from(now.micros()) / ISN_TICK.as_micros();
        let hash = Self::hash(&self.instance, Use::Isn, [tuple.octets(), &[]]);
        SequenceNumber(low32(hash).wrapping_add(low32(u64::try_from(ticks).unwrap_or(0))))
    }

    /// The offset of the timestamp clock towards one peer (RFC 7323, section 5.4): the same for every connection of a
    /// 4-tuple, so that timestamps grow from one to the next (RFC 6191).
    pub(crate) fn timestamp_offset(&self, tuple: &Tuple) -> u32 {
        low32(Self::hash(&self.instance, Use::TimestampOffset, [tuple.octets(), &[]]))
    }

    /// The key of a responder: a hash of both addresses and ports (draft, {#syn-cookies}).
    pub(crate) fn responder_key(&self, tuple: &Tuple) -> ConnectionKey {
        ConnectionKey(Self::hash(&self.host, Use::ResponderKey, [tuple.octets(), &[]]).to_be_bytes())
    }

    /// What a connection begins with; `count` differs from one to the next.
    fn entropy(&self, now: Time, tuple: &Tuple, count: u64) -> Entropy {
        let nonce = low32(Self::hash(&self.instance, Use::Nonce, [tuple.octets(), &count.to_be_bytes()]));
        Entropy {
            isn: self.isn(now, tuple),
            connection_key: self.responder_key(tuple),
            key_source: KeySource::Derived,
            nonce: Nonce(nonce.max(1)),
            timestamp_offset: self.timestamp_offset(tuple),
        }
    }

    /// The entropy of a connection that is opened passively.
    pub(crate) fn responder(&self, now: Time, tuple: &Tuple, count: u64) -> Entropy {
        self.entropy(now, tuple, count)
    }

    /// The entropy of a connection that is opened actively.
    pub(crate) fn initiator(&self, now: Time, tuple: &Tuple, count: u64) -> Entropy {
        let key = Self::hash(&self.instance, Use::InitiatorKey, [tuple.octets(), &count.to_be_bytes()]);
        Entropy {
            connection_key: ConnectionKey(key.to_be_bytes()),
            key_source: KeySource::Drawn,
            ..self.entropy(now, tuple, count)
        }
    }

    /// The nonce of a connection in an incarnation that the host was restored to (draft, {#lives}).
    pub(crate) fn restored_nonce(&self, tuple: &Tuple, incarnation: u32) -> Nonce {
        let parts = [tuple.octets(), &incarnation.to_be_bytes()];
        Nonce(low32(Self::hash(&self.instance, Use::RestoredNonce, parts)).max(1))
    }

    /// F of RFC 6056, section 3.3.4: where the search for a port begins, before what the counter adds.
    pub(crate) fn port_offset(&self, tuple: &Tuple) -> u64 {
        Self::hash(&self.instance, Use::PortOffset, [tuple.addresses(), &remote_port(tuple)])
    }

    /// G of RFC 6056, section 3.3.4: which counter is used.
    pub(crate) fn port_counter(&self, tuple: &Tuple) -> u64 {
        Self::hash(&self.instance, Use::PortCounter, [tuple.addresses(), &remote_port(tuple)])
    }

    /// The key of the table of 4-tuples.
    pub(crate) fn table_key(&self) -> [u8; 16] {
        let half = |which: u8| Self::hash(&self.instance, Use::TableKey, [&[which], &[]]).to_be_bytes();
        let mut key = [0; 16];
        key[..8].copy_from_slice(&half(0));
        key[8..].copy_from_slice(&half(1));
        key
    }

    /// The part of a SYN cookie that does not depend on time.
    pub(crate) fn cookie_base(&self, tuple: &Tuple) -> u32 {
        low32(Self::hash(&self.instance, Use::CookieBase, [tuple.octets(), &[]]))
    }

    /// The part of a SYN cookie made in interval `interval`, to which its data is added.
    pub(crate) fn cookie_data(&self, tuple: &Tuple, interval: u64) -> u32 {
        low32(Self::hash(&self.instance, Use::CookieData, [tuple.octets(), &interval.to_be_bytes()]))
    }
}

fn remote_port(tuple: &Tuple) -> [u8; 2] {
    tuple.remote().port().to_be_bytes()
}

fn low32(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests;
