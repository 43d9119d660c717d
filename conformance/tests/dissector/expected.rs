//! What the dissector has to show of a segment, by what the codec reads.

use std::collections::BTreeMap;

use hiatus_codec::{
    AbortReason, ExperimentId, Flags, HiatusOption, HoldTime, KnownOptions, Message, OptionError, OptionKind,
    Segment, TcpOption, options,
};
use hiatus_conformance::capture::{Found, find_segment};

use super::frames::Packet;
use super::run::hex;

/// The fields, as the README lists them.
pub(crate) const FIELDS: [&str; 39] = [
    "hiatus.summary",
    "hiatus.ignored",
    "hiatus.kind",
    "hiatus.length",
    "hiatus.exid",
    "hiatus.subtype",
    "hiatus.flags",
    "hiatus.mac",
    "hiatus.extra",
    "hiatus.unread",
    "hiatus.unread.reason",
    "hiatus.capable.version",
    "hiatus.capable.s",
    "hiatus.capable.n",
    "hiatus.capable.k",
    "hiatus.capable.reserved",
    "hiatus.capable.hold",
    "hiatus.capable.hold.granularity",
    "hiatus.capable.hold.value",
    "hiatus.capable.key",
    "hiatus.epoch.number",
    "hiatus.epoch.stable_point",
    "hiatus.epoch_echo.stable_point",
    "hiatus.suspend.absence",
    "hiatus.suspend.absence.granularity",
    "hiatus.suspend.absence.value",
    "hiatus.suspend_ack.hold",
    "hiatus.suspend_ack.hold.granularity",
    "hiatus.suspend_ack.hold.value",
    "hiatus.resume.incarnation",
    "hiatus.resume.generation",
    "hiatus.resume.nonce",
    "hiatus.resume.end",
    "hiatus.resume_ack.incarnation",
    "hiatus.resume_ack.generation",
    "hiatus.resume_ack.r",
    "hiatus.resume_ack.end",
    "hiatus.abort.reason",
    "hiatus.abort.key",
];

/// The expert fields, as the README lists them.
pub(crate) const FINDINGS: [&str; 16] = [
    "hiatus.expert.combination",
    "hiatus.expert.extra",
    "hiatus.expert.flags",
    "hiatus.expert.kind_254",
    "hiatus.expert.long_on_syn",
    "hiatus.expert.misplaced",
    "hiatus.expert.n_without_s",
    "hiatus.expert.nonce_zero",
    "hiatus.expert.reserved",
    "hiatus.expert.several",
    "hiatus.expert.too_short",
    "hiatus.expert.unknown_reason",
    "hiatus.expert.unknown_subtype",
    "hiatus.expert.unread",
    "hiatus.expert.version_zero",
    "hiatus.expert.zero_window",
];

/// Kinds of TCP MD5 (RFC 2385), TCP-AO (RFC 5925) and Multipath TCP (RFC 8684), with which CAPABLE does not go together.
const RIVALS: [OptionKind; 3] = [OptionKind(19), OptionKind(29), OptionKind(30)];
/// Kind, Length and ExID.
const BEFORE_SUBTYPE_OCTETS: usize = 4;
const CAPABLE_LONG_OCTETS: usize = 16;

/// Fields of a frame with their values, numbers in decimal, octets in hexadecimal; a finding has the value 1.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    fields: BTreeMap<&'static str, Vec<String>>,
    /// What stands at the end of the Info column.
    pub(crate) info: Vec<String>,
    hiatus_options: usize,
}

impl Shown {
    /// Of the packet as captured; nothing if the codec finds no TCP header in it.
    pub(crate) fn of(packet: &Packet) -> Self {
        let mut shown = Self::default();
        if let Found::Segment(found) = find_segment(packet.link_type, &packet.octets) {
            // Data counts as the wire had it: a captured packet may be cut.
            let data = vec![0; usize::try_from(found.data_octets).unwrap()];
            shown.add_segment(&Segment { payload: &data, ..found.tcp });
        }
        shown
    }

    /// Every field, as tshark would write it: its values joined by commas.
    pub(crate) fn column(&self, field: &str) -> String {
        self.fields.get(field).map_or_else(String::new, |values| values.join(","))
    }

    /// True if there is anything of Hiatus.
    pub(crate) fn is_some(&self) -> bool {
        !self.fields.is_empty()
    }

    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts as they come")]
    fn put(&mut self, field: &'static str, value: impl ToString) {
        assert!(FIELDS.contains(&field) || FINDINGS.contains(&field), "{field}");
        self.fields.entry(field).or_default().push(value.to_string());
    }

    fn find(&mut self, finding: &'static str, is_there: bool) {
        if is_there {
            self.put(finding, 1);
        }
    }

    fn add_segment(&mut self, segment: &Segment<'_>) {
        let area = segment.options;
        let acted_on = KnownOptions::parse(segment).hiatus;
        let mut waits = true;
        for item in options(area) {
            match item {
                Ok(TcpOption::Hiatus(option)) => {
                    let counts = waits && option.is_carried_on(segment);
                    assert!(!counts || acted_on == Some(option), "the codec does not agree with itself");
                    waits &= !counts;
                    self.add_option(&option, segment, counts);
                }
                Ok(TcpOption::Experiment { kind: OptionKind::EXPERIMENT_254, experiment, body })
                    if experiment == ExperimentId::HIATUS =>
                {
                    self.add_head(OptionKind::EXPERIMENT_254, body, &item.unwrap().to_string(), false);
                    self.put_extra(body);
                    self.put("hiatus.expert.kind_254", 1);
                }
                // Where less is expected, there is no ExID to tell by.
                Err(
                    error @ OptionError::BadLength { kind, offset_octets, found_octets, expected_octets },
                ) if kind == OptionKind::HIATUS && usize::from(expected_octets) > BEFORE_SUBTYPE_OCTETS => {
                    let from = usize::from(offset_octets);
                    let option = &area[from..from + usize::from(found_octets)];
                    self.add_too_short(&option[BEFORE_SUBTYPE_OCTETS..], &format!("!{error}"));
                }
                Err(error) => self.add_unread(error, area),
                Ok(_) => {}
            }
        }
    }

    /// What every option has, from Kind to Flags.
    fn add_head(&mut self, kind: OptionKind, from_subtype: &[u8], summary: &str, counts: bool) {
        self.put("hiatus.summary", summary);
        self.put("hiatus.ignored", u8::from(!counts));
        self.info.push(format!("{summary}{}", if counts { "" } else { " (ignored)" }));
        self.put("hiatus.kind", kind.0);
        self.put("hiatus.length", BEFORE_SUBTYPE_OCTETS + from_subtype.len());
        self.put("hiatus.exid", ExperimentId::HIATUS.0);
        if kind != OptionKind::HIATUS {
            return;
        }
        self.hiatus_options += 1;
        self.find("hiatus.expert.several", self.hiatus_options > 1);
        if let Some(octet) = from_subtype.first() {
            self.put("hiatus.subtype", octet >> 4);
            self.put("hiatus.flags", octet & 0x0f);
            self.find("hiatus.expert.flags", octet & 0x0f != 0);
            self.find("hiatus.expert.unknown_subtype", octet >> 4 > 7);
        }
    }

    fn put_extra(&mut self, octets: &[u8]) {
        if !octets.is_empty() {
            self.put("hiatus.extra", hex(octets));
        }
    }

    fn add_too_short(&mut self, from_subtype: &[u8], summary: &str) {
        self.add_head(OptionKind::HIATUS, from_subtype, summary, false);
        self.put_extra(from_subtype.get(1..).unwrap_or_default());
        self.put("hiatus.expert.too_short", 1);
    }

    /// Structural errors and padding are shown beside anything of Hiatus, or if they hide something like it.
    fn add_unread(&mut self, error: OptionError, area: &[u8]) {
        let from = match error {
            OptionError::MissingLength { offset_octets, .. }
            | OptionError::LengthBelowTwo { offset_octets, .. }
            | OptionError::Truncated { offset_octets, .. }
            | OptionError::Padding { offset_octets } => usize::from(offset_octets),
            // The walk goes on behind it.
            _ => return,
        };
        let unread = &area[from..];
        let hides = unread.windows(4).any(|octets| octets[0] == 253 && octets[2..] == [0x48, 0x49]);
        if hides || self.is_some() {
            self.put("hiatus.unread", hex(unread));
            self.put("hiatus.unread.reason", format!("!{error}"));
            self.put("hiatus.expert.unread", 1);
        }
    }

    fn add_option(&mut self, option: &HiatusOption<'_>, segment: &Segment<'_>, counts: bool) {
        let message = option.message();
        let from_subtype = option.octets_from_subtype();
        self.add_head(OptionKind::HIATUS, from_subtype, &summary(&message), counts);
        if let Some(tag) = message.tag() {
            self.put("hiatus.mac", hex(&tag.0));
        }
        let extra = match message {
            Message::Unknown(unknown) => unknown.body,
            known => &from_subtype[usize::from(known.len_octets()) - BEFORE_SUBTYPE_OCTETS..],
        };
        self.put_extra(extra);
        let is_known = !matches!(message, Message::Unknown(_));
        self.find("hiatus.expert.extra", is_known && !extra.is_empty());
        self.find("hiatus.expert.misplaced", is_known && !is_listed(&message, segment));
        self.add_fields(&message, from_subtype, segment);
    }

    fn add_fields(&mut self, message: &Message<'_>, from_subtype: &[u8], segment: &Segment<'_>) {
        match message {
            // The reserved bit is the one thing that the codec does not keep.
            Message::Capable(_) => self.add_capable(message, from_subtype[1] & 1, segment),
            Message::Epoch(epoch) => {
                self.put("hiatus.epoch.number", epoch.number);
                self.put("hiatus.epoch.stable_point", epoch.stable_point);
            }
            Message::EpochEcho(echo) => self.put("hiatus.epoch_echo.stable_point", echo.stable_point),
            Message::Suspend(suspend) => {
                let names = ["hiatus.suspend.absence.granularity", "hiatus.suspend.absence.value"];
                self.put_duration("hiatus.suspend.absence", names, suspend.expected_absence);
                self.find("hiatus.expert.zero_window", segment.window == 0);
            }
            Message::SuspendAck(ack) => {
                let names = ["hiatus.suspend_ack.hold.granularity", "hiatus.suspend_ack.hold.value"];
                self.put_duration("hiatus.suspend_ack.hold", names, ack.granted_hold);
            }
            Message::Resume(resume) => {
                self.put("hiatus.resume.incarnation", resume.life.incarnation);
                self.put("hiatus.resume.generation", resume.life.generation);
                self.put("hiatus.resume.nonce", resume.nonce.0);
                self.put("hiatus.resume.end", resume.end);
                self.find("hiatus.expert.nonce_zero", resume.nonce.0 == 0);
            }
            Message::ResumeAck(ack) => {
                self.put("hiatus.resume_ack.incarnation", ack.life.incarnation);
                self.put("hiatus.resume_ack.generation", ack.life.generation);
                self.put("hiatus.resume_ack.r", ack.received);
                self.put("hiatus.resume_ack.end", ack.end);
            }
            Message::Abort(abort) => {
                self.put("hiatus.abort.reason", abort.reason.0);
                self.find("hiatus.expert.unknown_reason", !(1..=6).contains(&abort.reason.0));
                if abort.reason == AbortReason::LOST {
                    self.put("hiatus.abort.key", hex(&abort.proof));
                }
            }
            Message::Unknown(_) => {}
            other => panic!("a new message needs its fields here: {other}"),
        }
    }

    fn add_capable(&mut self, message: &Message<'_>, reserved: u8, segment: &Segment<'_>) {
        let Message::Capable(capable) = message else { return };
        let bits = capable.bits.octet();
        let bit = |mask: u8| u8::from(bits & mask != 0);
        self.put("hiatus.capable.version", capable.bits.version());
        self.put("hiatus.capable.s", bit(0x08));
        self.put("hiatus.capable.n", bit(0x04));
        self.put("hiatus.capable.k", bit(0x02));
        self.put("hiatus.capable.reserved", reserved);
        let names = ["hiatus.capable.hold.granularity", "hiatus.capable.hold.value"];
        self.put_duration("hiatus.capable.hold", names, capable.offered_hold);
        if let Some(key) = capable.key {
            self.put("hiatus.capable.key", hex(&key.0));
        }
        self.find("hiatus.expert.version_zero", capable.bits.version() == 0);
        self.find("hiatus.expert.reserved", reserved != 0);
        self.find("hiatus.expert.n_without_s", bit(0x04) == 1 && bit(0x08) == 0);
        self.find("hiatus.expert.long_on_syn", capable.key.is_some() && is_syn_without_ack(segment));
        let is_rival = |item| matches!(item, Ok(TcpOption::Unknown(raw)) if RIVALS.contains(&raw.kind));
        self.find("hiatus.expert.combination", options(segment.options).any(is_rival));
    }

    fn put_duration(&mut self, seconds: &'static str, raw: [&'static str; 2], duration: HoldTime) {
        self.put(seconds, duration.seconds());
        self.put(raw[0], duration.0 >> 15);
        self.put(raw[1], duration.0 & 0x7fff);
    }
}

/// The message as the codec prints it, without its MAC and its name in capitals.
fn summary(message: &Message<'_>) -> String {
    let text = message.to_string();
    let text = text.split_once(" mac ").map_or(text.as_str(), |(before, _)| before);
    match (message, text.split_once(' ')) {
        (Message::Unknown(_), _) | (_, None) => text.to_owned(),
        (_, Some((name, rest))) => format!("{} {rest}", name.to_uppercase()),
    }
}

fn is_syn_without_ack(segment: &Segment<'_>) -> bool {
    segment.flags.contains(Flags::SYN) && !segment.flags.contains(Flags::ACK)
}

/// Whether the draft's table of messages lists `message` for `segment`.
fn is_listed(message: &Message<'_>, segment: &Segment<'_>) -> bool {
    let with_reset = segment.flags.contains(Flags::RST);
    match message {
        Message::Capable(_) if with_reset => false,
        Message::Capable(_) => {
            usize::from(message.len_octets()) == CAPABLE_LONG_OCTETS || is_syn_without_ack(segment)
        }
        Message::Abort(_) => with_reset,
        _ => segment.is_pure_ack(),
    }
}
