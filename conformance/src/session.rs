//! What an observer of both directions knows of a connection: initial sequence numbers, keys, lives.

use hiatus_codec::mac::{self, Context, Role, SessionKey};
use hiatus_codec::{
    AbortReason, ConnectionKey, Flags, HiatusOption, KnownOptions, Life, Message, Nonce, Position,
    SequenceNumber,
};

use crate::wire::{OwnedSegment, Side};

/// One connection as seen from between its ends. Fed by [`Session::observe`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Session {
    initiator: Option<Side>,
    bench: End,
    target: End,
}

/// What is known of one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// Its initial sequence number, from its SYN.
    pub isn: Option<SequenceNumber>,
    /// That of a SYN into a connection that is there: it counts when the other end answers it.
    offered_isn: Option<SequenceNumber>,
    /// Its half of the key material, from its first long CAPABLE; the later ones have to say the same.
    pub key: Option<ConnectionKey>,
    /// The newest life that it proved by a MAC; (0, 0) until then.
    pub life: Life,
    /// Life and nonce of its last RESUME with a right MAC.
    pub resume: Option<(Life, Nonce)>,
    /// The nonce of the incarnation before that of its last RESUME; `None` while there was none.
    pub earlier_nonce: Option<Nonce>,
    /// True if that RESUME is its last Hiatus message: what it gets now answers it.
    pub resume_is_last: bool,
    /// TSval of its last segment with timestamps.
    pub tsval: u32,
    /// The last TSval before the RESUME that showed its incarnation; `None` while that is 0.
    pub tsval_of_earlier_incarnations: Option<u32>,
}

/// What a script gives where the MAC is to cover others than those observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Over {
    /// The life.
    pub life: Option<Life>,
    /// The nonce.
    pub nonce: Option<Nonce>,
    /// The role of the sender.
    pub role: Option<Role>,
    /// How often positions have gone round 2^32.
    pub turn: Option<u32>,
}

impl Session {
    /// A session in which the bench will start at `bench_isn`.
    #[must_use]
    pub fn new(bench_isn: SequenceNumber) -> Self {
        Self { bench: End { isn: Some(bench_isn), ..End::default() }, ..Self::default() }
    }

    /// What is known of `side`.
    #[must_use]
    pub fn end(&self, side: Side) -> &End {
        match side {
            Side::Bench => &self.bench,
            Side::Target => &self.target,
        }
    }

    fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Bench => &mut self.bench,
            Side::Target => &mut self.target,
        }
    }

    /// Whether `side` sent the first SYN; `None` before there was one.
    #[must_use]
    pub fn role(&self, side: Side) -> Option<Role> {
        let initiator = self.initiator?;
        Some(if initiator == side { Role::Initiator } else { Role::Responder })
    }

    /// The session key, once both long CAPABLEs were seen.
    #[must_use]
    pub fn key(&self) -> Option<SessionKey> {
        let initiator = self.initiator?;
        Some(SessionKey::derive(self.end(initiator).key?, self.end(initiator.other()).key?))
    }

    /// `seq`, counted from the initial sequence number of `side`.
    #[must_use]
    pub fn relative(&self, side: Side, seq: SequenceNumber) -> u32 {
        self.end(side).isn.map_or(seq.0, |isn| isn.distance_to(seq))
    }

    /// The sequence number `relative` octets after the initial one of `side`.
    #[must_use]
    pub fn absolute(&self, side: Side, relative: u32) -> SequenceNumber {
        self.end(side).isn.unwrap_or_default().advanced_by(relative)
    }

    /// Learns from a segment that `from` sent.
    pub fn observe(&mut self, from: Side, segment: &OwnedSegment) {
        let syn = segment.flags.contains(Flags::SYN);
        let ack = segment.flags.contains(Flags::ACK);
        if syn {
            let other = self.end_mut(from.other());
            let is_there = other.isn.is_some();
            if ack && other.offered_isn.is_some_and(|isn| isn.advanced_by(1) == segment.ack) {
                other.isn = other.offered_isn.take();
            }
            let end = self.end_mut(from);
            if !ack && is_there && end.isn.is_some_and(|isn| isn != segment.seq) {
                end.offered_isn = Some(segment.seq);
            } else {
                end.isn = Some(segment.seq);
            }
            if !ack {
                self.initiator = self.initiator.or(Some(from));
            }
        }
        let tsval_before = self.end(from).tsval;
        if let Some(timestamps) = KnownOptions::parse(&segment.view()).timestamps {
            self.end_mut(from).tsval = timestamps.value;
        }
        let Some(option) = segment.hiatus() else { return };
        if let Message::Capable(capable) = option.message() {
            if ack && capable.key.is_some() {
                let end = self.end_mut(from);
                end.key = end.key.or(capable.key);
            }
            return;
        }
        if !self.is_authentic(from, segment, &option, Over::default()) {
            return;
        }
        let end = self.end_mut(from);
        end.resume_is_last = false;
        match option.message() {
            Message::Resume(resume) => {
                if resume.life.incarnation > end.life.incarnation {
                    end.tsval_of_earlier_incarnations = Some(tsval_before);
                    end.earlier_nonce = end.resume.map(|(_, nonce)| nonce);
                }
                end.life = end.life.max(resume.life);
                end.resume = Some((resume.life, resume.nonce));
                end.resume_is_last = true;
            }
            Message::ResumeAck(ack) => end.life = end.life.max(ack.life),
            _ => {}
        }
    }

    /// What the MAC of `message` on `segment` covers beside the message (draft, {#mac-input}).
    ///
    /// `None` if the message has no MAC, or it is not known who the initiator is.
    #[must_use]
    pub fn context(
        &self,
        from: Side,
        segment: &OwnedSegment,
        message: &Message<'_>,
        over: Over,
    ) -> Option<Context> {
        let role = over.role.or(self.role(from))?;
        let own = self.end(from);
        let addressee = self.end(from.other());
        let own_life = over.life.unwrap_or(own.life);
        let addressee_life = over.life.unwrap_or(addressee.life);
        let position = |low: u32| Position(u64::from(over.turn.unwrap_or(0)) << 32 | u64::from(low));
        Some(match message {
            Message::Epoch(epoch) => {
                Context::epoch(role, own_life, epoch.stable_position(position(epoch.stable_point)))
            }
            Message::Suspend(_) => Context::suspend(role, own_life),
            Message::SuspendAck(_) => Context::suspend_ack(role, addressee_life),
            Message::Resume(resume) => {
                let received = self.relative(from.other(), segment.ack);
                Context::resume(role, position(received), position(resume.end))
            }
            Message::ResumeAck(ack) => {
                let (life, nonce) = addressee.resume.unwrap_or((addressee.life, Nonce::UNKNOWN));
                let (life, nonce) = (over.life.unwrap_or(life), over.nonce.unwrap_or(nonce));
                Context::resume_ack(role, life, nonce, position(ack.received), position(ack.end))
            }
            Message::Abort(_) => {
                let answered = addressee.resume.filter(|_| addressee.resume_is_last);
                let (life, nonce) = answered.unwrap_or((addressee.life, Nonce::UNKNOWN));
                Context::abort(role, over.life.unwrap_or(life), over.nonce.unwrap_or(nonce))
            }
            _ => return None,
        })
    }

    /// True if the MAC of `option` is right; for ABORT with reason LOST, if the key is that of its sender.
    ///
    /// A message without a MAC is authentic.
    #[must_use]
    pub fn is_authentic(
        &self,
        from: Side,
        segment: &OwnedSegment,
        option: &HiatusOption<'_>,
        over: Over,
    ) -> bool {
        let message = option.message();
        if let Message::Abort(abort) = message
            && abort.reason == AbortReason::LOST
        {
            return self.end(from).key == Some(ConnectionKey(abort.proof));
        }
        let Some(tag) = message.tag() else { return true };
        let (Some(key), Some(context)) = (self.key(), self.context(from, segment, &message, over)) else {
            return false;
        };
        mac::verify(&key, &context, option.authenticated_octets(), tag)
    }
}
