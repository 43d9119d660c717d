"""A target with a vice, named by its first argument: what the bench must survive. tests/hostile.rs runs it."""
import json, os, signal, subprocess, sys, time

VICE, ARGUMENTS = sys.argv[1], sys.argv[2:]
HELLO = {"protocol": 1, "name": "hostile", "version": "1", "packets": ["stdio"], "clocks": ["virtual", "wall"]}
# 192.0.2.1 to 192.0.2.2, an empty TCP segment whose checksum is wrong; and the same with protocol 99.
WRONG_CHECKSUM = "450000280000400040063ccc" "c0000201c0000202" "1b589c40" "00000000" "00000000" "50020000" "dead0000"


def raw(octets):
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()


def say(line):
    raw(json.dumps(line).encode() + b"\n")


def for_ever(octets):
    while True:
        raw(octets)


def packet(octets):
    say({"packet": octets})


def at_the_beginning():
    if VICE == "no-hello":
        time.sleep(3600)
    elif VICE == "no-json":
        raw(b"Usage: hostile [OPTIONS]\n")
    elif VICE == "no-text":
        raw(b"\xff\xfe\x00\n")
    elif VICE == "endless-line":
        for_ever(b"x" * 65536)
    elif VICE == "other-protocol":
        say({"hello": {**HELLO, "protocol": 2}})
    elif VICE == "only-devices":
        say({"hello": {**HELLO, "packets": []}})
    elif VICE == "no-first-line":
        say({"reply": {"id": 1}})
    elif VICE == "dies-at-once":
        sys.exit("no licence found\nbuy one")
    say({"hello": HELLO})


def at_listen(call):
    if VICE == "no-reply":
        time.sleep(3600)
    elif VICE == "dies":
        sys.exit("segfault, or so")
    elif VICE == "is-killed":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif VICE == "dies-in-a-line":
        raw(b'{"reply": {"i')
        sys.exit(0)
    elif VICE == "closes-its-output":
        os.close(1)
        time.sleep(3600)
    elif VICE == "wrong-id":
        say({"reply": {"id": 77}})
    elif VICE == "replies-twice":
        say({"reply": {"id": call["id"]}})
        say({"reply": {"id": call["id"]}})
    elif VICE == "second-hello":
        say({"hello": HELLO})
    elif VICE == "unknown-line":
        say({"pakcet": "00"})
    elif VICE == "no-hexadecimal":
        packet("0g")
    elif VICE == "no-packet":
        packet("00" * 40)
    elif VICE == "wrong-checksum":
        packet(WRONG_CHECKSUM)
    elif VICE == "too-long-a-packet":
        packet("45" * 70000)
    elif VICE == "floods-events":
        for_ever(b'{"event": "connected"}\n' * 1000)
    elif VICE == "floods-packets":
        for_ever(b'{"packet": "' + ping().hex().encode() + b'"}\n')
    elif VICE == "floods-blank-lines":
        for_ever(b"\n" * 65536)
    elif VICE == "floods-errors":
        sys.stderr.write("so many words\n" * 500_000)
    elif VICE == "leaves-a-child":
        child = subprocess.Popen(["sleep", "3600"])
        with open(ARGUMENTS[0], "w") as file:
            file.write(str(child.pid))
        os._exit(3)
    elif VICE == "refuses":
        return {"refused": "not today"}
    elif VICE == "cannot-listen":
        return {"unsupported": "listening"}
    elif VICE == "never-rests":
        return {"wake_us": 0}
    return {}


def ping():
    """An IP packet that is no TCP: no business of anybody."""
    header = bytes.fromhex("45000014000040004063 0000 c0000201c0000202".replace(" ", ""))
    total = sum(int.from_bytes(header[at : at + 2], "big") for at in range(0, 20, 2))
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + (total ^ 0xFFFF).to_bytes(2, "big") + header[12:]


def answer(call):
    name, extra = call["call"], {}
    if name == "setup" and VICE == "no-setup":
        extra = {"unsupported": "being a host"}
    elif name == "listen":
        extra = at_listen(call)
    elif name == "write":
        extra = {"taken": 10**9} if VICE == "takes-too-much" else {}
    elif name == "read":
        extra = {"octets": "00" * 100_000} if VICE == "reads-too-much" else {"octets": ""}
    elif name == "time":
        extra = at_listen(call)
    say({"reply": {"id": call["id"], **extra}})
    if name == "listen" and VICE == "reads-no-more":
        time.sleep(3600)


at_the_beginning()
for line in sys.stdin:
    call = json.loads(line)
    answer(call)
    if call["call"] == "end":
        break
if VICE == "never-exits":
    with open(ARGUMENTS[0], "w") as file:
        file.write(str(os.getpid()))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(3600)
