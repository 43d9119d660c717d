//! Where this crate meets the engine's epochs.

use hiatus_engine::{Connection, ConnectionInfo, Time};

/// An epoch is TAKEN.
pub(crate) fn taken(_connection: &mut Connection, _now: Time, _epoch: u32) {}

/// It is DURABLE.
pub(crate) fn durable(_connection: &mut Connection, _now: Time, _epoch: u32) {}

/// Octets acknowledged and retained.
pub(crate) fn retained(_info: &ConnectionInfo) -> u64 {
    0
}

/// What a broker may cut its log at: the peer will not ask for octets before it again.
pub(crate) fn truncation_point(_info: &ConnectionInfo) -> hiatus_codec::Position {
    hiatus_codec::Position(1)
}

/// What a configuration says of retention and holding.
pub(crate) fn config(
    config: hiatus_engine::Config,
    _limit_octets: u32,
    _sends: crate::placement::Sends,
    _is_host: bool,
) -> hiatus_engine::Config {
    config
}
