//! Which cases the filters select.

use std::collections::BTreeSet;

use hiatus_conformance::case::{Case, built_in};
use hiatus_conformance::requirement::{self, Requirement};

use super::{conform, out, stderr, stdout, validated};

fn listed(arguments: &[&str]) -> BTreeSet<String> {
    let output = conform(&[&["run", "--list"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", stderr(&output));
    stdout(&output).lines().map(str::to_owned).collect()
}

/// The ids of the cases with a requirement that is `wanted`, by the index of the draft.
fn expected(wanted: impl Fn(&Requirement) -> bool) -> BTreeSet<String> {
    let index = requirement::index().unwrap();
    let cites = |case: &Case| {
        index.iter().any(|one| wanted(one) && case.script.header.requirements.contains(&one.label))
    };
    built_in().unwrap().into_iter().filter(cites).map(|case| case.id).collect()
}

#[test]
fn a_section_is_a_number_with_what_is_below_it_or_the_beginning_of_an_anchor() {
    let holding = expected(|one| one.section == "7.3");
    assert!(holding.contains("suspend/hold-lasts") && holding.len() > 5, "{holding:?}");
    for written in [&["--section", "7.3"], &["--section", "7.3."], &["--section", "holding"]] {
        assert_eq!(listed(written), holding, "{written:?}");
    }
    assert_eq!(listed(&["section:7.3"]), holding);
    assert_eq!(listed(&["section:holding"]), holding);
    assert_eq!(listed(&["--section", "7"]), expected(|one| one.section.starts_with("7.")));
    assert_eq!(listed(&["--section", "neg-"]), expected(|one| one.anchor.starts_with("neg-")));
    // 4.10, 4.11 and 4.12 are not below 4.1.
    assert_eq!(listed(&["--section", "4.1"]), expected(|one| one.section == "4.1"));
    let two = expected(|one| one.section == "7.3" || one.section == "7.4");
    assert_eq!(listed(&["--section", "7.3", "--section", "7.4"]), two);
}

#[test]
fn a_level_is_that_of_a_requirement() {
    let should = expected(|one| one.label.starts_with("HIA-SHOULD-"));
    assert!(!should.is_empty());
    assert_eq!(listed(&["--level", "should"]), should);
    let both = expected(|one| !one.label.starts_with("HIA-MAY-"));
    assert_eq!(listed(&["--level", "should", "--level", "must"]), both);
}

#[test]
fn filters_add_up_and_options_narrow() {
    let abort = listed(&["abort/"]);
    let label = listed(&["must-48"]);
    assert_eq!(listed(&["abort/", "must-48"]), &abort | &label);
    // Section and level have to be those of one requirement, not of two that a case happens to cite.
    let both = expected(|one| one.section == "7.3" && one.label.starts_with("HIA-SHOULD-"));
    assert_eq!(listed(&["--section", "7.3", "--level", "should"]), both);
    let narrowed = listed(&["suspend/", "--section", "7.3"]);
    assert_eq!(narrowed, &listed(&["suspend/"]) & &expected(|one| one.section == "7.3"));
    assert_eq!(
        stdout(&conform(&["list", "--section", "7.3"])).lines().count(),
        listed(&["section:7.3"]).len()
    );
}

#[test]
fn a_report_on_a_section_has_only_its_requirements() {
    let folder = out("section");
    let output = conform(&["run", "--section", "7.3", "--format", "json", "--out", &folder]);
    let document = validated(&output);
    let requirements = document["runs"][0]["requirements"].as_array().unwrap();
    assert!(requirements.len() > 5);
    for one in requirements {
        assert_eq!(one["section"], "7.3", "{one}");
        // All cases of the section's requirements are asked for.
        assert_eq!(one["cases"].as_array().unwrap().len(), one["cases_in_all"], "{one}");
    }
    let text = stdout(&conform(&["run", "suspend/holder-answers", "--out", &folder]));
    let all = expected(|one| one.label == "HIA-MUST-48").len();
    assert!(text.contains(&format!("MUST 48    2 of {all} ")), "{text}");
}

#[test]
fn what_names_nothing_is_said() {
    let refused = |arguments: &[&str], words: &str| {
        let folder = out("refused");
        let output = conform(&[&["run", "--out", &folder], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    };
    refused(&["no-such-case"], "no-such-case: no case begins so");
    refused(&["--section", "99"], "section 99: no requirement of the draft stands there; expected one in 4,");
    refused(&["section:nowhere"], "section nowhere: no requirement of the draft stands there");
    refused(&["--section", ""], "no requirement of the draft stands there");
    refused(&["--level", "perhaps"], "[possible values: must, should, may]");
    refused(&["abort/", "--section", "8.7"], "no case is left");
    // The draft's only requirement in 14.11 cannot be seen from outside.
    refused(&["--section", "14.11"], "section 14.11: no case is about it");
}
