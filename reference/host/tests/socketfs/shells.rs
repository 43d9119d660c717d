//! What works from a shell, and what a program in Python sees.

use crate::mount::{Folder, Mount, has_fuse, printed, python, run};

/// The lines between the fences of the manual's example.
fn example() -> String {
    let manual = include_str!("../../docs/socketfs.md");
    let (_, rest) = manual.split_once("```sh\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_example_of_the_manual() {
    if !has_fuse("the_example_of_the_manual") {
        return;
    }
    let folder = Folder::new();
    let mount = Mount::loopback(&folder);
    for shell in ["bash", "dash"] {
        let script = example().replace("/mnt/sockets", mount.path().to_str().unwrap());
        let text = printed(shell, mount.path(), &format!("set -e\n{script}"));
        assert_eq!(text, "GET / HTTP/1.0\r\n\r\nhello from a file\n", "{shell}");
        // Everything was closed: no socket is left.
        assert_eq!(printed(shell, mount.path(), "sleep 0.2; echo tcp/*"), "tcp/new_socket\n");
    }
}

#[test]
fn the_layout_is_that_of_genode() {
    if !has_fuse("the_layout_is_that_of_genode") {
        return;
    }
    let folder = Folder::new();
    let mut mount = Mount::loopback(&folder);
    let sh = |script: &str| printed("bash", mount.path(), script);
    assert_eq!(sh("ls -x -w 0"), "address  gateway  link_state  netmask  tcp\n");
    assert_eq!(sh("cat link_state; head -1 netmask; tail -1 address"), "up\n255.0.0.0\n::1\n");
    let names =
        "accept\nbind\nconnect\ndata\nepoch\nerror\nlisten\nlocal\npeek\nremote\nshutdown\nsockopts\nstate\n";
    assert_eq!(sh("exec 3<tcp/new_socket; read s <&3; echo $s; ls $s"), format!("tcp/0\n{names}"));
    let listening = "exec 3<tcp/new_socket; read s <&3; echo [::1]:80 >$s/bind; echo 3 >$s/listen;";
    let found = sh(&format!("{listening} ls $s/accept_socket; cat $s/local $s/state $s/error $s/listen"));
    let state = "state LISTEN\nself UP\npeer UP\nhiatus off\n";
    assert_eq!(found, format!("tcp/0/accept_socket\n[::1]:80\n{state}OK 0 no error\n3\n"));
    // What rmdir releases is gone.
    assert_eq!(sh("exec 3<tcp/new_socket; read s <&3; rmdir $s; ls tcp"), "new_socket\n");
    // Nothing of it can be removed, made or moved.
    let refused =
        run("bash", mount.path(), "exec 3<tcp/new_socket; rm -f tcp/0/data; mkdir tcp/7; touch tcp/0/x");
    assert_eq!(String::from_utf8_lossy(&refused.stderr).lines().count(), 3, "{refused:?}");
    // Who unmounts it ends it.
    rustix::mount::unmount(mount.path(), rustix::mount::UnmountFlags::DETACH).unwrap();
    assert!(mount.wait().success());
}

#[test]
fn octets_both_ways_and_half_close() {
    if !has_fuse("octets_both_ways_and_half_close") {
        return;
    }
    let folder = Folder::new();
    let mount = Mount::loopback(&folder);
    let text = python(
        mount.path(),
        r#"
server, client, accepted = pair("[::1]:7")
print(text(client.path + "/remote"), text(accepted.path + "/local"), end="")
assert text(client.path + "/local") == text(accepted.path + "/remote")
out, back = os.urandom(3 << 20), os.urandom(3 << 20)
def send(socket, octets):
    fd = socket.open()
    assert os.write(fd, octets) == len(octets)
    write(socket.path + "/shutdown", "write")
    print(error_of(lambda: os.write(fd, b"more")))
    os.close(fd)
threads = [threading.Thread(target=send, args=work) for work in [(client, out), (accepted, back)]]
for thread in threads: thread.start()
theirs, ours = accepted.open(), client.open()
got = []
reader = threading.Thread(target=lambda: got.append(read_all(theirs, 1 << 30)))
reader.start()
assert read_all(ours, 1 << 30) == back
reader.join()
assert got[0] == out
for thread in threads: thread.join()
print(os.read(ours, 10), os.read(theirs, 10))
"#,
    );
    assert_eq!(text, "[::1]:7\n [::1]:7\nEPIPE\nEPIPE\nb'' b''\n");
}

#[test]
fn peek_leaves_octets_where_they_are() {
    if !has_fuse("peek_leaves_octets_where_they_are") {
        return;
    }
    let folder = Folder::new();
    let mount = Mount::loopback(&folder);
    let text = python(
        mount.path(),
        r#"
server, client, accepted = pair()
write(client.path + "/data", "octets")
print(text(accepted.path + "/peek"), text(accepted.path + "/peek"))
fd = accepted.open()
print(os.read(fd, 3), os.read(fd, 10))
epoch = dict(line.split() for line in text(accepted.path + "/epoch").splitlines())
print(epoch["read"], epoch["written"], epoch["unread"])
"#,
    );
    assert_eq!(text, "octets octets\nb'oct' b'ets'\n6 0 0\n");
}

#[test]
fn without_waiting_and_with_poll() {
    if !has_fuse("without_waiting_and_with_poll") {
        return;
    }
    let folder = Folder::new();
    let mount = Mount::loopback(&folder);
    let text = python(
        mount.path(),
        r#"
server = listener("10.0.0.2:80")
print(error_of(lambda: server.open(os.O_RDONLY | os.O_NONBLOCK, "accept_socket")))
accept = server.open(os.O_RDONLY | os.O_NONBLOCK, "accept")
print(error_of(lambda: os.read(accept, 10)))
poll = select.poll()
poll.register(accept, select.POLLIN)
print(poll.poll(50))
client = connect("10.0.0.2:80")
print(len(poll.poll(10000)), os.read(accept, 10))
accepted = Socket(server.path + "/accept_socket")
fd = accepted.open(os.O_RDWR | os.O_NONBLOCK)
print(error_of(lambda: os.read(fd, 10)))
epoll = select.epoll()
epoll.register(fd, select.EPOLLIN | select.EPOLLET)
print(epoll.poll(0.05))
for piece in ["one", "two"]:
    threading.Timer(0.05, write, (client.path + "/data", piece)).start()
    print([events for _, events in epoll.poll(10)], os.read(fd, 10), epoll.poll(0.05))
# A buffer that is full takes no more, until somebody reads.
theirs = client.open(os.O_WRONLY | os.O_NONBLOCK)
count = 0
def fill():
    global count
    while True: count += os.write(theirs, bytes(1 << 16))
print(error_of(fill), count > 1 << 20)
poll = select.poll()
poll.register(theirs, select.POLLOUT)
assert poll.poll(300) == []
got = 0
while got < count: got += len(read_all(fd, 1)) if select.select([fd], [], [], 10)[0] else 0
print(got == count, [events for _, events in poll.poll(10000)])
"#,
    );
    let expected =
        "EAGAIN\nEAGAIN\n[]\n1 b'1\\n'\nEAGAIN\n[]\n[1] b'one' []\n[1] b'two' []\nEAGAIN True\nTrue [4]\n";
    assert_eq!(text, expected);
}

#[test]
fn a_signal_ends_a_wait() {
    if !has_fuse("a_signal_ends_a_wait") {
        return;
    }
    let folder = Folder::new();
    let mount = Mount::loopback(&folder);
    let script = "exec 3<tcp/new_socket; read s <&3; echo 10.0.0.2:80 >$s/bind; echo 1 >$s/listen
        exec 4<tcp/new_socket; read c <&4; echo 10.0.0.2:80 >$c/connect
        timeout -s INT -k 5 0.3 cat $c/data; echo $?; timeout -s INT -k 5 0.3 cat $s/accept >$s/x 2>/dev/null
        timeout -s TERM -k 5 0.3 dash -c \"cat <$s/accept; cat <$c/data\"; echo $?";
    // 124 is timeout's word for a program that its first signal ended; 137 would be SIGKILL.
    assert_eq!(printed("bash", mount.path(), script), "124\n1\n124\n");
    // A handler runs, and the read goes on after it: as with a socket.
    let text = python(
        mount.path(),
        r#"
import signal
server, client, accepted = pair("10.0.0.1:81")
signal.signal(signal.SIGALRM, lambda *_: write(accepted.path + "/data", "late"))
signal.alarm(1)
print(os.read(client.open(), 10))
"#,
    );
    assert_eq!(text, "b'late'\n");
}
