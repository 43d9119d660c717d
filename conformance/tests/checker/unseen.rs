//! Mutants that break a judged rule, and whose captures do not show it.

/// The case ends at what does not come, before anything shows that the host was there all the time.
const ENDS: &str = "the case ends before anything shows that the host was there";
/// What it sends instead, a host may send that lost its state.
const STATELESS: &str = "a host that has lost its state answers so";
/// What it sends instead, a host may send at any time.
const SHED: &str = "ABORT with reason SHED may be sent at any time";
/// It does not take part, as any legacy peer.
const DECLINES: &str = "a host that has not the extension does the same";
/// It closes the connection, and sends nothing.
const CLOSES: &str = "a host that closes in silence looks like one that is switched off";

/// Mutant, requirement, why.
pub(super) const UNSEEN: &[(&str, &str, &str)] = &[
    ("aborts-again-for-resume-only", "HIA-MUST-81", ENDS),
    ("answers-one-resume", "HIA-MUST-70", ENDS),
    ("answers-one-suspend", "HIA-MUST-48", ENDS),
    (
        "asks-needlessly",
        "HIA-MUST-123",
        "why a host asks does not show, and a RESUME may be sent at any time",
    ),
    ("asks-once", "HIA-MUST-104", ENDS),
    ("bare-rst", "HIA-MUST-72", STATELESS),
    ("bare-rst", "HIA-MUST-75", STATELESS),
    ("bare-rst", "HIA-MUST-76", STATELESS),
    ("bare-rst", "HIA-MUST-79", STATELESS),
    ("believes-an-epoch-beyond-its-ack", "HIA-MUST-94", ENDS),
    ("capable-gives-way", "HIA-MUST-15", "it leaves the option out, and sends no SACK block in its place"),
    ("confirms-once", "HIA-MUST-33", ENDS),
    ("counts-across-messages", "HIA-MUST-67", ENDS),
    ("counts-late-rsts", "HIA-MUST-66", CLOSES),
    ("counts-rsts-apart", "HIA-MUST-66", CLOSES),
    ("counts-strays-as-plain", "HIA-MUST-67", ENDS),
    ("deaf-to-abort", "HIA-MUST-80", ENDS),
    ("deaf-to-bad-resume", "HIA-MUST-110", ENDS),
    ("deaf-to-bad-resume", "HIA-MUST-22", ENDS),
    ("deaf-to-resume", "HIA-MUST-69", ENDS),
    ("deaf-to-suspend", "HIA-MUST-48", ENDS),
    ("dies-of-a-bare-rst", "HIA-MUST-66", CLOSES),
    ("does-not-notice-a-rollback", "HIA-MUST-103", ENDS),
    ("drops-all-options-on-error", "HIA-MUST-9", DECLINES),
    ("echoes-once", "HIA-MUST-34", ENDS),
    ("forgets-its-abort", "HIA-MUST-81", ENDS),
    ("forgets-stable-points", "HIA-MUST-94", ENDS),
    ("holds-for-ever", "HIA-MUST-83", ENDS),
    ("looks-at-first-option-only", "HIA-MUST-8", ENDS),
    ("looks-at-last-option", "HIA-MUST-8", ENDS),
    ("lowers-its-stable-point", "HIA-MUST-94", ENDS),
    ("never-aborts", "HIA-MUST-72", ENDS),
    ("never-aborts", "HIA-MUST-75", ENDS),
    ("never-aborts", "HIA-MUST-76", ENDS),
    ("never-asks", "HIA-MUST-104", ENDS),
    ("never-confirms", "HIA-MUST-31", ENDS),
    ("never-echoes", "HIA-MUST-34", ENDS),
    ("never-goes-on", "HIA-MUST-77", ENDS),
    ("refuses-longer-options", "HIA-MUST-7", DECLINES),
    ("refuses-option-flags", "HIA-MUST-2", DECLINES),
    ("reports-ever-more-rarely", "HIA-MUST-92", "the RESUMEs between the copies begin the intervals anew"),
    ("reports-once", "HIA-MUST-92", ENDS),
    ("resumes-once", "HIA-MUST-63", ENDS),
    ("silent-to-a-plain-peer", "HIA-MUST-110", ENDS),
    ("stops-at-unknown-kind", "HIA-MUST-11", DECLINES),
    ("stops-at-wrong-length", "HIA-MUST-11", DECLINES),
    ("survives-resets", "HIA-MUST-66", ENDS),
    ("syn-never-offers", "HIA-MUST-24", DECLINES),
    ("synack-copies-version", "HIA-MUST-27", "a host may know the version that it is offered"),
    ("synack-never-answers", "HIA-MUST-26", DECLINES),
    ("takes-older-life", "HIA-MUST-65", ENDS),
    ("takes-taken-for-durable", "HIA-MUST-90", "which epoch is DURABLE only the host knows"),
    ("tests-before-messages", "HIA-MUST-87", ENDS),
    ("waits-after-answering", "HIA-MUST-64", ENDS),
    ("waits-for-the-echo", "HIA-MUST-84", ENDS),
    (
        "writes-after-a-long-time",
        "HIA-MUST-123",
        "the new octets come without timestamps, and with them the ticks",
    ),
    ("wrong-abort-reason", "HIA-MUST-72", SHED),
    ("wrong-abort-reason", "HIA-MUST-75", SHED),
    ("wrong-abort-reason", "HIA-MUST-76", SHED),
    ("challenges-without-limit", "HIA-MUST-22", "the limit is the host's own"),
    ("compares-epoch-numbers", "HIA-MUST-34", ENDS),
    ("deaf-after-a-flood", "HIA-MUST-48", ENDS),
    ("deaf-after-a-flood", "HIA-MUST-69", ENDS),
    ("drops-broken-segments", "HIA-MUST-11", ENDS),
    ("drops-broken-segments", "HIA-MUST-6", ENDS),
    ("drops-broken-segments", "HIA-MUST-9", ENDS),
    ("drops-short-abort", "HIA-MUST-6", ENDS),
    (
        "takes-a-later-key",
        "HIA-MUST-18",
        "of two keys that a peer has sent, either may be the one that counts",
    ),
];
