//! What can be asked of a host, and what it answers: one JSON object a line.

use hiatus_codec::HoldTime;
use serde::{Deserialize, Serialize};

use crate::control::status::{Status, status};
use crate::event_loop::Wired;
use crate::machine::{GivenLife, Machine, RestoredError};

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// What is going on.
    Status,
    /// An epoch is to be TAKEN now.
    Snapshot {
        /// Whether the answer is to wait until it is DURABLE.
        #[serde(default)]
        wait: bool,
    },
    /// Whoever saves this memory has the epoch for good. For a host without a store.
    Durable {
        /// Its number, as [`Request::Snapshot`] was told.
        epoch: u32,
    },
    /// This memory is an older one.
    Restored {
        /// Higher than every incarnation before; left out, the host's outside gives one.
        #[serde(default)]
        incarnation: Option<u32>,
        /// No timestamp of an earlier life was above it, in milliseconds; needed with `incarnation`.
        #[serde(default)]
        tsval_ceiling: Option<u32>,
    },
    /// The host is going away: its peers are told.
    Suspend {
        /// For how long, in seconds; 0 does not say.
        #[serde(default)]
        seconds: u32,
    },
    /// The host is back, its memory as it was.
    Resume,
    /// What a monitoring system wants, as the text format of Prometheus.
    Metrics,
}

/// An answer, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It was done.
    Done(Answer),
    /// It was not, and nothing changed.
    Refused {
        /// Why.
        reason: String,
    },
}

/// What was done, or found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Answer {
    /// The state of the host.
    Status(Box<Status>),
    /// An epoch.
    Epoch {
        /// Its number.
        epoch: u32,
        /// Whether it is DURABLE.
        durable: bool,
    },
    /// Connections that it was done to.
    Connections {
        /// How many.
        count: usize,
    },
    /// Metrics.
    Metrics {
        /// The text format of Prometheus.
        text: String,
    },
}

impl Reply {
    pub(crate) fn refused(reason: String) -> Self {
        Self::Refused { reason }
    }
}

pub(crate) fn carry_out(request: &Request, machine: &mut Machine, service: &mut impl Wired) -> Reply {
    let count = match *request {
        Request::Status => return Reply::Done(Answer::Status(Box::new(status(machine, service)))),
        Request::Metrics => {
            return Reply::Done(Answer::Metrics { text: crate::metrics::text(&status(machine, service)) });
        }
        Request::Snapshot { .. } => {
            return match machine.snapshot(service) {
                Some(epoch) => Reply::Done(Answer::Epoch { epoch, durable: false }),
                None => {
                    Reply::refused("an epoch is being made durable: another can be taken after it".to_owned())
                }
            };
        }
        Request::Durable { epoch } => {
            let taken = machine.epochs().taken;
            if epoch == 0 || epoch > taken {
                return Reply::refused(format!("epoch {epoch}: expected one of 1 to {taken}"));
            }
            machine.durable(service, epoch);
            return Reply::Done(Answer::Epoch { epoch, durable: true });
        }
        Request::Restored { incarnation, tsval_ceiling } => {
            let life = match (incarnation, tsval_ceiling) {
                (Some(incarnation), Some(tsval_ceiling)) => Some(GivenLife { incarnation, tsval_ceiling }),
                (None, None) => None,
                _ => {
                    return Reply::refused("expected incarnation and tsval_ceiling, or neither".to_owned());
                }
            };
            match restored(machine, service, life) {
                Ok(count) => count,
                Err(error) => return Reply::refused(error.to_string()),
            }
        }
        Request::Suspend { seconds } => machine.suspend(HoldTime::from_seconds(seconds)),
        Request::Resume => {
            machine.resume();
            machine.connections().count()
        }
    };
    Reply::Done(Answer::Connections { count })
}

/// The memory came back; the service hears of it. Gives how many connections there are.
pub(crate) fn restored(
    machine: &mut Machine,
    service: &mut impl Wired,
    life: Option<GivenLife>,
) -> Result<usize, RestoredError> {
    let before = machine.listeners();
    let (returned, after) = machine.restored(life)?;
    let listeners: Vec<_> = before.into_iter().zip(after).collect();
    let count = returned.len();
    service.handle_restored(machine, &returned, &listeners);
    Ok(count)
}
