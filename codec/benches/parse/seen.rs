//! What every contender gets out of a header.

/// The fields of the header that a TCP looks at, and all its options, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen<'a> {
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    /// Octet 13: CWR to FIN.
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    pub(crate) sack_permitted: bool,
    /// TSval, TSecr.
    pub(crate) timestamps: Option<(u32, u32)>,
    /// Left and right edge, at most three blocks: smoltcp keeps no more.
    pub(crate) sack: [Option<(u32, u32)>; 3],
    /// Octets of a kind-253 option from the fifth on, after its experiment identifier.
    pub(crate) experiment: Option<&'a [u8]>,
}

impl Seen<'_> {
    pub(crate) fn without_experiment(mut self) -> Self {
        self.experiment = None;
        self
    }
}
