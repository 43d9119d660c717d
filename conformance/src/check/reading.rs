//! What the options of a segment say in Hiatus: to a receiver that reads as the draft says, and to others.

use hiatus_codec::{
    Capable, Flags, HiatusOption, Message, OptionError, OptionKind, Segment, Subtype, TcpOption, options,
};

use super::rules::{Rule, rule};
use super::verdict::Judge;
use super::watch::Seen;

const FLAGS: Rule = rule("HIA-MUST-1");
const FLAGS_IGNORED: Rule = rule("HIA-MUST-2");
const ONE_OPTION: Rule = rule("HIA-MUST-3");
const MISPLACED: Rule = rule("HIA-MUST-4");
const UNKNOWN_SUBTYPE: Rule = rule("HIA-MUST-5");
const SHORT: Rule = rule("HIA-MUST-6");
const LONGER: Rule = rule("HIA-MUST-7");
const SEVERAL: Rule = rule("HIA-MUST-8");
const BEFORE_ERROR: Rule = rule("HIA-MUST-9");
const AFTER_END: Rule = rule("HIA-MUST-10");
const SKIPPED: Rule = rule("HIA-MUST-11");
const VERSION: Rule = rule("HIA-MUST-12");
const NONCE_ZERO: Rule = rule("HIA-MUST-118");

/// Rules of reading that one segment exercises at most.
pub(super) const READINGS_MAX: usize = 4;

/// What the options of a segment say in Hiatus.
#[derive(Debug, Default)]
pub(super) struct Said<'a> {
    /// The option that counts.
    pub(super) option: Option<HiatusOption<'a>>,
    /// TCP MD5, TCP-AO or Multipath TCP is there too.
    pub(super) other_extension: bool,
    pub(super) has_sack: bool,
    /// The receiver has to read as these rules say to see the message.
    pub(super) readings: [Option<Rule>; READINGS_MAX],
    /// No message counts; who answers one breaks this rule.
    pub(super) ignored: Option<Rule>,
    /// There is a Hiatus option, whether it counts or not.
    pub(super) speaks: bool,
    /// The capture cut the options short.
    pub(super) is_cut: bool,
}

impl<'a> Said<'a> {
    /// Walks the options of a segment that may have a Hiatus one, and judges their form.
    pub(super) fn of(tcp: &Segment<'a>, seen: &Seen<'_>, judge: &mut Judge<'_>) -> Self {
        let mut said = Self { is_cut: seen.has_cut_options, ..Self::default() };
        let (mut hiatus_count, mut quirk) = (0, None);
        for item in options(tcp.options) {
            match item {
                Ok(TcpOption::Hiatus(hiatus)) => {
                    hiatus_count += 1;
                    said.take(tcp, seen, hiatus, hiatus_count, quirk, judge);
                }
                Ok(TcpOption::Sack(_)) => said.has_sack = true,
                Ok(TcpOption::Unknown(raw)) => {
                    said.other_extension |= is_other_extension(raw.kind);
                    quirk = Some(SKIPPED);
                }
                Err(OptionError::BadLength { kind, .. }) => {
                    quirk = Some(SKIPPED);
                    if kind == OptionKind::HIATUS {
                        said.ignore(SHORT);
                    }
                }
                Err(OptionError::Padding { .. }) => said.ignore(AFTER_END),
                Err(_) if said.is_cut => {}
                Err(_) => said.on_error(),
                _ => {}
            }
        }
        said.speaks = hiatus_count > 0;
        if said.speaks {
            judge.surely(ONE_OPTION, seen.sender, (hiatus_count == 1).into());
        }
        said
    }

    fn take(
        &mut self,
        tcp: &Segment<'a>,
        seen: &Seen<'_>,
        hiatus: HiatusOption<'a>,
        number: u32,
        quirk: Option<Rule>,
        judge: &mut Judge<'_>,
    ) {
        let octets = hiatus.octets_from_subtype();
        let flags = octets.first().map_or(0, |octet| octet & 0x0f);
        judge.surely(FLAGS, seen.sender, (flags == 0).into());
        if self.option.is_some() {
            self.reads(SEVERAL);
            return;
        }
        let is_pure = seen.data_octets == 0 || hiatus.subtype() == Subtype::CAPABLE;
        if !(is_pure && hiatus.is_carried_on(tcp)) {
            self.ignore(why_ignored(tcp, &hiatus));
            return;
        }
        self.option = Some(hiatus);
        if flags != 0 {
            self.reads(FLAGS_IGNORED);
        }
        if octets.len() + 4 > usize::from(hiatus.message().len_octets()) {
            self.reads(LONGER);
        }
        if number > 1 {
            self.reads(SEVERAL);
        }
        if let Some(quirk) = quirk {
            self.reads(quirk);
        }
    }

    fn reads(&mut self, rule: Rule) {
        if let Some(room) = self.readings.iter_mut().find(|room| room.is_none_or(|known| known == rule)) {
            *room = Some(rule);
        }
    }

    fn ignore(&mut self, rule: Rule) {
        self.ignored = self.ignored.or(Some(rule));
    }

    fn on_error(&mut self) {
        if self.option.is_some() {
            self.reads(BEFORE_ERROR);
        } else {
            self.ignore(BEFORE_ERROR);
        }
    }

    /// The rule that tells the receiver to ignore what looks like a message, where no message counts.
    pub(super) fn ignored(&self) -> Option<Rule> {
        if self.option.is_some() { None } else { self.ignored }
    }

    pub(super) fn capable(&self) -> Option<Capable> {
        match self.option?.message() {
            Message::Capable(capable) => Some(capable),
            _ => None,
        }
    }

    pub(super) fn message(&self) -> Option<Message<'a>> {
        self.option.map(|option| option.message())
    }
}

fn why_ignored(tcp: &Segment<'_>, hiatus: &HiatusOption<'_>) -> Rule {
    match hiatus.message() {
        Message::Unknown(_) => UNKNOWN_SUBTYPE,
        Message::Capable(capable) if capable.bits.version() == 0 => VERSION,
        Message::Capable(capable) if capable.key.is_none() && !tcp.flags.contains(Flags::RST) => SHORT,
        Message::Resume(resume) if resume.nonce.0 == 0 && tcp.is_pure_ack() => NONCE_ZERO,
        _ => MISPLACED,
    }
}

/// TCP MD5 (RFC 2385), TCP-AO (RFC 5925) and Multipath TCP (RFC 8684).
fn is_other_extension(kind: OptionKind) -> bool {
    const TCP_MD5: u8 = 19;
    const TCP_AO: u8 = 29;
    const MULTIPATH: u8 = 30;
    matches!(kind.0, TCP_MD5 | TCP_AO | MULTIPATH)
}
