//! # hiatus-store
//!
//! Where a host keeps what it can be restored to. A [`Store`] rolls back with the host: it holds the latest DURABLE epoch,
//! that is, the connections and the state of the applications, all of one instant. An [`Outside`] lies on another volume
//! and never rolls back: the incarnations that were used, the line, the ceiling of timestamps (draft, {#restoring}).
//!
//! TAKEN and DURABLE are two calls. An [`Epoch`] collects in memory what changed, at one instant; [`Store::commit`] makes
//! it durable later, on any thread, and returns when it is. `docs/store.md` has the octets and what holds after a crash.
//!
//! Order of a start: [`Store::restore`], which gives an epoch only when it is DURABLE; [`Outside::begin_life`] with that
//! epoch; then the connections, each restored with its application; then the first segment.
//!
//! Below is redb. The crate knows no clock, thread or randomness.
#![forbid(unsafe_code)]

mod epoch;
mod error;
mod image;
mod ledger;
mod line;
mod octets;
mod outside;
mod segment;
mod store;
mod volume;

pub use epoch::{
    APPLICATION_OCTETS_MAX, Epoch, EpochId, NAME_OCTETS_MAX, RECORD_OCTETS_MAX, RecordId, TakeError, Taker,
};
pub use error::{Damage, Fault, OpenError, Place};
pub use image::Image;
pub use line::{LINE_LIVES_MAX, OffLine};
pub use outside::{
    BeginLifeError, NewLife, Origin, Outside, RESTORE_STEP_TICKS, RaiseError, TSVAL_AHEAD_TICKS,
};
pub use segment::SEGMENT_OCTETS_MAX;
pub use store::{CommitError, Store, Usage};
pub use volume::FORMAT_VERSION;
