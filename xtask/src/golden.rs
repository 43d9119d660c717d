//! The golden captures: two runs of the cases write the same octets, and those are the octets in pcaps/.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::shell::{Failure, Shell};

/// Captures by file name.
type Captures = BTreeMap<String, Vec<u8>>;

/// Runs all cases twice and compares; returns what was compared.
pub(crate) fn check(shell: &Shell) -> Result<String, Failure> {
    let first = run(shell, "first")?;
    let second = run(shell, "second")?;
    let committed = captures(&shell.root.join("pcaps"))?;
    let mut findings = Vec::new();
    if first.is_empty() {
        findings.push("the cases wrote no capture".to_owned());
    }
    for (name, octets) in &first {
        if second.get(name) != Some(octets) {
            findings.push(format!("{name}: a second run wrote something else"));
        }
        match committed.get(name) {
            None => findings.push(format!("{name}: not in pcaps/")),
            Some(golden) if golden != octets => {
                let at = golden.iter().zip(octets).take_while(|(golden, found)| golden == found).count();
                findings.push(format!("{name}: differs from pcaps/ from octet {at} on"));
            }
            Some(_) => {}
        }
    }
    let unknown = second.keys().filter(|name| !first.contains_key(*name));
    findings.extend(unknown.map(|name| format!("{name}: written by the second run only")));
    if findings.is_empty() {
        return Ok(format!("{} captures", first.len()));
    }
    findings.push(
        "what the first run wrote lies in target/golden/first; if it is right, copy it to pcaps/cases"
            .to_owned(),
    );
    Err(Failure::Found(format!("{} findings\n      {}", findings.len() - 1, findings.join("\n      "))))
}

fn run(shell: &Shell, name: &str) -> Result<Captures, Failure> {
    let folder = shell.root.join("target/golden").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(Failure::file(&folder))?;
    }
    std::fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
    let mut command = shell.cargo("run");
    command.args(["--quiet", "--package", "hiatus-conformance", "--", "run", "--out"]).arg(&folder);
    shell.run(&mut command)?;
    captures(&folder)
}

/// Every capture below `folder`.
fn captures(folder: &Path) -> Result<Captures, Failure> {
    let mut found = Captures::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Failure::file(&folder))? {
            let path: PathBuf = entry.map_err(Failure::file(&folder))?.path();
            let extension = path.extension().unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if extension == "pcap" || extension == "pcapng" {
                let octets = std::fs::read(&path).map_err(Failure::file(&path))?;
                found.insert(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), octets);
            }
        }
    }
    Ok(found)
}
