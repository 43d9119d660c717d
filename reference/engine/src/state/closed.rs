//! CLOSED: what is left of a connection.

use alloc::boxed::Box;
use core::time::Duration;

use hiatus_codec::{AbortReason, Flags, Life, Nonce, Segment};
use serde::{Deserialize, Serialize};

use crate::arrived::Arrived;
use crate::event::{CloseReason, Event};
use crate::hiatus::check::Checked;
use crate::owed::Owed;
use crate::tcb::{Context, Tcb};
use crate::timer::Timer;

/// How long segments are answered after an ABORT.
const EPITAPH: Duration = Duration::from_secs(60);

/// The connection is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closed {
    /// `None` if there never was a connection.
    pub(crate) tcb: Option<Box<Tcb>>,
    /// The ABORT that this end sent, as long as segments are answered with it.
    epitaph: Option<Epitaph>,
}

/// An ABORT, and the life and nonce that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Epitaph {
    reason: AbortReason,
    life: Life,
    nonce: Nonce,
}

impl Closed {
    /// A connection that never was.
    pub(crate) fn unborn() -> Self {
        Self { tcb: None, epitaph: None }
    }

    /// Ends the connection of `tcb` and tells its owner.
    pub(crate) fn bury(cx: &mut Context<'_>, tcb: Option<Box<Tcb>>, reason: CloseReason) -> Self {
        cx.events.push_back(Event::Closed { reason });
        let Some(mut tcb) = tcb else { return Self::unborn() };
        tcb.end(reason);
        let sent = match reason {
            CloseReason::AbortedHere(reason) => Some(reason),
            CloseReason::Aborted => Some(AbortReason::APPLICATION),
            CloseReason::PeerIsPlain => Some(AbortReason::DIVERGED),
            _ => None,
        };
        // Only who sent ABORT repeats it; one who left without a word has no state any more.
        let owed = tcb.owed.iter().find_map(|owed| match *owed {
            // A RESUME that did not fit names a life that was not recorded.
            Owed::Abort { life, nonce, .. } => Some((life, nonce)),
            _ => None,
        });
        let epitaph = sent.zip(owed).map(|(reason, (life, nonce))| Epitaph { reason, life, nonce });
        if epitaph.is_some() {
            tcb.timers.arm(Timer::Epitaph, cx.now + EPITAPH);
        }
        Self { tcb: Some(tcb), epitaph }
    }

    //= draft#ending
    //# For 60 seconds after it has closed a connection by sending ABORT,
    //# a host MUST answer every segment of it that has neither SYN nor
    //# RST with the same ABORT again, under the rate limit of challenge
    //# ACKs.
    pub(crate) fn on_segment(&mut self, cx: &mut Context<'_>, segment: &Segment<'_>) {
        let (Some(tcb), Some(Epitaph { reason, life, nonce })) = (&mut self.tcb, self.epitaph) else {
            return;
        };
        let arrived = Arrived::new(segment, &tcb.snd, &tcb.rcv);
        if segment.flags.intersects(Flags::SYN.union(Flags::RST)) || !tcb.may_challenge(cx.now) {
            return;
        }
        let Some(session) = tcb.hiatus.session_mut() else { return };
        let (life, nonce, seq) = match session.check(cx.now, &tcb.snd, &tcb.rcv, &arrived) {
            Checked::Resume(back) => (back.life, back.nonce, segment.ack),
            Checked::Plain if segment.flags.contains(Flags::ACK) => (life, nonce, segment.ack),
            _ => (life, nonce, tcb.snd_nxt()),
        };
        tcb.owe_abort(reason, life, nonce, seq);
    }

    pub(crate) fn on_timeout(&mut self, timer: Timer) {
        if timer == Timer::Epitaph {
            self.epitaph = None;
        }
    }
}
