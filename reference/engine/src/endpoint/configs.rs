//! Configurations, each kept once: a connection names its own in two octets.

use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use crate::config::Config;

/// The configurations in use.
#[derive(Debug, Clone)]
pub(crate) struct Configs {
    entries: Vec<Entry>,
    by_value: HashTable<u16>,
    free: Vec<u16>,
}

#[derive(Debug, Clone)]
struct Entry {
    config: Config,
    users: u32,
}

fn hash(config: &Config) -> u64 {
    // They come from the application, not from the wire: no key is needed.
    let mut hasher = SipHasher13::new();
    config.hash(&mut hasher);
    hasher.finish()
}

impl Configs {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), by_value: HashTable::new(), free: Vec::new() }
    }

    /// Notes one more user of `config`; `None` if 65,536 others are in use.
    pub(crate) fn intern(&mut self, config: &Config) -> Option<u16> {
        let hash_of = hash(config);
        let entries = &mut self.entries;
        if let Some(found) = self.by_value.find(hash_of, |at| entries[usize::from(*at)].config == *config) {
            entries[usize::from(*found)].users += 1;
            return Some(*found);
        }
        let entry = Entry { config: *config, users: 1 };
        let at = if let Some(at) = self.free.pop() {
            entries[usize::from(at)] = entry;
            at
        } else {
            let at = u16::try_from(entries.len()).ok()?;
            entries.push(entry);
            at
        };
        self.by_value.insert_unique(hash_of, at, |at| hash(&entries[usize::from(*at)].config));
        Some(at)
    }

    /// Notes one more user of a configuration that is in use.
    pub(crate) fn share(&mut self, at: u16) {
        if let Some(entry) = self.entries.get_mut(usize::from(at)) {
            entry.users += 1;
        }
    }

    /// One user less.
    pub(crate) fn release(&mut self, at: u16) {
        let Some(entry) = self.entries.get_mut(usize::from(at)) else { return };
        entry.users = entry.users.saturating_sub(1);
        if entry.users == 0
            && let Ok(found) = self.by_value.find_entry(hash(&entry.config), |found| *found == at)
        {
            found.remove();
            self.free.push(at);
        }
    }

    /// Users of all of them.
    pub(crate) fn users(&self) -> usize {
        let in_use = self.by_value.iter().filter_map(|at| self.entries.get(usize::from(*at)));
        in_use.map(|entry| usize::try_from(entry.users).unwrap_or(usize::MAX)).sum()
    }

    pub(crate) fn at(&self, at: u16) -> &Config {
        &self.entries[usize::from(at)].config
    }
}
