//! Pointers of C as values, and back.

use std::ffi::{c_int, c_void};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::errno::Errno;

/// `count` octets at `pointer`, to be read.
///
/// # Safety
///
/// They are there, and nothing writes them while the result lives; or `count` is 0.
pub(super) unsafe fn octets<'a>(pointer: *const c_void, count: usize) -> &'a [u8] {
    if pointer.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(pointer.cast(), count) }
}

/// `count` octets at `pointer`, to be written.
///
/// # Safety
///
/// They are there, and nothing else looks at them while the result lives; or `count` is 0.
pub(super) unsafe fn octets_mut<'a>(pointer: *mut c_void, count: usize) -> &'a mut [u8] {
    if pointer.is_null() || count == 0 {
        return &mut [];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts_mut(pointer.cast(), count) }
}

/// The vectors of `readv`, `writev` and a message.
///
/// # Safety
///
/// `count` vectors lie at `pointer`.
pub(super) unsafe fn vectors<'a>(pointer: *const libc::iovec, count: usize) -> &'a [libc::iovec] {
    if pointer.is_null() || count == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(pointer, count) }
}

/// What all vectors hold, in their order.
///
/// # Safety
///
/// Each says where its octets are.
pub(super) unsafe fn gather(vectors: &[libc::iovec]) -> Vec<u8> {
    // SAFETY: the caller's promise.
    vectors.iter().flat_map(|vector| unsafe { octets(vector.iov_base, vector.iov_len) }).copied().collect()
}

/// Spreads `octets` over the vectors, in their order.
///
/// # Safety
///
/// Each says where there is room, and for how much.
pub(super) unsafe fn scatter(vectors: &[libc::iovec], mut octets: &[u8]) {
    for vector in vectors {
        // SAFETY: the caller's promise.
        let room = unsafe { octets_mut(vector.iov_base, vector.iov_len) };
        let (now, later) = octets.split_at(octets.len().min(room.len()));
        room[..now.len()].copy_from_slice(now);
        octets = later;
    }
}

/// The address at `pointer`.
///
/// # Safety
///
/// `len_octets` octets lie at `pointer`.
pub(super) unsafe fn address(
    pointer: *const libc::sockaddr,
    len_octets: libc::socklen_t,
) -> Result<SocketAddr, Errno> {
    let len_octets = usize::try_from(len_octets).unwrap_or(0);
    // SAFETY: the caller's promise.
    let octets = unsafe { octets(pointer.cast(), len_octets) };
    let part = |from: usize, len: usize| octets.get(from..from + len).ok_or(Errno::EINVAL);
    let family = c_int::from(u16::from_ne_bytes(part(0, 2)?.try_into().map_err(|_| Errno::EINVAL)?));
    let port = u16::from_be_bytes(part(2, 2)?.try_into().map_err(|_| Errno::EINVAL)?);
    let ip: IpAddr = match family {
        libc::AF_INET => {
            let octets: [u8; 4] = part(4, 4)?.try_into().map_err(|_| Errno::EINVAL)?;
            Ipv4Addr::from(octets).into()
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = part(8, 16)?.try_into().map_err(|_| Errno::EINVAL)?;
            Ipv6Addr::from(octets).into()
        }
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    Ok(SocketAddr::new(ip, port))
}

/// Writes an address where there is room for it, and its length.
///
/// # Safety
///
/// Both pointers are null, or `len_octets` tells how much room there is at `pointer`.
pub(super) unsafe fn put_address(
    found: SocketAddr,
    pointer: *mut libc::sockaddr,
    len_octets: *mut libc::socklen_t,
) {
    if pointer.is_null() || len_octets.is_null() {
        return;
    }
    let family = if found.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let mut octets = u16::try_from(family).unwrap_or(0).to_ne_bytes().to_vec();
    octets.extend(found.port().to_be_bytes());
    match found.ip() {
        IpAddr::V4(ip) => {
            octets.extend(ip.octets());
            octets.extend([0; 8]);
        }
        IpAddr::V6(ip) => {
            octets.extend([0; 4]);
            octets.extend(ip.octets());
            octets.extend([0; 4]);
        }
    }
    // SAFETY: neither is null, and the caller's promise.
    unsafe { put(&octets, pointer.cast(), len_octets) };
}

/// Writes as much of `value` as there is room for, and the whole length.
///
/// # Safety
///
/// `len_octets` tells how much room there is at `pointer`.
pub(super) unsafe fn put(value: &[u8], pointer: *mut c_void, len_octets: *mut libc::socklen_t) {
    // SAFETY: the caller's promise.
    let room_octets = usize::try_from(unsafe { *len_octets }).unwrap_or(0);
    // SAFETY: the caller's promise.
    let room = unsafe { octets_mut(pointer, room_octets) };
    let count = room.len().min(value.len());
    room[..count].copy_from_slice(&value[..count]);
    // SAFETY: the caller's promise.
    unsafe { *len_octets = libc::socklen_t::try_from(count).unwrap_or(0) };
}

/// Sets the `errno` of this thread and gives what a failed call gives.
pub(super) fn fail(errno: Errno) -> c_int {
    // SAFETY: the C library gives a pointer that is valid for this thread.
    unsafe { *libc::__errno_location() = errno.0 };
    -1
}

/// A number that the kernel will not give to anything else: packetdrill closes what a script leaves open.
pub(super) fn reserve_fd() -> Result<c_int, Errno> {
    // SAFETY: no pointer is handed over.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if fd < 0 { Err(Errno::EMFILE) } else { Ok(fd) }
}

/// Gives back what [`reserve_fd`] gave.
pub(super) fn release_fd(fd: c_int) {
    // SAFETY: no pointer is handed over; the number is one of ours, which nothing else closes before.
    unsafe { libc::close(fd) };
}
