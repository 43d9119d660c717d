//! `hiatus-live kernel`: the same octets over a socket of the kernel, to compare with.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::transfer::Line;
use crate::transfer::octets::{Octets, Sender};
use crate::transfer::service::say;
use crate::trouble::Trouble;

/// Octets that are read or written in one call.
const CHUNK_OCTETS: usize = 16 * 1024;
/// How often what the rate allows is written.
const TICK: Duration = Duration::from_millis(20);

/// Arguments of `hiatus-live kernel`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Wait for the other end here
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        conflicts_with = "connect",
        required_unless_present = "connect"
    )]
    listen: Option<SocketAddr>,
    /// Connect to the other end
    #[arg(long, value_name = "ADDRESS:PORT")]
    connect: Option<SocketAddr>,
    /// Octets to send, in each direction
    #[arg(long, value_name = "N")]
    octets: u64,
    /// What octets are made from; the same at both ends
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Octets in a second that are written at most
    #[arg(long, value_name = "N", default_value_t = u64::MAX)]
    rate: u64,
}

/// Runs until the transfer is over, however.
pub(crate) fn run(args: &Args) -> Result<(), Trouble> {
    let (stream, ours, theirs) = match (args.listen, args.connect) {
        (Some(local), _) => {
            let listener = TcpListener::bind(local).map_err(Trouble::system(format!("listen on {local}")))?;
            say(&Line::Started { incarnation: 0, returned: 0, lost: 0, sent: 0, received: 0 });
            let (stream, _) = listener.accept().map_err(Trouble::system("accept"))?;
            (stream, Sender::Listens, Sender::Connects)
        }
        (None, Some(remote)) => {
            let stream =
                TcpStream::connect(remote).map_err(Trouble::system(format!("connect to {remote}")))?;
            (stream, Sender::Connects, Sender::Listens)
        }
        (None, None) => return Ok(()),
    };
    say(&Line::Ready);
    let ours = Octets::of(args.seed, ours);
    let theirs = Octets::of(args.seed, theirs);
    let (octets, rate) = (args.octets, args.rate);
    let mut writer = stream.try_clone().map_err(Trouble::system("stream"))?;
    let writes = thread::spawn(move || write(&mut writer, ours, octets, rate));
    let read = read(stream, theirs, octets);
    let written = writes.join().unwrap_or_else(|_| Err("the thread panicked".to_owned()));
    let reason = match (read, written) {
        (Ok(received), Ok(())) => {
            say(&Line::Done { received });
            return Ok(());
        }
        // The kernel tells an error once, to whichever call comes first.
        (Err(read), Err(written)) => format!("{read}; {written}"),
        (Err(reason), Ok(())) | (Ok(_), Err(reason)) => reason,
    };
    say(&Line::Over { reason: reason.clone() });
    Err(Trouble::unexpected("connection", "all octets and an orderly end", reason))
}

fn write(stream: &mut TcpStream, ours: Octets, octets: u64, rate: u64) -> Result<(), String> {
    let (mut buffer, mut sent, begun) = (vec![0; CHUNK_OCTETS], 0, Instant::now());
    while sent < octets {
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let allowed = rate.saturating_mul(millis + 1) / 1000;
        let left = usize::try_from(octets.min(allowed).saturating_sub(sent)).unwrap_or(usize::MAX);
        if left == 0 {
            thread::sleep(TICK);
            continue;
        }
        let chunk = &mut buffer[..left.min(CHUNK_OCTETS)];
        ours.fill(sent, chunk);
        stream.write_all(chunk).map_err(|error| error.to_string())?;
        sent += u64::try_from(chunk.len()).unwrap_or_default();
    }
    stream.shutdown(Shutdown::Write).map_err(|error| error.to_string())
}

fn read(mut stream: TcpStream, theirs: Octets, octets: u64) -> Result<u64, String> {
    let (mut buffer, mut received, mut told) = (vec![0; CHUNK_OCTETS], 0, Instant::now());
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) if received == octets => return Ok(received),
            Ok(0) => return Err(format!("end of the stream at {received} of {octets} octets")),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("{error}, at {received} of {octets} octets")),
        };
        if let Some(position) = theirs.first_wrong(received, &buffer[..count]) {
            say(&Line::Wrong { position });
            return Err(format!("another octet at {position}"));
        }
        received += u64::try_from(count).unwrap_or_default();
        if told.elapsed() > TICK {
            told = Instant::now();
            say(&Line::Progress { received, sent: 0 });
        }
    }
}
