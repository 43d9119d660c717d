//! The bibliography entries of spec/refcache: each is well-formed, and the draft cites it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::finding::Finding;
use super::source::Source;
use super::{REFCACHE, SpecError};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// What the boilerplate of BCP 14 cites by itself.
const BCP14: [u16; 2] = [2119, 8174];

/// What the checks of other parts need to know of the entries.
#[derive(Debug, Default)]
pub(super) struct References {
    /// Every word of an author's surname, and of the names of authors in the front matter.
    pub(super) surnames: BTreeSet<String>,
}

impl References {
    /// Reads every entry; what is wrong with it, and what is cited without entry, goes to `findings`.
    pub(super) fn read(root: &Path, source: &Source, findings: &mut Vec<Finding>) -> Result<Self, SpecError> {
        let folder = root.join(REFCACHE);
        let io = |source| SpecError::Io { path: folder.clone(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(io)? {
            names.push(entry.map_err(io)?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        let mut references = Self { surnames: names_in_front_matter(source) };
        let mut cited = citations(source);
        for name in names.iter().filter(|name| name.ends_with(".xml")) {
            let path = format!("{REFCACHE}/{name}");
            let digits = name.strip_prefix("reference.RFC.").and_then(|rest| rest.strip_suffix(".xml"));
            let number = digits.filter(|digits| digits.len() == 4).and_then(|digits| digits.parse().ok());
            let Some(number) = number else {
                let reason = "a name has the form reference.RFC.0793.xml".to_owned();
                findings.push(Finding::Reference { path, reason });
                continue;
            };
            let text = super::read(&root.join(&path))?;
            match surnames(number, &text) {
                Ok(surnames) => references.surnames.extend(surnames),
                Err(reason) => findings.push(Finding::Reference { path: path.clone(), reason }),
            }
            if !cited.remove(&number) {
                findings.push(Finding::Reference { path, reason: "the draft does not cite it".to_owned() });
            }
        }
        for number in cited {
            let path = format!("{REFCACHE}/reference.RFC.{number:04}.xml");
            findings.push(Finding::Reference { path, reason: "cited, but not there".to_owned() });
        }
        Ok(references)
    }
}

/// The words of every `name: A. B. Name` before the text begins.
fn names_in_front_matter(source: &Source) -> BTreeSet<String> {
    let lines = source.lines.iter().map(|line| line.text.as_str());
    let front = lines.take_while(|line| !line.starts_with("--- "));
    let names = front.filter_map(|line| line.trim_start().strip_prefix("name: "));
    names.flat_map(|name| name.split([' ', '-'])).map(str::to_owned).collect()
}

/// Numbers of the RFCs between double braces behind the front matter, and those of the boilerplate.
fn citations(source: &Source) -> BTreeSet<u16> {
    let mut cited = BTreeSet::new();
    let text = source.text();
    let body = text.split_once("\n--- ").map_or("", |(_, body)| body);
    for span in body.split("{{").skip(1).filter_map(|rest| rest.split_once("}}")).map(|(span, _)| span) {
        for rest in span.split("RFC").skip(1) {
            let digits = rest.trim_start_matches(' ');
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            cited.extend(digits[..end].parse::<u16>());
        }
    }
    if body.contains("{::boilerplate bcp14") {
        cited.extend(BCP14);
    }
    cited
}

/// Checks one entry and gives the words of its authors' surnames, or says what is wrong.
fn surnames(number: u16, text: &str) -> Result<Vec<String>, String> {
    let tags = tags(text)?;
    let all = |path: &str| tags.iter().filter(move |tag| tag.path == path).collect::<Vec<_>>();
    let one = |path: &str| match all(path).as_slice() {
        [tag] => Ok(*tag),
        found => Err(format!("{} times <{path}>, and not once", found.len())),
    };
    let reference = one("reference")?;
    reference.expect("anchor", &format!("RFC{number:04}"))?;
    reference.expect("target", &format!("https://www.rfc-editor.org/info/rfc{number}"))?;
    if one("reference/front/title")?.text.is_empty() {
        return Err("the title is empty".to_owned());
    }
    let date = one("reference/front/date")?;
    if !MONTHS.contains(&date.attribute("month")?) {
        return Err(format!("month {}", date.attribute("month")?));
    }
    if date.attribute("year")?.parse::<u16>().map_or(true, |year| !(1969..2100).contains(&year)) {
        return Err(format!("year {}", date.attribute("year")?));
    }
    let series = all("reference/seriesInfo");
    for (name, value) in [("RFC", number.to_string()), ("DOI", format!("10.17487/RFC{number:04}"))] {
        let found = series.iter().find(|tag| tag.attribute("name") == Ok(name));
        found.ok_or_else(|| format!("no seriesInfo {name}"))?.expect("value", &value)?;
    }
    let mut words = Vec::new();
    for author in all("reference/front/author") {
        let surname = author.attribute("surname")?;
        author.expect("fullname", &format!("{} {surname}", author.attribute("initials")?))?;
        words.extend(surname.split([' ', '-']).map(str::to_owned));
    }
    if words.is_empty() { Err("no author".to_owned()) } else { Ok(words) }
}

/// A start tag.
#[derive(Debug)]
struct Tag<'a> {
    /// Its name behind the names of those around it: `reference/front/date`.
    path: String,
    attributes: BTreeMap<&'a str, &'a str>,
    /// What stands between it and the next tag.
    text: &'a str,
}

impl<'a> Tag<'a> {
    fn attribute(&self, name: &str) -> Result<&'a str, String> {
        self.attributes.get(name).copied().ok_or_else(|| format!("<{}> has no {name}", self.path))
    }

    fn expect(&self, name: &str, value: &str) -> Result<(), String> {
        match self.attribute(name)? {
            found if found == value => Ok(()),
            found => Err(format!("<{}> has {name} {found}, and not {value}", self.path)),
        }
    }
}

/// Every start tag of an XML text without comments, declarations and apostrophes around values.
fn tags(text: &str) -> Result<Vec<Tag<'_>>, String> {
    let mut tags = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    for piece in text.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').ok_or_else(|| format!("<{piece} does not end"))?;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}> ends what is not open"));
            }
            continue;
        }
        let is_empty = tag.ends_with('/');
        let (name, mut rest) = tag.trim_end_matches('/').split_once(' ').unwrap_or((tag, ""));
        let mut attributes = BTreeMap::new();
        while let Some((key, behind)) = rest.split_once("=\"") {
            let (value, behind) = behind.split_once('"').ok_or_else(|| format!("no end of {key}"))?;
            attributes.insert(key.trim(), value);
            rest = behind;
        }
        open.push(name);
        tags.push(Tag { path: open.join("/"), attributes, text: text.trim() });
        if is_empty {
            open.pop();
        }
    }
    if open.is_empty() { Ok(tags) } else { Err(format!("<{}> does not end", open.join("/"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"<reference anchor="RFC0793" target="https://www.rfc-editor.org/info/rfc793">
  <front>
    <title>Transmission Control Protocol</title>
    <author initials="J." surname="Postel" fullname="J. Postel"/>
    <date month="September" year="1981"/>
  </front>
  <seriesInfo name="RFC" value="793"/>
  <seriesInfo name="DOI" value="10.17487/RFC0793"/>
</reference>
"#;

    #[test]
    fn whole_entry_gives_its_surnames() {
        assert_eq!(surnames(793, ENTRY), Ok(vec!["Postel".to_owned()]));
    }

    #[test]
    fn entry_with_a_slip_is_found() {
        let slips = [
            ("anchor=\"RFC0793\"", "anchor=\"RFC0794\"", "has anchor RFC0794"),
            ("September", "Sept", "month Sept"),
            ("1981", "81", "year 81"),
            ("fullname=\"J. Postel\"", "fullname=\"J. Postal\"", "has fullname J. Postal"),
            ("<title>Transmission Control Protocol", "<title>", "title is empty"),
            ("value=\"10.17487/RFC0793\"", "value=\"10.17487/RFC793\"", "has value"),
            ("name=\"DOI\"", "name=\"STD\"", "no seriesInfo DOI"),
            ("</front>", "", "</reference> ends what is not open"),
            ("</reference>\n", "", "<reference> does not end"),
        ];
        for (right, wrong, expected) in slips {
            let reason = surnames(793, &ENTRY.replace(right, wrong)).expect_err(wrong);
            assert!(reason.contains(expected), "{wrong}: {reason}");
        }
    }

    #[test]
    fn authors_of_the_front_matter_are_known() {
        let source = Source::from_text(
            "---\n  MQTTSN:\n    author:\n      - ins: A. Stanford-Clark\n        name: A. Stanford-Clark\n--- middle\n\n        name: Text\n",
        );
        let names = names_in_front_matter(&source);
        assert_eq!(names, BTreeSet::from(["A.", "Stanford", "Clark"].map(str::to_owned)));
    }

    #[test]
    fn citations_stand_between_braces_behind_the_front_matter() {
        let source = Source::from_text(
            "---\nnormative:\n  RFC2018:\n--- middle\n\n{::boilerplate bcp14-tagged}\n\nSee {{RFC9293}}, {{?RFC793}}, \
             {{Section 3.1 of\nRFC7323}} and RFC 2104.\n",
        );
        assert_eq!(citations(&source), BTreeSet::from([793, 2119, 7323, 8174, 9293]));
    }
}
