//! A host and those who operate it: the control socket, and a memory that is saved and comes back.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use hiatus_host::control::{Answer, ControlClient, ControlError, Request};
use hiatus_host::link::{Cut, Link, MemoryLink};
use hiatus_host::machine::GivenLife;
use hiatus_host::{EventLoop, HiatusStream, Host, Settings, StreamEvent};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn pair(client: &Host, server: &Host) -> (HiatusStream, HiatusStream) {
    let listener = server.listen(address("192.0.2.2:7")).unwrap();
    let near = client.connect(address("192.0.2.1:0"), address("192.0.2.2:7")).unwrap();
    let (far, _) = listener.accept().unwrap();
    (&near).write_all(b"hello").unwrap();
    let mut octets = [0; 5];
    (&far).read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"hello");
    // A responder knows a round trip later.
    wait_for(&far, StreamEvent::Protected);
    (near, far)
}

fn wait_for(stream: &HiatusStream, wanted: StreamEvent) {
    while let Some(event) = stream.wait_event() {
        if event == wanted {
            return;
        }
    }
    panic!("the connection ended before {wanted:?}");
}

#[test]
fn a_memory_that_was_saved_comes_back_under_a_new_incarnation() {
    let (one, other) = MemoryLink::pair(1500);
    let client = Host::start(Link::Memory(one), Settings::in_memory(), None).unwrap().host;
    let mut restorable = Settings::durable();
    restorable.epochs = hiatus_host::epochs::EpochPolicy::OnCommand;
    let server = Host::start(Link::Memory(other), restorable, None).unwrap().host;
    let (near, far) = pair(&client, &server);
    let epoch = server.snapshot().unwrap();
    server.durable(epoch);
    // Nothing rolls back here, but all that a rollback asks for happens: new incarnation, RESUME, both in step.
    server.restored(Some(GivenLife { incarnation: 1, tsval_ceiling: 100_000 })).unwrap();
    wait_for(&far, StreamEvent::Resumed);
    assert_eq!(server.epochs().incarnation, 1);
    (&near).write_all(b"again").unwrap();
    let mut octets = [0; 5];
    (&far).read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"again");
    let next = server.restored(Some(GivenLife { incarnation: 1, tsval_ceiling: 0 }));
    assert!(
        next.unwrap_err().to_string().contains("expected one below"),
        "an incarnation is never taken twice"
    );
}

#[test]
fn a_host_that_stops_is_held_and_goes_on() {
    let (one, other) = MemoryLink::pair(1500);
    let cable = other.clone();
    let client = Host::start(Link::Memory(one), Settings::in_memory(), None).unwrap().host;
    let server = Host::start(Link::Memory(other), Settings::in_memory(), None).unwrap().host;
    let (near, far) = pair(&client, &server);
    assert_eq!(server.suspend(hiatus_codec::HoldTime::from_seconds(60)), 1);
    loop {
        match near.wait_event().unwrap() {
            StreamEvent::PeerSuspended { hold } => break assert_eq!(hold, Duration::from_secs(3600)),
            _ => continue,
        }
    }
    server.stop();
    cable.set_cut(Cut::Yes);
    (&near).write_all(b"while away").unwrap();
    thread::sleep(Duration::from_millis(50));
    cable.set_cut(Cut::No);
    server.resume();
    wait_for(&near, StreamEvent::PeerResumed);
    let mut octets = [0; 10];
    (&far).read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"while away");
}

#[test]
fn operators_ask_and_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let (one, other) = MemoryLink::pair(1500);
    let mut event_loop = EventLoop::new().unwrap();
    event_loop.open_control(&path).unwrap();
    assert!(EventLoop::new().unwrap().open_control(&path).is_err(), "another process is there");
    let client = Host::start_in(event_loop, Link::Memory(one), Settings::in_memory(), None).unwrap().host;
    let server = Host::start(Link::Memory(other), Settings::in_memory(), None).unwrap().host;
    let (_near, _far) = pair(&client, &server);
    let mut control = ControlClient::connect(&path).unwrap();
    let Answer::Status(status) = control.ask(&Request::Status).unwrap() else { panic!() };
    assert_eq!(status.connections.len(), 1);
    let connection = status.connections.first().unwrap();
    assert_eq!((connection.state.as_str(), connection.remote), ("ESTABLISHED", address("192.0.2.2:7")));
    assert_eq!(connection.hiatus, "on");
    let taken = control.ask(&Request::Snapshot { wait: false }).unwrap();
    assert_eq!(taken, Answer::Epoch { epoch: 1, durable: false });
    let refused = control.ask(&Request::Durable { epoch: 7 }).unwrap_err();
    assert!(matches!(refused, ControlError::Refused { .. }), "{refused}");
    assert_eq!(
        control.ask(&Request::Durable { epoch: 1 }).unwrap(),
        Answer::Epoch { epoch: 1, durable: true }
    );
    let Answer::Metrics { text } = control.ask(&Request::Metrics).unwrap() else { panic!() };
    let line = r#"hiatus_connections{state="ESTABLISHED",hiatus="on",self="UP",peer="UP"} 1"#;
    assert!(text.lines().any(|found| found == line), "{text}");
    assert!(text.ends_with("# EOF\n"), "{text}");
    let scraped = hiatus_host::metrics::serve(address("127.0.0.1:0"), path.clone()).unwrap();
    let mut http = std::net::TcpStream::connect(scraped).unwrap();
    http.write_all(b"GET /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    http.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains(line), "{page}");
}
