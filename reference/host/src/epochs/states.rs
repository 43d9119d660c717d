//! What applications add to an epoch.

use hiatus_engine::Extent;
use hiatus_store::{Epoch, TakeError};

/// The states of the applications in an epoch that is being TAKEN: octets under a name, of the same instant as the
/// connections.
#[derive(Debug)]
pub struct States<'e> {
    epoch: &'e mut Epoch,
    extent: Extent,
    octets: usize,
    error: Option<TakeError>,
}

impl<'e> States<'e> {
    pub(crate) fn new(epoch: &'e mut Epoch, extent: Extent) -> Self {
        Self { epoch, extent, octets: 0, error: None }
    }

    /// How much is to be said: everything, or what changed since the epoch before.
    #[must_use]
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// The state under `name` is this from now on. A name has at most 255 octets.
    ///
    /// One that is too long spoils the epoch: none of it becomes durable, and the failure is logged.
    pub fn put(&mut self, name: &str, octets: &[u8]) {
        self.octets += octets.len();
        if let Err(error) = self.epoch.put_application(name, octets) {
            self.error = Some(error);
        }
    }

    /// There is no state under `name` any more.
    pub fn remove(&mut self, name: &str) {
        self.epoch.remove_application(name);
    }

    pub(crate) fn octets(&self) -> usize {
        self.octets
    }

    pub(crate) fn into_error(self) -> Option<TakeError> {
        self.error
    }
}
