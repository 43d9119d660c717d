//! Licences of everything we link or build with, against the list in deny.toml.
//!
//! deny.toml is in cargo-deny's format, so that a machine that has that program can run it; the check of licences needs
//! none of its minutes of compilation.

use std::collections::BTreeSet;

use serde_json::Value;
use spdx::{Expression, ParseMode};

use crate::shell::{Failure, Shell, read_text};

/// Adds a finding per package without an allowed licence and per listed licence that no package needs.
///
/// Returns how many packages were looked at.
pub(super) fn check(shell: &Shell, findings: &mut Vec<String>) -> Result<usize, Failure> {
    let path = shell.root.join("deny.toml");
    let allowed = allowed_licences(&read_text(&path)?)?;
    let mut used = BTreeSet::new();
    let mut packages = BTreeSet::new();
    for manifest in ["Cargo.toml", "codec/fuzz/Cargo.toml"] {
        let mut command = shell.cargo("metadata");
        command.args(["--format-version", "1", "--quiet", "--manifest-path", manifest]);
        let metadata: Value = serde_json::from_str(&shell.output(&mut command)?)
            .map_err(|source| Failure::Found(format!("cargo metadata of {manifest}: {source}")))?;
        for package in metadata["packages"].as_array().into_iter().flatten() {
            let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
            if let Err(reason) = judge(text(&package["license"]), &allowed, &mut used) {
                findings.push(format!("{name}: {reason}"));
            }
            packages.insert(name);
        }
    }
    for licence in allowed.difference(&used) {
        findings.push(format!("deny.toml: no package needs {licence}"));
    }
    Ok(packages.len())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn allowed_licences(deny: &str) -> Result<BTreeSet<String>, Failure> {
    let table: toml::Table = deny.parse().map_err(|source| Failure::Found(format!("deny.toml: {source}")))?;
    let list =
        table.get("licenses").and_then(|licences| licences.get("allow")).and_then(toml::Value::as_array);
    let names = list.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned);
    let names: BTreeSet<String> = names.collect();
    if names.is_empty() {
        Err(Failure::Found("deny.toml: licenses.allow is empty".to_owned()))
    } else {
        Ok(names)
    }
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

    use super::judge;

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
