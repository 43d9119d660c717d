//! The scenarios: each has a name, a story, a budget and a function.

mod ends;
mod guest;
mod kill;
mod middle;
mod programs;
mod rollback;
mod store;
mod suspend;

use std::path::{Path, PathBuf};
use std::time::Duration;

use oorandom::Rand64;

use crate::bed::capture::{self, Capture, Judged};
use crate::bed::{Bed, End, Middle};
use crate::side::TransferPlan;
use crate::trouble::Trouble;

/// One scenario.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Words that never change: `group/story`.
    pub(crate) name: &'static str,
    /// What happens, in a sentence.
    pub(crate) story: &'static str,
    /// How long it may take, in seconds.
    pub(crate) budget_seconds: u64,
    /// Programs that have to be installed.
    pub(crate) needs: &'static [&'static str],
    /// What happens.
    pub(crate) run: fn(&mut Context) -> Result<(), Trouble>,
}

/// Octets each way of a transfer whose capture is small.
const SMALL_OCTETS: u64 = 48 << 10;

/// How much is transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// As much as the story says.
    Full,
    /// So little that the capture is small.
    Small,
}

/// What a scenario is given, and what it finds out.
#[derive(Debug)]
pub(crate) struct Context {
    /// Its folder; the bed's is below it.
    pub(crate) folder: PathBuf,
    /// `hiatus-live` itself.
    pub(crate) program: PathBuf,
    /// `hiatus`.
    pub(crate) hiatus: PathBuf,
    /// Random numbers from the seed.
    pub(crate) random: Rand64,
    /// What octets are made from.
    pub(crate) seed: u64,
    /// How much is transferred.
    pub(crate) scale: Scale,
    /// What it found out, for people.
    pub(crate) facts: Vec<String>,
    /// Its capture, judged.
    pub(crate) captured: Option<(PathBuf, Judged)>,
}

impl Context {
    /// A bed of its own.
    pub(crate) fn bed(&self, middle: Middle) -> Result<Bed, Trouble> {
        Bed::build(&self.folder, middle)
    }

    /// Captures what passes the router towards host a from now on.
    pub(crate) fn capture(&self, bed: &Bed) -> Result<Capture, Trouble> {
        Capture::start(bed.router(), End::A.port(), bed.folder(), "router")
    }

    /// Ends a capture and has it judged.
    pub(crate) fn judge(&mut self, capture: Capture) -> Result<(), Trouble> {
        let path = capture.stop()?;
        let judged = capture::judge(&path, &[])?;
        self.facts.push(format!("{} packets judged", judged.packets));
        self.captured = Some((path, judged));
        Ok(())
    }

    /// A transfer of so many octets each way, or of fewer, which takes three seconds if nothing happens.
    pub(crate) fn plan(&self, octets: u64) -> TransferPlan {
        let octets = self.scaled(octets, SMALL_OCTETS);
        let mut plan = TransferPlan::new(&self.program, octets, self.seed);
        plan.rate = Some(octets / 3);
        plan.interval = self.scaled(Duration::from_millis(10), Duration::from_millis(100));
        plan
    }

    /// One of the two, as the scale is.
    pub(crate) fn scaled<T>(&self, full: T, small: T) -> T {
        match self.scale {
            Scale::Full => full,
            Scale::Small => small,
        }
    }

    /// A random number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.random.rand_range(0..bound)
    }

    /// A random time up to `most`.
    pub(crate) fn pause(&mut self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.random.rand_range(0..micros.max(1)))
    }

    /// Something for people to know.
    pub(crate) fn note(&mut self, fact: impl Into<String>) {
        self.facts.push(fact.into());
    }
}

/// Whether a program is on PATH.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| Path::new(&folder).join(program).is_file())
}

/// All of them, the longest first, so that they run beside the others.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "kill/either-end",
        story: "64 MiB go each way, and either end or both are killed 100 times at random instants",
        budget_seconds: 150,
        needs: &[],
        run: kill::either_end,
    },
    Scenario {
        name: "qemu/rolled-back",
        story: "a virtual machine is saved, goes on, is killed and restored: the connection goes on, byte for byte",
        budget_seconds: 180,
        needs: &["qemu-system-x86_64", "qemu-img", "busybox", "cpio", "apt-get", "dpkg", "ldd"],
        run: guest::rolled_back,
    },
    Scenario {
        name: "kill/lossy",
        story: "the same with one packet of a hundred lost, ten times",
        budget_seconds: 90,
        needs: &[],
        run: kill::lossy,
    },
    Scenario {
        name: "kill/machine-restart",
        story: "a host loses its power: all of its processes and devices are gone, and it starts again with its disk",
        budget_seconds: 40,
        needs: &[],
        run: kill::machine_restart,
    },
    Scenario {
        name: "programs/curl",
        story: "curl loads 32 MiB from Python's HTTP server over two proxies that are killed meanwhile",
        budget_seconds: 90,
        needs: &["curl", "python3"],
        run: programs::curl,
    },
    Scenario {
        name: "programs/nc",
        story: "netcat sends 32 MiB to another over two proxies that are killed meanwhile",
        budget_seconds: 90,
        needs: &["nc"],
        run: programs::nc,
    },
    Scenario {
        name: "programs/python",
        story: "two Python programs ask and answer over proxies that are killed meanwhile",
        budget_seconds: 90,
        needs: &["python3"],
        run: programs::python,
    },
    Scenario {
        name: "programs/redis",
        story: "redis-cli raises a counter 300 times over one connection whose proxies are killed meanwhile",
        budget_seconds: 90,
        needs: &["redis-cli", "redis-server"],
        run: programs::redis,
    },
    Scenario {
        name: "programs/iperf3",
        story: "iperf3 measures for four seconds over proxies that are killed meanwhile",
        budget_seconds: 90,
        needs: &["iperf3"],
        run: programs::iperf3,
    },
    Scenario {
        name: "rollback/permitted",
        story: "a host is restored to an older epoch, after which nothing of it has reached its peer, and goes on",
        budget_seconds: 40,
        needs: &[],
        run: rollback::permitted,
    },
    Scenario {
        name: "rollback/below-stable",
        story: "a host is restored to an epoch older than one that it has reported: both ends are told, and no octet is wrong",
        budget_seconds: 40,
        needs: &[],
        run: rollback::below_stable,
    },
    Scenario {
        name: "rollback/off-the-line",
        story: "a host is restored to an epoch that it has left behind before: its connections are lost, and it says so",
        budget_seconds: 40,
        needs: &[],
        run: rollback::off_the_line,
    },
    Scenario {
        name: "suspend/announced",
        story: "a host says that it goes away, and is away for longer than its peer waits for an answer",
        budget_seconds: 40,
        needs: &[],
        run: suspend::announced,
    },
    Scenario {
        name: "suspend/power-cut",
        story: "a host loses its power without a word, and is away for longer than its peer waits for an answer",
        budget_seconds: 40,
        needs: &[],
        run: suspend::power_cut,
    },
    Scenario {
        name: "suspend/paused",
        story: "a host stands still for longer than its peer waits for an answer, and does not know it",
        budget_seconds: 40,
        needs: &[],
        run: suspend::paused,
    },
    Scenario {
        name: "suspend/plain-linux",
        story: "the comparison: two Linux kernels with tcp_retries2 lowered lose the connection, as they have to",
        budget_seconds: 40,
        needs: &[],
        run: suspend::plain_linux,
    },
    Scenario {
        name: "nat/expired",
        story: "address translation forgets a connection while the host behind it is away; its router resets the peer, which holds",
        budget_seconds: 60,
        needs: &[],
        run: middle::expired,
    },
    Scenario {
        name: "nat/strict",
        story: "address translation that picks up no connection in the middle lets hosts be killed and return",
        budget_seconds: 60,
        needs: &[],
        run: middle::strict,
    },
    Scenario {
        name: "nat/strict-expired",
        story: "such a tracker has forgotten the connection: both ends are told that it is over",
        budget_seconds: 90,
        needs: &[],
        run: middle::strict_expired,
    },
    Scenario {
        name: "strip/handshake",
        story: "a router strips our options: plain TCP, unharmed",
        budget_seconds: 40,
        needs: &[],
        run: middle::strip_handshake,
    },
    Scenario {
        name: "strip/later",
        story: "a router begins to strip our options in the middle of a connection: every octet arrives",
        budget_seconds: 90,
        needs: &[],
        run: middle::strip_later,
    },
    Scenario {
        name: "store/full-disk",
        story: "the disk of a host is full, it is killed, there is room again",
        budget_seconds: 60,
        needs: &[],
        run: store::full_disk,
    },
    Scenario {
        name: "store/killed-in-commits",
        story: "a host is killed 25 times as it writes an epoch",
        budget_seconds: 60,
        needs: &[],
        run: store::killed_in_commits,
    },
    Scenario {
        name: "store/damaged",
        story: "a store with torn writes is refused by name, three times; the intact one goes on",
        budget_seconds: 60,
        needs: &[],
        run: store::damaged,
    },
];
