//! Explicit Congestion Notification: the field of IP (RFC 3168, section 5), and what TCP does with it (section 6.1).

use hiatus_codec::{Flags, Position};
use serde::{Deserialize, Serialize};

use crate::config::EcnPolicy;

/// The two bits that IP carries for the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Ecn {
    /// 00: the transport does not understand marks.
    #[default]
    NotEct,
    /// 01: ECT(1).
    Ect1,
    /// 10: ECT(0).
    Ect0,
    /// 11: congestion experienced.
    Ce,
}

impl Ecn {
    /// The field in the low two bits of the traffic class (RFC 3168, section 5); higher bits are ignored.
    #[must_use]
    pub const fn of_traffic_class(octet: u8) -> Self {
        match octet & 0b11 {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }

    /// The field, 0 to 3.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::NotEct => 0b00,
            Self::Ect1 => 0b01,
            Self::Ect0 => 0b10,
            Self::Ce => 0b11,
        }
    }
}

/// ECN-setup SYNs of one attempt; later ones get through path elements that drop them for it (RFC 3168, section
/// 6.1.1.1).
const SETUP_SYNS: u8 = 1;
/// What makes a SYN an ECN-setup SYN.
const SETUP: Flags = Flags::ECE.union(Flags::CWR);

/// What the SYNs, or SYN/ACKs, of one end said (RFC 3168, section 6.1.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Said {
    /// None was seen.
    #[default]
    Nothing,
    /// ECN-setup.
    Setup,
    /// ECN-setup first, and a later one did not: it keeps the promise to echo, and does not mark.
    Withdrawn,
    /// Never ECN-setup.
    Plain,
}

impl Said {
    fn then(self, is_setup: IsSetup) -> Self {
        match (self, is_setup) {
            (Self::Nothing | Self::Setup, IsSetup::Yes) => Self::Setup,
            (Self::Setup | Self::Withdrawn, _) => Self::Withdrawn,
            (Self::Nothing | Self::Plain, _) => Self::Plain,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IsSetup {
    Yes,
    No,
}

/// ECN of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EcnState {
    own: Said,
    peer: Said,
    syns: u8,
    /// ECE is set until the peer says CWR.
    echo: bool,
    /// The congestion window was reduced, and the peer is not told yet.
    cwr_is_due: bool,
    /// SND.NXT when the window was reduced last: echoes of what was sent before say nothing new.
    reduced_up_to: Position,
}

impl EcnState {
    /// The ECN flags of the next SYN of an end that opens actively.
    pub(crate) fn syn_flags(&mut self, policy: EcnPolicy) -> Flags {
        let offers = policy == EcnPolicy::On && self.syns < SETUP_SYNS;
        self.syns = self.syns.saturating_add(1);
        self.own = self.own.then(if offers { IsSetup::Yes } else { IsSetup::No });
        if offers { SETUP } else { Flags::default() }
    }

    /// The ECN flags of the next SYN/ACK: an answer to an ECN-setup SYN, and never an offer.
    pub(crate) fn syn_ack_flags(&mut self, policy: EcnPolicy) -> Flags {
        let accepts = policy == EcnPolicy::On && self.peer == Said::Setup;
        self.own = self.own.then(if accepts { IsSetup::Yes } else { IsSetup::No });
        if accepts { Flags::ECE } else { Flags::default() }
    }

    /// A SYN or SYN/ACK of the peer with these flags.
    ///
    /// A SYN/ACK that reflects both flags comes from a host that knows neither (RFC 3168, section 6.1.1.2).
    pub(crate) fn heard_syn(&mut self, flags: Flags) {
        let is_setup = if flags.contains(Flags::ACK) {
            flags.contains(Flags::ECE) && !flags.contains(Flags::CWR)
        } else {
            flags.contains(SETUP)
        };
        self.peer = self.peer.then(if is_setup { IsSetup::Yes } else { IsSetup::No });
    }

    /// Whether new data is marked ECT(0).
    fn marks(&self) -> bool {
        self.own == Said::Setup && self.peer == Said::Setup
    }

    /// Whether marks of routers are echoed.
    fn echoes(&self) -> bool {
        matches!(self.own, Said::Setup | Said::Withdrawn) && self.peer == Said::Setup
    }

    /// A segment with text, or at least within the window (RFC 3168, section 6.1.5), arrived with `mark` in its IP header.
    pub(crate) fn text_arrived(&mut self, flags: Flags, mark: Ecn) {
        if !self.echoes() {
            return;
        }
        if flags.contains(Flags::CWR) {
            self.echo = false;
        }
        self.echo |= mark == Ecn::Ce;
    }

    /// The flag that every segment with ACK carries (RFC 3168, section 6.1.3).
    pub(crate) fn ack_flags(&self) -> Flags {
        if self.echo { Flags::ECE } else { Flags::default() }
    }

    /// Whether the next new data says CWR.
    pub(crate) fn tells_peer(&self) -> bool {
        self.cwr_is_due
    }

    /// The codepoint and the flags of data that is sent for the first time.
    pub(crate) fn new_data(&mut self) -> (Ecn, Flags) {
        if !self.marks() {
            return (Ecn::NotEct, Flags::default());
        }
        let flags = if self.cwr_is_due { Flags::CWR } else { Flags::default() };
        self.cwr_is_due = false;
        (Ecn::Ect0, flags)
    }

    /// An acknowledgment up to `ack` with these flags. True if the window is to be reduced: once for each window of data
    /// (RFC 3168, section 6.1.2).
    pub(crate) fn is_congested(&mut self, flags: Flags, ack: Position, nxt: Position) -> bool {
        let is_congested = self.marks()
            && flags.contains(Flags::ECE)
            && !flags.contains(Flags::SYN)
            && ack > self.reduced_up_to;
        if is_congested {
            self.reduced(nxt);
        }
        is_congested
    }

    /// The window was reduced, for whatever reason, with SND.NXT at `nxt`: the peer is told, and no echo of that window
    /// reduces it again.
    pub(crate) fn reduced(&mut self, nxt: Position) {
        self.reduced_up_to = nxt;
        self.cwr_is_due = self.marks();
    }

    /// Both ends synchronised at SND.NXT = `nxt`: an echo or its answer may be forgotten (draft, {#interactions}).
    pub(crate) fn restart(&mut self, nxt: Position) {
        self.echo = false;
        self.cwr_is_due = false;
        self.reduced_up_to = self.reduced_up_to.min(nxt);
    }
}
