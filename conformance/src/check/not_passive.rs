//! The requirements that a packet can show, and a passive observer cannot decide, and why.
//!
//! Those that no packet shows at all stand in `spec/not-observable.toml`.

/// A capture of a host that was switched off, or has lost its state, looks the same as one that breaks the rule.
const MAY_BE_DEAD: &str = "a host that was switched off or has lost its state looks the same";
/// The host's stable storage is its own.
const DURABLE: &str = "which epoch is DURABLE, and since when, only the host knows";

/// Label and reason.
const NOT_PASSIVE: [(&str, &str); 37] = [
    ("HIA-SHOULD-2", "why a host does not answer a message does not show"),
    ("HIA-MUST-120", "how a receiver reads N shows only in what it keeps for its peer"),
    ("HIA-MUST-14", "a connection closes without a segment, whatever the reason"),
    ("HIA-SHOULD-1", "a responder that declines the offer leaves out CAPABLE and sends the cookie, too"),
    ("HIA-MUST-21", MAY_BE_DEAD),
    ("HIA-MUST-116", MAY_BE_DEAD),
    ("HIA-MUST-23", "a resend has other causes than duplicate ACKs"),
    ("HIA-MUST-45", "the RTO of an end does not show, and RFC 6298 sets no lowest one"),
    ("HIA-MUST-47", "a host in LEAVING may stop at any time, and then accepts nothing"),
    ("HIA-MUST-51", "what RFC 9293 says to a segment depends on windows, timers and limits of the host"),
    ("HIA-MUST-52", MAY_BE_DEAD),
    ("HIA-MUST-53", MAY_BE_DEAD),
    ("HIA-SHOULD-5", "what an application is told is no segment"),
    ("HIA-MUST-56", MAY_BE_DEAD),
    ("HIA-MUST-57", MAY_BE_DEAD),
    (
        "HIA-MUST-88",
        "whether an RST led to PRESUMED does not show, and a connection closes without a segment",
    ),
    ("HIA-MUST-58", "when a host enters PRESUMED does not show, and a RESUME may ask for other reasons"),
    ("HIA-MUST-59", "what a host sends when it is UP again depends on what its application wrote"),
    ("HIA-SHOULD-9", "the RTO and the congestion window of a host do not show"),
    ("HIA-MUST-68", "R2 is the host's own, and a connection closes without a segment"),
    ("HIA-SHOULD-6", "the random part may be none"),
    ("HIA-MUST-74", "whether a host can derive its key does not show"),
    ("HIA-MUST-91", DURABLE),
    ("HIA-MUST-95", "what a host sheds, and when, does not show"),
    ("HIA-MUST-96", "why a host sends nothing does not show"),
    ("HIA-MUST-97", "what a host sheds, and when, does not show"),
    ("HIA-MUST-99", DURABLE),
    ("HIA-MUST-122", "SND.MAX of a restored host does not show, and so not what lies above it"),
    ("HIA-MUST-105", "when a host is restored, and how many connections it has saved, does not show"),
    ("HIA-MUST-124", DURABLE),
    ("HIA-MUST-89", "which epoch a host is restored to does not show"),
    ("HIA-MUST-107", "the end of the restored send buffer does not show"),
    ("HIA-MUST-111", MAY_BE_DEAD),
    ("HIA-MUST-112", MAY_BE_DEAD),
    ("HIA-MUST-113", "a host answers a SYN as in TIME-WAIT or anew; whether it lingers does not show"),
    ("HIA-SHOULD-11", MAY_BE_DEAD),
    ("HIA-MUST-121", "SND.NXT of the restored state does not show"),
];

/// The requirements of which no capture shows enough, and why; in the order of the draft.
#[must_use]
pub fn not_passive() -> &'static [(&'static str, &'static str)] {
    &NOT_PASSIVE
}
