//! A machine of the bed: a network of its own, and a thread in it that starts everything there.
//!
//! The network has no name, and its processes are told to die with the thread that started them (`setpriv --pdeathsig`).
//! So nothing is left however this program ends, by SIGKILL too.

use std::fs;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::trouble::Trouble;

type Job = Box<dyn FnOnce() + Send>;

/// A machine with a network of its own.
#[derive(Debug)]
pub(crate) struct Station {
    name: &'static str,
    /// The thread in the network, by which `ip` finds it.
    thread_id: i32,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Station {
    /// A machine without devices, but for a loopback that is up.
    pub(crate) fn start(name: &'static str) -> Result<Self, Trouble> {
        let (jobs, received) = channel();
        let (entered, is_in) = channel();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || serve(&entered, &received));
        let thread = thread.map_err(Trouble::system("a thread"))?;
        let needs = "a network of its own (needs root, or the capability CAP_SYS_ADMIN)";
        let thread_id = is_in
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the thread ended")))
            .map_err(Trouble::system(needs))?;
        let station = Self { name, thread_id, jobs: Some(jobs), thread: Some(thread) };
        station.ip("link set lo up\n")?;
        Ok(station)
    }

    /// Its name, for people.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// What `ip link ... netns` takes for its network.
    pub(crate) fn thread_id(&self) -> i32 {
        self.thread_id
    }

    /// Does `job` in its network.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Trouble> {
        let (done, result) = channel();
        let ended =
            || Trouble::unexpected(format!("thread of {}", self.name), "one that runs", "one that ended");
        let job = move || {
            // Nobody may wait any longer.
            done.send(job()).ok();
        };
        self.jobs.as_ref().ok_or_else(ended)?.send(Box::new(job)).map_err(|_| ended())?;
        result.recv().map_err(|_| ended())
    }

    /// Starts a program there, which dies with this value.
    pub(crate) fn spawn(
        &self,
        line: &[String],
        streams: impl FnOnce(&mut Command) + Send + 'static,
    ) -> Result<Child, Trouble> {
        let shown = line.join(" ");
        let line = line.to_vec();
        let spawned = self.run(move || {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "KILL", "--"]).args(line).stdin(Stdio::null());
            streams(&mut command);
            command.spawn()
        })?;
        spawned.map_err(Trouble::system(format!("start of `{shown}` on {}", self.name)))
    }

    /// Runs a program there and waits for its end; gives what it said.
    pub(crate) fn output(&self, line: &[&str]) -> Result<String, Trouble> {
        let Some((program, arguments)) = line.split_first() else { return Ok(String::new()) };
        self.tool(program, arguments, "")
    }

    /// Runs a program of the system there, gives it `input`, and waits for its end; gives what it said.
    pub(crate) fn tool(&self, program: &str, arguments: &[&str], input: &str) -> Result<String, Trouble> {
        let line = format!("{program} {} on {}", arguments.join(" "), self.name);
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let (program, input) = (program.to_owned(), input.to_owned());
        let output = self.run(move || {
            let mut child = Command::new(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes())?;
            }
            child.wait_with_output()
        })?;
        let output = output.map_err(Trouble::system(line.clone()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        Err(Trouble::Tool { line, said })
    }

    /// Gives `ip` a batch of lines.
    pub(crate) fn ip(&self, batch: &str) -> Result<(), Trouble> {
        self.tool("ip", &["-batch", "-"], batch).map(drop)
    }

    /// Gives `nft` a file of rules. Each rule stands on a line of its own: older versions want it so.
    pub(crate) fn nft(&self, rules: &str) -> Result<(), Trouble> {
        self.tool("nft", &["-f", "-"], rules).map(drop)
    }

    /// Sets what `/proc/sys/net/NAME` says of its network.
    pub(crate) fn sysctl(&self, name: &str, value: &str) -> Result<(), Trouble> {
        let path = format!("/proc/sys/net/{name}");
        let what = format!("{path} on {}", self.name);
        let value = value.to_owned();
        self.run(move || fs::write(&path, value))?.map_err(Trouble::system(what))
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // It ends when there are no more jobs; that it panicked was seen by who waited for it.
            thread.join().ok();
        }
    }
}

fn serve(entered: &Sender<io::Result<i32>>, jobs: &Receiver<Job>) {
    let is_in = hiatus_netns::enter_new_network().map(|()| rustix::thread::gettid().as_raw_nonzero().get());
    let goes_on = is_in.is_ok();
    if entered.send(is_in).is_err() || !goes_on {
        return;
    }
    for job in jobs {
        job();
    }
}
