//! `include/hiatus.h` is what the sources say. `UPDATE_HEADER=1` writes it anew.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

/// In the order in which a reader wants them.
const SOURCES: [&str; 12] = [
    "src/lib.rs",
    "src/status.rs",
    "src/handle.rs",
    "src/limits.rs",
    "src/address.rs",
    "src/settings.rs",
    "src/event.rs",
    "src/report.rs",
    "src/snapshot.rs",
    "src/ffi.rs",
    "src/ffi/connections.rs",
    "src/ffi/epochs.rs",
];

fn written() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in SOURCES {
        builder = builder.with_src(root.join(source));
    }
    let mut octets = Vec::new();
    builder.generate().unwrap().write(&mut octets);
    String::from_utf8(octets).unwrap()
}

#[test]
fn the_header_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/hiatus.h");
    let written = written();
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == written,
        "include/hiatus.h is old: UPDATE_HEADER=1 cargo test -p hiatus-capi --test header"
    );
}

#[test]
fn no_source_is_left_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "src/ffi"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let tells = text.contains("#[repr(C)]") || text.contains("#[unsafe(no_mangle)]");
            assert!(!tells || SOURCES.contains(&name), "{name} is not in the header");
        }
    }
}
