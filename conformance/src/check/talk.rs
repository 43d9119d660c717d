//! Judging what two ends say to each other in Hiatus options: the negotiation.
//!
//! A capture is taken somewhere on the way, so a message is known here before its addressee has it, or after. Every rule
//! is therefore judged in the sender's favour: it counts as told what may have reached it, and not what may not.

use hiatus_codec::mac::SessionKey;
use hiatus_codec::{
    Capable, ConnectionKey, Flags, HiatusOption, HoldTime, Message, OptionKind, Segment, TcpOption, options,
};

use crate::capture::flow::{Origin, Side};

use super::absence::Absence;
use super::epochs::Epochs;
use super::verdict::{Rule, Tally};
use super::watch::{Seen, Watch};

/// Segments of the initiator that carry the long CAPABLE.
const CONFIRMATIONS: u32 = 6;
/// Stable points of EPOCHs remembered of an end.
const EPOCHS_MAX: usize = 64;

/// What the options of a segment say in Hiatus.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) option: Option<HiatusOption<'a>>,
    /// TCP MD5, TCP-AO or Multipath TCP is there too.
    other_extension: bool,
}

impl<'a> Said<'a> {
    /// Walks the options of a segment that may have a Hiatus one, and judges their form.
    fn of(tcp: &Segment<'a>, frame: u64, tally: &mut Tally) -> Self {
        let mut said = Self { option: None, other_extension: false };
        let mut count = 0;
        for option in options(tcp.options).flatten() {
            match option {
                TcpOption::Hiatus(hiatus) => {
                    count += 1;
                    let flags = hiatus.octets_from_subtype().first().map_or(0, |octet| octet & 0x0f);
                    tally.judge(Rule::Flags, frame, (flags == 0).into());
                    if said.option.is_none() && hiatus.is_carried_on(tcp) {
                        said.option = Some(hiatus);
                    }
                }
                TcpOption::Unknown(raw) => said.other_extension |= is_other_extension(raw.kind),
                _ => {}
            }
        }
        if count > 0 {
            tally.judge(Rule::OneOption, frame, (count == 1).into());
        }
        said
    }

    fn capable(&self) -> Option<Capable> {
        match self.option?.message() {
            Message::Capable(capable) => Some(capable),
            _ => None,
        }
    }
}

/// TCP MD5 (RFC 2385), TCP-AO (RFC 5925) and Multipath TCP (RFC 8684).
fn is_other_extension(kind: OptionKind) -> bool {
    const TCP_MD5: u8 = 19;
    const TCP_AO: u8 = 29;
    const MULTIPATH: u8 = 30;
    matches!(kind.0, TCP_MD5 | TCP_AO | MULTIPATH)
}

/// What is known of an end.
#[derive(Debug, Default)]
pub(super) struct Speaker {
    key: Option<ConnectionKey>,
    pub(super) hold: Option<HoldTime>,
    /// Stable points of the EPOCHs it sent.
    epochs: Vec<u32>,
    /// Those with a number.
    reports: Epochs,
    /// It sent EPOCH-ECHO, or what counts as it.
    has_echoed: bool,
}

/// What is known of a connection that speaks Hiatus, or tried to.
#[derive(Debug, Default)]
pub(super) struct Talk {
    pub(super) speakers: [Speaker; 2],
    /// True if the capture has the offer; without it nothing is judged that depends on the past.
    pub(super) has_offer: bool,
    syns: u32,
    /// A SYN without CAPABLE followed the offer.
    has_plain_syn: bool,
    syn_acks: u32,
    offered_version: u8,
    is_answered: bool,
    has_fallen_back: bool,
    confirmations: u32,
    /// The initiator's retransmission timer may have expired twice in a row.
    has_stalled: bool,
    pub(super) absence: Absence,
}

/// Judges a segment. `watch` is the state before it.
pub(super) fn on_segment(watch: &mut Watch, seen: &Seen<'_>, tcp: &Segment<'_>, tally: &mut Tally) {
    let may_say = tcp.options.contains(&OptionKind::HIATUS.0);
    if watch.talk.is_none() && !may_say {
        return;
    }
    let said = Said::of(tcp, seen.mark.frame, tally);
    if watch.talk.is_none() {
        if said.option.is_none() {
            return;
        }
        watch.talk = Some(Box::new(Talk::begin(watch, seen, &said, tally)));
    }
    let Some(mut talk) = watch.talk.take() else { return };
    talk.on_segment(watch, seen, &said, tally);
    watch.talk = Some(talk);
}

impl Talk {
    fn begin(watch: &Watch, seen: &Seen<'_>, said: &Said<'_>, tally: &mut Tally) -> Self {
        let syn = seen.flags.contains(Flags::SYN);
        let is_offer = syn && !seen.flags.contains(Flags::ACK);
        let initiator = &watch.ends[Side::A.index()];
        if syn && !is_offer && initiator.seen && !initiator.begins_late {
            // The capture has its SYN, and that had no CAPABLE, or there would be a talk already.
            tally.judge(Rule::SynAckToPlain, seen.mark.frame, said.option.is_none().into());
        }
        Self { has_offer: is_offer && seen.origin == Origin::Syn, ..Self::default() }
    }

    fn on_segment(&mut self, watch: &Watch, seen: &Seen<'_>, said: &Said<'_>, tally: &mut Tally) {
        let frame = seen.mark.frame;
        if let Some(capable) = said.capable() {
            tally.judge(Rule::Combination, frame, (!said.other_extension).into());
            self.on_capable(seen.sender, &capable, frame, tally);
        }
        let syn = seen.flags.contains(Flags::SYN);
        match (syn, seen.flags.contains(Flags::ACK), seen.sender) {
            (true, false, Side::A) => self.on_syn(said, frame, tally),
            (true, true, Side::B) => self.on_syn_ack(said, frame, tally),
            (false, ..) => self.on_later(watch, seen, said, tally),
            _ => {}
        }
    }

    fn on_capable(&mut self, sender: Side, capable: &Capable, frame: u64, tally: &mut Tally) {
        let speaker = &mut self.speakers[sender.index()];
        speaker.hold = Some(capable.offered_hold);
        match (speaker.key, capable.key) {
            (Some(known), Some(key)) => tally.judge(Rule::SameKey, frame, (known == key).into()),
            (None, key) => speaker.key = key,
            _ => {}
        }
    }

    fn on_syn(&mut self, said: &Said<'_>, frame: u64, tally: &mut Tally) {
        if !self.has_offer {
            return;
        }
        self.syns += 1;
        let holds = match said.capable() {
            Some(capable) => {
                self.offered_version = capable.bits.version();
                self.syns <= 2 && capable.key.is_none()
            }
            None => {
                self.has_plain_syn = true;
                self.syns > 2
            }
        };
        tally.judge(Rule::SynOffers, frame, holds.into());
    }

    fn on_syn_ack(&mut self, said: &Said<'_>, frame: u64, tally: &mut Tally) {
        // Which of three SYNs it answers, or whether it answers one without CAPABLE, cannot be seen.
        if !self.has_offer || self.syns > 2 || self.has_plain_syn {
            return;
        }
        self.syn_acks += 1;
        let capable = said.capable();
        if self.syn_acks == 1 {
            self.is_answered = capable.is_some();
            self.has_fallen_back = capable.is_none();
        }
        if self.is_answered {
            let holds = capable.is_some_and(|capable| capable.key.is_some()) == (self.syn_acks <= 2);
            tally.judge(Rule::SynAckAnswers, frame, holds.into());
        }
        if let Some(capable) = capable {
            tally.judge(Rule::Version, frame, (capable.bits.version() <= self.offered_version).into());
        }
    }

    fn on_later(&mut self, watch: &Watch, seen: &Seen<'_>, said: &Said<'_>, tally: &mut Tally) {
        let frame = seen.mark.frame;
        if self.has_offer {
            self.judge_confirmation(watch, seen, said, tally);
            if self.has_fallen_back {
                tally.judge(Rule::FallenBack, frame, said.option.is_none().into());
                return;
            }
        }
        let message = said.option.map(|option| option.message());
        if let Some(message) = &message {
            self.speakers[seen.sender.index()].reports.on_message(seen, message, tally);
            self.speakers[seen.sender.peer().index()].reports.on_answer(message);
        }
        match message {
            Some(Message::Epoch(epoch)) => {
                let epochs = &mut self.speakers[seen.sender.index()].epochs;
                if epochs.len() == EPOCHS_MAX {
                    epochs.remove(0);
                }
                epochs.push(epoch.stable_point);
                // One of an initiator is as good as an echo.
                self.speakers[seen.sender.index()].has_echoed |= seen.sender == Side::A;
            }
            Some(Message::EpochEcho(echo)) => {
                let epochs = &self.speakers[seen.sender.peer().index()].epochs;
                if self.has_offer {
                    tally.judge(Rule::Echo, frame, epochs.contains(&echo.stable_point).into());
                }
                self.speakers[seen.sender.index()].has_echoed = true;
            }
            // A responder that has sent EPOCH resets with ABORT, whether or not the echo has come.
            Some(Message::Capable(_) | Message::Abort(_) | Message::Unknown(_)) | None => {}
            Some(message) => {
                if self.has_offer {
                    tally.judge(Rule::BeforeOn, frame, self.may_be_on(seen.sender).into());
                }
                // To a responder each is as good as the echo.
                self.speakers[seen.sender.index()].has_echoed |=
                    matches!(message, Message::Suspend(_) | Message::Resume(_));
            }
        }
        let key = self.session_key();
        let holds = [Side::A, Side::B].map(|side| self.speakers[side.index()].hold);
        self.absence.on_segment(watch, seen, said.option.as_ref(), key.as_ref(), holds, tally);
    }

    fn judge_confirmation(&mut self, watch: &Watch, seen: &Seen<'_>, said: &Said<'_>, tally: &mut Tally) {
        let frame = seen.mark.frame;
        let resets = seen.flags.contains(Flags::RST);
        if seen.sender != Side::A || !self.is_answered || self.has_fallen_back || resets {
            return;
        }
        let is_long = said.capable().is_some_and(|capable| capable.key.is_some());
        self.confirmations = self.confirmations.saturating_add(1);
        let epoch_may_have_come = !self.speakers[Side::B.index()].epochs.is_empty();
        let initiator = &watch.ends[Side::A.index()];
        let is_resend = seen.start < seen.end && seen.end <= initiator.sent;
        self.has_stalled |= is_resend && initiator.trouble().resends.count > 0;
        if self.confirmations <= CONFIRMATIONS && !epoch_may_have_come && !self.has_stalled {
            tally.judge(Rule::Confirms, frame, is_long.into());
        }
        let is_over = self.confirmations > CONFIRMATIONS || self.speakers[Side::A.index()].has_echoed;
        if is_over {
            tally.judge(Rule::ConfirmsNoMore, frame, said.capable().is_none().into());
        }
    }

    /// The initiator is on at the EPOCH, the responder at its echo.
    fn may_be_on(&self, side: Side) -> bool {
        match side {
            Side::A => !self.speakers[Side::B.index()].epochs.is_empty(),
            Side::B => self.speakers[Side::A.index()].has_echoed,
        }
    }

    fn session_key(&self) -> Option<SessionKey> {
        let [a, b] = &self.speakers;
        Some(SessionKey::derive(a.key?, b.key?))
    }
}
