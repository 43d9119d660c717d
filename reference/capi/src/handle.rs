//! What is behind the opaque pointer: one endpoint, one call at a time, and a panic stays inside.

use alloc::string::{String, ToString};
use core::cell::{Cell, RefCell};

use hiatus_engine::{ConnectionId, Endpoint, ListenerId, TcpState};

use crate::refusal::Refusal;
use crate::status::Status;
use crate::{ConnectionNumber, ListenerNumber};

/// An endpoint: connections and listeners of one host. Opaque.
#[derive(Debug)]
pub struct Handle {
    inner: RefCell<Inner>,
    /// A call has panicked: what it left is not looked at again.
    is_broken: Cell<bool>,
}

/// What calls work on.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) endpoint: Endpoint,
    /// What was wrong in the latest call that failed.
    said: String,
    /// Whether it waits to be restored.
    pub(crate) phase: Phase,
}

/// Whether the endpoint waits to be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Restoring,
    Up,
}

impl Handle {
    pub(crate) fn new(endpoint: Endpoint, phase: Phase) -> Self {
        let inner = Inner { endpoint, said: String::new(), phase };
        Self { inner: RefCell::new(inner), is_broken: Cell::new(false) }
    }

    /// Whether no call is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.inner.try_borrow_mut().is_ok()
    }

    /// Makes one call, unless another is under way or one has panicked.
    pub(crate) fn call(&self, call: impl FnOnce(&mut Inner) -> Result<Status, Refusal>) -> Status {
        if self.is_broken.get() {
            return Status::HIATUS_ERROR_BROKEN;
        }
        let Ok(mut inner) = self.inner.try_borrow_mut() else { return Status::HIATUS_ERROR_BUSY };
        let inner = &mut *inner;
        match caught(|| call(inner)) {
            Some(Ok(status)) => status,
            Some(Err(refusal)) => {
                inner.said = refusal.to_string();
                refusal.status()
            }
            None => {
                self.is_broken.set(true);
                Status::HIATUS_ERROR_BROKEN
            }
        }
    }
}

/// `None` if `act` panics.
#[cfg(feature = "std")]
pub(crate) fn caught<R>(act: impl FnOnce() -> R) -> Option<R> {
    // What a panic leaves half done is never looked at again: the handle is broken from then on.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).ok()
}

/// Without `std` a panic does not come back: the C side is told (`ffi/bare.rs`).
#[cfg(not(feature = "std"))]
pub(crate) fn caught<R>(act: impl FnOnce() -> R) -> Option<R> {
    Some(act())
}

impl Inner {
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// The connection of this name, which is not over.
    pub(crate) fn connection(&self, number: ConnectionNumber) -> Result<ConnectionId, Refusal> {
        let refusal = Refusal::NoConnection { number };
        let id = number.checked_sub(1).map(ConnectionId::from_number).ok_or(refusal)?;
        // One that is over is there until all is read of it.
        let is_there = self.endpoint.local(id).is_some();
        if is_there { Ok(id) } else { Err(refusal) }
    }

    /// The listener of this name. The engine looks it up itself.
    pub(crate) fn listener(number: ListenerNumber) -> Result<ListenerId, Refusal> {
        number.checked_sub(1).map(ListenerId::from_number).ok_or(Refusal::NoListener { number })
    }

    /// Whether the peer's FIN has arrived, and every octet before it.
    pub(crate) fn is_at_end(&self, id: ConnectionId) -> bool {
        const ENDED: [TcpState; 5] =
            [TcpState::CloseWait, TcpState::Closing, TcpState::LastAck, TcpState::TimeWait, TcpState::Linger];
        ENDED.contains(&self.endpoint.state(id))
    }

    /// The restored connections have not been brought back yet: nothing else may begin.
    pub(crate) fn must_be_up(&self) -> Result<(), Refusal> {
        if self.phase == Phase::Up { Ok(()) } else { Err(Refusal::Restoring) }
    }
}

/// The name for C: 0 names none.
pub(crate) fn named(id: ConnectionId) -> ConnectionNumber {
    id.number().wrapping_add(1)
}

/// The same of a listener.
pub(crate) fn named_listener(id: ListenerId) -> ListenerNumber {
    id.number().wrapping_add(1)
}

#[cfg(test)]
mod tests {
    use hiatus_engine::{EndpointLimits, EndpointSecrets};

    use super::{Endpoint, Handle, Phase, Status};

    fn handle() -> Handle {
        let secrets = EndpointSecrets { host: [1; 16], instance: [2; 16] };
        Handle::new(Endpoint::new(secrets, EndpointLimits::default()), Phase::Up)
    }

    #[test]
    fn a_panic_stays_inside_and_nothing_is_done_after_it() {
        let handle = handle();
        assert_eq!(handle.call(|_| panic!("on purpose")), Status::HIATUS_ERROR_BROKEN);
        assert_eq!(handle.call(|_| Ok(Status::HIATUS_OK)), Status::HIATUS_ERROR_BROKEN);
        assert!(handle.is_idle(), "it can be freed");
    }

    #[test]
    fn a_call_within_a_call_is_refused() {
        let handle = handle();
        let mut within = Status::HIATUS_OK;
        let status = handle.call(|_| {
            within = handle.call(|_| Ok(Status::HIATUS_OK));
            Ok(Status::HIATUS_OK)
        });
        assert_eq!((status, within), (Status::HIATUS_OK, Status::HIATUS_ERROR_BUSY));
    }
}
