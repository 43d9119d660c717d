//! The subcommands of `conform` that this crate carries out itself; `check` and `show` have modules of their own.

pub mod explain;
pub mod generate;
pub mod lint;
pub mod list;
pub mod run;
mod selection;
pub mod serve;

pub use selection::Selection;
