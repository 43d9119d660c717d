#![allow(clippy::unwrap_used, reason = "a test may panic")]

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use hiatus_codec::{Flags, KnownOptions, OptionWriter, Segment, SequenceNumber, TcpOption, Timestamps};
use quickcheck::quickcheck;

use super::Kept;
use crate::config::Timestamping;
use crate::endpoint::secrets::EndpointSecrets;
use crate::endpoint::tuple::Tuple;
use crate::time::Time;

const SECRETS: EndpointSecrets = EndpointSecrets { host: [1; 16], instance: [2; 16] };
const IRS: u32 = 0xffff_fff0;
/// Of a SYN of the peer.
const NOW: Time = Time(10_000_000_000);

fn tuple() -> Tuple {
    Tuple::v4(Ipv4Addr::new(192, 0, 2, 1), 80, Ipv4Addr::new(192, 0, 2, 2), 4000)
}

fn writer(options: &[TcpOption<'_>]) -> OptionWriter {
    let mut writer = OptionWriter::new();
    for option in options {
        writer.push(option).unwrap();
    }
    let _padded = writer.finish();
    writer
}

fn segment<'o>(flags: Flags, seq: u32, ack: u32, options: &'o OptionWriter) -> Segment<'o> {
    Segment {
        source_port: 4000,
        destination_port: 80,
        seq: SequenceNumber(seq),
        ack: SequenceNumber(ack),
        flags,
        window: 1000,
        checksum: 0,
        urgent: 0,
        options: options.as_slice(),
        payload: &[],
    }
}

/// The SYN as it is read back from the third segment, `later_us` after it.
fn read_back(syn: &Segment<'_>, own: Timestamping, later_us: u64) -> Option<Vec<TcpOption<'static>>> {
    let kept = Kept::of_syn(syn, own);
    let cookie = kept.isn(&SECRETS, NOW, &tuple());
    let offset = SECRETS.timestamp_offset(&tuple());
    let marked = crate::timestamps::ticks(NOW).wrapping_add(kept.timestamp_offset(NOW, offset));
    let real = crate::timestamps::ticks(NOW).wrapping_add(offset);
    assert!(real.wrapping_sub(marked) < 64, "at most 64 ticks in the past");
    let theirs = KnownOptions::parse(syn).timestamps;
    let echo = theirs.map(|theirs| Timestamps { value: theirs.value + 1, echo_reply: marked });
    let options = writer(&echo.map(TcpOption::Timestamps).into_iter().collect::<Vec<_>>());
    let third = segment(Flags::ACK, syn.seq.0.wrapping_add(1), cookie.0.wrapping_add(1), &options);
    let now = Time(NOW.0 + later_us);
    let found = Kept::of_ack(&SECRETS, now, &tuple(), &third, own)?;
    let options = found.options();
    let again = found.syn(&third, &options);
    assert_eq!(again.seq, syn.seq);
    let known = KnownOptions::parse(&again);
    let mut said = alloc::vec![TcpOption::MaximumSegmentSize(known.mss.unwrap())];
    said.extend(known.window_scale.map(TcpOption::WindowScale));
    said.extend(known.sack_permitted.then_some(TcpOption::SackPermitted));
    said.extend(known.timestamps.map(TcpOption::Timestamps));
    assert_eq!(
        again.flags.contains(Flags::ECE),
        syn.flags.contains(Flags::ECE) && known.timestamps.is_some()
    );
    Some(said)
}

fn full_offer() -> OptionWriter {
    writer(&[
        TcpOption::MaximumSegmentSize(1459),
        TcpOption::Timestamps(Timestamps { value: 77, echo_reply: 0 }),
        TcpOption::WindowScale(7),
        TcpOption::SackPermitted,
    ])
}

#[test]
fn with_timestamps_everything_is_kept_but_the_mss_is_rounded_down() {
    let options = full_offer();
    let syn = segment(Flags::SYN.union(Flags::ECE).union(Flags::CWR), IRS, 0, &options);
    let expected = [
        TcpOption::MaximumSegmentSize(1440),
        TcpOption::WindowScale(7),
        TcpOption::SackPermitted,
        TcpOption::Timestamps(Timestamps { value: 78, echo_reply: 0 }),
    ];
    assert_eq!(read_back(&syn, Timestamping::On, 30_000_000).unwrap(), expected);
}

#[test]
fn without_timestamps_only_the_mss_is() {
    let options = full_offer();
    let syn = segment(Flags::SYN, IRS, 0, &options);
    assert_eq!(read_back(&syn, Timestamping::Off, 0).unwrap(), [TcpOption::MaximumSegmentSize(1440)]);
    let options = writer(&[TcpOption::WindowScale(7), TcpOption::SackPermitted]);
    let syn = segment(Flags::SYN, IRS, 0, &options);
    // RFC 9293, section 3.7.1: 536 if the SYN names none.
    assert_eq!(read_back(&syn, Timestamping::On, 0).unwrap(), [TcpOption::MaximumSegmentSize(536)]);
}

#[test]
fn a_cookie_is_believed_for_one_interval_after_its_own_and_no_longer() {
    let options = full_offer();
    let syn = segment(Flags::SYN, IRS, 0, &options);
    // 10,000 s lie 16 s after the begin of an interval of 64 s.
    assert!(read_back(&syn, Timestamping::On, 111_000_000).is_some());
    assert!(read_back(&syn, Timestamping::On, 112_000_000).is_none());
    // Eight bits of the interval stand in the cookie, and all of it in its hash.
    assert!(read_back(&syn, Timestamping::On, 64_000_000 * 256).is_none());
}

quickcheck! {
    /// 2 intervals and 8 sizes of 2^32 numbers are right: a guess hits once in 2^28.
    fn no_other_number_is_believed(ack: u32, seq: u32) -> bool {
        let options = writer(&[]);
        let third = segment(Flags::ACK, seq, ack, &options);
        Kept::of_ack(&SECRETS, NOW, &tuple(), &third, Timestamping::On).is_none()
    }

    /// One cookie is right for its own 4-tuple alone.
    fn a_cookie_of_another_port_is_not_believed(port: u16) -> bool {
        let options = full_offer();
        let syn = segment(Flags::SYN, IRS, 0, &options);
        let cookie = Kept::of_syn(&syn, Timestamping::On).isn(&SECRETS, NOW, &tuple());
        let none = writer(&[]);
        let third = segment(Flags::ACK, IRS.wrapping_add(1), cookie.0.wrapping_add(1), &none);
        let other = Tuple::v4(Ipv4Addr::new(192, 0, 2, 1), 80, Ipv4Addr::new(192, 0, 2, 2), port);
        port == 4000 || Kept::of_ack(&SECRETS, NOW, &other, &third, Timestamping::On).is_none()
    }
}
