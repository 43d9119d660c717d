//! The searches that the continuous integration runs: each to its end.

use hiatus_engine::Sending;

use crate::app::Closing;
use crate::bounds::{Bounds, Coupling, LiveClone, Reading};

/// Names and bounds; all hold.
#[must_use]
pub fn searches() -> [(&'static str, Bounds); 8] {
    let small = Bounds::SMALL;
    let unheld = Bounds { sending: [Sending::Unheld; 2], ..small };
    let fin = Bounds { closing: Closing::WhenDone, crashes: [1, 0], ..small };
    let clone = Bounds { clone: LiveClone::OfA, crashes: [1, 0], ..small };
    [
        ("hold-send, both ends restored", small),
        ("the same, octets read at any time", Bounds { reading: Reading::AnyTime, ..small }),
        ("no hold-send, both ends restored", unheld),
        ("hold-send, FIN both ways, A restored", Bounds { octets: [0, 0], ..fin }),
        ("the same, an octet before the FIN", fin),
        (
            "hold-send, a dialog, A restored",
            Bounds { octets: [1, 1], coupling: Coupling::Dialog, crashes: [1, 0], ..small },
        ),
        ("hold-send, a live clone of A", clone),
        ("no hold-send, a live clone of A", Bounds { sending: [Sending::Unheld; 2], ..clone }),
    ]
}
