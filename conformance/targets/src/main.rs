//! `hiatus-target NAME` speaks the adapter protocol (`conformance/docs/adapter.md`) as one of the targets of this
//! repository, for one case.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use hiatus_conformance::adapter::{Clock, Hello, Host, PROTOCOL, Packets, Setup, serve};
use hiatus_conformance::target::CallError;
use hiatus_interop::lwip::Lwip;
use hiatus_interop::smoltcp::Smoltcp;
use hiatus_targets::foreign::Peer;
use hiatus_targets::linux::Linux;
use hiatus_targets::reference::Reference;

/// A target of the conformance suite: speaks the adapter protocol on standard input and output, for one case.
///
/// `conform run --target NAME` starts it. Exit status: 0 the case is over, 2 whoever started it does not speak the protocol.
#[derive(Parser)]
#[command(name = "hiatus-target", version, max_term_width = 110)]
struct Cli {
    /// What to be
    #[arg(value_enum)]
    name: Name,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// The reference as a host: its endpoint, records, and what outlives a rollback
    ReferenceProcess,
    /// The TCP of this kernel
    Linux,
    /// lwIP 2.2.1
    Lwip,
    /// smoltcp 0.14
    Smoltcp,
}

impl Name {
    fn hello(self) -> Hello {
        let version = match self {
            Self::ReferenceProcess => env!("CARGO_PKG_VERSION").to_owned(),
            Self::Linux => kernel_release(),
            Self::Lwip => "2.2.1".to_owned(),
            Self::Smoltcp => "0.14.0".to_owned(),
        };
        let (packets, clocks) = match self {
            Self::Linux => (vec![Packets::Kernel], vec![Clock::Wall]),
            _ => (vec![Packets::Stdio, Packets::Tun], vec![Clock::Virtual, Clock::Wall]),
        };
        Hello {
            protocol: PROTOCOL,
            name: self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned()),
            version,
            packets,
            clocks,
            events: self == Self::ReferenceProcess,
            states: true,
        }
    }

    fn make(self, setup: &Setup) -> Result<Box<dyn Host>, CallError> {
        Ok(match self {
            Self::ReferenceProcess => Box::new(Reference::new(setup)?),
            Self::Linux => Box::new(Linux::new(setup)?),
            Self::Lwip => Box::new(Peer::<Lwip>::new(setup)?),
            Self::Smoltcp => Box::new(Peer::<Smoltcp>::new(setup)?),
        })
    }
}

fn kernel_release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| String::new(), |text| text.trim().to_owned())
}

fn main() -> ExitCode {
    let Cli { name } = Cli::parse();
    match serve(&name.hello(), &mut |setup| name.make(setup)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hiatus-target: {error}");
            ExitCode::from(2)
        }
    }
}
