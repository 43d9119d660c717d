//! Which message of an arriving segment is believed (draft, {#mac-check}).

use hiatus_codec::mac::{self, Context as MacContext, Tag};
use hiatus_codec::{Abort, AbortReason, HoldTime, Life, Message, Nonce, Position};

use crate::arrived::Arrived;
use crate::hiatus::{PeerPresence, SelfPresence, Session};
use crate::receive::ReceiveSide;
use crate::send::SendSide;
use crate::time::Time;

//= draft#mac-check
//# The bound for messages whose numbers fit is at least 10000 in a second,
//# the other 100
/// MACs of messages whose numbers fit that are checked on one connection in a second; what is beyond is dropped
/// unchecked.
const FITTING_CHECKS_PER_SECOND_MAX: u32 = 10_000;
/// The same for other messages.
const GUESS_CHECKS_PER_SECOND_MAX: u32 = 100;

/// What a segment says after its MAC was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checked {
    /// Nothing of Hiatus: the segment is one of plain TCP.
    Plain,
    /// A segment that is to be dropped, with all it carries.
    Drop,
    /// A RESUME with a wrong MAC.
    ForgedResume,
    /// EPOCH.
    Epoch { stable: Position, stable_low: u32 },
    /// SUSPEND.
    Suspend,
    /// SUSPEND-ACK.
    SuspendAck { granted: HoldTime },
    /// A message that needs no check and changes nothing here: the segment is an ordinary ACK.
    Other,
    /// RESUME.
    Resume(Return),
    /// RESUME-ACK; it names the own life.
    ResumeAck(Return),
    /// ABORT.
    Abort(AbortReason),
}

impl Checked {
    /// What of it counts in TIME-WAIT (draft, {#segment-processing}).
    pub(crate) fn in_time_wait(self) -> Self {
        match self {
            Self::Suspend | Self::SuspendAck { .. } => Self::Other,
            Self::ResumeAck(_) => Self::Drop,
            other => other,
        }
    }
}

/// What RESUME and RESUME-ACK say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Return {
    pub(crate) life: Life,
    /// Unknown in RESUME-ACK.
    pub(crate) nonce: Nonce,
    /// R.
    pub(crate) received: Position,
    /// End.
    pub(crate) end: Position,
}

impl Session {
    /// Checks the message of a segment, at a bounded rate.
    pub(crate) fn check(
        &mut self,
        now: Time,
        snd: &SendSide,
        rcv: &ReceiveSide,
        arrived: &Arrived<'_>,
    ) -> Checked {
        let Some(option) = arrived.hiatus else { return Checked::Plain };
        let message = option.message();
        let fits = fits(&message, snd, rcv, arrived);
        // Counted apart, so that a flood of guesses does not keep out the peer.
        let (budget, per_second) = if fits {
            (&mut self.checks, FITTING_CHECKS_PER_SECOND_MAX)
        } else {
            (&mut self.guess_checks, GUESS_CHECKS_PER_SECOND_MAX)
        };
        if !matches!(message, Message::Capable(_) | Message::EpochEcho(_)) && !budget.take(per_second, now) {
            return Checked::Drop;
        }
        let octets = option.authenticated_octets();
        let peer = self.role.peer();
        let valid = |context: MacContext, tag: Tag| mac::verify(&self.key, &context, octets, tag);
        match message {
            //= draft#mac-check
            //# A receiver MUST treat a segment with an EPOCH, SUSPEND or SUSPEND-ACK
            //# with a wrong MAC as if it carried no Hiatus option.
            Message::Epoch(epoch) => {
                let stable = epoch.stable_position(snd.una);
                if valid(MacContext::epoch(peer, self.peer_life, stable), epoch.tag) {
                    Checked::Epoch { stable, stable_low: epoch.stable_point }
                } else {
                    Checked::Plain
                }
            }
            Message::Suspend(suspend) if valid(MacContext::suspend(peer, self.peer_life), suspend.tag) => {
                Checked::Suspend
            }
            Message::SuspendAck(ack) if valid(MacContext::suspend_ack(peer, self.own_life), ack.tag) => {
                Checked::SuspendAck { granted: ack.granted_hold }
            }
            Message::Suspend(_) | Message::SuspendAck(_) => Checked::Plain,
            Message::Resume(resume) => {
                let end = Position::nearest(resume.end, rcv.nxt);
                let life = Return { life: resume.life, nonce: resume.nonce, received: arrived.ack, end };
                if valid(MacContext::resume(peer, arrived.ack, end), resume.tag) {
                    Checked::Resume(life)
                } else {
                    Checked::ForgedResume
                }
            }
            Message::ResumeAck(ack) => {
                let received = Position::nearest(ack.received, snd.una);
                let end = Position::nearest(ack.end, rcv.nxt);
                let context = MacContext::resume_ack(peer, self.own_life, self.own_nonce, received, end);
                let life = Return { life: ack.life, nonce: Nonce::UNKNOWN, received, end };
                //= draft#mac-check
                //# A receiver MUST drop a segment with a RESUME-ACK with a wrong MAC.
                if valid(context, ack.tag) { Checked::ResumeAck(life) } else { Checked::Drop }
            }
            Message::Abort(abort) => self.check_abort(&abort, octets, arrived.seq == rcv.nxt),
            _ => Checked::Other,
        }
    }

    /// ABORT, of which the MAC covers `octets`. `is_next` tells whether its SEG.SEQ is RCV.NXT.
    fn check_abort(&self, abort: &Abort, octets: &[u8], is_next: bool) -> Checked {
        let right = |nonce| {
            let context = MacContext::abort(self.role.peer(), self.own_life, nonce);
            mac::verify(&self.key, &context, octets, Tag(abort.proof))
        };
        let is_valid = if abort.reason == AbortReason::LOST {
            //= draft#mac-check
            //# An ABORT with reason LOST is valid if its receiver is in RESUMING or
            //# PRESUMED, its last field is the key in the peer's long CAPABLE, and
            //# SEG.SEQ is RCV.NXT.
            self.may_have_asked() && self.peer.key.is_proved_by(&abort.proof) && is_next
        } else {
            right(Nonce::UNKNOWN) || right(self.own_nonce)
        };
        match (is_valid, abort.reason) {
            (true, reason) => Checked::Abort(reason),
            //= draft#mac-check
            //# A receiver MUST treat an RST with an ABORT with reason LOST that is not
            //# valid as if it carried no Hiatus option.
            (false, AbortReason::LOST) => Checked::Plain,
            //= draft#mac-check
            //# A receiver MUST drop an RST with an ABORT that is not valid and whose
            //# reason is not LOST.
            (false, _) => Checked::Drop,
        }
    }

    //= draft#mac-check
    //# An ABORT with reason LOST is valid if its receiver is in RESUMING or
    //# PRESUMED, its last field is the key in the peer's long CAPABLE, and
    //# SEG.SEQ is RCV.NXT.  Who waits for the answer to a RESUME of
    /// Whether a RESUME of this end may be on its way: only such a host gets LOST for an answer.
    fn may_have_asked(&self) -> bool {
        matches!(self.here, SelfPresence::Resuming(_))
            || matches!(self.there, PeerPresence::Presumed { .. })
            || self.question.is_some()
    }
}

/// Whether the numbers of a message fit the positions here, as those of a peer do and blind guesses do not.
fn fits(message: &Message<'_>, snd: &SendSide, rcv: &ReceiveSide, arrived: &Arrived<'_>) -> bool {
    let both = |received: Position, end_low: u32| {
        snd.stb <= received && received <= snd.lim && Position::nearest(end_low, rcv.nxt) >= rcv.nxt
    };
    match message {
        Message::Resume(resume) => both(arrived.ack, resume.end),
        Message::ResumeAck(ack) => both(Position::nearest(ack.received, snd.una), ack.end),
        _ => rcv.nxt <= arrived.seq && arrived.seq <= rcv.edge,
    }
}
