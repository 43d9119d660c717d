//! The worked connection as an appendix: every octet, fields named where they come for the first time.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use hiatus_codec::mac::{Context, SessionKey};
use hiatus_codec::{Flags, HiatusOption, Message, Subtype};
use hiatus_conformance::record::{BENCH_ADDRESS, CONNECT_PORT, LISTEN_PORT, TARGET_ADDRESS, packet};
use hiatus_conformance::session::{Over, Session};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::story::{
    INITIATOR, INITIATOR_ISN, INITIATOR_KEY, Part, RESPONDER_ISN, RESPONDER_KEY, Sent, Story,
};

/// Widest line of a figure: 72 columns less the indentation of xml2rfc.
const FIGURE_COLUMNS_MAX: usize = 69;
const OCTETS_PER_LINE: usize = 16;
/// Octets of an IPv4 header without options.
const IP_HEADER_OCTETS: usize = 20;

/// The whole page.
pub(crate) fn markdown(story: &Story) -> String {
    let mut page =
        Page { out: String::new(), number: 0, named: BTreeSet::new(), session: Session::default() };
    page.out.push_str("<!-- Made by conformance/tests/draft.rs -->\n");
    page.parameters();
    for (part, sent) in &story.parts {
        let (title, anchor, text) = words(*part);
        write!(page.out, "\n## {title} {{#worked-{anchor}}}\n\n{text}\n\n~~~\n").unwrap();
        for (index, sent) in sent.iter().enumerate() {
            if index > 0 {
                page.out.push('\n');
            }
            page.segment(sent);
        }
        writeln!(page.out, "~~~\n{{: #fig-worked-{anchor} title=\"{title}\"}}").unwrap();
    }
    let figures = page.out.split("~~~\n").skip(1).step_by(2);
    let wide = figures.flat_map(str::lines).find(|line| line.chars().count() > FIGURE_COLUMNS_MAX);
    assert_eq!(wide, None);
    page.out
}

/// Title, anchor and what is worth knowing.
fn words(part: Part) -> (&'static str, &'static str, &'static str) {
    match part {
        Part::Handshake => (
            "Handshake and Confirmation",
            "handshake",
            "\
Segment 3 carries the long CAPABLE; so would the next five, had the
EPOCH not come.  The EPOCH turns the extension on at the initiator, the
EPOCH-ECHO at the responder.  Zeros pad the options.",
        ),
        Part::Data => ("Data", "data", "The octets at the end of a segment are its data."),
        Part::Leaving => (
            "Leaving",
            "leaving",
            "\
The responder grants the hold that it offered, and the initiator is off
as soon as it has the answer.  At 300 seconds the application of the
responder writes \"news\"; nothing is sent.",
        ),
        Part::Return => (
            "Return",
            "return",
            "\
The initiator has raised its generation.  The life and the nonce of its
RESUME are in the MAC input of the answer.  End of the RESUME-ACK is
SND.LIM, behind the data that waits and follows at once; SEG.SEQ is
still 5.",
        ),
        Part::Close => ("Close", "close", "Nothing of the extension is left to do."),
    }
}

struct Page {
    out: String,
    /// Segments written so far.
    number: usize,
    /// Messages whose fields have been named: subtype, and length for CAPABLE.
    named: BTreeSet<(Subtype, usize)>,
    session: Session,
}

impl Page {
    fn line(&mut self, line: &str) {
        writeln!(self.out, "{}", line.trim_end()).unwrap();
    }

    fn parameters(&mut self) {
        self.out.push_str(
            "
## Parameters {#worked-parameters}

The keys are those of {{vectors-mac}}, so K is the same.  Both ends send
S; timestamps count milliseconds, from 1000000 at the initiator and from
2000000 at the responder.  A segment takes 10 milliseconds.

~~~
",
        );
        let ends = [
            ("initiator", BENCH_ADDRESS, CONNECT_PORT, INITIATOR_ISN, INITIATOR_KEY),
            ("responder", TARGET_ADDRESS, LISTEN_PORT, RESPONDER_ISN, RESPONDER_KEY),
        ];
        for (name, address, port, isn, key) in ends {
            self.line(&format!("{name}  {address} port {port}, ISN {}", hex(&isn.0.to_be_bytes())));
            self.line(&format!("{:9}  key {}", "", hex(&key.0)));
        }
        self.hex("K          ", session_key().octets());
        self.out.push_str(
            "~~~
{: #fig-worked-parameters title=\"Parameters\"}

Each segment has its number, the time in seconds, who sends it, its
flags, and SEG.SEQ and SEG.ACK as positions; then its octets from the
TCP header on.  The fields of the header are named for segment 1, those
of a message where it comes for the first time.  What is indented
further belongs to the message: its fields, the MAC input field by field
({{mac-input}}), and the whole HMAC, of which the first eight octets are
the MAC.
",
        );
    }

    /// `octets` behind `prefix`, in lines of 16.
    fn hex(&mut self, prefix: &str, octets: &[u8]) {
        let indent = " ".repeat(prefix.len());
        for (index, line) in octets.chunks(OCTETS_PER_LINE).enumerate() {
            let before = if index == 0 { prefix } else { &indent };
            self.line(&format!("{before}{}", hex(line)));
        }
    }

    fn segment(&mut self, sent: &Sent) {
        let Sent { at, from, segment } = sent;
        let octets = &packet(*from, segment).unwrap()[IP_HEADER_OCTETS..];
        self.number += 1;
        self.session.observe(*from, segment);
        let who = if *from == INITIATOR { "initiator" } else { "responder" };
        let mut line =
            format!("{:2}  {:3}.{:02}", self.number, at.micros() / 1_000_000, at.micros() / 10_000 % 100);
        assert_eq!(at.micros() % 10_000, 0);
        let position = |side, seq| self.session.relative(side, seq);
        write!(line, "  {who}: {}, SEQ {}", flags(segment.flags), position(*from, segment.seq)).unwrap();
        if segment.flags.contains(Flags::ACK) {
            write!(line, ", ACK {}", position(from.other(), segment.ack)).unwrap();
        }
        if !segment.payload.is_empty() {
            write!(line, ", \"{}\"", String::from_utf8_lossy(&segment.payload)).unwrap();
        }
        self.line(&line);
        self.hex("    ", octets);
        if self.number == 1 {
            self.header(octets);
        }
        if let Some(option) = segment.hiatus() {
            self.message(sent, option);
        }
    }

    /// Names the fields of the first segment, up to its CAPABLE.
    fn header(&mut self, octets: &[u8]) {
        let fields = [
            (4, "ports: 40000, 7000"),
            (4, "SEG.SEQ: the ISN"),
            (4, "SEG.ACK"),
            (2, "data offset 12 words; SYN"),
            (2, "window"),
            (4, "checksum; urgent pointer"),
            (4, "MSS 1460"),
            (4, "NOP, window scale 2"),
            (4, "NOP, NOP, timestamps"),
            (4, "TSval 1000000"),
            (4, "TSecr"),
        ];
        self.line("      header");
        self.fields(octets, &fields.map(|(len, text)| (len, text.to_owned())));
    }

    /// Octets from the front, each field on a line with its name.
    fn fields(&mut self, octets: &[u8], fields: &[(usize, String)]) {
        let mut rest = octets;
        for (len_octets, text) in fields {
            let (field, after) = rest.split_at(*len_octets);
            rest = after;
            self.line(&format!("        {:23}  {text}", hex(field)));
        }
    }

    fn message(&mut self, sent: &Sent, option: HiatusOption<'_>) {
        let message = option.message();
        let octets = emitted(&message);
        let name = name(&message);
        self.line(&format!("      {name}"));
        if self.named.insert((option.subtype(), octets.len())) {
            let fields = fields(&message);
            assert_eq!(fields.iter().map(|(len, _)| len).sum::<usize>(), octets.len(), "{name}");
            self.fields(&octets, &fields);
        } else {
            self.hex("        ", &octets);
        }
        let Some(context) = self.session.context(sent.from, &sent.segment, &message, Over::default()) else {
            return;
        };
        self.mac(&message, &context, option.authenticated_octets());
    }

    fn mac(&mut self, message: &Message<'_>, context: &Context, covered: &[u8]) {
        let parts = [
            ("role", vec![context.role.octet()]),
            ("option", covered.to_vec()),
            ("life", context.life.octets().to_vec()),
            ("nonce", context.nonce.0.to_be_bytes().to_vec()),
            ("p1", context.p1.0.to_be_bytes().to_vec()),
            ("p2", context.p2.0.to_be_bytes().to_vec()),
        ];
        let mut hmac = Hmac::<Sha256>::new_from_slice(session_key().octets()).unwrap();
        self.line("      MAC input");
        for (part, octets) in &parts {
            hmac.update(octets);
            self.hex(&format!("        {part:7}"), octets);
        }
        let whole: [u8; 32] = hmac.finalize().into_bytes().into();
        assert_eq!(message.tag().unwrap().0, whole[..8]);
        self.hex("      HMAC     ", &whole);
    }
}

fn session_key() -> SessionKey {
    SessionKey::derive(INITIATOR_KEY, RESPONDER_KEY)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ")
}

/// The option that carries `message`, which an engine sends without more.
fn emitted(message: &Message<'_>) -> Vec<u8> {
    let mut octets = [0; 40];
    message.emit(&mut octets).unwrap();
    octets[..usize::from(message.len_octets())].to_vec()
}

fn flags(flags: Flags) -> String {
    let names = [(Flags::SYN, "SYN"), (Flags::FIN, "FIN"), (Flags::PSH, "PSH"), (Flags::ACK, "ACK")];
    let set = names.into_iter().filter(|(flag, _)| flags.contains(*flag));
    set.map(|(_, name)| name).collect::<Vec<_>>().join(" ")
}

fn name(message: &Message<'_>) -> &'static str {
    match message {
        Message::Capable(capable) if capable.key.is_none() => "CAPABLE, short",
        Message::Capable(_) => "CAPABLE, long",
        Message::Epoch(_) => "EPOCH",
        Message::EpochEcho(_) => "EPOCH-ECHO",
        Message::Suspend(_) => "SUSPEND",
        Message::SuspendAck(_) => "SUSPEND-ACK",
        Message::Resume(_) => "RESUME",
        Message::ResumeAck(_) => "RESUME-ACK",
        other => panic!("not in this connection: {other}"),
    }
}

/// Length and name of each field.
fn fields(message: &Message<'_>) -> Vec<(usize, String)> {
    let text = |len: usize, text: &str| (len, text.to_owned());
    let mut fields = vec![(4, format!("Kind 253, Length {}, ExID", message.len_octets()))];
    fields.push((1, format!("subtype {}, flags 0", message.subtype().0)));
    fields.extend(match message {
        Message::Capable(capable) => {
            let mut fields =
                vec![text(1, "version 1, S"), (2, format!("Offered Hold {}", capable.offered_hold))];
            fields.extend(capable.key.map(|_| text(8, "key of the sender")));
            fields
        }
        Message::Epoch(_) => vec![text(4, "Epoch Number"), text(4, "Stable Point")],
        Message::EpochEcho(_) => vec![text(4, "Stable Point")],
        Message::Suspend(suspend) => vec![(2, format!("Expected Absence {}", suspend.expected_absence))],
        Message::SuspendAck(ack) => vec![(2, format!("Granted Hold {}", ack.granted_hold))],
        Message::Resume(_) => {
            vec![text(4, "Incarnation"), text(2, "Generation"), text(4, "Nonce"), text(4, "End")]
        }
        Message::ResumeAck(_) => {
            vec![text(4, "Incarnation"), text(2, "Generation"), text(4, "R"), text(4, "End")]
        }
        other => panic!("not in this connection: {other}"),
    });
    fields.extend(message.tag().map(|_| text(8, "MAC")));
    fields
}
