//! Programs in C, built with the compiler of this machine against the static library and the header, and run.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What rustc says a static library of it needs (`--print native-static-libs`).
const SYSTEM_LIBRARIES: [&str; 4] = ["-lgcc_s", "-lpthread", "-lm", "-ldl"];
const STRICT: [&str; 5] = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"];
const SANITIZE: [&str; 2] = ["-g", "-fsanitize=address,undefined"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where programs and what they are made of lie, one folder for each test: tests run at the same time.
fn room(test: &str) -> PathBuf {
    let room = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    std::fs::create_dir_all(&room).unwrap();
    room
}

/// A command of the compiler that `variable` names, or of `program`.
fn compiler(variable: &str, program: &str) -> Command {
    let mut command = Command::new(env::var_os(variable).unwrap_or_else(|| program.into()));
    command.arg("-I").arg(root().join("include"));
    command
}

/// Whether a program of one line can be built with `flags`; if not, says on standard error that `test` is skipped.
fn can_build(test: &str, mut command: Command, flags: &[&str], file: &str) -> bool {
    let source = room(test).join(file);
    std::fs::write(&source, "int main(void) { return 0; }\n").unwrap();
    command.args(flags).arg(&source).arg("-o").arg(source.with_extension("out"));
    let can = command.output().is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("SKIPPED: {test}: {:?} builds nothing with {flags:?}", command.get_program());
    }
    can
}

/// Builds `source` and runs it; `None` if it cannot be built here.
fn run(test: &str, source: &Path, flags: &[&str]) -> Option<Output> {
    if !can_build(test, compiler("CC", "cc"), flags, "probe.c") {
        return None;
    }
    let program = room(test).join("program");
    // Cargo puts it beside this test.
    let library = env::current_exe().unwrap().with_file_name("libhiatus.a");
    let mut command = compiler("CC", "cc");
    command.args(STRICT).args(flags).arg(source).arg(library).args(SYSTEM_LIBRARIES);
    let output = command.arg("-o").arg(&program).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    Some(Command::new(program).output().unwrap())
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn succeeds(test: &str, source: &str, flags: &[&str]) {
    if let Some(output) = run(test, &root().join("tests").join(source), flags) {
        assert!(output.status.success(), "{}", said(&output));
        println!("{}", said(&output));
    }
}

fn fails_saying(test: &str, source: &str, flags: &[&str], expected: &str) {
    if let Some(output) = run(test, &root().join("tests").join(source), flags) {
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
}

#[test]
fn a_transfer_survives_losses_and_power_cuts() {
    succeeds("two-hosts", "two_hosts.c", &[]);
}

#[test]
fn a_transfer_survives_under_the_sanitizers() {
    succeeds("two-hosts-sanitized", "two_hosts.c", &SANITIZE);
}

/// Octets that no epoch has reached the peer: the two histories part, reason 3 of {#opt-abort} is DIVERGED, and the program
/// says so.
#[test]
fn without_hold_send_the_transfer_ends() {
    fails_saying("two-hosts-unheld", "two_hosts.c", &["-DNO_HOLD_SEND"], "closed: aborted here, 3");
}

#[test]
fn a_damaged_record_is_refused() {
    fails_saying(
        "two-hosts-damaged",
        "two_hosts.c",
        &["-DDAMAGE"],
        "restore: connection 0: record: at octet",
    );
}

#[test]
fn misuse_gives_codes() {
    succeeds("misuse", "misuse.c", &[]);
}

#[test]
fn misuse_gives_codes_under_the_sanitizers() {
    succeeds("misuse-sanitized", "misuse.c", &SANITIZE);
}

#[test]
fn the_example_of_the_readme_works() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, after) = readme.split_once("```c\n").unwrap();
    let (example, _) = after.split_once("```").unwrap();
    let source = room("example").join("example.c");
    std::fs::write(&source, example).unwrap();
    if let Some(output) = run("example", &source, &[]) {
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(said(&output), "A read: hello\n");
    }
}

#[test]
fn the_header_is_cpp_too() {
    if !can_build("header-cpp", compiler("CXX", "c++"), &[], "probe.cpp") {
        return;
    }
    let source = room("header-cpp").join("header.cpp");
    let text = "#include \"hiatus.h\"\nint main() { return hiatus_version() != HIATUS_VERSION; }\n";
    std::fs::write(&source, text).unwrap();
    let mut command = compiler("CXX", "c++");
    command.args(["-Wall", "-Wextra", "-Werror", "-c"]).arg(&source);
    let output = command.arg("-o").arg(source.with_extension("o")).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}
