//! idnits, the checker of the IETF for what is submitted, as the npm package `@ietf-tools/idnits`.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::SpecError;
use super::finding::Finding;
use super::toolchain::{self, TOOLS};

const PACKAGE: &str = "@ietf-tools/idnits";
const VERSION: &str = "3.0.0-alpha.74";
/// What it says of any document without network: it knows the status of no RFC then.
const OFFLINE: [&str; 2] = ["POSSIBLE_DOWNREF", "UNDEFINED_STATUS"];
/// It takes the section that xml2rfc puts around the two lists of references for one of them.
const OUTER_REFERENCES: (&str, &str) = ("INVALID_REFERENCES_NAME", "rfc.back.references[0].name");
/// What is worth a look and no fault.
const COMMENT: &str = "ValidationComment";

/// What idnits prints, as far as it is used.
#[derive(Debug, Deserialize)]
struct Report {
    nits: Vec<Nit>,
}

#[derive(Debug, Deserialize)]
struct Nit {
    severity: String,
    code: String,
    desc: String,
    #[serde(default)]
    path: String,
}

impl Nit {
    fn is_false_alarm(&self) -> bool {
        OFFLINE.contains(&self.code.as_str()) || (self.code.as_str(), self.path.as_str()) == OUTER_REFERENCES
    }
}

/// Runs it on a file, installed first if need be; errors and warnings go to `findings`.
pub(super) fn check(root: &Path, file: &Path, findings: &mut Vec<Finding>) -> Result<(), SpecError> {
    if !toolchain::on_path("npm") {
        return Err(SpecError::Missing { program: "npm", remedy: "install Node.js, 20 or later" });
    }
    let folder = root.join(TOOLS).join("idnits");
    let program = folder.join("node_modules/.bin/idnits");
    let is_current = toolchain::start(Command::new(&program).arg("--version"))
        .is_ok_and(|output| toolchain::text(&output.stdout).trim() == VERSION);
    if !is_current {
        println!("installing {PACKAGE} {VERSION} below {TOOLS}");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(&folder);
        toolchain::run(npm.arg(format!("{PACKAGE}@{VERSION}")))?;
    }
    let mut command = Command::new(&program);
    command.args(["--offline", "--no-progress", "--no-color", "-o", "json"]).arg(file);
    let output = toolchain::text(&toolchain::run(&mut command)?.stdout);
    let found = nits(&output).map_err(|error| SpecError::Malformed {
        path: program,
        reason: format!("its answer cannot be read: {error}"),
    })?;
    println!("idnits: {} findings", found.len());
    findings.extend(found);
    Ok(())
}

/// The errors and warnings of a report, without the false alarms.
fn nits(json: &str) -> Result<Vec<Finding>, serde_json::Error> {
    let report: Report = serde_json::from_str(json)?;
    let nits = report.nits.into_iter();
    let real = nits.filter(|nit| nit.severity != COMMENT && !nit.is_false_alarm());
    Ok(real.map(|nit| Finding::Nit { code: nit.code, reason: nit.desc }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_warnings_count_and_false_alarms_do_not() {
        let json = r#"{ "result": "fail", "nits": [
            { "severity": "ValidationError", "code": "POSSIBLE_DOWNREF", "desc": "RFC 2018" },
            { "severity": "ValidationError", "code": "INVALID_REFERENCES_NAME", "desc": "outer",
              "path": "rfc.back.references[0].name" },
            { "severity": "ValidationError", "code": "INVALID_REFERENCES_NAME", "desc": "inner",
              "path": "rfc.back.references[0].references[1].name" },
            { "severity": "ValidationComment", "code": "NON_ASCII_UTF8", "desc": "a blank" },
            { "severity": "ValidationError", "code": "FILENAME_DOCNAME_MISMATCH", "desc": "other name" },
            { "severity": "ValidationWarning", "code": "LINE_TOO_LONG", "desc": "long", "line": 7 }
        ] }"#;
        let codes: Vec<_> = nits(json)
            .expect("JSON")
            .into_iter()
            .map(|finding| match finding {
                Finding::Nit { code, .. } => code,
                other => panic!("{other}"),
            })
            .collect();
        assert_eq!(codes, ["INVALID_REFERENCES_NAME", "FILENAME_DOCNAME_MISMATCH", "LINE_TOO_LONG"]);
        assert!(nits("fetch failed").is_err());
    }
}
