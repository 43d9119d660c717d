#!/usr/bin/env python3
"""Checks spec/vectors.toml and the octets in spec/generated without any code of this repository.

MACs are recomputed with the standard library; option areas are read again by the small parser below, written
from the draft. `--check` compares and ends with status 1 on the first list of differences; `--print` writes
the computed MAC fields, for adding an entry.
"""
import hashlib
import hmac
import pathlib
import re
import struct
import sys
import tomllib

LABEL = b"hiatus 1"
REASONS = {1: "fenced", 2: "gone", 3: "diverged", 4: "lost", 5: "shed", 6: "application"}
FIXED = {2: 4, 3: 3, 4: 2, 8: 10}
LEAST = [8, 21, 9, 15, 15, 27, 27, 14]
NAMES = ["capable", "epoch", "epoch-echo", "suspend", "suspend-ack", "resume", "resume-ack", "abort"]
# Subtype -> number of octets from octet 4 up to the MAC (tab-mac-fields).
COVERED = {1: 9, 3: 3, 4: 3, 5: 15, 6: 15, 7: 2}


def duration(field, zero):
    if field & 0x7FFF == 0:
        return zero
    return f"{field & 0x7FFF}{'min' if field & 0x8000 else 's'}"


def hiatus(octets):
    subtype = octets[4] >> 4
    body = octets[5:]
    if subtype == 0:
        bits = "".join(c for c, m in (("S", 8), ("N", 4), ("K", 2)) if body[0] & m) or "-"
        text = f"capable v{body[0] >> 4} {bits} hold {duration(int.from_bytes(body[1:3]), 'none')}"
        return text + (f" key {octets[8:16].hex()}" if len(octets) >= 16 else "")
    if subtype == 1:
        number, stable = struct.unpack(">II", body[:8])
        return f"epoch {number} stable {stable} mac {body[8:16].hex()}"
    if subtype == 2:
        return f"epoch-echo {int.from_bytes(body[:4])}"
    if subtype in (3, 4):
        zero = "unknown" if subtype == 3 else "refused"
        return f"{NAMES[subtype]} {duration(int.from_bytes(body[:2]), zero)} mac {body[2:10].hex()}"
    if subtype == 5:
        incarnation, generation, nonce, end = struct.unpack(">IHII", body[:14])
        return f"resume life {incarnation}.{generation} nonce {nonce:08x} end {end} mac {body[14:22].hex()}"
    if subtype == 6:
        incarnation, generation, rcv, end = struct.unpack(">IHII", body[:14])
        return f"resume-ack life {incarnation}.{generation} rcv {rcv} end {end} mac {body[14:22].hex()}"
    reason = REASONS.get(body[0], f"reason-{body[0]}")
    return f"abort {reason} {'key' if body[0] == 4 else 'mac'} {body[1:9].hex()}"


def option(octets, at):
    kind, length = octets[0], len(octets)
    bad = lambda expected: f"!bad-length kind {kind} at {at} found {length} expected {expected}"
    if kind in FIXED and length != FIXED[kind]:
        return bad(FIXED[kind])
    if kind == 5 and (length < 10 or length % 8 != 2):
        return bad(10)
    if kind == 2:
        return f"mss {int.from_bytes(octets[2:])}"
    if kind == 3:
        return f"wscale {octets[2]}"
    if kind == 4:
        return "sackOK"
    if kind == 5:
        edges = struct.unpack(f">{(length - 2) // 4}I", octets[2:])
        return "sack " + " ".join(f"{a}-{b}" for a, b in zip(edges[::2], edges[1::2]))
    if kind == 8:
        return "TS val {} ecr {}".format(*struct.unpack(">II", octets[2:]))
    if kind not in (253, 254):
        return f"kind {kind} len {length}"
    if length < 4:
        return bad(4)
    if kind == 254 or octets[2:4] != b"HI":
        return f"exid {octets[2:4].hex()} len {length}"
    if length < 5:
        return bad(5)
    subtype = octets[4] >> 4
    if subtype >= len(LEAST):
        return f"hiatus-{subtype} len {length}"
    return bad(LEAST[subtype]) if length < LEAST[subtype] else hiatus(octets)


def read_area(area):
    out, at = [], 0
    while at < len(area):
        kind = area[at]
        if kind == 0:
            out.append("eol")
            padding = [i for i in range(at + 1, len(area)) if area[i]]
            return out + ([f"!padding at {padding[0]}"] if padding else [])
        if kind == 1:
            out.append("nop")
            at += 1
            continue
        if at + 1 == len(area):
            return out + [f"!missing-length kind {kind} at {at}"]
        length = area[at + 1]
        if length < 2:
            return out + [f"!length-below-two kind {kind} at {at} found {length}"]
        if at + length > len(area):
            return out + [f"!truncated kind {kind} at {at} found {len(area) - at} expected {length}"]
        out.append(option(area[at : at + length], at))
        at += length
    return out


def mac_fields(entry):
    unhex = lambda name: bytes.fromhex(entry[name])
    key = hmac.new(unhex("initiator_key") + unhex("responder_key"), LABEL, hashlib.sha256).digest()
    message = unhex("message")
    covered = message[4 : 4 + COVERED[message[4] >> 4]]
    role = {"initiator": b"\0", "responder": b"\1"}[entry["role"]]
    data = role + covered + unhex("life") + unhex("nonce") + unhex("p1") + unhex("p2")
    full = hmac.new(key, data, hashlib.sha256).digest()
    return {"key": key, "input": data, "hmac": full, "tag": full[:8]}


def position(wire, near):
    """The 64-bit value with these low 32 bits that is nearest to `near`, the smaller of two."""
    base = near >> 32 << 32
    values = [v for v in (base - 2**32 + wire, base + wire, base + 2**32 + wire) if 0 <= v < 2**64]
    return min(values, key=lambda v: (abs(v - near), v))


def check(vectors):
    faults = []
    ids = [e["id"] for kind in ("vector", "mac", "position") for e in vectors[kind]]
    faults += [f"{i}: id used twice" for i in sorted({i for i in ids if ids.count(i) > 1})]
    for entry in vectors["vector"]:
        found = ", ".join(read_area(bytes.fromhex(entry["octets"])))
        if found != entry["verdict"]:
            faults.append(f"{entry['id']}:\n  file     {entry['verdict']}\n  computed {found}")
    for entry in vectors["mac"]:
        for name, value in mac_fields(entry).items():
            if bytes.fromhex(entry.get(name, "")) != value:
                faults.append(f"{entry['id']}: {name} is {entry.get(name)}, computed {value.hex(' ')}")
        message, tag = bytes.fromhex(entry["message"]), bytes.fromhex(entry["tag"])
        start = 4 + COVERED[message[4] >> 4]
        if message[start : start + 8] != tag:
            faults.append(f"{entry['id']}: the message does not carry the tag")
    for entry in vectors["position"]:
        found = position(int(entry["wire"], 16), int(entry["near"], 16))
        if found != int(entry["position"], 16):
            faults.append(f"{entry['id']}: position is {entry['position']}, computed {found:016x}")
    return faults


def mac_input_fields(block):
    """The first half of a figure of generated/mac-inputs.md: offset, length, content, origin of every field."""
    rows = [re.fullmatch(r" *(\d+) +(\d+)  (.+?)  +(.+)", line) for line in block]
    return [(int(r[1]), int(r[2]), r[3], r[4]) for r in rows]


def check_mac_input(text, vectors):
    """One figure: the fields follow one another and come from where it says, and each column is a vector's input."""
    lines = text.strip().splitlines()
    middle = lines.index("")
    fields, ids, rows = mac_input_fields(lines[1:middle]), lines[middle + 1].split()[1:], lines[middle + 2 :]
    faults = [] if len(ids) == 2 and len(rows) == len(fields) + 1 else [f"{ids}: not a row for each field"]
    for column, name in enumerate(ids):
        entry = next(e for e in vectors["mac"] if e["id"] == name)
        message, role = bytes.fromhex(entry["message"]), ["initiator", "responder"][column]
        # Columns are aligned: the octets of the first stand below its name.
        start = lines[middle + 1].index(name)
        cells = [bytes.fromhex(row[start : start + 27]) for row in rows]
        expected = mac_fields(entry)
        if b"".join(cells[:-1]) != expected["input"] or cells[-1] != expected["tag"] or entry["role"] != role:
            faults.append(f"{name}: input or MAC differ, or not the {role}'s")
        at = 0
        for (offset, length, content, origin), octets in zip(fields, cells):
            covered = re.match(r"octets? (\d+)(?: (?:to|and) (\d+))?(?: of the option.*)?$", origin)
            if covered:
                first, last = int(covered[1]), int(covered[2] or covered[1])
                if message[first : last + 1] != octets:
                    faults.append(f"{name}: {content} is not {origin}")
            if offset != at or length != len(octets) or (content == "0" and any(octets)):
                faults.append(f"{name}: {content} at {offset}, length {length}: {octets.hex(' ')}")
            at += length
    return faults


def check_mac_inputs(vectors, text):
    figures = re.findall(r"~~~\n(.*?)~~~\n\{: #fig-mac-([a-z-]+) [^\n]*, (\d+) octets", text, re.S)
    faults = [f for figure, _, _ in figures for f in check_mac_input(figure, vectors)]
    for figure, name, octets in figures:
        last = mac_input_fields(figure.strip().split("\n\n")[0].splitlines()[1:])[-1]
        if last[0] + last[1] != int(octets):
            faults.append(f"{name}: {octets} octets")
    with_mac = [name for subtype, name in enumerate(NAMES) if subtype in COVERED]
    if [name for _, name, _ in figures] != with_mac:
        faults.append(f"mac-inputs.md has no figure for each of {with_mac}")
    return faults


def main():
    folder = pathlib.Path(__file__).parent
    vectors = tomllib.loads((folder / "vectors.toml").read_text(encoding="utf-8"))
    if sys.argv[1:] == ["--print"]:
        for entry in vectors["mac"]:
            print(entry["id"], *(f"{n} = \"{v.hex(' ')}\"" for n, v in mac_fields(entry).items()), sep="\n")
        return 0
    if sys.argv[1:] != ["--check"]:
        print("usage: vectors.py --check | --print", file=sys.stderr)
        return 2
    faults = check(vectors)
    faults += check_mac_inputs(vectors, (folder / "generated/mac-inputs.md").read_text(encoding="utf-8"))
    print(*faults, sep="\n") if faults else print(f"{sum(map(len, vectors.values()))} vectors hold")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
