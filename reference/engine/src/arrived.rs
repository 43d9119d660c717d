//! An arriving segment, its numbers turned into positions.

use hiatus_codec::{
    Flags, HiatusOption, KnownOptions, Message, OptionKind, Position, SackBlocks, Segment, TcpOption,
    Timestamps, options,
};

use crate::ecn::Ecn;
use crate::receive::ReceiveSide;
use crate::send::SendSide;

/// A segment as a synchronised connection sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived<'a> {
    pub(crate) segment: &'a Segment<'a>,
    pub(crate) timestamps: Option<Timestamps>,
    /// The Hiatus message that counts, on a segment that may carry it.
    pub(crate) hiatus: Option<HiatusOption<'a>>,
    /// Selective acknowledgments; they count only where both ends permitted them.
    pub(crate) sack: Option<SackBlocks<'a>>,
    /// SEG.SEQ, nearest to RCV.NXT.
    pub(crate) seq: Position,
    /// SEG.ACK, nearest to SND.UNA; counts only with ACK.
    pub(crate) ack: Position,
    /// What the ECN field of its IP header says.
    pub(crate) mark: Ecn,
}

impl<'a> Arrived<'a> {
    pub(crate) fn new(segment: &'a Segment<'a>, snd: &SendSide, rcv: &ReceiveSide) -> Self {
        let options = known_options(segment);
        Self {
            segment,
            timestamps: options.timestamps,
            hiatus: options.hiatus,
            sack: options.sack,
            seq: Position::of_sequence(segment.seq, rcv.irs, rcv.nxt),
            ack: Position::of_sequence(segment.ack, snd.iss, snd.una),
            mark: Ecn::NotEct,
        }
    }

    /// Where its text ends, before a FIN.
    pub(crate) fn text_end(&self) -> Position {
        self.seq.advanced_by(u64::try_from(self.segment.payload.len()).unwrap_or(0))
    }

    /// SEG.LEN as the test of the sequence number counts it. An RST is judged by its number alone (RFC 5961, section 3.2):
    /// it may carry octets (RFC 9293, SHLD-2), and a closed window does not keep it out (section 3.10.7.4, first).
    pub(crate) fn tested_len(&self) -> u32 {
        if self.has(Flags::RST) { 0 } else { self.segment.len() }
    }

    pub(crate) fn marked(self, mark: Ecn) -> Self {
        Self { mark, ..self }
    }

    pub(crate) fn has(&self, flag: Flags) -> bool {
        self.segment.flags.contains(flag)
    }
}

/// TCP MD5 (RFC 2385), TCP-AO (RFC 5925) and Multipath TCP (RFC 8684): Hiatus does not go together with them (draft,
/// {#combinations}).
const EXCLUDING: [OptionKind; 3] = [OptionKind(19), OptionKind(29), OptionKind(30)];

/// The options of `segment`, less a CAPABLE that cannot count beside another option.
pub(crate) fn known_options<'a>(segment: &Segment<'a>) -> KnownOptions<'a> {
    let mut known = KnownOptions::parse(segment);
    let capable = known.hiatus.is_some_and(|option| matches!(option.message(), Message::Capable(_)));
    let excluding =
        |option: TcpOption<'_>| matches!(option, TcpOption::Unknown(raw) if EXCLUDING.contains(&raw.kind));
    //= draft#combinations
    //# A host MUST NOT send CAPABLE on a connection on which either end has
    //# sent an option of TCP MD5, TCP-AO or Multipath TCP.
    if capable && options(segment.options).flatten().any(excluding) {
        known.hiatus = None;
    }
    known
}
