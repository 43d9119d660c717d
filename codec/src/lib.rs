//! # hiatus-codec
//!
//! The octets of Hiatus: the TCP header, every TCP option, the Hiatus messages among them, and their MAC.
//!
//! * [`Segment`] is a zero-copy view of a TCP segment; [`Segment::parse`] and [`Segment::emit`] are mirror images.
//! * [`options`] walks *all* options of a header. It keeps unknown kinds, stops at End of Option List, and never
//!   resynchronises after a structural error (draft, {#opt-parsing}).
//! * [`KnownOptions`] is the same walk folded into what a TCP needs of one segment.
//! * [`Message`] holds the Hiatus messages; [`mac`] computes and checks what authenticates them.
//!
//! ```
//! use hiatus_codec::{EpochEcho, Message, OptionWriter, options};
//!
//! let mut writer = OptionWriter::new();
//! writer.message(&Message::EpochEcho(EpochEcho { stable_point: 1001 }))?;
//! let area = writer.finish();
//! assert_eq!(area, [253, 9, 0x48, 0x49, 0x20, 0, 0, 3, 0xe9, 0, 0, 0]);
//!
//! let texts: Vec<String> = options(area).map(|item| item.unwrap().to_string()).collect();
//! assert_eq!(texts, ["epoch-echo 1001", "eol"]);
//! # Ok::<(), hiatus_codec::EmitError>(())
//! ```
//!
//! The crate never allocates, never panics on any octets, and holds no `unsafe`. `nom` stays inside: no public
//! signature shows it.
#![no_std]
#![forbid(unsafe_code)]

mod error;
mod field;
mod hold;
mod known;
mod life;
pub mod mac;
mod message;
mod option;
mod position;
mod segment;
mod sequence;
mod standard;
mod walk;
mod write;

pub use error::{EmitError, OptionError, SegmentError};
pub use hold::HoldTime;
pub use known::KnownOptions;
pub use life::{Life, Nonce};
pub use message::abort::{Abort, AbortReason};
pub use message::capable::{Capable, CapableBits, ConnectionKey};
pub use message::epoch::{Epoch, EpochEcho};
pub use message::resume::{Resume, ResumeAck};
pub use message::suspend::{Suspend, SuspendAck};
pub use message::{HiatusOption, Message, Subtype, UnknownMessage};
pub use option::{ExperimentId, OptionKind, RawOption, TcpOption};
pub use position::Position;
pub use segment::{Flags, Segment};
pub use sequence::SequenceNumber;
pub use standard::{SackBlock, SackBlocks, Timestamps};
pub use walk::{Options, options};
pub use write::OptionWriter;

/// Octets that a TCP header has room for in options: Data Offset is at most 15 words, 5 of them fixed
/// (RFC 9293, section 3.1).
pub const OPTIONS_LEN_OCTETS_MAX: usize = 40;
