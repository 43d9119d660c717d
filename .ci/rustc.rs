//! rustc for the crates of the workspace, as cargo calls it in the continuous integration (RUSTC_WORKSPACE_WRAPPER): the
//! compiler, then its arguments.
//!
//! What is compiled as a test is not optimised: it runs once, for seconds, and to optimise it took minutes. The crates that
//! it tests stay as Cargo.toml has them. It is no shell script, for a shell drops variables such as CARGO_BIN_EXE_a-b.

use std::os::unix::process::CommandExt;
use std::process::Command;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let Some(compiler) = arguments.next() else { panic!("no compiler is named") };
    let mut command = Command::new(&compiler);
    let mut is_test = false;
    for argument in arguments {
        is_test |= argument == "--test";
        command.arg(argument);
    }
    if is_test {
        // Of several levels the last one counts.
        command.args(["-C", "opt-level=0"]);
    }
    panic!("{}: {}", compiler.display(), command.exec());
}
