//! Corpus files made from the test vectors of the draft: one per vector and target, named by the vector's id.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::shell::{Failure, Shell, read_text};

const VECTORS: &str = "spec/vectors.toml";
/// Marks the files that come from vectors; all others are kept as they are.
const PREFIX: &str = "vector-";
/// Ports, SEG.SEQ 1001, SEG.ACK 2001, ACK, window 65535; the octet of Data Offset is filled in.
const HEADER: [u8; 20] =
    [0xc0, 0x22, 0, 80, 0, 0, 0x03, 0xe9, 0, 0, 0x07, 0xd1, 0, 0x10, 0xff, 0xff, 0, 0, 0, 0];

/// Writes the files and removes those whose vector is gone; returns how many were written.
pub(super) fn write(shell: &Shell) -> Result<usize, Failure> {
    let expected = expected(shell)?;
    for stale in present(shell)?.into_iter().filter(|path| !expected.contains_key(path)) {
        std::fs::remove_file(&stale).map_err(Failure::file(&stale))?;
    }
    for (path, octets) in &expected {
        std::fs::write(path, octets).map_err(Failure::file(path))?;
    }
    Ok(expected.len())
}

/// Fails if the files are not what [`write()`] would write.
pub(super) fn check(shell: &Shell) -> Result<(), Failure> {
    let expected = expected(shell)?;
    let present = present(shell)?;
    let stale = present.iter().filter(|path| !expected.contains_key(*path));
    let differing =
        expected.iter().filter(|(path, octets)| std::fs::read(path).ok().as_ref() != Some(octets));
    let names: Vec<String> =
        stale.chain(differing.map(|(path, _)| path)).map(|path| path.display().to_string()).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Failure::Found(format!(
        "corpus differs from {VECTORS}: run `cargo xtask fuzz --reseed`\n{}",
        names.join("\n")
    )))
}

fn folder(shell: &Shell, target: &str) -> PathBuf {
    shell.root.join("codec/fuzz/corpus").join(target)
}

fn present(shell: &Shell) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for target in ["options", "segment"] {
        let folder = folder(shell, target);
        for entry in std::fs::read_dir(&folder).map_err(Failure::file(&folder))? {
            let path = entry.map_err(Failure::file(&folder))?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX)) {
                paths.push(path);
            }
        }
    }
    Ok(paths)
}

fn expected(shell: &Shell) -> Result<BTreeMap<PathBuf, Vec<u8>>, Failure> {
    let path = shell.root.join(VECTORS);
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let table: toml::Table =
        read_text(&path)?.parse().map_err(|source| Failure::Found(format!("{VECTORS}: {source}")))?;
    let mut files = BTreeMap::new();
    for vector in table.get("vector").and_then(toml::Value::as_array).into_iter().flatten() {
        let text = |key: &str| vector.get(key).and_then(toml::Value::as_str);
        let (Some(id), Some(octets)) = (text("id"), text("octets")) else {
            return Err(Failure::Found(format!("{VECTORS}: a vector without id or octets: {vector:?}")));
        };
        let octets =
            from_hex(octets).ok_or_else(|| Failure::Found(format!("{VECTORS}: {id}: octets are not hex")))?;
        let name = format!("{PREFIX}{}", id.replace('/', "-"));
        files.insert(folder(shell, "segment").join(&name), segment(&octets));
        files.insert(folder(shell, "options").join(&name), octets);
    }
    Ok(files)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).ok().filter(|_| pair.len() == 2))
        .collect()
}

/// A segment with these options, padded to whole words; more than fit are left off.
fn segment(options: &[u8]) -> Vec<u8> {
    let mut octets = HEADER.to_vec();
    octets.extend(options.iter().take(40));
    octets.resize(octets.len().next_multiple_of(4), 0);
    let words = u8::try_from(octets.len() / 4).unwrap_or(15);
    octets[12] = words << 4;
    octets
}

#[cfg(test)]
mod tests {
    use super::{from_hex, segment};

    #[test]
    fn hex_is_read_in_pairs() {
        assert_eq!(from_hex("08 0a\n00"), Some(vec![8, 10, 0]));
        assert_eq!(from_hex("08 0"), None);
        assert_eq!(from_hex("zz"), None);
    }

    #[test]
    fn a_segment_has_its_data_offset() {
        assert_eq!(segment(&[1, 1, 1]).len(), 24);
        assert_eq!(segment(&[1, 1, 1])[12], 0x60);
        assert_eq!(segment(&[0; 50])[12], 0xf0);
    }
}
