//! What a record says of the path.

use crate::path::Path;

impl Path {
    /// The peer's MSS option. What was found out about the path is no part of a record: it may be another one.
    pub(crate) fn peer_mss(&self) -> u16 {
        let Self {
            version: _,
            mode: _,
            peer_mss,
            link: _,
            mtu: _,
            search_high: _,
            delivered: _,
            probes_lost: _,
            is_black_hole: _,
            raise_at: _,
            probe_at: _,
            sample: _,
            pending: _,
        } = self;
        *peer_mss
    }
}
