//! Metrics in the text format of Prometheus.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use tiny_http::{Header, Response, Server};

use crate::control::{Answer, ControlClient, Request, Status};

/// What a scrape is answered with.
const CONTENT_TYPE: &str = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers scrapes on `address` by asking the control socket at `control`, on a thread of its own, until the process ends.
///
/// # Errors
///
/// An [`io::Error`]: the address is taken, or is not one of this machine.
pub fn serve(address: SocketAddr, control: PathBuf) -> io::Result<SocketAddr> {
    let server = Server::http(address).map_err(io::Error::other)?;
    let bound = server.server_addr().to_ip().unwrap_or(address);
    thread::Builder::new().name("hiatus-metrics".to_owned()).spawn(move || {
        for request in server.incoming_requests() {
            // Who asks and does not wait for the answer is nobody's trouble.
            let answer = answer(request.url(), &control);
            request.respond(answer).ok();
        }
    })?;
    Ok(bound)
}

fn answer(url: &str, control: &Path) -> Response<io::Cursor<Vec<u8>>> {
    if url != "/metrics" {
        return Response::from_string("see /metrics\n").with_status_code(404);
    }
    let asked = ControlClient::connect(control).and_then(|mut client| client.ask(&Request::Metrics));
    let response = match asked {
        Ok(Answer::Metrics { text }) => Response::from_string(text),
        Ok(_) => Response::from_string("the host gave another answer\n").with_status_code(500),
        Err(error) => Response::from_string(format!("{error}\n")).with_status_code(503),
    };
    match CONTENT_TYPE.parse::<Header>() {
        Ok(header) => response.with_header(header),
        Err(()) => response,
    }
}

type Labels = Vec<(String, String)>;

/// The metrics of a host at one instant.
#[must_use]
pub fn text(status: &Status) -> String {
    let mut registry = Registry::with_prefix("hiatus");
    let mut gauge = |name: &str, help: &str, value: u64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    gauge("incarnation", "Incarnation of the host", status.incarnation.into());
    gauge("uptime_seconds", "Seconds since this life began", status.uptime_seconds);
    gauge("epoch_taken", "Number of the latest epoch TAKEN", status.taken.into());
    gauge("epoch_durable", "Number of the latest epoch DURABLE", status.durable.into());
    gauge("commit_micros", "Duration of the latest commit in microseconds", status.latest_commit_micros);
    gauge("store_working", "1 if epochs become durable", u64::from(status.store == "working"));
    gauge("returning", "Connections that are back and have not sent RESUME", status.returning.into());
    gauge("kept", "Connections kept for peers that are away", status.held.into());
    let sum = |of: fn(&crate::control::ConnectionStatus) -> u64| status.connections.iter().map(of).sum();
    gauge("own_lag_octets", "Octets received that no durable epoch has", sum(|one| one.own_lag_octets));
    gauge(
        "retained_octets",
        "Octets kept for peers that may come back older",
        sum(|one| one.retained_octets),
    );
    gauge("held_octets", "Octets that wait for a durable epoch", sum(|one| one.held_octets));
    let counters = [
        ("commits", "Commits of the store", status.commits),
        ("committed_octets", "Octets of these commits", status.committed_octets),
        ("commit_failures", "Commits that failed", status.commit_failures),
        ("packets_in", "Packets off the link", status.packets_in),
        ("octets_in", "Octets off the link", status.octets_in),
        ("packets_out", "Packets onto the link", status.packets_out),
        ("octets_out", "Octets onto the link", status.octets_out),
        ("packets_lost", "Packets that the link refused", status.packets_lost),
    ];
    for (name, help, value) in counters {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
    let connections = Family::<Labels, Gauge>::default();
    for one in &status.connections {
        let labels =
            [("state", &one.state), ("hiatus", &one.hiatus), ("self", &one.self_state), ("peer", &one.peer)];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.clone())).to_vec();
        connections.get_or_create(&labels).inc();
    }
    registry.register("connections", "Connections by state", connections);
    let mut text = String::new();
    // Writing to a string does not fail.
    encode(&mut text, &registry).ok();
    text
}
