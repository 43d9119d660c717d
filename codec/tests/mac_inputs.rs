//! What each MAC covers, octet by octet: the table below, checked against the codec, and the appendix made of it.
//!
//! `UPDATE_GOLDEN=1 cargo test -p hiatus-codec --test mac_inputs` rewrites `spec/generated/mac-inputs.md`; the octets
//! under each figure are those of `spec/vectors.toml`, which `spec/vectors.py` computes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use hiatus_codec::mac::{self, Context, Role, SessionKey, Tag};
use hiatus_codec::{
    Abort, AbortReason, ConnectionKey, Epoch, HoldTime, Life, Message, Nonce, Position, Resume, ResumeAck,
    Suspend, SuspendAck, TcpOption, options,
};
use hmac::{Hmac, KeyInit, Mac};
use quickcheck::quickcheck;
use sha2::Sha256;

#[path = "common/vector_file.rs"]
mod vector_file;

use vector_file::{MacVector, context, file, octets};

const COMMAND: &str = "UPDATE_GOLDEN=1 cargo test -p hiatus-codec --test mac_inputs";
/// Widest line of a figure: 72 columns less the indentation of xml2rfc.
const FIGURE_COLUMNS_MAX: usize = 69;

/// Where the octets of a field come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Role,
    /// The option, from this octet on.
    Option(usize),
    Life,
    Nonce,
    P1,
    P2,
}

/// One field of a MAC input.
#[derive(Debug, Clone, Copy)]
struct Field {
    len_octets: usize,
    content: &'static str,
    from: &'static str,
    source: Source,
}

/// The MAC input of one message.
struct Input {
    name: &'static str,
    anchor: &'static str,
    fields: &'static [Field],
    /// Ids of the vectors shown: one of the initiator, one of the responder.
    shown: [&'static str; 2],
}

const fn field(len_octets: usize, content: &'static str, from: &'static str, source: Source) -> Field {
    Field { len_octets, content, from, source }
}

const fn head(content: &'static str) -> Field {
    field(1, content, "octet 4 of the option, its flags included", Source::Option(4))
}

const ROLE: Field = field(1, "role", "0 the initiator sends, 1 the responder", Source::Role);
const NO_NONCE: Field = field(4, "0", "in place of a nonce", Source::Nonce);
const NO_P1: Field = field(8, "0", "in place of p1", Source::P1);
const NO_P2: Field = field(8, "0", "in place of p2", Source::P2);

const INPUTS: [Input; 6] = [
    Input {
        name: "EPOCH",
        anchor: "epoch",
        fields: &[
            ROLE,
            head("subtype 1"),
            field(4, "Epoch Number", "octets 5 to 8", Source::Option(5)),
            field(4, "Stable Point", "octets 9 to 12", Source::Option(9)),
            field(6, "life", "the sender's", Source::Life),
            NO_NONCE,
            field(8, "p1", "the stable point, all 64 bits", Source::P1),
            NO_P2,
        ],
        shown: ["mac-epoch-initiator", "mac-epoch-beyond-4-gib"],
    },
    Input {
        name: "SUSPEND",
        anchor: "suspend",
        fields: &[
            ROLE,
            head("subtype 3"),
            field(2, "Expected Absence", "octets 5 and 6", Source::Option(5)),
            field(6, "life", "the sender's", Source::Life),
            NO_NONCE,
            NO_P1,
            NO_P2,
        ],
        shown: ["mac-suspend-initiator", "mac-suspend-responder"],
    },
    Input {
        name: "SUSPEND-ACK",
        anchor: "suspend-ack",
        fields: &[
            ROLE,
            head("subtype 4"),
            field(2, "Granted Hold", "octets 5 and 6", Source::Option(5)),
            field(6, "life", "the addressee's", Source::Life),
            NO_NONCE,
            NO_P1,
            NO_P2,
        ],
        shown: ["mac-suspend-ack-initiator", "mac-suspend-ack-responder"],
    },
    Input {
        name: "RESUME",
        anchor: "resume",
        fields: &[
            ROLE,
            head("subtype 5"),
            field(4, "Incarnation", "octets 5 to 8", Source::Option(5)),
            field(2, "Generation", "octets 9 and 10", Source::Option(9)),
            field(4, "Nonce", "octets 11 to 14", Source::Option(11)),
            field(4, "End", "octets 15 to 18", Source::Option(15)),
            field(6, "0", "in place of a life", Source::Life),
            NO_NONCE,
            field(8, "p1", "R, the position of SEG.ACK, all 64 bits", Source::P1),
            field(8, "p2", "End, all 64 bits", Source::P2),
        ],
        shown: ["mac-resume-initiator", "mac-resume-responder"],
    },
    Input {
        name: "RESUME-ACK",
        anchor: "resume-ack",
        fields: &[
            ROLE,
            head("subtype 6"),
            field(4, "Incarnation", "octets 5 to 8", Source::Option(5)),
            field(2, "Generation", "octets 9 and 10", Source::Option(9)),
            field(4, "R", "octets 11 to 14", Source::Option(11)),
            field(4, "End", "octets 15 to 18", Source::Option(15)),
            field(6, "life", "octets 5 to 10 of the RESUME answered", Source::Life),
            field(4, "nonce", "octets 11 to 14 of that RESUME", Source::Nonce),
            field(8, "p1", "R, all 64 bits", Source::P1),
            field(8, "p2", "End, all 64 bits", Source::P2),
        ],
        shown: ["mac-resume-ack-initiator", "mac-resume-ack-responder"],
    },
    Input {
        name: "ABORT",
        anchor: "abort",
        fields: &[
            ROLE,
            head("subtype 7"),
            field(1, "Reason", "octet 5", Source::Option(5)),
            field(6, "life", "the addressee's, as answered or recorded", Source::Life),
            field(4, "nonce", "of the RESUME answered, else 0", Source::Nonce),
            NO_P1,
            NO_P2,
        ],
        shown: ["mac-abort-initiator", "mac-abort-fenced"],
    },
];

impl Input {
    /// The octets of every field, for an option whose octets from octet 4 on are `from_subtype`.
    fn octets(&self, from_subtype: &[u8], context: &Context) -> Vec<Vec<u8>> {
        let of = |field: &Field| match field.source {
            Source::Role => vec![context.role.octet()],
            Source::Option(at) => from_subtype[at - 4..at - 4 + field.len_octets].to_vec(),
            Source::Life => context.life.octets().to_vec(),
            Source::Nonce => context.nonce.0.to_be_bytes().to_vec(),
            Source::P1 => context.p1.0.to_be_bytes().to_vec(),
            Source::P2 => context.p2.0.to_be_bytes().to_vec(),
        };
        let octets: Vec<Vec<u8>> = self.fields.iter().map(of).collect();
        assert!(self.fields.iter().zip(&octets).all(|(field, octets)| field.len_octets == octets.len()));
        octets
    }

    fn len_octets(&self) -> usize {
        self.fields.iter().map(|field| field.len_octets).sum()
    }

    /// The octets of the field called `content`, of those that the option holds.
    fn named<'o>(&self, content: &str, from_subtype: &'o [u8]) -> &'o [u8] {
        let in_option =
            |field: &&Field| matches!(field.source, Source::Option(_)) && field.content == content;
        let field = self.fields.iter().find(in_option).unwrap();
        let Source::Option(at) = field.source else { unreachable!() };
        &from_subtype[at - 4..at - 4 + field.len_octets]
    }
}

fn input(name: &str) -> &'static Input {
    INPUTS.iter().find(|input| input.name == name).unwrap()
}

/// The option of `message` from octet 4 to its end.
fn from_subtype(message: &Message<'_>) -> Vec<u8> {
    let mut octets = [0; 40];
    message.emit(&mut octets).unwrap();
    octets[4..usize::from(message.len_octets())].to_vec()
}

fn tag_of(key: &SessionKey, octets: &[Vec<u8>]) -> Tag {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key.octets()).unwrap();
    octets.iter().for_each(|octets| hmac.update(octets));
    let whole: [u8; 32] = hmac.finalize().into_bytes().into();
    Tag(whole[..8].try_into().unwrap())
}

const LIFE: Life = Life { incarnation: 0x0102_0304, generation: 0x0506 };
const NONCE: Nonce = Nonce(0x0708_090a);
const HOLD: HoldTime = HoldTime(0x0b0c);
const R: Position = Position(0x1112_1314_1516_1718);
const END: Position = Position(0x2122_2324_2526_2728);

/// Every message, each field with octets of its own, and what its MAC covers beside it.
fn messages(role: Role, tag: Tag) -> [(&'static Input, Message<'static>, Context); 6] {
    let stable_point = R.low();
    [
        (
            input("EPOCH"),
            Message::Epoch(Epoch { number: 0x3132_3334, stable_point, tag }),
            Context::epoch(role, LIFE, R),
        ),
        (
            input("SUSPEND"),
            Message::Suspend(Suspend { expected_absence: HOLD, tag }),
            Context::suspend(role, LIFE),
        ),
        (
            input("SUSPEND-ACK"),
            Message::SuspendAck(SuspendAck { granted_hold: HOLD, tag }),
            Context::suspend_ack(role, LIFE),
        ),
        (
            input("RESUME"),
            Message::Resume(Resume { life: LIFE, nonce: NONCE, end: END.low(), tag }),
            Context::resume(role, R, END),
        ),
        (
            input("RESUME-ACK"),
            Message::ResumeAck(ResumeAck { life: LIFE, received: R.low(), end: END.low(), tag }),
            Context::resume_ack(role, LIFE, NONCE, R, END),
        ),
        (
            input("ABORT"),
            Message::Abort(Abort { reason: AbortReason(0x41), proof: tag.0 }),
            Context::abort(role, LIFE, NONCE),
        ),
    ]
}

#[test]
fn every_field_of_an_option_is_where_the_table_says() {
    let [epoch, suspend, suspend_ack, resume, resume_ack, abort] =
        messages(Role::Initiator, Tag([0xee; 8])).map(|(input, message, _)| (input, from_subtype(&message)));
    let named = |message: &(&Input, Vec<u8>), content: &str| message.0.named(content, &message.1).to_vec();
    assert_eq!(named(&epoch, "Epoch Number"), [0x31, 0x32, 0x33, 0x34]);
    assert_eq!(named(&epoch, "Stable Point"), [0x15, 0x16, 0x17, 0x18]);
    assert_eq!(named(&suspend, "Expected Absence"), [0x0b, 0x0c]);
    assert_eq!(named(&suspend_ack, "Granted Hold"), [0x0b, 0x0c]);
    for message in [&resume, &resume_ack] {
        assert_eq!(named(message, "Incarnation"), [1, 2, 3, 4]);
        assert_eq!(named(message, "Generation"), [5, 6]);
        assert_eq!(named(message, "End"), [0x25, 0x26, 0x27, 0x28]);
    }
    assert_eq!(named(&resume, "Nonce"), [7, 8, 9, 0x0a]);
    assert_eq!(named(&resume_ack, "R"), [0x15, 0x16, 0x17, 0x18]);
    assert_eq!(named(&abort, "Reason"), [0x41]);
    for ((input, octets), subtype) in
        [epoch, suspend, suspend_ack, resume, resume_ack, abort].iter().zip([1, 3, 4, 5, 6, 7])
    {
        assert_eq!(input.named(&format!("subtype {subtype}"), octets), [subtype << 4], "{}", input.name);
    }
}

#[test]
fn inputs_have_the_lengths_of_the_draft() {
    // "The whole input has 36 octets for EPOCH, 30 for SUSPEND and SUSPEND-ACK, 42 for RESUME and RESUME-ACK, and 29
    // for ABORT" (draft, {#mac-input}).
    assert_eq!(INPUTS.map(|input| input.len_octets()), [36, 30, 30, 42, 42, 29]);
}

#[test]
fn fields_that_are_zero_are_zero_in_the_codec() {
    for (input, message, context) in messages(Role::Responder, Tag::default()) {
        let octets = input.octets(&from_subtype(&message), &context);
        for (field, octets) in input.fields.iter().zip(&octets) {
            let is_zero = octets.iter().all(|octet| *octet == 0);
            assert_eq!(is_zero, field.content == "0", "{}: {}", input.name, field.content);
        }
    }
}

quickcheck! {
    fn the_codec_covers_these_octets_and_no_others(seed: u64, first: u64, second: u64) -> bool {
        let key = SessionKey::derive(
            ConnectionKey(seed.to_be_bytes()),
            ConnectionKey(first.wrapping_mul(second).to_be_bytes()),
        );
        [Role::Initiator, Role::Responder].into_iter().all(|role| {
            messages(role, Tag(seed.to_le_bytes())).into_iter().all(|(input, message, context)| {
                // Whatever stands in the context: the fields are taken from it as they are.
                let context = Context { p1: Position(first), p2: Position(second), ..context };
                let octets = input.octets(&from_subtype(&message), &context);
                mac::tag_of_message(&key, &context, &message) == Ok(tag_of(&key, &octets))
            })
        })
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" ")
}

impl MacVector {
    /// The fields of its input, which are the `input` of the file.
    fn fields(&self, input: &Input) -> Vec<Vec<u8>> {
        let area = octets(&self.message);
        let Some(Ok(TcpOption::Hiatus(option))) = options(&area).next() else { panic!("{}", self.id) };
        let fields = input.octets(option.octets_from_subtype(), &context(self));
        assert_eq!(fields.concat(), octets(&self.input), "{}", self.id);
        fields
    }

    /// The message that it is about.
    fn input(&self) -> &'static Input {
        let subtype = octets(&self.message)[4] >> 4;
        INPUTS.iter().find(|input| input.fields[1].content == format!("subtype {subtype}")).unwrap()
    }
}

#[test]
fn every_vector_has_its_input_from_these_fields() {
    let vectors = file().mac;
    for vector in &vectors {
        vector.fields(vector.input());
    }
    assert!(vectors.len() >= 10);
}

/// The figure of a message: its fields, and beneath them the octets of two vectors.
fn figure(input: &Input, vectors: &[MacVector]) -> String {
    let mut out = String::from("~~~\nat len  content           from\n");
    let mut at = 0;
    let mut offsets = Vec::new();
    for field in input.fields {
        writeln!(out, "{at:2} {:3}  {:16}  {}", field.len_octets, field.content, field.from).unwrap();
        offsets.push(at);
        at += field.len_octets;
    }
    let [one, other] = input.shown.map(|id| vectors.iter().find(|vector| vector.id == id).unwrap());
    assert_eq!([&one.role, &other.role], ["initiator", "responder"]);
    writeln!(out, "\nat      {:28}{}", one.id, other.id).unwrap();
    for ((one, other), at) in one.fields(input).iter().zip(other.fields(input)).zip(offsets) {
        writeln!(out, "{at:2}      {:28}{}", hex(one), hex(&other)).unwrap();
    }
    writeln!(out, "MAC     {:28}{}\n~~~", hex(&octets(&one.tag)), hex(&octets(&other.tag))).unwrap();
    let (name, anchor, len_octets) = (input.name, input.anchor, input.len_octets());
    writeln!(out, "{{: #fig-mac-{anchor} title=\"MAC input of {name}, {len_octets} octets\"}}").unwrap();
    out
}

#[test]
fn the_figures_are_an_appendix_of_the_draft() {
    let vectors = file().mac;
    let mut wanted = String::from("<!-- Made by codec/tests/mac_inputs.rs -->\n");
    for input in &INPUTS {
        let (name, anchor) = (input.name, input.anchor);
        write!(wanted, "\n## {name} {{#mac-input-{anchor}}}\n\n{}", figure(input, &vectors)).unwrap();
    }
    let wide = wanted.lines().find(|line| line.len() > FIGURE_COLUMNS_MAX && !line.starts_with('{'));
    assert_eq!(wide, None);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec/generated/mac-inputs.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = wanted.lines().zip(found.lines()).find(|(wanted, found)| wanted != found);
    assert!(found == wanted, "spec/generated/mac-inputs.md is stale: {COMMAND}\nwanted, found: {differs:#?}");
}
