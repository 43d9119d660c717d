//! What is on the way: address translation that forgets, trackers that are strict, routers that strip options.

use std::thread;
use std::time::Duration;

use crate::bed::{Bed, Middle, Options, PickUp, Table, Tracking};
use crate::scenario::Context;
use crate::scenario::ends::{Ends, note_recoveries};
use crate::side::{Side, TransferPlan};
use crate::transfer::Line;
use crate::trouble::Trouble;

/// How long a tracker remembers a silent connection.
const TIMEOUT_SECONDS: u32 = 2;
/// The same for one that is not meant to forget.
const LONG_TIMEOUT_SECONDS: u32 = 600;
/// How long a host is away: longer than the tracker remembers.
const AWAY: Duration = Duration::from_secs(5);
/// How long anything of a transfer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// A hold so short that a scenario can wait for its end.
const SHORT_HOLD: Duration = Duration::from_secs(8);

fn under_way(bed: &Bed, plan: &TransferPlan) -> Result<Ends, Trouble> {
    let mut ends = Ends::start(bed, "transfer", plan)?;
    ends.a.wait_received(plan.octets / 8, PATIENCE)?;
    ends.b.wait_received(plan.octets / 8, PATIENCE)?;
    Ok(ends)
}

/// `nat/expired`: what host b sends meanwhile meets no entry, and the router answers with RSTs.
pub(crate) fn expired(context: &mut Context) -> Result<(), Trouble> {
    let table = Table { timeout_seconds: TIMEOUT_SECONDS, pick_up: PickUp::Loose };
    let bed = context.bed(Middle { tracking: Tracking::Translation(table), ..Middle::default() })?;
    let capture = context.capture(&bed)?;
    let mut plan = context.plan(4 << 20);
    plan.r2 = Duration::from_secs(2);
    let mut ends = under_way(&bed, &plan)?;
    ends.a.kill()?;
    thread::sleep(AWAY);
    ends.a.start(&bed)?;
    ends.a.wait_ready()?;
    ends.wait_done(PATIENCE)?;
    note_recoveries(context, ends.recoveries());
    context.judge(capture)
}

/// `nat/strict`: within the time of the tracker a kill is nothing to it.
pub(crate) fn strict(context: &mut Context) -> Result<(), Trouble> {
    let table = Table { timeout_seconds: LONG_TIMEOUT_SECONDS, pick_up: PickUp::Strict };
    let bed = context.bed(Middle { tracking: Tracking::Translation(table), ..Middle::default() })?;
    let capture = context.capture(&bed)?;
    let mut ends = under_way(&bed, &context.plan(4 << 20))?;
    for _ in 0..2 {
        ends.a.kill()?;
        thread::sleep(Duration::from_millis(500));
        ends.a.start(&bed)?;
        ends.a.wait_ready()?;
        ends.b.kill()?;
        ends.b.start(&bed)?;
        ends.b.wait_ready()?;
    }
    ends.wait_done(PATIENCE)?;
    note_recoveries(context, ends.recoveries());
    context.judge(capture)
}

/// `nat/strict-expired`: nobody can mend that; both ends have to say so.
pub(crate) fn strict_expired(context: &mut Context) -> Result<(), Trouble> {
    let table = Table { timeout_seconds: TIMEOUT_SECONDS, pick_up: PickUp::Strict };
    let bed = context.bed(Middle { tracking: Tracking::Filter(table), ..Middle::default() })?;
    let capture = context.capture(&bed)?;
    let mut plan = context.plan(4 << 20);
    plan.r2 = Duration::from_secs(2);
    plan.hold = SHORT_HOLD;
    let mut ends = under_way(&bed, &plan)?;
    ends.a.kill()?;
    thread::sleep(AWAY);
    ends.a.start(&bed)?;
    let at_b = ends.b.wait_over(PATIENCE)?;
    let at_a = ends.a.wait_over(PATIENCE)?;
    context.note(format!("host a: {at_a}"));
    context.note(format!("host b: {at_b}"));
    context.judge(capture)
}

/// `strip/handshake`.
pub(crate) fn strip_handshake(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle { options: Options::Stripped, ..Middle::default() })?;
    let capture = context.capture(&bed)?;
    let mut ends = Ends::new(&bed, "transfer", &context.plan(4 << 20));
    ends.b.start(&bed)?;
    ends.a.start(&bed)?;
    for end in [&mut ends.a, &mut ends.b] {
        end.wait_for("plain TCP", PATIENCE, |line| matches!(line, Line::Plain).then_some(()))?;
    }
    ends.wait_done(PATIENCE)?;
    context.judge(capture)
}

/// `strip/later`: the path begins to strip options while the connection is on.
pub(crate) fn strip_later(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    let capture = context.capture(&bed)?;
    let mut ends = under_way(&bed, &context.plan(4 << 20))?;
    bed.strip()?;
    ends.wait_done(PATIENCE)?;
    context.judge(capture)
}
