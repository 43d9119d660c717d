//! What stands beside what.

use crate::ours;
use crate::smol;
use crate::work::{Answers, Bulk, Checksums, Hiatus, Timestamps};

/// What one pass carries when instructions are counted.
pub(crate) const COUNTED_OCTETS: usize = 4_000_000;

/// Contenders for the same work, ours first.
pub(crate) struct Group<C: 'static> {
    pub(crate) name: &'static str,
    pub(crate) contenders: &'static [C],
}

/// Carries so many octets.
pub(crate) type Transfer = Box<dyn FnMut(usize)>;
/// Connects and closes once.
pub(crate) type ConnectAndClose = Box<dyn FnMut()>;

/// One way to carry much over one connection.
pub(crate) struct BulkContender {
    pub(crate) name: &'static str,
    pub(crate) bulk: Bulk,
    pub(crate) new: fn(Bulk) -> Transfer,
}

/// One way to connect and close.
pub(crate) struct ChurnContender {
    pub(crate) name: &'static str,
    pub(crate) idle_count: usize,
    pub(crate) new: fn(usize) -> ConnectAndClose,
}

/// Many connections of which one gets a segment.
pub(crate) trait Crowd {
    /// Has one client send `octets`; the packet waits for the server.
    fn send(&mut self, index: usize, octets: &[u8]);
    /// The server takes what waits and acknowledges it. Only this is measured.
    fn serve(&mut self);
    /// Everything else that has to be done before the next segment.
    fn tidy(&mut self);
}

/// One crowd.
pub(crate) struct CrowdContender {
    pub(crate) name: &'static str,
    pub(crate) count: usize,
    pub(crate) new: fn(usize) -> Box<dyn Crowd>,
}

fn ours_bulk(bulk: Bulk) -> Transfer {
    let mut pair = ours::BulkPair::new(bulk);
    Box::new(move |octets| pair.transfer(octets))
}

fn smoltcp_bulk(bulk: Bulk) -> Transfer {
    let mut pair = smol::BulkPair::new(bulk);
    Box::new(move |octets| pair.transfer(octets))
}

const fn both(bulk: Bulk) -> [BulkContender; 2] {
    [
        BulkContender { name: "ours", bulk, new: ours_bulk },
        BulkContender { name: "smoltcp", bulk, new: smoltcp_bulk },
    ]
}

const FEW_ACKS: Bulk = Bulk { answers: Answers::AllPackets, ..Bulk::at_mtu(1500) };
const NO_CHECKSUMS: Bulk = Bulk { checksums: Checksums::Off, ..Bulk::at_mtu(1500) };
const TIMESTAMPS: Bulk = Bulk { timestamps: Timestamps::On, ..Bulk::at_mtu(1500) };
const OFFLOADED: Bulk = Bulk { segments_per_packet: 44, ..Bulk::at_mtu(1500) };
const QUIET: Bulk = Bulk { hiatus: Hiatus::On, ..TIMESTAMPS };

/// One connection, one way, 256 KiB of buffer, in memory.
pub(crate) const BULKS: &[Group<BulkContender>] = &[
    Group { name: "engine bulk, MTU 1500", contenders: &both(Bulk::at_mtu(1500)) },
    Group { name: "engine bulk, MTU 1500, one ACK a burst", contenders: &both(FEW_ACKS) },
    Group { name: "engine bulk, MTU 9000", contenders: &both(Bulk::at_mtu(9000)) },
    Group { name: "engine bulk, MTU 65535", contenders: &both(Bulk::at_mtu(65_535)) },
    Group { name: "engine bulk, MTU 1500, no checksums", contenders: &both(NO_CHECKSUMS) },
    Group { name: "engine bulk, MTU 1500, timestamps", contenders: &both(TIMESTAMPS) },
    Group {
        name: "engine bulk, MTU 1500, 44 segments a packet",
        contenders: &[
            BulkContender { name: "ours", bulk: OFFLOADED, new: ours_bulk },
            BulkContender { name: "one by one", bulk: Bulk::at_mtu(1500), new: ours_bulk },
        ],
    },
    Group {
        name: "engine bulk, Hiatus on and quiet",
        contenders: &[
            BulkContender { name: "ours", bulk: QUIET, new: ours_bulk },
            BulkContender { name: "without Hiatus", bulk: TIMESTAMPS, new: ours_bulk },
        ],
    },
];

fn ours_churn(idle_count: usize) -> ConnectAndClose {
    let mut pair = ours::ChurnPair::new(idle_count);
    Box::new(move || pair.connect_and_close())
}

fn smoltcp_churn(idle_count: usize) -> ConnectAndClose {
    let mut pair = smol::ChurnPair::new(idle_count);
    Box::new(move || pair.connect_and_close())
}

/// The peer looks at every socket in every poll: beyond 10,000 it is not worth waiting for.
pub(crate) const CHURNS: &[Group<ChurnContender>] = &[
    Group {
        name: "engine connect + close, 0 idle",
        contenders: &[
            ChurnContender { name: "ours", idle_count: 0, new: ours_churn },
            ChurnContender { name: "smoltcp", idle_count: 0, new: smoltcp_churn },
        ],
    },
    Group {
        name: "engine connect + close, 10,000 idle",
        contenders: &[
            ChurnContender { name: "ours", idle_count: 10_000, new: ours_churn },
            ChurnContender { name: "smoltcp", idle_count: 10_000, new: smoltcp_churn },
        ],
    },
    Group {
        name: "engine connect + close, 100,000 idle",
        contenders: &[
            ChurnContender { name: "ours", idle_count: 100_000, new: ours_churn },
            ChurnContender { name: "0 idle", idle_count: 0, new: ours_churn },
        ],
    },
];

impl Crowd for ours::Crowd {
    fn send(&mut self, index: usize, octets: &[u8]) {
        self.send(index, octets);
    }

    fn serve(&mut self) {
        self.serve();
    }

    fn tidy(&mut self) {
        self.tidy();
    }
}

impl Crowd for smol::Crowd {
    fn send(&mut self, index: usize, octets: &[u8]) {
        self.send(index, octets);
    }

    fn serve(&mut self) {
        self.serve();
    }

    fn tidy(&mut self) {
        self.tidy();
    }
}

fn ours_crowd(count: usize) -> Box<dyn Crowd> {
    Box::new(ours::Crowd::new(count))
}

fn smoltcp_crowd(count: usize) -> Box<dyn Crowd> {
    Box::new(smol::Crowd::new(count))
}

/// A segment of 100 octets in, its ACK out, on one connection of so many that are established.
pub(crate) const CROWDS: &[Group<CrowdContender>] = &[
    Group {
        name: "engine segment in, ACK out, of 1,000",
        contenders: &[
            CrowdContender { name: "ours", count: 1000, new: ours_crowd },
            CrowdContender { name: "smoltcp", count: 1000, new: smoltcp_crowd },
        ],
    },
    Group {
        name: "engine segment in, ACK out, of 10,000",
        contenders: &[
            CrowdContender { name: "ours", count: 10_000, new: ours_crowd },
            CrowdContender { name: "smoltcp", count: 10_000, new: smoltcp_crowd },
        ],
    },
    Group {
        name: "engine segment in, ACK out, of 100,000",
        contenders: &[
            CrowdContender { name: "ours", count: 100_000, new: ours_crowd },
            CrowdContender { name: "of 1,000", count: 1000, new: ours_crowd },
        ],
    },
    Group {
        name: "engine segment in, ACK out, of 1,000,000",
        contenders: &[
            CrowdContender { name: "ours", count: 1_000_000, new: ours_crowd },
            CrowdContender { name: "of 1,000", count: 1000, new: ours_crowd },
        ],
    },
];
