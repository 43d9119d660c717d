//! A story of the search as a ladder: A on the left, B on the right, time downwards.

use std::fmt::Write as _;

use hiatus_codec::{Flags, KnownOptions, Message, Segment, SequenceNumber};

use crate::app::octet_name;
use crate::end::{Epoch, Input, STEP_TICKS, first_tsval};
use crate::judge::View;
use crate::opening::ISN;
use crate::search::Search;
use crate::world::{Actor, State, Step, World};

/// Columns of either side.
const SIDE_COLUMNS: usize = 46;

/// The steps of `steps` as a ladder, and what is wrong at its end.
#[must_use]
pub fn ladder(world: &World, steps: &[Step]) -> String {
    let mut text = String::new();
    let mut state = world.start();
    line(&mut text, 0, "A", "B");
    line(&mut text, 0, &standing(world, &state, Actor::A), &standing(world, &state, Actor::B));
    for (index, step) in steps.iter().enumerate() {
        let after = world.after(&state, step);
        tell(world, &mut text, index + 1, (&state, &after), step);
        state = after;
    }
    if let Some(trouble) = world.trouble(&state) {
        let _ = writeln!(text, "     ** {trouble}");
    }
    text
}

fn line(text: &mut String, number: usize, left: &str, right: &str) {
    let number = if number == 0 { String::new() } else { number.to_string() };
    let all = format!("{number:>3}  {left:<SIDE_COLUMNS$}  {right}");
    let _ = writeln!(text, "{}", all.trim_end());
}

fn tell(world: &World, text: &mut String, number: usize, (before, after): (&State, &State), step: &Step) {
    let put = |text: &mut String, number: usize, what: &str| match step.actor {
        Actor::B => line(text, number, "", what),
        Actor::A | Actor::Clone => line(text, number, what, ""),
    };
    let clone = if step.actor == Actor::Clone { "clone: " } else { "" };
    let what = format!("{clone}{}", happening(world, before, after, step));
    if let Input::Deliver(segment) = step.input {
        let arrow =
            arrow(step.actor != Actor::B, &segment_name(world, segment, step.actor != Actor::B), "arrives");
        let _ = writeln!(text, "{number:>3}  {arrow}");
        if !what.is_empty() {
            put(text, 0, &what);
        }
    } else {
        put(text, number, &what);
    }
    let effect = world.effect(before.ends[step.actor.index()], step.input);
    for segment in world.list(effect.sent).iter() {
        let arrow =
            arrow(step.actor == Actor::B, &segment_name(world, *segment, step.actor == Actor::B), "sent");
        let _ = writeln!(text, "     {arrow}");
    }
    put(text, 0, &standing(world, after, step.actor));
}

/// An arrow across the ladder, to the left or to the right.
fn arrow(to_left: bool, name: &str, verb: &str) -> String {
    let width = SIDE_COLUMNS + 18;
    let label = format!(" {verb}: {name} ");
    let fill = width.saturating_sub(label.chars().count() + 1);
    let (before, after) = (fill / 2, fill - fill / 2);
    let stroke = if verb == "sent" { "\u{b7}" } else { "\u{2500}" };
    let (head, tail) = (stroke.repeat(before), stroke.repeat(after));
    if to_left {
        format!("{:8}\u{25c0}{head}{label}{tail}", "")
    } else {
        format!("{:8}{head}{label}{tail}\u{25b6}", "")
    }
}

fn happening(world: &World, before: &State, after: &State, step: &Step) -> String {
    let actor = step.actor.index();
    let (old, new) = (world.view(before.ends[actor]), world.view(after.ends[actor]));
    match step.input {
        Input::Deliver(_) => read_since(&old, &new),
        Input::Alarm(alarm) => format!("timer: {alarm:?}"),
        Input::Read => read_since(&old, &new),
        Input::Write => {
            format!("writes {}", new.app.written.last().map_or(String::new(), |last| octet_name(*last)))
        }
        Input::Close => "closes".to_owned(),
        Input::Take => "== snapshot TAKEN".to_owned(),
        Input::Durable => "== snapshot DURABLE".to_owned(),
        Input::Repeat => "repeats".to_owned(),
        Input::Epoch => "== snapshot TAKEN and DURABLE".to_owned(),
        Input::Restore(epoch) => {
            let which = match epoch {
                Epoch::Latest => "the latest DURABLE snapshot",
                Epoch::Newer(_) => "a snapshot that was TAKEN",
                Epoch::Older => "an older snapshot than the latest DURABLE one",
            };
            let clone = if step.leaves_clone { "; the instance before runs on" } else { "" };
            format!("## CRASH, restored to {which}{clone}")
        }
    }
}

fn read_since(old: &View, new: &View) -> String {
    let count = new.app.read.len().saturating_sub(old.app.read.len());
    if count == 0 {
        return String::new();
    }
    let first = new.app.read.len() - count;
    let names: Vec<String> = new.app.read.iter().skip(first).map(|octet| octet_name(*octet)).collect();
    format!("reads {}", names.join(" "))
}

fn standing(world: &World, state: &State, actor: Actor) -> String {
    let view = world.view(state.ends[actor.index()]);
    let Some(at) = view.standing else { return view.state.to_string() };
    let mut text = String::new();
    let _ = write!(text, "[{}", view.state);
    if view.here != hiatus_engine::SelfState::Up {
        let _ = write!(text, ", SELF {}", view.here);
    }
    if view.there != hiatus_engine::PeerState::Up {
        let _ = write!(text, ", PEER {}", view.there);
    }
    if let Some(reason) = view.ended {
        let _ = write!(text, ", {reason}");
    }
    let _ = write!(
        text,
        " {}<{} stb {} una {} lim {} end {} rcv {}]",
        at.own.0, at.peer.0, at.stable, at.una, at.lim, at.end, at.received
    );
    text
}

/// A segment in a few words: what it is, its positions, and the incarnations of its timestamps.
fn segment_name(world: &World, number: u32, is_from_b: bool) -> String {
    let octets = world.segment(number);
    let Ok(segment) = Segment::parse(&octets) else { return "?".to_owned() };
    let from = usize::from(is_from_b);
    let known = KnownOptions::parse(&segment);
    let seq = ISN[from].distance_to(segment.seq);
    let ack = ISN[1 - from].distance_to(segment.ack);
    let signed = |count: u32| i64::from(i32::from_ne_bytes(count.to_ne_bytes()));
    let mut name = String::new();
    match known.hiatus.map(|option| option.message()) {
        Some(message) => name.push_str(&message_name(&message, segment.ack, from)),
        None if segment.flags.contains(Flags::RST) => name.push_str("RST"),
        None if segment.flags.contains(Flags::FIN) => name.push_str("FIN"),
        None if segment.payload.is_empty() => name.push_str("ACK"),
        None => {
            let octets: Vec<String> = segment.payload.iter().map(|octet| octet_name(*octet)).collect();
            let _ = write!(name, "data {}", octets.join(" "));
        }
    }
    let _ = write!(name, " seq {} ack {}", signed(seq), signed(ack));
    if let Some(timestamps) = known.timestamps {
        let _ = write!(name, " ts {}", timestamps.value.wrapping_sub(first_tsval()) / STEP_TICKS);
    }
    name
}

fn message_name(message: &Message<'_>, ack: SequenceNumber, from: usize) -> String {
    match message {
        Message::Epoch(epoch) => format!("EPOCH stable {}", epoch.stable_point),
        Message::EpochEcho(echo) => format!("EPOCH-ECHO {}", echo.stable_point),
        Message::Resume(resume) => {
            format!("RESUME {} R {} End {}", resume.life, ISN[1 - from].distance_to(ack), resume.end)
        }
        Message::ResumeAck(answer) => {
            format!("RESUME-ACK {} R {} End {}", answer.life, answer.received, answer.end)
        }
        Message::Abort(abort) => format!("ABORT {}", abort.reason),
        other => format!("{other:?}"),
    }
}
