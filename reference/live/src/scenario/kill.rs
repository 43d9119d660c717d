//! Killed at random instants.

use std::thread;
use std::time::Duration;

use crate::bed::{Bed, End, Middle};
use crate::scenario::Context;
use crate::scenario::ends::{Ends, note_recoveries};
use crate::side::Side;
use crate::trouble::Trouble;

/// From the return of both ends to the next kill, at most.
const BETWEEN_KILLS: Duration = Duration::from_millis(250);
/// How long a killed end is away, at most.
const AWAY: Duration = Duration::from_millis(80);
/// How long the rest of a transfer may take.
const REST_PATIENCE: Duration = Duration::from_secs(60);
/// Octets in a second: a transfer of 64 MiB lasts five seconds and a half.
const RATE: u64 = 12 << 20;

/// `kill/either-end`.
pub(crate) fn either_end(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle::default())?;
    let kills = context.scaled(100, 3);
    killed_often(context, &bed, 64 << 20, kills)
}

/// `kill/lossy`.
pub(crate) fn lossy(context: &mut Context) -> Result<(), Trouble> {
    let bed = context.bed(Middle { loss_percent: 1, ..Middle::default() })?;
    let kills = context.scaled(10, 2);
    killed_often(context, &bed, 4 << 20, kills)
}

fn killed_often(context: &mut Context, bed: &Bed, octets: u64, kills: u32) -> Result<(), Trouble> {
    let capture = context.capture(bed)?;
    let (mut killed, mut transfers, mut recoveries) = (0, 0, Vec::new());
    while killed < kills {
        let mut plan = context.plan(octets);
        plan.seed += transfers;
        plan.rate = Some(context.scaled(RATE, plan.octets));
        let mut ends = Ends::start(bed, &format!("transfer-{transfers}"), &plan)?;
        transfers += 1;
        while killed < kills {
            thread::sleep(context.pause(BETWEEN_KILLS));
            if ends.a.is_done() || ends.b.is_done() {
                break;
            }
            kill_and_start(context, bed, &mut ends)?;
            killed += 1;
        }
        ends.wait_done(REST_PATIENCE)?;
        recoveries.extend(ends.recoveries());
    }
    context.note(format!("{killed} kills in {transfers} transfers"));
    note_recoveries(context, recoveries);
    context.judge(capture)
}

/// Kills one end or both, and starts them again a little later.
fn kill_and_start(context: &mut Context, bed: &Bed, ends: &mut Ends) -> Result<(), Trouble> {
    let victims: &[End] = match context.below(5) {
        0 | 1 => &[End::A],
        2 | 3 => &[End::B],
        _ => &End::BOTH,
    };
    for victim in victims {
        ends.of(*victim).kill()?;
    }
    thread::sleep(context.pause(AWAY));
    for victim in victims {
        ends.of(*victim).start(bed)?;
    }
    for victim in victims {
        ends.of(*victim).wait_ready()?;
    }
    Ok(())
}

/// `kill/machine-restart`.
pub(crate) fn machine_restart(context: &mut Context) -> Result<(), Trouble> {
    let mut bed = context.bed(Middle::default())?;
    let capture = context.capture(&bed)?;
    let mut ends = Ends::start(&bed, "transfer", &context.plan(8 << 20))?;
    // Host b: a restart of host a would take the device away at which the capture is made.
    for _ in 0..2 {
        thread::sleep(Duration::from_millis(300) + context.pause(BETWEEN_KILLS));
        ends.b.kill()?;
        bed.restart(End::B)?;
        ends.b.start(&bed)?;
        ends.b.wait_ready()?;
    }
    ends.wait_done(REST_PATIENCE)?;
    let recoveries = ends.recoveries();
    note_recoveries(context, recoveries);
    context.judge(capture)
}
