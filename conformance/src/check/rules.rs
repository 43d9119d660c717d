//! Every requirement of the draft that a capture can decide, and what is looked at; and those that none can, and why.
//!
//! A requirement stands here or in `spec/not-observable.toml`, in one place only; a test sees to it.

/// A rule: the index of its row in [`RULES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule(usize);

impl Rule {
    /// Its row.
    pub(super) fn index(self) -> usize {
        self.0
    }
}

/// The rule of `label`. For constants: a label that has no row does not compile.
pub(super) const fn rule(label: &str) -> Rule {
    let mut index = 0;
    while index < RULES.len() {
        if is_same(RULES[index].0.as_bytes(), label.as_bytes()) {
            return Rule(index);
        }
        index += 1;
    }
    panic!("no such rule")
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// Label of a requirement, and what is looked at. The order is that of the report.
pub(super) const RULES: [(&str, &str); 91] = [
    ("HIA-MUST-1", "the four flags of every Hiatus option are zero"),
    ("HIA-MUST-2", "a message whose flags are not zero is answered like any other"),
    ("HIA-MUST-3", "no segment carries two Hiatus options"),
    ("HIA-MUST-4", "a message on a segment that cannot carry it is not answered"),
    ("HIA-MUST-5", "an option of an unknown subtype is not answered"),
    ("HIA-MUST-6", "an option shorter than its message is not answered"),
    ("HIA-MUST-7", "a message with further octets is answered like any other"),
    ("HIA-MUST-8", "of several Hiatus options, the first that counts is answered"),
    ("HIA-MUST-9", "a message before a structural error is answered, one behind it is not"),
    ("HIA-MUST-10", "a message behind End of Option List is not answered"),
    ("HIA-MUST-11", "a message behind an option of unknown Kind or wrong Length is answered"),
    (
        "HIA-MUST-12",
        "a CAPABLE with Version 0, or above the offered one, is not answered with the long CAPABLE",
    ),
    ("HIA-MUST-118", "a RESUME with nonce zero is not answered"),
    ("HIA-MUST-13", "SEG.ACK of a RESUME-ACK is the smaller of R and SEG.SEQ of the RESUME"),
    ("HIA-MUST-15", "a segment that lacks a message that is due has no SACK block instead"),
    ("HIA-MUST-17", "every CAPABLE of an end has the same key"),
    ("HIA-MUST-18", "the MAC is right, by the keys in the handshake"),
    ("HIA-MUST-19", "an EPOCH or SUSPEND with a wrong MAC is not answered"),
    ("HIA-MUST-20", "a RESUME-ACK with a wrong MAC does not end a return"),
    ("HIA-MUST-22", "a RESUME with a wrong MAC is answered with an ACK, never with a message"),
    ("HIA-MUST-24", "the first two SYNs of an offer carry the short CAPABLE, later ones none"),
    ("HIA-MUST-25", "the SYN/ACK to a SYN without CAPABLE carries no Hiatus option"),
    ("HIA-MUST-26", "the first two SYN/ACKs of an acceptance carry the long CAPABLE, later ones none"),
    ("HIA-MUST-27", "the Version in the SYN/ACK is not above the offered one"),
    ("HIA-MUST-28", "the initiator sends no Hiatus option after a SYN/ACK without a usable long CAPABLE"),
    (
        "HIA-MUST-29",
        "the initiator's first six segments carry the long CAPABLE until an EPOCH comes or a third copy is sent",
    ),
    ("HIA-MUST-30", "no CAPABLE after the sixth segment, nor after the EPOCH is echoed"),
    ("HIA-MUST-117", "no CAPABLE on what the second expiry in a row sends again"),
    ("HIA-MUST-119", "no EPOCH answers a long CAPABLE with another Version than that of the SYN/ACK"),
    ("HIA-MUST-31", "the first segment with the long CAPABLE is answered with an EPOCH"),
    ("HIA-MUST-32", "no Hiatus option of the responder after a first segment without the long CAPABLE"),
    ("HIA-MUST-33", "the EPOCH of the negotiation is sent at most six times, at intervals that double"),
    ("HIA-MUST-34", "an EPOCH is answered with an EPOCH-ECHO that repeats its Stable Point"),
    ("HIA-MUST-35", "an EPOCH beyond what the receiver has sent is not echoed"),
    ("HIA-MUST-84", "a responder that waits for an EPOCH-ECHO answers an EPOCH, SUSPEND or RESUME"),
    (
        "HIA-MUST-36",
        "no message but CAPABLE, EPOCH, EPOCH-ECHO and ABORT before EPOCH (initiator) or EPOCH-ECHO (responder)",
    ),
    ("HIA-MUST-37", "a SUSPEND or RESUME before the connection is on is not answered"),
    ("HIA-MUST-38", "no Hiatus option after a fallback"),
    ("HIA-MUST-39", "a Hiatus option after a fallback is not answered"),
    ("HIA-MUST-40", "no CAPABLE after the SYNs of a simultaneous open"),
    ("HIA-MUST-41", "no CAPABLE where an end has sent TCP MD5, TCP-AO or Multipath TCP"),
    ("HIA-MUST-42", "no octet is sent for the first time from SUSPEND to RESUME-ACK, by either end"),
    ("HIA-MUST-43", "a SUSPEND does not close a window that no data has filled"),
    ("HIA-MUST-44", "at most three SUSPENDs for one absence"),
    ("HIA-MUST-46", "no SUSPEND a second or more after a SUSPEND-ACK"),
    ("HIA-MUST-86", "from SUSPEND on no probe, no keep-alive, and no FIN or octet at or beyond its SEG.SEQ"),
    ("HIA-SHOULD-4", "a SUSPEND has an open window"),
    ("HIA-MUST-48", "every SUSPEND is answered with a SUSPEND-ACK"),
    ("HIA-MUST-49", "the Granted Hold is not longer than the hold offered in CAPABLE"),
    ("HIA-MUST-50", "a holder sends no octet, FIN, RST, EPOCH or SUSPEND"),
    ("HIA-MUST-83", "a holder goes on at a FIN or octet beyond the SUSPEND, and at nothing less"),
    ("HIA-MUST-54", "a repeated SUSPEND does not make a hold last longer"),
    ("HIA-MUST-55", "nothing is answered, nor sent, when the hold is over"),
    ("HIA-MUST-60", "the generation of the RESUME after a SUSPEND is one higher"),
    (
        "HIA-MUST-61",
        "from RESUME to RESUME-ACK nothing but RESUME, RESUME-ACK, SUSPEND-ACK and ABORT is sent",
    ),
    ("HIA-MUST-62", "from RESUME to RESUME-ACK no plain segment is answered"),
    ("HIA-MUST-63", "RESUMEs are a second apart, then ever further, doubling up to 60 seconds"),
    ("HIA-MUST-82", "SEG.SEQ of a RESUME is below what the peer has acknowledged"),
    ("HIA-MUST-64", "the first answer to a RESUME of the peer's life is followed by the own RESUME at once"),
    ("HIA-MUST-85", "no RESUME out of turn for a life of the peer that is already answered"),
    ("HIA-MUST-65", "a RESUME-ACK of an older life does not end a return"),
    ("HIA-MUST-66", "no RESUME after three in a row that each met a bare RST"),
    ("HIA-MUST-67", "six RESUMEs that each met a plain segment, and no fewer, end in plain TCP"),
    ("HIA-MUST-69", "a RESUME of a newer life is answered"),
    ("HIA-MUST-70", "a RESUME of the recorded life is answered"),
    ("HIA-MUST-71", "octets once acknowledged are not sent again for a RESUME of the recorded life"),
    (
        "HIA-MUST-72",
        "a RESUME of an older incarnation, or with another nonce, is answered with ABORT and FENCED only",
    ),
    ("HIA-MUST-73", "a RESUME of an older generation is not answered"),
    ("HIA-MUST-75", "a RESUME with R below a Stable Point that was echoed is answered with GONE only"),
    (
        "HIA-MUST-76",
        "a RESUME with R above the End, or with End below the R, of its answer gets no RESUME-ACK",
    ),
    ("HIA-MUST-77", "SEG.SEQ of the RESUME-ACK to a newer life is the R of the RESUME"),
    ("HIA-MUST-78", "nothing that came before synchronising is acknowledged after it, unless it came again"),
    ("HIA-SHOULD-8", "after synchronising, no more than an initial window is sent before an acknowledgment"),
    (
        "HIA-SHOULD-10",
        "after synchronising again without progress, one segment is sent before an acknowledgment",
    ),
    ("HIA-MUST-79", "a connection that is on is reset with ABORT"),
    ("HIA-MUST-80", "nothing is sent after a valid ABORT"),
    ("HIA-MUST-81", "for 60 seconds after an ABORT, nothing but the same ABORT is sent"),
    ("HIA-MUST-90", "the Stable Point of an EPOCH is not above the SEG.ACK beside it"),
    ("HIA-MUST-92", "copies of an EPOCH do not come closer together, up to 60 seconds apart"),
    ("HIA-MUST-93", "no EPOCH of a life has a lower Stable Point than one before it"),
    ("HIA-MUST-94", "R below a Stable Point that was echoed is not taken"),
    ("HIA-MUST-100", "an incarnation has one nonce"),
    ("HIA-MUST-101", "another incarnation has another nonce"),
    ("HIA-MUST-103", "a RESUME of the recorded life with R above the own End gets no RESUME-ACK"),
    ("HIA-MUST-104", "the fourth EPOCH without an echo comes with a RESUME"),
    (
        "HIA-MUST-123",
        "a host with N sends no new octet 2^21 ticks after its latest RESUME-ACK, or the handshake",
    ),
    ("HIA-MUST-106", "nothing that came before a restore is acknowledged after it, unless it came again"),
    ("HIA-MUST-108", "all RESUMEs of a return after a restore have the same End"),
    ("HIA-MUST-109", "the timestamps of a restored host are 2^22 ticks above all before"),
    (
        "HIA-MUST-110",
        "six RESUMEs of a restored host that each met a plain segment end in ABORT that it takes",
    ),
    ("HIA-MUST-87", "a RESUME whose sequence number or timestamp does not fit is answered like any other"),
];
