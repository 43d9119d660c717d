//! Errors are errors, and never the end of a file.

use std::process::Command;

use crate::mount::{Folder, Mount, has_fuse, printed, python, run};

#[test]
fn what_is_refused_says_so() {
    if !has_fuse("what_is_refused_says_so") {
        return;
    }
    let folder = Folder::new();
    let mount = Mount::loopback(&folder);
    let script =
        "exec 3<tcp/new_socket; read s <&3; echo 10.0.0.2:9 >$s/connect; echo $?; cat $s/error; cat $s/data";
    let output = run("bash", mount.path(), script);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\nECONNREFUSED 111 refused\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.matches("Connection refused").count(), 2, "{said}");
    let text = python(
        mount.path(),
        r#"
socket = Socket()
def written(name, what): return error_of(lambda: write(socket.path + "/" + name, what))
print(written("bind", "nonsense"), written("bind", "192.0.2.1:80"), written("listen", "5"))
print(written("connect", "[2001:db8::1]:0"), written("connect", "224.0.0.1:80"))
print(error_of(lambda: os.read(socket.open(os.O_RDONLY), 10)), error_of(lambda: text(socket.path + "/remote")))
other = listener("10.0.0.1:80")
print(written("bind", "10.0.0.1:80"), written("bind", "0.0.0.0:80"), written("bind", "10.0.0.2:80"))
server, client, accepted = pair("10.0.0.1:81")
print(error_of(lambda: write(client.path + "/connect", "10.0.0.1:81")), error_of(lambda: write(client.path + "/error", "x")))
"#,
    );
    let expected = "EINVAL EADDRNOTAVAIL EDESTADDRREQ\nENETUNREACH ENETUNREACH\nENOTCONN ENOTCONN\n\
        EADDRINUSE EADDRINUSE None\nEISCONN EACCES\n";
    assert_eq!(text, expected);
}

#[test]
fn a_peer_that_aborts_is_no_end_of_file() {
    if !has_fuse("a_peer_that_aborts_is_no_end_of_file") {
        return;
    }
    let folder = Folder::new();
    let mount = Mount::loopback(&folder);
    let text = python(
        mount.path(),
        r#"
server, client, accepted = pair()
threading.Timer(0.2, write, (accepted.path + "/shutdown", "abort")).start()
fd = client.open()
poll = select.poll()
poll.register(fd, select.POLLIN)
print(*[error_of(lambda: os.read(fd, 10)) for _ in range(3)], error_of(lambda: os.write(fd, b"x")))
print([bool(events & select.POLLERR and events & select.POLLHUP) for _, events in poll.poll(1000)])
print(text(client.path + "/error").split()[:2], text(client.path + "/sockopts/so_error"), end="")
# Closing with octets unread is a reset as well (RFC 9293, section 3.6.1).
server, client, accepted = pair("10.0.0.2:81")
write(client.path + "/data", "unread")
until(lambda: "unread 6" in text(accepted.path + "/epoch"))
accepted.close()
print(error_of(lambda: os.read(client.open(), 10)))
"#,
    );
    assert_eq!(
        text,
        "ECONNRESET ECONNRESET ECONNRESET ECONNRESET\n[True]\n['ECONNRESET', '104'] 104\nECONNRESET\n"
    );
}

#[test]
fn numbers_are_used_again_and_have_a_bound() {
    if !has_fuse("numbers_are_used_again_and_have_a_bound") {
        return;
    }
    let folder = Folder::new();
    let mount = Mount::start(&folder.path(), &["--loopback", "--sockets", "2"]);
    let text = python(
        mount.path(),
        r#"
first, second = Socket(), Socket()
print(first.path, second.path, error_of(Socket))
stale = first.open(os.O_RDONLY, "state")
first.close()
until(lambda: "0" not in os.listdir("tcp"))
again = Socket()
print(again.path, error_of(lambda: os.read(stale, 100)))
"#,
    );
    assert_eq!(text, "tcp/0 tcp/1 ENFILE\ntcp/0 ECONNABORTED\n");
}

#[test]
fn what_cannot_be_mounted_says_why() {
    let hiatus = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_hiatus")).arg("socketfs").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = hiatus(&["--loopback", "/nowhere/at/all"]);
    assert_eq!(code, Some(2));
    assert!(
        said.ends_with("mount point /nowhere/at/all: No such file or directory (os error 2)\n"),
        "{said}"
    );
    let (code, said) = hiatus(&["/"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("--loopback") && said.contains("--device"), "{said}");
    let (code, said) =
        hiatus(&["--device", "hiatus9", "--address", "10.7.0.2/24", "--gateway", "10.8.0.1", "/"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("10.8.0.1") && said.contains("10.7.0.2/24"), "{said}");
}

#[test]
fn an_end_by_a_signal_leaves_no_mount() {
    if !has_fuse("an_end_by_a_signal_leaves_no_mount") {
        return;
    }
    for signal in ["INT", "TERM", "HUP"] {
        let folder = Folder::new();
        let mut mount = Mount::loopback(&folder);
        // Somebody still waits there: it is told, and not left behind.
        let script =
            "exec 3<tcp/new_socket; read s <&3; echo 10.0.0.2:80 >$s/bind; echo 1 >$s/listen; cat $s/accept";
        let path = mount.path().to_owned();
        let waiting = std::thread::spawn(move || run("bash", &path, script));
        std::thread::sleep(std::time::Duration::from_millis(300));
        printed("bash", std::path::Path::new("/"), &format!("kill -{signal} {}", mount.pid()));
        assert!(mount.wait().success(), "{signal}");
        assert!(!waiting.join().unwrap().status.success());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{signal}");
    }
}
