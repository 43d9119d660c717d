#![no_std]
//! hiatus-codec
