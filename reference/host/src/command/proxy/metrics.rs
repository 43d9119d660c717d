//! Metrics over HTTP, for Prometheus: what the control socket says, one request at a time.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use hiatus_host::control::{Answer, ControlClient, Request};
use tracing::debug;

/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Octets of a request at most.
const REQUEST_OCTETS_MAX: usize = 16 * 1024;

/// Answers at `listener` from now on, in a thread of its own.
pub(super) fn answer(listener: TcpListener, control: PathBuf) -> io::Result<()> {
    let answering = move || {
        for client in listener.incoming() {
            if let Err(error) = client.and_then(|client| answer_one(client, &control)) {
                debug!(%error, "metrics");
            }
        }
    };
    thread::Builder::new().name("hiatus-metrics".to_owned()).spawn(answering)?;
    Ok(())
}

fn answer_one(mut client: TcpStream, control: &Path) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    let mut octets = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = client.read(&mut octets)?;
        request.extend_from_slice(octets.get(..count).unwrap_or_default());
        if count == 0 || request.len() > REQUEST_OCTETS_MAX {
            return Err(io::Error::other("no request"));
        }
    }
    let (status, text) = if asked(&request) {
        ("200 OK", metrics(control)?)
    } else {
        ("404 Not Found", "GET /metrics\n".to_owned())
    };
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}

fn asked(request: &[u8]) -> bool {
    request.starts_with(b"GET /metrics ") || request.starts_with(b"GET / ")
}

fn metrics(control: &Path) -> io::Result<String> {
    let mut client = ControlClient::connect(control).map_err(io::Error::other)?;
    match client.ask(&Request::Metrics).map_err(io::Error::other)? {
        Answer::Metrics { text } => Ok(text),
        other => Err(io::Error::other(format!("{other:?}"))),
    }
}
