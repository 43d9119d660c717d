//! What a checker is asked for, and the checker that answers: stateright. Another one would be another `explore`.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use stateright::{Checker, Model, Property};

/// Something whose states can be searched.
pub trait Search: Send + Sync + 'static {
    /// A state: equal states have the same future.
    type State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static;
    /// What may happen in a state.
    type Step: Clone + Debug + PartialEq + Send + Sync + 'static;

    /// Where it begins.
    fn start(&self) -> Self::State;
    /// Everything that may happen in `state`, in an order that never changes.
    fn steps(&self, state: &Self::State, steps: &mut Vec<Self::Step>);
    /// What `step` makes of `state`.
    fn after(&self, state: &Self::State, step: &Self::Step) -> Self::State;
    /// True if nothing is wrong in `state`.
    fn holds(&self, state: &Self::State) -> bool;
}

/// How far to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// No more states than about that.
    pub states_max: usize,
    /// No longer than about that.
    pub time_max: Duration,
    /// Threads; with one, the first counterexample is a shortest one.
    pub threads: usize,
}

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Different states so far.
    pub states: usize,
    /// Steps from the start to the furthest of them.
    pub depth: usize,
    /// Since it began.
    pub elapsed: Duration,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<Step> {
    /// Where it ended.
    pub progress: Progress,
    /// True if every state that can be reached was seen.
    pub is_whole: bool,
    /// The steps to a state in which something is wrong.
    pub counterexample: Option<Vec<Step>>,
}

/// The name under which stateright knows the one property. With several it may report a longer story than it has found.
const PROPERTY: &str = "holds";
/// Between two looks at how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(20);

struct Subject<S> {
    search: Arc<S>,
    /// From then on no state has a step: stateright itself looks at its limits only where threads share work.
    is_cut: Arc<AtomicBool>,
}

impl<S: Search> Model for Subject<S> {
    type State = S::State;
    type Action = S::Step;

    fn init_states(&self) -> Vec<Self::State> {
        vec![self.search.start()]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        if !self.is_cut.load(Ordering::Relaxed) {
            self.search.steps(state, actions);
        }
    }

    fn next_state(&self, last: &Self::State, action: Self::Action) -> Option<Self::State> {
        Some(self.search.after(last, &action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(PROPERTY, |subject: &Self, state: &S::State| subject.search.holds(state))]
    }
}

/// Searches breadth first, and says now and then how far it is.
pub fn explore<S: Search>(
    subject: &Arc<S>,
    limits: Limits,
    mut tell: impl FnMut(Progress),
) -> Found<S::Step> {
    let began = Instant::now();
    let is_cut = Arc::new(AtomicBool::new(false));
    let model = Subject { search: Arc::clone(subject), is_cut: Arc::clone(&is_cut) };
    let checker = model.checker().threads(limits.threads).spawn_bfs();
    let progress = |states, depth| Progress { states, depth, elapsed: began.elapsed() };
    while !checker.is_done() {
        thread::sleep(PROGRESS_INTERVAL);
        let now = progress(checker.unique_state_count(), checker.max_depth());
        if now.states >= limits.states_max || now.elapsed >= limits.time_max {
            is_cut.store(true, Ordering::Relaxed);
        }
        tell(now);
    }
    let checker = checker.join();
    let counterexample = checker.discovery(PROPERTY).map(stateright::Path::into_actions);
    let is_whole = counterexample.is_none() && !is_cut.load(Ordering::Relaxed);
    let progress = progress(checker.unique_state_count(), checker.max_depth());
    Found { progress, is_whole, counterexample }
}
