//! Judging what two ends say to each other in Hiatus options: who takes part, and who is asked in which order.
//!
//! A capture is taken somewhere on the way and may lack segments. What one segment shows, or two in the order that their
//! end sent them, is judged wherever it was taken. All else is judged of an end at whose host it was taken
//! (`--taken-at`), and is inconclusive of another.

use hiatus_codec::{Flags, HoldTime, Message, OptionKind, Segment};

use crate::capture::flow::{Origin, Side};
use crate::capture::{Endpoint, Timestamp};

use super::absence::{self, Holding, Leaving};
use super::answers::{self, Answers};
use super::ending::{self, Ending};
use super::epochs::Epochs;
use super::negotiation::Opening;
use super::proof::{self, Identity, Proof};
use super::reading::Said;
use super::returning::{self, Returning};
use super::rewind::{self, Rewind};
use super::verdict::Judge;
use super::watch::{End, Seen, Watch};

/// What is known of an end that takes part.
#[derive(Debug, Default)]
pub(super) struct Speaker {
    pub(super) identity: Identity,
    /// Offered in its CAPABLE.
    pub(super) hold: Option<HoldTime>,
    /// It may come back with an older state: N in its CAPABLE, and timestamps.
    pub(super) may_return_older: bool,
    /// K in its CAPABLE.
    pub(super) retains: bool,
    pub(super) epochs: Epochs,
    pub(super) leaving: Option<Leaving>,
    pub(super) holding: Option<Holding>,
    pub(super) returning: Returning,
    pub(super) rewind: Rewind,
    pub(super) answers: Answers,
    pub(super) ending: Ending,
}

impl Speaker {
    /// It may keep octets that its peer has acknowledged.
    pub(super) fn retains_for(&self, peer: &Self) -> bool {
        self.retains && peer.may_return_older
    }
}

/// A segment under judgement, and what was known before it.
pub(super) struct Turn<'t, 's> {
    pub(super) seen: &'t Seen<'s>,
    pub(super) said: &'t Said<'s>,
    pub(super) message: Option<Message<'s>>,
    pub(super) proof: Proof,
    /// Both ends, A first.
    pub(super) ends: &'t [End; 2],
    /// How the positions of both are known, A first.
    pub(super) origins: [Origin; 2],
    /// Its sender and its peer are surely on; neither has fallen back.
    pub(super) is_on: [bool; 2],
    /// Its message takes the place of the EPOCH-ECHO that the responder waits for.
    pub(super) turns_on: bool,
}

impl Turn<'_, '_> {
    pub(super) fn side(&self) -> Side {
        self.seen.sender
    }

    pub(super) fn own_end(&self) -> &End {
        &self.ends[self.side().index()]
    }

    pub(super) fn peer_end(&self) -> &End {
        &self.ends[self.side().peer().index()]
    }

    pub(super) fn resets(&self) -> bool {
        self.seen.flags.contains(Flags::RST)
    }

    /// It carries octets or a FIN.
    pub(super) fn takes_octets(&self) -> bool {
        self.seen.end > self.seen.start
    }

    /// No Hiatus message that counts, no SYN and no RST.
    pub(super) fn is_plain(&self) -> bool {
        self.message.is_none() && !self.resets() && !self.seen.flags.contains(Flags::SYN)
    }

    /// SEG.SEQ is what its addressee expects, SEG.ACK is of what that has sent.
    pub(super) fn fits(&self) -> bool {
        let peer = self.peer_end();
        self.seen.start == peer.acked && self.seen.ack.is_some_and(|ack| ack <= peer.sent)
    }
}

/// What is known of a connection that speaks Hiatus, or tried to.
#[derive(Debug)]
pub(super) struct Talk {
    pub(super) speakers: [Speaker; 2],
    pub(super) opening: Opening,
    /// The capture was taken at the host of this end.
    whole: [bool; 2],
}

/// Connections followed at once that speak Hiatus: some kilooctets each.
pub(super) const TALKS_MAX: usize = 10_000;

/// How many connections speak Hiatus, and how much of others is not judged.
#[derive(Debug, Default)]
pub(super) struct Talks {
    /// Followed now.
    pub(super) count: usize,
    /// Segments of connections beyond [`TALKS_MAX`].
    pub(super) refused: u64,
}

/// What there is to a segment beside itself.
pub(super) struct Surroundings<'a> {
    /// Number of the connection, and its ends, A first.
    pub(super) connection: u64,
    pub(super) endpoints: [Endpoint; 2],
    pub(super) origins: [Origin; 2],
    /// The capture was taken at the host of A, of B.
    pub(super) whole: [bool; 2],
    pub(super) tally: &'a mut super::verdict::Tally,
    pub(super) talks: &'a mut Talks,
}

/// True for a segment that has to be judged.
pub(super) fn concerns(watch: &Watch, tcp: &Segment<'_>) -> bool {
    watch.talk.is_some() || tcp.options.contains(&OptionKind::HIATUS.0)
}

/// Judges a segment. `watch` is the state before it.
pub(super) fn on_segment(watch: &mut Watch, seen: &Seen<'_>, tcp: &Segment<'_>, around: Surroundings<'_>) {
    let Surroundings { connection, endpoints, origins, whole, tally, talks } = around;
    let whole = watch.talk.as_ref().map_or(whole, |talk| talk.whole);
    let mut judge = Judge { tally, connection, endpoints, frame: seen.mark.frame, whole };
    let said = Said::of(tcp, seen, &mut judge);
    if watch.talk.is_none() {
        if said.option.is_none() && said.ignored.is_none() {
            return;
        }
        if talks.count >= TALKS_MAX {
            talks.refused += 1;
            return;
        }
        talks.count += 1;
        let opening = Opening::begin(watch, seen, &said, &mut judge);
        watch.talk = Some(Box::new(Talk { speakers: Default::default(), opening, whole }));
    }
    let Some(mut talk) = watch.talk.take() else { return };
    talk.on_segment(watch, seen, &said, origins, &mut judge);
    watch.talk = Some(talk);
}

impl Talk {
    fn on_segment(
        &mut self,
        watch: &Watch,
        seen: &Seen<'_>,
        said: &Said<'_>,
        origins: [Origin; 2],
        judge: &mut Judge<'_>,
    ) {
        let mut turn = Turn {
            seen,
            said,
            message: said.message(),
            proof: Proof::None,
            ends: &watch.ends,
            origins,
            is_on: [false; 2],
            turns_on: false,
        };
        let [a, b] = &mut self.speakers;
        let (own, peer) = if seen.sender == Side::A { (a, b) } else { (b, a) };
        if let Some(capable) = said.capable() {
            own.hold = Some(capable.offered_hold);
            own.retains = capable.bits.retains();
            own.may_return_older = capable.bits.may_return_older() && seen.timestamps.is_some();
            if let Some(key) = capable.key {
                own.identity.on_key(seen.sender, key, judge);
            }
        }
        turn.proof = proof::judge_mac(own, peer, &turn, judge);
        let was_on = self.opening.is_surely_on(Side::B);
        let is_first = self.opening.on_segment(&turn, judge);
        turn.is_on = [Side::A, Side::B].map(|side| self.opening.is_surely_on(side));
        turn.turns_on = !was_on && turn.is_on[Side::B.index()];
        if seen.flags.contains(Flags::SYN) {
            own.ending.on_syn();
            peer.ending.on_syn();
            return;
        }
        if is_first {
            peer.answers.owes_epoch(&turn);
        }
        own.epochs.on_own(&turn, judge);
        peer.epochs.on_peers(&turn);
        ending::on_segment(own, peer, &turn, judge);
        answers::on_segment(own, peer, &turn, judge);
        rewind::on_segment(own, peer, &turn, judge);
        returning::on_segment(own, peer, &turn, judge);
        absence::on_segment(own, peer, &turn, judge);
        note_lives(own, peer, &turn);
    }

    /// Nothing comes any more, in a capture that goes on until `capture_end`.
    pub(super) fn finish(
        &mut self,
        connection: u64,
        endpoints: [Endpoint; 2],
        capture_end: Timestamp,
        tally: &mut super::verdict::Tally,
    ) {
        let mut judge = Judge { tally, connection, endpoints, frame: 0, whole: self.whole };
        for speaker in &mut self.speakers {
            proof::finish(&mut speaker.identity, &mut judge);
            speaker.answers.finish(capture_end, &mut judge);
        }
    }
}

/// Which lives the ends have told, and which of them the other has recorded.
fn note_lives(own: &mut Speaker, peer: &mut Speaker, turn: &Turn<'_, '_>) {
    if !turn.proof.may_count() {
        return;
    }
    match turn.message {
        Some(Message::Resume(resume)) => own.identity.on_life(resume.life, resume.nonce),
        Some(Message::ResumeAck(ack)) => {
            own.identity.on_life(ack.life, hiatus_codec::Nonce::UNKNOWN);
            own.returning.note_recorded(turn, peer);
        }
        _ => {}
    }
}
