//! What is going on in a host, as data.

use std::net::SocketAddr;

use hiatus_engine::{ConnectionId, HiatusState};
use serde::{Deserialize, Serialize};

use crate::epochs::StoreStatus;
use crate::event_loop::Wired;
use crate::machine::Machine;

/// A host at one instant. Counts are of this life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The incarnation.
    pub incarnation: u32,
    /// Seconds since it began.
    pub uptime_seconds: u64,
    /// The number of the latest epoch TAKEN; 0 before the first.
    pub taken: u32,
    /// The number of the latest DURABLE.
    pub durable: u32,
    /// Commits of the store.
    pub commits: u64,
    /// Octets that they had.
    pub committed_octets: u64,
    /// How long the latest took, in microseconds.
    pub latest_commit_micros: u64,
    /// Commits that failed.
    pub commit_failures: u64,
    /// `absent`, `working` or `failing`.
    pub store: String,
    /// Packets and octets off the link, and onto it.
    pub packets_in: u64,
    /// See `packets_in`.
    pub octets_in: u64,
    /// See `packets_in`.
    pub packets_out: u64,
    /// See `packets_in`.
    pub octets_out: u64,
    /// Packets that the link refused.
    pub packets_lost: u64,
    /// Connections that are back and have not said so to their peers yet.
    pub returning: u32,
    /// Connections kept for peers that are away.
    pub held: u32,
    /// Every connection.
    pub connections: Vec<ConnectionStatus>,
    /// What the service says of itself.
    #[serde(default)]
    pub service: serde_json::Value,
}

/// A connection at one instant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// Its number: what logs and states know it by.
    pub number: u64,
    /// Address and port of this end.
    pub local: SocketAddr,
    /// Those of the other.
    pub remote: SocketAddr,
    /// The state of RFC 9293.
    pub state: String,
    /// `on`, `negotiating` or `plain`.
    pub hiatus: String,
    /// SELF: UP, LEAVING or RESUMING.
    #[serde(rename = "self")]
    pub self_state: String,
    /// PEER: UP, HELD or PRESUMED.
    pub peer: String,
    /// Octets received that no durable epoch has yet: the peer keeps them.
    pub own_lag_octets: u64,
    /// Octets sent and acknowledged that are kept for the peer.
    pub retained_octets: u64,
    /// Octets written that wait for a durable epoch.
    pub held_octets: u64,
    /// Octets written and not acknowledged.
    pub unacknowledged_octets: u64,
    /// Octets received and not read.
    pub unread_octets: u64,
    /// SRTT in microseconds; `None` before the first measurement.
    pub rtt_micros: Option<u64>,
}

pub(crate) fn status(machine: &Machine, service: &impl Wired) -> Status {
    let (epochs, counters, endpoint) = (machine.epochs(), machine.counters(), machine.endpoint());
    let store = match epochs.store {
        StoreStatus::Absent => "absent",
        StoreStatus::Working => "working",
        StoreStatus::Failing => "failing",
    };
    Status {
        incarnation: epochs.incarnation,
        uptime_seconds: machine.now().micros() / 1_000_000,
        taken: epochs.taken,
        durable: epochs.durable,
        commits: epochs.commits,
        committed_octets: epochs.committed_octets,
        latest_commit_micros: u64::try_from(epochs.latest_commit.as_micros()).unwrap_or(u64::MAX),
        commit_failures: epochs.failures,
        store: store.to_owned(),
        packets_in: counters.packets_in,
        octets_in: counters.octets_in,
        packets_out: counters.packets_out,
        octets_out: counters.octets_out,
        packets_lost: counters.packets_lost,
        returning: endpoint.returning(),
        held: endpoint.held(),
        connections: machine.connections().filter_map(|id| connection(machine, id)).collect(),
        service: service.status(machine),
    }
}

fn connection(machine: &Machine, id: ConnectionId) -> Option<ConnectionStatus> {
    let endpoint = machine.endpoint();
    let info = endpoint.info(id);
    let hiatus = match endpoint.hiatus_state(id) {
        HiatusState::On => "on",
        HiatusState::Negotiating => "negotiating",
        HiatusState::Off => "plain",
    };
    let lag = info.map(|info| {
        let stable = info.stable.own.unwrap_or(hiatus_codec::Position(1));
        info.received.0.saturating_sub(stable.0)
    });
    Some(ConnectionStatus {
        number: id.number(),
        local: endpoint.local(id)?,
        remote: endpoint.remote(id)?,
        state: endpoint.state(id).to_string(),
        hiatus: hiatus.to_owned(),
        self_state: endpoint.self_state(id).to_string(),
        peer: endpoint.peer_state(id).to_string(),
        own_lag_octets: lag.unwrap_or(0),
        retained_octets: info.map_or(0, |info| info.retained_octets),
        held_octets: info.map_or(0, |info| info.held_octets),
        unacknowledged_octets: info.map_or(0, |info| info.unacknowledged_octets),
        unread_octets: u64::try_from(endpoint.readable_octets(id)).unwrap_or(u64::MAX),
        rtt_micros: info
            .and_then(|info| info.smoothed_rtt)
            .map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
    })
}
