//! Captures made up for measuring: any number of TCP packets over any number of connections, from a seed.
//!
//! Every connection opens, carries data one way with timestamps and an acknowledgment per segment, now and then sends
//! a segment again, and closes; then the same pair of addresses opens again from another port. Some of them speak Hiatus:
//! they negotiate, and in the middle of its data the sender suspends and resumes. Nothing of it is damaged or breaks a
//! rule, so a checker that finds damage or a broken rule in it is wrong.

mod speech;

use std::io::{self, Write};

use speech::Speech;

use crate::seed::Seed;

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Packets, all of them TCP over IPv4 over Ethernet.
    pub packets: u64,
    /// Connections at once, 1 to 65,536.
    pub connections: u32,
    /// Data segments of a connection before it closes.
    pub data_segments: u32,
    /// Octets of data of a segment, at most; 1 to 1448.
    pub data_octets_max: u16,
    /// One connection in so many speaks Hiatus; 0: none does.
    pub hiatus_part: u32,
    /// The same seed makes the same octets.
    pub seed: u64,
}

impl Default for Mix {
    fn default() -> Self {
        let (packets, connections, data_segments, data_octets_max) = (2_000_000, 5_000, 40, 256);
        Self { packets, connections, data_segments, data_octets_max, hiatus_part: 10, seed: 1 }
    }
}

/// Seconds since 1970 of the first packet; each comes a microsecond after the one before.
const BEGIN_S: u64 = 1_700_000_000;
/// One data segment in this many is sent twice.
const RESEND_PART: u64 = 200;
const SERVER_PORT: u16 = 7777;
const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// Writes the capture, little-endian pcap with microseconds, to `out`; a [`std::io::BufWriter`] is worth while.
///
/// # Errors
///
/// Those of `out`.
pub fn write_capture(mix: &Mix, out: &mut impl Write) -> io::Result<()> {
    out.write_all(&0xa1b2_c3d4_u32.to_le_bytes())?;
    out.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0])?;
    let connections = mix.connections.clamp(1, 1 << 16);
    let mut random = Seed::new(mix.seed);
    let mut talks: Vec<_> = (0..connections).map(|number| Talk::new(number, mix, &mut random)).collect();
    let mut packet = Vec::with_capacity(2048);
    for index in 0..mix.packets {
        let which = usize::try_from(random.below(u64::from(connections))).unwrap_or_default();
        packet.clear();
        talks[which].next_packet(mix, index, &mut random, &mut packet);
        let micros = BEGIN_S * 1_000_000 + index;
        let length = u32::try_from(packet.len()).unwrap_or_default();
        for field in [low_32(micros / 1_000_000), low_32(micros % 1_000_000), length, length] {
            out.write_all(&field.to_le_bytes())?;
        }
        out.write_all(&packet)?;
    }
    out.flush()
}

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug)]
enum Step {
    Syn,
    SynAck,
    Ack,
    /// The rest of the negotiation, in a connection that speaks Hiatus.
    Epoch,
    Echo,
    Data(u32),
    /// An absence, and so many data segments after it.
    Suspend(u32),
    SuspendAck(u32),
    Resume(u32),
    ResumeAck(u32),
    DataAck(u32),
    Fin,
    FinAck,
    LastAck,
}

#[derive(Clone, Debug)]
struct Talk {
    number: u32,
    port: u16,
    client_seq: u32,
    server_seq: u32,
    /// Where the latest data segment began, and its data, to send it again.
    latest: (u32, Vec<u8>),
    step: Step,
    /// What it says in Hiatus, if it does.
    speech: Option<Speech>,
}

/// The fields of a header that differ between packets.
struct Fields<'a> {
    from_client: bool,
    flags: u8,
    seq: u32,
    ack: u32,
    options: &'a [u8],
    data: &'a [u8],
}

impl Talk {
    fn new(number: u32, mix: &Mix, random: &mut Seed) -> Self {
        let (client_seq, server_seq) = (low_32(random.next_u64()), low_32(random.next_u64()));
        let speaks = mix.hiatus_part > 0 && number.is_multiple_of(mix.hiatus_part);
        Self {
            number,
            port: 1024,
            client_seq,
            server_seq,
            latest: (0, Vec::new()),
            step: Step::Syn,
            speech: speaks
                .then(|| Speech::new([client_seq, server_seq], [random.next_u64(), random.next_u64()])),
        }
    }

    fn next_packet(&mut self, mix: &Mix, index: u64, random: &mut Seed, out: &mut Vec<u8>) {
        let clock = low_32(index / 1000);
        let [a, b, c, d] = clock.to_be_bytes();
        let timestamps = [1, 1, 8, 10, a, b, c, d, a, b, c, d];
        let on_syn = [2, 4, 0x05, 0xb4, 4, 2, 8, 10, a, b, c, d, 0, 0, 0, 0, 1, 3, 3, 7];
        let (client, server) = (self.client_seq, self.server_seq);
        let speech = self.speech.as_ref();
        let plain = |from_client, flags| {
            let (seq, ack) = if from_client { (client, server) } else { (server, client) };
            Fields { from_client, flags, seq, ack, options: &timestamps, data: &[] }
        };
        match self.step {
            Step::Syn => {
                let options = speech.map_or(on_syn.to_vec(), |speech| speech.offer(&on_syn));
                self.emit(&Fields { options: &options, ack: 0, ..plain(true, SYN) }, out);
                self.client_seq = client.wrapping_add(1);
                self.step = Step::SynAck;
            }
            Step::SynAck => {
                let options = speech.map_or(on_syn.to_vec(), |speech| speech.answer(&on_syn));
                self.emit(&Fields { options: &options, ..plain(false, SYN | ACK) }, out);
                self.server_seq = server.wrapping_add(1);
                self.step = Step::Ack;
            }
            Step::Ack => {
                let options = speech.map_or(timestamps.to_vec(), |speech| speech.confirmation(&timestamps));
                self.emit(&Fields { options: &options, ..plain(true, ACK) }, out);
                self.step = if self.speech.is_some() { Step::Epoch } else { Step::Data(mix.data_segments) };
            }
            Step::Epoch
            | Step::Echo
            | Step::Suspend(_)
            | Step::SuspendAck(_)
            | Step::Resume(_)
            | Step::ResumeAck(_) => {
                self.say(mix, &timestamps, out);
            }
            Step::Data(left) => self.data(mix, left, random, &timestamps, out),
            Step::DataAck(left) => {
                self.emit(&plain(false, ACK), out);
                let leaves = self.speech.is_some() && left == mix.data_segments / 2;
                self.step = match left {
                    0 => Step::Fin,
                    left if leaves => Step::Suspend(left),
                    left => Step::Data(left),
                };
            }
            Step::Fin => {
                self.emit(&plain(true, FIN | ACK), out);
                self.client_seq = client.wrapping_add(1);
                self.step = Step::FinAck;
            }
            Step::FinAck => {
                self.emit(&plain(false, FIN | ACK), out);
                self.server_seq = server.wrapping_add(1);
                self.step = Step::LastAck;
            }
            Step::LastAck => {
                self.emit(&plain(true, ACK), out);
                let port = self.port.wrapping_add(1).max(1024);
                *self = Self { port, ..Self::new(self.number, mix, random) };
            }
        }
    }

    /// A message of Hiatus, each on an ACK of its own.
    fn say(&mut self, mix: &Mix, timestamps: &[u8], out: &mut Vec<u8>) {
        let Some(speech) = &self.speech else { return };
        let (client, server) = (self.client_seq, self.server_seq);
        let (from_client, seq, ack, message, next) = match self.step {
            Step::Epoch => (false, server, client, speech.epoch(), Step::Echo),
            Step::Echo => (true, client, server, Speech::echo(), Step::Data(mix.data_segments)),
            Step::Suspend(left) => (true, client, server, speech.suspend(), Step::SuspendAck(left)),
            Step::SuspendAck(left) => (false, server, client, speech.suspend_ack(), Step::Resume(left)),
            // SEG.SEQ of a RESUME is SND.UNA - 1, and its answer acknowledges no more.
            Step::Resume(left) => {
                (true, client.wrapping_sub(1), server, speech.resume(client), Step::ResumeAck(left))
            }
            Step::ResumeAck(left) => {
                (false, server, client.wrapping_sub(1), speech.resume_ack(client), Step::Data(left))
            }
            _ => return,
        };
        let options = Speech::with(timestamps, &message);
        self.emit(&Fields { from_client, flags: ACK, seq, ack, options: &options, data: &[] }, out);
        self.step = next;
    }

    /// A data segment: the next one, or the one before again.
    fn data(&mut self, mix: &Mix, left: u32, random: &mut Seed, options: &[u8], out: &mut Vec<u8>) {
        let again = random.below(RESEND_PART) == 0 && !self.latest.1.is_empty();
        if !again {
            let length = 1 + random.below(u64::from(mix.data_octets_max.clamp(1, 1448)));
            let length = usize::try_from(length).unwrap_or(1);
            self.latest.0 = self.client_seq;
            self.latest.1.resize(length, 0);
            self.latest.1.chunks_mut(8).for_each(|chunk| {
                let octets = random.next_u64().to_le_bytes();
                chunk.copy_from_slice(&octets[..chunk.len()]);
            });
            self.client_seq = self.client_seq.wrapping_add(low_32(u64::try_from(length).unwrap_or(1)));
        }
        let (seq, data) = (self.latest.0, &self.latest.1);
        let ack = self.server_seq;
        self.emit(&Fields { from_client: true, flags: PSH | ACK, seq, ack, options, data }, out);
        self.step = Step::DataAck(left.saturating_sub(1));
    }

    fn emit(&self, fields: &Fields<'_>, out: &mut Vec<u8>) {
        let [_, n1, n2, n3] = self.number.to_be_bytes();
        let (client, server) = ([10, n1, n2, n3], [10, 255, 0, 1]);
        let (source, destination) = if fields.from_client { (client, server) } else { (server, client) };
        let (source_port, destination_port) =
            if fields.from_client { (self.port, SERVER_PORT) } else { (SERVER_PORT, self.port) };
        let total = u16::try_from(40 + fields.options.len() + fields.data.len()).unwrap_or(u16::MAX);
        let words = u8::try_from(5 + fields.options.len() / 4).unwrap_or(15);
        out.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00]);
        out.extend_from_slice(&[0x45, 0]);
        out.extend_from_slice(&total.to_be_bytes());
        out.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
        out.extend_from_slice(&source);
        out.extend_from_slice(&destination);
        out.extend_from_slice(&source_port.to_be_bytes());
        out.extend_from_slice(&destination_port.to_be_bytes());
        out.extend_from_slice(&fields.seq.to_be_bytes());
        out.extend_from_slice(&fields.ack.to_be_bytes());
        out.extend_from_slice(&[words << 4, fields.flags, 0xff, 0xff, 0, 0, 0, 0]);
        out.extend_from_slice(fields.options);
        out.extend_from_slice(fields.data);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "modulo 2^32 is what is asked for")]
fn low_32(number: u64) -> u32 {
    number as u32
}
