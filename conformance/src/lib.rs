//! The conformance suite for Hiatus: cases that a target is run against, and captures that are read, judged and told.
//!
//! Running:
//! * [`case`](mod@case) has the cases, [`script`] reads them, [`runner`] carries one out in virtual time.
//! * [`target`] is what they run against; [`adapter`] has the lines to one that is a process of its own, and
//!   [`target::mutant`] breaks one rule at a time.
//! * [`packet`] has segments in IP packets, and ICMP errors.
//! * [`record`] makes the capture of a case, [`report`] the table, JSON, JUnit and HTML of a run.
//! * [`lint`] finds mistakes in scripts that can be read.
//! * [`command`] is what the command line does, [`requirement`] is the index of the draft's requirements.
//!
//! Captures:
//! * [`capture`] reads pcap and pcapng and finds the TCP segments in them.
//! * [`check`] says what happened to the connections of a capture and which requirements held.
//! * [`show`] prints a capture as a transcript, a line a segment.

pub mod adapter;
pub mod capture;
pub mod case;
pub mod check;
pub mod command;
pub mod lint;
pub mod packet;
pub mod record;
pub mod report;
pub mod requirement;
pub mod runner;
pub mod script;
pub mod seed;
pub mod session;
pub mod show;
pub mod target;
pub mod tell;
pub mod verdict;
pub mod wire;
