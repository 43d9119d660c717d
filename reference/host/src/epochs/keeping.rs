//! Where a host keeps what it comes back to, and what it finds there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hiatus_store::{BeginLifeError, Image, NewLife, OpenError, Origin, Outside, Store};
use tracing::{info, warn};

use crate::machine::Recency;

/// Octets of the host secret.
const SECRET_OCTETS: usize = 16;

/// Folders of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    /// The folder of the store: it rolls back with the host.
    pub store: PathBuf,
    /// The folder of what never rolls back: incarnations, the ceiling of timestamps, the host secret. On a volume that no
    /// snapshot of the host contains.
    pub outside: PathBuf,
}

/// Why a host does not start. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A file or folder.
    #[error("{what} {}: {error}", path.display())]
    File {
        /// What it is to the host.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The store or the outside.
    #[error("{what} {}: {error}", path.display())]
    Open {
        /// Which of them.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        error: OpenError,
    },
    /// The host secret is damaged.
    #[error("host secret {}: expected {SECRET_OCTETS} octets, found {found_octets}", path.display())]
    Secret {
        /// Where.
        path: PathBuf,
        /// Octets it has.
        found_octets: usize,
    },
    /// No incarnation can be taken.
    #[error("outside {}: {error}", path.display())]
    Life {
        /// Where.
        path: PathBuf,
        /// Why.
        error: BeginLifeError,
    },
    /// The epoch has records that the engine refuses.
    #[error("store {}: epoch {epoch}: {error}", path.display())]
    Restore {
        /// Where.
        path: PathBuf,
        /// Which epoch.
        epoch: hiatus_store::EpochId,
        /// Why.
        error: hiatus_engine::RestoreError,
    },
    /// The epoch says not when it was TAKEN: another program wrote it.
    #[error("store {}: epoch {epoch} is not that of a host", path.display())]
    Foreign {
        /// Where.
        path: PathBuf,
        /// Which epoch.
        epoch: hiatus_store::EpochId,
    },
    /// No random numbers.
    #[error("no random numbers: {0}")]
    Entropy(getrandom::Error),
}

/// What a host comes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing: it starts for the first time, or its state cannot be used.
    Nothing,
    /// The latest durable epoch.
    Epoch(hiatus_store::EpochId),
}

/// The files of a host, opened, with a life that has begun.
pub(crate) struct Opened {
    pub(crate) store: Store,
    pub(crate) outside: Outside,
    pub(crate) path: PathBuf,
    pub(crate) secret: [u8; SECRET_OCTETS],
    pub(crate) incarnation: u32,
    /// What to restore, with what the life begins with.
    pub(crate) returns: Option<(Image, NewLife)>,
    /// The ceiling of timestamps below which an earlier life may have sent.
    pub(crate) tsval_ceiling: u32,
}

impl Keeping {
    /// Both folders in one. For a host that is restored by starting it again: what rolls back by itself must not have the
    /// outside in it.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { store: folder.join("store"), outside: folder.join("outside") }
    }

    /// Which epoch the latest in the store is. A store that can be rolled back without its outside cannot tell.
    pub(crate) fn recency(&self) -> Recency {
        if self.store.parent() == self.outside.parent() { Recency::Latest } else { Recency::Any }
    }

    /// Opens what is there, makes what is not, and begins a life.
    ///
    /// A store without an outside is not opened: incarnations would come again (HIA-MUST-100).
    pub(crate) fn open(&self) -> Result<Opened, StartError> {
        for (what, path) in [("folder of the store", &self.store), ("folder of the outside", &self.outside)] {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(|error| StartError::File { what, path: path.clone(), error })?;
        }
        let path = self.store.join("epochs.redb");
        let outside_path = self.outside.join("lives.redb");
        let in_outside = |error| StartError::Open { what: "outside", path: outside_path.clone(), error };
        let in_store = |error| StartError::Open { what: "store", path: path.clone(), error };
        let is_new = !outside_path.exists() && !path.exists();
        // A store that was never there beside an outside that was: the host has lost its state, and says so to nobody.
        let mut outside = if is_new { Outside::create(&outside_path) } else { Outside::open(&outside_path) }
            .map_err(in_outside)?;
        let (store, image) = if path.exists() {
            Store::restore(&path).map_err(in_store)?
        } else {
            (Store::create(&path).map_err(in_store)?, None)
        };
        let secret = secret(&self.outside.join("secret"))?;
        let in_life = |error| StartError::Life { path: outside_path.clone(), error };
        let (origin, image) = match image {
            Some(image) => (Origin::Restored(image.epoch()), Some(image)),
            None => (Origin::Nothing, None),
        };
        let tsval_ceiling = outside.tsval_ceiling();
        if is_new {
            return Ok(Opened {
                store,
                outside,
                path,
                secret,
                incarnation: 0,
                returns: None,
                tsval_ceiling: 0,
            });
        }
        let (life, image) = match outside.begin_life(origin) {
            Ok(life) => (life, image),
            Err(error @ BeginLifeError::OffLine(_)) => {
                warn!(%error, "the connections of this epoch are lost");
                (outside.begin_life(Origin::Nothing).map_err(in_life)?, None)
            }
            Err(error) => return Err(in_life(error)),
        };
        let incarnation = life.incarnation;
        info!(incarnation, "a life begins");
        let returns = image.map(|image| (image, life));
        Ok(Opened { store, outside, path, secret, incarnation, returns, tsval_ceiling })
    }
}

/// Reads the host secret, or draws it: whole under its name, or not there.
fn secret(path: &Path) -> Result<[u8; SECRET_OCTETS], StartError> {
    let of = |error| StartError::File { what: "host secret", path: path.to_owned(), error };
    match File::open(path) {
        Ok(mut file) => {
            let mut octets = Vec::new();
            file.read_to_end(&mut octets).map_err(of)?;
            octets.try_into().map_err(|found: Vec<u8>| StartError::Secret {
                path: path.to_owned(),
                found_octets: found.len(),
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = drawn()?;
            let new = path.with_extension("new");
            let options = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).clone();
            let written = options.open(&new).and_then(|mut file| {
                file.write_all(&secret)?;
                file.sync_all()
            });
            written.map_err(of)?;
            fs::rename(&new, path).map_err(of)?;
            if let Some(folder) = path.parent() {
                File::open(folder).and_then(|folder| folder.sync_all()).map_err(of)?;
            }
            Ok(secret)
        }
        Err(error) => Err(of(error)),
    }
}

/// Fresh entropy.
pub(crate) fn drawn() -> Result<[u8; SECRET_OCTETS], StartError> {
    let mut octets = [0; SECRET_OCTETS];
    getrandom::fill(&mut octets).map_err(StartError::Entropy)?;
    Ok(octets)
}
