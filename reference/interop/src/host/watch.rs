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
    /// The sequence number after the FIN, once it was sent.
    #[serde(skip)]
    after_fin: Option<SequenceNumber>,
    /// The highest acknowledgment number.
    #[serde(skip)]
    acknowledged: Option<SequenceNumber>,
}

impl Sent {
    /// Whether `peer` acknowledged the FIN of this end.
    fn has_finished(&self, peer: &Self) -> bool {
        self.after_fin.zip(peer.acknowledged).is_some_and(|(fin, ack)| ack.at_or_after(fin))
    }
}

/// Counts and judges every packet.
pub(crate) struct Watch {
    case: Case,
    ours: Sent,
    theirs: Sent,
    findings: Vec<String>,
    /// An RST was seen; those that follow it say nothing new.
    was_reset: bool,
}

impl Watch {
    pub(crate) fn new(case: &Case) -> Self {
        Self {
            case: *case,
            ours: Sent::default(),
            theirs: Sent::default(),
            findings: Vec::new(),
            was_reset: false,
        }
    }

    /// A packet of `side` passed at `now`. What is not TCP does not count.
    pub(crate) fn packet(&mut self, now: Duration, side: Side, octets: &[u8]) {
        let Some(found) = packet::read(octets) else { return };
        let at = format_args!("{:.6}", now.as_secs_f64()).to_string();
        let mtu = usize::from(self.case.mtu_octets());
        let expected = (self.case.address(side).ip(), self.case.address(side.other()).ip());
        if (found.from, found.to) != expected {
            let found = (found.from, found.to);
            return self.find(format!("+{at} {side:?}: addresses: expected {expected:?}, found {found:?}"));
        }
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
        // Once both ends have closed, a copy that is late meets no connection, and is answered so.
        let is_over = self.ours.has_finished(&self.theirs) && self.theirs.has_finished(&self.ours);
        if segment.flags.contains(Flags::RST) && !self.was_reset && !is_over {
            self.was_reset = true;
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
        if segment.flags.contains(Flags::FIN) {
            sent.after_fin = Some(end);
        }
        if segment.flags.contains(Flags::ACK)
            && sent.acknowledged.is_none_or(|highest| segment.ack.after(highest))
        {
            sent.acknowledged = Some(segment.ack);
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use hiatus_codec::{Flags, Segment, SequenceNumber};

    use super::Watch;
    use crate::case::{Case, Flow, Ip, Loss, Mtu, Peer, Side, Use};
    use crate::packet::made;

    /// A run in which we connect, offer SACK and timestamps, and the kernel refuses both.
    const CASE: Case = Case {
        peer: Peer::Kernel,
        loss: Loss::None,
        sack: Use::Off,
        flow: Flow::Together,
        opener: Side::Us,
        timestamps: Use::Off,
        mtu: Mtu::Small,
        ip: Ip::V4,
        octets: 0,
        base_seed: 0,
    };
    const MSS_536: [u8; 4] = [2, 4, 0x02, 0x18];
    const SACK_PERMITTED: [u8; 4] = [4, 2, 1, 1];
    const TIMESTAMPS: [u8; 12] = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0];

    /// A packet of `side` with sequence number `seq`.
    fn packet(side: Side, flags: Flags, seq: u32, options: &[u8], payload: &[u8]) -> Vec<u8> {
        let (from, to) = (CASE.address(side), CASE.address(side.other()));
        let segment = Segment {
            source_port: from.port(),
            destination_port: to.port(),
            seq: SequenceNumber(seq),
            ack: SequenceNumber(1),
            flags,
            window: 1000,
            checksum: 0,
            urgent: 0,
            options,
            payload,
        };
        let at = made::header_octets(to.ip());
        let mut octets = vec![0; at + segment.wire_len_octets()];
        segment.emit(&mut octets[at..]).unwrap();
        made::finish(from, to, &mut octets, segment.wire_len_octets()).unwrap();
        octets
    }

    fn found(packets: &[(Side, Vec<u8>)]) -> Vec<String> {
        let mut watch = Watch::new(&CASE);
        for (side, octets) in packets {
            watch.packet(Duration::from_millis(1500), *side, octets);
        }
        watch.result().2
    }

    fn our_syn() -> Vec<u8> {
        packet(Side::Us, Flags::SYN, 0, &[&MSS_536[..], &SACK_PERMITTED, &TIMESTAMPS].concat(), &[])
    }

    const SYN_ACK: Flags = Flags::SYN.union(Flags::ACK);

    #[test]
    fn a_connection_as_agreed_is_not_found_fault_with() {
        let fin = Flags::ACK.union(Flags::FIN);
        let packets = [
            (Side::Us, our_syn()),
            (Side::Them, packet(Side::Them, SYN_ACK, 0, &MSS_536, &[])),
            (Side::Us, packet(Side::Us, Flags::ACK, 1, &[], &[7; 536])),
            (Side::Them, packet(Side::Them, fin, 1, &[], &[])),
        ];
        assert_eq!(found(&packets), [""; 0]);
    }

    #[test]
    fn every_breach_is_named() {
        let syn_ack = |options: &[u8]| packet(Side::Them, SYN_ACK, 0, options, &[]);
        let mut broken = packet(Side::Us, Flags::ACK, 1, &[], &[7; 10]);
        *broken.last_mut().unwrap() ^= 1;
        for (side, octets, expected) in [
            (Side::Them, syn_ack(&[2, 4, 0x05, 0xb4]), "MSS: expected 536, found Some(1460)"),
            (Side::Them, syn_ack(&[]), "MSS: expected 536, found None"),
            (
                Side::Them,
                syn_ack(&[MSS_536, SACK_PERMITTED].concat()),
                "SACK-permitted on the SYN: expected absent, found present",
            ),
            (
                Side::Us,
                packet(Side::Us, Flags::SYN, 0, &[&MSS_536[..], &TIMESTAMPS].concat(), &[]),
                "SACK-permitted on the SYN: expected present, found absent",
            ),
            (
                Side::Them,
                packet(Side::Them, Flags::ACK, 1, &[1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2], &[]),
                "SACK: expected none",
            ),
            (
                Side::Us,
                packet(Side::Us, Flags::ACK, 1, &TIMESTAMPS, &[]),
                "timestamps: expected absent, found present",
            ),
            (
                Side::Us,
                packet(Side::Us, Flags::ACK, 1, &[], &[7; 537]),
                "packet: expected at most 576 octets, found 577",
            ),
            (Side::Them, packet(Side::Them, Flags::RST, 1, &[], &[]), "RST, seq 1"),
            (Side::Us, broken, "TCP checksum"),
        ] {
            let findings = found(&[(side, octets)]);
            assert_eq!(findings.len(), 1, "{expected}: {findings:?}");
            assert!(findings[0].starts_with(&format!("+1.500000 {side:?}: {expected}")), "{findings:?}");
        }
    }

    #[test]
    fn a_reset_is_a_breach_until_both_fins_are_acknowledged() {
        let fin = Flags::ACK.union(Flags::FIN);
        // `packet` acknowledges 1, where a FIN at 0 ends.
        let ours = (Side::Us, packet(Side::Us, fin, 0, &[], &[]));
        let theirs = (Side::Them, packet(Side::Them, fin, 0, &[], &[]));
        let reset = (Side::Us, packet(Side::Us, Flags::RST, 1, &[], &[]));
        assert_eq!(found(&[ours.clone(), reset.clone()]).len(), 1);
        assert_eq!(found(&[ours.clone(), theirs.clone(), reset.clone()]), [""; 0]);
        let more = (Side::Them, packet(Side::Them, fin, 1, &[], &[]));
        assert_eq!(found(&[ours, more, reset]).len(), 1);
    }

    #[test]
    fn what_begins_below_the_end_is_a_retransmission() {
        let mut watch = Watch::new(&CASE);
        for seq in [1, 11, 21, 11, 31, 1] {
            let octets = packet(Side::Us, Flags::ACK, seq, &[], &[7; 10]);
            watch.packet(Duration::ZERO, Side::Us, &octets);
        }
        let (ours, theirs, _) = watch.result();
        assert_eq!((ours.data_segments, ours.retransmissions, theirs.segments), (6, 2, 0));
    }
}
