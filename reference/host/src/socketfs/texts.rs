//! What the files say that are read as text.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use fuser::Errno;
use hiatus_engine::{HiatusState, PeerState, SelfState, TcpState};
use ipnet::IpNet;
use rustix::io::Errno as Number;

use crate::machine::Machine;
use crate::socketfs::socket::{Phase, Socket, Standing, Switch};
use crate::socketfs::tree::File;
use crate::socketfs::trouble::errno;

/// The network of the mount.
#[derive(Debug, Clone, Default)]
pub struct Network {
    /// Addresses of the sockets, with the lengths of their prefixes.
    pub addresses: Vec<IpNet>,
    /// The other end of the link, which forwards.
    pub gateways: Vec<IpAddr>,
}

impl Network {
    pub(super) fn has(&self, address: IpAddr) -> bool {
        address.is_unspecified() || self.addresses.iter().any(|own| own.addr() == address)
    }

    /// The own address from which `remote` is reached.
    pub(super) fn source(&self, remote: IpAddr) -> Option<IpAddr> {
        let of_family = || self.addresses.iter().filter(|own| own.addr().is_ipv4() == remote.is_ipv4());
        let near = of_family()
            .find(|own| own.addr() == remote)
            .or_else(|| of_family().find(|own| own.contains(&remote)));
        near.or_else(|| of_family().next()).map(IpNet::addr)
    }

    pub(super) fn address(&self) -> String {
        self.addresses.iter().map(|own| format!("{}\n", own.addr())).collect()
    }

    pub(super) fn netmask(&self) -> String {
        self.addresses.iter().map(|own| format!("{}\n", own.netmask())).collect()
    }

    pub(super) fn gateway(&self) -> String {
        self.gateways.iter().map(|gateway| format!("{gateway}\n")).collect()
    }
}

/// What `file` of `socket` says; an error if it has nothing to say.
pub(super) fn of_socket(file: File, socket: &Socket, machine: &Machine) -> Result<String, Errno> {
    let switch = |value: Option<Switch>, default| {
        let digit = if value.unwrap_or(default) == Switch::On { 1 } else { 0 };
        Ok(format!("{digit}\n"))
    };
    match file {
        File::Local => Ok(format!("{}\n", local(socket))),
        File::Remote => match socket.stream() {
            Some(stream) => Ok(format!("{}\n", stream.remote)),
            None => Err(errno(Number::NOTCONN)),
        },
        File::Bind => Ok(socket.bound.map_or_else(String::new, |bound| format!("{bound}\n"))),
        File::Listen => match &socket.phase {
            Phase::Listening(listening) => Ok(format!("{}\n", listening.backlog)),
            _ => Ok(String::new()),
        },
        File::Error => Ok(match socket.stream().and_then(|stream| stream.over.as_ref()) {
            Some(over) => format!("{} {} {}\n", over.name, over.errno, over.words),
            None => "OK 0 no error\n".to_owned(),
        }),
        File::SoError => {
            let over = socket.stream().and_then(|stream| stream.over.as_ref());
            Ok(format!("{}\n", over.map_or(0, |over| over.errno)))
        }
        File::SoKeepalive => switch(socket.options.keepalive, Switch::Off),
        File::TcpNodelay => switch(socket.options.nodelay, Switch::Off),
        File::TcpUserTimeout => Ok(format!("{}\n", socket.options.user_timeout_ms.unwrap_or(0))),
        File::State => Ok(state(socket, machine)),
        File::Epoch => Ok(epoch(socket, machine)),
        _ => Err(errno(Number::INVAL)),
    }
}

fn local(socket: &Socket) -> SocketAddr {
    match &socket.phase {
        Phase::Listening(listening) => listening.local,
        Phase::Connected(stream) => stream.local,
        Phase::New => socket.bound.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
    }
}

/// The states of RFC 9293 and of the draft, one line each.
fn state(socket: &Socket, machine: &Machine) -> String {
    let endpoint = machine.endpoint();
    let id = socket.connection();
    let tcp = match (&socket.phase, id) {
        (Phase::Listening(_), _) => TcpState::Listen,
        (_, Some(id)) => endpoint.state(id),
        _ => TcpState::Closed,
    };
    let hiatus = match id.map_or(HiatusState::Off, |id| endpoint.hiatus_state(id)) {
        HiatusState::On => "on",
        HiatusState::Negotiating => "negotiating",
        HiatusState::Off => "off",
    };
    let own = id.map_or(SelfState::Up, |id| endpoint.self_state(id));
    let peer = id.map_or(PeerState::Up, |id| endpoint.peer_state(id));
    format!("state {tcp}\nself {own}\npeer {peer}\nhiatus {hiatus}\n")
}

/// Epochs of the host, and how far the connection is in them. Positions are octets since the connection began.
fn epoch(socket: &Socket, machine: &Machine) -> String {
    let epochs = machine.epochs();
    let mut text =
        format!("incarnation {}\ntaken {}\ndurable {}\n", epochs.incarnation, epochs.taken, epochs.durable);
    let Some(stream) = socket.stream() else { return text };
    text.push_str(&format!("read {}\nwritten {}\n", stream.read_octets, stream.written_octets));
    let Some(info) = stream.id.and_then(|id| machine.endpoint().info(id)) else { return text };
    if stream.standing == Standing::Opening {
        return text;
    }
    // Position 1 is the first octet of the stream.
    let octets = |position: u64| position.saturating_sub(1);
    text.push_str(&format!(
        "stable-here {}\nstable-peer {}\nunread {}\nheld {}\nretained {}\n",
        info.stable.own.map_or(0, |own| octets(own.0)),
        octets(info.stable.peer.0),
        stream.id.map_or(0, |id| machine.endpoint().readable_octets(id)),
        info.held_octets,
        info.retained_octets,
    ));
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::Network;

    #[test]
    fn the_own_address_is_the_nearest() {
        let addresses =
            ["10.7.0.2/24", "10.8.0.2/24", "fd07::2/64"].map(|text| text.parse().unwrap()).to_vec();
        let network = Network { addresses, gateways: Vec::new() };
        let source = |text: &str| network.source(text.parse().unwrap()).unwrap().to_string();
        assert_eq!(source("10.8.0.9"), "10.8.0.2");
        assert_eq!(source("10.8.0.2"), "10.8.0.2");
        assert_eq!(source("192.0.2.1"), "10.7.0.2");
        assert_eq!(source("2001:db8::1"), "fd07::2");
    }
}
