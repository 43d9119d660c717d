//! An end whose programs know nothing of Hiatus: `hiatus keep -- hiatus proxy` on a host of the bed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bed::program::{Output, Running};
use crate::bed::{Bed, End, TUN, wait_until};
use crate::side::Side;
use crate::trouble::Trouble;

/// Where Hiatus of host b listens for the proxy of host a.
const PORT: u16 = 4430;
/// Ports that are carried.
const CARRIED: &str = "8000-8099";
/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// States in which both directions are over.
const OVER: [&str; 3] = ["time-wait", "linger", "closed"];

/// The proxy of one host, with its keeper.
#[derive(Debug)]
pub(crate) struct ProxyEnd {
    end: End,
    hiatus: PathBuf,
    config: PathBuf,
    running: Option<Running>,
    starts: usize,
}

impl ProxyEnd {
    /// One that has never run; epochs are `interval` apart.
    pub(crate) fn new(bed: &Bed, end: End, hiatus: &Path, interval: Duration) -> Result<Self, Trouble> {
        let config = bed.folder().join(format!("proxy-{}.toml", end.name()));
        let text = configuration(bed, end, interval);
        fs::write(&config, text).map_err(Trouble::system(format!("file {}", config.display())))?;
        Ok(Self { end, hiatus: hiatus.to_path_buf(), config, running: None, starts: 0 })
    }

    /// Where a program on host b listens, as a program on host a sees it.
    pub(crate) fn carried(port: u16) -> String {
        format!("{}:{port}", End::B.kernel())
    }

    fn line(&self, rest: &[&str]) -> Vec<String> {
        let mut line = vec![self.hiatus.display().to_string()];
        line.extend(rest.iter().map(|&word| word.to_owned()));
        line.extend(["--config".to_owned(), self.config.display().to_string()]);
        line
    }

    /// Waits until it has so many connections on which Hiatus is on, in an epoch that is durable: from then on they outlive
    /// a kill.
    pub(crate) fn wait_carrying(&self, bed: &Bed, count: usize) -> Result<(), Trouble> {
        let mut on_in = None;
        wait_until(&format!("host {} has {count} connections in an epoch", self.end.name()), PATIENCE, || {
            let status = self.status(bed)?;
            let on = connections(&status).filter(|connection| connection["hiatus"] == "on").count();
            if on_in.is_none() && on >= count {
                on_in = status["taken"].as_u64();
            }
            Ok(on_in.is_some_and(|on_in| status["durable"].as_u64().is_some_and(|durable| durable > on_in)))
        })
    }

    /// Waits until every connection of it is over: what is left is kept for a peer that may come back older.
    pub(crate) fn wait_idle(&self, bed: &Bed) -> Result<(), Trouble> {
        wait_until(&format!("the connections of host {} are over", self.end.name()), PATIENCE, || {
            let status = self.status(bed)?;
            Ok(connections(&status).all(|connection| {
                let state = connection["state"].as_str().unwrap_or_default().to_lowercase();
                OVER.contains(&state.as_str())
            }))
        })
    }

    /// What `hiatus status` says.
    fn status(&self, bed: &Bed) -> Result<Value, Trouble> {
        let hiatus = self.hiatus.display().to_string();
        let control = control(bed.folder(), self.end).display().to_string();
        let said =
            bed.host(self.end).output(&[&hiatus, "status", "--control", &control, "--format", "json"])?;
        Ok(serde_json::from_str(&said).unwrap_or_default())
    }

    /// The process of the proxy itself, below its keeper.
    fn process(&self) -> Result<Option<i32>, Trouble> {
        let Some(running) = &self.running else { return Ok(None) };
        // unshare, the keeper, the proxy.
        Ok(child_of(running.id()).and_then(child_of).and_then(|process| i32::try_from(process).ok()))
    }

    fn count_ready(&self) -> usize {
        self.running.as_ref().map_or(0, |running| running.count_lines(" ready"))
    }
}

impl Side for ProxyEnd {
    fn start(&mut self, bed: &Bed) -> Result<(), Trouble> {
        let host = bed.host(self.end);
        if self.end == End::A {
            let rules = self.line(&["proxy", "--print-nft"]);
            let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
            let rules = host.output(&rules)?;
            host.nft(&rules)?;
        }
        // A process namespace of its own: whatever ends the keeper ends the proxy, too.
        let own = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--"].map(str::to_owned);
        let keep = [self.hiatus.display().to_string(), "keep".to_owned(), "--".to_owned()];
        let line: Vec<String> = own.into_iter().chain(keep).chain(self.line(&["proxy"])).collect();
        let name = format!("proxy-{}", self.end.name());
        self.running = Some(Running::start(host, bed.folder(), &name, &line, &Output::Lines)?);
        self.starts += 1;
        Ok(())
    }

    /// The proxy alone: its keeper starts it again at once.
    fn kill(&mut self) -> Result<(), Trouble> {
        let what = || format!("SIGKILL of the proxy of host {}", self.end.name());
        let process = self.process()?.and_then(Pid::from_raw);
        let Some(process) = process else {
            return Err(Trouble::unexpected(what(), "a process below the keeper", "none"));
        };
        kill_process(process, Signal::KILL)
            .map_err(|error| Trouble::System { what: what(), source: error.into() })?;
        self.starts += 1;
        Ok(())
    }

    fn wait_ready(&mut self) -> Result<(), Trouble> {
        wait_until(&format!("the proxy of host {} is ready", self.end.name()), PATIENCE, || {
            Ok(self.count_ready() >= self.starts)
        })
    }
}

fn connections(status: &Value) -> impl Iterator<Item = &Value> {
    status["connections"].as_array().into_iter().flatten()
}

/// The first child of a process.
fn child_of(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// The control socket: the path of a socket is short, wherever the folder is.
fn control(folder: &Path, end: End) -> PathBuf {
    let relative =
        std::env::current_dir().ok().and_then(|here| folder.strip_prefix(here).ok().map(Path::to_path_buf));
    relative.unwrap_or_else(|| folder.to_path_buf()).join(format!("{}.sock", end.name()))
}

fn configuration(bed: &Bed, end: End, interval: Duration) -> String {
    let folder = bed.folder().join(format!("state-{}", end.name()));
    let head = format!(
        "[host]\n\
         device = \"{TUN}\"\n\
         addresses = [\"{}\"]\n\
         device_addresses = [\"{}/25\"]\n\
         offload = \"off\"\n\n\
         [state]\n\
         folder = \"{}\"\n\
         interval = \"{}ms\"\n\n\
         [control]\n\
         socket = \"{}\"\n\n",
        end.hiatus(),
        end.tun(),
        folder.display(),
        interval.as_millis(),
        control(bed.folder(), end).display(),
    );
    let (kernel, hiatus) = (End::B.kernel(), End::B.hiatus());
    let rest = match end {
        End::A => format!(
            "[proxy]\n\
             listen = [\"127.0.0.1:15001\"]\n\n\
             [[carry]]\n\
             to = [\"{kernel}/32:{CARRIED}\"]\n\
             via = \"{hiatus}:{PORT}\"\n\
             fallback = \"refuse\"\n"
        ),
        End::B => format!(
            "[[serve]]\n\
             listen = \"{hiatus}:{PORT}\"\n\
             allow = [\"{kernel}/32:{CARRIED}\"]\n"
        ),
    };
    head + &rest
}
