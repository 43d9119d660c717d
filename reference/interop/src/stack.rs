//! What a run asks of a TCP stack that lives in this process, ours and theirs alike.

use std::net::SocketAddr;
use std::time::Duration;

use crate::trouble::Trouble;

/// What a stack is made of: one host, which will have one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Address and port of the stack.
    pub local: SocketAddr,
    /// Those of the other end, which is in the same network as far as the stack knows.
    pub remote: SocketAddr,
    /// Longest packet, in octets.
    pub mtu_octets: u16,
    /// What it takes for random.
    pub seed: u64,
    /// Whether it offers RFC 7323 timestamps, if it has a choice.
    pub timestamps: Timestamps,
    /// How many times faster than the caller's its clock runs; at least 1.
    pub haste: u32,
}

/// Who opens the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The stack sends a SYN.
    Connect,
    /// It waits for one.
    Listen,
}

/// Whether RFC 7323 timestamps are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamps {
    /// They are.
    Offered,
    /// They are not.
    Off,
}

/// Where the one connection of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not established yet.
    Opening,
    /// Octets may flow in at least one direction.
    Open,
    /// Both FINs were sent and acknowledged, as far as this end can know.
    Closed,
}

/// What came of asking for octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As many octets as the number says, more than none.
    Octets(usize),
    /// Nothing yet.
    Nothing,
    /// The peer's FIN: nothing ever more.
    End,
}

/// A TCP without I/O that holds one connection: IP packets on one side, octets on the other.
///
/// `now` is the time since any origin; it never runs backwards.
pub trait Stack {
    /// A packet arrived.
    fn receive(&mut self, now: Duration, packet: &[u8]);
    /// The next packet to send, at the start of `buffer`; gives its octets.
    fn transmit(&mut self, now: Duration, buffer: &mut [u8]) -> Option<usize>;
    /// Does what has become due.
    fn handle_time(&mut self, now: Duration);
    /// When [`handle_time`](Self::handle_time) is to be called next.
    fn next_time(&mut self, now: Duration) -> Option<Duration>;
    /// Takes octets of the application, as many as there is room for, and says how many.
    fn write(&mut self, now: Duration, octets: &[u8]) -> Result<usize, Trouble>;
    /// Gives octets to the application.
    fn read(&mut self, now: Duration, room: &mut [u8]) -> Result<Reading, Trouble>;
    /// The application writes no more: FIN. False if the stack has no room for it now.
    fn finish(&mut self, now: Duration) -> Result<bool, Trouble>;
    /// The application ends the connection at once: RST.
    fn abort(&mut self, now: Duration) -> Result<(), Trouble>;
    /// Where the connection is; an error once it is over in any but the orderly way.
    fn phase(&self) -> Result<Phase, Trouble>;
    /// The name of the state that it is in, or was in last, as RFC 9293 has it.
    fn describe(&self) -> String;
}

/// A [`Stack`] that others wrote.
pub trait Foreign: Stack + Sized {
    /// A host without a connection.
    ///
    /// # Errors
    ///
    /// [`Trouble::Broken`]: the stack refuses.
    fn open(now: Duration, opening: &Opening) -> Result<Self, Trouble>;
    /// Connects or listens, once.
    ///
    /// # Errors
    ///
    /// [`Trouble::Broken`]: the stack refuses.
    fn start(&mut self, now: Duration, role: Role) -> Result<(), Trouble>;
}
