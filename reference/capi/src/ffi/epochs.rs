//! Snapshots, and what comes back of them.

use alloc::vec::Vec;
use core::ffi::c_void;

use hiatus_engine::{Config, Extent, Saved, Time};

use crate::ffi::call;
use crate::ffi::pointers::{octets, optional, out, shared, values};
use crate::handle::{Handle, Phase, named};
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::snapshot::{NewLife, PlacedRecord, Record, SaveFn, SavedRecord};
use crate::status::Status;

/// An epoch is TAKEN: tells `save` what changed since the one before, in the first one of a life everything. Call it at the
/// instant at which the state of the applications is saved too. `epoch` is a number that grows with each one.
///
/// `save` is given `context` and one connection at a time, in any order. `*is_full`, which may be NULL, is 1 if everything was
/// told, so that nothing that was said before counts any more, else 0. Octets of a connection that is over and was not read to
/// its end are in no record.
///
/// If `save` returns anything but 0 the call ends with HIATUS_ERROR_CALLBACK. The epoch counts for nothing then, nor does any
/// that is not DURABLE yet, and the next one tells everything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_snapshot_taken(
    endpoint: *mut Handle,
    now_us: u64,
    epoch: u32,
    save: SaveFn,
    context: *mut c_void,
    is_full: *mut u8,
) -> Status {
    // SAFETY: as the header asks.
    let wants_extent = unsafe { optional(is_full, "is_full") };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let wants_extent = wants_extent?.is_some();
        let save = save.ok_or(Refusal::Null { argument: "save" })?;
        inner.must_be_up()?;
        let mut found = 0;
        let extent = inner.endpoint.snapshot_taken(Time(now_us), epoch, |saved| {
            if found == 0 {
                let told = told(&saved);
                // SAFETY: as the header asks of a callback; the record is valid until it returns.
                found = unsafe { save(context, &raw const told) };
            }
        });
        if found != 0 {
            inner.endpoint.forget_snapshots();
            return Err(Refusal::Callback { found });
        }
        if wants_extent {
            // SAFETY: it was found to be valid and aligned above.
            unsafe { is_full.write(u8::from(extent == Extent::Full)) };
        }
        Ok(Status::HIATUS_OK)
    })
}

fn told(saved: &Saved<'_>) -> SavedRecord {
    match *saved {
        Saved::Connection { id, record } => SavedRecord {
            connection: named(id),
            octets: record.as_ptr(),
            len_octets: u64::try_from(record.len()).unwrap_or(u64::MAX),
        },
        Saved::Gone { id } => SavedRecord { connection: named(id), octets: core::ptr::null(), len_octets: 0 },
    }
}

/// An epoch is DURABLE: all that was told of it and before it is kept for good. Octets that wait for it may leave, and peers
/// learn how far this host cannot go back. A number that is not that of a TAKEN epoch of this life changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_snapshot_durable(endpoint: *mut Handle, now_us: u64, epoch: u32) -> Status {
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        inner.endpoint.snapshot_durable(Time(now_us), epoch);
        Ok(Status::HIATUS_OK)
    })
}

/// What was told of earlier epochs counts for nothing: the next one tells everything. For a host whose store has failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_forget_snapshots(endpoint: *mut Handle) -> Status {
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        inner.endpoint.forget_snapshots();
        Ok(Status::HIATUS_OK)
    })
}

/// Brings every connection of a DURABLE epoch back, or none: then nothing was sent, and another epoch can be tried on the same
/// endpoint, which is one of hiatus_new_restoring().
///
/// `records` are `count` records, each connection's latest; `config` is for those that name none. `placed` may be NULL, or has
/// room for `count`: what became of each. `life` is kept, before this call, where nothing is rolled back. Connections send
/// RESUME when they are due (hiatus_poll_timeout()) or asked for; HIATUS_EVENT_RESUMED says that one is in step with its peer.
/// The application begins again with the state that was saved with the epoch.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_restore(
    endpoint: *mut Handle,
    now_us: u64,
    life: *const NewLife,
    config: *const Settings,
    records: *const Record,
    count: usize,
    placed: *mut PlacedRecord,
) -> Status {
    // SAFETY: as the header asks.
    let (life, config, records, wants_placed) = unsafe {
        (
            shared(life, "life"),
            shared(config, "config"),
            values(records, count, "records"),
            optional(placed, "placed"),
        )
    };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        let (life, config, records, wants_placed) = (life?, config?.of_engine()?, records?, wants_placed?);
        // SAFETY: as the header asks.
        let own = unsafe { own_configs(records) }?;
        // SAFETY: as the header asks.
        let octets = unsafe { all_octets(records) }?;
        let configs = own.iter().map(|own| own.as_ref().unwrap_or(&config));
        let mut found = Vec::with_capacity(records.len());
        Refusal::unless_within("life.is_latest_epoch", life.is_latest_epoch, (0, 1))?;
        let (now, records, placing) = (Time(now_us), configs.zip(octets), |one| found.push(one));
        match life.is_latest_epoch {
            0 => inner.endpoint.restore(now, &life.of_engine(), records, placing)?,
            _ => inner.endpoint.restore_latest(now, &life.of_engine(), records, placing)?,
        }
        inner.phase = Phase::Up;
        if wants_placed.is_some() {
            for (at, one) in found.into_iter().enumerate() {
                let one = PlacedRecord::of(&inner.endpoint, one);
                // SAFETY: it is aligned and has room for as many as there are records.
                unsafe { placed.add(at).write(one) };
            }
        }
        Ok(Status::HIATUS_OK)
    })
}

/// The configurations that records name.
///
/// # Safety
///
/// Their pointers are as the header asks.
unsafe fn own_configs(records: &[Record]) -> Result<Vec<Option<Config>>, Refusal> {
    let own = |record: &Record| {
        // SAFETY: the caller vouches for it.
        let config = unsafe { optional(record.config, "records[].config") }?;
        config.map(Settings::of_engine).transpose()
    };
    records.iter().map(own).collect()
}

/// The octets of all records.
///
/// # Safety
///
/// Their pointers are as the header asks.
unsafe fn all_octets<'c>(records: &'c [Record]) -> Result<Vec<&'c [u8]>, Refusal> {
    let of = |record: &Record| {
        let len_octets = usize::try_from(record.len_octets).unwrap_or(usize::MAX);
        // SAFETY: the caller vouches for it.
        unsafe { octets::<'c>(record.octets, len_octets, "records[].octets") }
    };
    records.iter().map(of).collect()
}

/// Writes to `*tsval` the host's timestamp clock, in milliseconds modulo 2^32. A host that may be rolled back keeps a ceiling
/// of it outside of what rolls back, and raises that ahead of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_timestamp_clock(
    endpoint: *mut Handle,
    now_us: u64,
    tsval: *mut u32,
) -> Status {
    // SAFETY: as the header asks.
    let tsval = unsafe { out(tsval, "tsval") };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| {
        Ok(tsval?.give(inner.endpoint.timestamp_clock(Time(now_us))))
    })
}

/// Writes to `*count` how many restored connections still wait for their turn to send RESUME.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hiatus_returning(endpoint: *mut Handle, count: *mut u32) -> Status {
    // SAFETY: as the header asks.
    let count = unsafe { out(count, "count") };
    // SAFETY: as the header asks.
    call(unsafe { shared(endpoint, "endpoint") }, |inner| Ok(count?.give(inner.endpoint.returning())))
}
