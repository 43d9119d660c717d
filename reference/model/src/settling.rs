//! Whether two ends get on from a state: nobody crashes any more, and what is sent from now on arrives.

use std::mem;

use hiatus_engine::Alarm;

use crate::app::Closing;
use crate::end::Input;
use crate::world::World;

/// Rounds of alarms and epochs before two ends count as stuck. Each brings a message or a segment nearer; the longest
/// way seen is a third of it.
const ROUNDS_MAX: usize = 24;
/// Segments of one round before two ends count as answering each other for ever.
const SEGMENTS_MAX: usize = 256;

/// One schedule: everything arrives once and in order; applications do what they can; hosts take an epoch in each
/// round; timers fire when nothing else happens.
pub(crate) fn gets_on(world: &World, a: u32, b: u32) -> bool {
    let mut ends = [a, b].map(|end| world.without_epochs(end));
    let mut seen = Vec::new();
    let mut verdict = false;
    for round in 0..ROUNDS_MAX {
        if let Some(known) = world.settled(ends) {
            verdict = known;
            break;
        }
        seen.push(ends);
        if is_done(world, ends) {
            verdict = true;
            break;
        }
        let before = ends;
        let mut sent = [Vec::new(), Vec::new()];
        for side in [0, 1] {
            act(world, &mut ends, side, Input::Repeat, &mut sent);
            for alarm in [Alarm::Retransmit, Alarm::Persist, Alarm::Resume, Alarm::Epoch] {
                act(world, &mut ends, side, Input::Alarm(alarm), &mut sent);
            }
        }
        if !deliver(world, &mut ends, &mut sent) {
            break;
        }
        for side in [0, 1] {
            act(world, &mut ends, side, Input::Epoch, &mut sent);
        }
        if !deliver(world, &mut ends, &mut sent) {
            break;
        }
        if ends == before && round > 0 {
            // Last of all: the other state of TIME-WAIT has what it needs.
            for side in [0, 1] {
                act(world, &mut ends, side, Input::Alarm(Alarm::TimeWait), &mut sent);
            }
            if ends == before {
                break;
            }
        }
    }
    world.note_settled(&seen, verdict);
    verdict
}

fn act(world: &World, ends: &mut [u32; 2], side: usize, input: Input, sent: &mut [Vec<u32>; 2]) {
    let view = world.view(ends[side]);
    if matches!(input, Input::Alarm(_) | Input::Read | Input::Write | Input::Close)
        && !view.moves.contains(&input)
    {
        return;
    }
    let effect = world.effect(ends[side], input);
    ends[side] = effect.end;
    sent[1 - side].extend(world.list(effect.sent).iter());
}

/// Delivers until nothing is under way and no application gets any further; false if there is no end to it.
fn deliver(world: &World, ends: &mut [u32; 2], sent: &mut [Vec<u32>; 2]) -> bool {
    for _ in 0..SEGMENTS_MAX {
        let before = *ends;
        for side in [0, 1] {
            for segment in mem::take(&mut sent[side]) {
                act(world, ends, side, Input::Deliver(segment), sent);
            }
            for input in [Input::Read, Input::Write, Input::Close] {
                act(world, ends, side, input, sent);
            }
        }
        if *ends == before && sent.iter().all(Vec::is_empty) {
            return true;
        }
    }
    false
}

/// True if both applications have done all, or the connection ended with a reason.
fn is_done(world: &World, ends: [u32; 2]) -> bool {
    let [a, b] = ends.map(|end| world.view(end));
    let bounds = world.bounds();
    if [(&a, &b), (&b, &a)].into_iter().any(|(ended, other)| ended.has_failed() && other.waits_no_longer()) {
        return true;
    }
    let is_over = match bounds.closing {
        Closing::WhenDone => a.has_finished() && b.has_finished(),
        Closing::Never => a.ended.is_none() && b.ended.is_none(),
    };
    is_over && a.app.is_done(&bounds.program(0), &b.app) && b.app.is_done(&bounds.program(1), &a.app)
}
