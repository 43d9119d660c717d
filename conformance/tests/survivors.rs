//! `survivors.toml`, the mutants of the engine that no case catches, names functions that there are, and says why.
//!
//! Whether they still survive is for `cargo xtask mutants` to say: that takes an hour.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    survivors: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    why: String,
    mutants: Vec<String>,
}

/// The function that a mutant changes: `Tcb::presume` of `FILE: replace || with && in Tcb::presume`.
fn function(what: &str) -> Option<&str> {
    let path = match what.rsplit_once(" in ") {
        Some((_, path)) => path,
        None => what.strip_prefix("replace ")?.split([' ', '(']).next()?,
    };
    path.rsplit("::").next()?.split(' ').next()
}

#[test]
fn every_survivor_is_a_change_of_a_function_that_there_is() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(here.join("survivors.toml")).unwrap();
    let list: List = toml::from_str(&text).unwrap();
    assert!(!list.survivors.is_empty());
    let mut wrong = Vec::new();
    for Group { why, mutants } in &list.survivors {
        assert!(why.len() > 20 && !mutants.is_empty(), "{why}");
        for mutant in mutants {
            let known = mutant.split_once(": ").and_then(|(file, what)| {
                let source = std::fs::read_to_string(here.join("..").join(file)).ok()?;
                let name = function(what)?;
                [format!("fn {name}("), format!("fn {name}<")]
                    .iter()
                    .any(|text| source.contains(text))
                    .then_some(())
            });
            if known.is_none() {
                wrong.push(mutant.as_str());
            }
        }
    }
    assert!(wrong.is_empty(), "no such function:\n{}", wrong.join("\n"));
}

#[test]
fn the_function_of_a_mutant_is_found() {
    assert_eq!(function("replace || with && in Tcb::presume"), Some("presume"));
    assert_eq!(function("replace Tcb::peer_retains -> bool with true"), Some("peer_retains"));
    assert_eq!(function("replace spread -> Duration with Default::default()"), Some("spread"));
    assert_eq!(
        function("delete field number from struct Self expression in Epochs::restored"),
        Some("restored")
    );
}
