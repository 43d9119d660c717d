//! `hiatus-pkt run FILE...`: carries out packetdrill scripts against the engine, in virtual time.
//!
//! Exit status: 0 if every script passed, 1 if one failed, 2 if one could not be read.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use hiatus_engine::IpVersion;
use hiatus_packetdrill::run;
use hiatus_packetdrill::script::Script;

/// packetdrill scripts against the Hiatus engine, in virtual time.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Carries out scripts.
    Run {
        /// The scripts; of a folder every `.pkt` below it.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Shows every segment and call.
        #[arg(long)]
        trace: bool,
        /// Version of IP.
        #[arg(long, value_enum, default_value_t = Version::V4)]
        ip: Version,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Version {
    /// IPv4.
    #[value(name = "4")]
    V4,
    /// IPv6.
    #[value(name = "6")]
    V6,
}

/// What became of one script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Passed,
    Failed,
    Unreadable,
}

fn main() -> ExitCode {
    let Command::Run { files, trace, ip } = Arguments::parse().command;
    let version = match ip {
        Version::V4 => IpVersion::V4,
        Version::V6 => IpVersion::V6,
    };
    let scripts: Vec<PathBuf> = files.iter().flat_map(|file| scripts_below(file)).collect();
    let verdicts: Vec<Verdict> = scripts.iter().map(|script| judge(script, version, trace)).collect();
    let passed = verdicts.iter().filter(|verdict| **verdict == Verdict::Passed).count();
    println!("{passed} of {} passed", verdicts.len());
    match verdicts.into_iter().max() {
        None | Some(Verdict::Passed) => ExitCode::SUCCESS,
        Some(Verdict::Failed) => ExitCode::from(1),
        Some(Verdict::Unreadable) => ExitCode::from(2),
    }
}

fn judge(path: &Path, version: IpVersion, shows_trace: bool) -> Verdict {
    let name = path.display();
    let parsed = std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| Script::parse(&text).map_err(|error| error.to_string()));
    let script = match parsed {
        Ok(script) => script,
        Err(error) => {
            println!("READ  {name}\n{error}");
            return Verdict::Unreadable;
        }
    };
    if !script.is_for(version) {
        println!("skip  {name}: for another version of IP");
        return Verdict::Passed;
    }
    let mut trace = Vec::new();
    let outcome = run::run(&script, version, &mut trace);
    if shows_trace {
        trace.iter().for_each(|line| println!("      {line}"));
    }
    match outcome {
        Ok(()) => {
            println!("ok    {name}");
            Verdict::Passed
        }
        Err(failure) => {
            println!("FAIL  {name}, {failure}");
            Verdict::Failed
        }
    }
}

/// `path`, or the scripts below it, sorted.
fn scripts_below(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else { return vec![path.to_owned()] };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "pkt"))
        .collect();
    found.sort();
    found.iter().flat_map(|path| scripts_below(path)).collect()
}
