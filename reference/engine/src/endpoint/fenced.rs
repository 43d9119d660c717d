//! Peers that have fenced this host (draft, {#ending}).

use alloc::collections::BTreeSet;

use crate::endpoint::budget::Peer;
use crate::endpoint::tuple::Tuple;

/// Peers that are remembered; with more, everybody counts.
const PEERS_MAX: usize = 1024;

//= draft#ending
//# A host that was fenced answers no segment of that connection: it shares
//# its address and keys with the one that goes on.
/// Whom this host answers no segment of a connection that it does not have: another instance may have it.
///
/// For as long as it runs: fencing is final for the instance that it hits (draft, {#clones}).
#[derive(Debug, Clone, Default)]
pub(crate) struct FencedBy {
    peers: BTreeSet<Peer>,
    everybody: bool,
}

impl FencedBy {
    pub(crate) fn add(&mut self, tuple: &Tuple) {
        let peer = Peer::of(tuple);
        if self.peers.len() < PEERS_MAX || self.peers.contains(&peer) {
            self.peers.insert(peer);
        } else {
            self.everybody = true;
        }
    }

    pub(crate) fn includes(&self, tuple: &Tuple) -> bool {
        self.everybody || (!self.peers.is_empty() && self.peers.contains(&Peer::of(tuple)))
    }
}
