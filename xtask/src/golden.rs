//! Golden captures.
use crate::shell::{Failure, Shell};
pub(crate) fn check(_shell: &Shell) -> Result<String, Failure> {
    Err(Failure::Found("no cases yet".to_owned()))
}
