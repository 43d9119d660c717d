//! What a made-up connection says in Hiatus, with right MACs.

use hiatus_codec::mac::{Context, Role, SessionKey, Tag, tag_of_message};
use hiatus_codec::{
    Capable, CapableBits, ConnectionKey, Epoch, EpochEcho, HoldTime, Life, Message, Nonce, Position, Resume,
    ResumeAck, Suspend, SuspendAck,
};

/// Seconds that either end offers, and grants.
const HOLD_S: u32 = 300;
const NO_TAG: Tag = Tag([0; 8]);
const FIRST: Life = Life { incarnation: 0, generation: 0 };
const SECOND: Life = Life { incarnation: 0, generation: 1 };
const NONCE: Nonce = Nonce(0x0badcafe);

/// The keys of a connection, and where its positions begin.
#[derive(Clone, Debug)]
pub(super) struct Speech {
    /// Initial sequence number of the client.
    isn: u32,
    keys: [ConnectionKey; 2],
    session: SessionKey,
}

impl Speech {
    /// Of a connection with these initial sequence numbers and keys, the client's first.
    pub(super) fn new(isns: [u32; 2], keys: [u64; 2]) -> Self {
        let keys = keys.map(|key| ConnectionKey(key.to_be_bytes()));
        Self { isn: isns[0], keys, session: SessionKey::derive(keys[0], keys[1]) }
    }

    /// The options of the SYN.
    pub(super) fn offer(&self, others: &[u8]) -> Vec<u8> {
        Self::with(others, &capable(None))
    }

    /// Those of the SYN/ACK.
    pub(super) fn answer(&self, others: &[u8]) -> Vec<u8> {
        Self::with(others, &capable(Some(self.keys[1])))
    }

    /// Those of the third segment.
    pub(super) fn confirmation(&self, others: &[u8]) -> Vec<u8> {
        Self::with(others, &capable(Some(self.keys[0])))
    }

    pub(super) fn epoch(&self) -> Message<'static> {
        let message = Message::Epoch(Epoch { number: 0, stable_point: 0, tag: NO_TAG });
        self.sealed(message, &Context::epoch(Role::Responder, FIRST, Position(0)))
    }

    pub(super) fn echo() -> Message<'static> {
        Message::EpochEcho(EpochEcho { stable_point: 0 })
    }

    pub(super) fn suspend(&self) -> Message<'static> {
        let message = Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag: NO_TAG });
        self.sealed(message, &Context::suspend(Role::Initiator, FIRST))
    }

    pub(super) fn suspend_ack(&self) -> Message<'static> {
        let message =
            Message::SuspendAck(SuspendAck { granted_hold: HoldTime::from_seconds(HOLD_S), tag: NO_TAG });
        self.sealed(message, &Context::suspend_ack(Role::Responder, FIRST))
    }

    /// The RESUME of a client that has sent all below `seq`; the server has sent nothing.
    pub(super) fn resume(&self, seq: u32) -> Message<'static> {
        let end = self.position(seq);
        let message = Message::Resume(Resume { life: SECOND, nonce: NONCE, end: end.low(), tag: NO_TAG });
        self.sealed(message, &Context::resume(Role::Initiator, Position(1), end))
    }

    /// Its answer.
    pub(super) fn resume_ack(&self, seq: u32) -> Message<'static> {
        let received = self.position(seq);
        let message =
            Message::ResumeAck(ResumeAck { life: FIRST, received: received.low(), end: 1, tag: NO_TAG });
        self.sealed(message, &Context::resume_ack(Role::Responder, SECOND, NONCE, received, Position(1)))
    }

    /// The octets of `others`, then those of `message`, to a multiple of four.
    pub(super) fn with(others: &[u8], message: &Message<'_>) -> Vec<u8> {
        let mut options = others.to_vec();
        let mut room = [0; 40];
        let left = message.emit(&mut room).map_or(room_octets(), |rest| rest.len());
        options.extend_from_slice(&room[..room_octets() - left]);
        options.resize(options.len().next_multiple_of(4), 0);
        options
    }

    fn position(&self, seq: u32) -> Position {
        Position(u64::from(seq.wrapping_sub(self.isn)))
    }

    fn sealed(&self, mut message: Message<'static>, context: &Context) -> Message<'static> {
        if let Ok(tag) = tag_of_message(&self.session, context, &message) {
            message.set_tag(tag);
        }
        message
    }
}

fn capable(key: Option<ConnectionKey>) -> Message<'static> {
    let bits = CapableBits::new(CapableBits::VERSION).with_silent();
    Message::Capable(Capable { bits, offered_hold: HoldTime::from_seconds(HOLD_S), key })
}

/// Octets that the options of a header have.
const fn room_octets() -> usize {
    hiatus_codec::OPTIONS_LEN_OCTETS_MAX
}
