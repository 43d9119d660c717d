//! Away for longer than the peer waits.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::bed::program::{Output, Running};
use crate::bed::{Bed, End, Middle};
use crate::scenario::Context;
use crate::scenario::ends::{Ends, note_recoveries};
use crate::side::Side;
use crate::transfer::Line;
use crate::trouble::Trouble;

/// R2 of the peer. Linux with `tcp_retries2` of 3 gives up after about as long.
const R2: Duration = Duration::from_secs(2);
/// How long a host is away.
const AWAY: Duration = Duration::from_secs(7);
/// How long anything of a transfer may take.
const PATIENCE: Duration = Duration::from_secs(40);
/// What Linux is told: how often data is sent again.
const TCP_RETRIES2: &str = "3";
/// The port of the comparison.
const PORT: u16 = 7001;

fn under_way(context: &Context, bed: &Bed) -> Result<Ends, Trouble> {
    let mut plan = context.plan(4 << 20);
    plan.r2 = R2;
    let mut ends = Ends::start(bed, "transfer", &plan)?;
    ends.a.wait_received(plan.octets / 8, PATIENCE)?;
    ends.b.wait_received(plan.octets / 8, PATIENCE)?;
    Ok(ends)
}

fn finish(context: &mut Context, mut ends: Ends) -> Result<(), Trouble> {
    ends.wait_done(PATIENCE)?;
    context.note(format!("away for {} s, R2 {} s", AWAY.as_secs(), R2.as_secs()));
    note_recoveries(context, ends.recoveries());
    Ok(())
}

/// `suspend/announced`.
pub(crate) fn announced(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    let capture = context.capture(&bed)?;
    let mut ends = under_way(context, &bed)?;
    ends.a.say("suspend")?;
    ends.a.wait_for("the answer to SUSPEND", PATIENCE, |line| {
        matches!(line, Line::SuspendAcknowledged).then_some(())
    })?;
    // The epoch that has it.
    ends.a.go_on(Duration::from_millis(200))?;
    ends.a.kill()?;
    thread::sleep(AWAY);
    ends.a.start(&bed)?;
    ends.a.wait_ready()?;
    finish(context, ends)?;
    context.judge(capture)
}

/// `suspend/power-cut`.
pub(crate) fn power_cut(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    let capture = context.capture(&bed)?;
    let mut ends = under_way(context, &bed)?;
    ends.a.kill()?;
    ends.b.wait_for("that host a is away", AWAY, |line| matches!(line, Line::PeerAway).then_some(()))?;
    thread::sleep(AWAY);
    ends.a.start(&bed)?;
    ends.a.wait_ready()?;
    finish(context, ends)?;
    context.judge(capture)
}

/// `suspend/paused`.
pub(crate) fn paused(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    let capture = context.capture(&bed)?;
    let mut ends = under_way(context, &bed)?;
    ends.a.signal(Signal::STOP)?;
    ends.b.wait_for("that host a is away", AWAY, |line| matches!(line, Line::PeerAway).then_some(()))?;
    thread::sleep(AWAY);
    ends.a.signal(Signal::CONT)?;
    finish(context, ends)?;
    context.judge(capture)
}

/// `suspend/plain-linux`: the comparison, which has to fail.
pub(crate) fn plain_linux(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    let capture = context.capture(&bed)?;
    let octets = context.scaled(4 << 20, 48 << 10);
    let start = |end: End, how: String| {
        let line = vec![
            context.program.display().to_string(),
            "kernel".to_owned(),
            how,
            format!("--octets={octets}"),
            format!("--rate={}", octets / 3),
        ];
        let name = format!("kernel-{}", end.name());
        Running::start(bed.host(end), bed.folder(), &name, &line, &Output::Lines)
    };
    for end in End::BOTH {
        bed.host(end).sysctl("ipv4/tcp_retries2", TCP_RETRIES2)?;
    }
    let there = format!("{}:{PORT}", End::B.kernel());
    let mut b = start(End::B, format!("--listen={there}"))?;
    let line = |text: &str| serde_json::from_str::<Line>(text).ok();
    b.wait_line("its start", PATIENCE, |text| matches!(line(text)?, Line::Started { .. }).then_some(()))?;
    let mut a = start(End::A, format!("--connect={there}"))?;
    for end in [&mut a, &mut b] {
        end.wait_line("progress", PATIENCE, |text| {
            matches!(line(text)?, Line::Progress { .. }).then_some(())
        })?;
    }
    // Neither host is told anything: as if the other one had lost its power.
    bed.cut()?;
    thread::sleep(AWAY);
    bed.mend()?;
    let over = |text: &str| match line(text)? {
        Line::Over { reason } => Some(Ok(reason)),
        line @ (Line::Done { .. } | Line::Wrong { .. }) => Some(Err(format!("{line:?}"))),
        _ => None,
    };
    for (name, end) in [("host a", &mut a), ("host b", &mut b)] {
        let reason = end.wait_line("the end of the connection", PATIENCE, over)?;
        let reason = reason.map_err(|found| {
            Trouble::unexpected("a connection of the kernel", "one that does not survive this", found)
        })?;
        context.note(format!("{name}: {reason}"));
    }
    context.judge(capture)
}
