//! The adapters in `dist/adapters`, run as CRIU, the guest agent and the kernel's log would run them.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use hiatus_host::epochs::{EpochPolicy, Keeping};
use hiatus_host::link::{Link, MemoryLink};
use hiatus_host::{EventLoop, Host, Settings};

/// A host with a control socket, in a folder of its own.
struct Operated {
    host: Host,
    folder: tempfile::TempDir,
}

impl Operated {
    fn start(settings: Settings, has_store: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut event_loop = EventLoop::new().unwrap();
        event_loop.open_control(&folder.path().join("control.sock")).unwrap();
        let keeping = has_store.then(|| Keeping::in_folder(&folder.path().join("state")));
        let link = Link::Memory(MemoryLink::pair(1500).0);
        let host = Host::start_in(event_loop, link, settings, keeping.as_ref()).unwrap().host;
        Self { host, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn adapter(&self, name: &str) -> Command {
        let mut command =
            Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("dist/adapters").join(name));
        command
            .env("HIATUS", env!("CARGO_BIN_EXE_hiatus"))
            .env("HIATUS_CONTROL", self.path("control.sock"))
            .env("HIATUS_GENERATION", self.path("generation"));
        command
    }
}

fn on_command() -> Settings {
    Settings { epochs: EpochPolicy::OnCommand, ..Settings::durable() }
}

fn succeeded(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn criu_takes_an_epoch_and_counts_restores() {
    let operated = Operated::start(on_command(), false);
    let step = |name: &str| {
        let output = operated.adapter("criu-action.sh").env("CRTOOLS_SCRIPT_ACTION", name).output().unwrap();
        succeeded(&output);
    };
    // A dump that leaves the program running.
    ["pre-dump", "post-dump", "network-lock", "network-unlock", "post-resume"].into_iter().for_each(step);
    assert_eq!((operated.host.epochs().taken, operated.host.epochs().durable), (1, 1));
    for restore in 1..=2 {
        ["pre-restore", "post-restore", "pre-resume", "post-resume"].into_iter().for_each(step);
        assert_eq!(operated.host.epochs().incarnation, restore);
    }
    assert_eq!(fs::read_to_string(operated.path("generation")).unwrap(), "2\n");
}

#[test]
fn a_freeze_waits_until_the_epoch_is_on_the_disk() {
    let operated = Operated::start(on_command(), true);
    succeeded(&operated.adapter("fsfreeze-hook.sh").arg("freeze").output().unwrap());
    assert_eq!((operated.host.epochs().taken, operated.host.epochs().durable), (1, 1));
    succeeded(&operated.adapter("fsfreeze-hook.sh").arg("thaw").output().unwrap());
    assert_eq!(operated.adapter("fsfreeze-hook.sh").arg("melt").output().unwrap().status.code(), Some(2));
}

#[test]
fn the_kernel_says_that_the_machine_is_a_copy() {
    let operated = Operated::start(Settings::durable(), true);
    let log = operated.path("kmsg");
    fs::write(&log, "6,1,1,-;random: crng reseeded due to virtual machine fork\n").unwrap();
    let mut watcher = operated
        .adapter("vmgenid-watch.sh")
        .env("HIATUS_KMSG", &log)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(operated.host.epochs().incarnation, 0, "old news");
    let mut file = fs::OpenOptions::new().append(true).open(&log).unwrap();
    writeln!(file, "6,2,2,-;random: crng reseeded due to virtual machine fork").unwrap();
    let since = Instant::now();
    while operated.host.epochs().incarnation == 0 && since.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let incarnation = operated.host.epochs().incarnation;
    // The shell and its `tail`.
    let group = rustix::process::Pid::from_child(&watcher);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    watcher.wait().unwrap();
    assert_eq!(incarnation, 1);
}
