"""A small plain TCP over IPv4 (RFC 9293), one connection, without any I/O of its own: packets go in and out as octets,
and it says when it wants to be called next. It sends again what is lost, and drops what comes out of order."""
import struct

FIN, SYN, RST, ACK = 1, 2, 4, 16
MSS, WINDOW, RTO, RETRIES_MAX, TIME_WAIT = 1460, 65535, 1.0, 8, 60.0  # octets, octets, seconds, times, seconds


class Refused(Exception):
    """The call can be made, but not now."""


def checksum(octets):
    words = struct.unpack(f"!{(len(octets) + 1) // 2}H", octets + bytes(len(octets) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ahead(number, of):
    """How far a sequence number is ahead of another one, modulo 2^32: negative if it is behind."""
    return (number - of + 2**31) % 2**32 - 2**31


def mss_of(options):
    """Every option but End (0) and No-Operation (1) has a length, so those that nobody knows can be skipped."""
    at = 0
    while at < len(options) and options[at] != 0:
        length = 1 if options[at] == 1 else options[at + 1] if at + 1 < len(options) else 0
        if options[at] == 2 and length == 4 and at + 4 <= len(options):
            return int.from_bytes(options[at + 2 : at + 4], "big")
        if length < (1 if options[at] == 1 else 2):
            break
        at += length
    return 536


class Tcp:
    """One connection. `send` takes each packet; `due` is when `timeout` is to be called, in seconds, or None."""

    def __init__(self, local, remote, seed, send):
        self.local, self.remote, self.send = local, remote, send
        self.iss, self.due = seed % 2**32, None
        self.open("closed")

    def open(self, state):
        self.state, self.snd_una, self.snd_nxt, self.rcv_nxt = state, self.iss, self.iss, 0
        self.unacked, self.unread = bytearray(), bytearray()  # all that the peer, and the application, has yet to take
        self.window, self.mss, self.rto, self.retries = 0, 536, RTO, 0
        self.closing, self.fins, self.peer_closed, self.closed_first = False, 0, False, False

    def segment(self, flags, seq, data=b"", ack=None):
        ack = self.rcv_nxt if ack is None else ack
        options = struct.pack("!BBH", 2, 4, MSS) if flags & SYN else b""
        words = (self.local[1], self.remote[1], seq % 2**32, ack if flags & ACK else 0)
        tcp = struct.pack("!HHIIBBHHH", *words, (5 + len(options) // 4) << 4, flags, WINDOW, 0, 0) + options + data
        ends = self.local[0] + self.remote[0]
        tcp = tcp[:16] + struct.pack("!H", checksum(ends + struct.pack("!HH", 6, len(tcp)) + tcp)) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + ends
        self.send(ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp)

    # What the application asks for.

    def connect(self, now):
        self.open("syn-sent")
        self.send_syn(now)

    def write(self, octets):
        if self.state in ("closed", "listen", "time-wait") or self.closing:
            raise Refused("no connection, or closed")
        self.unacked += octets

    def close(self, now):
        if self.state == "closed":
            raise Refused("no connection")
        if self.state in ("listen", "syn-sent"):
            self.state, self.due = "closed", None
        elif not self.closing:
            self.closing, self.fins, self.closed_first = True, 1, not self.peer_closed

    def abort(self):
        if self.state not in ("closed", "listen", "syn-sent"):
            self.segment(RST | ACK, self.snd_nxt)
        self.state, self.due = "closed", None

    # What is sent.

    def send_syn(self, now):
        self.segment(SYN if self.state == "syn-sent" else SYN | ACK, self.iss)
        self.snd_nxt, self.due = (self.iss + 1) % 2**32, now + self.rto

    def send_new(self, now):
        """Sends what was not sent yet and fits into the peer's window; the FIN stands behind the last octet."""
        while self.state == "open":
            sent = ahead(self.snd_nxt, self.snd_una)
            if sent >= len(self.unacked) + self.fins:
                break
            if not self.send_from(sent, min(self.mss, self.window - sent)):
                break
            self.due = self.due or now + self.rto
        if self.state == "open" and self.unacked and self.due is None:
            self.due = now + self.rto  # the window is closed: ask from time to time

    def send_from(self, offset, room):
        data = bytes(self.unacked[offset : offset + max(room, 0)])
        fin = self.fins and offset + len(data) == len(self.unacked)
        if not data and not fin:
            return False
        self.segment(ACK | (FIN if fin else 0), self.snd_una + offset, data)
        end = (self.snd_una + offset + len(data) + fin) % 2**32
        self.snd_nxt = end if ahead(end, self.snd_nxt) > 0 else self.snd_nxt
        return True

    def timeout(self, now):
        self.retries, self.rto, self.due = self.retries + 1, self.rto * 2, None
        if self.state == "time-wait" or self.retries > RETRIES_MAX:
            self.state = "closed"
        elif self.state in ("syn-sent", "syn-received"):
            self.send_syn(now)
        else:
            self.send_from(0, min(self.mss, max(ahead(self.snd_nxt, self.snd_una), 1)))
            self.due = now + self.rto

    # What arrives (RFC 9293, section 3.10.7).

    def arrive(self, now, packet):
        ip_octets, length = (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
        tcp = packet[ip_octets:length]
        if packet[0] >> 4 != 4 or packet[9] != 6 or len(tcp) < 20:
            return  # not IPv4, or not TCP
        if checksum(packet[12:20] + struct.pack("!HH", 6, len(tcp)) + tcp):
            return
        source, destination, seq, ack, offset, flags, window = struct.unpack("!HHIIBBH", tcp[:16])
        if (packet[12:16], source) != self.remote or (packet[16:20], destination) != self.local:
            return
        options, data = tcp[20 : (offset >> 4) * 4], tcp[(offset >> 4) * 4 :]
        length = len(data) + bool(flags & SYN) + bool(flags & FIN)
        if self.state in ("closed", "listen", "syn-sent"):
            self.arrive_early(now, seq, ack, flags, options, length)
        elif self.acceptable(seq, flags, length) and self.take_ack(now, seq, ack, flags, window):
            self.take_data(now, seq, flags, data)
        if self.state == "open":
            self.window = window
            self.send_new(now)

    def arrive_early(self, now, seq, ack, flags, options, length):
        expected = self.state == "syn-sent" and ack == self.snd_nxt
        if flags & RST:
            if flags & ACK and expected:
                self.state, self.due = "closed", None
        elif flags & ACK and not expected:
            self.segment(RST, ack)
        elif self.state == "closed":
            self.segment(RST | ACK, 0, ack=(seq + length) % 2**32)
        elif flags & SYN:
            self.rcv_nxt, self.mss = (seq + 1) % 2**32, min(MSS, mss_of(options))
            if flags & ACK:
                self.state, self.snd_una, self.due = "open", ack, None
                self.segment(ACK, self.snd_nxt)
            else:
                self.state = "syn-received"
                self.send_syn(now)

    def acceptable(self, seq, flags, length):
        """Whether the segment has something in the window; RST and SYN are looked at as RFC 5961 says."""
        offset = ahead(seq, self.rcv_nxt)
        inside = offset < WINDOW and (offset + length > 0 or offset == 0)
        if flags & RST and offset == 0:
            self.state, self.due = "closed", None
        elif (not inside and not flags & RST) or (inside and flags & (RST | SYN)):
            self.segment(ACK, self.snd_nxt)
        return inside and not flags & (RST | SYN)

    def take_ack(self, now, seq, ack, flags, window):
        taken, sent = ahead(ack, self.snd_una), ahead(self.snd_nxt, self.snd_una)
        if not flags & ACK or taken > sent:
            self.segment(ACK, self.snd_nxt) if flags & ACK else None
            return False
        if self.state == "syn-received" and taken > 0:
            self.state, self.snd_una, taken, sent = "open", ack, 0, 0
            self.retries, self.rto, self.due = 0, RTO, None
        if taken > 0:
            fin_taken = self.fins and taken > len(self.unacked)
            del self.unacked[:taken]
            self.snd_una, self.retries, self.rto = ack, 0, RTO
            self.due = now + RTO if taken < sent else None
            if fin_taken:
                self.fins = 0
                self.over(now)
        return True

    def take_data(self, now, seq, flags, data):
        """What is next in order is taken; anything else the peer will send again."""
        behind = -ahead(seq, self.rcv_nxt)
        if data or flags & FIN:
            if behind >= 0 and not self.peer_closed:
                self.unread += data[behind:]
                self.rcv_nxt = (self.rcv_nxt + len(data[behind:])) % 2**32
                if flags & FIN:
                    self.rcv_nxt, self.peer_closed = (self.rcv_nxt + 1) % 2**32, True
                    self.over(now)
            self.segment(ACK, self.snd_nxt)

    def over(self, now):
        """Both FINs have arrived? Who closed first waits for what is still on the way."""
        if self.peer_closed and self.closing and not self.unacked and not self.fins:
            self.state, self.due = ("time-wait", now + TIME_WAIT) if self.closed_first else ("closed", None)
