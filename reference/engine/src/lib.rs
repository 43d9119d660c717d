//! Sans-IO TCP.
#![no_std]
extern crate alloc;
