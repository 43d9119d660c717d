//! A prefix that is routed to the device: neither rules nor a keeper on this side.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::bed::{Bed, Ended, Keeping, Place};

/// The far side sends what it has got back, once it has got all of it.
const ECHO: &str = r#"
import socket
listener = socket.create_server(('10.9.0.2', 9000))
while True:
    stream, _ = listener.accept()
    found = b''
    while piece := stream.recv(1 << 16):
        found += piece
    stream.sendall(found)
    stream.close()
"#;
/// Sends octets slowly, ends its direction, and says whether the same came back.
const CLIENT: &str = r#"
import random, socket, sys, time
octets = random.Random(7).randbytes(int(sys.argv[1]))
stream = socket.create_connection(('10.9.0.2', 9000))
for at in range(0, len(octets), 1 << 16):
    stream.sendall(octets[at:at + (1 << 16)])
    time.sleep(0.01)
stream.shutdown(socket.SHUT_WR)
found = b''
while piece := stream.recv(1 << 16):
    found += piece
    time.sleep(0.002)
sys.exit(0 if found == octets else f'{len(found)} octets of {len(octets)} came back, or others')
"#;
const OCTETS: &str = "8388608";

/// The proxy here, without rules and without a keeper.
struct Here {
    proxy: Option<Ended>,
    starts: usize,
}

impl Here {
    fn new(bed: &Bed, state: &str) -> Self {
        bed.output(Place::Here, "nft", &["delete", "table", "inet", "hiatus"]);
        let config = format!(
            "[host]\naddresses = [\"10.202.0.1\"]\ndevice_addresses = [\"10.202.0.254/24\"]\n\
             lifetime = \"persistent\"\n{state}\
             [proxy]\nlisten = []\nany = [\"10.9.0.0/24\"]\n\
             [[carry]]\nto = [\"10.9.0.0/24:*\"]\nvia = \"10.203.0.1:4430\"\n"
        );
        fs::write(bed.folder().join("Here.toml"), config).unwrap();
        fs::write(bed.folder().join("Here.log"), "").unwrap();
        let mut here = Self { proxy: None, starts: 0 };
        here.start(bed);
        let route = ["route", "replace", "10.9.0.0/24", "dev", "hiatus0"];
        bed.output(Place::Here, "ip", &route);
        here
    }

    fn start(&mut self, bed: &Bed) {
        let (config, log) = (bed.folder().join("Here.toml"), bed.folder().join("Here.log"));
        let line = format!(
            "exec {} proxy --config {} 2>>{}",
            env!("CARGO_BIN_EXE_hiatus"),
            config.display(),
            log.display()
        );
        self.proxy = Some(bed.spawn(Place::Here, "sh", &["-c", &line]));
        self.starts += 1;
        bed.wait_for("the proxy is ready", || {
            fs::read_to_string(&log).unwrap().matches(" ready").count() == self.starts
        });
    }

    /// SIGKILL, and a new process.
    fn kill(&mut self, bed: &Bed) {
        drop(self.proxy.take());
        self.start(bed);
    }
}

fn state(bed: &Bed) -> String {
    format!("[state]\nfolder = \"{}\"\n", bed.folder().join("here").display())
}

/// Waits until a program here is under way.
fn wait_for_connection(bed: &Bed) {
    let established = ["-Htn", "state", "established", "dst", "10.9.0.2"];
    bed.wait_for("a program is connected", || !bed.output(Place::Here, "ss", &established).is_empty());
}

fn ends(bed: &Bed, child: &mut Ended) -> std::process::ExitStatus {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return status,
            None => assert!(Instant::now() < patience, "it did not end\n{}", bed.logs()),
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn eight_mebioctets_go_and_come_back_through_kills_without_a_keeper() {
    let name = "eight_mebioctets_go_and_come_back_through_kills_without_a_keeper";
    let Some(mut bed) = Bed::build(name, &["python3"], Keeping::Store) else { return };
    bed.start(Place::There);
    let mut here = Here::new(&bed, &state(&bed));
    let _server = bed.spawn(Place::There, "python3", &["-c", ECHO]);
    bed.wait_for("the server listens", || bed.listens(Place::There, 9000));
    let mut client = bed.spawn(Place::Here, "python3", &["-c", CLIENT, OCTETS]);
    wait_for_connection(&bed);
    let mut kills = 0;
    while kills < 6 && client.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(300 + 70 * kills));
        here.kill(&bed);
        kills += 1;
    }
    let status = ends(&bed, &mut client);
    assert!(status.success(), "{status}\n{}", bed.logs());
    assert!(kills >= 3, "{kills} kills while it lasted");
}

#[test]
fn curl_fetches_through_a_prefix_while_the_proxy_dies() {
    let name = "curl_fetches_through_a_prefix_while_the_proxy_dies";
    let Some(mut bed) = Bed::build(name, &["curl", "python3"], Keeping::Store) else { return };
    bed.start(Place::There);
    let mut here = Here::new(&bed, &state(&bed));
    let served = bed.folder().join("served");
    let text: Vec<u8> = (0..2 << 20_u32).flat_map(|number: u32| number.to_be_bytes()).collect();
    fs::create_dir(&served).unwrap();
    fs::write(served.join("file"), &text).unwrap();
    let folder = served.display().to_string();
    let arguments = ["-m", "http.server", "--bind", "10.9.0.2", "--directory", &folder, "8080"];
    let _server = bed.spawn(Place::There, "python3", &arguments);
    bed.wait_for("the server listens", || bed.listens(Place::There, 8080));
    let target = bed.folder().join("fetched").display().to_string();
    let arguments = ["-sS", "-m", "60", "--limit-rate", "2M", "-o", &target, "http://10.9.0.2:8080/file"];
    let mut curl = bed.spawn(Place::Here, "curl", &arguments);
    wait_for_connection(&bed);
    let mut kills = 0;
    while kills < 6 && curl.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(100 + 50 * kills));
        here.kill(&bed);
        kills += 1;
    }
    assert!(ends(&bed, &mut curl).success(), "{}", bed.logs());
    assert!(kills >= 2, "{kills} kills while it lasted");
    assert!(fs::read(&target).unwrap() == text, "other octets");
}

/// Without a store nothing is durable. With one that may be rolled back without its outside, nobody can tell whether its
/// latest epoch is the latest that was DURABLE (draft, {#durable-plain}).
#[test]
fn what_is_not_durable_is_reset_by_a_kill() {
    let name = "what_is_not_durable_is_reset_by_a_kill";
    let Some(mut bed) = Bed::build(name, &["python3"], Keeping::Store) else { return };
    bed.start(Place::There);
    is_reset_by_a_kill(&bed, "");
    let outside = format!("outside = \"{}\"\n", bed.folder().join("elsewhere").display());
    is_reset_by_a_kill(&bed, &(state(&bed) + &outside));
}

fn is_reset_by_a_kill(bed: &Bed, state: &str) {
    let mut here = Here::new(bed, state);
    let _server = bed.spawn(Place::There, "python3", &["-c", ECHO]);
    bed.wait_for("the server listens", || bed.listens(Place::There, 9000));
    let mut client = bed.spawn(Place::Here, "python3", &["-c", CLIENT, "65536"]);
    assert!(ends(bed, &mut client).success(), "undisturbed\n{}", bed.logs());
    let mut client = bed.spawn(Place::Here, "python3", &["-c", CLIENT, OCTETS]);
    wait_for_connection(bed);
    thread::sleep(Duration::from_millis(100));
    here.kill(bed);
    assert!(!ends(bed, &mut client).success(), "{}", bed.logs());
}

#[test]
fn who_cannot_be_reached_is_reset() {
    let Some(mut bed) = Bed::build("who_cannot_be_reached_is_reset", &["curl"], Keeping::Store) else {
        return;
    };
    bed.start(Place::There);
    let _here = Here::new(&bed, &state(&bed));
    // Nobody listens on 8081; the peer's `allow` has the ports 8000 to 9999.
    for port in [8081, 7999] {
        let line = format!("curl -sS -m 20 -o /dev/null http://10.9.0.2:{port}/; echo $?");
        // curl(1): 7 is a failure to connect, 55 one to send, 56 one to receive; which, depends on when the reset comes.
        // 52, an end without an answer, and 28, a time that is over, would both be wrong.
        let printed = bed.output(Place::Here, "sh", &["-c", &line]);
        assert!(["7", "55", "56"].contains(&printed.trim()), "{printed}\n{}", bed.logs());
    }
}
