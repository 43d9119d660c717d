//! A small disk: a file system in memory that a few programs share and nobody else sees.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use crate::bed::program::{Output, Running};
use crate::bed::station::Station;
use crate::trouble::Trouble;

/// How long a mount may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A file system in a mount namespace of its own, kept by a process that does nothing else.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    keeper: Rc<Running>,
    mounted: PathBuf,
}

impl Disk {
    /// Mounts a tmpfs of `size_octets` at `at`, a folder that exists.
    pub(crate) fn mount(
        station: &Station,
        folder: &Path,
        at: &Path,
        size_octets: u64,
    ) -> Result<Self, Trouble> {
        let script = format!(
            "mount -t tmpfs -o size={size_octets} live {} && echo mounted && exec sleep infinity",
            at.display()
        );
        let line = ["unshare", "--mount", "sh", "-c", &script].map(str::to_owned);
        let mut keeper = Running::start(station, folder, "disk", &line, &Output::Lines)?;
        keeper.wait_line("mounted", PATIENCE, |line| (line == "mounted").then_some(()))?;
        Ok(Self { keeper: Rc::new(keeper), mounted: at.to_path_buf() })
    }

    /// The command line that runs `line` where the disk is seen.
    pub(crate) fn within(&self, line: &[String]) -> Vec<String> {
        let mut within = vec!["nsenter".to_owned(), format!("--mount={}", self.namespace()), "--".to_owned()];
        within.extend_from_slice(line);
        within
    }

    /// Where its files can be reached from outside.
    pub(crate) fn path(&self) -> PathBuf {
        let below = self.mounted.strip_prefix("/").unwrap_or(&self.mounted);
        Path::new(&format!("/proc/{}/root", self.keeper.id())).join(below)
    }

    fn namespace(&self) -> String {
        format!("/proc/{}/ns/mnt", self.keeper.id())
    }
}
