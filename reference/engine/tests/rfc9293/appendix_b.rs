//! Appendix B of RFC 9293, "TCP Requirement Summary", as it was read by a person: label, section of the sentence, column
//! of the table. A label that stands in several rows is there as often.
//!
//! The sentence that says MUST-22 has lost its label in the RFC: "SYN retransmissions MUST be handled in the general way".

use Column::{May, Must, MustNot, Should, ShouldNot};

/// The column with the X.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Must,
    Should,
    May,
    ShouldNot,
    MustNot,
}

/// The X stands under SHOULD, the sentence says MAY.
pub(crate) const SENTENCE_SAYS_MAY: [&str; 3] = ["MAY-5", "MAY-10", "MAY-11"];
/// The X stands under MUST, the sentence says SHOULD.
pub(crate) const SENTENCE_SAYS_SHOULD: [&str; 1] = ["SHLD-25"];

/// The rows.
pub(crate) const APPENDIX_B: &[(&str, &str, Column)] = &[
    // PUSH flag
    ("MAY-16", "3.9.1.2", May),
    ("SHLD-27", "3.9.1.2", Should),
    ("MAY-15", "3.9.1.2", May),
    ("MUST-60", "3.9.1.2", MustNot),
    ("MUST-61", "3.9.1.2", Must),
    ("MAY-17", "3.9.1.3", May),
    ("SHLD-28", "3.9.1.2", Should),
    // Window
    ("MUST-1", "3.1", Must),
    ("REC-1", "3.1", Should),
    ("SHLD-14", "3.8.6", ShouldNot),
    ("SHLD-15", "3.8.6", ShouldNot),
    ("SHLD-16", "3.8.6", Should),
    ("SHLD-17", "3.8.6", ShouldNot),
    ("MUST-34", "3.8.6", Must),
    ("MAY-8", "3.8.6.1", May),
    ("MUST-35", "3.8.6", Must),
    ("MUST-36", "3.8.6.1", Must),
    ("SHLD-29", "3.8.6.1", Should),
    ("SHLD-30", "3.8.6.1", Should),
    ("MUST-37", "3.8.6.1", Must),
    ("MAY-7", "3.8.6", May),
    ("MUST-66", "3.4", Must),
    // Urgent Data
    ("MUST-30", "3.8.5", Must),
    ("MUST-62", "3.8.5", Must),
    ("MUST-31", "3.8.5", Must),
    ("MUST-32", "3.8.5", Must),
    ("MUST-33", "3.8.5", Must),
    ("SHLD-13", "3.8.5", ShouldNot),
    // TCP Options
    ("MUST-4", "3.1", Must),
    ("MUST-5", "3.1", Must),
    ("MUST-6", "3.1", Must),
    ("MUST-68", "3.1", Must),
    ("MUST-7", "3.1", Must),
    ("MUST-64", "3.2", Must),
    ("MUST-14", "3.7.1", Must),
    ("SHLD-5", "3.7.1", Should),
    ("SHLD-5", "3.7.1", Should),
    ("MAY-3", "3.7.1", May),
    ("MUST-15", "3.7.1", Must),
    ("MUST-15", "3.7.1", Must),
    ("MUST-16", "3.7.1", Must),
    ("SHLD-6", "3.7.3", Should),
    ("MUST-65", "3.2", MustNot),
    ("MUST-67", "3.7.1", Must),
    ("MUST-69", "3.1", Must),
    // TCP Checksums
    ("MUST-2", "3.1", Must),
    ("MUST-3", "3.1", Must),
    // ISN Selection
    ("MUST-8", "3.4.1", Must),
    ("SHLD-1", "3.4.1", Should),
    ("MUST-9", "3.4.1", MustNot),
    // Opening Connections
    ("MUST-10", "3.5", Must),
    ("MUST-11", "3.5", Must),
    ("MUST-41", "3.9.1.1", MustNot),
    ("MUST-42", "3.9.1.1", Must),
    ("MUST-44", "3.9.1.1", Must),
    ("MUST-45", "3.9.1.1", Must),
    ("MUST-46", "3.9.1.1", MustNot),
    ("MUST-57", "3.9.2.3", Must),
    // Closing Connections
    ("SHLD-2", "3.5.3", Should),
    ("MUST-12", "3.6", Must),
    ("MAY-1", "3.6.1", May),
    ("SHLD-3", "3.6.1", Should),
    ("MUST-13", "3.6.1", Must),
    ("MAY-2", "3.6.1", May),
    ("SHLD-4", "3.6.1", Should),
    // Retransmissions
    ("MUST-19", "3.8.2", Must),
    ("MAY-4", "3.8.1", May),
    ("MUST-18", "3.8.1", Must),
    // Generating ACKs
    ("MUST-58", "3.10.7.4", Must),
    ("SHLD-31", "3.10.7.4", Should),
    ("MUST-59", "3.10.7.4", Must),
    ("MAY-13", "3.10.7.4", May),
    ("SHLD-18", "3.8.6.3", Should),
    ("MUST-40", "3.8.6.3", Must),
    ("SHLD-19", "3.8.6.3", Should),
    ("MUST-39", "3.8.6.2.2", Must),
    // Sending Data
    ("MUST-49", "3.9.2", Must),
    ("MUST-38", "3.8.6.2.1", Must),
    ("SHLD-7", "3.7.4", Should),
    ("MUST-17", "3.7.4", Must),
    // Connection Failures
    ("MUST-20", "3.8.3", Must),
    ("MUST-20", "3.8.3", Must),
    ("MUST-21", "3.8.3", Must),
    ("SHLD-9", "3.8.3", Should),
    ("SHLD-10", "3.8.3", Should),
    ("SHLD-11", "3.8.3", Should),
    ("MUST-22", "3.8.3", Must),
    ("MUST-23", "3.8.3", Must),
    // Send Keep-alive Packets
    ("MAY-5", "3.8.4", Should),
    ("MUST-24", "3.8.4", Must),
    ("MUST-25", "3.8.4", Must),
    ("MUST-26", "3.8.4", Must),
    ("MUST-27", "3.8.4", Must),
    ("MUST-28", "3.8.4", Must),
    ("MUST-29", "3.8.4", Must),
    ("SHLD-12", "3.8.4", Should),
    ("MAY-6", "3.8.4", May),
    // IP Options
    ("MUST-50", "3.9.2", Must),
    ("MAY-10", "3.9.2", Should),
    ("MAY-11", "3.9.2", Should),
    ("MUST-51", "3.9.2.1", Must),
    ("MUST-52", "3.9.2.1", Must),
    ("MUST-53", "3.9.2.1", Must),
    ("SHLD-24", "3.9.2.1", Should),
    // Receiving ICMP Messages from IP
    ("MUST-54", "3.9.2.2", Must),
    ("SHLD-25", "3.9.2.2", Must),
    ("MUST-56", "3.9.2.2", MustNot),
    ("SHLD-26", "3.9.2.2", Should),
    ("MUST-55", "3.9.2.2", Must),
    ("MUST-56", "3.9.2.2", MustNot),
    ("MUST-56", "3.9.2.2", MustNot),
    // Address Validation
    ("MUST-46", "3.9.1.1", Must),
    ("MUST-63", "3.9.2.3", Must),
    ("MUST-57", "3.9.2.3", Must),
    // TCP/ALP Interface Services
    ("MUST-47", "3.9.1.8", Must),
    ("SHLD-20", "3.9.1.8", Should),
    ("MUST-48", "3.9.1.9", Must),
    ("SHLD-22", "3.9.1.9", Should),
    ("SHLD-21", "3.9.1.9", Should),
    ("SHLD-23", "3.9.2", ShouldNot),
    ("MAY-9", "3.9.1.9", May),
    ("MAY-14", "3.9.1.7", May),
    ("MUST-43", "3.9.1.1", Must),
    // RFC 5961 Support
    ("MAY-12", "3.10.7.4", May),
    // Explicit Congestion Notification
    ("SHLD-8", "3.8.2", Should),
    // Alternative Congestion Control
    ("MAY-18", "3.8.2", May),
];
