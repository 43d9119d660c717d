//! The store and the outside on a disk that breaks, under a process that is killed, and with octets that nobody wrote.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod commit;
mod damage;
mod disk;
mod format;
mod history;
mod hosts;
mod kill;
mod model;
mod outside;
