//! Several segments behind one header, for those who cut them later.

use hiatus_codec::{Flags, Segment};
use hiatus_engine::Burst;

use crate::pair::{Pair, Side, plain_config};

/// MSS 1460 less 12 octets of timestamps.
const SEGMENT_OCTETS: usize = 1448;

fn connected() -> Pair {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    pair
}

/// What A writes behind one header, and its octets.
fn burst_of(pair: &mut Pair, room_octets: usize, segments_max: u16) -> (Burst, Vec<u8>) {
    let now = pair.now;
    let mut buffer = vec![0; room_octets];
    let burst =
        pair.end(Side::A).poll_transmit_burst(now, &mut buffer, segments_max).expect("something to send");
    buffer.truncate(burst.len_octets);
    (burst, buffer)
}

#[test]
fn a_burst_holds_whole_segments_behind_one_header() {
    let mut pair = connected();
    let octets: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    pair.write(Side::A, &octets);
    let (burst, wire) = burst_of(&mut pair, 65_535, 4);
    let segment = Segment::parse(&wire).expect("a segment");
    assert_eq!((burst.header_octets, usize::from(burst.segment_octets)), (32, SEGMENT_OCTETS));
    assert_eq!(segment.payload, &octets[..4 * SEGMENT_OCTETS]);
    // The application's octets go on, so nothing asks for PSH.
    assert_eq!(segment.flags, Flags::ACK);
    pair.arrive(Side::B, &segment);
    assert_eq!(pair.read(Side::B), &octets[..4 * SEGMENT_OCTETS]);
    // The initial window of ten segments (RFC 6928) has room for six more; ten are 14,480 octets.
    let (_, wire) = burst_of(&mut pair, 65_535, 64);
    assert_eq!(
        Segment::parse(&wire).expect("a segment").payload,
        &octets[4 * SEGMENT_OCTETS..10 * SEGMENT_OCTETS]
    );
}

#[test]
fn a_burst_ends_where_a_segment_does_if_the_buffer_is_small() {
    let mut pair = connected();
    pair.write(Side::A, &[1; 20_000]);
    let (burst, _) = burst_of(&mut pair, 60 + 2 * SEGMENT_OCTETS + 1000, 64);
    assert_eq!(burst.len_octets - burst.header_octets, 2 * SEGMENT_OCTETS);
}
