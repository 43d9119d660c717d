//! `conform check` against tshark: both read the same generated capture, as whole processes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bench::results::{OURS, Sample};
use crate::shell::{Failure, Shell};
use crate::tools::{self, Installed};

/// Packets of the generated capture, all of them TCP.
const PACKETS: u32 = 2_000_000;
/// Ticks of /proc/PID/stat in a second, on every Linux that is for people (`man 5 proc`, sysconf(_SC_CLK_TCK)).
const TICKS_PER_SECOND: f64 = 100.0;
const POLL: Duration = Duration::from_millis(5);

/// What a process took.
struct Usage {
    processor_s: f64,
    peak_mib: f64,
}

/// Runs both one after the other, then ours alone until it ran `rounds` times. `bench` is the Criterion bench, which makes the capture.
pub(super) fn measure(shell: &Shell, bench: &Path, rounds: u32) -> Result<Vec<Sample>, Failure> {
    if let Installed::Impossible(why) = tools::install(shell, &[&tools::TSHARK])? {
        return Err(Failure::Found(why));
    }
    shell.run(shell.cargo("build").args([
        "--release",
        "--package",
        "hiatus-conformance",
        "--bin",
        "conform",
    ]))?;
    let capture = shell.root.join(format!("target/tmp/check-{PACKETS}.pcap"));
    if !capture.is_file() {
        println!("making a capture of {PACKETS} packets");
        let mut command = shell.program(bench);
        shell
            .quietly(command.args(["--bench", "--test"]).env("HIATUS_BENCH_PACKETS", PACKETS.to_string()))?;
    }
    let mut samples = Vec::new();
    for round in 1..=rounds {
        println!("check: round {round} of {rounds}");
        let mut conform = shell.program(shell.root.join("target/release/conform"));
        let mut tshark = shell.program("tshark");
        conform.arg("check").arg(&capture);
        // With nothing to show, it would not even dissect. This asks for what its analysis of TCP finds wrong.
        tshark
            .args(["-n", "-Y", "tcp.analysis.flags", "-T", "fields", "-e", "frame.number", "-r"])
            .arg(&capture);
        // A minute for tshark is enough: its one figure is set against ours of the same round.
        let peers = if round == 1 { Some(("tshark", &mut tshark)) } else { None };
        for (function, command) in std::iter::once((OURS, &mut conform)).chain(peers) {
            let usage = run(command)?;
            let packets_per_s = f64::from(PACKETS) / usage.processor_s;
            for (name, unit, figure) in [
                ("check 2 million packets", "packets/s of a core", packets_per_s),
                ("check 2 million packets, peak", "MiB", usage.peak_mib),
            ] {
                let function = function.to_owned();
                samples.push(Sample {
                    round,
                    name: name.to_owned(),
                    unit: unit.to_owned(),
                    function,
                    figure,
                });
            }
        }
    }
    Ok(samples)
}

/// Runs `command` to its end; reads its processor time when it is over and its memory while it runs.
fn run(command: &mut Command) -> Result<Usage, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let start = |source| Failure::Start { program: program.clone(), source };
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(start)?;
    let folder = Path::new("/proc").join(child.id().to_string());
    let mut peak_kib = 0.0_f64;
    // Until it is waited for, a process that has ended stays there as a zombie, its times with it.
    let processor_s = loop {
        let status = std::fs::read_to_string(folder.join("status")).map_err(Failure::file(&folder))?;
        peak_kib = peak_kib.max(status_kib(&status, "VmHWM:").unwrap_or(0.0));
        let stat = std::fs::read_to_string(folder.join("stat")).map_err(Failure::file(&folder))?;
        let (state, processor_s) = state_and_time(&stat)
            .ok_or_else(|| Failure::Found(format!("{}: cannot be read: {stat}", folder.display())))?;
        if state == "Z" {
            break processor_s;
        }
        std::thread::sleep(POLL);
    };
    let status = child.wait().map_err(start)?;
    // `conform check` ends with 1 when it found something, which is a result.
    if status.code().is_none_or(|code| code > 1) {
        return Err(Failure::Ended { line: program, status });
    }
    Ok(Usage { processor_s, peak_mib: peak_kib / 1024.0 })
}

fn status_kib(status: &str, field: &str) -> Option<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix(field))?;
    value.trim().strip_suffix(" kB")?.parse().ok()
}

/// Fields 3, 14 and 15 of /proc/PID/stat; the second, in parentheses, may hold blanks.
fn state_and_time(stat: &str) -> Option<(&str, f64)> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((fields.first()?, (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::{state_and_time, status_kib};

    #[test]
    fn proc_files_are_read() {
        let stat = "7 (a b) c) Z 1 7 7 0 -1 4 5 0 0 0 150 25 0 0 20 0 1 0";
        assert_eq!(state_and_time(stat), Some(("Z", 1.75)));
        assert_eq!(status_kib("Name:\tx\nVmHWM:\t    2048 kB\n", "VmHWM:"), Some(2048.0));
    }
}
