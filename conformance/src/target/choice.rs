//! What `--target` names.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::child::{Child, Exchange};
use super::reference::Reference;
use super::{Made, Setup, Target};

/// The program with the targets of this repository that are processes of their own.
const PROGRAM: &str = "hiatus-target";
/// Its targets: the name, and what it is.
const OF_PROGRAM: [(&str, &str); 4] = [
    ("reference-process", "the reference as a host with many connections, in a process of its own"),
    ("linux", "the TCP of this kernel"),
    ("lwip", "lwIP 2.2.1"),
    ("smoltcp", "smoltcp 0.14"),
];
/// What stands before the command line of a target of somebody else.
const CHILD: &str = "child:";

/// What `--target` names: something that makes a fresh target for each case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetChoice {
    /// The reference engine, in this process, in virtual time.
    Reference,
    /// A process that speaks the adapter protocol (`conformance/docs/adapter.md`).
    Child {
        /// What reports call it.
        name: String,
        /// The program and its arguments.
        command: Vec<String>,
    },
}

/// A text that names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// There is no such target.
    #[error("expected {known}, or `child:COMMAND ARGS`, found `{found}`", known = names().collect::<Vec<_>>().join(", "))]
    Unknown {
        /// What was given.
        found: String,
    },
    /// `child:` with nothing behind it.
    #[error("expected a command behind `child:`, such as `child:python3 example.py`")]
    NoCommand,
}

fn names() -> impl Iterator<Item = &'static str> {
    ["reference"].into_iter().chain(OF_PROGRAM.iter().map(|(name, _)| *name))
}

impl TargetChoice {
    /// What reports call it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Reference => "reference",
            Self::Child { name, .. } => name,
        }
    }

    /// A fresh target.
    ///
    /// # Errors
    ///
    /// Why it cannot be started, in one line.
    pub fn build(&self, setup: &Setup) -> Made {
        self.build_over(setup, &Exchange::default())
    }

    /// The same, with a say in how packets go and in whose time.
    ///
    /// # Errors
    ///
    /// Why it cannot be started, in one line.
    pub fn build_over(&self, setup: &Setup, exchange: &Exchange) -> Made {
        match self {
            Self::Reference => Ok(Box::new(Reference::new(setup))),
            Self::Child { command, .. } => {
                let child = Child::start(command, setup, exchange);
                child.map(|child| Box::new(child) as Box<dyn Target>).map_err(with_advice)
            }
        }
    }
}

impl fmt::Display for TargetChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TargetChoice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        if text == "reference" {
            return Ok(Self::Reference);
        }
        if let Some(line) = text.strip_prefix(CHILD) {
            let command: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            return if command.is_empty() {
                Err(ChoiceError::NoCommand)
            } else {
                Ok(Self::Child { name: line.trim().to_owned(), command })
            };
        }
        let known = OF_PROGRAM.iter().find(|(name, _)| *name == text);
        let (name, _) = known.ok_or_else(|| ChoiceError::Unknown { found: text.to_owned() })?;
        let command = vec![program().display().to_string(), (*name).to_owned()];
        Ok(Self::Child { name: (*name).to_owned(), command })
    }
}

/// The program with our targets: beside this one, else wherever the shell finds it.
fn program() -> PathBuf {
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(PROGRAM)));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(PROGRAM))
}

/// `why`, and what to do if it is that our own program has not been built.
fn with_advice(why: String) -> String {
    if why.starts_with(&format!("{PROGRAM}: cannot be started")) {
        format!(
            "{why}; `cargo build --release --package hiatus-targets` makes it, beside a release build of conform"
        )
    } else {
        why
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_a_name_or_a_command() {
        assert_eq!("reference".parse(), Ok(TargetChoice::Reference));
        let command = vec!["python3".to_owned(), "a.py".to_owned()];
        let name = "python3 a.py".to_owned();
        assert_eq!("child:python3 a.py".parse(), Ok(TargetChoice::Child { name, command }));
        assert_eq!("child: ".parse::<TargetChoice>(), Err(ChoiceError::NoCommand));
        let unknown = "windows".parse::<TargetChoice>().expect_err("there is no such target");
        assert!(unknown.to_string().contains("linux, lwip, smoltcp"), "{unknown}");
        assert_eq!("lwip".parse::<TargetChoice>().expect("a target").name(), "lwip");
    }
}
