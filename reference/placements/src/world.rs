//! Ends, the links between them, and virtual time.

use hiatus_codec::{Position, Segment};
use hiatus_engine::{Event, Time};

use crate::application::Application;
use crate::end::End;
use crate::link::Link;
use crate::pattern::Pattern;

/// Octets of the largest packet in use, with room to spare.
const ROOM_OCTETS: usize = 2048;
/// Rounds of one instant; more are a livelock.
const ROUNDS_MAX: u32 = 1_000_000;

/// Ends and links; the same inputs give the same run.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) now: Time,
    /// Ends 0 and 1 are of one connection, and so on.
    pub(crate) ends: Vec<End>,
    /// Link i begins at end i.
    pub(crate) links: Vec<Link>,
    /// Which end's application reads what that of end i writes.
    far: Vec<usize>,
    pattern: Pattern,
    room: Vec<u8>,
    /// What ended a connection, if one ended.
    pub(crate) closed: Option<Event>,
}

impl World {
    /// `links[i]` begins at `ends[i]`; two ends, or four with a relay between ends 1 and 2.
    pub(crate) fn new(ends: Vec<End>, links: Vec<Link>) -> Self {
        let last = ends.len() - 1;
        let far = (0..=last).map(|end| last - end).collect();
        Self {
            now: Time::ZERO,
            ends,
            links,
            far,
            pattern: Pattern::new(),
            room: vec![0; ROOM_OCTETS],
            closed: None,
        }
    }

    /// Runs until `end`, or until `is_done` says so after some instant.
    pub(crate) fn run(&mut self, end: Time, is_done: impl Fn(&Self) -> bool) {
        for index in 0..self.ends.len() {
            self.settle(index);
        }
        while !is_done(self) {
            let arrivals = self.links.iter().filter_map(Link::next_arrival);
            let wakes = self.ends.iter().filter_map(End::wakes_at);
            match arrivals.chain(wakes).min() {
                Some(next) if next <= end => self.now = self.now.max(next),
                _ => {
                    self.now = end;
                    return;
                }
            }
            self.happen();
        }
    }

    /// Everything that is due now.
    fn happen(&mut self) {
        for index in 0..self.ends.len() {
            if self.ends[index].wakes_at().is_some_and(|at| at <= self.now) {
                self.ends[index].wake(self.now);
                self.settle(index);
            }
            let to = index ^ 1;
            while let Some(octets) = self.links[index].arrived(self.now) {
                let end = &mut self.ends[to];
                if end.is_on
                    && let Ok(segment) = Segment::parse(&octets)
                {
                    end.state.connection.handle_segment(self.now, &segment);
                    self.settle(to);
                }
                self.links[index].give_back(octets);
            }
        }
    }

    /// One end does what it can do now, and the relay that it is part of.
    pub(crate) fn settle(&mut self, index: usize) {
        let now = self.now;
        let mut has_relayed = false;
        for _ in 0..ROUNDS_MAX {
            if !self.ends[index].is_on {
                return;
            }
            self.ends[index].run_application(now, &self.pattern);
            self.note_arrivals(index);
            let other = self.relays_to(index);
            if let Some(to) = other {
                has_relayed |= self.relay(index, to) | self.relay(to, index);
            }
            self.flush(index);
            let end = &mut self.ends[index];
            end.note_memory();
            let mut has_sent = false;
            while let Some(len_octets) = end.transmit(now, &mut self.room) {
                has_sent = true;
                self.links[index].send(now, self.room.get(..len_octets).unwrap_or(&[]));
            }
            let mut has_news = false;
            while let Some(event) = end.state.connection.poll_event() {
                has_news = true;
                if matches!(event, Event::Closed { .. }) {
                    self.closed = Some(event);
                }
            }
            if !has_sent && !has_news {
                if let (Some(to), true) = (other, has_relayed) {
                    self.settle(to);
                }
                return;
            }
        }
        panic!("livelock at {now}");
    }

    /// Messages whose last octet was read here have arrived.
    fn note_arrivals(&mut self, index: usize) {
        let read = self.ends[index].state.read;
        let now = self.now;
        if let Some(Application::Messages(messages)) =
            self.far.get(index).map(|far| &mut self.ends[*far].state.application)
        {
            messages.arrived(now, read);
        }
    }

    /// What was received goes to the journal.
    fn flush(&mut self, index: usize) {
        let received = self.ends[index].received();
        if let Some(journal) = &mut self.ends[index].journal {
            journal.begin(self.now, received);
        }
    }

    /// The other end of a relay that this end is one of.
    fn relays_to(&self, index: usize) -> Option<usize> {
        if let Application::Relays { to } = self.ends[index].state.application { Some(to) } else { None }
    }

    /// Passes on what is journaled, as far as the other end has room; says whether it was something. The log of what is for
    /// the other end begins where that one's peer no longer asks for it.
    fn relay(&mut self, index: usize, to: usize) -> bool {
        let now = self.now;
        let flushed = self.ends[index].journal.as_ref().map_or(Position(1), |journal| journal.flushed);
        let waiting = Position(1 + self.ends[index].state.read).distance_to(flushed);
        let (from, onto) = two(&mut self.ends, index, to);
        let (first, second) = from.state.connection.readable();
        let mut count = 0;
        for slice in [first, second] {
            let rest = usize::try_from(waiting).unwrap_or(usize::MAX).saturating_sub(count);
            let piece = slice.get(..rest.min(slice.len())).unwrap_or(&[]);
            count += onto.state.connection.write(now, piece).unwrap_or(0);
        }
        from.state.connection.consume(count);
        from.state.read += u64::try_from(count).unwrap_or(0);
        if let (Some(journal), Some(info)) = (&mut from.journal, onto.info()) {
            journal.truncate(crate::seam::truncation_point(&info));
        }
        count > 0
    }
}

/// Two ends at once.
fn two(ends: &mut [End], first: usize, second: usize) -> (&mut End, &mut End) {
    let (low, high) = ends.split_at_mut(first.max(second));
    if first < second { (&mut low[first], &mut high[0]) } else { (&mut high[0], &mut low[second]) }
}
