//! Sockets as files against the TCP of Linux, over a TUN device.

use std::io::{self, Write};

use hiatus_netns::{Tun, enter_new_network};

use crate::mount::{Folder, Mount, has_fuse, printed, python};

/// Runs `test` on a thread in a network of its own, or says why not. Processes that it starts are in that network.
fn in_a_network(name: &'static str, test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        let missing = match enter_new_network() {
            Ok(()) => Tun::attach("probe").err().map(|error| format!("no TUN device: {error}")),
            Err(error) => Some(format!("no network of its own: {error}")),
        };
        match missing {
            Some(why) => io::stderr().write_all(format!("SKIPPED: {name}: {why}\n").as_bytes()).unwrap(),
            None => test(),
        }
    });
    thread.join().unwrap();
}

/// A server of the kernel's, beside the sockets.
const SERVER: &str = r#"
import socket, struct
def kernel(address, family=socket.AF_INET):
    server = socket.socket(family)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen()
    return server
"#;

#[test]
fn with_the_kernel_over_a_device() {
    if !has_fuse("with_the_kernel_over_a_device") {
        return;
    }
    in_a_network("with_the_kernel_over_a_device", || {
        let folder = Folder::new();
        let arguments = "--device hiatus0 --address 10.7.0.2/24 --address fd07::2/64 --gateway 10.7.0.1 --gateway fd07::1";
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let mount = Mount::start(&folder.path(), &arguments);
        assert_eq!(
            printed("dash", mount.path(), "cat address gateway"),
            "10.7.0.2\nfd07::2\n10.7.0.1\nfd07::1\n"
        );
        let text = python(
            mount.path(),
            &format!(
                "{SERVER}{}",
                r#"
# The kernel listens: both ways, half close, the end of the stream.
server = kernel(("10.7.0.1", 80))
client = connect("10.7.0.1:80")
theirs, name = server.accept()
print(name[0], text(client.path + "/local") == "%s:%d\n" % name, text(client.path + "/state").split("\n")[3])
fd = client.open()
octets = os.urandom(1 << 20)
threading.Thread(target=lambda: (os.write(fd, octets), write(client.path + "/shutdown", "write"))).start()
got = b""
while piece := theirs.recv(1 << 16): got += piece
print(got == octets)
theirs.sendall(b"answer"); theirs.shutdown(socket.SHUT_WR)
print(read_all(fd, 100), os.read(fd, 1))
# Its reset is an error.
client = connect("10.7.0.1:80")
theirs, _ = server.accept()
theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
threading.Timer(0.2, theirs.close).start()
fd = client.open()
print(error_of(lambda: os.read(fd, 10)), error_of(lambda: os.read(fd, 10)))
# Nobody listens.
nobody = Socket()
print(error_of(lambda: write(nobody.path + "/connect", "10.7.0.1:81")), text(nobody.path + "/error"), end="")
# The sockets listen, by IPv6.
ours = listener("[fd07::2]:8080")
theirs = socket.create_connection(("fd07::2", 8080))
accepted = Socket(ours.path + "/accept_socket")
print(text(accepted.path + "/remote") == "[%s]:%d\n" % theirs.getsockname()[:2])
theirs.sendall(b"by IPv6")
print(os.read(accepted.open(), 100))
accepted.close()
print(theirs.recv(10))
"#
            ),
        );
        let expected = "10.7.0.2 True hiatus off\nTrue\nb'answer' b''\nECONNRESET ECONNRESET\n\
            ECONNREFUSED ECONNREFUSED 111 refused\nTrue\nb'by IPv6'\nb''\n";
        assert_eq!(text, expected);
    });
}

#[test]
fn a_plain_peer_cannot_come_back_and_that_is_said() {
    if !has_fuse("a_plain_peer_cannot_come_back_and_that_is_said") {
        return;
    }
    in_a_network("a_plain_peer_cannot_come_back_and_that_is_said", || {
        let folder = Folder::new();
        let state = folder.state();
        let arguments =
            ["--device", "hiatus0", "--address", "10.7.0.2/24", "--gateway", "10.7.0.1", "--state"];
        let arguments: Vec<&str> = arguments.into_iter().chain([state.to_str().unwrap()]).collect();
        let mount = Mount::start(&folder.path(), &arguments);
        // The connection outlives its opener only by the kill, which comes from inside.
        let script = format!(
            "{SERVER}{}",
            r#"
server = kernel(("10.7.0.1", 80))
client = connect("10.7.0.1:80")
theirs, _ = server.accept()
fd = client.open()
os.fsync(fd)
os.kill(PID, 9)
until(lambda: error_of(lambda: os.read(fd, 10)) in ("ENOTCONN", "ECONNABORTED", "EIO"))
"#
            .replace("PID", &mount.pid().to_string())
        );
        python(mount.path(), &script);
        mount.kill();
        let mount = Mount::start(&folder.path(), &arguments);
        let text = python(
            mount.path(),
            "print(error_of(lambda: os.read(os.open('tcp/0/data', os.O_RDONLY), 10)), text('tcp/0/error'))",
        );
        assert!(text.starts_with("ECONNRESET ECONNRESET 104 the host was restored"), "{text}");
    });
}
