//! Reading captures: files to records, records to TCP segments, segments to connections.
//!
//! Everything here streams: whatever the size of the file, memory is bounded by the named constants of these
//! modules, and no octets, however wrong, make it panic. What could not be read is said as a [`Problem`].

mod classic;
mod fields;
pub mod flow;
pub mod generate;
mod link;
mod pcapng;
mod problem;
mod reader;
mod segment;
mod source;
mod time;

pub use problem::{CaptureError, Problem};
pub use reader::{Comments, Reader, Record};
pub use segment::{Endpoint, Found, NotTcp, Segment, find_segment};
pub use time::Timestamp;
pub(crate) use time::span;
