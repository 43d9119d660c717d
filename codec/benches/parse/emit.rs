//! Writing headers: the standard options only, for smoltcp's `TcpRepr` can express no other.

use etherparse::{TcpHeader, TcpOptionElement};
use hiatus_codec::{
    Flags, OptionWriter, SackBlock, SackBlocks, Segment, SequenceNumber, TcpOption, Timestamps,
};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{IpAddress, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber, TcpTimestampRepr};

use crate::seen::Seen;

/// `OptionWriter`, then `Segment::emit`. Each gives the octets written, 0 if something did not fit.
pub(crate) fn ours(seen: &Seen<'_>, out: &mut [u8; 60]) -> usize {
    let mut writer = OptionWriter::new();
    if our_options(seen, &mut writer).is_none() {
        return 0;
    }
    let segment = Segment {
        source_port: 0,
        destination_port: 0,
        seq: SequenceNumber(seen.seq),
        ack: SequenceNumber(seen.ack),
        flags: Flags(u16::from(seen.flags)),
        window: seen.window,
        checksum: 0,
        urgent: 0,
        options: writer.finish(),
        payload: &[],
    };
    let len = segment.wire_len_octets();
    segment.emit(out).map_or(0, |_| len)
}

fn our_options(seen: &Seen<'_>, writer: &mut OptionWriter) -> Option<()> {
    if let Some(size) = seen.mss {
        writer.push(&TcpOption::MaximumSegmentSize(size)).ok()?;
    }
    if seen.sack_permitted {
        writer.push(&TcpOption::SackPermitted).ok()?;
    } else {
        writer.push(&TcpOption::NoOperation).ok()?.push(&TcpOption::NoOperation).ok()?;
    }
    if let Some((value, echo_reply)) = seen.timestamps {
        writer.push(&TcpOption::Timestamps(Timestamps { value, echo_reply })).ok()?;
    }
    if let Some(shift) = seen.window_scale {
        writer.push(&TcpOption::NoOperation).ok()?.push(&TcpOption::WindowScale(shift)).ok()?;
    }
    if let [Some(first), Some(second), Some(third)] = seen.sack {
        let block = |(left, right)| SackBlock { left: SequenceNumber(left), right: SequenceNumber(right) };
        let mut storage = [0; 32];
        let blocks = SackBlocks::write(&[block(first), block(second), block(third)], &mut storage)?;
        writer.push(&TcpOption::NoOperation).ok()?.push(&TcpOption::NoOperation).ok()?;
        writer.push(&TcpOption::Sack(blocks)).ok()?;
    }
    Some(())
}

/// Fields put one after another, the length checked by the slice.
pub(crate) fn hand(seen: &Seen<'_>, out: &mut [u8; 60]) -> usize {
    out[..4].fill(0);
    out[4..8].copy_from_slice(&seen.seq.to_be_bytes());
    out[8..12].copy_from_slice(&seen.ack.to_be_bytes());
    out[13] = seen.flags;
    out[14..16].copy_from_slice(&seen.window.to_be_bytes());
    out[16..20].fill(0);
    let mut at = 20;
    let mut put = |octets: &[u8]| {
        out[at..at + octets.len()].copy_from_slice(octets);
        at += octets.len();
    };
    if let Some(size) = seen.mss {
        let [a, b] = size.to_be_bytes();
        put(&[2, 4, a, b]);
    }
    put(if seen.sack_permitted { &[4, 2] } else { &[1, 1] });
    if let Some((value, echo_reply)) = seen.timestamps {
        put(&[8, 10]);
        put(&value.to_be_bytes());
        put(&echo_reply.to_be_bytes());
    }
    if let Some(shift) = seen.window_scale {
        put(&[1, 3, 3, shift]);
    }
    if seen.sack[0].is_some() {
        put(&[1, 1, 5, 26]);
        for (left, right) in seen.sack.iter().flatten() {
            put(&left.to_be_bytes());
            put(&right.to_be_bytes());
        }
    }
    while at % 4 != 0 {
        out[at] = 0;
        at += 1;
    }
    out[12] = u8::try_from(at / 4).unwrap_or(u8::MAX) << 4;
    at
}

/// `TcpHeader` with `set_options`, then `to_bytes`.
pub(crate) fn etherparse(seen: &Seen<'_>, out: &mut [u8; 60]) -> usize {
    use TcpOptionElement::{
        MaximumSegmentSize, Noop, SelectiveAcknowledgement, SelectiveAcknowledgementPermitted, Timestamp,
        WindowScale,
    };
    let mut header = TcpHeader::new(0, 0, seen.seq, seen.window);
    header.acknowledgment_number = seen.ack;
    header.syn = seen.flags & 0x02 != 0;
    header.ack = seen.flags & 0x10 != 0;
    let mut elements = [const { Noop }; 8];
    let mut count = 0;
    let mut put = |element| {
        elements[count] = element;
        count += 1;
    };
    if let Some(size) = seen.mss {
        put(MaximumSegmentSize(size));
    }
    if seen.sack_permitted {
        put(SelectiveAcknowledgementPermitted);
    } else {
        put(Noop);
        put(Noop);
    }
    if let Some((value, echo_reply)) = seen.timestamps {
        put(Timestamp(value, echo_reply));
    }
    if let Some(shift) = seen.window_scale {
        put(Noop);
        put(WindowScale(shift));
    }
    if let [Some(first), second, third] = seen.sack {
        put(Noop);
        put(Noop);
        put(SelectiveAcknowledgement(first, [second, third, None]));
    }
    if header.set_options(&elements[..count]).is_err() {
        return 0;
    }
    let octets = header.to_bytes();
    out[..octets.len()].copy_from_slice(&octets);
    octets.len()
}

/// `TcpRepr::emit`. It pads at the end only, so it writes fewer octets.
pub(crate) fn smoltcp(seen: &Seen<'_>, out: &mut [u8; 60]) -> usize {
    let signed = |number: u32| TcpSeqNumber(i32::from_ne_bytes(number.to_ne_bytes()));
    let repr = TcpRepr {
        // Its parser refuses port 0, its writer does not care.
        src_port: 0,
        dst_port: 0,
        control: if seen.flags & 0x02 == 0 { TcpControl::None } else { TcpControl::Syn },
        seq_number: signed(seen.seq),
        ack_number: (seen.flags & 0x10 != 0).then(|| signed(seen.ack)),
        window_len: seen.window,
        window_scale: seen.window_scale,
        max_seg_size: seen.mss,
        sack_permitted: seen.sack_permitted,
        sack_ranges: seen.sack,
        timestamp: seen.timestamps.map(|(value, echo_reply)| TcpTimestampRepr::new(value, echo_reply)),
        payload: &[],
    };
    let len = repr.buffer_len();
    let mut packet = TcpPacket::new_unchecked(&mut out[..len]);
    let nowhere = IpAddress::v4(0, 0, 0, 0);
    repr.emit(&mut packet, &nowhere, &nowhere, &ChecksumCapabilities::ignored());
    len
}
