//! Restored to an older epoch: one that the draft permits, and two that it does not.

use std::path::PathBuf;
use std::time::Duration;

use crate::bed::{Bed, Middle};
use crate::scenario::Context;
use crate::scenario::ends::{Ends, note_recoveries};
use crate::side::{Side, copy_store};
use crate::trouble::Trouble;

/// How long anything of a transfer may take.
const PATIENCE: Duration = Duration::from_secs(40);
/// So short that a scenario can wait for its end: who has lost the connection that it opened cannot prove that it had it.
const HOLD: Duration = Duration::from_secs(8);
/// How long a host goes on after its disk was copied.
const LATER: Duration = Duration::from_millis(600);

/// A transfer under way, a part of it received at both ends.
fn under_way(context: &Context, bed: &Bed) -> Result<(Ends, PathBuf), Trouble> {
    let mut plan = context.plan(4 << 20);
    plan.hold = HOLD;
    let mut ends = Ends::start(bed, "transfer", &plan)?;
    ends.a.wait_received(plan.octets / 8, PATIENCE)?;
    ends.b.wait_received(plan.octets / 8, PATIENCE)?;
    Ok((ends, bed.folder().join("older")))
}

/// `rollback/permitted`: none of what the host did after the copy has reached its peer, for the path is cut.
pub(crate) fn permitted(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    let capture = context.capture(&bed)?;
    let (mut ends, older) = under_way(context, &bed)?;
    bed.cut()?;
    ends.a.copy_store(&older)?;
    ends.a.go_on(LATER)?;
    let written = ends.a.sent();
    ends.a.kill()?;
    copy_store(&older, ends.a.store())?;
    bed.mend()?;
    ends.a.start(&bed)?;
    let (_, sent) = ends.a.wait_started()?;
    if sent >= written {
        let (expected, found) = (format!("less than the {written} octets it had written"), sent.to_string());
        return Err(Trouble::unexpected("the older epoch", expected, found));
    }
    context.note(format!("rolled back by {} octets of the application", written - sent));
    ends.a.wait_ready()?;
    ends.wait_done(PATIENCE)?;
    note_recoveries(context, ends.recoveries());
    context.judge(capture)
}

/// `rollback/below-stable`: a newer epoch was reported to the peer, which has given up what came before it.
pub(crate) fn below_stable(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    let capture = context.capture(&bed)?;
    let (mut ends, older) = under_way(context, &bed)?;
    ends.a.copy_store(&older)?;
    ends.a.go_on(LATER)?;
    ends.a.kill()?;
    copy_store(&older, ends.a.store())?;
    ends.a.start(&bed)?;
    // Neither end reads an octet that is not the other's: each says so as it reads.
    let (at_a, at_b) = (ends.a.wait_over(PATIENCE)?, ends.b.wait_over(PATIENCE)?);
    for reason in [&at_a, &at_b] {
        if !["gone", "diverged"].iter().any(|word| reason.contains(word)) {
            return Err(Trouble::unexpected("the end of the connection", "gone or diverged", reason));
        }
    }
    context.note(format!("host a: {at_a}"));
    context.note(format!("host b: {at_b}"));
    context.judge(capture)
}

/// `rollback/off-the-line`: the host went on from an older epoch, and is then restored to one that was left behind.
pub(crate) fn off_the_line(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    let capture = context.capture(&bed)?;
    let (mut ends, older) = under_way(context, &bed)?;
    let newer = bed.folder().join("newer");
    bed.cut()?;
    ends.a.copy_store(&older)?;
    ends.a.go_on(LATER)?;
    ends.a.kill()?;
    copy_store(ends.a.store(), &newer)?;
    copy_store(&older, ends.a.store())?;
    bed.mend()?;
    ends.a.start(&bed)?;
    ends.a.wait_ready()?;
    ends.a.go_on(LATER)?;
    ends.a.kill()?;
    copy_store(&newer, ends.a.store())?;
    ends.a.start(&bed)?;
    let (returned, _) = ends.a.wait_started()?;
    if returned != 0 {
        return Err(Trouble::unexpected("an epoch off the line", "no connection back", returned.to_string()));
    }
    let at_b = ends.b.wait_over(PATIENCE)?;
    if !ends.a.log_contains("off the line")? {
        return Err(Trouble::unexpected(
            "what host a says",
            "that the epoch is off the line",
            "nothing of it",
        ));
    }
    context.note(format!("host a: off the line; host b: {at_b}"));
    context.judge(capture)
}
