//! What passed our TUN device: counted, and judged against what the run is about.

use std::time::Duration;

use hiatus_codec::{Flags, KnownOptions, Segment, SequenceNumber};
use serde::{Deserialize, Serialize};

use crate::case::{Case, Side, Use};
use crate::packet;

/// Findings kept; more of the same help nobody.
const FINDINGS_MAX: usize = 10;

/// What one end sent, as seen at our device: of the peer's, what was not lost.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// Segments.
    pub(crate) segments: u64,
    /// Segments with data.
    pub(crate) data_segments: u64,
    /// Segments with data that begin below what was sent already.
    pub(crate) retransmissions: u64,
    /// Segments with SACK blocks.
    pub(crate) sack_segments: u64,
    /// Octets of the longest packet.
    pub(crate) packet_octets_max: usize,
    /// Where the sequence space that was sent ends.
    #[serde(skip)]
    end: Option<SequenceNumber>,
}

/// Counts and judges every packet.
pub(crate) struct Watch {
    case: Case,
    ours: Sent,
    theirs: Sent,
    findings: Vec<String>,
}

impl Watch {
    pub(crate) fn new(case: &Case) -> Self {
        Self { case: *case, ours: Sent::default(), theirs: Sent::default(), findings: Vec::new() }
    }

    /// A packet of `side` passed at `now`. What is not TCP does not count.
    pub(crate) fn packet(&mut self, now: Duration, side: Side, octets: &[u8]) {
        let Some(found) = packet::read(octets) else { return };
        let at = format_args!("{:.6}", now.as_secs_f64()).to_string();
        let mtu = usize::from(self.case.mtu_octets());
        if !found.is_sound {
            self.find(format!("+{at} {side:?}: TCP checksum: expected a right one, found a wrong one"));
        }
        if octets.len() > mtu {
            self.find(format!(
                "+{at} {side:?}: packet: expected at most {mtu} octets, found {}",
                octets.len()
            ));
        }
        let segment = match Segment::parse(found.segment) {
            Ok(segment) => segment,
            Err(error) => return self.find(format!("+{at} {side:?}: {error}")),
        };
        let options = KnownOptions::parse(&segment);
        if let Some(error) = &options.error {
            self.find(format!("+{at} {side:?}: {error}"));
        }
        if segment.flags.contains(Flags::RST) {
            self.find(format!("+{at} {side:?}: RST, seq {}: expected an orderly close", segment.seq.0));
        }
        self.judge_options(&at, side, &segment, &options);
        self.count(side, octets.len(), &segment, &options);
    }

    /// Options that were not agreed on, and those of a SYN.
    fn judge_options(&mut self, at: &str, side: Side, segment: &Segment<'_>, options: &KnownOptions<'_>) {
        let is_syn = segment.flags.contains(Flags::SYN);
        let offers_sack = self.case.sack_of(side) == Use::On;
        let offers_timestamps = self.case.timestamps_of(side) == Use::On;
        if is_syn {
            let is_answer = segment.flags.contains(Flags::ACK);
            // An answer repeats only what was offered.
            let sack = offers_sack && (!is_answer || self.case.sack_of(side.other()) == Use::On);
            let timestamps =
                offers_timestamps && (!is_answer || self.case.timestamps_of(side.other()) == Use::On);
            self.expect(at, side, "SACK-permitted on the SYN", sack, options.sack_permitted);
            self.expect(at, side, "timestamps on the SYN", timestamps, options.timestamps.is_some());
            let mss = self.case.mss_octets();
            if options.mss != Some(mss) {
                self.find(format!("+{at} {side:?}: MSS: expected {mss}, found {:?}", options.mss));
            }
            return;
        }
        if options.sack.is_some()
            && (self.case.sack_of(side) == Use::Off || self.case.sack_of(side.other()) == Use::Off)
        {
            self.find(format!("+{at} {side:?}: SACK: expected none, found {:?}", options.sack));
        }
        if !segment.flags.contains(Flags::RST) {
            let timestamps = self.case.timestamps == Use::On;
            self.expect(at, side, "timestamps", timestamps, options.timestamps.is_some());
        }
    }

    fn expect(&mut self, at: &str, side: Side, what: &str, expected: bool, found: bool) {
        if expected != found {
            let word = |is_there| if is_there { "present" } else { "absent" };
            self.find(format!("+{at} {side:?}: {what}: expected {}, found {}", word(expected), word(found)));
        }
    }

    fn count(&mut self, side: Side, packet_octets: usize, segment: &Segment<'_>, options: &KnownOptions<'_>) {
        let sent = match side {
            Side::Us => &mut self.ours,
            Side::Them => &mut self.theirs,
        };
        sent.segments += 1;
        sent.packet_octets_max = sent.packet_octets_max.max(packet_octets);
        sent.sack_segments += u64::from(options.sack.is_some());
        if !segment.payload.is_empty() {
            sent.data_segments += 1;
            sent.retransmissions += u64::from(sent.end.is_some_and(|end| segment.seq.before(end)));
        }
        let end = segment.seq.advanced_by(segment.len());
        if sent.end.is_none_or(|highest| end.after(highest)) {
            sent.end = Some(end);
        }
    }

    fn find(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// What was counted, ours and theirs, and what was found wrong.
    pub(crate) fn result(&self) -> (Sent, Sent, Vec<String>) {
        (self.ours.clone(), self.theirs.clone(), self.findings.clone())
    }
}
