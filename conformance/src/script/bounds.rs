//! What a script may ask for at most: a bench that carries it out comes to an end and fits into memory.

use std::time::Duration;

use super::{Action, Call, Field, ScriptError, Step, When, Written};

/// Longest time that a script may take, waiting apart for segments that may come at any time.
const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Most octets that a script may have written, read and sent together.
pub(super) const OCTETS_MAX: u32 = 1 << 22;
/// Most copies that a script may have taken; each holds what was written by then.
const COPIES_MAX: u32 = 64;

/// The first step with which a script asks for too much.
pub(super) fn exceeded(steps: &[Step]) -> Option<ScriptError> {
    let mut passed = Duration::ZERO;
    let mut octets: u32 = 0;
    let mut copies: u32 = 0;
    for step in steps {
        passed = passed.saturating_add(lasts(step));
        octets = octets.saturating_add(moves(&step.action));
        copies += u32::from(matches!(step.action, Action::Call(Call::SnapshotTaken(_))));
        let over = if passed > DURATION_MAX {
            "a script that lasts a year at most".to_owned()
        } else if octets > OCTETS_MAX {
            format!("at most {OCTETS_MAX} octets written, read and sent in a script")
        } else if copies > COPIES_MAX {
            format!("at most {COPIES_MAX} copies in a script")
        } else {
            continue;
        };
        return Some(ScriptError::at(step.line, &step.text, 0..step.text.len(), over));
    }
    None
}

fn lasts(step: &Step) -> Duration {
    let waits = match step.when {
        When::After(delay) | When::Between(_, delay) => delay,
        When::Any => Duration::ZERO,
    };
    match &step.action {
        Action::Silence(_, length) => waits.saturating_add(*length),
        Action::Call(Call::Restore { lasts, .. }) => waits.saturating_add(*lasts),
        _ => waits,
    }
}

fn moves(action: &Action) -> u32 {
    match action {
        Action::Inject(pattern) => match pattern.len_octets {
            Field::Is(len) => len,
            Field::Any => 0,
        },
        Action::Call(Call::Write(Written::Pattern(len)) | Call::Reads(len)) => *len,
        Action::Call(Call::Write(Written::Text(text))) => u32::try_from(text.len()).unwrap_or(u32::MAX),
        _ => 0,
    }
}
