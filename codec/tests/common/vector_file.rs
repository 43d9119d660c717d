//! `spec/vectors.toml` as the codec's tests read it.
#![allow(dead_code, reason = "each test uses its part of the file")]

use hiatus_codec::mac::{Context, Role};
use hiatus_codec::{Life, Nonce, Position};
use serde::Deserialize;

const FILE: &str = include_str!("../../../spec/vectors.toml");

#[derive(Deserialize)]
pub(crate) struct File {
    pub(crate) vector: Vec<Vector>,
    pub(crate) mac: Vec<MacVector>,
    pub(crate) position: Vec<PositionVector>,
}

#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) id: String,
    pub(crate) octets: String,
    pub(crate) verdict: String,
}

#[derive(Deserialize)]
pub(crate) struct MacVector {
    pub(crate) id: String,
    pub(crate) initiator_key: String,
    pub(crate) responder_key: String,
    pub(crate) key: String,
    pub(crate) role: String,
    pub(crate) message: String,
    pub(crate) life: String,
    pub(crate) nonce: String,
    pub(crate) p1: String,
    pub(crate) p2: String,
    pub(crate) input: String,
    pub(crate) tag: String,
}

#[derive(Deserialize)]
pub(crate) struct PositionVector {
    pub(crate) id: String,
    pub(crate) wire: String,
    pub(crate) near: String,
    pub(crate) position: String,
}

pub(crate) fn file() -> File {
    toml::from_str(FILE).unwrap()
}

pub(crate) fn octets(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect()
}

pub(crate) fn array<const N: usize>(hex: &str) -> [u8; N] {
    octets(hex).try_into().unwrap()
}

/// What its MAC covers beside the message.
pub(crate) fn context(vector: &MacVector) -> Context {
    let [a, b, c, d, e, f] = array(&vector.life);
    Context {
        role: match vector.role.as_str() {
            "initiator" => Role::Initiator,
            "responder" => Role::Responder,
            other => panic!("{}: role {other}", vector.id),
        },
        life: Life { incarnation: u32::from_be_bytes([a, b, c, d]), generation: u16::from_be_bytes([e, f]) },
        nonce: Nonce(u32::from_be_bytes(array(&vector.nonce))),
        p1: Position(u64::from_be_bytes(array(&vector.p1))),
        p2: Position(u64::from_be_bytes(array(&vector.p2))),
    }
}
