//! Every file that is made of the figures: names and contents.

use crate::grid::Row;
use crate::recovery::Recovery;
use crate::{plot, table};

/// A file could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// A plot.
    #[error(transparent)]
    Plot(#[from] plot::PlotError),
    /// JSON.
    #[error("JSON: {0}")]
    Json(#[from] serde_json::Error),
}

type Files = Vec<(&'static str, String)>;

/// Those of the placements.
///
/// # Errors
///
/// What the libraries say.
pub fn placements(rows: &[Row]) -> Result<Files, DrawError> {
    Ok(vec![
        ("placements.csv", table::csv(rows)),
        ("placements.json", table::json(rows)?),
        ("goodput.md", table::goodput(rows)),
        ("latency.md", table::latency(rows)),
        ("memory.md", table::memory(rows)),
        ("goodput.svg", plot::goodput(rows)?),
        ("latency.svg", plot::latency(rows)?),
        ("memory.svg", plot::memory(rows)?),
    ])
}

/// Those of the recoveries.
///
/// # Errors
///
/// What the libraries say.
pub fn recoveries(rows: &[Recovery]) -> Result<Files, DrawError> {
    Ok(vec![
        ("recovery.csv", table::recovery_csv(rows)),
        ("recovery.json", table::json(rows)?),
        ("recovery.md", table::recovery(rows)),
        ("recovery.svg", plot::recovery(rows)?),
    ])
}
