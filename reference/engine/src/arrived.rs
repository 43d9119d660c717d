//! An arriving segment, its numbers turned into positions.

use hiatus_codec::{Flags, HiatusOption, Message, Position, Segment, TcpOption, Timestamps, options};

use crate::receive::ReceiveSide;
use crate::send::SendSide;

/// A segment as a synchronised connection sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrived<'a> {
    pub(crate) segment: &'a Segment<'a>,
    pub(crate) timestamps: Option<Timestamps>,
    /// The Hiatus message that counts, on a segment that may carry it.
    pub(crate) hiatus: Option<HiatusOption<'a>>,
    /// SEG.SEQ, nearest to RCV.NXT.
    pub(crate) seq: Position,
    /// SEG.ACK, nearest to SND.UNA; counts only with ACK.
    pub(crate) ack: Position,
}

impl<'a> Arrived<'a> {
    pub(crate) fn new(segment: &'a Segment<'a>, snd: &SendSide, rcv: &ReceiveSide) -> Self {
        let options = Options::read(segment);
        Self {
            segment,
            timestamps: options.timestamps,
            hiatus: options.hiatus,
            seq: Position::of_sequence(segment.seq, rcv.irs, rcv.nxt),
            ack: Position::of_sequence(segment.ack, snd.iss, snd.una),
        }
    }

    pub(crate) fn has(&self, flag: Flags) -> bool {
        self.segment.flags.contains(flag)
    }
}

/// The options a TCP acts on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    pub(crate) timestamps: Option<Timestamps>,
    pub(crate) hiatus: Option<HiatusOption<'a>>,
}

impl<'a> Options<'a> {
    pub(crate) fn read(segment: &Segment<'a>) -> Self {
        let mut read = Self::default();
        for option in options(segment.options).flatten() {
            match option {
                TcpOption::MaximumSegmentSize(size) => read.mss = read.mss.or(Some(size)),
                TcpOption::WindowScale(shift) => read.window_scale = read.window_scale.or(Some(shift)),
                TcpOption::Timestamps(timestamps) => {
                    read.timestamps = read.timestamps.or(Some(timestamps));
                }
                //= draft#opt-head
                //# When a segment carries several Hiatus options, a receiver MUST act on
                //# the first that no other rule tells it to ignore, and on no other.
                TcpOption::Hiatus(option) if may_carry(segment, &option.message) => {
                    read.hiatus = read.hiatus.or(Some(option));
                }
                _ => {}
            }
        }
        read
    }
}

//= draft#opt-head
//# A receiver MUST ignore a Hiatus option on a segment other than those
//# that the table of messages lists for it.
fn may_carry(segment: &Segment<'_>, message: &Message<'_>) -> bool {
    let flags = segment.flags;
    let is_pure_ack = segment.is_empty() && flags.contains(Flags::ACK) && !flags.contains(Flags::RST);
    match message {
        Message::Capable(capable) => {
            let is_bare_syn = flags.contains(Flags::SYN) && !flags.contains(Flags::ACK);
            !flags.contains(Flags::RST) && (is_bare_syn || capable.key.is_some())
        }
        //= draft#opt-resume
        //# A RESUME with nonce zero is ignored.
        Message::Resume(resume) => is_pure_ack && resume.nonce.0 != 0,
        Message::Abort(_) => flags.contains(Flags::RST),
        //= draft#opt-head
        //# A receiver MUST ignore a Hiatus option with a subtype that it does not
        //# know.
        Message::Unknown(_) => false,
        _ => is_pure_ack,
    }
}
