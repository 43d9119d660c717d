//! Where this crate meets the engine's epochs.

use hiatus_codec::Position;
use hiatus_engine::{Command, Config, Connection, ConnectionInfo, Sending, Time};

use crate::placement::Sends;

/// An epoch is TAKEN.
pub(crate) fn taken(connection: &mut Connection, now: Time, epoch: u32) {
    connection.handle_command(now, Command::SnapshotTaken { epoch }).ok();
}

/// It is DURABLE.
pub(crate) fn durable(connection: &mut Connection, now: Time, epoch: u32) {
    connection.handle_command(now, Command::SnapshotDurable { epoch }).ok();
}

/// Octets acknowledged and retained.
pub(crate) fn retained(info: &ConnectionInfo) -> u64 {
    info.retained_octets
}

/// What a broker may cut its log at: the peer will not ask for octets before it again.
pub(crate) fn truncation_point(info: &ConnectionInfo) -> Position {
    info.stable.peer
}

/// What a configuration says of retention and holding.
pub(crate) fn config(config: Config, limit_octets: u32, sends: Sends, is_host: bool) -> Config {
    let holds = sends == Sends::HoldSend && is_host;
    let sending = if holds { Sending::HoldSend } else { Sending::Unheld };
    Config { retained_octets_max: limit_octets, sending, ..config }
}
