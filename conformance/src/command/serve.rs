//! `conform serve`: the reference as a target that is a process, which the tests hold against the one in this process.

use std::process::ExitCode;

use clap::Args;

use crate::adapter::{Clock, Hello, PROTOCOL, Packets, Segments, serve};
use crate::target::reference::Reference;

/// `conform serve`: speak the adapter protocol (conformance/docs/adapter.md) as the reference, for one case.
#[derive(Debug, Clone, Copy, Args)]
pub struct ServeArgs {}

/// Runs it. Exit codes: 0 the case is over, 2 the bench did not speak the protocol or went away.
#[must_use]
pub fn run(_args: &ServeArgs) -> ExitCode {
    let hello = Hello {
        protocol: PROTOCOL,
        name: "reference".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        packets: vec![Packets::Stdio, Packets::Tun],
        clocks: vec![Clock::Virtual, Clock::Wall],
        events: true,
        states: true,
    };
    let served = serve(&hello, &mut |setup| {
        let reference = Reference::new(&setup.for_target());
        Ok(Box::new(Segments::new(Box::new(reference), setup)))
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conform serve: {error}");
            ExitCode::from(2)
        }
    }
}
