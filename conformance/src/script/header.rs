//! The lines before the first step: `title:`, `requirements:`, `mutant:`, `target:`, `ip:`, and the story in `#` lines.

use std::time::Duration;

use hiatus_codec::{CapableBits, HoldTime};
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::character::complete::{char, space0};
use nom::combinator::{map, value};
use nom::multi::separated_list1;
use nom::sequence::{delimited, preceded};

use super::error::{Miss, Words};
use super::lexeme::{
    Parsed, hold, name, named, refuse, refuse_word, settled, span, then, then_word, u32, whole, word,
};
use super::option::capable_letters;

/// What the lines before the first step begin with; all but the last have to be there.
pub(super) const KEYS: &[&str] = &["title", "requirements", "mutant", "target", "ip", "tolerance"];

/// How far from the time in the script an expected segment may lie if no `tolerance:` says otherwise.
const TOLERANCE: Duration = Duration::from_millis(1);

/// What a script says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// One line: what a conforming target does.
    pub title: String,
    /// Paragraphs of the story.
    pub story: Vec<String>,
    /// What the case proves, never empty: labels of the draft's requirements such as `HIA-MUST-7`, or sections of an
    /// RFC such as `RFC 9293 3.5`.
    pub requirements: Vec<String>,
    /// Names of mutants that fail the case; never empty.
    pub mutants: Vec<String>,
    /// What the target is to be.
    pub target: TargetOptions,
    /// How far from its time an expected segment may lie.
    pub tolerance: Duration,
}

/// What the target is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetOptions {
    /// The bits and the hold it offers; `None` for plain TCP.
    pub hiatus: Option<(CapableBits, HoldTime)>,
    /// What carries its segments.
    pub ip: IpVersion,
    /// Whether it uses RFC 7323 timestamps.
    pub timestamps: Timestamping,
    /// Whether octets wait for a durable epoch.
    pub sending: Sending,
    /// Most octets that it retains, acknowledged and not stable; `None` leaves that to the target.
    pub retained_octets_max: Option<u32>,
}

/// What carries the segments of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpVersion {
    /// `4`, and what a script without `ip:` means.
    #[default]
    V4,
    /// `6`.
    V6,
}

/// Whether octets wait for a durable epoch before they leave (draft, {#hold-send}).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// They leave at once.
    Unheld,
    /// `hold-send`.
    HoldSend,
}

/// Whether a target uses RFC 7323 timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamping {
    /// `timestamps`.
    On,
    /// `no timestamps`.
    Off,
}

/// Collects the header, line by line.
#[derive(Debug, Default)]
pub(super) struct Builder {
    title: Option<String>,
    story: Vec<String>,
    requirements: Vec<String>,
    mutants: Vec<String>,
    target: Option<TargetOptions>,
    ip: Option<IpVersion>,
    tolerance: Option<Duration>,
    /// The lines that are there, right or wrong.
    seen: Vec<&'static str>,
}

enum Line {
    Title(String),
    Requirements(Vec<String>),
    Mutants(Vec<String>),
    Target(TargetOptions),
    Ip(IpVersion),
    Tolerance(Duration),
}

impl Builder {
    /// Takes the comment lines that end here as a paragraph of the story.
    pub(super) fn story(&mut self, remark: &mut Vec<String>) {
        if !remark.is_empty() {
            self.story.push(remark.join(" "));
            remark.clear();
        }
    }

    pub(super) fn line<'a>(&mut self, text: &'a str) -> Result<(), Miss<'a>> {
        let text = text.trim_end();
        let key = text.split(':').next().unwrap_or("");
        if let Some(known) = KEYS.iter().find(|known| **known == key) {
            self.seen.push(known);
        }
        let before = match whole(text, line, "`,` and another one, or the end of the line")? {
            Line::Title(title) => self.title.replace(title).is_some(),
            Line::Requirements(labels) => {
                self.requirements.extend(labels);
                false
            }
            Line::Mutants(names) => {
                self.mutants.extend(names);
                false
            }
            Line::Target(target) => self.target.replace(target).is_some(),
            Line::Ip(version) => self.ip.replace(version).is_some(),
            Line::Tolerance(tolerance) => self.tolerance.replace(tolerance).is_some(),
        };
        if before {
            return Err(Miss::new(text, format!("one line `{key}:`")).found("a second one"));
        }
        Ok(())
    }

    /// The header, or the lines that are missing.
    pub(super) fn finish(self) -> Result<Header, Vec<&'static str>> {
        match (self.title, self.target) {
            (Some(title), Some(target)) if !self.requirements.is_empty() && !self.mutants.is_empty() => {
                Ok(Header {
                    title,
                    story: self.story,
                    requirements: self.requirements,
                    mutants: self.mutants,
                    target: TargetOptions { ip: self.ip.unwrap_or_default(), ..target },
                    tolerance: self.tolerance.unwrap_or(TOLERANCE),
                })
            }
            _ => {
                let is_missing = |key: &&str| !["ip", "tolerance"].contains(key) && !self.seen.contains(key);
                Err(KEYS.iter().copied().filter(is_missing).collect())
            }
        }
    }
}

fn line(input: &str) -> Parsed<'_, Line> {
    let text = map(take_while1(|_| true), |text: &str| text.trim().to_owned());
    named_line(
        input,
        alt((
            preceded(key("title"), map(text, Line::Title)),
            preceded(key("requirements"), map(list(label), Line::Requirements)),
            preceded(key("mutant"), map(list(name), Line::Mutants)),
            preceded(key("target"), map(target, Line::Target)),
            preceded(key("ip"), map(ip_version, Line::Ip)),
            preceded(key("tolerance"), map(span, Line::Tolerance)),
        )),
    )
}

fn named_line<'a>(
    input: &'a str,
    mut lines: impl Parser<&'a str, Output = Line, Error = Miss<'a>>,
) -> Parsed<'a, Line> {
    let is_known = |key: &&str| input.strip_prefix(*key).is_some_and(|rest| rest.starts_with(':'));
    if KEYS.iter().any(is_known) {
        lines.parse(input)
    } else {
        let words = Words { kind: "lines before the first step", known: KEYS };
        refuse_word(input, "a step such as `+0 listen`, or a line that says what the case is about", words)
    }
}

fn key<'a>(key: &'static str) -> impl FnMut(&'a str) -> Parsed<'a, ()> {
    move |input| map((word(key), char(':'), space0), |_| ()).parse(input)
}

fn list<'a, T>(
    item: impl Parser<&'a str, Output = T, Error = Miss<'a>>,
) -> impl Parser<&'a str, Output = Vec<T>, Error = Miss<'a>> {
    separated_list1(delimited(space0, char(','), space0), item)
}

fn ip_version(input: &str) -> Parsed<'_, IpVersion> {
    let versions = alt((value(IpVersion::V4, word("4")), value(IpVersion::V6, word("6"))));
    named("4 or 6", versions)(input)
}

/// `HIA-MUST-7`, or `RFC 9293 3.10.7.4`: what the draft demands, or a section of what every TCP keeps to.
fn label(input: &str) -> Parsed<'_, String> {
    if word("RFC")(input).is_ok() {
        return rfc_section(input);
    }
    let (rest, label) = name(input)?;
    let numbered = ["HIA-MUST-", "HIA-SHOULD-", "HIA-MAY-"]
        .iter()
        .filter_map(|level| label.strip_prefix(level))
        .any(|number| number.parse::<u16>().is_ok());
    if numbered { Ok((rest, label)) } else { refuse(input, "a label such as HIA-MUST-7") }
}

fn rfc_section(input: &str) -> Parsed<'_, String> {
    let number = take_while1::<_, _, Miss<'_>>(|c: char| c.is_ascii_digit());
    let section = take_while1::<_, _, Miss<'_>>(|c: char| c.is_ascii_digit() || c == '.');
    let section = map((word("RFC"), then(number), then(section)), |((), number, section)| {
        format!("RFC {number} {section}")
    });
    settled(named("a section such as RFC 9293 3.10.7.4", section))(input)
}

fn target(input: &str) -> Parsed<'_, TargetOptions> {
    enum Part {
        Hiatus(CapableBits, HoldTime),
        Plain,
        Timestamps(Timestamping),
        HoldSend,
        Retains(u32),
    }
    let hiatus = map((word("hiatus"), then(capable_letters), then_word("hold"), then(hold)), |parts| {
        Part::Hiatus(parts.1, parts.3)
    });
    let part = named(
        "hiatus S hold 300s, plain, timestamps, no timestamps, hold-send or retains 4096",
        alt((
            hiatus,
            map(word("plain"), |()| Part::Plain),
            map(word("timestamps"), |()| Part::Timestamps(Timestamping::On)),
            map((word("no"), then_word("timestamps")), |_| Part::Timestamps(Timestamping::Off)),
            map(word("hold-send"), |()| Part::HoldSend),
            map((word("retains"), settled(then(u32))), |(_, octets)| Part::Retains(octets)),
        )),
    );
    let (rest, parts) = list(part).parse(input)?;
    let mut options = TargetOptions {
        hiatus: None,
        ip: IpVersion::V4,
        timestamps: Timestamping::Off,
        sending: Sending::Unheld,
        retained_octets_max: None,
    };
    for part in parts {
        match part {
            Part::Hiatus(bits, hold) => options.hiatus = Some((bits, hold)),
            Part::Plain => options.hiatus = None,
            Part::Timestamps(timestamps) => options.timestamps = timestamps,
            Part::HoldSend => options.sending = Sending::HoldSend,
            Part::Retains(octets) => options.retained_octets_max = Some(octets),
        }
    }
    Ok((rest, options))
}
