//! The table called as packetdrill calls it: from two threads, through its pointers.
#![allow(clippy::undocumented_unsafe_blocks, reason = "every block calls the table with what it asks for")]

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;

use hiatus_codec::{Flags, Segment, SequenceNumber};

use super::table::{Interface, packetdrill_interface_init};
use crate::wire;

const LOCAL: std::net::IpAddr = std::net::IpAddr::V4(super::LOCAL_V4);
const REMOTE: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
/// Room for a packet, as packetdrill gives it.
const ROOM_OCTETS: usize = 70_000;

/// The pointers of the table may be used from any thread.
struct Table(Interface);
// SAFETY: what the userdata points at has a lock of its own.
unsafe impl Sync for Table {}

impl Table {
    fn new(flags: &std::ffi::CStr) -> Self {
        let mut interface = MaybeUninit::uninit();
        unsafe {
            packetdrill_interface_init(flags.as_ptr(), interface.as_mut_ptr());
            Self(interface.assume_init())
        }
    }

    fn now_us(&self) -> i64 {
        let mut time = libc::timeval { tv_sec: 0, tv_usec: 0 };
        assert_eq!(unsafe { (self.0.gettimeofday)(self.0.userdata, &raw mut time, ptr::null_mut()) }, 0);
        time.tv_sec * 1_000_000 + time.tv_usec
    }

    fn arrive(&self, flags: Flags, seq: u32, ack: u32, payload: &[u8]) {
        let segment = Segment {
            source_port: 40_000,
            destination_port: 8080,
            seq: SequenceNumber(seq),
            ack: SequenceNumber(ack),
            flags,
            window: 65_535,
            checksum: 0,
            urgent: 0,
            options: &[],
            payload,
        };
        let mut octets = vec![0; segment.wire_len_octets()];
        let header_octets = octets.len() - payload.len();
        segment.emit(&mut octets).unwrap();
        octets[header_octets..].copy_from_slice(payload);
        let packet = wire::emit(REMOTE, LOCAL, 0, wire::PROTOCOL_TCP, &octets);
        let sent = unsafe { (self.0.netdev_send)(self.0.userdata, packet.as_ptr().cast(), packet.len()) };
        assert_eq!(sent, 0);
    }

    /// Flags, numbers and octets of data of the next segment that leaves, and when it left.
    fn departs(&self) -> (Flags, u32, u32, usize, i64) {
        let mut room = vec![0u8; ROOM_OCTETS];
        let (mut count, mut time_us) = (ROOM_OCTETS, 0);
        let data = self.0.userdata;
        let at = room.as_mut_ptr().cast();
        assert_eq!(unsafe { (self.0.netdev_receive)(data, at, &raw mut count, &raw mut time_us) }, 0);
        let packet = wire::Packet::parse(&room[..count]).unwrap();
        let segment = Segment::parse(packet.payload).unwrap();
        (segment.flags, segment.seq.0, segment.ack.0, segment.payload.len(), time_us)
    }

    fn await_sleeper(&self) {
        let shared = unsafe { &*self.0.userdata.cast::<super::Shared>() };
        while shared.lock().waiting == 0 {
            std::thread::yield_now();
        }
    }

    fn listener(&self) -> c_int {
        let data = self.0.userdata;
        let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        address.sin_family = u16::try_from(libc::AF_INET).unwrap();
        address.sin_port = 8080u16.to_be();
        unsafe {
            let fd = (self.0.socket)(data, libc::AF_INET, libc::SOCK_STREAM, 0);
            let len = libc::socklen_t::try_from(size_of_val(&address)).unwrap();
            assert_eq!((self.0.bind)(data, fd, (&raw const address).cast(), len), 0);
            assert_eq!((self.0.listen)(data, fd, 1), 0);
            fd
        }
    }

    fn accept(&self, fd: c_int) -> c_int {
        unsafe { (self.0.accept)(self.0.userdata, fd, ptr::null_mut(), ptr::null_mut()) }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        unsafe { (self.0.free)(self.0.userdata) };
    }
}

fn syn_ack() -> Flags {
    Flags::SYN.union(Flags::ACK)
}

#[test]
fn calls_wait_on_another_thread() {
    let table = Table::new(c"");
    let listener = table.listener();
    let begin_us = table.now_us();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let fd = table.accept(listener);
            let mut octets = [0u8; 100];
            let at = octets.as_mut_ptr().cast::<c_void>();
            let count = unsafe { (table.0.read)(table.0.userdata, fd, at, octets.len()) };
            // The time at which the read ended, as packetdrill asks for it.
            (fd, count, octets, table.now_us())
        });
        // As packetdrill does: it goes on once the other thread sleeps.
        table.await_sleeper();
        table.arrive(Flags::SYN, 0, 0, &[]);
        let (flags, iss, ack, ..) = table.departs();
        assert_eq!((flags, ack), (syn_ack(), 1));
        table.arrive(Flags::ACK, 1, iss.wrapping_add(1), &[]);
        // A second passes, and time must not run ahead of the thread that waits.
        assert_eq!(unsafe { (table.0.usleep)(table.0.userdata, 1_000_000) }, 0);
        table.arrive(Flags::ACK.union(Flags::PSH), 1, iss.wrapping_add(1), b"hello");
        assert_eq!(unsafe { (table.0.usleep)(table.0.userdata, 5_000_000) }, 0);
        let (fd, count, octets, ended_us) = waiting.join().unwrap();
        assert!(fd >= 0);
        assert_eq!(&octets[..usize::try_from(count).unwrap()], b"hello");
        let waited_us = ended_us - begin_us;
        assert!((1_000_000..1_010_000).contains(&waited_us), "ended after {waited_us} us");
        let (flags, _, ack, ..) = table.departs();
        assert_eq!((flags, ack), (Flags::ACK, 6));
    });
}

#[test]
fn time_passes_to_the_next_segment() {
    let table = Table::new(c"rto_min_ms=1000");
    table.listener();
    table.arrive(Flags::SYN, 0, 0, &[]);
    let (.., first_us) = table.departs();
    // RFC 6298, section 2.1: the first RTO is a second; nothing was asked for meanwhile.
    let (flags, .., again_us) = table.departs();
    assert_eq!(flags, syn_ack());
    // The endpoint's timers are as coarse as a millisecond.
    let waited_us = again_us - first_us;
    assert!((1_000_000..1_002_000).contains(&waited_us), "{waited_us} us");
}

#[test]
fn errno_is_set() {
    let table = Table::new(c"");
    let data = table.0.userdata;
    let errno = || std::io::Error::last_os_error().raw_os_error();
    unsafe {
        assert_eq!((table.0.listen)(data, -1, 1), -1);
        assert_eq!(errno(), Some(libc::EBADF));
        assert_eq!((table.0.socket)(data, libc::AF_INET, libc::SOCK_DGRAM, 0), -1);
        assert_eq!(errno(), Some(libc::EPROTONOSUPPORT));
        let listener = table.listener();
        assert_eq!((table.0.fcntl)(data, listener, libc::F_SETFL, libc::O_NONBLOCK.into()), 0);
        assert_eq!(table.accept(listener), -1);
        assert_eq!(errno(), Some(libc::EAGAIN));
        assert_eq!((table.0.close)(data, listener), 0);
        assert_eq!((table.0.close)(data, listener), -1);
        assert_eq!(errno(), Some(libc::EBADF));
    }
}
