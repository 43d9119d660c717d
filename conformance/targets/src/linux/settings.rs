//! The settings of the network that this process is in: it is its own, made for one case.

use std::{fs, io};

use hiatus_conformance::adapter::Setup;

const FOLDER: &str = "/proc/sys/net/ipv4";

/// Sets what the case asks for, and what would show on the wire without a word in any script.
pub(super) fn apply(setup: &Setup) -> io::Result<()> {
    let timestamps = if setup.timestamps { "1" } else { "0" };
    // A network that is all of this process and of the bench has these files; one that is not keeps what it has.
    for (name, value) in [("tcp_timestamps", timestamps), ("tcp_ecn", "0")] {
        match fs::write(format!("{FOLDER}/{name}"), value) {
            Err(error) if is_of_others(&error) => {}
            other => other?,
        }
    }
    Ok(())
}

fn is_of_others(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::NotFound
    )
}
