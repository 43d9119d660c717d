//! The kernel's own TCP, by ordinary sockets, in a network of its own behind a veth pair.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::case::{Case, Ip, Side, Use};
use crate::net;
use crate::octets::{Expected, Octets};
use crate::report::{Done, Line, say, wait_for_go};
use crate::transfer::{CHUNK_OCTETS, Start};
use hiatus_interop::trouble::Trouble;

/// How long the kernel may take to see its FIN acknowledged once the application has read the peer's.
const CLOSE_PATIENCE: Duration = Duration::from_secs(40);
/// How often it is asked.
const CLOSE_POLL: Duration = Duration::from_millis(10);
/// States of `/proc/net/tcp` in which the application's part is over: CLOSE, LISTEN, TIME-WAIT.
const OVER: [&str; 3] = ["07", "0A", "06"];

/// One run. The process moves into a network of its own at once; whoever started it puts the veth's end there, and
/// tells it to go on, twice: to take its address, and to connect or to accept.
pub(crate) fn run(case: &Case) -> Result<(), Trouble> {
    hiatus_netns::enter_new_network().map_err(Trouble::system("network namespace"))?;
    net::set_kernel_options(case)?;
    // Bound to no address: there is none yet.
    let any = match case.ip {
        Ip::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Ip::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let local = SocketAddr::new(any, case.address(Side::Them).port());
    let listener = match case.opener {
        Side::Us => Some(TcpListener::bind(local).map_err(Trouble::system(format!("listen at {local}")))?),
        Side::Them => None,
    };
    say(&Line::Ready)?;
    if !wait_for_go()? {
        return Ok(());
    }
    net::configure_kernel_peer(case)?;
    say(&Line::Ready)?;
    if !wait_for_go()? {
        return Ok(());
    }
    let told_to_end = thread::spawn(|| {
        // Whatever the sockets wait for then: the process ends with them.
        let _ = wait_for_go();
        std::process::exit(0);
    });
    if listener.is_some() {
        say(&Line::Listening)?;
    }
    let started = Instant::now();
    let findings = match exchange(case, listener.as_ref()) {
        Ok(()) => Vec::new(),
        Err(trouble) => vec![trouble.to_string()],
    };
    say(&Line::Done(Done { findings, seconds: started.elapsed().as_secs_f64(), wire: None }))?;
    // The kernel answers for TIME-WAIT as long as its network is there.
    told_to_end.join().map_err(|_| broken("a thread panicked"))
}

fn exchange(case: &Case, listener: Option<&TcpListener>) -> Result<(), Trouble> {
    let remote = case.address(Side::Us);
    let stream = match listener {
        Some(listener) => listener.accept().map(|(stream, _)| stream),
        None => TcpStream::connect(remote),
    }
    .map_err(Trouble::system(format!("connection with {remote}")))?;
    let local = stream.local_addr().map_err(Trouble::system("local address"))?;
    match Start::of(case, Side::Them) {
        Start::AtOnce => thread::scope(|scope| {
            let sender = scope.spawn(|| send(case, &stream));
            let received = receive(case, &stream);
            let sent = sender.join().unwrap_or_else(|_| Err(broken("the sending thread panicked")));
            received.and(sent)
        }),
        Start::AfterPeer => receive(case, &stream).and_then(|()| send(case, &stream)),
    }?;
    drop(stream);
    wait_until_closed(case, local.port())
}

fn broken(found: impl Into<String>) -> Trouble {
    Trouble::Broken { stack: "kernel", found: found.into() }
}

fn send(case: &Case, mut stream: &TcpStream) -> Result<(), Trouble> {
    let mut octets = Octets::new(case.seed(Side::Them));
    let mut left = usize::try_from(case.octets).unwrap_or(usize::MAX);
    let mut chunk = vec![0; CHUNK_OCTETS];
    while left > 0 {
        let count = left.min(CHUNK_OCTETS);
        octets.fill(&mut chunk[..count]);
        stream.write_all(&chunk[..count]).map_err(Trouble::system("send"))?;
        left -= count;
    }
    stream.shutdown(Shutdown::Write).map_err(Trouble::system("shutdown"))
}

fn receive(case: &Case, mut stream: &TcpStream) -> Result<(), Trouble> {
    let mut expected = Expected::new(case.seed(Side::Us), case.octets);
    let mut chunk = vec![0; CHUNK_OCTETS];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return expected.end(),
            Ok(count) => expected.take(&chunk[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let what = format!("receive, after {} octets", expected.received);
                return Err(Trouble::System { what, source: error });
            }
        }
    }
}

/// Waits until the kernel has seen its FIN acknowledged: its connection is gone, or in TIME-WAIT.
fn wait_until_closed(case: &Case, port: u16) -> Result<(), Trouble> {
    let path = match case.ip {
        Ip::V4 => "/proc/thread-self/net/tcp",
        Ip::V6 => "/proc/thread-self/net/tcp6",
    };
    let deadline = Instant::now() + CLOSE_PATIENCE;
    loop {
        let table = fs::read_to_string(path).map_err(Trouble::system(path))?;
        let Some(state) = table.lines().find_map(|line| open_state(line, port)) else { return Ok(()) };
        if Instant::now() > deadline {
            return Err(broken(format!(
                "state {state:?} of {path} for {CLOSE_PATIENCE:?} after both ends closed: expected none or TIME-WAIT"
            )));
        }
        thread::sleep(CLOSE_POLL);
    }
}

/// The state of a line of `/proc/net/tcp` if it is of the connection at `port`, and the connection is not over.
fn open_state(line: &str, port: u16) -> Option<&str> {
    let mut words = line.split_whitespace();
    let local = words.nth(1)?;
    let state = words.nth(1)?;
    (local.ends_with(&format!(":{port:04X}")) && !OVER.contains(&state)).then_some(state)
}

/// Whether `side`'s option is on, as the number of a sysctl.
pub(crate) fn as_sysctl(choice: Use) -> &'static str {
    match choice {
        Use::On => "1",
        Use::Off => "0",
    }
}
