//! What is said of the pairs.

use hiatus_engine::HiatusState;

use crate::machine::Machine;
use crate::proxy::Survival;
use crate::proxy::any::AnyIp;
use crate::proxy::pair::Stage;
use crate::proxy::status::{PairStatus, Route};

impl AnyIp {
    pub(crate) fn status(&self, machine: &Machine) -> impl Iterator<Item = PairStatus> {
        let endpoint = machine.endpoint();
        self.pairs.iter().map(move |(_, pair)| {
            let far = pair.far.id;
            let info = far.and_then(|far| endpoint.info(far));
            let on = far.filter(|far| endpoint.hiatus_state(*far) == HiatusState::On);
            PairStatus {
                number: pair.number,
                route: Route::Carry,
                source: pair.source,
                destination: pair.destination,
                peer: far.and_then(|far| endpoint.remote(far)),
                stage: match pair.stage {
                    Stage::Negotiating => "negotiating",
                    Stage::Open => "open",
                    _ => "opening",
                },
                survives: if self.survival == Survival::Kept && on.is_some() { "kept" } else { "no" },
                state: far.map(|far| endpoint.state(far).to_string()).unwrap_or_default(),
                hiatus: on.map(|far| {
                    format!("SELF {} PEER {}", endpoint.self_state(far), endpoint.peer_state(far))
                }),
                up_octets: pair.near.octets,
                up_unstable_octets: 0,
                down_octets: pair.far.octets,
                unacknowledged_octets: info.map_or(0, |info| info.unacknowledged_octets),
                held_octets: info.map_or(0, |info| info.held_octets),
                retained_octets: info.map_or(0, |info| info.retained_octets),
                rtt_us: info
                    .and_then(|info| info.smoothed_rtt)
                    .map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
            }
        })
    }
}
