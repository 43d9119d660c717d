//! What a proxy says of its pairs.

use std::net::SocketAddr;

use serde::Serialize;

use crate::machine::Machine;
use crate::proxy::Proxy;
use crate::proxy::pair::{Care, Pair, Stage};
use crate::proxy::record::Side;

/// How a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Route {
    /// From a local program to a peer.
    Carry,
    /// From a peer to a local program.
    Serve,
    /// From a local program, past Hiatus.
    Direct,
}

/// One connection that passes a proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PairStatus {
    /// Its number in this host.
    pub number: u64,
    /// How it goes.
    pub route: Route,
    /// The program that began it.
    pub source: SocketAddr,
    /// Where that wanted to go.
    pub destination: SocketAddr,
    /// The peer; `None` past Hiatus, and where there is none yet or any longer.
    pub peer: Option<SocketAddr>,
    /// How far it is: `opening`, `negotiating`, `header`, `connecting`, `open`.
    pub stage: &'static str,
    /// Whether it outlives this process: `kept`, `awaited` (with the next epoch), `no`.
    pub survives: &'static str,
    /// The state of RFC 9293 of the far leg.
    pub state: String,
    /// SELF and PEER of the draft; `None` where Hiatus is not on.
    pub hiatus: Option<String>,
    /// Octets of the local leg that were carried.
    pub up_octets: u64,
    /// Those of them that are in no durable epoch.
    pub up_unstable_octets: u64,
    /// Octets that were given to the local leg.
    pub down_octets: u64,
    /// Octets written that the peer has not acknowledged.
    pub unacknowledged_octets: u64,
    /// Octets written that wait for a durable epoch before they leave.
    pub held_octets: u64,
    /// Octets acknowledged and kept for the peer, should it come back older: its stable lag.
    pub retained_octets: u64,
    /// Smoothed round-trip time of the far leg in microseconds.
    pub rtt_us: Option<u64>,
}

impl Proxy {
    /// All connections, those past Hiatus last.
    #[must_use]
    pub fn pair_status(&self, machine: &Machine) -> Vec<PairStatus> {
        let pairs = self.pairs.iter().map(|(_, pair)| of(pair, machine));
        let directs = self.directs.iter().map(|(_, direct)| PairStatus {
            number: direct.number,
            route: Route::Direct,
            source: direct.source,
            destination: direct.destination,
            peer: None,
            stage: "open",
            survives: "no",
            state: String::new(),
            hiatus: None,
            up_octets: 0,
            up_unstable_octets: 0,
            down_octets: 0,
            unacknowledged_octets: 0,
            held_octets: 0,
            retained_octets: 0,
            rtt_us: None,
        });
        pairs.chain(self.any.status(machine)).chain(directs).collect()
    }
}

fn of(pair: &Pair, machine: &Machine) -> PairStatus {
    let endpoint = machine.endpoint();
    let info = pair.far.and_then(|far| endpoint.info(far));
    let is_on = |far| endpoint.hiatus_state(far) == hiatus_engine::HiatusState::On;
    PairStatus {
        number: pair.number,
        route: match pair.side {
            Side::Carry => Route::Carry,
            Side::Serve => Route::Serve,
        },
        source: pair.source,
        destination: pair.destination,
        peer: pair.far.and_then(|far| endpoint.remote(far)),
        stage: match pair.stage {
            Stage::Opening => "opening",
            Stage::Negotiating => "negotiating",
            Stage::Header => "header",
            Stage::Connecting => "connecting",
            Stage::Open => "open",
        },
        survives: match pair.care {
            Care::Kept => "kept",
            Care::Awaited => "awaited",
            Care::None => "no",
        },
        state: pair.far.map(|far| endpoint.state(far).to_string()).unwrap_or_default(),
        hiatus: pair
            .far
            .filter(|far| is_on(*far))
            .map(|far| format!("SELF {} PEER {}", endpoint.self_state(far), endpoint.peer_state(far))),
        up_octets: pair.up_octets,
        up_unstable_octets: pair.up_octets.saturating_sub(pair.up_consumed_octets),
        down_octets: pair.down_octets,
        unacknowledged_octets: info.map_or(0, |info| info.unacknowledged_octets),
        held_octets: info.map_or(0, |info| info.held_octets),
        retained_octets: info.map_or(0, |info| info.retained_octets),
        rtt_us: info
            .and_then(|info| info.smoothed_rtt)
            .map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
    }
}
