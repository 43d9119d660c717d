//! The requirements that a capture can show, in one table, and the tally of each.

use super::report::{Outcome, Verdict};

/// Frames listed of a broken requirement.
const FRAMES_MAX: usize = 100;

/// A rule this checker looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Flags,
    OneOption,
    SynOffers,
    SynAckToPlain,
    SynAckAnswers,
    Version,
    Confirms,
    ConfirmsNoMore,
    SameKey,
    Combination,
    Echo,
    BeforeOn,
    FallenBack,
    Mac,
    NewOctets,
    SuspendThrice,
    SuspendAnswered,
    Granted,
    ResumeAckNumber,
    ResumeNumber,
    StableWasReceived,
    EpochsRarer,
    NoOlderEpoch,
}

/// Rule, label of its requirement in the draft, what is looked at. The order is that of the report.
pub(super) const RULES: [(Rule, &str, &str); 23] = [
    (Rule::Flags, "HIA-MUST-1", "the four flags of every Hiatus option are zero"),
    (Rule::OneOption, "HIA-MUST-3", "no segment carries two Hiatus options"),
    (
        Rule::ResumeAckNumber,
        "HIA-MUST-13",
        "SEG.ACK of a RESUME-ACK is the smaller of R and SEG.SEQ of the RESUME",
    ),
    (Rule::SameKey, "HIA-MUST-17", "every CAPABLE of an end has the same key"),
    (Rule::Mac, "HIA-MUST-18", "the MAC is right, by the keys in the handshake"),
    (
        Rule::SynOffers,
        "HIA-MUST-24",
        "the first two SYNs of an offer carry the short CAPABLE, later ones none",
    ),
    (Rule::SynAckToPlain, "HIA-MUST-25", "the SYN/ACK to a SYN without CAPABLE carries no Hiatus option"),
    (
        Rule::SynAckAnswers,
        "HIA-MUST-26",
        "the first two SYN/ACKs of an acceptance carry the long CAPABLE, later ones and those after a SYN without it \
         none",
    ),
    (Rule::Version, "HIA-MUST-27", "the Version in the SYN/ACK is not above the offered one"),
    (
        Rule::Confirms,
        "HIA-MUST-29",
        "the initiator's first six segments carry the long CAPABLE until an EPOCH comes or a third copy is sent",
    ),
    (
        Rule::ConfirmsNoMore,
        "HIA-MUST-30",
        "no CAPABLE after the sixth segment, nor after the EPOCH is echoed",
    ),
    (Rule::Echo, "HIA-MUST-34", "an EPOCH-ECHO repeats the Stable Point of an EPOCH of the peer"),
    (
        Rule::BeforeOn,
        "HIA-MUST-36",
        "no message but CAPABLE, EPOCH, EPOCH-ECHO and ABORT before EPOCH (initiator) or EPOCH-ECHO (responder)",
    ),
    (Rule::FallenBack, "HIA-MUST-38", "no Hiatus option after a SYN/ACK without CAPABLE"),
    (Rule::Combination, "HIA-MUST-41", "no CAPABLE beside TCP MD5, TCP-AO or Multipath TCP"),
    (
        Rule::NewOctets,
        "HIA-MUST-42",
        "no octet is sent for the first time from SUSPEND to RESUME-ACK, by either end",
    ),
    (Rule::SuspendThrice, "HIA-MUST-44", "at most three SUSPENDs for one absence"),
    (Rule::SuspendAnswered, "HIA-MUST-46", "no SUSPEND a second or more after a SUSPEND-ACK"),
    (Rule::Granted, "HIA-MUST-49", "the Granted Hold is not longer than the hold offered in CAPABLE"),
    (Rule::ResumeNumber, "HIA-MUST-82", "SEG.SEQ of a RESUME is below what the peer has acknowledged"),
    (
        Rule::StableWasReceived,
        "HIA-MUST-90",
        "the Stable Point of an EPOCH is not above the SEG.ACK beside it",
    ),
    (
        Rule::EpochsRarer,
        "HIA-MUST-92",
        "copies of an EPOCH do not come closer together, up to 60 seconds apart",
    ),
    (Rule::NoOlderEpoch, "HIA-MUST-93", "no EPOCH of a life has a lower Stable Point than one before it"),
];

#[derive(Clone, Debug, Default)]
struct Count {
    held: u64,
    broken: u64,
    frames: Vec<u64>,
}

/// How often each rule was exercised, and where it was broken.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    counts: [Count; RULES.len()],
}

impl Tally {
    /// Counts `rule` as exercised in `frame`, and as broken unless `holds`.
    pub(super) fn judge(&mut self, rule: Rule, frame: u64, holds: Holds) {
        let Some(index) = RULES.iter().position(|(known, ..)| *known == rule) else { return };
        let count = &mut self.counts[index];
        match holds {
            Holds::Yes => count.held += 1,
            Holds::No => {
                count.broken += 1;
                if count.frames.len() < FRAMES_MAX && count.frames.last() != Some(&frame) {
                    count.frames.push(frame);
                }
            }
        }
    }

    /// The verdicts, in the order of [`RULES`].
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        RULES
            .iter()
            .zip(&self.counts)
            .map(|((_, requirement, looked_at), count)| verdict(requirement, looked_at, count))
            .collect()
    }
}

/// Whether a rule holds where it was exercised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

fn verdict(requirement: &'static str, looked_at: &str, count: &Count) -> Verdict {
    let Count { held, broken, frames } = count;
    let (verdict, text) = match (held + broken, broken) {
        (0, _) => (Outcome::NotExercised, looked_at.to_string()),
        (times, 0) => (Outcome::Pass, format!("{looked_at} ({times} looked at)")),
        (times, broken) => {
            let list: Vec<_> = frames.iter().take(5).map(u64::to_string).collect();
            let more = if frames.len() > list.len() { " and more" } else { "" };
            let frames = list.join(", ");
            (Outcome::Fail, format!("{looked_at}: broken {broken} of {times} times, frame {frames}{more}"))
        }
    };
    Verdict { requirement, verdict, frames: frames.clone(), text }
}
