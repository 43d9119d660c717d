//! The conformance suite for Hiatus: reading captures, judging them, telling them as a story.
//!
//! * [`capture`] reads pcap and pcapng and finds the TCP segments in them.
//! * [`check`] says what happened to the connections of a capture and which requirements held.
//! * [`show`] prints a capture as a transcript, a line a segment.

pub mod capture;
pub mod check;
pub mod show;
