//! One run from its network to its verdict.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::{Case, Loss, Peer, Side};
use crate::net::{self, Dropped};
use crate::report::Done;
use crate::runner::child::Process;
use crate::runner::{Keep, Outcome, Plan};
use hiatus_interop::trouble::Trouble;

/// How often both processes are asked whether they are done.
const POLL: Duration = Duration::from_millis(5);
/// How long one may go on after the other failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What both processes said.
struct Reports {
    ours: Result<Done, Trouble>,
    theirs: Result<Done, Trouble>,
    dropped: Dropped,
}

/// Makes one run. It takes a network of its own for the calling thread, and leaves it there.
pub(super) fn run(plan: &Plan, case: &Case) -> Outcome {
    let started = Instant::now();
    let stem = case.file_stem();
    let log = plan.folder.join(format!("{stem}.log"));
    let capture = plan.folder.join(format!("{stem}.pcap"));
    let reports = make(plan, case, &log, &capture);
    let mut outcome = Outcome {
        case: *case,
        name: case.to_string(),
        findings: Vec::new(),
        seconds: started.elapsed().as_secs_f64(),
        ours: None,
        theirs: None,
        dropped: Dropped::default(),
        log,
        capture: None,
    };
    match reports {
        Ok(reports) => judge(&mut outcome, reports),
        Err(trouble) => outcome.findings.push(trouble.to_string()),
    }
    settle_capture(plan, &mut outcome, capture);
    outcome
}

fn make(plan: &Plan, case: &Case, log: &Path, capture: &Path) -> Result<Reports, Trouble> {
    let deadline = Instant::now() + plan.deadline;
    let log = File::create(log).map_err(Trouble::system(format!("log {}", log.display())))?;
    let text = serde_json::to_string(case).map_err(io::Error::from).map_err(Trouble::system("run"))?;
    let capture = capture.to_string_lossy();
    hiatus_netns::enter_new_network().map_err(Trouble::system("network namespace"))?;
    let start_peer = || Process::start("peer", &plan.program, &["peer", &text], &log);
    // A kernel peer brings its own network, to which a device of ours then reaches.
    let early = if case.peer == Peer::Kernel {
        let mut theirs = start_peer()?;
        theirs.expect_progress(deadline)?;
        Some(theirs)
    } else {
        None
    };
    net::build(case, early.as_ref().map_or(0, Process::id))?;
    let mut theirs = if let Some(mut theirs) = early {
        theirs.go()?;
        theirs.expect_progress(deadline)?;
        theirs
    } else {
        let mut theirs = start_peer()?;
        theirs.expect_progress(deadline)?;
        theirs
    };
    let mut ours = Process::start("engine", &plan.program, &["host", &text, &capture], &log)?;
    ours.expect_progress(deadline)?;
    net::wait_until_up()?;
    let (listener, opener) = match case.opener {
        Side::Us => (&mut theirs, &mut ours),
        Side::Them => (&mut ours, &mut theirs),
    };
    listener.go()?;
    listener.expect_progress(deadline)?;
    opener.go()?;
    let (our_end, their_end) = wait_for_both(&mut ours, &mut theirs, deadline);
    let dropped = net::dropped()?;
    ours.end();
    theirs.end();
    // What an end said only when it was told to.
    let last_word = |end: Option<_>, process: &mut Process| {
        end.or_else(|| process.try_done()).unwrap_or_else(|| {
            Err(Trouble::Broken { stack: "process", found: "no report until the deadline".to_owned() })
        })
    };
    Ok(Reports { ours: last_word(our_end, &mut ours), theirs: last_word(their_end, &mut theirs), dropped })
}

type Report = Option<Result<Done, Trouble>>;

/// Waits until both are done, or one has failed and the other had its time to say so.
fn wait_for_both(ours: &mut Process, theirs: &mut Process, deadline: Instant) -> (Report, Report) {
    let (mut our_end, mut their_end): (Report, Report) = (None, None);
    let mut until = deadline;
    while (our_end.is_none() || their_end.is_none()) && Instant::now() < until {
        our_end = our_end.or_else(|| ours.try_done());
        their_end = their_end.or_else(|| theirs.try_done());
        let has_failed = |end: &Report| match end {
            Some(Ok(done)) => !done.findings.is_empty(),
            Some(Err(_)) => true,
            None => false,
        };
        if has_failed(&our_end) || has_failed(&their_end) {
            until = until.min(Instant::now() + AFTER_FAILURE);
        }
        thread::sleep(POLL);
    }
    (our_end, their_end)
}

fn judge(outcome: &mut Outcome, reports: Reports) {
    outcome.dropped = reports.dropped;
    match reports.ours {
        Ok(done) => {
            outcome.seconds = done.seconds;
            outcome.findings.extend(done.findings.into_iter().map(|finding| format!("engine: {finding}")));
            (outcome.ours, outcome.theirs) = done.wire.unzip();
        }
        Err(trouble) => outcome.findings.push(format!("engine: {trouble}")),
    }
    let peer = outcome.case.peer;
    match reports.theirs {
        Ok(done) => {
            outcome.findings.extend(done.findings.into_iter().map(|finding| format!("{peer}: {finding}")));
        }
        Err(trouble) => outcome.findings.push(format!("{peer}: {trouble}")),
    }
    let dropped = outcome.dropped;
    let is_lossy = outcome.case.loss != Loss::None;
    if outcome.findings.is_empty() && is_lossy != (dropped.ours > 0 && dropped.theirs > 0) {
        let expected = if is_lossy { "some of both" } else { "none" };
        outcome.findings.push(format!("network: packets dropped: expected {expected}, found {dropped:?}"));
    }
}

fn settle_capture(plan: &Plan, outcome: &mut Outcome, capture: PathBuf) {
    if plan.keep == Keep::All || !outcome.has_passed() {
        outcome.capture = capture.is_file().then_some(capture);
    } else if let Err(error) = fs::remove_file(&capture)
        && error.kind() != io::ErrorKind::NotFound
    {
        outcome.findings.push(format!("remove {}: {error}", capture.display()));
    }
}
