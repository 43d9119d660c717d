//! Where a connection stands, for those who compare both ends of it.

use hiatus_codec::{Life, Position};

use crate::tcb::Tcb;

/// Positions and lives of one end: what a simulation that sees both ends compares. Nothing depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// SND.STB.
    pub snd_stb: Position,
    /// SND.UNA.
    pub snd_una: Position,
    /// RCV.NXT.
    pub rcv_nxt: Position,
    /// The own life; (0, 0) where Hiatus is not on.
    pub own_life: Life,
    /// The latest life recorded of the peer; (0, 0) where Hiatus is not on.
    pub peer_life: Life,
}

impl Tcb {
    pub(crate) fn standing(&self) -> Standing {
        let lives = self.hiatus.session().map(|session| (session.own_life, session.peer_life));
        let (own_life, peer_life) = lives.unwrap_or_default();
        Standing { snd_stb: self.snd.stb, snd_una: self.snd.una, rcv_nxt: self.rcv.nxt, own_life, peer_life }
    }
}
