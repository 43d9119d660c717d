//! Two networks with a wire between them, and a proxy in each.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use hiatus_netns::{Tun, enter_new_network};
use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(20);

/// The network of the client, or that of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Here,
    There,
}

/// Whether the proxies have a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Where temporary files are.
    Store,
    /// One on a file system in memory.
    #[allow(dead_code, reason = "the bench has it")]
    Memory,
    Nothing,
}

type Work = Box<dyn FnOnce() + Send>;

/// A thread in a network of its own: what it starts is there too.
pub(crate) struct Site {
    work: Sender<Work>,
    thread: i32,
}

impl Site {
    fn new() -> Result<Self, String> {
        let (work, to_do) = mpsc::channel::<Work>();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let missing = match enter_new_network() {
                Ok(()) => Tun::attach("probe").err().map(|error| format!("no TUN device: {error}")),
                Err(error) => Some(format!("no network of its own: {error}")),
            };
            let thread = rustix::thread::gettid().as_raw_nonzero().get();
            tell.send(missing.map_or(Ok(thread), Err)).ok();
            while let Ok(work) = to_do.recv() {
                work();
            }
        });
        let thread = told.recv().map_err(|error| error.to_string())??;
        Ok(Self { work, thread })
    }

    pub(crate) fn run<R: Send + 'static>(&self, act: impl FnOnce() -> R + Send + 'static) -> R {
        let (tell, told) = mpsc::channel();
        self.work.send(Box::new(move || drop(tell.send(act())))).unwrap();
        told.recv().expect("the work on a site succeeds")
    }
}

/// Both networks.
pub(crate) struct Bed {
    here: Site,
    there: Site,
    folder: tempfile::TempDir,
    keepers: Vec<(Place, Child)>,
}

pub(crate) fn skipped(name: &str, why: &str) -> String {
    format!("SKIPPED: {name}: {why}\n")
}

impl Bed {
    /// Builds it, or says why it cannot.
    pub(crate) fn build(name: &str, programs: &[&str], keeping: Keeping) -> Option<Self> {
        let skip = |why: &str| {
            // Straight to the stream: libtest would keep a print to itself.
            io::stderr().write_all(skipped(name, why).as_bytes()).unwrap();
        };
        for program in programs.iter().chain(&["ip", "nft"]) {
            let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
            if !found.is_ok_and(|found| found.status.success()) {
                skip(&format!("no {program}"));
                return None;
            }
        }
        let (here, there) = match (Site::new(), Site::new()) {
            (Ok(here), Ok(there)) => (here, there),
            (Err(why), _) | (_, Err(why)) => {
                skip(&why);
                return None;
            }
        };
        let folder = match keeping {
            Keeping::Memory => tempfile::tempdir_in("/dev/shm"),
            Keeping::Store | Keeping::Nothing => tempfile::tempdir(),
        };
        let bed = Self { here, there, folder: folder.unwrap(), keepers: Vec::new() };
        bed.lay_wires();
        bed.configure(keeping);
        Some(bed)
    }

    fn lay_wires(&self) {
        let there = self.there.thread;
        self.here.run(move || {
            set_forwarding();
            run("ip link set lo up");
            run(&format!("ip link add wire type veth peer name wire netns {there}"));
            run("ip addr add 192.0.2.1/30 dev wire");
            run("ip link set wire up");
        });
        self.there.run(|| {
            set_forwarding();
            run("ip link set lo up");
            run("ip addr add 192.0.2.2/30 dev wire");
            run("ip link set wire up");
            run("ip addr add 10.9.0.2/32 dev lo");
            run("ip route add 10.202.0.0/24 via 192.0.2.1");
        });
        self.here.run(|| {
            run("ip route add 10.203.0.0/24 via 192.0.2.2");
            run("ip route add 10.9.0.0/24 via 192.0.2.2");
        });
    }

    fn configure(&self, keeping: Keeping) {
        let state = |place| match keeping {
            Keeping::Store | Keeping::Memory => {
                format!("[state]\nfolder = \"{}\"\n", self.folder.path().join(place).display())
            }
            Keeping::Nothing => String::new(),
        };
        let host = |net: u8| {
            let control = self.folder.path().join(format!("control-{net}"));
            format!(
                "[control]\nsocket = \"{}\"\n[host]\naddresses = [\"10.{net}.0.1\"]\ndevice_addresses = [\"10.{net}.0.254/24\"]\n",
                control.display()
            )
        };
        let here = format!(
            "{}{}[proxy]\nconnect_timeout = \"{}\"\n[[carry]]\nto = [\"10.9.0.0/24:*\"]\nvia = \"10.203.0.1:4430\"\n",
            host(202),
            state("here"),
            // Longer than a proxy that was killed needs, or not to wait for one that never comes.
            if keeping == Keeping::Nothing { "1s" } else { "20s" },
        );
        let there = format!(
            "{}{}[[serve]]\nlisten = \"10.203.0.1:4430\"\nallow = [\"10.9.0.0/24:8000-9999\"]\n",
            host(203),
            state("there")
        );
        fs::write(self.config(Place::Here), here).unwrap();
        fs::write(self.config(Place::There), there).unwrap();
        let config = self.config(Place::Here).display().to_string();
        let rules = self.output(
            Place::Here,
            env!("CARGO_BIN_EXE_hiatus"),
            &["proxy", "--config", &config, "--print-nft"],
        );
        let file = self.folder.path().join("rules.nft");
        fs::write(&file, rules).unwrap();
        self.output(Place::Here, "nft", &["-f", &file.display().to_string()]);
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self, place: Place) -> PathBuf {
        self.folder.path().join(format!("{place:?}.toml"))
    }

    fn log(&self, place: Place) -> PathBuf {
        self.folder.path().join(format!("{place:?}.log"))
    }

    pub(crate) fn site(&self, place: Place) -> &Site {
        match place {
            Place::Here => &self.here,
            Place::There => &self.there,
        }
    }

    /// Starts a program there. It ends with the test.
    pub(crate) fn spawn(&self, place: Place, program: &str, arguments: &[&str]) -> Ended {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
        Ended(self.site(place).run(move || command.spawn().unwrap()))
    }

    /// What a program prints there.
    pub(crate) fn output(&self, place: Place, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        let output = self.site(place).run(move || command.output().unwrap());
        String::from_utf8(output.stdout).unwrap()
    }

    /// Whether a program listens on `port` there.
    pub(crate) fn listens(&self, place: Place, port: u16) -> bool {
        self.output(place, "sh", &["-c", &format!("ss -Hltn sport = :{port}")]).contains("LISTEN")
    }

    /// Starts the proxy there, with its keeper, and waits until it is ready.
    pub(crate) fn start(&mut self, place: Place) {
        let log = File::create(self.log(place)).unwrap();
        let hiatus = env!("CARGO_BIN_EXE_hiatus");
        let mut command = Command::new(hiatus);
        command.args(["keep", "--", hiatus, "proxy", "--config"]).arg(self.config(place));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        let keeper = self.site(place).run(move || command.spawn().unwrap());
        self.keepers.push((place, keeper));
        self.wait_for("the proxy is ready", || {
            fs::read_to_string(self.log(place)).unwrap().contains("ready")
        });
    }

    /// The proxy there, while it lives.
    pub(crate) fn proxy(&self, place: Place) -> Option<Pid> {
        let (_, keeper) = self.keepers.iter().find(|(known, _)| *known == place).unwrap();
        let id = keeper.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        Pid::from_raw(children.split_whitespace().next()?.parse().unwrap())
    }

    /// SIGKILL to the proxy there, not to its keeper.
    pub(crate) fn kill_proxy(&self, place: Place) {
        if let Some(pid) = self.proxy(place) {
            // One that has just died is dead all the same.
            kill_process(pid, Signal::KILL).ok();
        }
    }

    pub(crate) fn wait_for(&self, what: &str, is_so: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < until, "{what}: it never was\n{}", self.logs());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn logs(&self) -> String {
        let log = |place| fs::read_to_string(self.log(place)).unwrap_or_default();
        format!("-- here\n{}-- there\n{}", log(Place::Here), log(Place::There))
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        for (_, keeper) in &mut self.keepers {
            if let Some(pid) = i32::try_from(keeper.id()).ok().and_then(Pid::from_raw) {
                kill_process(pid, Signal::TERM).ok();
            }
            keeper.wait().ok();
        }
    }
}

/// A child that ends with its value.
pub(crate) struct Ended(Child);

impl Ended {
    pub(crate) fn wait(&mut self) -> io::Result<std::process::ExitStatus> {
        self.0.wait()
    }

    pub(crate) fn try_wait(&mut self) -> io::Result<Option<std::process::ExitStatus>> {
        self.0.try_wait()
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn set_forwarding() {
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
}

fn run(line: &str) {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
}
