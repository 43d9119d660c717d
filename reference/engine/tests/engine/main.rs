//! Two engines and no network: what leaves the one is handed to the other, or kept from it.
//!
//! Expected values are the draft's and RFC 9293's, written by hand.

mod absence;
mod appendix_b;
mod bursts;
mod delayed_ack;
mod ending;
mod forged;
mod holding;
mod lives;
mod nagle;
mod negotiation;
mod pair;
mod persisting;
mod plain_value;
mod random;
mod receive;
mod restoring;
mod resume_met;
mod returning;
mod sack_blocks;
mod synchronising;
mod tcp;
mod transitions;
