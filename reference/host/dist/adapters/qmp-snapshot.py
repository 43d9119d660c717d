#!/usr/bin/env python3
"""Snapshots a QEMU machine in which a host of Hiatus runs, and restores it, over QMP.

    qmp-snapshot.py --qmp SOCKET --control SOCKET --count FILE save NAME
    qmp-snapshot.py --qmp SOCKET --control SOCKET --count FILE load NAME

--qmp is QEMU's own socket (-qmp unix:PATH,server=on,wait=off), --control the host's, as the machine forwards it (a
virtio-serial or vsock port that ends at its control socket). --count is a file outside of the machine: how often it was
restored. `save` takes an epoch, saves the machine, and then says that the epoch is durable. `load` loads the machine and tells
the host its new incarnation.
"""

import argparse
import json
import os
import socket
import sys
import time


class Lines:
    """A socket on which each side sends a JSON object a line."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw", encoding="utf-8")

    def ask(self, request):
        self.file.write(json.dumps(request) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline() or "null")
            if answer is None:
                sys.exit("the other side hung up")
            if "event" not in answer:
                return answer


def monitor(qmp, line):
    """Runs a line of the human monitor; it prints only what went wrong."""
    answer = qmp.ask({"execute": "human-monitor-command", "arguments": {"command-line": line}})
    if answer.get("return"):
        sys.exit(f"qemu: {line}: {answer['return'].strip()}")
    if "error" in answer:
        sys.exit(f"qemu: {line}: {answer['error']['desc']}")


def host(control, request):
    answer = control.ask(request)
    if "done" not in answer:
        sys.exit(f"host: {request['command']}: {answer.get('refused', {}).get('reason', answer)}")
    return answer["done"]


def next_count(path):
    """Counts a restore: durable before it is used."""
    try:
        with open(path, encoding="ascii") as file:
            count = int(file.read())
    except FileNotFoundError:
        count = 0
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(f"{count + 1}\n")
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".new", path)
    return count + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qmp", required=True, metavar="SOCKET")
    parser.add_argument("--control", required=True, metavar="SOCKET")
    parser.add_argument("--count", required=True, metavar="FILE")
    parser.add_argument("order", choices=["save", "load"])
    parser.add_argument("name")
    args = parser.parse_args()
    qmp, control = Lines(args.qmp), Lines(args.control)
    qmp.file.readline()
    qmp.ask({"execute": "qmp_capabilities"})
    if args.order == "save":
        epoch = host(control, {"command": "snapshot"})["epoch"]
        monitor(qmp, f"savevm {args.name}")
        host(control, {"command": "durable", "epoch": epoch})
        print(f"epoch {epoch} is durable as {args.name}")
    else:
        count = next_count(args.count)
        monitor(qmp, f"loadvm {args.name}")
        # The timestamp clock of a host counts milliseconds, and goes 2^22 ahead with each restore: it was never above this.
        ceiling = (int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000) + (count - 1) * 2**22) % 2**32
        host(control, {"command": "restored", "incarnation": count, "tsval_ceiling": ceiling})
        print(f"restored {args.name} as incarnation {count}")


if __name__ == "__main__":
    main()
