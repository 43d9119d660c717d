//! Completions and manual pages know every subcommand.

use std::path::Path;

use super::{conform, out, stderr, stdout};

/// The subcommands, as the help has them.
fn subcommands() -> Vec<String> {
    let help = stdout(&conform(&["--help"]));
    let (_, rest) = help.split_once("Commands:\n").unwrap();
    let lines = rest.lines().take_while(|line| !line.is_empty());
    // What a command is about may go on below it, further to the right.
    let named = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    named.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn completions_name_every_subcommand() {
    let names = subcommands();
    assert!(names.len() >= 8 && names.iter().any(|name| name == "completions"), "{names:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = conform(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let text = stdout(&output);
        for name in &names {
            assert!(text.contains(name.as_str()), "{shell}: {name}");
        }
        assert!(text.contains("known-failures"), "{shell}");
    }
    let output = conform(&["completions", "tcsh"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("bash"), "{}", stderr(&output));
}

#[test]
fn manual_pages_are_one_for_each_subcommand() {
    let folder = out("man");
    let output = conform(&["man", "--out", &folder]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let whole = std::fs::read_to_string(Path::new(&folder).join("conform.1")).unwrap();
    assert_eq!(stdout(&conform(&["man"])).lines().next(), whole.lines().next());
    for name in subcommands().iter().filter(|name| *name != "help") {
        assert!(whole.contains(&format!("conform\\-{name}(1)")), "{name}: {whole}");
        let page = std::fs::read_to_string(Path::new(&folder).join(format!("conform-{name}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
    }
    let run = std::fs::read_to_string(Path::new(&folder).join("conform-run.1")).unwrap();
    assert!(run.contains("\\-\\-known\\-failures"), "{run}");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("man-file");
    std::fs::write(&file, "").unwrap();
    let output = conform(&["man", "--out", &file.display().to_string()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("man-file"), "{}", stderr(&output));
}

#[test]
fn the_help_of_run_has_examples_that_work() {
    let help = stdout(&conform(&["run", "--help"]));
    let (_, rest) = help.split_once("Examples:\n").expect("examples");
    let examples: Vec<&str> = rest
        .lines()
        .take_while(|line| !line.is_empty())
        .map(|line| line.split("   ").next().unwrap())
        .collect();
    assert!(examples.len() >= 6 || rest.contains("conform run --list"), "{help}");
    for option in [
        "--target",
        "--jobs",
        "--seed",
        "--out",
        "--bail",
        "--quiet",
        "--section",
        "--level",
        "--known-failures",
    ] {
        assert!(help.contains(option), "{option}");
    }
    let words = ["run", "--list", "--section", "7.3", "--level", "must"];
    assert_eq!(conform(&words).status.code(), Some(0));
    assert_eq!(conform(&["run", "--list", "section:holding"]).status.code(), Some(0));
    assert_eq!(conform(&["run", "--list", "suspend/", "HIA-MUST-71"]).status.code(), Some(0));
}
