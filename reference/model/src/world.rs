//! Both ends and what is under way between them, as one state of a search.
//!
//! What was sent stays: it may arrive at any time, any number of times, or never. So loss, repetition, reordering and
//! delay without bound need no steps of their own, and what is under way only grows.
//!
//! An end is a function of its state and of what happens to it. So both are numbered, and what an end does with an input
//! is asked of the engine once, and looked up from then on.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::HashMap;

use crate::bounds::{Bounds, LiveClone};
use crate::end::{Disk, End, Epoch, Host, Input, Saved};
use crate::judge::{Trouble, View, judge};
use crate::opening::open;
use crate::search::Search;
use crate::table::Table;

/// No clone runs.
const NO_END: u32 = u32::MAX;

/// A state: numbers of what lies in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    /// A, B, and the clone of A or [`NO_END`].
    pub(crate) ends: [u32; 3],
    /// What is under way to A (and its clone), and to B.
    pub(crate) nets: [u32; 2],
}

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A: the instance that has the disk.
    A,
    /// B.
    B,
    /// The instance of A that was to be replaced.
    Clone,
}

/// What happens between two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Step {
    /// To whom.
    pub actor: Actor,
    /// What.
    pub input: Input,
    /// Whether the instance that is replaced goes on running.
    pub leaves_clone: bool,
}

/// What an end makes of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effect {
    /// The end afterwards.
    pub(crate) end: u32,
    /// What it sent: a number in the table of lists of segments.
    pub(crate) sent: u32,
    /// That, and all that it may send where it stands then.
    pub(crate) under_way: u32,
}

#[derive(Debug, Default)]
struct Tables {
    ends: Table<u8>,
    views: Vec<Arc<View>>,
    /// Epochs by what a restore makes of them, and one epoch for each.
    epoch_keys: Table<u8>,
    epochs: Vec<Arc<[u8]>>,
    segments: Table<u8>,
    /// Sorted lists of numbers of segments: what was sent at once, and what is under way.
    lists: Table<u32>,
    effects: HashMap<(u32, Input), Effect, foldhash::fast::RandomState>,
    unions: HashMap<(u32, u32), u32, foldhash::fast::RandomState>,
    troubles: HashMap<[u32; 3], Option<Trouble>, foldhash::fast::RandomState>,
    /// Each end without its epochs.
    bare: HashMap<u32, u32, foldhash::fast::RandomState>,
    /// Whether two ends get on.
    settled: HashMap<[u32; 2], bool, foldhash::fast::RandomState>,
}

/// A search: its bounds, and all that was found out so far.
#[derive(Debug)]
pub struct World {
    bounds: Bounds,
    start: State,
    tables: RwLock<Tables>,
}

impl Actor {
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
            Self::Clone => 2,
        }
    }

    /// Which of the two directions arrives here.
    const fn net(self) -> usize {
        if let Self::B = self { 1 } else { 0 }
    }
}

impl World {
    /// The start of a search.
    ///
    /// # Panics
    ///
    /// If two engines that nothing disturbs do not come to an open connection with Hiatus on.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let mut tables = Tables::default();
        let ends = open(&bounds).map(|(mut end, epoch)| {
            let epoch = tables.number_epoch(&epoch);
            end.host.durable = Some(epoch);
            let mut sent = Vec::new();
            end.repeat(&mut sent);
            (tables.number_end(&end, &bounds), tables.number_sent(&sent))
        });
        let [(a, a_sent), (b, b_sent)] = ends;
        let start = State { ends: [a, b, NO_END], nets: [b_sent, a_sent] };
        Self { bounds, start, tables: RwLock::new(tables) }
    }

    /// What is searched.
    #[must_use]
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many different ends, and how many different segments there were.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize) {
        let tables = self.read();
        (tables.ends.len(), tables.segments.len())
    }

    /// The end with that number.
    pub(crate) fn end(&self, number: u32) -> End {
        let octets = self.read().ends.value(number);
        value_of(&octets)
    }

    pub(crate) fn view(&self, number: u32) -> Arc<View> {
        let tables = self.read();
        Arc::clone(&tables.views[index(number)])
    }

    pub(crate) fn number_end(&self, end: &End) -> u32 {
        self.write().number_end(end, &self.bounds)
    }

    /// The octets of a segment.
    pub(crate) fn segment(&self, number: u32) -> Arc<[u8]> {
        self.read().segments.value(number)
    }

    /// A list of numbers of segments.
    pub(crate) fn list(&self, number: u32) -> Arc<[u32]> {
        self.read().lists.value(number)
    }

    /// What the end `number` makes of `input`.
    pub(crate) fn effect(&self, number: u32, input: Input) -> Effect {
        if let Some(effect) = self.read().effects.get(&(number, input)) {
            return *effect;
        }
        let mut end = self.end(number);
        let segment = if let Input::Deliver(segment) = input { self.segment(segment) } else { Arc::from([]) };
        let epoch = self.epoch_for(&end.host, input);
        let outcome = end.handle(&self.bounds, input, &segment, epoch);
        let mut under_way = outcome.sent.clone();
        end.repeat(&mut under_way);
        let mut tables = self.write();
        if let Some(saved) = &outcome.saved {
            let epoch = tables.number_epoch(saved);
            end.host.taken.push((saved.number, epoch));
        }
        end.forget_epochs(&self.bounds);
        let (sent, under_way) = (tables.number_sent(&outcome.sent), tables.number_sent(&under_way));
        let effect = Effect { end: tables.number_end(&end, &self.bounds), sent, under_way };
        tables.effects.insert((number, input), effect);
        effect
    }

    /// The epoch that `input` is about.
    fn epoch_for(&self, host: &Host, input: Input) -> Option<Saved> {
        let number = match input {
            Input::Restore(Epoch::Latest) => host.durable?,
            Input::Restore(Epoch::Newer(place)) => host.taken.get(usize::from(place))?.1,
            Input::Restore(Epoch::Older) => host.older?,
            _ => return None,
        };
        let octets = Arc::clone(&self.read().epochs[index(number)]);
        Some(value_of(&octets))
    }

    /// What is under way when `sent` has joined `net`.
    fn union(&self, net: u32, sent: u32) -> u32 {
        if sent == net {
            return net;
        }
        if let Some(union) = self.read().unions.get(&(net, sent)) {
            return *union;
        }
        let mut tables = self.write();
        let (net_list, sent_list) = (tables.lists.value(net), tables.lists.value(sent));
        let mut all: Vec<u32> = net_list.iter().chain(sent_list.iter()).copied().collect();
        all.sort_unstable();
        all.dedup();
        let (union, _) = tables.lists.number(&all);
        tables.unions.insert((net, sent), union);
        union
    }

    /// What is wrong in `state`, if something is.
    pub fn trouble(&self, state: &State) -> Option<Trouble> {
        if let Some(trouble) = self.read().troubles.get(&state.ends) {
            return trouble.clone();
        }
        let trouble = judge(self, state.ends);
        self.write().troubles.insert(state.ends, trouble.clone());
        trouble
    }

    /// The number of an end without its epochs.
    pub(crate) fn without_epochs(&self, number: u32) -> u32 {
        if let Some(bare) = self.read().bare.get(&number) {
            return *bare;
        }
        let bare = self.number_end(&self.end(number).without_epochs());
        self.write().bare.insert(number, bare);
        bare
    }

    /// Whether two ends get on, if that is known.
    pub(crate) fn settled(&self, ends: [u32; 2]) -> Option<bool> {
        self.read().settled.get(&ends).copied()
    }

    /// Notes that all of these lead to one verdict.
    pub(crate) fn note_settled(&self, seen: &[[u32; 2]], verdict: bool) {
        let mut tables = self.write();
        for ends in seen {
            tables.settled.insert(*ends, verdict);
        }
    }

    /// What happens to `state`, without asking whether it may.
    pub(crate) fn follow(&self, state: &State, step: &Step) -> State {
        let mut after = *state;
        let actor = step.actor.index();
        let effect = self.effect(state.ends[actor], step.input);
        after.ends[actor] = effect.end;
        let to = 1 - step.actor.net();
        after.nets[to] = self.union(state.nets[to], effect.under_way);
        if step.leaves_clone {
            let clone = self.end(state.ends[actor]).without_epochs();
            after.ends[2] = self.number_end(&clone);
        }
        after
    }

    fn steps_of(&self, state: &State, actor: Actor, steps: &mut Vec<Step>) {
        let number = state.ends[actor.index()];
        if number == NO_END {
            return;
        }
        let view = self.view(number);
        let disk = if actor == Actor::Clone { Disk::None } else { Disk::Own };
        let mut inputs: Vec<Input> = view.moves.clone();
        if disk == Disk::None {
            inputs.retain(|input| !matches!(input, Input::Take | Input::Durable | Input::Restore(_)));
        }
        inputs.extend(self.list(state.nets[actor.net()]).iter().map(|segment| Input::Deliver(*segment)));
        let may_clone = self.bounds.clone == LiveClone::OfA && actor == Actor::A && state.ends[2] == NO_END;
        for input in inputs {
            let step = Step { actor, input, leaves_clone: false };
            let is_restore = matches!(input, Input::Restore(_));
            // What changes nothing leads nowhere.
            if is_restore || self.follow(state, &step) != *state {
                steps.push(step);
            }
            if is_restore && may_clone {
                steps.push(Step { leaves_clone: true, ..step });
            }
        }
    }
}

impl Search for World {
    type State = State;
    type Step = Step;

    fn start(&self) -> State {
        self.start
    }

    fn steps(&self, state: &State, steps: &mut Vec<Step>) {
        for actor in [Actor::A, Actor::B, Actor::Clone] {
            self.steps_of(state, actor, steps);
        }
    }

    fn after(&self, state: &State, step: &Step) -> State {
        self.follow(state, step)
    }

    fn holds(&self, state: &State) -> bool {
        self.trouble(state).is_none()
    }
}

impl Tables {
    /// The number of a set of segments.
    fn number_sent(&mut self, sent: &[Vec<u8>]) -> u32 {
        let mut numbers: Vec<u32> = sent.iter().map(|octets| self.segments.number(octets).0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        self.lists.number(&numbers).0
    }

    /// Epochs are alike if a restore makes the same of them.
    fn number_epoch(&mut self, epoch: &Saved) -> u32 {
        let (number, is_new) = self.epoch_keys.number(&octets_of(&epoch.as_restored()));
        if is_new {
            self.epochs.push(octets_of(epoch).into());
        }
        number
    }

    fn number_end(&mut self, end: &End, bounds: &Bounds) -> u32 {
        let (number, is_new) = self.ends.number(&octets_of(end));
        if is_new {
            self.views.push(Arc::new(View::of(end, bounds)));
        }
        number
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The octets that a value is packed into: equal values have equal octets.
fn octets_of<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("plain values are packed into memory")
}

fn value_of<T: serde::de::DeserializeOwned>(octets: &[u8]) -> T {
    postcard::from_bytes(octets).expect("what was packed unpacks")
}
