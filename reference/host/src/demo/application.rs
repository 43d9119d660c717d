//! What runs on a host: it writes so many octets, and reads as many, each of which is compared.

use hiatus_engine::{ConnectionId, Endpoint, Time};

/// Octets that are written or read at a time.
const PIECE_OCTETS: usize = 16 * 1024;

/// One of the two hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// It keeps its power.
    A,
    /// It does not.
    B,
}

/// What an application has said, as far as it is true: who comes back older goes on in another way from there.
#[derive(Debug, Clone)]
pub(crate) struct History {
    side: Side,
    /// From which position on what was said is of which life; ascending.
    lives: Vec<(u64, u32)>,
}

impl History {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, lives: vec![(0, 0)] }
    }

    /// The application came back with only `written` octets said; what it says from there on is new.
    pub(crate) fn go_on_from(&mut self, written: u64, life: u32) {
        self.lives.retain(|(from, _)| *from < written);
        self.lives.push((written, life));
    }

    /// The octets from a position on: no piece of a stream looks like another, nor like that of another life.
    fn octets(&self, from: u64) -> impl Iterator<Item = u8> {
        let salt: u64 = if self.side == Side::A { 1 } else { 2 };
        let mut lives =
            self.lives.iter().skip(self.lives.partition_point(|(begin, _)| *begin <= from)).peekable();
        let now = self.lives.iter().rev().find(|(begin, _)| *begin <= from);
        let mut life = now.map_or(0, |(_, life)| *life);
        (from..).map(move |position| {
            if let Some((_, next)) = lives.next_if(|(begin, _)| *begin == position) {
                life = *next;
            }
            let mixed = (position | u64::from(life) << 40 | salt << 60).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            mixed.to_be_bytes()[0]
        })
    }
}

/// An application: what a power cut takes from it, and what it begins again from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Application {
    /// Octets that it has written.
    pub(crate) written: u64,
    /// Octets that it has read.
    pub(crate) read: u64,
    /// Those of them that nobody has said.
    pub(crate) wrong: u64,
}

impl Application {
    /// As it goes into an epoch.
    pub(crate) fn octets(&self) -> [u8; 24] {
        let mut octets = [0; 24];
        for (room, value) in octets.chunks_exact_mut(8).zip([self.written, self.read, self.wrong]) {
            room.copy_from_slice(&value.to_le_bytes());
        }
        octets
    }

    /// As it comes out of one.
    pub(crate) fn of(octets: &[u8]) -> Option<Self> {
        let mut values = octets.chunks_exact(8).map(|octets| octets.try_into().map(u64::from_le_bytes));
        let mut next = || values.next()?.ok();
        Some(Self { written: next()?, read: next()?, wrong: next()? })
    }

    /// Writes what there is room for, of `own`, and reads what is there, of `peer`.
    pub(crate) fn work(
        &mut self,
        (now, total): (Time, u64),
        endpoint: &mut Endpoint,
        id: ConnectionId,
        (own, peer): (&History, &History),
    ) {
        let mut piece = [0; PIECE_OCTETS];
        while self.written < total {
            let left = usize::try_from(total - self.written).unwrap_or(usize::MAX);
            let left = left.min(PIECE_OCTETS).min(endpoint.writable_octets(id));
            for (octet, said) in piece[..left].iter_mut().zip(own.octets(self.written)) {
                *octet = said;
            }
            match endpoint.write(now, id, &piece[..left]) {
                Ok(0) | Err(_) => break,
                Ok(taken) => self.written += wide(taken),
            }
        }
        loop {
            let taken = endpoint.read(now, id, &mut piece);
            if taken == 0 {
                return;
            }
            let wrong =
                piece[..taken].iter().zip(peer.octets(self.read)).filter(|(octet, said)| *octet != said);
            self.wrong += wide(wrong.count());
            self.read += wide(taken);
        }
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Application, History, Side};

    #[test]
    fn another_life_says_other_octets() {
        let first = History::new(Side::B);
        let mut second = first.clone();
        second.go_on_from(1_000, 1);
        let differ = |from, count| {
            first
                .octets(from)
                .zip(second.octets(from))
                .take(count)
                .filter(|(one, other)| one != other)
                .count()
        };
        assert_eq!(differ(0, 1_000), 0);
        assert_eq!(differ(900, 100), 0);
        assert!(differ(1_000, 1_000) > 900);
        assert!(second.octets(990).skip(10).take(100).eq(second.octets(1_000).take(100)));
    }

    #[test]
    fn an_application_comes_back_as_it_was() {
        let application = Application { written: 1 << 40, read: 77, wrong: 3 };
        assert_eq!(Application::of(&application.octets()), Some(application));
        assert_eq!(Application::of(&[0; 23]), None);
    }
}
