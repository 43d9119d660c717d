//! How a process finds out that its memory came back older: something outside of it has changed meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

/// A file that whoever restores this memory changes, and what it had at the latest snapshot.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    path: Option<PathBuf>,
    known: Option<Vec<u8>>,
}

impl Generation {
    pub(crate) fn watch(path: Option<&Path>) -> Self {
        let mut generation = Self { path: path.map(Path::to_owned), known: None };
        generation.remember();
        generation
    }

    fn read(&self) -> Option<Vec<u8>> {
        // One that is not there is as good as an empty one: it can still be made.
        self.path.as_ref().map(|path| fs::read(path).unwrap_or_default())
    }

    pub(crate) fn remember(&mut self) {
        self.known = self.read();
    }

    pub(crate) fn has_changed(&self) -> bool {
        self.read() != self.known
    }
}
