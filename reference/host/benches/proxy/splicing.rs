//! The yardstick: a proxy whose octets never leave the kernel.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use crate::bed::{Bed, Place};

/// Octets of a pipe between two sockets.
const PIPE_OCTETS: usize = 1 << 20;

/// Starts one where local connections come in, and one where its own come to.
pub(crate) fn start(bed: &Bed) {
    serve(bed, Place::There, "192.0.2.2:4430", "10.9.0.2:9000");
    serve(bed, Place::Here, "127.0.0.1:15001", "192.0.2.2:4430");
}

/// The threads are of the place whose network they are to be in.
fn serve(bed: &Bed, place: Place, at: &'static str, to: &'static str) {
    bed.site(place).run(move || {
        let listener = TcpListener::bind(at).unwrap();
        thread::spawn(move || {
            for near in listener.incoming() {
                let (near, away) = (near.unwrap(), connected(to.parse().unwrap()));
                let (near_too, away_too) = (near.try_clone().unwrap(), away.try_clone().unwrap());
                thread::spawn(move || carry(&near, &away));
                thread::spawn(move || carry(&away_too, &near_too));
            }
        });
    });
}

fn connected(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Until the end, or an error: what is left is closed then.
fn carry(from: &TcpStream, to: &TcpStream) {
    if moved(from, to).is_err() {
        from.shutdown(Shutdown::Both).ok();
    }
    to.shutdown(Shutdown::Write).ok();
}

fn moved(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    let (out, into) = pipe_with(PipeFlags::CLOEXEC)?;
    fcntl_setpipe_size(&into, PIPE_OCTETS)?;
    loop {
        let mut left = splice(from, None, &into, None, PIPE_OCTETS, SpliceFlags::MOVE)?;
        if left == 0 {
            return Ok(());
        }
        while left > 0 {
            left -= splice(&out, None, to, None, left, SpliceFlags::MOVE | SpliceFlags::MORE)?;
        }
    }
}
