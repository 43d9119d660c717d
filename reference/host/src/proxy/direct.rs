//! Connections that go to their destination as plain TCP: both legs are the kernel's.

use std::io;
use std::net::SocketAddr;

use crate::proxy::local::Local;
use crate::proxy::{Proxy, would_wait};

/// Octets of one direction that wait at most.
const WAITING_OCTETS_MAX: usize = 64 * 1024;
/// Rounds in one direction before others have their turn.
const ROUNDS: u32 = 8;
const NEAR: usize = 1;
const AWAY: usize = 2;

/// One direction.
#[derive(Debug, Default)]
struct Direction {
    waiting: Vec<u8>,
    has_ended: bool,
    is_shut: bool,
}

/// Two legs of the kernel.
#[derive(Debug)]
pub(super) struct Direct {
    pub(super) number: u64,
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    near: Local,
    away: Local,
    up: Direction,
    down: Direction,
    is_connected: bool,
    is_queued: bool,
}

impl Direct {
    pub(super) fn new(
        number: u64,
        near: Local,
        away: Local,
        source: SocketAddr,
        destination: SocketAddr,
    ) -> Self {
        let (up, down) = Default::default();
        Self { number, source, destination, near, away, up, down, is_connected: false, is_queued: false }
    }
}

enum Moved {
    Idle,
    More,
}

impl Direction {
    fn pump(&mut self, from: &mut Local, to: &mut Local, scratch: &mut [u8]) -> io::Result<Moved> {
        for _ in 0..ROUNDS {
            if !self.waiting.is_empty() {
                if !to.may_write {
                    return Ok(Moved::Idle);
                }
                match to.write(&self.waiting, &[]) {
                    Ok(count) => drop(self.waiting.drain(..count)),
                    Err(error) if would_wait(&error) => to.may_write = false,
                    Err(error) => return Err(error),
                }
                continue;
            }
            if self.has_ended {
                if !self.is_shut {
                    to.end();
                    self.is_shut = true;
                }
                return Ok(Moved::Idle);
            }
            if !from.may_read {
                return Ok(Moved::Idle);
            }
            let room = scratch.get_mut(..WAITING_OCTETS_MAX).unwrap_or_default();
            match from.read(room) {
                Ok(0) => self.has_ended = true,
                Ok(count) => {
                    let octets = room.get(..count).unwrap_or_default();
                    let written = match to.write(octets, &[]) {
                        Ok(written) => written,
                        Err(error) if would_wait(&error) => {
                            to.may_write = false;
                            0
                        }
                        Err(error) => return Err(error),
                    };
                    self.waiting.extend_from_slice(octets.get(written..).unwrap_or_default());
                }
                Err(error) if would_wait(&error) => from.may_read = false,
                Err(error) => return Err(error),
            }
        }
        Ok(Moved::More)
    }
}

impl Proxy {
    pub(super) fn add_direct(&mut self, direct: Direct) {
        let key = self.directs.vacant_key();
        let registered = direct
            .near
            .register(&self.registry, Self::token(key, NEAR))
            .and_then(|()| direct.away.register(&self.registry, Self::token(key, AWAY)));
        if let Err(error) = registered {
            tracing::warn!(%error, "a connection is lost");
            direct.near.doom();
            return;
        }
        self.directs.insert(direct);
    }

    pub(super) fn direct_ready(&mut self, key: usize, leg: usize, event: &mio::event::Event) {
        let Some(direct) = self.directs.get_mut(key) else { return };
        let local = if leg == NEAR { &mut direct.near } else { &mut direct.away };
        local.may_read |= event.is_readable() || event.is_read_closed() || event.is_error();
        local.may_write |= event.is_writable() || event.is_write_closed() || event.is_error();
        if !direct.is_connected {
            match direct.away.connected() {
                None => return,
                Some(Ok(())) => direct.is_connected = true,
                Some(Err(error)) => return self.drop_direct(key, Some(&error)),
            }
        }
        self.pump_direct(key);
    }

    pub(super) fn pump_direct(&mut self, key: usize) {
        let Some(direct) = self.directs.get_mut(key) else { return };
        direct.is_queued = false;
        let Direct { near, away, up, down, .. } = direct;
        let moved = up
            .pump(near, away, &mut self.scratch)
            .and_then(|moved| Ok((moved, down.pump(away, near, &mut self.scratch)?)));
        match moved {
            Err(error) => self.drop_direct(key, Some(&error)),
            Ok(_) if up.is_shut && down.is_shut => self.drop_direct(key, None),
            Ok((Moved::Idle, Moved::Idle)) => {}
            Ok(_) => {
                if !std::mem::replace(&mut direct.is_queued, true) {
                    self.direct_queue.push_back(key);
                }
            }
        }
    }

    fn drop_direct(&mut self, key: usize, error: Option<&io::Error>) {
        let Some(Direct { number, source, destination, near, away, .. }) = self.directs.try_remove(key)
        else {
            return;
        };
        near.deregister(&self.registry);
        away.deregister(&self.registry);
        if let Some(error) = error {
            tracing::info!(pair = number, %source, %destination, %error, "broken off");
            near.doom();
            away.doom();
        }
    }
}
