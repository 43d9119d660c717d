//! What a run asks of a TCP stack that lives in this process, ours and theirs alike.

use std::time::Duration;

use crate::trouble::Trouble;

/// Where the one connection of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not established yet.
    Opening,
    /// Octets may flow in at least one direction.
    Open,
    /// Both FINs were sent and acknowledged, as far as this end can know.
    Closed,
}

/// What came of asking for octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
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
pub(crate) trait Stack {
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
    /// Where the connection is; an error once it is over in any but the orderly way.
    fn phase(&self) -> Result<Phase, Trouble>;
    /// The state in the stack's own words, for messages.
    fn describe(&self) -> String;
}
