#!/usr/bin/env python3
"""Checks spec/vectors.toml and the octets in spec/generated without any code of this repository.

MACs are recomputed with the standard library; option areas are read again by the small parser below, written
from the draft. `--check` compares and ends with status 1 on the first list of differences; `--worked` does so
for the worked connection alone; `--print` writes the computed MAC fields, for adding an entry.
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


def session_key(initiator_key, responder_key):
    return hmac.new(initiator_key + responder_key, LABEL, hashlib.sha256).digest()


def mac_fields(entry):
    unhex = lambda name: bytes.fromhex(entry[name])
    key = session_key(unhex("initiator_key"), unhex("responder_key"))
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
    """The first half of a figure of mac-inputs.md: offset, length, content, origin of every field."""
    rows = [re.fullmatch(r" *(\d+) +(\d+)  (.+?)  +(.+)", line) for line in block]
    return [(int(r[1]), int(r[2]), r[3], r[4]) for r in rows]


def check_mac_input(text, vectors):
    """One figure: fields follow one another and come from where it says; each column is a vector's input."""
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


# The worked connection: what is known of it beforehand, by hand. Times in milliseconds.
ONE_WAY = 10
CLOCKS = {"initiator": 1_000_000, "responder": 2_000_000}
FLAGS = {"FIN": 1, "SYN": 2, "PSH": 8, "ACK": 16}
STORY = ["capable", "capable", "capable", "epoch", "epoch-echo", "", "", "", "suspend", "suspend-ack"]
STORY += ["resume", "resume-ack", "", "", "", "", ""]
HEAD = re.compile(
    r" ?(\d+) +(\d+)\.(\d\d)  (initiator|responder): ([A-Z ]+), SEQ (\d+)(?:, ACK (\d+))?(?:, \"(.+)\")?"
)


class End:
    """One end of the worked connection: what it was given, what it sent, and what has arrived there."""

    def __init__(self, name, address, port, isn, key):
        self.name, self.role, self.address, self.port = name, bytes([name == "responder"]), address, port
        self.isn, self.key = isn, key
        self.told_key, self.hold = None, None  # as it says in CAPABLE
        self.una, self.nxt, self.rcv = 0, 0, 0  # SND.UNA, SND.NXT and RCV.NXT, as positions
        self.life, self.nonce = bytes(6), bytes(4)
        self.recent, self.last_ack = 0, 0  # TS.Recent, and Last.ACK.sent as a position
        self.asked = None  # SEG.SEQ of the RESUME that has arrived, as a position
        self.arriving = []  # (time, action) of segments on their way here


def ends_of(text):
    pattern = r"(initiator|responder)  ([\d.]+) port (\d+), ISN ([0-9a-f ]+)\n +key ([0-9a-f ]+)\n"
    for name, address, port, isn, key in re.findall(pattern, text):
        address = bytes(int(part) for part in address.split("."))
        yield name, End(name, address, int(port), int.from_bytes(bytes.fromhex(isn)), bytes.fromhex(key))


def segments_of(text):
    """As printed: the first line, the octets, and the lines beneath by the name of their block."""
    found = []
    for figure in re.findall(r"~~~\n(.*?)~~~\n", text, re.S)[1:]:
        for line in figure.splitlines():
            if head := HEAD.fullmatch(line):
                found.append((head, bytearray(), {}))
            elif block := re.fullmatch(r" {6}(\S.*?)(?: {5}(\S.*))?", line):
                found[-1][2][block[1]] = [block[2]] if block[2] else []
            elif line.startswith(" " * 8):
                list(found[-1][2].values())[-1].append(line.strip())
            else:
                found[-1][1].extend(bytes.fromhex(line))
    return found


def leading(line):
    """The octets with which a line begins, and the words behind them."""
    octets = re.match(r"(?:[0-9a-f]{2}(?: |$))*", line)[0]
    return bytes.fromhex(octets), line[len(octets) :].strip()


def checksum(source, destination, segment):
    octets = source + destination + struct.pack(">BBH", 0, 6, len(segment)) + segment
    total = sum(struct.unpack(f">{(len(octets) + 1) // 2}H", octets + bytes(len(octets) % 2)))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


# Fields that are named with their values: what has to be in the octets, from what is in the words.
SAID = {
    r"Kind 253, Length (\d+), ExID": lambda n: bytes([253, int(n)]) + b"HI",
    r"subtype (\d+), flags 0": lambda n: bytes([int(n) << 4]),
    r"version 1, S": lambda: b"\x18",
    r"ports: (\d+), (\d+)": lambda source, destination: struct.pack(">HH", int(source), int(destination)),
    r"data offset (\d+) words; SYN": lambda n: bytes([int(n) << 4, FLAGS["SYN"]]),
    r"MSS (\d+)": lambda n: struct.pack(">BBH", 2, 4, int(n)),
    r"NOP, window scale (\d+)": lambda n: bytes([1, 3, 3, int(n)]),
    r"NOP, NOP, timestamps": lambda: bytes([1, 1, 8, 10]),
    r"TSval (\d+)": lambda n: int(n).to_bytes(4),
}
# Those whose value is in the octets alone, which other checks know, with their lengths.
UNSAID = {"SEG.SEQ: the ISN": 4, "SEG.ACK": 4, "window": 2, "checksum; urgent pointer": 4, "TSecr": 4}
UNSAID |= {"Epoch Number": 4, "Stable Point": 4, "Incarnation": 4, "Generation": 2, "Nonce": 4, "R": 4}
UNSAID |= {"End": 4, "key of the sender": 8, "MAC": 8}
# The fields behind the subtype, in the order of the figures of the draft.
ORDER = [
    ["version", "Offered Hold", "key"],
    ["Epoch Number", "Stable Point", "MAC"],
    ["Stable Point"],
    ["Expected Absence", "MAC"],
    ["Granted Hold", "MAC"],
    ["Incarnation", "Generation", "Nonce", "End", "MAC"],
    ["Incarnation", "Generation", "R", "End", "MAC"],
]


def words_agree(words, octets):
    """The name of a field fits its octets."""
    if found := re.fullmatch(r"(?:Offered Hold|Granted Hold|Expected Absence) (\w+)", words):
        return len(octets) == 2 and duration(int.from_bytes(octets), "none") == found[1]
    for pattern, said in SAID.items():
        if found := re.fullmatch(pattern, words):
            return said(*found.groups()) == octets
    return UNSAID.get(words) == len(octets)


def named_fields(lines, expected, fault):
    fields = [leading(line) for line in lines]
    if b"".join(octets for octets, _ in fields) != expected:
        fault("the fields are not the octets")
    for octets, words in fields:
        if words and not words_agree(words, octets):
            fault(f"{octets.hex(' ')} is not {words}")


def mac_of(option, sender, other, ack, data_end, fault):
    """What the MAC input of a message has to be; `ack` is SEG.ACK as a position."""
    subtype, wide = option[4] >> 4, lambda value: value.to_bytes(8)
    life, nonce, p1, p2 = bytes(6), bytes(4), 0, 0
    if subtype in (1, 3):
        life = sender.life
    elif subtype == 4:
        life = other.life
    if subtype == 1:
        p1 = position(int.from_bytes(option[9:13]), other.nxt)
    elif subtype in (5, 6):
        # SND.LIM: the whole story was written by then, and nothing was closed.
        p1, p2 = sender.rcv, data_end[sender.name]
        said_end = int.from_bytes(option[15:19])
        said_r = ack if subtype == 5 else int.from_bytes(option[11:15])
        if (said_r, said_end) != (p1, p2):
            fault(f"R {said_r} and End {said_end}, expected {p1} and {p2}")
    if subtype == 6:
        life, nonce = other.life, other.nonce
    covered = option[4 : 4 + COVERED[subtype]]
    return [sender.role, covered, life, nonce, wide(p1), wide(p2)]


def learn(subtype, option, sender):
    """What a message says of its sender, before its MAC is computed."""
    if subtype == 0:
        hold, key = int.from_bytes(option[6:8]), option[8:16]
        if sender.hold not in (None, hold) or (key and key != sender.key):
            return "another hold or key"
        sender.hold, sender.told_key = hold, key or sender.told_key
    if subtype == 5:
        if struct.unpack(">IH", option[5:11]) != (0, int.from_bytes(sender.life[4:]) + 1):
            return "the life is not the next generation"
        sender.life, sender.nonce = option[5:11], option[11:15]
    if subtype == 6 and option[5:11] != sender.life:
        return "not the life of its sender"
    return None


def arrive(end, time):
    for when, action in [a for a in end.arriving if a[0] <= time]:
        action()
    end.arriving = [a for a in end.arriving if a[0] > time]


def deliver(other, seq, length, ack, tsval, resume_seq):
    def action():
        if seq != other.rcv and length:
            raise ValueError(f"position {seq} arrives where {other.rcv} is next")
        # RFC 7323, section 4.3; a RESUME or RESUME-ACK sets it, and here comes to the same.
        if seq <= other.last_ack:
            other.recent = tsval
        other.una, other.rcv = max(other.una, ack), max(other.rcv, seq + length)
        other.asked = resume_seq if resume_seq is not None else other.asked

    return action


def check_header(head, octets, sender, other, fault):
    """Everything in the fixed header and the timestamps; gives the options, as octets, and the data."""
    source, destination, seq, ack, control, _, _, urgent = struct.unpack(">HHIIHHHH", octets[:20])
    time, flags = int(head[2]) * 1000 + int(head[3]) * 10, sum(FLAGS[f] for f in head[5].split())
    offset = (control >> 12) * 4
    options, data = octets[20:offset], octets[offset:]
    if (source, destination) != (sender.port, other.port) or control & 0xFFF != flags or urgent:
        fault("ports, flags or urgent pointer")
    if checksum(sender.address, other.address, octets):
        fault("checksum")
    is_resume, is_answer = (
        any(option.startswith(name) for option in read_area(options)) for name in ("resume ", "resume-ack ")
    )
    expected = sender.una - 1 if is_resume else sender.nxt
    if seq != (sender.isn + int(head[6])) % 2**32 or int(head[6]) != expected:
        fault(f"SEQ: {seq:08x}, expected position {expected}")
    expected = min(sender.rcv, sender.asked) if is_answer else sender.rcv
    if "ACK" in head[5] and (ack != (other.isn + expected) % 2**32 or int(head[7]) != expected):
        fault(f"ACK: {ack:08x}, expected position {expected}")
    if "ACK" not in head[5] and (ack or head[7]):
        fault("an acknowledgment without ACK")
    if data != (head[8] or "").encode():
        fault("data")
    if f"TS val {CLOCKS[sender.name] + time} ecr {sender.recent}" not in read_area(options):
        fault(f"timestamps: {read_area(options)}, expected echo {sender.recent}")
    return time, options, data


def hiatus_option(options):
    """The Hiatus option of an area that holds NOPs, options with a Length, and zeros at its end."""
    at, found = 0, b""
    while at < len(options) and options[at]:
        length = 1 if options[at] == 1 else max(2, options[at + 1])
        found = options[at : at + length] if options[at] == 253 else found
        at += length
    return found


def check_worked(text):
    """Every octet of the worked connection, from what was given and what was sent before it."""
    ends, segments, faults = dict(ends_of(text)), segments_of(text), []
    data_end = {name: 1 + sum(len(s[0][8] or "") for s in segments if s[0][4] == name) for name in ends}
    printed_key = re.search(r"\nK +((?:[0-9a-f]{2}\s+){32})", text)[1]
    key = session_key(ends["initiator"].key, ends["responder"].key)
    if bytes.fromhex(printed_key) != key:
        faults.append("K")
    for number, (head, octets, blocks) in enumerate(segments, 1):
        octets, sender = bytes(octets), ends[head[4]]
        other = ends["responder" if head[4] == "initiator" else "initiator"]
        fault = lambda what: faults.append(f"worked segment {number}: {what}")
        arrive(sender, int(head[2]) * 1000 + int(head[3]) * 10)
        time, options, data = check_header(head, octets, sender, other, fault)
        option = hiatus_option(options)
        subtype = option[4] >> 4 if option else None
        if int(head[1]) != number or (NAMES[subtype] if option else "") != STORY[number - 1]:
            fault("another message than the story has")
        if option:
            name = next(block for block in blocks if block.lower().split(",")[0] == NAMES[subtype])
            named_fields(blocks[name], option, fault)
            words = [leading(line)[1] for line in blocks[name][2:]]
            if len(blocks[name]) > 2 and not all(map(str.startswith, words, ORDER[subtype])):
                fault(f"fields {words}, expected {ORDER[subtype]}")
            if wrong := learn(subtype, option, sender):
                fault(wrong)
        if "header" in blocks:
            named_fields(blocks["header"], octets[:40], fault)
        if subtype in COVERED:
            parts = mac_of(option, sender, other, int(head[7]), data_end, fault)
            told_keys = [ends[name].told_key for name in ("initiator", "responder")]
            full = hmac.new(session_key(*told_keys), b"".join(parts), hashlib.sha256).digest()
            printed = [line.split(maxsplit=1) for line in blocks["MAC input"]]
            names = ["role", "option", "life", "nonce", "p1", "p2"]
            if printed != [[name, part.hex(" ")] for name, part in zip(names, parts)]:
                fault(f"MAC input, expected {[part.hex(' ') for part in parts]}")
            if bytes.fromhex(" ".join(blocks["HMAC"])) != full or option[-8:] != full[:8]:
                fault(f"HMAC, expected {full.hex(' ')}")
        if subtype == 4 and not 0 < int.from_bytes(option[5:7]) <= sender.hold:
            fault("the hold is longer than offered")
        length = len(data) + head[5].count("SYN") + head[5].count("FIN")
        tsval = CLOCKS[sender.name] + time
        start, ack = int(head[6]), int(head[7] or 0)
        resume_seq = start if subtype == 5 else None
        other.arriving.append((time + ONE_WAY, deliver(other, start, length, ack, tsval, resume_seq)))
        sender.nxt, sender.last_ack = sender.nxt + length, sender.rcv
    ended = [end.nxt for end in ends.values()] == [data_end[name] + 1 for name in ends]
    if len(segments) != len(STORY) or not ended:
        faults.append("worked connection: not both ends have closed")
    return faults


def main():
    folder = pathlib.Path(__file__).parent
    read = lambda name: (folder / name).read_text(encoding="utf-8")
    vectors = tomllib.loads(read("vectors.toml"))
    if sys.argv[1:] == ["--print"]:
        for entry in vectors["mac"]:
            print(entry["id"], *(f"{n} = \"{v.hex(' ')}\"" for n, v in mac_fields(entry).items()), sep="\n")
        return 0
    if sys.argv[1:] not in (["--check"], ["--worked"]):
        print("usage: vectors.py --check | --worked | --print", file=sys.stderr)
        return 2
    faults, held = check_worked(read("generated/worked-connection.md")), "the worked connection holds"
    if sys.argv[1:] == ["--check"]:
        faults += check(vectors) + check_mac_inputs(vectors, read("generated/mac-inputs.md"))
        held = f"{sum(map(len, vectors.values()))} vectors and {held}"
    print(*faults, sep="\n") if faults else print(held)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
