//! The functions of lwip/port.c.
#![allow(unsafe_code, reason = "C functions; each call says why it is sound")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::IpAddr;

/// Packets that lwIP sent and nobody fetched; beyond them they are lost, as in any queue.
const PACKETS_MAX: usize = 4096;

unsafe extern "C" {
    fn interop_lwip_start(
        random: u32,
        mtu_octets: u16,
        address: *const u8,
        address_octets: usize,
        to: extern "C" fn(*const u8, usize),
    );
    fn interop_lwip_connect(own_port: u16, address: *const u8, address_octets: usize, port: u16) -> i32;
    fn interop_lwip_listen(port: u16) -> i32;
    fn interop_lwip_input(packet: *const u8, len_octets: u16) -> i32;
    fn interop_lwip_write(octets: *const u8, len_octets: usize) -> i64;
    fn interop_lwip_read(octets: *mut u8, room_octets: usize) -> usize;
    fn interop_lwip_finish() -> i32;
    fn interop_lwip_abort();
    fn interop_lwip_time(ms: u32);
    fn interop_lwip_sleep_ms() -> u32;
    fn interop_lwip_status(error: *mut i32, state: *mut i32) -> u32;
}

thread_local! {
    static SENT: RefCell<VecDeque<Vec<u8>>> = const { RefCell::new(VecDeque::new()) };
}

/// lwIP sends a packet.
extern "C" fn output(packet: *const u8, len_octets: usize) {
    // SAFETY: port.c gives a buffer of that many octets, which lives until this function returns.
    let packet = unsafe { std::slice::from_raw_parts(packet, len_octets) };
    SENT.with_borrow_mut(|sent| {
        if sent.len() < PACKETS_MAX {
            sent.push_back(packet.to_vec());
        }
    });
}

/// What `status` gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status {
    /// The handshake is over.
    pub(super) is_connected: bool,
    /// The peer's FIN arrived.
    pub(super) peer_ended: bool,
    /// `err_t` of the connection's end, 0 for none.
    pub(super) error: i32,
    /// `enum tcp_state`, the last one known.
    pub(super) state: i32,
}

/// An `err_t` other than `ERR_OK`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LwipError(pub(super) i64);

/// `ERR_MEM`: later, perhaps.
pub(super) const ERR_MEM: LwipError = LwipError(-1);

fn outcome(err: i32) -> Result<(), LwipError> {
    if err == 0 { Ok(()) } else { Err(LwipError(i64::from(err))) }
}

/// The octets of an address, IPv4's or IPv6's, in network order.
fn octets_of(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// lwIP, of which there is one in a process, used by the thread that started it.
pub(super) struct Handle {
    /// Not to be sent to another thread: lwIP and [`SENT`] know one only.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Handle {
    /// Starts lwIP with one interface. To be called once in a process.
    pub(super) fn start(random: u32, mtu_octets: u16, address: IpAddr) -> Self {
        let address = octets_of(address);
        // SAFETY: `address` has as many octets as the call says; `output` keeps nothing of what it is given.
        unsafe { interop_lwip_start(random, mtu_octets, address.as_ptr(), address.len(), output) };
        Self { _not_send: std::marker::PhantomData }
    }

    pub(super) fn connect(&mut self, own_port: u16, address: IpAddr, port: u16) -> Result<(), LwipError> {
        let address = octets_of(address);
        // SAFETY: lwIP was started; `address` has as many octets as the call says.
        outcome(unsafe { interop_lwip_connect(own_port, address.as_ptr(), address.len(), port) })
    }

    pub(super) fn listen(&mut self, port: u16) -> Result<(), LwipError> {
        // SAFETY: lwIP was started.
        outcome(unsafe { interop_lwip_listen(port) })
    }

    /// A packet arrived; one that lwIP has no memory for is lost.
    pub(super) fn input(&mut self, packet: &[u8]) {
        let Ok(len_octets) = u16::try_from(packet.len()) else { return };
        // SAFETY: lwIP was started, and copies `packet`.
        unsafe { interop_lwip_input(packet.as_ptr(), len_octets) };
    }

    /// The next packet that lwIP sent.
    pub(super) fn next_packet(&mut self) -> Option<Vec<u8>> {
        SENT.with_borrow_mut(VecDeque::pop_front)
    }

    /// How many octets lwIP took.
    pub(super) fn write(&mut self, octets: &[u8]) -> Result<usize, LwipError> {
        // SAFETY: lwIP was started, and copies what it takes of `octets`.
        let taken = unsafe { interop_lwip_write(octets.as_ptr(), octets.len()) };
        usize::try_from(taken).map_err(|_| LwipError(taken))
    }

    /// How many octets were put at the start of `room`.
    pub(super) fn read(&mut self, room: &mut [u8]) -> usize {
        // SAFETY: lwIP was started, and writes no more than the call says there is room for.
        unsafe { interop_lwip_read(room.as_mut_ptr(), room.len()) }
    }

    pub(super) fn finish(&mut self) -> Result<(), LwipError> {
        // SAFETY: lwIP was started.
        outcome(unsafe { interop_lwip_finish() })
    }

    pub(super) fn abort(&mut self) {
        // SAFETY: lwIP was started.
        unsafe { interop_lwip_abort() };
    }

    /// It is `ms` milliseconds after any origin, modulo 2^32: lwIP does what has become due.
    pub(super) fn time(&mut self, ms: u32) {
        // SAFETY: lwIP was started.
        unsafe { interop_lwip_time(ms) };
    }

    /// Milliseconds until [`time`](Self::time) is to be called.
    pub(super) fn sleep_ms(&mut self) -> u32 {
        // SAFETY: lwIP was started.
        unsafe { interop_lwip_sleep_ms() }
    }

    pub(super) fn status(&self) -> Status {
        let (mut error, mut state) = (0, 0);
        // SAFETY: lwIP was started, and writes one `int` through each pointer.
        let bits = unsafe { interop_lwip_status(&raw mut error, &raw mut state) };
        Status { is_connected: bits & 1 != 0, peer_ended: bits & 2 != 0, error, state }
    }
}
