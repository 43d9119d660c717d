//! The subcommands of `conform` that this crate carries out itself; `check` and `show` have modules of their own.

pub mod explain;
pub mod lint;
pub mod list;
pub mod run;
pub mod serve;

use std::path::{Path, PathBuf};

use crate::case::{self, Case, Colour};
use crate::requirement;

fn selects(filter: &str, case: &Case) -> bool {
    let label = requirement::label(filter);
    case.id.starts_with(filter) || case.script.header.requirements.contains(&label)
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
    /// The cases that the filters select; no filter selects all, one that selects none is an error.
    fn load(&self) -> Result<Vec<Case>, String> {
        let mut cases = match &self.cases {
            None => case::built_in().map_err(|error| error.to_string())?,
            Some(folder) => of_folder(folder)?,
        };
        let filters = &self.filters;
        if let Some(idle) = filters.iter().find(|filter| !cases.iter().any(|case| selects(filter, case))) {
            return Err(format!("{idle}: no case begins so or cites it; `conform list` shows them all"));
        }
        cases.retain(|case| filters.is_empty() || filters.iter().any(|filter| selects(filter, case)));
        Ok(cases)
    }
}

/// The cases below `folder`; there is at least one, and the requirements and mutants that they name exist.
fn of_folder(folder: &Path) -> Result<Vec<Case>, String> {
    let cases = case::of_folder(folder).map_err(|errors| {
        format!("{}: the cases cannot be run\n\n{}", folder.display(), errors.told(Colour::of_stderr()))
    })?;
    if cases.is_empty() {
        return Err(format!("{}: expected cases, found no file that ends in .pkt", folder.display()));
    }
    Ok(cases)
}
