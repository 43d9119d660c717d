//! Pairs that an earlier process had.

use std::collections::HashMap;

use hiatus_engine::{Command, ConnectionId, ListenerId, TcpState};
use tracing::{info, warn};

use crate::epochs::StatesFound;
use crate::machine::{Machine, Returned};
use crate::proxy::any::both::{Both, End, Leg};
use crate::proxy::any::record::{BothRecord, LegRecord};
use crate::proxy::any::{AnyIp, STATE_PREFIX};
use crate::proxy::pair::Stage;

impl AnyIp {
    /// Goes on with every pair of the epoch. Takes its legs out of `back`, the connections that are back by their numbers.
    pub(crate) fn bring_back(
        &mut self,
        machine: &mut Machine,
        back: &mut HashMap<u64, ConnectionId>,
        states: &StatesFound,
        next_number: &mut u64,
    ) {
        let mut pairs = 0_usize;
        for (name, octets) in states {
            let Some(number) = name.strip_prefix(STATE_PREFIX).and_then(|number| number.parse().ok()) else {
                continue;
            };
            *next_number = (*next_number).max(number + 1);
            let Some(record) = BothRecord::parse(octets) else {
                warn!(number, "the state of a pair cannot be read: it is lost");
                self.removed.push(number);
                continue;
            };
            let near = record.near.id.and_then(|was| back.remove(&was));
            let far = record.far.id.and_then(|was| back.remove(&was));
            pairs += usize::from(self.go_on(machine, number, &record, near, far).is_some());
        }
        if pairs > 0 {
            info!(pairs, "go on");
        }
        let local = |id| machine.endpoint().local(id).is_some_and(|local| self.has(local.ip()));
        let near: Vec<(u64, ConnectionId)> =
            back.iter().map(|(was, id)| (*was, *id)).filter(|(_, id)| local(*id)).collect();
        for (was, id) in near {
            back.remove(&was);
            if matches!(machine.endpoint().state(id), TcpState::Established | TcpState::CloseWait) {
                // Nothing was read from it.
                self.admit(machine, id, next_number);
            }
        }
    }

    fn go_on(
        &mut self,
        machine: &mut Machine,
        number: u64,
        record: &BothRecord,
        near: Option<ConnectionId>,
        far: Option<ConnectionId>,
    ) -> Option<()> {
        let is_there = |leg: &LegRecord, id: Option<ConnectionId>| leg.is_over || id.is_some();
        let are_there = is_there(&record.near, near) && is_there(&record.far, far);
        let is_untouched = record.near.is_untouched && record.far.is_untouched && !record.far.is_over;
        let goes_on = record.is_open && are_there;
        if !goes_on && (near.is_none() || (record.is_open && !is_untouched)) {
            if near.is_some() {
                info!(number, "the far leg is gone: the local one is reset");
            }
            for id in [near, far].into_iter().flatten() {
                machine.command(id, Command::Abort).ok();
            }
            self.removed.push(number);
            return None;
        }
        let mut pair = Both::new(number, record.source, record.destination);
        if goes_on {
            pair.stage = Stage::Open;
            pair.is_known = record.is_known;
            (pair.near, pair.far) = (leg(&record.near), leg(&record.far));
        }
        let key = self.pairs.insert(pair);
        if let Some(near) = near {
            self.join(key, End::Near, near);
        }
        if let Some(far) = far {
            self.join(key, End::Far, far);
        }
        self.note(machine, key);
        if goes_on {
            self.unconfirmed.push(key);
            self.enqueue(key);
        } else {
            self.drop_far(machine, key);
            self.open_far(machine, key);
        }
        Some(())
    }

    /// The memory of this process came back older: legs have other names now. Local programs cannot be told, and their legs
    /// are lost.
    pub(crate) fn rename(
        &mut self,
        machine: &mut Machine,
        returned: &[Returned],
        listeners: &[(ListenerId, ListenerId)],
    ) {
        for listener in &mut self.listeners {
            if let Some((_, new)) = listeners.iter().find(|(old, _)| old == listener) {
                *listener = *new;
            }
        }
        let names: HashMap<u64, ConnectionId> = returned.iter().map(|back| (back.was, back.id)).collect();
        self.by_leg.clear();
        let keys: Vec<usize> = self.pairs.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(pair) = self.pairs.get_mut(key) else { continue };
            let mut is_there = true;
            for end in [End::Near, End::Far] {
                let leg = pair.leg_mut(end);
                leg.id = leg.id.and_then(|id| names.get(&id.number()).copied());
                is_there &= leg.is_over || leg.id.is_some();
                if let Some(id) = leg.id {
                    self.by_leg.insert(id, (key, end));
                }
            }
            if is_there {
                self.note(machine, key);
                self.enqueue(key);
            } else {
                self.break_off(machine, key, "a leg did not come back");
            }
        }
    }
}

/// A leg as its record has it, without its name.
fn leg(record: &LegRecord) -> Leg {
    Leg {
        is_over: record.is_over,
        rest: record.rest.clone(),
        octets: u64::from(!record.is_untouched),
        ..Leg::default()
    }
}
