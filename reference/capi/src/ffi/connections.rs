//! Listeners and connections.

use core::time::Duration;

use hiatus_codec::{HoldTime, Nonce, Position};
use hiatus_engine::{Backlog, Command, Time};

use crate::address::Address;
use crate::ffi::call;
use crate::ffi::pointers::{octets, octets_mut, optional, out, shared};
use crate::handle::{Handle, Inner, named, named_listener};
use crate::limits::Queue;
use crate::refusal::Refusal;
use crate::report::Report;
use crate::settings::{self, Settings};
use crate::status::Status;
use crate::{ConnectionNumber, ListenerNumber};

/// Listens on `local`, whose port is not 0; an address of only 0 listens on every one of its family. `backlog` may be NULL.
/// The name is written to `*listener`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_listen(
    endpoint: *mut Handle,
    local: *const Address,
    config: *const Settings,
    backlog: *const Queue,
    listener: *mut ListenerNumber,
) -> Status {
    // SAFETY: as the header asks.
    let (local, config, backlog, listener) = unsafe {
        (
            shared(local, "local"),
            shared(config, "config"),
            optional(backlog, "backlog"),
            out(listener, "listener"),
        )
    };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let (local, config, backlog, listener) = (local?, config?, backlog?, listener?);
        let backlog = backlog.map_or_else(Backlog::default, Queue::of_engine);
        let id = inner.endpoint.listen(local.socket("local.family")?, config.of_engine()?, backlog)?;
        Ok(listener.give(named_listener(id)))
    })
}

/// Listens no longer. Connections that nobody has accepted are aborted. A listener that there is not is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_unlisten(
    endpoint: *mut Handle,
    now_us: u64,
    listener: ListenerNumber,
) -> Status {
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let id = Inner::listener(listener)?;
        inner.endpoint.unlisten(Time(now_us), id);
        Ok(Status::HIATUS_OK)
    })
}

/// Writes the oldest connection of a listener that nobody has accepted to `*connection`; it may be over already.
/// HIATUS_NOTHING: there is none, or no such listener.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_accept(
    endpoint: *mut Handle,
    listener: ListenerNumber,
    connection: *mut ConnectionNumber,
) -> Status {
    // SAFETY: as the header asks.
    let connection = unsafe { out(connection, "connection") };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let (id, connection) = (Inner::listener(listener)?, connection?);
        Ok(inner.endpoint.accept(id).map_or(Status::HIATUS_NOTHING, |id| connection.give(named(id))))
    })
}

/// Opens a connection from `local`, where port 0 takes one that is hard to guess, to `remote`. The name is written to
/// `*connection`; HIATUS_EVENT_CONNECTED follows, or HIATUS_EVENT_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_connect(
    endpoint: *mut Handle,
    now_us: u64,
    local: *const Address,
    remote: *const Address,
    config: *const Settings,
    connection: *mut ConnectionNumber,
) -> Status {
    // SAFETY: as the header asks.
    let (local, remote, config, connection) = unsafe {
        (
            shared(local, "local"),
            shared(remote, "remote"),
            shared(config, "config"),
            out(connection, "connection"),
        )
    };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let (local, remote, config, connection) = (local?, remote?, config?, connection?);
        let (local, remote) = (local.socket("local.family")?, remote.socket("remote.family")?);
        let id = inner.endpoint.connect(Time(now_us), local, remote, config.of_engine()?)?;
        Ok(connection.give(named(id)))
    })
}

/// Takes as many of the `len_octets` octets at `data` as the send buffer has room for, from the front, and writes to
/// `*written_octets` how many; HIATUS_EVENT_WRITABLE follows when there is room again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_write(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
    data: *const u8,
    len_octets: usize,
    written_octets: *mut usize,
) -> Status {
    // SAFETY: as the header asks.
    let (data, written) =
        unsafe { (octets(data, len_octets, "data"), out(written_octets, "written_octets")) };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let (data, written) = (data?, written?);
        let id = inner.connection(connection)?;
        Ok(written.give(inner.endpoint.write(Time(now_us), id, data)?))
    })
}

/// Moves received octets, in order, to `data`, `capacity_octets` at most, and writes to `*read_octets` how many, 1 at least.
/// HIATUS_NOTHING: none are there now. HIATUS_END: the peer has closed, and all was read. Both write 0 to `*read_octets`. A
/// connection that is over for another reason gives HIATUS_ERROR_NO_CONNECTION: never the end of a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_read(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
    data: *mut u8,
    capacity_octets: usize,
    read_octets: *mut usize,
) -> Status {
    // SAFETY: as the header asks.
    let (data, read) =
        unsafe { (octets_mut(data, capacity_octets, "data"), out(read_octets, "read_octets")) };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let (data, read) = (data?, read?);
        let id = inner.connection(connection)?;
        let is_at_end = inner.is_at_end(id);
        let has_more = inner.endpoint.readable_octets(id) > 0;
        let is_over = inner.endpoint.state(id) == hiatus_engine::TcpState::Closed;
        let taken = inner.endpoint.read(Time(now_us), id, data);
        if taken == 0 && !has_more && is_over {
            return Err(Refusal::NoConnection { number: connection });
        }
        read.give(taken);
        Ok(match taken {
            0 if is_at_end && !has_more => Status::HIATUS_END,
            0 => Status::HIATUS_NOTHING,
            _ => Status::HIATUS_OK,
        })
    })
}

/// No more will be written; what was written is still delivered, and the peer's octets can still be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_close(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
) -> Status {
    // SAFETY: as the header asks.
    unsafe { command(endpoint, now_us, connection, Ok(Command::Close)) }
}

/// The same for an application that reads no more either: where octets are unread, or come later, the connection is reset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_close_both(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
) -> Status {
    // SAFETY: as the header asks.
    unsafe { command(endpoint, now_us, connection, Ok(Command::CloseBoth)) }
}

/// The connection ends now, and its peer is told so.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_abort(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
) -> Status {
    // SAFETY: as the header asks.
    unsafe { command(endpoint, now_us, connection, Ok(Command::Abort)) }
}

/// This host is going away: tells the peer, with how many seconds it expects to be away; 0 does not tell.
/// HIATUS_EVENT_SUSPEND_ACKNOWLEDGED follows; then the host may stop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_suspend(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
    expected_absence_s: u32,
) -> Status {
    let expected_absence = HoldTime::from_seconds(expected_absence_s);
    // SAFETY: as the header asks.
    unsafe { command(endpoint, now_us, connection, Ok(Command::Suspend { expected_absence })) }
}

/// This host is back with its memory intact, announced or not. Call it for every connection, before any packet or timeout
/// after the absence.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_resume(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
) -> Status {
    // SAFETY: as the header asks.
    unsafe { command(endpoint, now_us, connection, Ok(Command::Resume)) }
}

/// The same after HIATUS_ERROR_GENERATIONS_EXHAUSTED: with a new incarnation, greater than the last, and a nonce from fresh
/// entropy that is not 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_resume_anew(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
    incarnation: u32,
    nonce: u32,
) -> Status {
    let command_anew = Command::ResumeAnew { incarnation, nonce: Nonce(nonce) };
    // SAFETY: as the header asks.
    unsafe { command(endpoint, now_us, connection, Ok(command_anew)) }
}

/// What was received before a position is in a journal that outlives a rollback. `received` is as hiatus_connection_info()
/// gave it when the journal was written; with acknowledge_when_stable the octets are acknowledged from now on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_journaled(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
    received: u64,
) -> Status {
    let command_journaled = Command::Journaled { received: Position(received) };
    // SAFETY: as the header asks.
    unsafe { command(endpoint, now_us, connection, Ok(command_journaled)) }
}

/// How long data may stay unanswered before the connection is given up, in microseconds; UINT64_MAX waits for ever.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_set_user_timeout(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
    user_timeout_us: u64,
) -> Status {
    let r2 = if user_timeout_us == u64::MAX { Duration::MAX } else { Duration::from_micros(user_timeout_us) };
    // SAFETY: as the header asks.
    unsafe { command(endpoint, now_us, connection, Ok(Command::SetUserTimeout { r2 })) }
}

/// Turns the Nagle algorithm on (1) or off (0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_set_nagle(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
    on: u8,
) -> Status {
    // SAFETY: as the header asks.
    unsafe { command(endpoint, now_us, connection, settings::nagle_command(on)) }
}

/// Turns hold-send on (1) or off (0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_set_hold_send(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
    on: u8,
) -> Status {
    // SAFETY: as the header asks.
    unsafe { command(endpoint, now_us, connection, settings::sending_command(on)) }
}

/// Writes what is known of a connection to `*info`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_connection_info(
    endpoint: *mut Handle,
    connection: ConnectionNumber,
    info: *mut Report,
) -> Status {
    // SAFETY: as the header asks.
    let info = unsafe { out(info, "info") };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let (info, id) = (info?, inner.connection(connection)?);
        let report = Report::of(&inner.endpoint, id);
        Ok(info.give(report.ok_or(Refusal::NoConnection { number: connection })?))
    })
}

/// Asks something of a connection.
///
/// # Safety
///
/// `endpoint` is as the header asks.
unsafe fn command(
    endpoint: *mut Handle,
    now_us: u64,
    connection: ConnectionNumber,
    command: Result<Command, Refusal>,
) -> Status {
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let id = inner.connection(connection)?;
        inner.endpoint.command(Time(now_us), id, command?)?;
        Ok(Status::HIATUS_OK)
    })
}
