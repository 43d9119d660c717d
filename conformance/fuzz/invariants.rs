//! What must hold for any octets whatever. Each function panics when it does not.
//!
//! Shared by the fuzz targets and by conformance/tests/corpus.rs, which replays the corpus with a stable compiler.

use hiatus_conformance::adapter::{Line, Request};
use hiatus_conformance::capture::Reader;
use hiatus_conformance::case::{Case, CaseError, Colour, told};
use hiatus_conformance::check::check;
use hiatus_conformance::lint;
use hiatus_conformance::runner;
use hiatus_conformance::script::Script;
use hiatus_conformance::show::{ShowFormat, write_transcript};
use hiatus_conformance::target::TargetChoice;

/// Segments of one case: the bound of the runner, and what a script may send beyond it.
#[allow(dead_code, reason = "each target needs one of the functions")]
const FRAMES_MAX: usize = 2_000;

/// `octets` as a capture: read, judged and told.
#[allow(dead_code, reason = "each target needs one of the functions")]
pub(crate) fn capture(octets: &[u8]) {
    // Frames that cannot be read are numbered, too.
    let mut frames: u64 = 0;
    match Reader::new(octets) {
        Ok(mut reader) => {
            while let Some(record) = reader.next_record() {
                assert!(record.frame > frames, "frames are numbered upwards");
                frames = record.frame;
                assert!(reader.offset_octets() <= octets.len().try_into().unwrap_or(u64::MAX));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    assert!(frames <= octets.len().try_into().unwrap_or(u64::MAX), "a frame takes octets");
    if let Ok(report) = check(octets, |_| ()) {
        assert_eq!(report.packets, frames, "the checker reads what the reader reads");
        assert!(report.tcp_segments <= report.packets);
        assert!(report.connections <= report.tcp_segments);
        serde_json::to_string(&report).expect("a report is a document");
    }
    for format in [ShowFormat::Human, ShowFormat::Numbered, ShowFormat::Json] {
        let _ = write_transcript(octets, format, std::io::sink());
    }
}

/// `octets` as a script: refused with its places, or run against the reference.
#[allow(dead_code, reason = "each target needs one of the functions")]
pub(crate) fn script(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets).into_owned();
    for error in lint::names(&text) {
        assert!(!error.to_string().is_empty());
    }
    match Script::parse(&text) {
        Err(errors) => {
            assert!(!errors.is_empty(), "refused, and nobody knows why");
            let lines = text.lines().count().max(1);
            for error in &errors {
                assert!((1..=lines).contains(&error.line), "{error}");
                assert!(error.text.get(error.span.clone()).is_some(), "{error:?}");
                let column = error.text[..error.span.start].chars().count() + 1;
                assert_eq!(error.column, column, "{error}");
            }
            let all = CaseError::Script { path: "fuzz.pkt".to_owned(), errors };
            assert!(!told(&all, Colour::Always).is_empty());
        }
        Ok(script) => {
            let _ = (lint::copies(&script), lint::weaknesses(&script, &text));
            let steps = script.steps.len();
            let case = Case { id: "fuzz/script".to_owned(), script, text };
            let outcome = runner::run(&case, &|setup| TargetChoice::Reference.build(setup));
            assert!(outcome.frames.len() <= FRAMES_MAX + steps, "a flood");
        }
    }
}

/// `octets` as the lines of a target that is a process, and of a bench: what can be read is written and read the same.
#[allow(dead_code, reason = "each target needs one of the functions")]
pub(crate) fn adapter(octets: &[u8]) {
    for line in octets.split(|octet| *octet == b'\n') {
        if let Ok(said) = serde_json::from_slice::<Line>(line) {
            let written = serde_json::to_vec(&said).expect("what was read can be written");
            assert_eq!(serde_json::from_slice::<Line>(&written).ok(), Some(said));
        }
        if let Ok(asked) = serde_json::from_slice::<Request>(line) {
            let written = serde_json::to_vec(&asked).expect("what was read can be written");
            assert_eq!(serde_json::from_slice::<Request>(&written).ok(), Some(asked));
        }
    }
}
