//! `hiatus status`: a live table of a host's connections.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use hiatus_host::control::{Answer, ConnectionStatus, ControlClient, ControlError, Request, Status};

use crate::command::COULD_NOT_RUN;

/// Where a host listens that was told nothing else.
pub(crate) const DEFAULT_CONTROL: &str = "/run/hiatus/control.sock";
/// Clears the screen and goes to its top left.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Arguments of `hiatus status`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The control socket of the host.
    #[arg(long, value_name = "PATH", default_value = DEFAULT_CONTROL)]
    control: PathBuf,
    /// Show it again and again, until Ctrl-C.
    #[arg(long, short)]
    watch: bool,
    /// Seconds from one time to the next.
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, requires = "watch")]
    interval: f64,
    /// For people, for programs, or for Prometheus.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A summary and a table.
    Human,
    /// One object a line.
    Json,
    /// The text format of Prometheus.
    Prometheus,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match show(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("hiatus status: {error}");
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

fn show(args: &Args) -> Result<(), ControlError> {
    let mut client = ControlClient::connect(&args.control)?;
    let clears = args.watch && args.format == Format::Human && std::io::stdout().is_terminal();
    loop {
        let text = text(&mut client, args.format)?;
        let mut out = anstream::stdout().lock();
        // Who reads no more has seen enough.
        if (clears && write!(out, "{CLEAR}").is_err())
            || write!(out, "{text}").is_err()
            || out.flush().is_err()
        {
            return Ok(());
        }
        drop(out);
        if !args.watch {
            return Ok(());
        }
        thread::sleep(Duration::try_from_secs_f64(args.interval).unwrap_or(Duration::from_secs(1)));
    }
}

fn text(client: &mut ControlClient, format: Format) -> Result<String, ControlError> {
    if format == Format::Prometheus {
        return Ok(match client.ask(&Request::Metrics)? {
            Answer::Metrics { text } => text,
            _ => String::new(),
        });
    }
    let Answer::Status(status) = client.ask(&Request::Status)? else { return Ok(String::new()) };
    Ok(match format {
        Format::Json => serde_json::to_string(&status).unwrap_or_default() + "\n",
        _ => human(&status),
    })
}

/// Octets as people read them.
pub(crate) fn octets(count: u64) -> String {
    bytesize::ByteSize::b(count).display().iec().to_string()
}

fn human(status: &Status) -> String {
    let mut text = String::new();
    let epochs = match status.store.as_str() {
        "absent" => "no store: whoever saves this memory says when an epoch is durable".to_owned(),
        "failing" => format!(
            "STORE FAILING ({} commits failed): what waits for an epoch waits",
            status.commit_failures
        ),
        _ => format!(
            "{} commits of {}, the latest took {:.1} ms",
            status.commits,
            octets(status.committed_octets),
            Duration::from_micros(status.latest_commit_micros).as_secs_f64() * 1e3,
        ),
    };
    let lines = [
        format!("incarnation {}, up {} s", status.incarnation, status.uptime_seconds),
        format!("epoch {} TAKEN, {} DURABLE; {epochs}", status.taken, status.durable),
        format!(
            "packets {} in ({}), {} out ({}), {} refused by the link",
            status.packets_in,
            octets(status.octets_in),
            status.packets_out,
            octets(status.octets_out),
            status.packets_lost,
        ),
        format!(
            "{} connections; {} kept for peers that are away, {} still to say that they are back",
            status.connections.len(),
            status.held,
            status.returning,
        ),
    ];
    for line in lines {
        // Writing to a string does not fail.
        writeln!(text, "{line}").ok();
    }
    if !status.connections.is_empty() {
        writeln!(text, "\n{}", table(&status.connections)).ok();
    }
    text
}

fn table(connections: &[ConnectionStatus]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let head = [
        "LOCAL",
        "REMOTE",
        "STATE",
        "HIATUS",
        "SELF",
        "PEER",
        "STABLE LAG",
        "RETAINED",
        "HELD",
        "UNACKED",
        "RTT",
    ];
    table.set_header(head);
    for one in connections {
        table.add_row([
            one.local.to_string(),
            one.remote.to_string(),
            one.state.clone(),
            one.hiatus.clone(),
            one.self_state.clone(),
            one.peer.clone(),
            octets(one.own_lag_octets),
            octets(one.retained_octets),
            octets(one.held_octets),
            octets(one.unacknowledged_octets),
            one.rtt_micros.map_or_else(
                || "-".to_owned(),
                |micros| format!("{:.2} ms", Duration::from_micros(micros).as_secs_f64() * 1e3),
            ),
        ]);
    }
    for index in 6..head.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
