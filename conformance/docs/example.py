#!/usr/bin/env python3
"""A whole target for `conform run --target 'child:python3 conformance/docs/example.py'`, as adapter.md wants one.

The TCP itself is in tiny_tcp.py. Here is what every target needs: it reads calls and answers them, hands packets over,
and says when it wants to be called next. It can do so in virtual time with packets as lines, which needs no privileges,
and in wall time with packets as lines or over a TUN device.
"""
import fcntl, ipaddress, json, os, select, struct, sys, time

from tiny_tcp import Refused, Tcp

HELLO = {
    "protocol": 1,
    "name": "example",
    "version": "1",
    "packets": ["stdio", "tun"],
    "clocks": ["virtual", "wall"],
    "events": False,
    "states": False,
}
IFF_TUN, IFF_NO_PI, TUNSETIFF = 0x0001, 0x1000, 0x400454CA  # linux/if_tun.h


def address(text):
    """`192.0.2.1:7000` as four octets and a port."""
    host, port = text.rsplit(":", 1)
    return ipaddress.ip_address(host).packed, int(port)


class Target:
    """Calls in, replies and packets out."""

    def __init__(self):
        self.tcp, self.device, self.wall, self.began = None, None, False, 0.0

    def say(self, line):
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def send(self, packet):
        if self.device is None:
            self.say({"packet": packet.hex()})
        else:
            os.write(self.device, packet)

    def setup(self, call):
        if call["hiatus"] is not None:
            return {"unsupported": "hiatus"}
        if call["local"].startswith("["):
            return {"unsupported": "IPv6"}
        if call["packets"] == "tun":
            self.device = os.open("/dev/net/tun", os.O_RDWR)
            name = struct.pack("16sH22x", call["device"].encode(), IFF_TUN | IFF_NO_PI)
            fcntl.ioctl(self.device, TUNSETIFF, name)
        self.wall, self.began = call["clock"] == "wall", time.monotonic()
        self.tcp = Tcp(address(call["local"]), address(call["remote"]), call["seed"], self.send)
        return {}

    def carry_out(self, now, call):
        """What a reply says beside its id. A call that is not known here is unsupported."""
        name, tcp = call["call"], self.tcp
        if name == "setup":
            return self.setup(call)
        if name == "listen":
            tcp.open("listen")
        elif name == "connect":
            tcp.connect(now)
        elif name == "write":
            tcp.write(bytes.fromhex(call["octets"]))
            tcp.send_new(now)
            return {"taken": len(call["octets"]) // 2}
        elif name == "read":
            octets = bytes(tcp.unread[: call["room"]])
            del tcp.unread[: len(octets)]
            return {"octets": octets.hex(), "end": tcp.peer_closed and not tcp.unread}
        elif name == "close":
            tcp.close(now)
            tcp.send_new(now)
        elif name == "abort":
            tcp.abort()
        elif name == "packet":
            tcp.arrive(now, bytes.fromhex(call["octets"]))
        elif name == "time":
            self.timers(now)
        elif name != "end":
            return {"unsupported": name}
        return {}

    def timers(self, now):
        if self.tcp and self.tcp.due is not None and self.tcp.due <= now:
            self.tcp.timeout(now)

    def answer(self, call):
        now = time.monotonic() - self.began if self.wall else call["now_us"] / 1e6
        try:
            reply = self.carry_out(now, call)
        except Refused as refused:
            reply = {"refused": str(refused)}
        if not self.wall and self.tcp and self.tcp.due is not None:
            reply["wake_us"] = round(self.tcp.due * 1e6)
        self.say({"reply": {"id": call["id"], **reply}})
        return call["call"] != "end"

    def run(self):
        self.say({"hello": HELLO})
        pending = b""
        while True:
            now = time.monotonic() - self.began
            due = self.tcp.due if self.wall else None
            patience = None if due is None else max(0.0, due - now)
            sources = [0] if self.device is None else [0, self.device]
            ready = select.select(sources, [], [], patience)[0]
            now = time.monotonic() - self.began
            if self.device in ready:
                self.tcp.arrive(now, os.read(self.device, 65536))
            if 0 in ready:
                octets = os.read(0, 65536)
                *lines, pending = (pending + octets).split(b"\n")
                if not octets or not all(self.answer(json.loads(line)) for line in lines):
                    return
            if self.wall:
                self.timers(now)


Target().run()
