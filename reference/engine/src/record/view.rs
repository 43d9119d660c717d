//! A record that was read and found whole: every field says what a connection can be in.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use hiatus_codec::mac::{Role, SessionKey};
use hiatus_codec::{CapableBits, ConnectionKey, Life};

use super::field::{self, Field, Fixed, code, flag};
use super::write::SAVED_TIMERS;
use super::{CHECKSUM_OCTETS, FIXED_OCTETS, MAGIC, RECORD_LEN_OCTETS_MIN, RecordError, VERSION};
use crate::config::WINDOW_SCALE_MAX;
use crate::event::TcpState;
use crate::path::PEER_MSS_MIN;
use crate::time::Time;

/// The states of which a record tells everything; the first has code 1.
pub(crate) const STATES: [TcpState; 8] = [
    TcpState::Established,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::CloseWait,
    TcpState::Closing,
    TcpState::LastAck,
    TcpState::TimeWait,
    TcpState::Linger,
];

/// Positions that are compared lie less than this apart (draft, {#terms}).
const HALF: u64 = 1 << 31;
/// CAPABLE's octet of version 1, without its reserved bit.
const BITS: core::ops::RangeInclusive<u64> = 0x10..=0x1e;

/// What a record says. Its fields are read where they are needed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'r> {
    pub(crate) fixed: &'r Fixed,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    /// Octets from SND.STB to SND.END.
    pub(crate) send: &'r [u8],
    /// Octets received and not read.
    pub(crate) read: &'r [u8],
}

impl<'r> View<'r> {
    /// Reads a record, all of it.
    pub(crate) fn parse(octets: &'r [u8]) -> Result<Self, RecordError> {
        let fixed = whole(octets)?;
        let ends = [(field::LOCAL, field::LOCAL_PORT), (field::REMOTE, field::REMOTE_PORT)];
        // IPv4 or IPv6: a 5 is no IPv6.
        let family = field::FAMILY.u8(fixed);
        field::FAMILY.within(family.into(), if family == 5 { 6 } else { 4 }, 6)?;
        let [local, remote] = ends.map(|(address, port)| socket_address(fixed, address, port));
        field::HIA.within(field::HIA.u8(fixed).into(), 0, code::HIA_PLAIN.into())?;
        let buffers = octets.get(FIXED_OCTETS..octets.len() - CHECKSUM_OCTETS).unwrap_or_default();
        let mut view = Self { fixed, local, remote, send: &[], read: &[] };
        if view.is_on() || view.is_durable_plain() {
            view.check_codes()?;
            view.check_positions()?;
            if view.is_on() { view.check_session() } else { view.check_plain() }?;
            view.check_timers()?;
        }
        let (to_send, to_read) = (field::UNSENT_COUNT.u32(fixed), field::UNREAD_COUNT.u32(fixed));
        let (least, most) = view.send_octets();
        field::UNSENT_COUNT.within(to_send.into(), least, most)?;
        field::UNREAD_COUNT.within(to_read.into(), 0, view.read_octets_max())?;
        let (to_send, to_read) = (usize_of(to_send), usize_of(to_read));
        let expected_octets = RECORD_LEN_OCTETS_MIN.saturating_add(to_send).saturating_add(to_read);
        let found_octets = octets.len();
        if expected_octets > found_octets {
            return Err(RecordError::Truncated { expected_octets, found_octets });
        }
        if expected_octets < found_octets {
            return Err(RecordError::TooLong { expected_octets, found_octets });
        }
        (view.send, view.read) = buffers.split_at_checked(to_send).unwrap_or_default();
        Ok(view)
    }

    /// Whether Hiatus was on.
    pub(crate) fn is_on(&self) -> bool {
        field::HIA.u8(self.fixed) == code::HIA_ON
    }

    /// Whether it was plain TCP that is durable.
    pub(crate) fn is_durable_plain(&self) -> bool {
        field::HIA.u8(self.fixed) == code::HIA_PLAIN
    }

    /// Refuses a connection of which nothing is left.
    pub(crate) fn must_say_all(&self) -> Result<(), RecordError> {
        let Field { at, .. } = field::HIA;
        let found = field::HIA.u8(self.fixed);
        if self.is_on() || self.is_durable_plain() {
            Ok(())
        } else {
            Err(RecordError::NotOn { at, found, expected: code::HIA_ON })
        }
    }

    /// Whether a host that was restored has it still: Hiatus was on, this end sent N, and timestamps fence off what is late.
    pub(crate) fn may_be_restored(&self) -> bool {
        let own = CapableBits::from_octet(field::OWN_BITS.u8(self.fixed));
        self.is_on() && own.may_return_older() && self.has(flag::TIMESTAMPS)
    }

    /// When the record was made.
    pub(crate) fn taken(&self) -> Time {
        Time(field::TAKEN.u64(self.fixed))
    }

    /// The own life.
    pub(crate) fn own_life(&self) -> Life {
        Life {
            incarnation: field::OWN_INCARNATION.u32(self.fixed),
            generation: field::OWN_GENERATION.u16(self.fixed),
        }
    }

    /// Appends the same record of the instant `now`, `passed` being charged to its timers.
    pub(crate) fn write_again(&self, now: Time, passed: Duration, octets: &mut Vec<u8>) {
        let start = octets.len();
        let mut fixed = *self.fixed;
        field::TAKEN.put(&mut fixed, now.micros().to_be_bytes());
        let passed_us = u64::try_from(passed.as_micros()).unwrap_or(u64::MAX);
        for (timer, _) in SAVED_TIMERS {
            let left = timer.u64(&fixed);
            if left != code::NO_TIMER {
                timer.put(&mut fixed, left.saturating_sub(passed_us).to_be_bytes());
            }
        }
        for piece in [&fixed[..], self.send, self.read] {
            octets.extend_from_slice(piece);
        }
        let checksum = crc32fast::hash(octets.get(start..).unwrap_or_default());
        octets.extend_from_slice(&checksum.to_be_bytes());
    }

    pub(crate) fn has(&self, flag: u16) -> bool {
        field::FLAGS.u16(self.fixed) & flag != 0
    }

    /// The state of RFC 9293, among those that are known.
    pub(crate) fn tcp_state(&self) -> TcpState {
        let code = usize::from(field::STATE.u8(self.fixed));
        code.checked_sub(1).and_then(|at| STATES.get(at)).copied().unwrap_or(TcpState::Closed)
    }

    /// Fields with few values.
    fn check_codes(&self) -> Result<(), RecordError> {
        let fixed = self.fixed;
        let small = |field: Field, most: u8| field.within(field.u8(fixed).into(), 0, most.into());
        field::STATE.within(field::STATE.u8(fixed).into(), 1, STATES.len().try_into().unwrap_or(u64::MAX))?;
        small(field::ROLE, 1)?;
        field::FLAGS.within(field::FLAGS.u16(fixed).into(), 0, flag::ALL.into())?;
        small(field::SELF, 2)?;
        small(field::PEER, code::PEER_PRESUMED)?;
        small(field::CLOSER, 2)?;
        small(field::SPARE, 0)?;
        small(field::SND_SCALE, WINDOW_SCALE_MAX)?;
        small(field::RCV_SCALE, WINDOW_SCALE_MAX)?;
        let wnd_max = 0xffff_u64 << field::SND_SCALE.u8(fixed);
        field::SND_WND.within(field::SND_WND.u32(fixed).into(), 0, wnd_max)?;
        let mss = field::PEER_MSS.u16(fixed);
        field::PEER_MSS.within(mss.into(), PEER_MSS_MIN.into(), u16::MAX.into())?;
        for port in [field::LOCAL_PORT, field::REMOTE_PORT] {
            port.within(port.u16(fixed).into(), 1, u16::MAX.into())?;
        }
        Ok(())
    }

    fn own_fin(&self) -> u64 {
        u64::from(self.has(flag::OWN_FIN))
    }

    fn peer_fin(&self) -> u64 {
        u64::from(self.has(flag::PEER_FIN))
    }

    /// SND.STB <= SND.UNA <= SND.NXT <= SND.END, the SYNs acknowledged, and the state that the FINs make.
    fn check_positions(&self) -> Result<(), RecordError> {
        let fixed = self.fixed;
        let [stb, una, nxt, end] =
            [field::SND_STB, field::SND_UNA, field::SND_NXT, field::SND_END].map(|field| field.u64(fixed));
        field::SND_END.within(end, 1 + self.own_fin(), u64::MAX)?;
        field::SND_UNA.within(una, 1, end)?;
        field::SND_NXT.within(nxt, una, end)?;
        field::SND_STB.within(stb, end.saturating_sub(HALF - 1), una)?;
        let received = field::RCV_NXT.u64(fixed);
        field::RCV_NXT.within(received, 1 + self.peer_fin(), u64::MAX)?;
        field::SND_WL1.within(field::SND_WL1.u64(fixed), 0, received.saturating_add(HALF))?;
        field::SND_WL2.within(field::SND_WL2.u64(fixed), 0, end)?;
        let found = self.tcp_state();
        let is_acknowledged = una == end;
        let is_last = field::CLOSER.u8(fixed) == 2;
        let expected = match (self.has(flag::OWN_FIN), self.has(flag::PEER_FIN)) {
            (false, false) => TcpState::Established,
            (false, true) => TcpState::CloseWait,
            (true, false) if is_acknowledged => TcpState::FinWait2,
            (true, false) => TcpState::FinWait1,
            (true, true) if is_acknowledged && found == TcpState::Linger => TcpState::Linger,
            (true, true) if is_last => TcpState::LastAck,
            (true, true) if is_acknowledged => TcpState::TimeWait,
            (true, true) => TcpState::Closing,
        };
        let at = field::STATE.at;
        if expected == found { Ok(()) } else { Err(RecordError::OtherState { at, expected, found }) }
    }

    /// What both ends said of Hiatus.
    fn check_session(&self) -> Result<(), RecordError> {
        let fixed = self.fixed;
        for bits in [field::OWN_BITS, field::PEER_BITS] {
            bits.within(bits.u8(fixed).into(), *BITS.start(), *BITS.end())?;
        }
        field::OWN_NONCE.within(field::OWN_NONCE.u32(fixed).into(), 1, u32::MAX.into())?;
        let there = field::PEER.u8(fixed);
        if there == code::PEER_HELD {
            field::GRANTED.within(field::GRANTED.u16(fixed).into(), 1, u16::MAX.into())?;
            let received = field::RCV_NXT.u64(fixed);
            let suspended_at = field::SUSPENDED_AT.u64(fixed);
            let least = received.saturating_sub(HALF);
            field::SUSPENDED_AT.within(suspended_at, least, received.saturating_add(HALF))?;
        }
        Ok(())
    }

    /// Of plain TCP the fields of Hiatus say nothing, and no state and no timer is of Hiatus.
    fn check_plain(&self) -> Result<(), RecordError> {
        let fixed = self.fixed;
        // LINGER is the last of them.
        field::STATE.within(
            field::STATE.u8(fixed).into(),
            1,
            (STATES.len() - 1).try_into().unwrap_or(u64::MAX),
        )?;
        field::PEER.within(field::PEER.u8(fixed).into(), 0, 0)?;
        for timer in [field::HOLD_LEFT, field::LINGER_LEFT] {
            timer.within(timer.u64(fixed), code::NO_TIMER, code::NO_TIMER)?;
        }
        // Nothing is retained: SND.STB follows SND.UNA.
        let una = field::SND_UNA.u64(fixed);
        field::SND_STB.within(field::SND_STB.u64(fixed), una, una)
    }

    /// The timers without which a state would last for ever.
    fn check_timers(&self) -> Result<(), RecordError> {
        let fixed = self.fixed;
        let there = field::PEER.u8(fixed);
        let must_run = [
            (field::HOLD_LEFT, there != code::PEER_UP),
            (field::END_LEFT, self.tcp_state() == TcpState::TimeWait),
            (field::LINGER_LEFT, self.tcp_state() == TcpState::Linger),
        ];
        for (timer, _) in must_run.iter().filter(|(_, must)| *must) {
            timer.within(timer.u64(fixed), 0, code::NO_TIMER - 1)?;
        }
        Ok(())
    }

    /// Octets from SND.STB to SND.END, least and most: the SYN and the FIN are none.
    fn send_octets(&self) -> (u64, u64) {
        let data_end = field::SND_END.u64(self.fixed).saturating_sub(self.own_fin());
        let count = data_end.saturating_sub(field::SND_STB.u64(self.fixed).max(1));
        (count, count)
    }

    /// Octets that were received at all.
    fn read_octets_max(&self) -> u64 {
        let received = field::RCV_NXT.u64(self.fixed).saturating_sub(1 + self.peer_fin());
        received.min(1 << 30)
    }
}

fn usize_of(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The fixed part of a record that begins and ends as it should and has its checksum.
fn whole(octets: &[u8]) -> Result<&Fixed, RecordError> {
    let found_octets = octets.len();
    let truncated = RecordError::Truncated { expected_octets: RECORD_LEN_OCTETS_MIN, found_octets };
    let found = *octets.first_chunk::<4>().ok_or(truncated)?;
    if found != MAGIC {
        return Err(RecordError::NoRecord { found });
    }
    let version = octets.get(4..6).and_then(|rest| rest.first_chunk()).copied().ok_or(truncated)?;
    match u16::from_be_bytes(version) {
        found if found < VERSION => return Err(RecordError::Older { found, expected: VERSION }),
        found if found > VERSION => return Err(RecordError::Newer { found, expected: VERSION }),
        _ => {}
    }
    if found_octets < RECORD_LEN_OCTETS_MIN {
        return Err(truncated);
    }
    let fixed = octets.first_chunk().ok_or(truncated)?;
    let expected_octets = usize_of(field::LENGTH.u32(fixed));
    if expected_octets > found_octets {
        return Err(RecordError::Truncated { expected_octets, found_octets });
    }
    if expected_octets < found_octets {
        return Err(RecordError::TooLong { expected_octets, found_octets });
    }
    let (before, checksum) = octets.split_last_chunk::<CHECKSUM_OCTETS>().ok_or(truncated)?;
    let (expected, found) = (crc32fast::hash(before), u32::from_be_bytes(*checksum));
    if expected != found {
        return Err(RecordError::Damaged { at: before.len(), expected, found });
    }
    Ok(fixed)
}

fn socket_address(fixed: &Fixed, address: Field, port: Field) -> SocketAddr {
    let octets: [u8; 16] = address.octets(fixed);
    let [a, b, c, d, ..] = octets;
    let ip = match field::FAMILY.u8(fixed) {
        4 => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        _ => IpAddr::V6(Ipv6Addr::from(octets)),
    };
    SocketAddr::new(ip, port.u16(fixed))
}

/// The key of the messages, which follows from those of both ends (draft, {#keys}).
pub(crate) fn session_key(role: Role, own: ConnectionKey, peer: ConnectionKey) -> SessionKey {
    match role {
        Role::Initiator => SessionKey::derive(own, peer),
        Role::Responder => SessionKey::derive(peer, own),
    }
}
