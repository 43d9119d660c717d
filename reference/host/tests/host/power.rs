//! A host that loses its power again and again, in the middle of a transfer, and comes back from its store.

use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use hiatus_host::epochs::Keeping;
use hiatus_host::link::{Link, MemoryLink};
use hiatus_host::{HiatusStream, Host, Settings, StartedHost};

/// Octets in each direction.
const OCTETS: u64 = 16 << 20;
/// The longest time that all of it may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The octet at a position of a direction: it repeats only after 251 times 4096.
fn octet(direction: u8, position: u64) -> u8 {
    let page = u8::try_from(position / 4096 % 251).unwrap();
    page.wrapping_mul(31).wrapping_add(u8::try_from(position % 239).unwrap()).wrapping_add(direction)
}

/// How far a transfer is, as the epoch has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Progress {
    written: u64,
    read: u64,
}

impl Progress {
    fn of(host: &Host) -> Self {
        let octets = host.state("progress").unwrap_or_default();
        let mut fields = octets.chunks_exact(8).map(|field| u64::from_le_bytes(field.try_into().unwrap()));
        Self { written: fields.next().unwrap_or(0), read: fields.next().unwrap_or(0) }
    }

    /// One step of the transfer; what was read is compared at once.
    fn step(&mut self, host: &Host, stream: &HiatusStream, (out, into): (u8, u8)) {
        let mut buffer = [0; 16 * 1024];
        host.atomically(|host| {
            let read = host.read(stream, &mut buffer);
            for (position, found) in (self.read..).zip(buffer.iter().take(read)) {
                assert_eq!(*found, octet(into, position), "octet {position} of direction {into}");
            }
            self.read += u64::try_from(read).unwrap();
            let end = OCTETS.min(self.written + 16 * 1024);
            let octets: Vec<u8> = (self.written..end).map(|position| octet(out, position)).collect();
            let written = if octets.is_empty() { 0 } else { host.write(stream, &octets).unwrap() };
            self.written += u64::try_from(written).unwrap();
            host.put_state("progress", &[self.written.to_le_bytes(), self.read.to_le_bytes()].concat());
        });
        if self.read < OCTETS {
            thread::sleep(Duration::from_micros(50));
        }
    }

    fn is_done(self) -> bool {
        self == Self { written: OCTETS, read: OCTETS }
    }
}

fn start(link: &MemoryLink, folder: &Path) -> StartedHost {
    let keeping = Keeping::in_folder(folder);
    Host::start(Link::Memory(link.clone()), Settings::durable(), Some(&keeping)).unwrap()
}

#[test]
fn a_transfer_outlives_twenty_power_cuts() {
    let folder = tempfile::tempdir().unwrap();
    let (near, far) = MemoryLink::pair(1500);
    let server = start(&near, &folder.path().join("server")).host;
    let listener = server.listen(address("192.0.2.2:7")).unwrap();
    let of_server = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let (mut progress, since) = (Progress::default(), Instant::now());
        while !progress.is_done() && since.elapsed() < PATIENCE {
            progress.step(&server, &stream, (1, 2));
        }
        // The last octets are still to leave.
        (progress, server, stream)
    });
    let state = folder.path().join("client");
    let StartedHost { mut host, .. } = start(&far, &state);
    let mut stream = host.connect(address("192.0.2.1:0"), address("192.0.2.2:7")).unwrap();
    let (mut progress, mut cuts, since) = (Progress::default(), 0, Instant::now());
    let mut latest = Instant::now();
    while !(progress.is_done() && host.state("progress").is_some()) && since.elapsed() < PATIENCE {
        progress.step(&host, &stream, (2, 1));
        let is_due = latest.elapsed() > Duration::from_millis(19) && host.epochs().durable > 3;
        if is_due && cuts < 20 {
            // Nothing is said to anybody: what is in memory is gone.
            stream.leave();
            drop(host);
            let mut started = start(&far, &state);
            assert_eq!(started.returned.len(), 1, "after cut {cuts}: {:?}", started.lost);
            (host, stream) = (started.host, started.returned.remove(0).1);
            progress = Progress::of(&host);
            cuts += 1;
            latest = Instant::now();
        }
    }
    assert!(progress.is_done(), "{progress:?} after {cuts} cuts");
    assert_eq!(cuts, 20, "the transfer was over too soon");
    let (of_server, _server, _stream) = of_server.join().unwrap();
    assert!(of_server.is_done(), "{of_server:?} after {cuts} cuts");
}
