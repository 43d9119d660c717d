//! The thread that makes epochs durable, one after the other.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use hiatus_store::{CommitError, Epoch, OpenError, Store, Taker};

/// What became of an epoch.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) number: u32,
    pub(crate) octets: usize,
    pub(crate) took: Duration,
    pub(crate) outcome: Result<(), Failure>,
}

/// Why an epoch did not become durable, and what begins the next attempt.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: FailureError,
    pub(crate) taker: Taker,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FailureError {
    /// The commit.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The store was broken by an earlier one, and could not be opened again.
    #[error("the store cannot be opened again: {0}")]
    Open(#[from] OpenError),
}

struct Order {
    number: u32,
    octets: usize,
    epoch: Epoch,
}

/// The thread. It ends with this value, after the commits that were ordered.
#[derive(Debug)]
pub(crate) struct Committer {
    orders: Option<Sender<Order>>,
    done: Receiver<Committed>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Committer {
    /// `wake` is called on the thread after each commit.
    pub(crate) fn start(store: Store, path: PathBuf, wake: impl Fn() + Send + 'static) -> Self {
        let (orders, to_do) = mpsc::channel::<Order>();
        let (tell, done) = mpsc::channel();
        let thread = thread::Builder::new().name("hiatus-commit".to_owned()).spawn(move || {
            let mut store = Some(store);
            while let Ok(Order { number, octets, epoch }) = to_do.recv() {
                let started = Instant::now();
                let outcome = commit(&mut store, &path, &epoch);
                drop(epoch);
                if tell.send(Committed { number, octets, took: started.elapsed(), outcome }).is_err() {
                    return;
                }
                wake();
            }
        });
        // Without its thread every commit fails loudly, at the first order.
        Self { orders: Some(orders), done, thread: thread.ok() }
    }

    pub(crate) fn commit(&self, number: u32, epoch: Epoch, octets: usize) {
        if let Some(orders) = &self.orders {
            orders.send(Order { number, octets, epoch }).ok();
        }
    }

    pub(crate) fn poll(&self) -> Option<Committed> {
        self.done.try_recv().ok()
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn commit(store: &mut Option<Store>, path: &Path, epoch: &Epoch) -> Result<(), Failure> {
    let attempt = reopened(store, path).map_err(FailureError::from).and_then(|store| {
        store.commit(epoch)?;
        Ok(())
    });
    attempt.map_err(|error| {
        // What is on the disk now only the file can tell.
        *store = None;
        let durable = reopened(store, path).ok().and_then(|store| store.durable());
        // Numbers go on rising: the epoch that failed may be there all the same.
        let last = durable.map_or(epoch.id(), |durable| durable.max(epoch.id()));
        Failure { error, taker: Taker::after(Some(last)) }
    })
}

fn reopened<'s>(store: &'s mut Option<Store>, path: &Path) -> Result<&'s mut Store, OpenError> {
    match store {
        Some(store) => Ok(store),
        None => Ok(store.insert(Store::restore(path)?.0)),
    }
}
