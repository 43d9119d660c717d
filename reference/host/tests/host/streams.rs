//! Streams behave like those of the standard library.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::thread;

use hiatus_host::link::{Link, MemoryLink};
use hiatus_host::{ClosedError, Host, Settings, StreamEvent};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn two_hosts() -> (Host, Host) {
    let (one, other) = MemoryLink::pair(1500);
    let start = |link| Host::start(Link::Memory(link), Settings::in_memory(), None).unwrap().host;
    (start(one), start(other))
}

#[test]
fn octets_go_both_ways_and_end() {
    let (client, server) = two_hosts();
    let listener = server.listen(address("192.0.2.2:7")).unwrap();
    let echo = thread::spawn(move || {
        let (stream, from) = listener.accept().unwrap();
        assert_eq!(from, stream.peer_addr().unwrap());
        std::io::copy(&mut &stream, &mut &stream).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream
    });
    let stream = client.connect(address("192.0.2.1:0"), address("192.0.2.2:7")).unwrap();
    let sent: Vec<u8> = (0_u32..2_000_000).flat_map(u32::to_le_bytes).collect();
    let writer = {
        let (stream, sent) = (stream.clone(), sent.clone());
        thread::spawn(move || {
            (&stream).write_all(&sent).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        })
    };
    let mut found = Vec::new();
    (&stream).read_to_end(&mut found).unwrap();
    assert!(found == sent, "found {} octets of {}", found.len(), sent.len());
    writer.join().unwrap();
    echo.join().unwrap();
    assert_eq!(stream.try_event(), Some(StreamEvent::Protected));
}

#[test]
fn a_refused_connection_is_an_error_with_its_reason() {
    let (client, _server) = two_hosts();
    let error = client.connect(address("192.0.2.1:0"), address("192.0.2.2:9")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.get_ref().unwrap().is::<ClosedError>());
}

#[test]
fn an_abort_is_no_end_of_the_stream() {
    let (client, server) = two_hosts();
    let listener = server.listen(address("192.0.2.2:7")).unwrap();
    let stream = client.connect(address("192.0.2.1:0"), address("192.0.2.2:7")).unwrap();
    let (far, _) = listener.accept().unwrap();
    (&far).write_all(b"half").unwrap();
    let mut octets = [0; 4];
    (&stream).read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"half");
    far.abort();
    assert_eq!((&stream).read(&mut octets).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_stream_that_must_not_wait_says_so() {
    let (client, server) = two_hosts();
    let _listener = server.listen(address("192.0.2.2:7")).unwrap();
    let stream = client.connect(address("192.0.2.1:0"), address("192.0.2.2:7")).unwrap();
    stream.set_nonblocking(true);
    assert_eq!((&stream).read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
}
