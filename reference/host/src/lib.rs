//! # hiatus-host
//!
//! The engine as something people run. One loop on one thread owns everything: the [`Endpoint`](hiatus_engine::Endpoint),
//! the link below it, and the store that it is restored from.
//!
//! From the wire upwards: [`link`] carries packets; [`Machine`] turns the endpoint, and takes the epochs from which it comes
//! back ([`epochs`]); a [`Service`] is what runs on it.

pub mod clock;
pub mod config;
pub mod control;
pub mod demo;
pub mod epochs;
pub mod event_loop;
pub mod keep;
pub mod link;
pub mod machine;
pub mod metrics;
pub mod proxy;
mod runtime;
pub mod socketfs;
mod sys;

pub use event_loop::{EventLoop, Wired};
pub use machine::{Machine, Service, Settings};
pub use runtime::{
    ClosedError, HiatusListener, HiatusStream, Host, RunError, StartedHost, StreamEvent, Transaction,
};
