//! Epochs and what comes back of them.

use core::ffi::c_void;
use core::net::SocketAddr;

use hiatus_engine::{Endpoint, Placed, Restoration, Time};

use crate::ConnectionNumber;
use crate::address::Address;
use crate::handle::named;
use crate::settings::Settings;

/// What a snapshot says of one connection.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct SavedRecord {
    /// Its name in this life of the endpoint.
    pub connection: ConnectionNumber,
    /// Its record, valid until the callback returns: it takes the place of what was said of it before. NULL: the connection
    /// is over, and what was said of it before counts no longer.
    pub octets: *const u8,
    /// Octets of the record; 0 with NULL.
    pub len_octets: u64,
}

/// A record of an epoch that is to be restored.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Record {
    /// As hiatus_snapshot_taken() gave it.
    pub octets: *const u8,
    /// Octets of the record.
    pub len_octets: u64,
    /// How the connection is to behave; NULL: as the one given for all.
    pub config: *const Settings,
}

/// What is said of the new life by a source outside of all that is rolled back.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NewLife {
    /// When the epoch was TAKEN, in microseconds by the clock of its life.
    pub taken_us: u64,
    /// Drawn anew, from entropy that is no part of the restored state.
    pub instance: [u8; 16],
    /// Greater than every incarnation that this host has used before; 1 after a first life.
    pub incarnation: u32,
    /// hiatus_timestamp_clock() was never above it in an earlier life; modulo 2^32.
    pub tsval_ceiling: u32,
    /// 1: none that is DURABLE was TAKEN after this epoch, or was when the host fell silent; plain connections with
    /// plain_durable come back, too. 0: nobody knows, and they are lost.
    pub is_latest_epoch: u8,
    /// 0.
    pub reserved: [u8; 7],
}

impl NewLife {
    pub(crate) fn of_engine(&self) -> Restoration {
        let Self { taken_us, instance, incarnation, tsval_ceiling, is_latest_epoch: _, reserved: _ } = *self;
        Restoration { incarnation, instance, tsval_ceiling, taken: Time(taken_us) }
    }
}

/// What became of one record.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct PlacedRecord {
    /// The name of its connection, which is there again. 0: it is lost and deleted without a segment, for Hiatus was not on,
    /// or this end did not offer N, or timestamps are not in use; of plain TCP, that it is not durable.
    pub connection: ConnectionNumber,
    /// This end.
    pub local: Address,
    /// The other end.
    pub remote: Address,
}

impl PlacedRecord {
    pub(crate) fn of(endpoint: &Endpoint, placed: Placed) -> Self {
        let address = |address: Option<SocketAddr>| address.map(Address::of).unwrap_or_default();
        match placed {
            Placed::Kept(id) => {
                let (local, remote) = (address(endpoint.local(id)), address(endpoint.remote(id)));
                Self { connection: named(id), local, remote }
            }
            Placed::Lost { local, remote } => {
                Self { connection: 0, local: Address::of(local), remote: Address::of(remote) }
            }
        }
    }
}

/// Keeps what a snapshot says of one connection. Returns 0, or something else if it cannot.
pub type SaveFn = Option<unsafe extern "C" fn(context: *mut c_void, saved: *const SavedRecord) -> i32>;
