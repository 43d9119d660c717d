//! Two calls into the kernel: one that the library gets wrong (its `user` hands over the address of the number), and one
//! that it leaves out.
#![allow(unsafe_code, reason = "each block says why it is sound")]

use std::io;
use std::os::fd::BorrowedFd;

use rustix::ioctl::{IntegerSetter, Opcode, Setter, ioctl, opcode};

/// TUNSETOWNER of linux/if_tun.h: `_IOW('T', 204, int)`, although it takes the number itself.
const TUNSETOWNER: Opcode = opcode::write::<i32>(b'T', 204);
/// TUNSETVNETHDRSZ of linux/if_tun.h: `_IOW('T', 216, int)`.
const TUNSETVNETHDRSZ: Opcode = opcode::write::<i32>(b'T', 216);

/// Lets the user `uid` attach to the TUN device `device` without CAP_NET_ADMIN.
pub(super) fn set_owner(device: BorrowedFd<'_>, uid: u32) -> io::Result<()> {
    let uid = usize::try_from(uid).map_err(io::Error::other)?;
    // SAFETY: the kernel takes a number by value, and reads and writes no memory of this process.
    unsafe { ioctl(device, IntegerSetter::<TUNSETOWNER>::new_usize(uid)) }?;
    Ok(())
}

/// Says how long the header before every packet is. A persistent device remembers what its last user wanted.
pub(super) fn set_header_octets(device: BorrowedFd<'_>, octets: i32) -> io::Result<()> {
    // SAFETY: the kernel reads an `int`, and writes no memory of this process.
    unsafe { ioctl(device, Setter::<TUNSETVNETHDRSZ, i32>::new(octets)) }?;
    Ok(())
}
