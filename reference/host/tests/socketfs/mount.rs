//! A mount of the test's own, which goes with the test however it ends.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::mount::{UnmountFlags, unmount};
use tempfile::TempDir;

/// The longest time that a mount may take, or a program on it, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Whether there is FUSE; says why a test is skipped if not.
pub(crate) fn has_fuse(name: &str) -> bool {
    let opened = std::fs::OpenOptions::new().read(true).write(true).open("/dev/fuse");
    if let Err(error) = &opened {
        // Straight to the stream: libtest would keep a print to itself.
        io::stderr().write_all(format!("SKIPPED: {name}: /dev/fuse: {error}\n").as_bytes()).unwrap();
    }
    opened.is_ok()
}

/// A folder that nothing is mounted on any longer when it goes.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        let path = self.0.path().join("mnt");
        if std::fs::symlink_metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            std::fs::create_dir(&path).unwrap();
        }
        path
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let path = self.0.path().join("mnt");
        while unmount(&path, UnmountFlags::DETACH).is_ok() {}
    }
}

/// `hiatus socketfs` as a process.
pub(crate) struct Mount {
    child: Child,
    path: PathBuf,
}

impl Mount {
    pub(crate) fn start(path: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hiatus"));
        command.arg("socketfs").arg(path).args(arguments).env("RUST_LOG", "warn").stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let since = Instant::now();
        while std::fs::metadata(path.join("tcp")).is_err() {
            assert!(since.elapsed() < PATIENCE, "not mounted");
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "hiatus socketfs ended: {ended:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, path: path.to_owned() }
    }

    pub(crate) fn loopback(folder: &Folder) -> Self {
        Self::start(&folder.path(), &["--loopback"])
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// As a power cut: nothing is said to anybody.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its end by itself.
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "it goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs `script` by `shell` in the folder `mount`; a program that does not end is killed, and the test fails.
pub(crate) fn run(shell: &str, mount: &Path, script: &str) -> Output {
    let mut command = Command::new("timeout");
    command.args(["-k", "1", "50", shell, "-c", script]).current_dir(mount).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert_ne!(output.status.code(), Some(124), "{shell} does not end: {output:?}");
    output
}

/// The same for one that ends well; gives what it printed.
pub(crate) fn printed(shell: &str, mount: &Path, script: &str) -> String {
    let output = run(shell, mount, script);
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shell}: {:?}\n{text}{said}", output.status);
    text
}

/// Python that has the helpers below.
pub(crate) fn python(mount: &Path, script: &str) -> String {
    printed("python3", mount, &format!("{HELPERS}{script}"))
}

/// Sockets as files, for Python.
const HELPERS: &str = r#"
import errno, os, select, threading, time
def write(path, text):
    fd = os.open(path, os.O_WRONLY)
    try: os.write(fd, text.encode())
    finally: os.close(fd)
def text(path):
    with open(path) as file: return file.read()
class Socket:
    def __init__(self, path="tcp/new_socket"):
        self.owner = os.open(path, os.O_RDONLY)
        self.path = os.read(self.owner, 100).decode().strip()
    def open(self, flags=os.O_RDWR, name="data"):
        return os.open(self.path + "/" + name, flags)
    def close(self): os.close(self.owner)
def listener(address):
    socket = Socket()
    write(socket.path + "/bind", address)
    write(socket.path + "/listen", "5")
    return socket
def connect(address):
    socket = Socket()
    write(socket.path + "/connect", address)
    return socket
def pair(address="10.0.0.2:80"):
    server = listener(address)
    client = connect(address)
    accepted = Socket(server.path + "/accept_socket")
    return server, client, accepted
def error_of(call):
    try: return repr(call())
    except OSError as error: return errno.errorcode[error.errno]
def read_all(fd, count):
    octets = b""
    while len(octets) < count:
        piece = os.read(fd, 1 << 20)
        if not piece: break
        octets += piece
    return octets
def until(condition):
    since = time.time()
    while not condition():
        assert time.time() - since < 40, "it does not become so"
        time.sleep(0.01)
"#;
