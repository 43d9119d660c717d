//! SIGKILL, and the sockets are back under their numbers.

use std::process::{Command, Stdio};

use crate::mount::{Folder, Mount, has_fuse, printed, python, run};

fn start(folder: &Folder) -> Mount {
    Mount::start(&folder.path(), &["--loopback", "--state", folder.state().to_str().unwrap()])
}

#[test]
fn a_script_goes_on_after_a_kill() {
    if !has_fuse("a_script_goes_on_after_a_kill") {
        return;
    }
    let folder = Folder::new();
    let mount = start(&folder);
    // `sync` says when it is durable.
    let before = "
        exec 3<tcp/new_socket; read s <&3; echo 10.0.0.2:80 >$s/bind; echo 5 >$s/listen
        exec 4<tcp/new_socket; read c <&4; echo 10.0.0.2:80 >$c/connect
        exec 5<$s/accept_socket; read a <&5
        exec 6<tcp/new_socket; read w <&6; echo [::1]:81 >$w/bind; echo 1 >$w/sockopts/tcp_nodelay
        until grep -q 'hiatus on' $c/state $a/state; do sleep 0.05; done
        printf 0123456789 >$c/data; head -c 4 $a/data; sync $c/data; echo; echo $s $c $a $w; sleep 60";
    let mut child = Command::new("bash")
        .args(["-c", before])
        .current_dir(mount.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut lines = [String::new(), String::new()];
    for line in &mut lines {
        std::io::BufRead::read_line(&mut output, line).unwrap();
    }
    // The shell goes first: its files are closed by the kill of the other, not by itself.
    mount.kill();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(lines, ["0123\n", "tcp/0 tcp/1 tcp/2 tcp/3\n"]);
    let mount = start(&folder);
    let after = "
        ls -x -w 0 tcp; cat tcp/0/local tcp/0/listen tcp/3/bind tcp/3/sockopts/tcp_nodelay tcp/1/remote
        grep -hE '^(read|written)' tcp/1/epoch tcp/2/epoch
        head -c 6 tcp/2/data; echo; echo back >tcp/2/data; echo write >tcp/2/shutdown; cat tcp/1/data; cat tcp/1/error";
    let expected = "0  1  2  3  new_socket\n10.0.0.2:80\n5\n[::1]:81\n1\n10.0.0.2:80\n\
        read 0\nwritten 10\nread 4\nwritten 0\n456789\nback\nOK 0 no error\n";
    assert_eq!(printed("bash", mount.path(), after), expected);
    // The listener goes on as well, and a socket that came back goes when its folder does.
    let again = "exec 4<tcp/new_socket; read c <&4; echo 10.0.0.2:80 >$c/connect; cat tcp/0/accept; rmdir tcp/[0-3]; ls tcp";
    assert_eq!(printed("bash", mount.path(), again), "1\n4\nnew_socket\n");
}

/// A writer and a reader that know their positions by the files `epoch`, and go on after each kill.
const WRITER_AND_READER: &str = r#"
import sys
octets = b"".join(index.to_bytes(4, "big") for index in range(1 << 20))
def epoch(path): return {name: int(value) for name, value in (line.split() for line in text(path).splitlines())}
def writer():
    try:
        fd = os.open("tcp/1/data", os.O_WRONLY)
        at = epoch("tcp/1/epoch")["written"]
        while at < len(octets): at += os.write(fd, octets[at:at + 20000])
        write("tcp/1/shutdown", "write")
    except OSError: pass
thread = threading.Thread(target=writer)
thread.start()
seen = int(sys.argv[1])
try:
    at = epoch("tcp/2/epoch")["read"]
    assert at <= seen, (at, seen)
    fd = os.open("tcp/2/data", os.O_RDONLY)
    while True:
        piece = os.read(fd, 50000)
        if not piece:
            assert at == len(octets), at
            break
        assert piece == octets[at:at + len(piece)], at
        at += len(piece)
        seen = max(seen, at)
    print("end")
except OSError as error: print(errno.errorcode[error.errno])
thread.join()
print(seen)
"#;

#[test]
fn octets_by_position_through_ten_kills() {
    if !has_fuse("octets_by_position_through_ten_kills") {
        return;
    }
    let folder = Folder::new();
    let mut mount = start(&folder);
    let begin = "exec 3<tcp/new_socket; read s <&3; echo 10.0.0.2:80 >$s/bind; echo 5 >$s/listen
        exec 4<tcp/new_socket; read c <&4; echo 10.0.0.2:80 >$c/connect; exec 5<$s/accept_socket; read a <&5
        until grep -q 'hiatus on' $c/state; do sleep 0.05; done; until grep -q 'hiatus on' $a/state; do sleep 0.05; done
        sync $c/data; sync $a/data; sleep 60";
    let mut shell = Command::new("bash")
        .args(["-c", begin])
        .current_dir(mount.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    printed(
        "bash",
        mount.path(),
        "until [ -e tcp/2/data ]; do sleep 0.05; done; until grep -q 'hiatus on' tcp/2/state; do sleep 0.05; done; sync tcp/2/data",
    );
    let (mut seen, mut kills) = ("0".to_owned(), 0);
    loop {
        let pid = mount.pid();
        let kill = format!("(sleep 0.{}; kill -9 {pid}) >/dev/null 2>&1 &", 3 + kills % 3);
        if kills < 10 {
            run("bash", std::path::Path::new("/"), &kill);
        }
        let text = python(mount.path(), &WRITER_AND_READER.replace("sys.argv[1]", &format!("'{seen}'")));
        let (word, rest) = text.split_once('\n').unwrap();
        seen = rest.trim().to_owned();
        if word == "end" {
            break;
        }
        assert!(["ENOTCONN", "ECONNABORTED", "EIO", "ENODEV"].contains(&word), "{word}");
        mount.wait();
        drop(mount);
        mount = start(&folder);
        kills += 1;
    }
    shell.kill().unwrap();
    shell.wait().unwrap();
    assert_eq!(seen, (4 << 20).to_string());
    assert!(kills > 0, "the transfer was over before the first kill");
}
