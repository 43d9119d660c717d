//! Our codec.

use hiatus_codec::{KnownOptions, SackBlock, Segment, TcpOption, options};

use crate::seen::Seen;

/// As a TCP uses it: the segment, then its options folded.
pub(crate) fn header_and_options(octets: &[u8]) -> Seen<'_> {
    let Ok(segment) = Segment::parse(octets) else { return Seen::default() };
    let known = KnownOptions::parse(&segment);
    let mut seen = fields(&segment);
    seen.mss = known.mss;
    seen.window_scale = known.window_scale;
    seen.sack_permitted = known.sack_permitted;
    seen.timestamps = known.timestamps.map(|timestamps| (timestamps.value, timestamps.echo_reply));
    if let Some(blocks) = known.sack {
        take_blocks(&mut seen, blocks.iter());
    }
    seen.experiment = known.hiatus.map(|option| option.octets_from_subtype());
    seen
}

/// As a checker uses it: every option by itself.
pub(crate) fn walk(octets: &[u8]) -> Seen<'_> {
    let Ok(segment) = Segment::parse(octets) else { return Seen::default() };
    let mut seen = fields(&segment);
    for option in options(segment.options) {
        match option {
            Ok(TcpOption::MaximumSegmentSize(size)) => seen.mss = Some(size),
            Ok(TcpOption::WindowScale(shift)) => seen.window_scale = Some(shift),
            Ok(TcpOption::SackPermitted) => seen.sack_permitted = true,
            Ok(TcpOption::Sack(blocks)) => take_blocks(&mut seen, blocks.iter()),
            Ok(TcpOption::Timestamps(timestamps)) => {
                seen.timestamps = Some((timestamps.value, timestamps.echo_reply));
            }
            Ok(TcpOption::Hiatus(option)) => seen.experiment = Some(option.octets_from_subtype()),
            Ok(_) => {}
            Err(_) => return seen,
        }
    }
    seen
}

fn fields<'a>(segment: &Segment<'a>) -> Seen<'a> {
    Seen {
        seq: segment.seq.0,
        ack: segment.ack.0,
        flags: segment.flags.0.to_be_bytes()[1],
        window: segment.window,
        ..Seen::default()
    }
}

fn take_blocks(seen: &mut Seen<'_>, blocks: impl Iterator<Item = SackBlock>) {
    for (room, block) in seen.sack.iter_mut().zip(blocks) {
        *room = Some((block.left.0, block.right.0));
    }
}
