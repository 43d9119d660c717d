//! A peer that is away: reads wait, and never end.

use std::thread;
use std::time::Duration;

use hiatus_codec::HoldTime;
use hiatus_host::link::{Link, MemoryLink};
use hiatus_host::socketfs::{MountSettings, Network, SocketFs};
use hiatus_host::{EventLoop, Host, Machine, Settings};

use crate::mount::{Folder, has_fuse, printed, python};

#[test]
fn while_the_peer_is_suspended_a_read_waits() {
    if !has_fuse("while_the_peer_is_suspended_a_read_waits") {
        return;
    }
    let folder = Folder::new();
    let path = folder.path();
    let (near, far) = MemoryLink::pair(1500);
    let peer = Host::start(Link::Memory(far), Settings::in_memory(), None).unwrap().host;
    let listener = peer.listen("192.0.2.2:7".parse().unwrap()).unwrap();
    let network = Network { addresses: vec!["192.0.2.1/24".parse().unwrap()], gateways: Vec::new() };
    let settings = MountSettings { mountpoint: path.clone(), network, sockets_max: 4 };
    let mounted = path.clone();
    let host = thread::spawn(move || {
        let mut event_loop = EventLoop::new().unwrap();
        let started =
            Machine::start(Link::Memory(near), Settings::in_memory(), None, event_loop.wake()).unwrap();
        let (mut machine, mut sockets) = SocketFs::mount(&event_loop, started, &settings).unwrap();
        event_loop.run(&mut machine, &mut sockets).unwrap();
    });
    while std::fs::metadata(mounted.join("tcp")).is_err() {
        assert!(!host.is_finished());
        thread::sleep(Duration::from_millis(10));
    }
    let of_shell = path.clone();
    let connected = thread::spawn(move || {
        python(
            &of_shell,
            r#"
socket = connect("192.0.2.2:7")
until(lambda: "hiatus on" in text(socket.path + "/state"))
fd = socket.open()
os.write(fd, b"go")
until(lambda: "peer HELD" in text(socket.path + "/state"))
got = []
reader = threading.Thread(target=lambda: got.append(os.read(fd, 100)))
reader.start()
print(error_of(lambda: os.read(socket.open(os.O_RDONLY | os.O_NONBLOCK), 10)), select.select([fd], [], [], 0.3)[0])
print(reader.is_alive(), text(socket.path + "/error"), end="")
# What is written meanwhile waits for it.
print(os.write(fd, b"while you were away"))
reader.join()
print(got[0], "peer UP" in text(socket.path + "/state"))
print(os.read(fd, 100))
"#,
        )
    });
    let (stream, _) = listener.accept().unwrap();
    let mut octets = [0; 2];
    std::io::Read::read_exact(&mut &stream, &mut octets).unwrap();
    assert_eq!(peer.suspend(HoldTime::NONE), 1);
    // Long enough for its SUSPEND to be acknowledged.
    thread::sleep(Duration::from_millis(500));
    peer.stop();
    thread::sleep(Duration::from_secs(2));
    peer.resume();
    std::io::Write::write_all(&mut &stream, b"back").unwrap();
    let mut octets = [0; 19];
    std::io::Read::read_exact(&mut &stream, &mut octets).unwrap();
    assert_eq!(&octets, b"while you were away");
    // The end of the file is the peer's FIN.
    drop(stream);
    let text = connected.join().unwrap();
    assert_eq!(text, "EAGAIN []\nTrue OK 0 no error\n19\nb'back' True\nb''\n");
    assert_eq!(printed("bash", &path, "ls tcp"), "new_socket\n");
    rustix::mount::unmount(&path, rustix::mount::UnmountFlags::DETACH).unwrap();
    host.join().unwrap();
}
