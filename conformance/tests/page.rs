//! The page of a run in a headless Chromium: it opens without an error, its filters filter, it is as narrow as a phone,
//! and its words can be read by day and by night.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/run.rs"]
mod run;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use hiatus_conformance::report;
use serde_json::Value;

const BROWSER: &str = "chromium";
/// Milliseconds of the page's own clock until the result is read.
const TIME_BUDGET_MS: u32 = 10_000;
/// Columns of a small phone.
const PHONE_PX: u32 = 360;
const DESK_PX: u32 = 1_100;
/// WCAG 2, level AA, for text.
const CONTRAST_MIN: f64 = 4.5;

/// Says that the test is skipped for want of a browser, or fails where tools are required.
///
/// With HIATUS_TOOLS_APART=1 it is left to a run of its own, which is to come.
fn browser_is_missing() -> bool {
    if std::env::var_os("HIATUS_TOOLS_APART").is_some() {
        return true;
    }
    if Command::new(BROWSER).arg("--version").output().is_ok_and(|out| out.status.success()) {
        return false;
    }
    assert!(std::env::var_os("HIATUS_REQUIRE_TOOLS").is_none(), "required here: {BROWSER}");
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("a test").to_owned();
    let mut stderr = std::io::stderr();
    writeln!(stderr, "SKIPPED: {name}: {BROWSER} not installed").unwrap();
    true
}

/// A folder of its own with the page in it.
fn home(name: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("page-{name}"));
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join("report.html"), report::html(&run::report(), Path::new("out"))).unwrap();
    home
}

/// Opens `file` of `home`; gives the document as it is then, and what was said on the console.
fn opened(home: &Path, file: &str, more: &[&str]) -> (String, Vec<String>) {
    let output = Command::new(BROWSER)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"])
        .args(["--allow-file-access-from-files", "--no-first-run", "--disable-extensions"])
        .arg(format!("--virtual-time-budget={TIME_BUDGET_MS}"))
        .arg(format!("--user-data-dir={}", home.join("profile").display()))
        .args(more)
        .arg(format!("file://{}/{file}", home.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stderr);
    let console = said.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    (String::from_utf8(output.stdout).unwrap(), console)
}

/// Opens the page with `hash` in a frame of `width`, and gives what the function body `script` returns: `page` is its
/// document, `view` its window.
fn asked(home: &Path, hash: &str, width: u32, more: &[&str], script: &str) -> Value {
    let frame = format!(
        "<!doctype html><meta charset=\"utf-8\"><iframe id=\"f\" style=\"width:{width}px;height:800px;border:0\" \
         src=\"report.html{hash}\"></iframe><pre id=\"answer\"></pre><script>\n\
         const frame = document.getElementById('f');\n\
         frame.onload = () => {{\n\
           const view = frame.contentWindow, page = frame.contentDocument;\n\
           const shown = (all) => [...page.querySelectorAll(all)].filter((one) => one.checkVisibility()).map((one) => one.id);\n\
           const answer = (() => {{ {script} }})();\n\
           document.getElementById('answer').textContent = 'ANSWER' + encodeURIComponent(JSON.stringify(answer)) + 'END';\n\
         }};</script>"
    );
    fs::write(home.join("frame.html"), frame).unwrap();
    let (document, console) = opened(home, "frame.html", more);
    assert_eq!(console, Vec::<String>::new());
    let answer = document.split_once(">ANSWER").and_then(|(_, rest)| rest.split_once("END<"));
    let (answer, _) = answer.unwrap_or_else(|| panic!("no answer in {document}"));
    serde_json::from_str(&percent_decoded(answer)).unwrap()
}

fn percent_decoded(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        let hex: Option<String> = (octet == b'%').then(|| rest.by_ref().take(2).map(char::from).collect());
        octets.push(hex.map_or(octet, |hex| u8::from_str_radix(&hex, 16).unwrap()));
    }
    String::from_utf8(octets).unwrap()
}

fn strings(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

/// The ids of cases, or labels of requirements, with this verdict against this target.
fn with_verdict(list: &str, key: &str, target: &str, verdict: &str) -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&report::json(&run::report()).unwrap()).unwrap();
    let runs = document["runs"].as_array().unwrap();
    let run = runs.iter().find(|run| run["target"] == target).unwrap();
    let fitting = run[list].as_array().unwrap().iter().filter(|one| one["verdict"] == verdict);
    fitting.map(|one| one[key].as_str().unwrap().replace(' ', "-")).collect()
}

#[test]
fn it_opens_without_a_word_on_the_console() {
    if browser_is_missing() {
        return;
    }
    let home = home("opens");
    let (document, console) = opened(&home, "report.html", &[]);
    assert_eq!(console, Vec::<String>::new());
    let cases = run::report().cases.len();
    assert!(document.contains(&format!("{cases} of {cases} cases</output>")), "the script has not run");
    // An error would be seen.
    fs::write(home.join("broken.html"), "<!doctype html><script>nothing.of.that.name</script>").unwrap();
    assert_eq!(opened(&home, "broken.html", &[]).1.len(), 1);
}

#[test]
fn filters_are_links_and_links_are_filters() {
    if browser_is_missing() {
        return;
    }
    let home = home("filters");
    let asking = "return { rows: shown('.row'), cases: shown('details.case') };";
    let hash = "#?verdict=fail&target=reference%2C%20mutant%20grants-too-much";
    let answer = asked(&home, hash, DESK_PX, &[], asking);
    let failing = with_verdict("cases", "id", run::MUTANT, "fail");
    assert!(failing.len() > 3);
    assert_eq!(strings(&answer["cases"]), failing);
    assert_eq!(strings(&answer["rows"]), with_verdict("requirements", "label", run::MUTANT, "fail"));

    let answer = asked(&home, "#?section=7.3&level=should", DESK_PX, &[], asking);
    assert_eq!(strings(&answer["rows"]), BTreeSet::from(["HIA-SHOULD-5".to_owned()]));

    // As by hand: words, then everything again.
    let script = "const field = page.forms[0].elements.q; field.value = 'holds-too initiator'; \
                  field.dispatchEvent(new view.Event('input', { bubbles: true })); \
                  const some = shown('details.case'), rows = shown('.row'), hash = view.location.hash; \
                  page.forms[0].elements.q.value = ''; field.dispatchEvent(new view.Event('input', { bubbles: true })); \
                  return { some, rows, hash, all: shown('details.case').length, form: page.forms[0].hidden };";
    let answer = asked(&home, "", DESK_PX, &[], script);
    assert_eq!(strings(&answer["some"]), BTreeSet::from(["suspend/initiator-holds-too".to_owned()]));
    let case = run::report().cases.into_iter().find(|case| case.id == "suspend/initiator-holds-too").unwrap();
    assert_eq!(strings(&answer["rows"]), case.script.header.requirements.into_iter().collect());
    assert_eq!(answer["hash"], "#?q=holds-too+initiator");
    assert_eq!(answer["all"], run::report().cases.len());
    assert_eq!(answer["form"], false);
}

#[test]
fn a_link_to_a_case_opens_it() {
    if browser_is_missing() {
        return;
    }
    let home = home("link");
    let script = "const one = page.getElementById('suspend/hold-lasts'); \
                  const box = one.getBoundingClientRect(); \
                  return { open: one.open, top: box.top, steps: one.querySelector('.steps').checkVisibility(), \
                  arrows: one.querySelector('svg').querySelectorAll('.arrow').length, options: one.querySelector('svg').textContent };";
    let answer = asked(&home, "#suspend/hold-lasts", DESK_PX, &[], script);
    assert_eq!((&answer["open"], &answer["steps"]), (&true.into(), &true.into()));
    assert!((0.0..800.0).contains(&answer["top"].as_f64().unwrap()), "{answer}");
    let report = run::report();
    let case = report.cases.iter().position(|case| case.id == "suspend/hold-lasts").unwrap();
    assert_eq!(answer["arrows"], report.runs[0].results[case].outcome.frames.len());
    for option in ["capable v1 S hold 300s", "mss 1460", "suspend 60s mac ok"] {
        assert!(answer["options"].as_str().unwrap().contains(option), "{option}: {answer}");
    }
}

#[test]
fn it_is_as_narrow_as_a_phone() {
    if browser_is_missing() {
        return;
    }
    let home = home("phone");
    let script = "for (const one of page.querySelectorAll('details')) one.open = true; \
                  const size = (one) => parseFloat(view.getComputedStyle(one).fontSize); \
                  const svg = page.querySelector('svg'), scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width; \
                  return { width: page.documentElement.scrollWidth, \
                  drawn: 12 * scale, \
                  words: Math.min(...[...page.querySelectorAll('p, td, th, li, code, a, summary')].map(size)) };";
    let answer = asked(&home, "", PHONE_PX, &["--hide-scrollbars"], script);
    assert_eq!(answer["width"], PHONE_PX, "it has to be pushed sideways: {answer}");
    assert!(answer["words"].as_f64().unwrap() >= 11.0, "{answer}");
    assert!(answer["drawn"].as_f64().unwrap() >= 8.0, "{answer}");
}

/// Relative luminance of WCAG 2 of `rgb(1, 2, 3)`.
fn luminance(colour: &str) -> f64 {
    let inside = colour.trim_start_matches("rgba(").trim_start_matches("rgb(").trim_end_matches(')');
    let channel = |text: &str| {
        let share = text.trim().parse::<f64>().unwrap() / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    let channels: Vec<f64> = inside.split(',').take(3).map(channel).collect();
    0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]
}

#[test]
fn its_words_can_be_read_by_day_and_by_night() {
    if browser_is_missing() {
        return;
    }
    let home = home("colours");
    let script = "const colour = (one) => view.getComputedStyle(page.querySelector(one)).color; \
                  const ground = (one) => view.getComputedStyle(page.querySelector(one)).backgroundColor; \
                  return { body: ground('body'), card: ground('.target'), words: \
                  ['body', '.note', '.verdict .pass', '.verdict .fail', '.chip.known', '.chip.unsupported', \
                  '.chip.skipped', '.chip.inconclusive', '.o.hiatus', '.o', '.requirements .place', 'main a.capture'] \
                  .map((one) => [one, colour(one)]) };";
    let mut grounds = Vec::new();
    for (name, preference) in [("night", "0"), ("day", "1")] {
        let setting = format!("--blink-settings=preferredColorScheme={preference}");
        let answer = asked(&home, "", DESK_PX, &[&setting], script);
        for ground in ["body", "card"] {
            let ground = luminance(answer[ground].as_str().unwrap());
            for word in answer["words"].as_array().unwrap() {
                let ink = luminance(word[1].as_str().unwrap());
                let contrast = (ink.max(ground) + 0.05) / (ink.min(ground) + 0.05);
                assert!(contrast >= CONTRAST_MIN, "{name}: {word}: {contrast:.2}");
            }
        }
        grounds.push(luminance(answer["body"].as_str().unwrap()));
    }
    assert!(grounds[0] < 0.1 && grounds[1] > 0.8, "{grounds:?}");
}

#[test]
fn without_a_script_everything_is_shown() {
    let page = report::html(&run::report(), Path::new("out"));
    let (document, _) = page.split_once("<script>").unwrap();
    // The form, which would do nothing, is all that is hidden.
    let hidden = document.split('<').filter(|tag| tag.split('>').next().unwrap().ends_with(" hidden"));
    assert_eq!(hidden.count(), 1);
    assert!(document.contains("id=\"filters\""));
}
