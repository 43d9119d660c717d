//! Mistakes in a script that can be read: names that do not exist, copies that nobody took, requirements without proof.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::requirement::{self, Requirement};
use crate::script::{
    Action, Call, MacPattern, MessageBody, OptionPattern, Script, ScriptError, Step, did_you_mean,
};
use crate::target::mutant;

/// Where a word of a header line stands.
struct Place<'t> {
    line: usize,
    text: &'t str,
    span: Range<usize>,
    word: &'t str,
}

impl Place<'_> {
    fn error(&self, expected: impl Into<String>) -> ScriptError {
        ScriptError::at(self.line, self.text, self.span.clone(), expected)
    }
}

/// Names in the header lines of the script `text` that do not exist or are there twice, in the order of its lines.
#[must_use]
pub fn names(text: &str) -> Vec<ScriptError> {
    let known = requirement::index().unwrap_or_default();
    let mut errors = Vec::new();
    for place in words(text, "requirements") {
        let is_known = |requirement: &requirement::Requirement| requirement.label == place.word;
        if requirement::is_of_draft(place.word) && !known.iter().any(is_known) {
            errors.push(unknown_requirement(&place, &known));
        }
    }
    for place in words(text, "mutant") {
        if mutant::named(place.word).is_none() {
            let names = mutant::all().map(|mutant| mutant.name);
            let error = place.error("the name of a mutant").guess(place.word, names);
            let note = format!("no mutant is called {}; `conform list --mutants` shows them all", place.word);
            errors.push(ScriptError { note: Some(note), ..error });
        }
    }
    for key in ["requirements", "mutant"] {
        let mut seen = BTreeSet::new();
        let again = words(text, key).into_iter().filter(|place| !seen.insert(place.word));
        errors.extend(again.map(|place| place.error("another one: this one is there already")));
    }
    errors.sort_by_key(|error| (error.line, error.column));
    errors
}

/// What makes `script` a weak case though it can be run, in the order of its lines.
#[must_use]
pub fn weaknesses(script: &Script, text: &str) -> Vec<ScriptError> {
    let mut errors = Vec::new();
    let broken: BTreeSet<&str> = script
        .header
        .mutants
        .iter()
        .filter_map(|name| mutant::named(name))
        .flat_map(|mutant| mutant.breaks.iter().copied())
        .collect();
    for place in words(text, "requirements").into_iter().filter(|place| !broken.contains(place.word)) {
        let breakers: Vec<&str> = mutant::all()
            .filter(|mutant| mutant.breaks.contains(&place.word))
            .map(|mutant| mutant.name)
            .collect();
        let note = match breakers.as_slice() {
            [] => "no mutant breaks it yet; it needs one in conformance/src/target/mutant/".to_owned(),
            breakers => format!("mutants that break it: {}", breakers.join(", ")),
        };
        let error = place.error("a mutant in the line `mutant:` that breaks this requirement").found("none");
        errors.push(ScriptError { note: Some(note), ..error });
    }
    if let Some(last) = script.steps.last()
        && !script.steps.iter().any(looks)
    {
        let error = of_step(last, "").found("none");
        let expected = "a step that looks at what the target does, such as `> nothing for 1s`".to_owned();
        errors.push(ScriptError { expected, ..error });
    }
    for step in script.steps.iter().filter(|step| leaves_a_mac_open(step)) {
        let expected = "`mac ok` in a message that has a MAC, for without it any MAC fits".to_owned();
        errors.push(ScriptError { expected, ..of_step(step, ">").found("none") });
    }
    errors.sort_by_key(|error| (error.line, error.column));
    errors
}

/// True if a step expects a message that has a MAC, or a key, and does not say which.
fn leaves_a_mac_open(step: &Step) -> bool {
    let Action::Expect(wanted) = &step.action else { return false };
    wanted.options.named.iter().any(|option| match option {
        OptionPattern::Hiatus(message) => {
            let has_mac = !matches!(message.body, MessageBody::Capable { .. } | MessageBody::EpochEcho(_));
            has_mac && message.mac == MacPattern::Open
        }
        _ => false,
    })
}

/// True if a step can show a fault of the target.
const fn looks(step: &Step) -> bool {
    match &step.action {
        Action::Inject(_) => false,
        Action::Expect(_) | Action::Silence(..) => true,
        Action::Call(call) => matches!(
            call,
            Call::Reads(_) | Call::ReadsNothing | Call::ReadsEnd | Call::Event(_) | Call::State(_)
        ),
    }
}

fn unknown_requirement(place: &Place<'_>, known: &[Requirement]) -> ScriptError {
    let error = place.error("a requirement of the draft");
    let number = place.word.rsplit('-').next().unwrap_or("");
    let same_number = known.iter().find(|known| known.label.rsplit('-').next() == Some(number));
    let error = match same_number {
        Some(meant) => error.help(did_you_mean(&meant.label)),
        None => error,
    };
    let note = "`conform list --requirements` shows them all".to_owned();
    ScriptError { note: Some(note), ..error }
}

/// Steps that use a copy that was never taken.
#[must_use]
pub fn copies(script: &Script) -> Vec<ScriptError> {
    let mut taken = BTreeSet::new();
    let mut errors = Vec::new();
    for step in &script.steps {
        let Action::Call(call) = &step.action else { continue };
        let call = if let Call::Attempt(call) = call { call } else { call };
        let used = match call {
            Call::SnapshotTaken(epoch) => {
                taken.insert(*epoch);
                continue;
            }
            Call::SnapshotDurable(epoch) | Call::Restore { epoch, .. } | Call::Rewind(epoch) => *epoch,
            _ => continue,
        };
        if !taken.contains(&used) {
            let error = of_step(step, &used.to_string());
            let numbers: Vec<String> = taken.iter().map(u32::to_string).collect();
            let there = if numbers.is_empty() { "none".to_owned() } else { numbers.join(", ") };
            let expected = format!("a copy that an earlier `snapshot taken {used}` made");
            errors.push(ScriptError { expected, note: Some(format!("taken so far: {there}")), ..error });
        }
    }
    errors
}

/// The place of the last `word` in a step, or of the whole step if there is none.
fn of_step(step: &Step, word: &str) -> ScriptError {
    let whole = 0..step.text.len();
    let span = match step.text.rfind(word) {
        Some(start) if !word.is_empty() => start..start + word.len(),
        _ => whole,
    };
    ScriptError::at(step.line, &step.text, span, "")
}

/// The words behind `key:`, with their places.
fn words<'t>(text: &'t str, key: &str) -> Vec<Place<'t>> {
    let mut places = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if line.starts_with(['+', '*']) {
            break;
        }
        let Some(rest) = line.strip_prefix(key).and_then(|rest| rest.strip_prefix(':')) else { continue };
        let mut start = line.len() - rest.len();
        for part in rest.split(',') {
            let word = part.trim();
            let begins = start + (part.len() - part.trim_start().len());
            if !word.is_empty() {
                places.push(Place { line: index + 1, text: line, span: begins..begins + word.len(), word });
            }
            start += part.len() + 1;
        }
    }
    places
}
