//! Ports for connections whose owner does not care (RFC 6056, section 3.3.4, the double-hash algorithm).

use alloc::vec;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::endpoint::secrets::EndpointSecrets;
use crate::endpoint::tuple::Tuple;

/// First and last port that is given away (RFC 6056, section 3.2).
const PORTS: core::ops::RangeInclusive<u16> = 1024..=65_535;
/// How many there are.
const PORTS_COUNT: u64 = 65_536 - 1024;
/// Counters: TABLE_LENGTH of RFC 6056.
const COUNTERS: usize = 1024;
/// Ports that are tried before there is none.
const TRIES_MAX: usize = 1024;

/// The counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ephemeral {
    counters: Vec<u16>,
}

impl Ephemeral {
    pub(crate) fn new() -> Self {
        Self { counters: vec![0; COUNTERS] }
    }

    /// `tuple` with a local port that `is_free`, in place of the one it has. Ports of one peer follow each other, so
    /// that the first one tried is nearly always free.
    pub(crate) fn choose(
        &mut self,
        secrets: &EndpointSecrets,
        tuple: &Tuple,
        is_free: impl Fn(&Tuple) -> bool,
    ) -> Option<Tuple> {
        let offset = secrets.port_offset(tuple) % PORTS_COUNT;
        let which = secrets.port_counter(tuple) % u64::try_from(COUNTERS).unwrap_or(1);
        let counter = self.counters.get_mut(usize::try_from(which).unwrap_or(0))?;
        for _ in 0..TRIES_MAX {
            let nth = (offset + u64::from(*counter)) % PORTS_COUNT;
            *counter = if u64::from(*counter) + 1 == PORTS_COUNT { 0 } else { *counter + 1 };
            let port = PORTS.start().checked_add(u16::try_from(nth).ok()?)?;
            let tuple = tuple.with_local_port(port);
            if is_free(&tuple) {
                return Some(tuple);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
