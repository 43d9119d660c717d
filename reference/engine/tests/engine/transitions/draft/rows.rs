//! The rows, and their meaning. A row that does not hold in every state it seems to name says where it does, and why.

use hiatus_engine::{PeerState, SelfState};

use PeerState::{Held, Presumed};
use SelfState::{Leaving, Resuming};

use super::Then::{Both, Closed, Here, Plain, Same, There};
use super::{Claim, CountsRow, Row, Then};
use crate::transitions::scene::State;

const UP: SelfState = SelfState::Up;
const PEER_UP: PeerState = PeerState::Up;
const HERE: &[SelfState] = &[UP, Leaving];
const ANY_SELF: &[SelfState] = &State::SELVES;
const ANY_PEER: &[PeerState] = &State::PEERS;
const AWAY: &[PeerState] = &[Held, Presumed];
const THERE: &[PeerState] = &[PEER_UP, Held];
const GONE: &[&str] = &["ABORT GONE"];
const DIVERGED: &[&str] = &["ABORT DIVERGED"];

const fn row(cells: [&'static str; 4], means: &'static [Claim]) -> Row {
    Row { cells, means }
}

const fn counts(cells: [&'static str; 5], recorded: [&'static str; 5]) -> CountsRow {
    CountsRow { cells, recorded }
}

const fn claim(
    event: (&'static str, &'static str),
    selves: &'static [SelfState],
    peers: &'static [PeerState],
    sent: &'static [&'static str],
    then: Then,
) -> Claim {
    Claim { group: event.0, label: event.1, selves, peers, sent, then }
}

/// {{tab-self}}.
pub(in crate::transitions) const SELF_ROWS: &[Row] = &[
    row(
        ["UP", "host is going away", "SUSPEND", "LEAVING"],
        &[
            claim(("commands", "host is going away"), &[UP], &[PEER_UP], &["SUSPEND"], Here(Leaving)),
            // {#holding}: HELD and PRESUMED originate no segment other than RESUME.
            claim(("commands", "host is going away"), &[UP], AWAY, &[], Here(Leaving)),
        ],
    ),
    row(
        ["LEAVING", "SUSPEND-ACK", "no more copies; the host may stop", "LEAVING"],
        &[
            claim(("suspend", "SUSPEND-ACK, granted"), &[Leaving], THERE, &[], Same),
            claim(("suspend", "SUSPEND-ACK, refused"), &[Leaving], THERE, &[], Same),
            claim(("timers", "no SUSPEND-ACK for an RTO"), &[Leaving], &[PEER_UP], &["SUSPEND"], Same),
            claim(("timers", "an RTO after SUSPEND-ACK"), &[Leaving], &[PEER_UP], &[], Same),
        ],
    ),
    row(
        ["LEAVING", "data, ACK", "process, acknowledge; no new octet", "LEAVING"],
        &[
            claim(("plain", "data, SEG.SEQ = RCV.NXT"), &[Leaving], &[PEER_UP], &[], Same),
            claim(("plain", "one octet, SEG.SEQ = RCV.NXT"), &[Leaving], THERE, &[], Same),
            claim(("plain", "ACK of all that is in flight"), &[Leaving], THERE, &[], Same),
            claim(("commands", "application writes"), &[Leaving], ANY_PEER, &[], Same),
        ],
    ),
    row(
        ["LEAVING", "back with memory intact, or leaving cancelled", "generation + 1, RESUME", "RESUMING"],
        &[claim(
            ("commands", "host is back, memory intact"),
            &[Leaving],
            ANY_PEER,
            &["RESUME"],
            Here(Resuming),
        )],
    ),
    row(
        ["UP, RESUMING", "back from an absence that was not announced", "generation + 1, RESUME", "RESUMING"],
        &[claim(
            ("commands", "host is back, memory intact"),
            &[UP, Resuming],
            ANY_PEER,
            &["RESUME"],
            Here(Resuming),
        )],
    ),
    row(
        ["any", "older state restored", "{{durability}}", "RESUMING"],
        &[claim(("commands", "host is restored"), ANY_SELF, ANY_PEER, &["RESUME"], Here(Resuming))],
    ),
    row(
        [
            "UP, LEAVING",
            "the peer has received what was never written",
            "ABORT, reason DIVERGED ({{lives}})",
            "CLOSED",
        ],
        &[
            claim(("resume", "recorded life and nonce, R above SND.LIM"), HERE, ANY_PEER, DIVERGED, Closed),
            claim(("resume-ack", "recorded life, R above SND.LIM"), HERE, ANY_PEER, DIVERGED, Closed),
            claim(("resume-ack", "newer life, R above SND.LIM"), HERE, ANY_PEER, DIVERGED, Closed),
            // In RESUMING the own RESUME and its answer tell.
            claim(
                ("resume", "recorded life and nonce, R above SND.LIM"),
                &[Resuming],
                THERE,
                &["RESUME-ACK", "RESUME"],
                Same,
            ),
        ],
    ),
    row(
        ["RESUMING", "timer", "RESUME", "RESUMING"],
        &[claim(("timers", "RESUME timer"), &[Resuming], ANY_PEER, &["RESUME"], Same)],
    ),
    row(
        ["RESUMING", "RESUME-ACK that is valid and not stale", "synchronise", "UP"],
        &[
            claim(("resume-ack", "recorded life"), &[Resuming], THERE, &[], Here(UP)),
            claim(("resume-ack", "recorded life"), &[Resuming], &[Presumed], &[], Both(UP, PEER_UP)),
            claim(("resume-ack", "newer life"), &[Resuming], ANY_PEER, &[], Both(UP, PEER_UP)),
            claim(("resume-ack", "older life"), &[Resuming], ANY_PEER, &[], Same),
            claim(("resume-ack", "wrong MAC"), &[Resuming], ANY_PEER, &[], Same),
        ],
    ),
    row(
        ["RESUMING", "first RESUME of a life of the peer", "answer it, then RESUME", "RESUMING"],
        &[
            claim(
                ("resume", "newer generation"),
                &[Resuming],
                ANY_PEER,
                &["RESUME-ACK", "RESUME"],
                There(PEER_UP),
            ),
            claim(("resume", "recorded life and nonce"), &[Resuming], THERE, &["RESUME-ACK", "RESUME"], Same),
            // An ABORT with reason FENCED is an answer to another instance, and no RESUME follows.
            claim(("resume", "older incarnation"), &[Resuming], ANY_PEER, &["ABORT FENCED"], Same),
        ],
    ),
    row(
        ["RESUMING", "another RESUME of that life", "answer it", "RESUMING"],
        &[claim(
            ("resume", "recorded life and nonce, once more in this return"),
            &[Resuming],
            THERE,
            &["RESUME-ACK"],
            Same,
        )],
    ),
    row(
        [
            "RESUMING",
            "three successive RESUMEs each met a bare RST, PEER is UP",
            "report \"peer has no state\"",
            "CLOSED",
        ],
        &[
            claim(("abort", "RST, SEG.SEQ = RCV.NXT"), &[Resuming], ANY_PEER, &[], Same),
            claim(("abort", "the same, met by three RESUMEs in a row"), &[Resuming], &[PEER_UP], &[], Closed),
            // {#holding}: dropped, and not counted.
            claim(("abort", "the same, met by three RESUMEs in a row"), &[Resuming], AWAY, &[], Same),
            claim(
                ("abort", "the same, met by three RESUMEs, not in a row"),
                &[Resuming],
                ANY_PEER,
                &[],
                Same,
            ),
        ],
    ),
    row(
        ["RESUMING", "six RESUMEs each met a plain segment ({{resume-met}})", "fall back", "plain"],
        &[claim(
            ("plain", "the sixth plain segment, each after another RESUME"),
            &[Resuming],
            ANY_PEER,
            &[],
            Plain,
        )],
    ),
    row(
        ["RESUMING", "the same, restored", "ABORT, reason DIVERGED", "CLOSED"],
        &[
            claim(
                ("plain", "the sixth plain segment at a restored host"),
                &[Resuming],
                ANY_PEER,
                DIVERGED,
                Closed,
            ),
            // {#resuming}: it counts as a plain segment there.
            claim(
                ("resume", "wrong MAC, the sixth at a restored host"),
                &[Resuming],
                ANY_PEER,
                DIVERGED,
                Closed,
            ),
            claim(("resume", "wrong MAC"), &[Resuming], ANY_PEER, &[], Same),
        ],
    ),
    row(
        ["RESUMING", "nothing came for the limit", "report \"no answer\"", "CLOSED"],
        // In PRESUMED the hold, which is no longer than the limit and began earlier, ends first. In HELD the limit waits
        // for the hold.
        &[
            claim(("timers", "no answer for the limit"), &[Resuming], &[PEER_UP], &[], Closed),
            claim(("timers", "no answer for the limit"), &[Resuming], &[Held], &[], Same),
            claim(("timers", "hold is over"), &[Resuming], &[Held], &[], Closed),
        ],
    ),
    row(
        ["RESUMING", "other segment without RESUME, RESUME-ACK, SUSPEND and ABORT", "drop", "RESUMING"],
        &[
            claim(("plain", "ACK of all that is in flight"), &[Resuming], ANY_PEER, &[], Same),
            claim(("plain", "data, SEG.SEQ = RCV.NXT"), &[Resuming], ANY_PEER, &[], Same),
            // {#resuming}: no plain segments.
            claim(("plain", "six times data, each after another RESUME"), &[Resuming], ANY_PEER, &[], Same),
            claim(("plain", "SYN"), &[Resuming], ANY_PEER, &[], Same),
            claim(("plain", "EPOCH"), &[Resuming], ANY_PEER, &[], Same),
            claim(("plain", "EPOCH-ECHO"), &[Resuming], ANY_PEER, &[], Same),
            claim(("suspend", "SUSPEND-ACK, granted"), &[Resuming], ANY_PEER, &[], Same),
        ],
    ),
];

/// {{tab-peer}}.
pub(in crate::transitions) const PEER_ROWS: &[Row] = &[
    row(
        ["UP, PRESUMED", "SUSPEND, granted", "SUSPEND-ACK, stop timers, start hold", "HELD"],
        &[
            claim(("suspend", "SUSPEND"), ANY_SELF, &[PEER_UP, Presumed], &["SUSPEND-ACK"], There(Held)),
            claim(("timers", "retransmission timeout"), ANY_SELF, &[Held], &[], Same),
            claim(("timers", "hold is over"), ANY_SELF, &[Held], &[], Closed),
        ],
    ),
    row(
        ["UP, PRESUMED", "SUSPEND, refused", "SUSPEND-ACK with hold 0", "UP"],
        // The engine refuses only where it offered no hold, and PRESUMED is not reached without one.
        &[claim(
            ("suspend", "SUSPEND where no hold was offered"),
            ANY_SELF,
            &[PEER_UP],
            &["SUSPEND-ACK, hold 0"],
            Same,
        )],
    ),
    row(
        [
            "UP",
            "R2, keep-alive or persist gives up; bare RST",
            "start offered hold, tell the application",
            "PRESUMED",
        ],
        &[
            claim(("timers", "retransmission gives up (R2)"), HERE, &[PEER_UP], &[], There(Presumed)),
            claim(("timers", "persist timer gives up"), &[UP], &[PEER_UP], &[], There(Presumed)),
            claim(("abort", "RST, SEG.SEQ = RCV.NXT"), HERE, &[PEER_UP], &[], There(Presumed)),
            // {#presumed}: from a peer to which a hold was offered, and only with SEG.SEQ = RCV.NXT.
            claim(("abort", "the same where no hold was offered"), HERE, &[PEER_UP], &[], Closed),
            claim(("timers", "the same where no hold was offered"), HERE, &[PEER_UP], &[], Closed),
            claim(("abort", "RST elsewhere in the window"), HERE, &[PEER_UP], &[], Same),
            // {#resuming}: no timer runs in RESUMING, and an RST is only counted.
            claim(("timers", "retransmission gives up (R2)"), &[Resuming], &[PEER_UP], &[], Same),
            claim(("abort", "RST, SEG.SEQ = RCV.NXT"), &[Resuming], &[PEER_UP], &[], Same),
        ],
    ),
    row(
        ["HELD", "SUSPEND again", "SUSPEND-ACK again", "HELD"],
        &[claim(("suspend", "SUSPEND"), ANY_SELF, &[Held], &["SUSPEND-ACK"], Same)],
    ),
    row(
        [
            "HELD",
            "FIN or octet that a host in LEAVING does not send",
            "as RFC 9293, restart retransmission",
            "UP",
        ],
        &[
            claim(("plain", "data, SEG.SEQ = RCV.NXT"), HERE, &[Held], &[], There(PEER_UP)),
            claim(("plain", "FIN, SEG.SEQ = RCV.NXT"), HERE, &[Held], &[], There(PEER_UP)),
            // {#resuming}: dropped.
            claim(("plain", "data, SEG.SEQ = RCV.NXT"), &[Resuming], &[Held], &[], Same),
            claim(("plain", "FIN, SEG.SEQ = RCV.NXT"), &[Resuming], &[Held], &[], Same),
        ],
    ),
    row(
        ["HELD", "other segment", "as RFC 9293; originate nothing", "HELD"],
        &[
            // It may be a window probe that was under way.
            claim(("plain", "one octet, SEG.SEQ = RCV.NXT"), HERE, &[Held], &[], Same),
            claim(("plain", "pure ACK of nothing new"), HERE, &[Held], &[], Same),
            claim(("plain", "ACK of all that is in flight"), HERE, &[Held], &[], Same),
            claim(("plain", "data outside of the window"), HERE, &[Held], &[], Same),
            claim(("plain", "SYN"), HERE, &[Held], &[], Same),
            claim(("plain", "EPOCH"), HERE, &[Held], &["EPOCH-ECHO"], Same),
            claim(("commands", "application writes"), HERE, &[Held], &[], Same),
            claim(("timers", "retransmission gives up (R2)"), HERE, &[Held], &[], Same),
        ],
    ),
    row(
        ["PRESUMED", "timer", "RESUME with the current life", "PRESUMED"],
        &[claim(("timers", "probe timer"), HERE, &[Presumed], &["RESUME"], Same)],
    ),
    row(
        ["PRESUMED", "acceptable segment", "restart retransmission", "UP"],
        &[
            claim(("plain", "pure ACK of nothing new"), HERE, &[Presumed], &[], There(PEER_UP)),
            claim(("plain", "data, SEG.SEQ = RCV.NXT"), HERE, &[Presumed], &[], There(PEER_UP)),
            claim(("plain", "EPOCH"), HERE, &[Presumed], &["EPOCH-ECHO"], There(PEER_UP)),
            claim(("plain", "EPOCH-ECHO"), HERE, &[Presumed], &[], There(PEER_UP)),
            claim(("plain", "ACK outside of the window"), HERE, &[Presumed], &[], Same),
            // {#resuming}: dropped.
            claim(("plain", "pure ACK of nothing new"), &[Resuming], &[Presumed], &[], Same),
        ],
    ),
    row(
        ["PRESUMED", "RESUME-ACK of the recorded life", "restart retransmission", "UP"],
        &[
            claim(("resume-ack", "recorded life"), HERE, &[Presumed], &[], There(PEER_UP)),
            claim(("resume-ack", "recorded life"), &[Resuming], &[Presumed], &[], Both(UP, PEER_UP)),
        ],
    ),
    row(
        ["UP, HELD", "the same, SELF is RESUMING", "synchronise", "same"],
        &[claim(("resume-ack", "recorded life"), &[Resuming], THERE, &[], Here(UP))],
    ),
    row(
        ["any", "RESUME-ACK of a newer life, if expected", "synchronise", "UP"],
        &[
            claim(("resume-ack", "newer life"), &[Resuming], ANY_PEER, &[], Both(UP, PEER_UP)),
            claim(("resume-ack", "newer life"), HERE, &[Presumed], &[], There(PEER_UP)),
            claim(("resume-ack", "newer life"), HERE, THERE, &[], Same),
        ],
    ),
    row(
        ["any", "RESUME-ACK of an older life", "drop", "same"],
        &[claim(("resume-ack", "older life"), ANY_SELF, ANY_PEER, &[], Same)],
    ),
    row(
        ["HELD, PRESUMED", "bare RST", "drop", "same"],
        &[
            claim(("abort", "RST, SEG.SEQ = RCV.NXT"), ANY_SELF, AWAY, &[], Same),
            claim(("abort", "RST elsewhere in the window"), ANY_SELF, AWAY, &[], Same),
        ],
    ),
    row(
        ["HELD, PRESUMED", "hold is over", "delete the TCB, tell the application", "CLOSED"],
        &[claim(("timers", "hold is over"), ANY_SELF, AWAY, &[], Closed)],
    ),
    row(
        ["any", "RESUME of a newer life", "synchronise, RESUME-ACK", "UP"],
        &[
            claim(("resume", "newer generation"), HERE, ANY_PEER, &["RESUME-ACK"], There(PEER_UP)),
            claim(("resume", "newer incarnation"), HERE, ANY_PEER, &["RESUME-ACK"], There(PEER_UP)),
            claim(
                ("resume", "newer generation"),
                &[Resuming],
                ANY_PEER,
                &["RESUME-ACK", "RESUME"],
                There(PEER_UP),
            ),
            claim(
                ("resume", "newer incarnation"),
                &[Resuming],
                ANY_PEER,
                &["RESUME-ACK", "RESUME"],
                There(PEER_UP),
            ),
            // {#resume-received}: another nonce of the recorded incarnation is a clone.
            claim(
                ("resume", "recorded incarnation, newer generation, another nonce"),
                ANY_SELF,
                ANY_PEER,
                &["ABORT FENCED"],
                Same,
            ),
        ],
    ),
    row(
        [
            "any",
            "R or End does not fit where it would synchronise",
            "ABORT, reason GONE or DIVERGED",
            "CLOSED",
        ],
        &[
            claim(("resume", "newer life, R below SND.STB"), ANY_SELF, ANY_PEER, GONE, Closed),
            claim(("resume", "newer life, R above SND.LIM"), ANY_SELF, ANY_PEER, DIVERGED, Closed),
            claim(("resume", "newer life, End below RCV.NXT"), ANY_SELF, ANY_PEER, DIVERGED, Closed),
            claim(("resume-ack", "recorded life, R below SND.STB"), &[Resuming], ANY_PEER, GONE, Closed),
            claim(("resume-ack", "recorded life, R above SND.LIM"), &[Resuming], ANY_PEER, DIVERGED, Closed),
            claim(
                ("resume-ack", "recorded life, End below RCV.NXT"),
                &[Resuming],
                ANY_PEER,
                DIVERGED,
                Closed,
            ),
            claim(("resume-ack", "newer life, R below SND.STB"), &[Resuming], ANY_PEER, GONE, Closed),
            claim(("resume-ack", "newer life, R below SND.STB"), HERE, &[Presumed], GONE, Closed),
            claim(("resume-ack", "newer life, End below RCV.NXT"), &[Resuming], ANY_PEER, DIVERGED, Closed),
            claim(("resume-ack", "newer life, End below RCV.NXT"), HERE, &[Presumed], DIVERGED, Closed),
            // Where it would not, an old answer says nothing.
            claim(("resume-ack", "recorded life, R below SND.STB"), HERE, THERE, &[], Same),
        ],
    ),
    row(
        ["PRESUMED", "RESUME of the recorded life", "RESUME-ACK, restart retransmission", "UP"],
        &[
            claim(("resume", "recorded life and nonce"), HERE, &[Presumed], &["RESUME-ACK"], There(PEER_UP)),
            claim(
                ("resume", "recorded life and nonce"),
                &[Resuming],
                &[Presumed],
                &["RESUME-ACK", "RESUME"],
                There(PEER_UP),
            ),
        ],
    ),
    row(
        ["UP, HELD", "RESUME of the recorded life", "RESUME-ACK", "same"],
        &[
            claim(("resume", "recorded life and nonce"), HERE, THERE, &["RESUME-ACK"], Same),
            claim(("resume", "recorded life and nonce"), &[Resuming], THERE, &["RESUME-ACK", "RESUME"], Same),
        ],
    ),
    row(
        ["any", "RESUME of an older life", "{{resume-received}}", "same"],
        &[
            claim(("resume", "older incarnation"), ANY_SELF, ANY_PEER, &["ABORT FENCED"], Same),
            claim(
                ("resume", "recorded incarnation and nonce, older generation"),
                ANY_SELF,
                ANY_PEER,
                &[],
                Same,
            ),
        ],
    ),
    row(
        ["any", "valid ABORT", "close with the reason", "CLOSED"],
        &[
            claim(("abort", "ABORT APPLICATION"), ANY_SELF, ANY_PEER, &[], Closed),
            claim(("abort", "ABORT of an unknown reason"), ANY_SELF, ANY_PEER, &[], Closed),
            claim(("abort", "ABORT FENCED to the own life and nonce"), ANY_SELF, ANY_PEER, &[], Closed),
            // LOST is valid only for a host that may have asked (draft, {#mac-check}).
            claim(("abort", "ABORT LOST with the peer's key"), &[Resuming], ANY_PEER, &[], Closed),
            claim(("abort", "ABORT LOST with the peer's key"), HERE, &[Presumed], &[], Closed),
            claim(("abort", "ABORT LOST with the peer's key"), HERE, &[Held], &[], Same),
            claim(("abort", "ABORT LOST with the peer's key"), HERE, &[PEER_UP], &[], There(Presumed)),
        ],
    ),
];

/// {{tab-rfc-states}}.
pub(in crate::transitions) const COUNTS_ROWS: &[CountsRow] = &[
    // The segment on which a responder decides finds it in SYN-RECEIVED; later ones change nothing.
    counts(
        ["CAPABLE", "on SYN, LISTEN only", "yes", "until on", "no"],
        ["no", "until on", "until on", "no", "no"],
    ),
    counts(["EPOCH", "no", "no", "yes", "yes"], ["no", "no", "no", "yes", "yes"]),
    // The engine sends no EPOCH after the negotiation, so it expects no echo.
    counts(["EPOCH-ECHO", "no", "no", "yes", "yes"], ["no", "no", "no", "until on", "until on"]),
    counts(["SUSPEND", "no", "no", "yes", "no"], ["no", "no", "no", "yes", "no"]),
    counts(["SUSPEND-ACK", "no", "no", "yes", "no"], ["no", "no", "no", "yes", "no"]),
    counts(
        ["RESUME", "answered", "no", "yes", "yes"],
        ["ABORT LOST, or RST", "ABORT LOST, or RST", "no", "yes", "yes"],
    ),
    counts(["RESUME-ACK", "no", "no", "yes", "no"], ["no", "no", "no", "yes", "no"]),
    counts(["ABORT", "no", "no", "yes", "yes"], ["no", "no", "no", "yes", "yes"]),
];
