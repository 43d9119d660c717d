//! Licences of everything we link or build with, against the list in deny.toml.
//!
//! deny.toml is in cargo-deny's format, so that a machine that has that program can run it; the check of licences needs
//! none of its minutes of compilation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use spdx::{Expression, ParseMode};

use crate::shell::{Failure, Shell, read_text};

/// Adds a finding per package without an allowed licence and per listed licence that no package needs.
///
/// Returns how many packages were looked at.
pub(super) fn check(shell: &Shell, findings: &mut Vec<String>) -> Result<usize, Failure> {
    let path = shell.root.join("deny.toml");
    let listed = Listed::read(&read_text(&path)?)?;
    let mut used = BTreeSet::new();
    let mut excepted = BTreeSet::new();
    let mut packages = BTreeSet::new();
    for manifest in ["Cargo.toml", "codec/fuzz/Cargo.toml"] {
        let mut command = shell.cargo("metadata");
        command.args(["--format-version", "1", "--quiet", "--manifest-path", manifest]);
        let metadata: Value = serde_json::from_str(&shell.output(&mut command)?)
            .map_err(|source| Failure::Found(format!("cargo metadata of {manifest}: {source}")))?;
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
            let licence = text(&package["license"]);
            let exception = listed.exceptions.get(text(&package["name"]));
            if let Err(reason) = judge(licence, &listed.allowed, &mut used) {
                let own = exception.map(|own| judge(licence, own, &mut BTreeSet::new()));
                if own == Some(Ok(())) {
                    excepted.insert(text(&package["name"]).to_owned());
                } else {
                    findings.push(format!("{name}: {reason}"));
                }
            }
            packages.insert(name);
        }
    }
    for licence in listed.allowed.difference(&used) {
        findings.push(format!("deny.toml: no package needs {licence}"));
    }
    for name in listed.exceptions.keys().filter(|name| !excepted.contains(*name)) {
        findings.push(format!("deny.toml: {name} needs no exception"));
    }
    Ok(packages.len())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What deny.toml lists.
struct Listed {
    /// For every package.
    allowed: BTreeSet<String>,
    /// Beside that for one, by its name.
    exceptions: BTreeMap<String, BTreeSet<String>>,
}

impl Listed {
    fn read(deny: &str) -> Result<Self, Failure> {
        let table: toml::Table =
            deny.parse().map_err(|source| Failure::Found(format!("deny.toml: {source}")))?;
        let licences = table.get("licenses");
        let allowed = names(licences.and_then(|licences| licences.get("allow")));
        if allowed.is_empty() {
            return Err(Failure::Found("deny.toml: licenses.allow is empty".to_owned()));
        }
        let rows = licences.and_then(|licences| licences.get("exceptions")).and_then(toml::Value::as_array);
        let exception = |row: &toml::Value| {
            let name = row.get("crate").and_then(toml::Value::as_str)?;
            Some((name.to_owned(), names(row.get("allow"))))
        };
        Ok(Self { allowed, exceptions: rows.into_iter().flatten().filter_map(exception).collect() })
    }
}

fn names(list: Option<&toml::Value>) -> BTreeSet<String> {
    let list = list.and_then(toml::Value::as_array);
    list.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

/// Whether the expression can be met with allowed licences; notes in `used` those it names.
fn judge(expression: &str, allowed: &BTreeSet<String>, used: &mut BTreeSet<String>) -> Result<(), String> {
    if expression.is_empty() {
        return Err("states no licence".to_owned());
    }
    let parsed = Expression::parse_mode(expression, ParseMode::LAX)
        .map_err(|source| format!("licence `{expression}` cannot be read: {}", source.reason))?;
    let met = parsed.evaluate(|requirement| {
        let name = requirement.to_string();
        let known = allowed.contains(&name);
        if known {
            used.insert(name);
        }
        known
    });
    if met { Ok(()) } else { Err(format!("licence `{expression}` is not allowed by deny.toml")) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Listed, judge};

    #[test]
    fn an_exception_is_for_one_package() {
        let text =
            "[licenses]\nallow = [\"MIT\"]\nexceptions = [{ crate = \"tool\", allow = [\"MPL-2.0\"] }]\n";
        let Ok(listed) = Listed::read(text) else { panic!("it cannot be read") };
        assert_eq!(listed.allowed, BTreeSet::from(["MIT".to_owned()]));
        assert_eq!(listed.exceptions["tool"], BTreeSet::from(["MPL-2.0".to_owned()]));
        assert_eq!(listed.exceptions.len(), 1);
    }

    #[test]
    fn expressions_are_judged_as_spdx_says() {
        let allowed = BTreeSet::from(["MIT".to_owned(), "Unicode-3.0".to_owned()]);
        let mut used = BTreeSet::new();
        for good in ["MIT", "MIT OR GPL-3.0-only", "Apache-2.0/MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
            assert_eq!(judge(good, &allowed, &mut used), Ok(()), "{good}");
        }
        for bad in ["", "GPL-3.0-only", "MIT AND GPL-3.0-only", "no licence at all"] {
            assert!(judge(bad, &allowed, &mut used).is_err(), "{bad}");
        }
        assert_eq!(used, allowed);
    }
}
