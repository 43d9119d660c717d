//! Instructions per element, counted by valgrind: the same on every run, whatever else the machine does.

use std::path::Path;
use std::process::Stdio;

use crate::bench::results::{Sample, name_and_unit};
use crate::shell::{Failure, Shell};
use crate::tools::{self, Installed};

/// The difference between two runs leaves out what the program does before and after.
const FEW_PASSES: u32 = 1;
const MANY_PASSES: u32 = 5;

/// Counts what every function of the bench `program` executes for one element.
pub(super) fn count(shell: &Shell, program: &Path) -> Result<Vec<Sample>, Failure> {
    if let Installed::Impossible(why) = tools::install(shell, &[&tools::VALGRIND])? {
        return Err(Failure::Found(why));
    }
    let list = shell.output(shell.program(program).arg("--count-list"))?;
    let mut samples = Vec::new();
    for line in list.lines() {
        let mut columns = line.split('\t');
        let (Some(group), Some(function), Some(elements)) = (columns.next(), columns.next(), columns.next())
        else {
            return Err(Failure::Found(format!("--count-list printed `{line}`")));
        };
        let elements: f64 =
            elements.parse().map_err(|_| Failure::Found(format!("--count-list printed `{line}`")))?;
        let few = executed(shell, program, group, function, FEW_PASSES)?;
        let many = executed(shell, program, group, function, MANY_PASSES)?;
        let (name, unit) = name_and_unit(group);
        let unit = unit.replacen("ns per", "instructions per", 1);
        let figure = (many - few) / f64::from(MANY_PASSES - FEW_PASSES) / elements;
        samples.push(Sample { round: 1, name, unit, function: function.to_owned(), figure });
    }
    Ok(samples)
}

fn executed(shell: &Shell, program: &Path, group: &str, function: &str, passes: u32) -> Result<f64, Failure> {
    let mut command = shell.program("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    command.args(["--count", group, function, &passes.to_string()]).stderr(Stdio::piped());
    let start = |source| Failure::Start { program: "valgrind".to_owned(), source };
    let out = command.output().map_err(start)?;
    let text = String::from_utf8_lossy(&out.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    collected.ok_or_else(|| Failure::Found(format!("valgrind counted nothing:\n{text}")))
}
