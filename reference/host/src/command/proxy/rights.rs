//! What a process may do, and gives up.

use std::io;

use hiatus_host::config::{Config, Mode};
use nix::unistd::{User, setgid, setgroups, setuid};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities, set_no_new_privs,
};

/// Why a process has not become a user.
#[derive(Debug, thiserror::Error)]
pub(super) enum RightsError {
    /// There is no such user.
    #[error("[host] user: expected a user of this machine, found `{user}`")]
    Unknown {
        /// The name.
        user: String,
    },
    /// The kernel refuses.
    #[error("[host] user `{user}`: {step}: {error}")]
    Step {
        /// The name.
        user: String,
        /// What was asked of the kernel.
        step: &'static str,
        /// What it says.
        error: io::Error,
    },
}

/// As many descriptors as the administrator allows: each connection has one or two.
pub(super) fn raise_limit_of_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // With fewer, fewer connections are accepted at a time, and it is told then.
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
}

/// Gives up all rights but those of `user`; with tproxy CAP_NET_ADMIN stays. Only this thread may be there yet.
pub(super) fn become_user(user: &str, config: &Config) -> Result<(), RightsError> {
    let failed = |step| {
        let user = user.to_owned();
        move |error: io::Error| RightsError::Step { user, step, error }
    };
    let found = User::from_name(user).map_err(|error| failed("look-up")(error.into()))?;
    let found = found.ok_or_else(|| RightsError::Unknown { user: user.to_owned() })?;
    make_folders(config, &found).map_err(failed("folders of [state]"))?;
    let keeps = config.proxy.as_ref().is_some_and(|front| front.mode == Mode::Tproxy);
    if keeps {
        set_keep_capabilities(true).map_err(|error| failed("capabilities")(error.into()))?;
    }
    setgroups(&[found.gid]).map_err(|error| failed("setgroups")(error.into()))?;
    setgid(found.gid).map_err(|error| failed("setgid")(error.into()))?;
    setuid(found.uid).map_err(|error| failed("setuid")(error.into()))?;
    if keeps {
        let sets = CapabilitySets {
            effective: CapabilitySet::NET_ADMIN,
            permitted: CapabilitySet::NET_ADMIN,
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, sets).map_err(|error| failed("capabilities")(error.into()))?;
    }
    set_no_new_privs(true).map_err(|error| failed("no_new_privs")(error.into()))
}

/// Folders that are not there yet are made, and are the user's.
fn make_folders(config: &Config, user: &User) -> io::Result<()> {
    let Some(keeping) = config.keeping() else { return Ok(()) };
    let state = config.state.as_ref().map(|state| state.folder.clone());
    for folder in state.into_iter().chain([keeping.store, keeping.outside]) {
        if !folder.exists() {
            std::fs::create_dir_all(&folder)?;
            std::os::unix::fs::chown(&folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
    }
    Ok(())
}
