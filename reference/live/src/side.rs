//! One end of a scenario: something that can be killed at any instant and started again.

mod proxy_end;
mod transfer_end;

use crate::bed::Bed;
use crate::trouble::Trouble;

pub(crate) use proxy_end::ProxyEnd;
pub(crate) use transfer_end::{TransferEnd, TransferPlan, copy_store};

/// One end of a scenario.
pub(crate) trait Side {
    /// Starts it, or starts it again with what is on its disk.
    fn start(&mut self, bed: &Bed) -> Result<(), Trouble>;

    /// SIGKILL to every process of it.
    fn kill(&mut self) -> Result<(), Trouble>;

    /// Waits until it works, after its first start or a later one.
    fn wait_ready(&mut self) -> Result<(), Trouble>;
}
