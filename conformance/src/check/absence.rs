//! Judging what two ends say to each other in Hiatus options: absence, return, and the MACs.

use hiatus_codec::mac::{Context, Role, SessionKey, Tag, verify};
use hiatus_codec::{AbortReason, Flags, HiatusOption, HoldTime, Life, Message, Nonce, Position};

use crate::capture::flow::Side;

use super::incident::Mark;
use super::verdict::{Rule, Tally};
use super::watch::{STALL_NANOS, Seen, Watch};

/// SUSPENDs for one absence.
const SUSPENDS_MAX: u32 = 3;

/// What is known of an end's comings and goings.
#[derive(Clone, Copy, Debug, Default)]
struct Presence {
    life: Life,
    nonce: Nonce,
    /// SUSPENDs it sent for this absence; 0: it is there.
    suspends: u32,
    /// When its SUSPEND was first answered.
    answered: Option<Mark>,
    /// What it or its peer had sent when it was first suspended or held: beyond it nothing may come.
    sent_limit: Option<i64>,
    /// Position of SEG.SEQ of its latest SUSPEND.
    suspend_start: Option<i64>,
    /// Position of SEG.SEQ of its latest RESUME.
    resume_start: Option<i64>,
    /// The highest position of its own that its peer said it has received: its SND.UNA is never above.
    received: Option<i64>,
}

impl Presence {
    /// Whether a segment has a FIN at or beyond SEG.SEQ of the SUSPEND, or an octet beyond the one at that number.
    fn shows_return(&self, seen: &Seen<'_>) -> bool {
        let fin = i64::from(seen.flags.contains(Flags::FIN));
        self.suspend_start.is_some_and(|start| seen.end + fin > start + 1)
    }
}

/// Both ends' comings and goings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Absence {
    presences: [Presence; 2],
}

impl Absence {
    /// Takes a segment without SYN. `watch` is the state before it; `holds` what each end offered.
    pub(super) fn on_segment(
        &mut self,
        watch: &Watch,
        seen: &Seen<'_>,
        option: Option<&HiatusOption<'_>>,
        key: Option<&SessionKey>,
        holds: [Option<HoldTime>; 2],
        tally: &mut Tally,
    ) {
        let frame = seen.mark.frame;
        if let Some(limit) = self.presences[seen.sender.index()].sent_limit {
            tally.judge(Rule::NewOctets, frame, (seen.end <= limit).into());
        }
        let peer = &mut self.presences[seen.sender.peer().index()];
        peer.received = peer.received.max(seen.ack);
        let Some(option) = option else {
            // A holder goes on when its peer sends what no leaving host does.
            if self.presences[seen.sender.index()].shows_return(seen) {
                self.presences[seen.sender.peer().index()].sent_limit = None;
            }
            return;
        };
        let message = option.message();
        if let Some(key) = key
            && let Some(holds) = self.mac_holds(watch, seen, option, &message, key)
        {
            tally.judge(Rule::Mac, frame, holds.into());
        }
        match message {
            Message::Suspend(_) => self.on_suspend(watch, seen, tally),
            Message::SuspendAck(ack) => {
                if let Some(offered) = holds[seen.sender.index()] {
                    let holds = ack.granted_hold.seconds() <= offered.seconds();
                    tally.judge(Rule::Granted, frame, holds.into());
                }
                let peer = &mut self.presences[seen.sender.peer().index()];
                peer.answered = peer.answered.or(Some(seen.mark));
                let sent = watch.ends[seen.sender.index()].sent;
                let own = &mut self.presences[seen.sender.index()];
                own.sent_limit = own.sent_limit.or(Some(sent));
            }
            Message::Resume(resume) => {
                let own = &mut self.presences[seen.sender.index()];
                own.life = resume.life;
                own.nonce = resume.nonce;
                own.suspends = 0;
                own.answered = None;
                own.resume_start = Some(seen.start);
                if let Some(received) = own.received {
                    tally.judge(Rule::ResumeNumber, frame, (seen.start < received).into());
                }
                // Six RESUMEs may turn the connection into plain TCP: from here on new octets are not judged.
                own.sent_limit = None;
            }
            Message::ResumeAck(ack) => {
                self.judge_resume_ack(seen, ack.received, tally);
                let peer = &mut self.presences[seen.sender.peer().index()];
                peer.received = peer.received.max(position(ack.received, seen.ack));
                for presence in &mut self.presences {
                    presence.sent_limit = None;
                    presence.suspend_start = None;
                }
            }
            _ => {}
        }
    }

    fn on_suspend(&mut self, watch: &Watch, seen: &Seen<'_>, tally: &mut Tally) {
        let frame = seen.mark.frame;
        let own = &mut self.presences[seen.sender.index()];
        own.suspends += 1;
        own.suspend_start.get_or_insert(seen.start);
        tally.judge(Rule::SuspendThrice, frame, (own.suspends <= SUSPENDS_MAX).into());
        // The answer may still have been on its way.
        let late = own.answered.is_some_and(|answered| seen.mark.nanos_since(answered) >= STALL_NANOS);
        if own.suspends > 1 {
            tally.judge(Rule::SuspendAnswered, frame, (!late).into());
        }
        own.sent_limit = own.sent_limit.or(Some(watch.ends[seen.sender.index()].sent));
    }

    fn judge_resume_ack(&self, seen: &Seen<'_>, received: u32, tally: &mut Tally) {
        let resume_start = self.presences[seen.sender.peer().index()].resume_start;
        let (Some(resume_start), Some(ack)) = (resume_start, seen.ack) else { return };
        let Some(received) = position(received, seen.ack) else { return };
        let expected = received.min(resume_start);
        tally.judge(Rule::ResumeAckNumber, seen.mark.frame, (ack == expected).into());
    }

    /// Whether the MAC is right; `None` for a message that has none, or one whose context the capture does not have.
    fn mac_holds(
        &self,
        watch: &Watch,
        seen: &Seen<'_>,
        option: &HiatusOption<'_>,
        message: &Message<'_>,
        key: &SessionKey,
    ) -> Option<bool> {
        let role = role(seen.sender);
        let own = &self.presences[seen.sender.index()];
        let addressee = &self.presences[seen.sender.peer().index()];
        // What the addressee has sent and received: references for the positions whose upper halves do not travel.
        let sent = reference(watch.ends[seen.sender.peer().index()].sent);
        let received = reference(watch.ends[seen.sender.peer().index()].acked);
        let octets = option.authenticated_octets();
        let holds = |context: &Context, tag: Tag| verify(key, context, octets, tag);
        match message {
            Message::Epoch(epoch) => {
                let stable = epoch.stable_position(sent);
                Some(holds(&Context::epoch(role, own.life, stable), epoch.tag))
            }
            Message::Suspend(suspend) => Some(holds(&Context::suspend(role, own.life), suspend.tag)),
            Message::SuspendAck(ack) => Some(holds(&Context::suspend_ack(role, addressee.life), ack.tag)),
            Message::Resume(resume) => {
                let r = Position(u64::try_from(seen.ack?).ok()?);
                let end = Position::nearest(resume.end, received);
                Some(holds(&Context::resume(role, r, end), resume.tag))
            }
            Message::ResumeAck(ack) => {
                let r = Position::nearest(ack.received, sent);
                let end = Position::nearest(ack.end, received);
                let context = Context::resume_ack(role, addressee.life, addressee.nonce, r, end);
                Some(holds(&context, ack.tag))
            }
            Message::Abort(abort) if abort.reason != AbortReason::LOST => {
                let contexts = [addressee.nonce, Nonce::UNKNOWN]
                    .map(|nonce| Context::abort(role, addressee.life, nonce));
                Some(contexts.iter().any(|context| holds(context, Tag(abort.proof))))
            }
            _ => None,
        }
    }
}

fn role(side: Side) -> Role {
    match side {
        Side::A => Role::Initiator,
        Side::B => Role::Responder,
    }
}

/// The position with these low 32 bits that is nearest to what was acknowledged beside it.
fn position(low: u32, ack: Option<i64>) -> Option<i64> {
    let reference = u64::try_from(ack?).ok()?;
    i64::try_from(Position::nearest(low, Position(reference)).0).ok()
}

fn reference(position: i64) -> Position {
    Position(u64::try_from(position).unwrap_or_default())
}
