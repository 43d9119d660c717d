//! SACK as the receiver writes it: the tables of RFC 2018, section 7, and RFC 2883, sections 4 and 5.

use hiatus_codec::{Flags, KnownOptions, Message, SequenceNumber};
use hiatus_engine::{Command, Config, Sacking, Timestamping};

use crate::pair::{A_ISN, Frame, Made, Pair, SUSPEND, Side, hiatus_config, names, plain_config, seconds};

/// An ACK number and the blocks beside it, as the tables count them.
type Report = (u32, Vec<(u32, u32)>);

fn sack_config() -> Config {
    Config { sack: Sacking::On, ..plain_config() }
}

/// B receives by hand what a table says. The first octet of data has the number that the table begins with.
struct Table {
    pair: Pair,
    first: u32,
}

impl Table {
    fn new(first: u32) -> Self {
        Self::with(first, sack_config())
    }

    fn with(first: u32, config: Config) -> Self {
        let mut pair = Pair::new(config, config);
        pair.exchange();
        Self { pair, first }
    }

    /// Octets `from..=last` arrive; what B reports in its one ACK.
    fn receives(&mut self, from: u32, last: u32) -> Report {
        self.arrives(from, last);
        let frames = self.pair.take(Side::B);
        assert_eq!(frames.len(), 1);
        self.report(&frames[0])
    }

    /// The same, and the ACK is not looked at.
    fn arrives(&mut self, from: u32, last: u32) {
        let payload: Vec<u8> = (from..=last).map(|number| number.to_be_bytes()[3]).collect();
        Made::ack(Side::A, from - self.first + 1, 1).payload(&payload).give(&mut self.pair);
    }

    fn report(&self, frame: &Frame) -> Report {
        let segment = frame.segment();
        let number = |wire: SequenceNumber| wire.0.wrapping_sub(A_ISN + 1) + self.first;
        let sack = KnownOptions::parse(&segment).sack;
        let blocks = sack.iter().flat_map(|sack| sack.iter());
        (number(segment.ack), blocks.map(|block| (number(block.left), number(block.right))).collect())
    }
}

#[test]
fn segments_in_order_draw_no_blocks() {
    // RFC 2018, section 7, case 1.
    let mut table = Table::new(5000);
    for from in [5000, 5500, 6000, 6500] {
        assert_eq!(table.receives(from, from + 499), (from + 500, vec![]));
    }
}

#[test]
fn one_hole_is_reported_as_one_block_that_grows() {
    // RFC 2018, section 7, case 2.
    let mut table = Table::new(5000);
    for from in [5500, 6000, 6500, 7000, 7500, 8000, 8500] {
        assert_eq!(table.receives(from, from + 499), (5000, vec![(5500, from + 500)]));
    }
}

#[test]
fn every_other_segment_lost_gives_a_block_each_the_latest_first() {
    // RFC 2018, section 7, case 3, with what it supposes after it.
    let mut table = Table::new(5000);
    assert_eq!(table.receives(5000, 5499), (5500, vec![]));
    assert_eq!(table.receives(6000, 6499), (5500, vec![(6000, 6500)]));
    assert_eq!(table.receives(7000, 7499), (5500, vec![(7000, 7500), (6000, 6500)]));
    assert_eq!(table.receives(8000, 8499), (5500, vec![(8000, 8500), (7000, 7500), (6000, 6500)]));
    assert_eq!(table.receives(6500, 6999), (5500, vec![(6000, 7500), (8000, 8500)]));
    assert_eq!(table.receives(5500, 5999), (7500, vec![(8000, 8500)]));
    assert_eq!(table.receives(7500, 7999), (8500, vec![]));
}

/// Eight segments of 500 octets arrived: the octets 0 to 3999.
fn eight_segments() -> Table {
    let mut table = Table::new(0);
    for from in (0..4000).step_by(500) {
        assert_eq!(table.receives(from, from + 499), (from + 500, vec![]));
    }
    table
}

#[test]
fn duplicate_segment_is_reported_once() {
    // RFC 2883, section 4.1.1, and rule 2 of section 4.
    let mut table = eight_segments();
    assert_eq!(table.receives(3000, 3499), (4000, vec![(3000, 3500)]));
    assert_eq!(table.receives(4000, 4499), (4500, vec![]));
}

#[test]
fn duplicate_is_reported_before_the_block_that_is_out_of_order() {
    // RFC 2883, section 4.1.2.
    let mut table = eight_segments();
    assert_eq!(table.receives(4500, 4999), (4000, vec![(4500, 5000)]));
    assert_eq!(table.receives(3000, 3499), (4000, vec![(3000, 3500), (4500, 5000)]));
}

#[test]
fn duplicate_within_a_block_is_followed_by_that_block() {
    // RFC 2883, section 4.1.3.
    let mut table = eight_segments();
    assert_eq!(table.receives(4500, 4999), (4000, vec![(4500, 5000)]));
    assert_eq!(table.receives(5000, 5499), (4000, vec![(4500, 5500)]));
    assert_eq!(table.receives(5000, 5499), (4000, vec![(5000, 5500), (4500, 5500)]));
}

#[test]
fn partial_duplicate_is_reported_without_what_was_new() {
    // RFC 2883, section 4.2.1.
    let mut table = Table::new(500);
    assert_eq!(table.receives(500, 999), (1000, vec![]));
    assert_eq!(table.receives(2000, 2499), (1000, vec![(2000, 2500)]));
    assert_eq!(table.receives(1000, 1499), (1500, vec![(2000, 2500)]));
    assert_eq!(table.receives(1000, 1999), (2500, vec![(1000, 1500)]));
}

#[test]
fn of_two_duplicates_below_the_ack_the_first_is_reported() {
    // RFC 2883, section 4.2.2.
    let mut table = Table::new(500);
    assert_eq!(table.receives(500, 999), (1000, vec![]));
    assert_eq!(table.receives(3000, 3499), (1000, vec![(3000, 3500)]));
    assert_eq!(table.receives(1000, 1499), (1500, vec![(3000, 3500)]));
    assert_eq!(table.receives(2000, 2499), (1500, vec![(2000, 2500), (3000, 3500)]));
    assert_eq!(table.receives(1000, 2499), (2500, vec![(1000, 1500), (3000, 3500)]));
}

#[test]
fn of_two_duplicates_above_the_ack_the_first_is_reported() {
    // RFC 2883, section 4.2.3.
    let mut table = Table::new(500);
    assert_eq!(table.receives(500, 999), (1000, vec![]));
    assert_eq!(table.receives(3500, 3999), (1000, vec![(3500, 4000)]));
    assert_eq!(table.receives(1500, 1999), (1000, vec![(1500, 2000), (3500, 4000)]));
    assert_eq!(table.receives(2500, 2999), (1000, vec![(2500, 3000), (1500, 2000), (3500, 4000)]));
    assert_eq!(table.receives(1500, 2999), (1000, vec![(1500, 2000), (1500, 3000), (3500, 4000)]));
}

#[test]
fn replicated_segment_is_reported() {
    // RFC 2883, section 5.1.
    let mut table = Table::new(500);
    assert_eq!(table.receives(500, 999), (1000, vec![]));
    assert_eq!(table.receives(1000, 1499), (1500, vec![]));
    assert_eq!(table.receives(1000, 1499), (1500, vec![(1000, 1500)]));
}

#[test]
fn option_holds_three_blocks_beside_timestamps_and_four_without() {
    // RFC 2018, section 3: 8n + 2 octets, in 40 less the 12 of timestamps.
    let blocks = [(9000, 9100), (7000, 7100), (5000, 5100), (3000, 3100), (1000, 1100)];
    for (timestamps, count) in [(Timestamping::On, 3), (Timestamping::Off, 4)] {
        let mut table = Table::with(0, Config { timestamps, ..sack_config() });
        for from in [1000, 3000, 5000, 7000] {
            table.receives(from, from + 99);
        }
        assert_eq!(table.receives(9000, 9099), (0, blocks[..count].to_vec()));
    }
}

#[test]
fn blocks_are_aligned_behind_two_no_operations() {
    let mut table = Table::new(0);
    table.arrives(100, 199);
    let ack = &table.pair.take(Side::B)[0];
    let segment = ack.segment();
    // Timestamps with their padding, then NOP, NOP, kind 5, length 10, and the block.
    assert_eq!(segment.options.len(), 24);
    assert_eq!(segment.options[..4], [1, 1, 8, 10]);
    assert_eq!(segment.options[12..16], [1, 1, 5, 10]);
    let (left, right) = ((A_ISN + 101).to_be_bytes(), (A_ISN + 201).to_be_bytes());
    assert_eq!(segment.options[16..24], [left, right].concat());
}

#[test]
fn fin_that_came_early_counts_in_its_block() {
    let mut table = Table::new(0);
    Made::ack(Side::A, 101, 1).flags(Flags::ACK.union(Flags::FIN)).payload(&[1; 100]).give(&mut table.pair);
    let ack = &table.pair.take(Side::B)[0];
    assert_eq!(table.report(ack), (0, vec![(100, 201)]));
    assert_eq!(table.receives(0, 99), (201, vec![]));
}

#[test]
fn data_carries_the_blocks_too() {
    let mut table = Table::new(0);
    Made::ack(Side::A, 101, 1).payload(&[1; 100]).give(&mut table.pair);
    table.pair.write(Side::B, &[2; 3000]);
    let frames = table.pair.take(Side::B);
    // 1460 less timestamps (12) and one block (12).
    assert_eq!(names(&frames)[0], "data");
    assert_eq!(frames[0].segment().payload.len(), 1436);
    assert_eq!(table.report(&frames[0]), (0, vec![(100, 200)]));
}

#[test]
fn duplicate_is_not_repeated_by_several_segments_behind_one_header() {
    // RFC 2883, section 4, rule 2: it is reported in at most one segment.
    let mut table = eight_segments();
    // The initial window is open; without a duplicate it would be one burst.
    table.arrives(3000, 3499);
    table.pair.write(Side::B, &[2; 4000]);
    let mut buffer = [0; 8192];
    let now = table.pair.now;
    let first = table.pair.b.poll_transmit_burst(now, &mut buffer, 8).expect("data");
    // 1460 less timestamps (12) and one block (12).
    assert_eq!(first.len_octets - first.header_octets, 1436);
    let second = table.pair.b.poll_transmit_burst(now, &mut buffer, 8).expect("data");
    assert_eq!(second.len_octets - second.header_octets, 4000 - 1436);
    assert_eq!(second.header_octets, 32);
}

#[test]
fn sack_is_permitted_only_if_both_say_so() {
    let permits = |frame: &Frame| KnownOptions::parse(&frame.segment()).sack_permitted;
    for (a, b, expected) in [
        (Sacking::On, Sacking::On, [true, true]),
        (Sacking::On, Sacking::Off, [true, false]),
        // Only as an answer (RFC 2018, section 2).
        (Sacking::Off, Sacking::On, [false, false]),
        (Sacking::Off, Sacking::Off, [false, false]),
    ] {
        let config = |sack| Config { sack, ..sack_config() };
        let mut pair = Pair::new(config(a), config(b));
        let frames = pair.exchange();
        assert_eq!([permits(&frames[0]), permits(&frames[1])], expected);
        let both = expected == [true, true];
        for side in [Side::A, Side::B] {
            Made::ack(side, 101, 1).payload(&[1; 100]).give(&mut pair);
            let ack = &pair.take(side.peer())[0];
            assert_eq!(KnownOptions::parse(&ack.segment()).sack.is_some(), both);
        }
    }
}

#[test]
fn syn_permits_in_the_common_order() {
    // The layout of the widest spread stack: MSS, SACK-permitted, timestamps, NOP, window scale.
    let mut pair = Pair::new(sack_config(), sack_config());
    let syn = &pair.take(Side::A)[0];
    let kinds = |octets: &[u8]| [octets[0], octets[4], octets[6], octets[16], octets[17]];
    assert_eq!(kinds(syn.segment().options), [2, 4, 8, 1, 3]);
    assert_eq!(syn.segment().options.len(), 20);
    let without = Config { timestamps: Timestamping::Off, ..sack_config() };
    let syn = &Pair::new(without, without).take(Side::A)[0];
    assert_eq!(syn.segment().options[..6], [2, 4, 5, 180, 1, 1]);
    assert_eq!(syn.segment().options[6..8], [4, 2]);
}

fn hiatus_sack_config() -> Config {
    Config { hiatus: hiatus_config().hiatus, ..sack_config() }
}

fn blocks(frame: &Frame) -> usize {
    KnownOptions::parse(&frame.segment()).sack.map_or(0, |sack| sack.iter().count())
}

#[test]
fn hiatus_message_goes_before_blocks() {
    //= draft#option-space
    //# A sender MUST give Hiatus messages precedence over SACK blocks.
    let mut pair = Pair::on_with(hiatus_sack_config(), hiatus_sack_config());
    for from in [101, 301, 501] {
        Made::ack(Side::A, from, 1).payload(&[1; 100]).give(&mut pair);
        pair.take(Side::B);
    }
    pair.command(Side::B, SUSPEND);
    let frames = pair.take(Side::B);
    assert_eq!(names(&frames), ["suspend"]);
    // Timestamps 12, SUSPEND 15, padding 1 and one block: 40 ({#option-space}).
    assert_eq!((blocks(&frames[0]), frames[0].segment().options.len()), (1, 40));
    // A RESUME fills the header to the octet beside timestamps.
    pair.off(seconds(60));
    pair.command(Side::B, Command::Resume);
    let frames = pair.take(Side::B);
    assert_eq!(names(&frames), ["resume"]);
    assert_eq!(blocks(&frames[0]), 0);
}

#[test]
fn capable_leaves_room_for_one_block() {
    let mut pair = Pair::new(hiatus_sack_config(), hiatus_sack_config());
    for side in [Side::A, Side::B] {
        let frames = pair.take(side);
        pair.deliver(&frames[0]);
    }
    // A has not heard EPOCH: each segment of it carries the long CAPABLE.
    for from in [101, 301] {
        Made::ack(Side::B, from, 1).payload(&[1; 100]).give(&mut pair);
    }
    let frames = pair.take(Side::A);
    assert!(matches!(frames[0].message(), Some(Message::Capable(_))));
    assert_eq!((blocks(&frames[0]), frames[0].segment().options.len()), (1, 40));
}

#[test]
fn synchronising_forgets_the_blocks() {
    //= draft#sync
    //# A host that synchronises MUST drop the data that it holds out of order.
    let mut pair = Pair::on_with(hiatus_sack_config(), hiatus_sack_config());
    pair.write(Side::A, &[3; 4000]);
    let data = pair.take(Side::A);
    pair.deliver(&data[1]);
    assert_eq!(blocks(&pair.take(Side::B)[0]), 1);
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    pair.off(seconds(60));
    pair.command(Side::A, Command::Resume);
    let frames = pair.exchange();
    assert!(frames.iter().all(|frame| blocks(frame) == 0));
    assert_eq!(pair.read(Side::B), [3; 4000]);
}

#[test]
fn probe_of_a_closed_window_is_no_duplicate() {
    let small = Config { receive_buffer_octets: 1000, window_scale: None, ..sack_config() };
    let mut table = Table::with(0, small);
    table.receives(0, 999);
    // The octet behind the window never arrived, so it did not arrive twice.
    assert_eq!(table.receives(1000, 1000), (1000, vec![]));
    // A keep-alive with the last octet did.
    assert_eq!(table.receives(999, 999), (1000, vec![(999, 1000)]));
}
