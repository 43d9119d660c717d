//! From CAPABLE to on, or to plain TCP for good (draft, {#negotiation}).

use alloc::boxed::Box;
use core::time::Duration;

use hiatus_codec::mac::{self, Context as MacContext, Role, SessionKey, Tag};
use hiatus_codec::{
    Capable, CapableBits, Epoch, HiatusOption, Life, Message, Nonce, Position, SequenceNumber,
};
use serde::{Deserialize, Serialize};

use crate::arrived::Arrived;
use crate::budget::Budget;
use crate::config::{Config, Entropy, HiatusPolicy};
use crate::event::{Event, FallbackReason};
use crate::hiatus::check::Checked;
use crate::hiatus::{Hiatus, Party, PeerPresence, Proposal, SelfPresence, Session};
use crate::owed::Owed;
use crate::receive::ReceiveSide;
use crate::send::SendSide;
use crate::tcb::{Context, Tcb};
use crate::time::Time;
use crate::timer::Timer;

/// SYNs, and SYN/ACKs, that carry CAPABLE; later ones get through path elements that drop them for it.
pub(crate) const SYNS_WITH_CAPABLE: u8 = 2;
/// Segments of the initiator that carry the long CAPABLE.
const SEGMENTS_WITH_CAPABLE: u8 = 6;
/// EPOCHs of the responder before it gives up.
const EPOCHS_MAX: u8 = 6;
/// How long the initiator waits for EPOCH: six EPOCHs at an RTO of one second take 63 s.
const EPOCH_WAIT: Duration = Duration::from_secs(64);

/// Both SYNs carried CAPABLE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confirming {
    own: Party,
    nonce: Nonce,
    leg: Leg,
}

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Leg {
    /// Initiator: a valid EPOCH.
    Epoch {
        peer: Party,
        key: SessionKey,
        capables_left: u8,
        /// SND.UNA when the retransmission timer expired last.
        expired_at: Option<Position>,
    },
    /// Responder: the first segment without SYN, with the long CAPABLE.
    Capable,
    /// Responder: the echo of its EPOCH.
    /// `interval` passes between the next EPOCH and the one after it.
    Echo { session: Box<Session>, epochs_sent: u8, interval: Duration },
}

/// What this end offers, or `None` if it is not to send CAPABLE.
pub(crate) fn proposal(config: &Config, entropy: &Entropy) -> Option<Proposal> {
    match config.hiatus {
        HiatusPolicy::Off => None,
        HiatusPolicy::On(offer) => {
            let mut bits = CapableBits::new(CapableBits::VERSION);
            if offer.bits.may_return_older() {
                bits = bits.with_older();
            } else if offer.bits.may_fall_silent() {
                bits = bits.with_silent();
            }
            if offer.bits.retains() {
                bits = bits.with_retention();
            }
            let own = Party { bits, hold: offer.hold, key: entropy.connection_key };
            Some(Proposal { own, nonce: entropy.nonce })
        }
    }
}

/// The CAPABLE of a segment, unless it is to be ignored.
fn capable_of(option: Option<HiatusOption<'_>>) -> Option<Capable> {
    // One of version 0 is on no segment, says the codec.
    if let Message::Capable(capable) = option?.message() { Some(capable) } else { None }
}

/// Whether a SYN offers Hiatus, in whatever version.
pub(crate) fn is_offer(option: Option<HiatusOption<'_>>) -> bool {
    capable_of(option).is_some()
}

/// The responder's answer to a SYN.
pub(crate) fn answer_syn(proposal: Option<Proposal>, option: Option<HiatusOption<'_>>) -> Hiatus {
    match proposal {
        // A peer of a higher version gets version 1, which is the smaller of the two.
        Some(Proposal { own, nonce }) if is_offer(option) => {
            Hiatus::Confirming(Box::new(Confirming { own, nonce, leg: Leg::Capable }))
        }
        _ => Hiatus::Off,
    }
}

/// The initiator's reading of a SYN/ACK.
pub(crate) fn read_syn_ack(proposal: Proposal, option: Option<HiatusOption<'_>>) -> Hiatus {
    let Proposal { own, nonce } = proposal;
    let capable = capable_of(option).filter(|capable| capable.bits.version() <= own.bits.version());
    match capable.and_then(peer_party) {
        //= draft#neg-synack
        //# An initiator MUST treat the connection as plain TCP when the SYN/ACK
        //# that it accepts has no long CAPABLE that it does not ignore.
        None => Hiatus::Off,
        Some(peer) => {
            let key = SessionKey::derive(own.key, peer.key);
            let leg = Leg::Epoch { peer, key, capables_left: SEGMENTS_WITH_CAPABLE, expired_at: None };
            Hiatus::Confirming(Box::new(Confirming { own, nonce, leg }))
        }
    }
}

fn peer_party(capable: Capable) -> Option<Party> {
    Some(Party { bits: capable.bits, hold: capable.offered_hold, key: capable.key? })
}

/// The EPOCH of an end that has no durable state yet.
pub(crate) fn first_epoch(key: &SessionKey, role: Role) -> Message<'static> {
    let context = MacContext::epoch(role, Life::default(), Position(0));
    let message = |tag| Message::Epoch(Epoch { number: 0, stable_point: 0, tag });
    message(mac::tag_of_message(key, &context, &message(Tag::default())).unwrap_or_default())
}

impl Confirming {
    /// What this end said.
    pub(crate) fn own(&self) -> &Party {
        &self.own
    }

    /// The CAPABLE of the responder's SYN/ACK.
    pub(crate) fn on_syn_ack(&self) -> Capable {
        self.own.long()
    }

    /// The CAPABLE that the next segment without SYN and RST carries, if any.
    pub(crate) fn on_segment(&self) -> Option<Capable> {
        match &self.leg {
            Leg::Epoch { capables_left: 1.., .. } => Some(self.own.long()),
            _ => None,
        }
    }

    /// A segment with the CAPABLE of [`on_segment`](Self::on_segment) was sent. True for the first.
    pub(crate) fn capable_sent(&mut self) -> bool {
        match &mut self.leg {
            Leg::Epoch { capables_left, .. } => {
                *capables_left = capables_left.saturating_sub(1);
                *capables_left + 1 == SEGMENTS_WITH_CAPABLE
            }
            _ => false,
        }
    }

    /// The EPOCH that leaves now, if one is due, and when the next one is.
    fn epoch_to_send(&mut self) -> Option<(Message<'static>, Duration)> {
        let Leg::Echo { session, epochs_sent, interval } = &mut self.leg else { return None };
        let wait = *interval;
        *epochs_sent += 1;
        *interval = wait.saturating_mul(2);
        Some((first_epoch(&session.key, Role::Responder), wait))
    }

    //= draft#neg-confirm
    //# A responder that waits for an EPOCH-ECHO MUST take a valid EPOCH,
    //# SUSPEND, RESUME or ABORT as if the EPOCH-ECHO had come just before it.
    //= draft#neg-confirm
    //# A host MUST ignore a Hiatus message other than those of this section
    //# before the connection is on.
    /// What a segment says before the connection is on, messages that only the negotiation knows apart.
    pub(crate) fn check(
        &mut self,
        now: Time,
        snd: &SendSide,
        rcv: &ReceiveSide,
        arrived: &Arrived<'_>,
    ) -> Checked {
        let Leg::Echo { session, .. } = &mut self.leg else { return Checked::Plain };
        match session.check(now, snd, rcv, arrived) {
            valid @ (Checked::Epoch { .. } | Checked::Suspend | Checked::Resume(_) | Checked::Abort(_)) => {
                valid
            }
            _ => Checked::Plain,
        }
    }

    fn session(&self, role: Role, peer: Party, key: SessionKey) -> Box<Session> {
        Box::new(Session {
            role,
            key,
            own: self.own,
            peer,
            own_life: Life::default(),
            own_nonce: self.nonce,
            peer_life: Life::default(),
            peer_nonce: Nonce::UNKNOWN,
            here: SelfPresence::Up,
            there: PeerPresence::Up,
            presumed_by_reset: [None; 2],
            epochs: None,
            answered_at: Time::ZERO,
            asked_above_max_at: None,
            question: None,
            checks: Budget::default(),
            guess_checks: Budget::default(),
        })
    }
}

impl Tcb {
    /// Falls back to plain TCP, for good.
    pub(crate) fn fall_back(&mut self, cx: &mut Context<'_>, reason: FallbackReason) {
        self.hiatus = Hiatus::Off;
        for timer in [
            Timer::Negotiate,
            Timer::Suspend,
            Timer::Resume,
            Timer::ResumeLimit,
            Timer::Hold,
            Timer::Epoch,
            Timer::HoldBack,
        ] {
            self.timers.disarm(timer);
        }
        self.owed.retain(|owed| matches!(owed, Owed::Reset { .. }));
        self.hiatus_changed(cx);
        cx.events.push_back(Event::FellBack { reason });
    }

    /// Responder: the first acceptable segment without SYN.
    pub(crate) fn first_segment(&mut self, cx: &mut Context<'_>, option: Option<HiatusOption<'_>>) {
        let interval = self.rtt.rto(cx.config);
        let Hiatus::Confirming(confirming) = &mut self.hiatus else { return };
        let Leg::Capable = confirming.leg else { return };
        let own = confirming.own;
        //= draft#neg-confirm
        //# A responder that knows which Version it sent MUST ignore a long CAPABLE
        //# with another one.
        let capable = capable_of(option).filter(|capable| capable.bits.version() == own.bits.version());
        match capable.and_then(peer_party) {
            //= draft#neg-confirm
            //# A responder that sent CAPABLE MUST treat the connection as plain TCP
            //# when the first acceptable segment without SYN carries no long CAPABLE.
            None => self.fall_back(cx, FallbackReason::CapableStripped),
            //= draft#neg-confirm
            //# A responder that sent CAPABLE MUST answer a first acceptable segment
            //# without SYN that carries the long CAPABLE with an EPOCH.
            Some(peer) => {
                let key = SessionKey::derive(peer.key, own.key);
                let session = confirming.session(Role::Responder, peer, key);
                confirming.leg = Leg::Echo { session, epochs_sent: 0, interval };
                self.owe(Owed::Epoch);
            }
        }
    }

    /// A message of the negotiation, on an acceptable segment.
    pub(crate) fn negotiate(&mut self, cx: &mut Context<'_>, arrived: &Arrived<'_>) {
        let Hiatus::Confirming(confirming) = &mut self.hiatus else { return };
        let Some(option) = arrived.hiatus else { return };
        match (&confirming.leg, option.message()) {
            (Leg::Epoch { peer, key, .. }, Message::Epoch(epoch)) => {
                let stable = epoch.stable_position(self.snd.una);
                let context = MacContext::epoch(Role::Responder, Life::default(), stable);
                let valid = mac::verify(key, &context, option.authenticated_octets(), epoch.tag);
                if valid && stable <= self.snd.max {
                    let session = confirming.session(Role::Initiator, *peer, *key);
                    self.turn_on(cx, session);
                    self.snd.is_stable_to(stable);
                    self.owe(Owed::EpochEcho { stable_point: epoch.stable_point });
                }
            }
            (Leg::Echo { .. }, Message::EpochEcho(echo)) if echo.stable_point == 0 => self.echo_has_come(cx),
            _ => {}
        }
    }

    /// A responder that waits for EPOCH-ECHO has it, or what counts as it; elsewhere nothing changes.
    pub(crate) fn echo_has_come(&mut self, cx: &mut Context<'_>) {
        if let Hiatus::Confirming(confirming) = &self.hiatus
            && let Leg::Echo { session, .. } = &confirming.leg
        {
            let session = session.clone();
            self.turn_on(cx, session);
        }
    }

    /// The connection is about to be reset: the peer of a responder that has sent EPOCH may be on, and is spoken to so.
    pub(crate) fn count_peer_as_on(&mut self) {
        if let Hiatus::Confirming(confirming) = &self.hiatus
            && let Leg::Echo { session, epochs_sent: 1.., .. } = &confirming.leg
        {
            self.hiatus = Hiatus::On(session.clone());
        }
    }

    fn turn_on(&mut self, cx: &mut Context<'_>, session: Box<Session>) {
        self.hiatus = Hiatus::On(Box::new(Session { answered_at: cx.now, ..*session }));
        self.timers.disarm(Timer::Negotiate);
        self.hiatus_changed(cx);
        cx.events.push_back(Event::HiatusOn);
    }

    /// The negotiation timer ran out.
    pub(crate) fn negotiation_timeout(&mut self, cx: &mut Context<'_>) {
        let Hiatus::Confirming(confirming) = &self.hiatus else { return };
        match &confirming.leg {
            Leg::Epoch { .. } => self.fall_back(cx, FallbackReason::NoEpoch),
            Leg::Echo { epochs_sent: EPOCHS_MAX.., .. } => self.fall_back(cx, FallbackReason::NoEcho),
            //= draft#neg-confirm
            //# A responder MUST repeat the EPOCH of the negotiation, as long as it
            //# has not been echoed, after one RTO, doubling the interval each time,
            //# until it has sent it six times.
            Leg::Echo { .. } => self.owe(Owed::Epoch),
            Leg::Capable => {}
        }
    }

    /// Notes that a segment with the long CAPABLE leaves.
    pub(crate) fn capable_sent(&mut self, cx: &Context<'_>) {
        if let Hiatus::Confirming(confirming) = &mut self.hiatus
            && confirming.capable_sent()
        {
            self.timers.arm(Timer::Negotiate, cx.now + EPOCH_WAIT);
        }
    }

    //= draft#neg-confirm
    //# An initiator MUST NOT put CAPABLE on a segment that it sends again
    //# after the second expiry in a row of the retransmission timer.
    /// The retransmission timer expired: for the second time in a row if nothing was acknowledged since the first.
    ///
    /// No later segment carries CAPABLE either: where what goes without it gets through, the peer falls back.
    pub(crate) fn capable_may_stall(&mut self) {
        if let Hiatus::Confirming(confirming) = &mut self.hiatus
            && let Leg::Epoch { capables_left, expired_at, .. } = &mut confirming.leg
        {
            if *expired_at == Some(self.snd.una) {
                *capables_left = 0;
            }
            *expired_at = Some(self.snd.una);
        }
    }

    /// The EPOCH of the negotiation, which leaves now.
    pub(crate) fn negotiation_epoch(&mut self, cx: &Context<'_>) -> Option<Message<'static>> {
        let Hiatus::Confirming(confirming) = &mut self.hiatus else { return None };
        let (message, wait) = confirming.epoch_to_send()?;
        self.timers.arm(Timer::Negotiate, cx.now + wait);
        Some(message)
    }

    /// SND.NXT on the wire.
    pub(crate) fn snd_nxt(&self) -> SequenceNumber {
        self.snd.nxt.sequence(self.snd.iss)
    }

    /// RCV.NXT on the wire.
    pub(crate) fn rcv_nxt(&self) -> SequenceNumber {
        self.rcv.nxt.sequence(self.rcv.irs)
    }
}
