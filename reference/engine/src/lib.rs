//! # hiatus-engine
//!
//! TCP (RFC 9293) that carries Hiatus, without I/O: segments, commands and time go in, segments, events and the time of
//! the next timeout come out. A [`Connection`] is one plain value, so a snapshot of it is a clone and a rollback an
//! assignment.
//!
//! The crate knows no clock, socket, file, thread or randomness.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod acknowledge;
mod acknowledging;
mod arrived;
mod budget;
mod command;
mod config;
mod congestion;
mod connection;
mod delayed_ack;
mod ecn;
mod endpoint;
mod event;
mod failure;
mod hiatus;
mod icmp;
mod info;
mod keep_alive;
mod outgoing;
mod owed;
mod path;
mod persist;
mod plain;
mod predicted;
mod range;
mod receive;
mod record;
mod recovery;
mod retention;
mod rtt;
mod rule;
mod scoreboard;
mod send;
mod settings;
mod standing;
mod state;
mod stray;
mod tcb;
mod time;
mod timer;
mod timestamps;
mod transmit;

pub use command::{Command, CommandError, WriteError};
pub use config::{
    Acknowledging, Config, CongestionAlgorithm, DEFAULT_BUFFER_OCTETS, DEFAULT_DELAYED_ACK,
    DEFAULT_FIN_WAIT_2, DEFAULT_KEEP_ALIVE_IDLE, DEFAULT_MSL, DEFAULT_MSS_OCTETS, DEFAULT_R2, DEFAULT_R2_SYN,
    DEFAULT_RETAINED_OCTETS, DEFAULT_RTO_MAX, DEFAULT_RTO_MIN, DEFAULT_SEND_MSS_OCTETS,
    DEFAULT_SEND_MSS_V6_OCTETS, EcnPolicy, Endpoints, Entropy, HiatusPolicy, INITIAL_RTO, IpVersion,
    KeepAlive, KeySource, Nagle, Offer, PathMtuDiscovery, PlainTcp, RETAINED_OCTETS_LIMIT, Sacking, Sending,
    Timestamping, WINDOW_SCALE_MAX,
};
pub use connection::Connection;
#[cfg(feature = "mutants")]
pub use connection::proof::{Alarm, Positions};
pub use ecn::Ecn;
pub use endpoint::{
    Backlog, ChecksumStatus, ChecksumWriter, ConnectError, ConnectionId, Endpoint, EndpointLimits,
    EndpointSecrets, Extent, ListenError, ListenerId, Packet, Placed, Prefix, Restoration, RestoreError,
    Saved, Strays,
};
pub use event::{CloseReason, Event, FallbackReason, HiatusState, PeerState, SelfState, TcpState};
pub use icmp::{IcmpError, IcmpErrorKind};
pub use info::{ConnectionInfo, StablePoints};
pub use outgoing::Burst;
pub use record::{RECORD_LEN_OCTETS_MIN, RecordError, ends_of_record};
pub use rule::Rule;
pub use standing::Standing;
pub use stray::answer_stray;
pub use time::Time;

/// Octets of a TCP header at its longest: the room that every segment without data fits in.
pub const SEGMENT_LEN_OCTETS_MIN: usize = 60;
