//! Stacks of others, as they are: plain TCP.

use std::net::IpAddr;
use std::time::Duration;

use hiatus_conformance::adapter::{Host, Setup};
use hiatus_conformance::packet;
use hiatus_conformance::target::{CallError, Received, StreamEnd, Target};
use hiatus_conformance::wire::OwnedSegment;
use hiatus_interop::stack::{Foreign, Opening, Phase, Reading, Role, Timestamps};
use hiatus_interop::trouble::Trouble;

use crate::{MTU_OCTETS, refused, segment_of};

/// A host that runs a stack of others.
pub struct Peer<S> {
    stack: S,
    local: IpAddr,
    remote: IpAddr,
    due: Option<Duration>,
}

impl<S: Foreign> Peer<S> {
    /// A host with nothing open.
    ///
    /// # Errors
    ///
    /// [`CallError::Unsupported`]: Hiatus is asked for.
    pub fn new(setup: &Setup) -> Result<Self, CallError> {
        if setup.hiatus.is_some() {
            return Err(CallError::Unsupported("hiatus"));
        }
        let opening = Opening {
            local: setup.local,
            remote: setup.remote,
            mtu_octets: MTU_OCTETS,
            seed: setup.seed,
            timestamps: if setup.timestamps { Timestamps::Offered } else { Timestamps::Off },
            haste: 1,
        };
        let stack = S::open(Duration::ZERO, &opening).map_err(refused)?;
        Ok(Self { stack, local: setup.local.ip(), remote: setup.remote.ip(), due: None })
    }

    /// When it wants to be called next is asked of it while it may still change.
    fn look_ahead(&mut self, now: Duration) {
        self.due = self.stack.next_time(now);
    }

    fn asked(&mut self, now: Duration, result: Result<(), Trouble>) -> Result<(), CallError> {
        self.look_ahead(now);
        result.map_err(refused)
    }
}

impl<S: Foreign> Target for Peer<S> {
    fn listen(&mut self, now: Duration) -> Result<(), CallError> {
        let result = self.stack.start(now, Role::Listen);
        self.asked(now, result)
    }

    fn connect(&mut self, now: Duration) -> Result<(), CallError> {
        let result = self.stack.start(now, Role::Connect);
        self.asked(now, result)
    }

    fn write(&mut self, now: Duration, octets: &[u8]) -> Result<usize, CallError> {
        if self.stack.phase().is_ok_and(|phase| phase == Phase::Opening) {
            // An application waits until its connection stands.
            return Ok(0);
        }
        let taken = self.stack.write(now, octets);
        self.look_ahead(now);
        taken.map_err(refused)
    }

    fn read(&mut self, now: Duration, room: usize) -> Result<Received, CallError> {
        let mut received = Received::default();
        let mut chunk = vec![0; usize::from(MTU_OCTETS)];
        while received.octets.len() < room {
            let most = chunk.len().min(room - received.octets.len());
            match self.stack.read(now, chunk.get_mut(..most).unwrap_or_default()) {
                Ok(Reading::Octets(count)) => {
                    received.octets.extend_from_slice(chunk.get(..count).unwrap_or_default());
                }
                Ok(Reading::End) => {
                    received.end = StreamEnd::Closed;
                    break;
                }
                Ok(Reading::Nothing) => break,
                Err(_) if !received.octets.is_empty() => break,
                Err(trouble) => return Err(refused(trouble)),
            }
        }
        self.look_ahead(now);
        Ok(received)
    }

    fn close(&mut self, now: Duration) -> Result<(), CallError> {
        let finished = self.stack.finish(now);
        self.look_ahead(now);
        if finished.map_err(refused)? { Ok(()) } else { Err(refused("no room for a FIN")) }
    }

    fn abort(&mut self, now: Duration) -> Result<(), CallError> {
        let result = self.stack.abort(now);
        self.asked(now, result)
    }

    fn deliver(&mut self, now: Duration, segment: &OwnedSegment) {
        if let Ok(octets) = packet::of_segment(self.remote, self.local, segment) {
            self.arrives(now, &octets);
        }
    }

    fn transmit(&mut self, now: Duration) -> Option<OwnedSegment> {
        segment_of(&self.leaves(now)?)
    }

    fn next_timeout(&self) -> Option<Duration> {
        self.due
    }

    fn timeout(&mut self, now: Duration) {
        self.stack.handle_time(now);
        self.look_ahead(now);
    }

    fn states(&self) -> Result<Vec<String>, CallError> {
        Ok(vec![self.stack.describe().to_lowercase(), "plain".to_owned()])
    }
}

impl<S: Foreign> Host for Peer<S> {
    fn target(&mut self) -> &mut dyn Target {
        self
    }

    fn arrives(&mut self, now: Duration, packet: &[u8]) {
        self.stack.receive(now, packet);
        self.look_ahead(now);
    }

    fn leaves(&mut self, now: Duration) -> Option<Vec<u8>> {
        let mut buffer = vec![0; usize::from(MTU_OCTETS)];
        let len_octets = self.stack.transmit(now, &mut buffer);
        self.look_ahead(now);
        buffer.truncate(len_octets?);
        Some(buffer)
    }
}
