//! # hiatus-capi
//!
//! The engine's [`Endpoint`](hiatus_engine::Endpoint) for C: what Genode's VFS plugin or the port of an RTOS links.
//! `include/hiatus.h` is the interface and says what each call takes and gives; `README.md` has an example.
//!
//! Every call goes the same way: `ffi` turns pointers into references or refuses them, [`Handle`] lets one call at a time
//! in and keeps a panic inside, and what is below it is safe code that turns numbers into the engine's types.
//!
//! With the feature `std`, which is on by default, memory comes from the C library. Without it the crate is
//! `no_std + alloc`, and the C side defines three functions (`ffi/bare.rs`).
#![cfg_attr(not(feature = "std"), no_std)]

extern crate alloc;

mod address;
mod event;
pub mod ffi;
mod handle;
mod limits;
mod refusal;
mod report;
mod settings;
mod snapshot;
mod status;

pub use address::Address;
pub use event::{CloseCode, EventKind, FallbackCode, Happening, NetworkError};
pub use handle::Handle;
pub use limits::{Limits, Queue, Secrets};
pub use report::{HiatusStateCode, PeerStateCode, Report, SelfStateCode, TcpStateCode};
pub use settings::{HIATUS_NO_WINDOW_SCALE, HIATUS_OFFER_K, HIATUS_OFFER_N, HIATUS_OFFER_S, Settings};
pub use snapshot::{NewLife, PlacedRecord, Record, SaveFn, SavedRecord};
pub use status::Status;

// Only its feature is chosen here.
use crc32fast as _;

/// Names a connection of one endpoint. 0 names none.
pub type ConnectionNumber = u64;
/// Names a listener of one endpoint. 0 names none.
pub type ListenerNumber = u64;
