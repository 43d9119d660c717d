//! The border to C: what `include/hiatus.h` declares. Every `unsafe` of the crate is here and below, and does one thing: it
//! turns a pointer that the caller vouches for into a reference, or says that it cannot be one.
#![allow(unsafe_code, reason = "the border to C")]
#![allow(
    clippy::missing_safety_doc,
    reason = "what a caller promises stands once, at the head of the header"
)]

#[cfg(not(feature = "std"))]
mod bare;
mod connections;
mod epochs;
mod pointers;

use alloc::boxed::Box;
use core::ffi::c_char;

use hiatus_engine::{ChecksumStatus, Endpoint, EndpointLimits, Strays, Time};

pub use connections::{
    hiatus_abort, hiatus_accept, hiatus_close, hiatus_close_both, hiatus_connect, hiatus_connection_info,
    hiatus_journaled, hiatus_listen, hiatus_read, hiatus_resume, hiatus_resume_anew, hiatus_set_hold_send,
    hiatus_set_nagle, hiatus_set_user_timeout, hiatus_suspend, hiatus_unlisten, hiatus_write,
};
pub use epochs::{
    hiatus_forget_snapshots, hiatus_restore, hiatus_returning, hiatus_snapshot_durable,
    hiatus_snapshot_taken, hiatus_timestamp_clock,
};

use crate::event::{CloseCode, EventKind, Happening};
use crate::handle::{Handle, Phase, caught};
use crate::limits::{Limits, Secrets};
use crate::refusal::Refusal;
use crate::settings::{self, Settings};
use crate::status::Status;
use pointers::{Out, octets, octets_mut, optional, out, shared};

/// Room that hiatus_poll_packet() needs at least: the longest packet without data.
pub const HIATUS_PACKET_OCTETS_MIN: u32 = 100;
/// Octets of a record of a connection with empty buffers, at least. With all that its buffers and what it retains hold, at
/// most.
pub const HIATUS_RECORD_OCTETS_MIN: u32 = 228;
/// The version of this header. What is linked has the same if hiatus_version() gives the same.
pub const HIATUS_VERSION: u32 = 1;

/// A packet that was written into the caller's buffer.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Outgoing {
    /// Octets from the start of the buffer, the IP header included.
    pub len_octets: u32,
    /// Where the TCP header begins: a driver that finishes the checksum sums from there on.
    pub tcp_at: u32,
    /// Octets of the headers, IP and TCP.
    pub header_octets: u32,
    /// Data octets of one segment at most. If the packet has more, the driver cuts it into pieces of that many.
    pub segment_octets: u32,
}

/// HIATUS_VERSION of what is linked.
#[unsafe(no_mangle)]
pub extern "C" fn hiatus_version() -> u32 {
    HIATUS_VERSION
}

/// What `status` says, in a line of English that is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn hiatus_strerror(status: i32) -> *const c_char {
    Status::text_of(status).as_ptr()
}

/// The name of a hiatus_event_kind, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn hiatus_event_name(kind: u32) -> *const c_char {
    EventKind::name_of(kind).as_ptr()
}

/// The name of a hiatus_close_reason, never freed.
#[unsafe(no_mangle)]
pub extern "C" fn hiatus_close_reason_name(reason: u32) -> *const c_char {
    CloseCode::name_of(reason).as_ptr()
}

/// Fills in the bounds that count unless told otherwise: 4,194,304 connections, 8 GiB retained and more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_limits_default(limits: *mut Limits) -> Status {
    // SAFETY: as the header asks.
    match unsafe { out(limits, "limits") } {
        Ok(limits) => limits.give(Limits::of(&EndpointLimits::default())),
        Err(refusal) => refusal.status(),
    }
}

/// Fills in how a connection behaves unless told otherwise: Hiatus with S and K, held for an hour, buffers of 64 KiB, 16 MiB
/// retained. A host that takes snapshots adds HIATUS_OFFER_N, and hold_send unless its applications repeat themselves to the
/// octet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_config_default(config: *mut Settings) -> Status {
    // SAFETY: as the header asks.
    match unsafe { out(config, "config") } {
        Ok(config) => config.give(settings::default()),
        Err(refusal) => refusal.status(),
    }
}

/// Makes an endpoint without connections, at `*endpoint`; hiatus_free() takes it back. `limits` may be NULL: the defaults.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_new(
    secrets: *const Secrets,
    limits: *const Limits,
    endpoint: *mut *mut Handle,
) -> Status {
    // SAFETY: as the header asks.
    unsafe { made(secrets, limits, endpoint, Phase::Up) }
}

/// Makes an endpoint that waits for hiatus_restore(): until then it is mute, and what arrives is dropped. It may already
/// listen. hiatus_free() takes it back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_new_restoring(
    secrets: *const Secrets,
    limits: *const Limits,
    endpoint: *mut *mut Handle,
) -> Status {
    // SAFETY: as the header asks.
    unsafe { made(secrets, limits, endpoint, Phase::Restoring) }
}

/// Makes an endpoint for both.
///
/// # Safety
///
/// As the header asks of its pointers.
unsafe fn made(
    secrets: *const Secrets,
    limits: *const Limits,
    endpoint: *mut *mut Handle,
    phase: Phase,
) -> Status {
    let make = || -> Result<(Out<'_, *mut Handle>, *mut Handle), Refusal> {
        // SAFETY: as the header asks.
        let (secrets, limits, endpoint) =
            unsafe { (shared(secrets, "secrets")?, optional(limits, "limits")?, out(endpoint, "endpoint")?) };
        let limits = limits.map_or_else(|| Ok(EndpointLimits::default()), Limits::of_engine)?;
        let make = if phase == Phase::Up { Endpoint::new } else { Endpoint::restoring };
        let handle = Handle::new(make(secrets.of_engine(), limits), phase);
        Ok((endpoint, Box::into_raw(Box::new(handle))))
    };
    match caught(make) {
        Some(Ok((endpoint, handle))) => endpoint.give(handle),
        Some(Err(refusal)) => refusal.status(),
        None => Status::HIATUS_ERROR_BROKEN,
    }
}

/// Takes an endpoint back: everything of it is gone, and nothing is sent. NULL does nothing. Within a callback of its own it
/// stays, and HIATUS_ERROR_BUSY is returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_free(endpoint: *mut Handle) -> Status {
    // SAFETY: as the header asks.
    match unsafe { optional(endpoint, "endpoint") } {
        Ok(None) => return Status::HIATUS_OK,
        Ok(Some(handle)) if !handle.is_idle() => return Status::HIATUS_ERROR_BUSY,
        Ok(Some(_)) => {}
        Err(refusal) => return refusal.status(),
    }
    // SAFETY: it came out of a box in `made`, and nobody uses it now or later.
    let handle = unsafe { Box::from_raw(endpoint) };
    caught(|| drop(handle)).map_or(Status::HIATUS_ERROR_BROKEN, |()| Status::HIATUS_OK)
}

/// What was wrong in the latest call on `endpoint` that failed: what, where, expected, found. Writes at most
/// `capacity_octets` octets to `text`, the last of them 0, and to `*len_octets`, which may be NULL, how long the whole text is
/// without that 0. HIATUS_ERROR_ROOM: it was cut. Of a call whose endpoint was NULL or whose own pointers were refused nothing
/// more is known than what it returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_error(
    endpoint: *const Handle,
    text: *mut u8,
    capacity_octets: usize,
    len_octets: *mut usize,
) -> Status {
    // SAFETY: as the header asks.
    let pointers = unsafe {
        (shared(endpoint, "endpoint"), octets_mut(text, capacity_octets, "text"), optional(len_octets, "len"))
    };
    let (Ok(handle), Ok(text), Ok(wants_len)) = pointers else { return Status::HIATUS_ERROR_POINTER };
    let mut said_octets = 0;
    // Not through `Inner::said` of a failing call: this one must not take the place of what it tells of.
    let status = handle.call(|inner| {
        let said = inner.said().as_bytes();
        said_octets = said.len();
        let Some(room) = text.len().checked_sub(1) else { return Ok(Status::HIATUS_ERROR_ROOM) };
        let fits = said.len().min(room);
        text[..fits].copy_from_slice(&said[..fits]);
        text[fits] = 0;
        Ok(if fits == said.len() { Status::HIATUS_OK } else { Status::HIATUS_ERROR_ROOM })
    });
    if wants_len.is_some() {
        // SAFETY: it was found to be valid and aligned above.
        unsafe { len_octets.write(said_octets) };
    }
    status
}

/// Says whether segments that meet no connection are answered, by RST or ABORT: 1, as at first, or 0 while this host may
/// still restore the connection that they belong to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_set_strays(endpoint: *mut Handle, answered: u8) -> Status {
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        Refusal::unless_within("answered", answered, (0, 1))?;
        inner.endpoint.set_strays(if answered == 0 { Strays::Silenced } else { Strays::Answered });
        Ok(Status::HIATUS_OK)
    })
}

/// An IP packet arrived for this host, `len_octets` long from its IP header on. `checksum_verified`: 0, or 1 where the driver
/// has verified the TCP checksum. What cannot be used is dropped, and that is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_handle_packet(
    endpoint: *mut Handle,
    now_us: u64,
    packet: *const u8,
    len_octets: usize,
    checksum_verified: u8,
) -> Status {
    // SAFETY: as the header asks.
    let packet = unsafe { octets(packet, len_octets, "packet") };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        Refusal::unless_within("checksum_verified", checksum_verified, (0, 1))?;
        let checksum =
            if checksum_verified == 0 { ChecksumStatus::ToVerify } else { ChecksumStatus::Verified };
        inner.endpoint.handle_packet(Time(now_us), packet?, checksum);
        Ok(Status::HIATUS_OK)
    })
}

/// Writes the next packet to send to `buffer`, which has room for one of the link's MTU, HIATUS_PACKET_OCTETS_MIN at least,
/// and what it is made of to `*packet`. HIATUS_NOTHING: there is none. Call it until then after every other call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_poll_packet(
    endpoint: *mut Handle,
    now_us: u64,
    buffer: *mut u8,
    capacity_octets: usize,
    packet: *mut Outgoing,
) -> Status {
    // SAFETY: as the header asks.
    let (buffer, packet) = unsafe { (octets_mut(buffer, capacity_octets, "buffer"), out(packet, "packet")) };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let (buffer, packet) = (buffer?, packet?);
        let expected_octets = usize::try_from(HIATUS_PACKET_OCTETS_MIN).unwrap_or(usize::MAX);
        if buffer.len() < expected_octets {
            let found_octets = buffer.len();
            return Err(Refusal::NoRoom { argument: "buffer", found_octets, expected_octets });
        }
        let Some(sent) = inner.endpoint.poll_packet(Time(now_us), buffer) else {
            return Ok(Status::HIATUS_NOTHING);
        };
        // No packet of IP is longer than 65,535 octets.
        let width = |octets: usize| u32::try_from(octets).unwrap_or(u32::MAX);
        Ok(packet.give(Outgoing {
            len_octets: width(sent.len_octets),
            tcp_at: width(sent.tcp_at),
            header_octets: width(sent.header_octets),
            segment_octets: u32::from(sent.segment_octets),
        }))
    })
}

/// Writes to `*at_us` when hiatus_handle_timeout() is to be called next, which may be a little early. HIATUS_NOTHING: only
/// another call can change anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_poll_timeout(endpoint: *mut Handle, at_us: *mut u64) -> Status {
    // SAFETY: as the header asks.
    let at_us = unsafe { out(at_us, "at_us") };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let at_us = at_us?;
        Ok(inner.endpoint.poll_timeout().map_or(Status::HIATUS_NOTHING, |at| at_us.give(at.micros())))
    })
}

/// Time passed: does what has become due, or a part of it; hiatus_poll_timeout() says if more is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_handle_timeout(endpoint: *mut Handle, now_us: u64) -> Status {
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        inner.endpoint.handle_timeout(Time(now_us));
        Ok(Status::HIATUS_OK)
    })
}

/// Writes the next event to `*event`, oldest first. HIATUS_NOTHING: there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_poll_event(endpoint: *mut Handle, event: *mut Happening) -> Status {
    // SAFETY: as the header asks.
    let event = unsafe { out(event, "event") };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let event = event?;
        let Some((id, happened)) = inner.endpoint.poll_event() else { return Ok(Status::HIATUS_NOTHING) };
        Ok(event.give(Happening::of(id, &happened)))
    })
}

/// Writes to `*count` how many connections there are, those included that are over and not gone yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_connections(endpoint: *mut Handle, count: *mut u64) -> Status {
    // SAFETY: as the header asks.
    let count = unsafe { out(count, "count") };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let connections = inner.endpoint.connections();
        Ok(count?.give(u64::try_from(connections).unwrap_or(u64::MAX)))
    })
}

/// Makes a call on an endpoint, if it is one.
fn call(
    handle: Result<&Handle, Refusal>,
    call: impl FnOnce(&mut crate::handle::Inner) -> Result<Status, Refusal>,
) -> Status {
    match handle {
        Ok(handle) => handle.call(call),
        Err(refusal) => refusal.status(),
    }
}
