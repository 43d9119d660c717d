//! Programs that know nothing of Hiatus: they run over proxies that are killed while they do.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::bed::capture::Capture;
use crate::bed::program::{Output, Running};
use crate::bed::{Bed, End, Middle, wait_until};
use crate::scenario::Context;
use crate::side::{ProxyEnd, Side};
use crate::trouble::Trouble;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// From one kill to the next, at most.
const BETWEEN_KILLS: Duration = Duration::from_millis(600);
/// Kills in a program's run, at most.
const KILLS: u32 = 12;
/// Kills where the capture is to be small.
const KILLS_SMALL: u32 = 2;

/// Two hosts with proxies.
struct Proxied {
    bed: Bed,
    proxies: [ProxyEnd; 2],
}

impl Proxied {
    fn start(context: &Context) -> Result<Self, Trouble> {
        let bed = context.bed(Middle::default())?;
        let interval = context.scaled(Duration::from_millis(5), Duration::from_millis(150));
        let mut proxies = [
            ProxyEnd::new(&bed, End::A, &context.hiatus, interval)?,
            ProxyEnd::new(&bed, End::B, &context.hiatus, interval)?,
        ];
        for proxy in &mut proxies {
            proxy.start(&bed)?;
        }
        for proxy in &mut proxies {
            proxy.wait_ready()?;
        }
        Ok(Self { bed, proxies })
    }

    /// Starts a program on a host.
    fn program(&self, end: End, name: &str, line: &[&str], output: &Output) -> Result<Running, Trouble> {
        let line: Vec<String> = line.iter().map(|&word| word.to_owned()).collect();
        Running::start(self.bed.host(end), self.bed.folder(), name, &line, output)
    }

    /// Waits until something listens on `port` of host b.
    fn wait_listening(&self, port: u16) -> Result<(), Trouble> {
        let local = format!(":{port:04X} 00000000:0000 0A");
        wait_until(&format!("port {port} of host b listens"), PATIENCE, || {
            let sockets = self.bed.host(End::B).output(&[
                "cat",
                "/proc/thread-self/net/tcp",
                "/proc/thread-self/net/tcp6",
            ])?;
            Ok(sockets.contains(&local) || sockets.contains(&format!(":{port:04X} {:032}:0000 0A", 0)))
        })
    }

    /// Both ends of every connection are over before the capture is.
    fn judge(&self, context: &mut Context, capture: Capture) -> Result<(), Trouble> {
        for proxy in &self.proxies {
            proxy.wait_idle(&self.bed)?;
        }
        context.judge(capture)
    }

    /// Kills one proxy or the other while `client` runs, and waits for its end.
    ///
    /// It has so many connections, and none is killed before both ends have it in an epoch: until then nothing is promised.
    fn kill_while(
        &mut self,
        context: &mut Context,
        client: &mut Running,
        connections: usize,
    ) -> Result<(), Trouble> {
        let kills_max = context.scaled(KILLS, KILLS_SMALL);
        let (mut kills, begun) = (0, Instant::now());
        for proxy in &self.proxies {
            proxy.wait_carrying(&self.bed, connections)?;
        }
        while client.is_running() && kills < kills_max && begun.elapsed() < PATIENCE {
            let victim = usize::from(context.below(2) == 0);
            if let Some(proxy) = self.proxies.get_mut(victim) {
                // Killed as it starts, too: it need not be ready.
                proxy.kill()?;
                kills += 1;
                proxy.wait_ready()?;
            }
            thread::sleep(context.pause(BETWEEN_KILLS));
        }
        client.wait_success(PATIENCE)?;
        context.note(format!("{kills} kills"));
        if kills == 0 {
            return Err(Trouble::unexpected("the run of the program", "kills while it lasts", "none"));
        }
        Ok(())
    }
}

/// A file of pseudo-random octets.
fn make_file(context: &mut Context, path: &Path, octets: usize) -> Result<(), Trouble> {
    let octets: Vec<u8> = (0..octets / 8).flat_map(|_| context.random.rand_u64().to_le_bytes()).collect();
    fs::write(path, octets).map_err(Trouble::system(format!("file {}", path.display())))
}

fn expect_same(sent: &Path, arrived: &Path) -> Result<(), Trouble> {
    let read = |path: &Path| fs::read(path).map_err(Trouble::system(format!("file {}", path.display())));
    let (expected, found) = (read(sent)?, read(arrived)?);
    if expected == found {
        return Ok(());
    }
    let at = expected.iter().zip(&found).position(|(one, other)| one != other);
    let found = format!("{} octets, the first other one at {at:?}", found.len());
    Err(Trouble::unexpected("what has arrived", format!("the {} octets of the file", expected.len()), found))
}

fn files(context: &mut Context, bed: &Bed) -> Result<(PathBuf, PathBuf), Trouble> {
    let folder = bed.folder().join("files");
    fs::create_dir_all(&folder).map_err(Trouble::system("folder of files"))?;
    let sent = folder.join("sent");
    let octets = context.scaled(32 << 20, 48 << 10);
    make_file(context, &sent, octets)?;
    Ok((sent, bed.folder().join("arrived")))
}

/// `programs/curl`: a download from the HTTP server of Python.
pub(crate) fn curl(context: &mut Context) -> Result<(), Trouble> {
    let mut proxied = Proxied::start(context)?;
    let capture = context.capture(&proxied.bed)?;
    let (sent, arrived) = files(context, &proxied.bed)?;
    let folder = proxied.bed.folder().join("files").display().to_string();
    let server = ["python3", "-u", "-m", "http.server", "8080", "--directory", &folder];
    let _server = proxied.program(End::B, "http-server", &server, &Output::Lines)?;
    proxied.wait_listening(8080)?;
    let address = format!("http://{}/sent", ProxyEnd::carried(8080));
    let (to, rate) = (arrived.display().to_string(), context.scaled("8M", "4K"));
    let client =
        ["curl", "--silent", "--show-error", "--fail", "--limit-rate", rate, "--output", &to, &address];
    let mut client = proxied.program(End::A, "curl", &client, &Output::Lines)?;
    proxied.kill_while(context, &mut client, 1)?;
    expect_same(&sent, &arrived)?;
    proxied.judge(context, capture)
}

/// `programs/nc`: an upload from one netcat to another.
pub(crate) fn nc(context: &mut Context) -> Result<(), Trouble> {
    let mut proxied = Proxied::start(context)?;
    let capture = context.capture(&proxied.bed)?;
    let (sent, arrived) = files(context, &proxied.bed)?;
    let mut server =
        proxied.program(End::B, "nc-server", &["nc", "-l", "-N", "8081"], &Output::File(arrived.clone()))?;
    proxied.wait_listening(8081)?;
    let there = End::B.kernel().to_string();
    let mut client = proxied.program(End::A, "nc", &["nc", "-N", &there, "8081"], &Output::Lines)?;
    let octets = fs::read(&sent).map_err(Trouble::system("file"))?;
    // In pieces, so that it lasts: netcat itself is as fast as it can.
    client.feed_slowly(octets, 100, context.scaled(Duration::from_millis(40), Duration::from_millis(20)))?;
    proxied.kill_while(context, &mut client, 1)?;
    server.wait_success(PATIENCE)?;
    expect_same(&sent, &arrived)?;
    proxied.judge(context, capture)
}

/// A dialogue: each line is an answer to the one before.
const DIALOGUE: &str = r#"
import socket, sys, time
role, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
if role == "server":
    listener = socket.create_server((address, 8082))
    stream, _ = listener.accept()
    lines = stream.makefile("rwb")
    for number, line in enumerate(lines):
        assert line == b"question %d\n" % number, line
        lines.write(b"answer %d\n" % number)
        lines.flush()
    assert number == count - 1, number
else:
    stream = socket.create_connection((address, 8082))
    lines = stream.makefile("rwb")
    for number in range(count):
        lines.write(b"question %d\n" % number)
        lines.flush()
        line = lines.readline()
        assert line == b"answer %d\n" % number, line
        time.sleep(6 / count)
    stream.shutdown(socket.SHUT_WR)
    assert lines.read() == b""
"#;

/// `programs/python`: questions and answers, one at a time.
pub(crate) fn python(context: &mut Context) -> Result<(), Trouble> {
    let mut proxied = Proxied::start(context)?;
    let capture = context.capture(&proxied.bed)?;
    let there = End::B.kernel().to_string();
    let count = context.scaled("200", "12");
    let line = |role| ["python3", "-c", DIALOGUE, role, &there, count].map(str::to_owned);
    let server = line("server");
    let server: Vec<&str> = server.iter().map(String::as_str).collect();
    let mut server = proxied.program(End::B, "python-server", &server, &Output::Lines)?;
    proxied.wait_listening(8082)?;
    let client = line("client");
    let client: Vec<&str> = client.iter().map(String::as_str).collect();
    let mut client = proxied.program(End::A, "python", &client, &Output::Lines)?;
    proxied.kill_while(context, &mut client, 1)?;
    server.wait_success(PATIENCE)?;
    context.note(format!("{count} answers"));
    proxied.judge(context, capture)
}

/// `programs/redis`: a counter that is raised over one connection.
pub(crate) fn redis(context: &mut Context) -> Result<(), Trouble> {
    let mut proxied = Proxied::start(context)?;
    let capture = context.capture(&proxied.bed)?;
    let there = End::B.kernel().to_string();
    let server = ["redis-server", "--bind", &there, "--port", "8083", "--save", "", "--protected-mode", "no"];
    let _server = proxied.program(End::B, "redis-server", &server, &Output::Lines)?;
    proxied.wait_listening(8083)?;
    let (count, pause): (u64, _) = context.scaled((300, "0.01"), (12, "0.3"));
    let (repeat, answers) = (count.to_string(), proxied.bed.folder().join("answers"));
    let client = ["redis-cli", "-h", &there, "-p", "8083", "-r", &repeat, "-i", pause, "incr", "counter"];
    let mut client = proxied.program(End::A, "redis-cli", &client, &Output::File(answers.clone()))?;
    proxied.kill_while(context, &mut client, 1)?;
    let found = fs::read_to_string(&answers).map_err(Trouble::system("answers of redis"))?;
    let expected: String = (1..=count).map(|number| format!("{number}\n")).collect();
    if found != expected {
        return Err(Trouble::unexpected("the counter", format!("each number up to {count} once"), found));
    }
    context.note(format!("{count} commands, each once"));
    proxied.judge(context, capture)
}

/// `programs/iperf3`: its control connection and a stream.
pub(crate) fn iperf3(context: &mut Context) -> Result<(), Trouble> {
    let mut proxied = Proxied::start(context)?;
    let capture = context.capture(&proxied.bed)?;
    let _server =
        proxied.program(End::B, "iperf3-server", &["iperf3", "-s", "-1", "-p", "8084"], &Output::Lines)?;
    proxied.wait_listening(8084)?;
    let (there, report) = (End::B.kernel().to_string(), proxied.bed.folder().join("iperf3.json"));
    let rate = context.scaled("40M", "60K");
    let client = ["iperf3", "-c", &there, "-p", "8084", "-t", "4", "-b", rate, "-l", "4K", "-J"];
    let mut client = proxied.program(End::A, "iperf3", &client, &Output::File(report.clone()))?;
    proxied.kill_while(context, &mut client, 2)?;
    let text = fs::read_to_string(&report).map_err(Trouble::system("report of iperf3"))?;
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let octets = |which: &str| value["end"][which]["bytes"].as_f64().unwrap_or_default();
    let (sent, received) = (octets("sum_sent"), octets("sum_received"));
    if value["error"].is_string() || received <= 0.0 {
        return Err(Trouble::unexpected(
            "report of iperf3",
            "octets and no error",
            value["error"].to_string(),
        ));
    }
    context.note(format!("{sent} octets sent, {received} received"));
    proxied.judge(context, capture)
}
