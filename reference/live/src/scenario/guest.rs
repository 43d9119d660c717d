//! A virtual machine that is rolled back: the story of `pcaps/rollback/r1`, with a connection that survives it.

use std::thread;
use std::time::Duration;

use crate::bed::guest::{From, Guest, Image, wait_for_monitor};
use crate::bed::{End, Middle};
use crate::scenario::Context;
use crate::side::{Side, TransferEnd};
use crate::transfer::Line;
use crate::trouble::Trouble;

/// How long a guest may take to boot: every instruction of it is emulated.
const BOOT_PATIENCE: Duration = Duration::from_secs(90);
/// How long anything else may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long nobody is there.
const DARK: Duration = Duration::from_secs(2);
/// No timestamp of the guest is above this, in milliseconds: it does not run for so long.
const TSVAL_CEILING: u32 = 3_600_000;
/// Octets each way. As few in either scale: a guest that is emulated is slow, and what it sends it holds until a snapshot.
const OCTETS: u64 = 48 << 10;

/// What the guest says, on its serial port.
fn wait<T>(
    guest: &mut Guest,
    what: &str,
    patience: Duration,
    mut wanted: impl FnMut(&Line) -> Option<T>,
) -> Result<T, Trouble> {
    let found = guest.qemu.wait_line(what, patience, |text| {
        let line: Line = serde_json::from_str(text.trim()).ok()?;
        match line {
            Line::Over { .. } | Line::Wrong { .. } => Some(Err(line)),
            _ => wanted(&line).map(Ok),
        }
    })?;
    found.map_err(|line| Trouble::unexpected("the guest", what, format!("{line:?}")))
}

fn received(line: &Line) -> Option<u64> {
    match line {
        Line::Progress { received, .. } | Line::Done { received } => Some(*received),
        _ => None,
    }
}

/// TAKEN, saved by QEMU, DURABLE: while it is being saved the guest is mute, and so it is when that memory comes back.
fn snapshot(guest: &mut Guest) -> Result<Duration, Trouble> {
    guest.qemu.say("snapshot")?;
    let epoch = wait(guest, "an epoch", PATIENCE, |line| match line {
        Line::Taken { epoch } => Some(*epoch),
        _ => None,
    })?;
    guest.qemu.say("stop")?;
    thread::sleep(Duration::from_millis(100));
    let took = guest.save()?;
    guest.qemu.say("resume")?;
    guest.qemu.say(&format!("durable {epoch}"))?;
    wait(guest, "its return", PATIENCE, |line| matches!(line, Line::Resumed { .. }).then_some(()))?;
    Ok(took)
}

/// `qemu/rolled-back`.
pub(crate) fn rolled_back(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    bed.use_tap(End::A)?;
    let capture = context.capture(&bed)?;
    let mut plan = context.plan(OCTETS);
    plan.octets = OCTETS;
    plan.rate = Some(OCTETS / 12);
    plan.interval = Duration::from_millis(200);
    let mut b = TransferEnd::new(&bed, End::B, "transfer", &plan);
    b.start(&bed)?;
    let line = TransferEnd::line_without_store(End::A, &plan);
    let cache = context.folder.with_file_name("cache");
    let image = Image::make(bed.folder(), &cache, &line)?;
    let mut guest = image.start(&bed, From::Kernel)?;
    wait_for_monitor(&guest)?;
    wait(&mut guest, "a connection with Hiatus", BOOT_PATIENCE, |line| {
        matches!(line, Line::Ready).then_some(())
    })?;
    b.wait_ready()?;
    wait(&mut guest, "octets", PATIENCE, |line| received(line).filter(|count| *count > OCTETS / 8))?;
    let took = snapshot(&mut guest)?;
    context.note(format!("saved in {} ms", took.as_millis()));
    // A history that will not have been.
    let before =
        wait(&mut guest, "octets", PATIENCE, |line| received(line).filter(|count| *count > OCTETS / 2))?;
    guest.qemu.kill()?;
    thread::sleep(DARK);
    let mut guest = image.start(&bed, From::Snapshot)?;
    guest.qemu.say(&format!("restored 1 {TSVAL_CEILING}"))?;
    let after = wait(&mut guest, "its restart", PATIENCE, |line| match line {
        Line::Started { received, returned: 1, .. } => Some(*received),
        _ => None,
    })?;
    if after >= before {
        let expected = format!("less than the {before} octets that it had received");
        return Err(Trouble::unexpected("the guest that was restored", expected, after.to_string()));
    }
    context.note(format!("rolled back by {} octets", before - after));
    wait(&mut guest, "its return", PATIENCE, |line| matches!(line, Line::Resumed { .. }).then_some(()))?;
    // What it sends waits for a snapshot, its FIN too.
    snapshot(&mut guest)?;
    let is_written = |line: &Line| match line {
        Line::Progress { received: OCTETS, sent: OCTETS } => Some(()),
        _ => None,
    };
    wait(&mut guest, "all octets", PATIENCE, is_written)?;
    snapshot(&mut guest)?;
    wait(&mut guest, "the end", PATIENCE, |line| matches!(line, Line::Done { .. }).then_some(()))?;
    b.wait_done(PATIENCE)?;
    context.judge(capture)
}
