//! Two engines and no network: what leaves the one is handed to the other, or kept from it.
//!
//! Expected values are the draft's and RFC 9293's, written by hand.

mod absence;
mod acknowledging;
mod appendix_b;
mod asking;
mod bursts;
mod closing;
mod corners;
mod delayed_ack;
mod durability;
mod ecn;
mod ending;
mod extensions;
mod failing;
mod forged;
mod holding;
mod keep_alive;
mod lingering;
mod lives;
mod loss;
mod nagle;
mod negotiation;
mod network_errors;
mod pair;
mod path_mtu;
mod persisting;
mod plain_value;
mod random;
mod receive;
mod records;
mod restoring;
mod resume_met;
mod returning;
mod sack;
mod sack_blocks;
mod segment_arrives;
mod sender;
mod synchronising;
mod tcp;
mod time_wait;
mod transitions;
