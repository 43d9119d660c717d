//! The kernel's end.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::{HOST, Role};

const CHUNK_OCTETS: usize = 256 * 1024;
/// How long a call waits before it looks whether it is to end.
const CALL_PATIENCE: Duration = Duration::from_millis(100);
/// Round trips of a ping-pong; those before are not counted.
const PINGS: usize = 5000;
const PINGS_BEFORE: usize = 500;

/// A thread that connects to the contender, and sends or reads until it is told to end.
pub(crate) struct Peer {
    thread: JoinHandle<()>,
    ends: Arc<AtomicBool>,
}

impl Peer {
    pub(crate) fn start(role: Role) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            let mut stream = TcpStream::connect(HOST).expect("a contender that listens");
            stream.set_read_timeout(Some(CALL_PATIENCE)).expect("a time");
            stream.set_write_timeout(Some(CALL_PATIENCE)).expect("a time");
            let mut chunk = vec![0x5a; CHUNK_OCTETS];
            while !told.load(Ordering::Relaxed) {
                let moved = match role {
                    Role::Sink => stream.write(&chunk),
                    Role::Source | Role::Echo => stream.read(&mut chunk),
                };
                match moved {
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => panic!("the kernel's end: {error}"),
                }
            }
        });
        Self { thread, ends }
    }

    pub(crate) fn tell_to_end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    pub(crate) fn join(self) {
        self.thread.join().expect("a peer that ends");
    }
}

/// Sends an octet and waits for it, again and again; gives the median time in microseconds.
pub(crate) fn ping(to: SocketAddr) -> f64 {
    let mut stream = TcpStream::connect(to).expect("somebody who listens");
    stream.set_nodelay(true).expect("an option");
    let mut octet = [7];
    let mut times: Vec<Duration> = (0..PINGS_BEFORE + PINGS)
        .map(|_| {
            let started = Instant::now();
            stream.write_all(&octet).expect("it is open");
            stream.read_exact(&mut octet).expect("it is open");
            started.elapsed()
        })
        .skip(PINGS_BEFORE)
        .collect();
    times.sort_unstable();
    times[PINGS / 2].as_secs_f64() * 1e6
}

/// The same between two sockets of the kernel.
pub(crate) fn ping_loopback() -> f64 {
    let status = Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("iproute2");
    assert!(status.success(), "lo does not come up");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let echo = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_nodelay(true).expect("an option");
        let mut octet = [0];
        while stream.read_exact(&mut octet).is_ok() {
            stream.write_all(&octet).expect("it is open");
        }
    });
    let median_us = ping(address);
    echo.join().expect("an echo that ends");
    median_us
}
