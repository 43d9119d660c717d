//! `hiatus proxy` between two networks of the test's own, with programs that know nothing of Hiatus.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod any;
mod bed;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use bed::{Bed, Keeping, Place, skipped};

/// Sends `seed`'s octets in both directions at once, and says whether the other's arrived as they are.
const DUPLEX: &str = r#"
import hashlib, random, socket, sys, threading, time
role, count = sys.argv[1], int(sys.argv[2])
def octets(seed):
    block = random.Random(seed).randbytes(1 << 16)
    for at in range(0, count, len(block)):
        yield (at.to_bytes(8, 'big') + block[8:])[:count - at]
def digest(pieces):
    known = hashlib.sha256()
    for piece in pieces:
        known.update(piece)
    return known.hexdigest()
def received(stream):
    while piece := stream.recv(1 << 16):
        yield piece
address = ('10.9.0.2', 9000)
own, other = ('server', 'client') if role == 'server' else ('client', 'server')
def exchange(stream):
    found = []
    reader = threading.Thread(target=lambda: found.append(digest(received(stream))))
    reader.start()
    for piece in octets(own):
        stream.sendall(piece)
        time.sleep(0.004)
    stream.shutdown(socket.SHUT_WR)
    reader.join()
    sys.exit(0 if found == [digest(octets(other))] else 'other octets, or none')
if role == 'client':
    exchange(socket.create_connection(address))
listener = socket.create_server(address)
while True:
    stream, _ = listener.accept()
    # A proxy that dies before the connection is durable has opened one in vain, on which nothing comes.
    try:
        nothing = not stream.recv(1, socket.MSG_PEEK)
    except ConnectionResetError:
        nothing = True
    if not nothing:
        exchange(stream)
"#;
const DUPLEX_OCTETS: &str = "16777216";
const KILLS: u32 = 8;

#[test]
fn sixteen_mebioctets_both_ways_survive_kills_of_either_proxy() {
    let name = "sixteen_mebioctets_both_ways_survive_kills_of_either_proxy";
    let Some(mut bed) = Bed::build(name, &["python3"], Keeping::Store) else { return };
    bed.start(Place::Here);
    bed.start(Place::There);
    let mut server = bed.spawn(Place::There, "python3", &["-c", DUPLEX, "server", DUPLEX_OCTETS]);
    bed.wait_for("the server listens", || bed.listens(Place::There, 9000));
    let mut client = bed.spawn(Place::Here, "python3", &["-c", DUPLEX, "client", DUPLEX_OCTETS]);
    for kill in 0..KILLS {
        // Within the transfer, which takes a second by itself; each pause is another one.
        thread::sleep(Duration::from_millis(90 + 37 * u64::from(kill)));
        let place = if kill % 2 == 0 { Place::Here } else { Place::There };
        bed.kill_proxy(place);
    }
    let patience = Instant::now() + Duration::from_secs(60);
    for (role, child) in [("client", &mut client), ("server", &mut server)] {
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < patience, "{role} did not end\n{}", bed.logs()),
            }
            thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{role}: {status}\n{}", bed.logs());
    }
}

#[test]
fn curl_fetches_while_proxies_die() {
    let Some(mut bed) = Bed::build("curl_fetches_while_proxies_die", &["curl", "python3"], Keeping::Store)
    else {
        return;
    };
    bed.start(Place::Here);
    bed.start(Place::There);
    let served = bed.folder().join("served");
    let text: Vec<u8> = (0..300_000_u32).flat_map(|number| number.to_be_bytes()).collect();
    fs::create_dir(&served).unwrap();
    fs::write(served.join("file"), &text).unwrap();
    let folder = served.display().to_string();
    let arguments = ["-m", "http.server", "--bind", "10.9.0.2", "--directory", &folder, "8080"];
    let _server = bed.spawn(Place::There, "python3", &arguments);
    bed.wait_for("the server listens", || bed.listens(Place::There, 8080));
    for turn in 0..12_u32 {
        let target = bed.folder().join("fetched").display().to_string();
        let url = "http://10.9.0.2:8080/file";
        let mut curl = bed.spawn(Place::Here, "curl", &["-sS", "-m", "30", "-o", &target, url]);
        thread::sleep(Duration::from_millis(u64::from(turn * 13 % 60)));
        bed.kill_proxy(if turn % 2 == 0 { Place::There } else { Place::Here });
        assert!(curl.wait().unwrap().success(), "curl in turn {turn}\n{}", bed.logs());
        assert_eq!(fs::read(&target).unwrap(), text, "in turn {turn}");
    }
    assert!(!bed.logs().contains("plain TCP"), "{}", bed.logs());
}

#[test]
fn what_is_not_allowed_is_refused_and_what_has_no_peer_goes_directly() {
    let name = "what_is_not_allowed_is_refused_and_what_has_no_peer_goes_directly";
    let Some(mut bed) = Bed::build(name, &["curl", "python3"], Keeping::Nothing) else { return };
    bed.start(Place::Here);
    let arguments = ["-m", "http.server", "--bind", "10.9.0.2", "8080"];
    let _server = bed.spawn(Place::There, "python3", &arguments);
    bed.wait_for("the server listens", || bed.listens(Place::There, 8080));
    let fetch = |url| {
        bed.output(Place::Here, "curl", &["-sS", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", url])
    };
    // The peer proxy does not run: nobody answers there.
    assert_eq!(fetch("http://10.9.0.2:8080/"), "200", "{}", bed.logs());
    assert!(bed.logs().contains("goes there as plain TCP"), "{}", bed.logs());
    bed.start(Place::There);
    let fetch = |url| {
        bed.output(Place::Here, "curl", &["-sS", "-m", "20", "-o", "/dev/null", "-w", "%{http_code}", url])
    };
    assert_eq!(fetch("http://10.9.0.2:8080/"), "200", "{}", bed.logs());
    // `allow` has the ports 8000 to 9999.
    assert_eq!(fetch("http://10.9.0.2:7999/"), "000");
    assert!(bed.logs().contains("10.9.0.2:7999 is not in `allow`"), "{}", bed.logs());
}

#[test]
fn a_test_without_rights_says_so() {
    // What the others print where they cannot run.
    assert_eq!(skipped("name", "why"), "SKIPPED: name: why\n");
}
