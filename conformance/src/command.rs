//! The subcommands of `conform` that this crate carries out itself; `check` and `show` have modules of their own.

pub mod explain;
pub mod list;
pub mod run;

use std::path::{Path, PathBuf};

use crate::case::{self, Case, CaseError};

/// The cases that `filters` select, from `folder` or built in; no filter selects all.
///
/// A filter is the beginning of an id, or the label of a requirement.
fn selected(folder: Option<&Path>, filters: &[String]) -> Result<Vec<Case>, CaseError> {
    let mut cases = match folder {
        Some(folder) => case::of_folder(folder)?,
        None => case::built_in()?,
    };
    cases.retain(|case| filters.is_empty() || filters.iter().any(|filter| selects(filter, case)));
    Ok(cases)
}

fn selects(filter: &str, case: &Case) -> bool {
    case.id.starts_with(filter) || case.script.header.requirements.iter().any(|label| label == filter)
}

/// Where cases come from and which of them count: the same for every subcommand.
#[derive(Debug, Clone, clap::Args)]
pub struct Selection {
    /// The beginning of a case's id, such as `suspend/`, or a requirement such as HIA-MUST-48. Several add up.
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,
    /// Take the cases of this folder in place of those that are built in.
    #[arg(long, value_name = "DIR")]
    pub cases: Option<PathBuf>,
}

impl Selection {
    fn load(&self) -> Result<Vec<Case>, String> {
        let cases = selected(self.cases.as_deref(), &self.filters).map_err(|error| error.to_string())?;
        if cases.is_empty() {
            return Err("no case is selected; `conform list` shows them all".to_owned());
        }
        Ok(cases)
    }
}
