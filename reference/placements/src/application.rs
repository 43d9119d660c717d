//! What the applications at the ends do.

use core::time::Duration;
use std::collections::VecDeque;

use hiatus_engine::Time;

/// The golden section, in thousandths.
const GOLDEN_PER_MILLE: u32 = 618;

/// What an application does beside reading whatever comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Application {
    /// Nothing.
    Reads,
    /// Writes whatever there is room for.
    Bulk,
    /// Writes a message every so often, whatever the other end does.
    Messages(Messages),
    /// Asks, waits for the answer, pauses, and asks again.
    Asks(Asks),
    /// Answers every question.
    Answers(Answers),
    /// Passes on to another end what is in the journal.
    Relays {
        /// The other end.
        to: usize,
    },
}

/// Messages on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Messages {
    pub(crate) octets: u64,
    pub(crate) every: Duration,
    pub(crate) left: u32,
    pub(crate) next: Time,
    /// Where each ends in the stream, and when it was written.
    under_way: VecDeque<(u64, Time)>,
    /// Of those that have arrived.
    pub(crate) latencies: Vec<Duration>,
}

impl Messages {
    pub(crate) fn new(octets: u64, first: Time, every: Duration, count: u32) -> Self {
        Self { octets, every, left: count, next: first, under_way: VecDeque::new(), latencies: Vec::new() }
    }

    /// Octets to write now.
    fn due(&mut self, now: Time, written: u64) -> u64 {
        let mut due = 0;
        while self.left > 0 && self.next <= now {
            due += self.octets;
            self.under_way.push_back((written + due, self.next));
            self.next = self.next + self.every;
            self.left -= 1;
        }
        due
    }

    /// The far end has read so many octets.
    pub(crate) fn arrived(&mut self, now: Time, read: u64) {
        while let Some((_, since)) = self.under_way.pop_front_if(|(end, _)| *end <= read) {
            self.latencies.push(now.since(since));
        }
    }

    fn is_done(&self) -> bool {
        self.left == 0 && self.under_way.is_empty()
    }
}

/// Questions, one at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asks {
    pub(crate) octets: u64,
    /// The longest pause; they are spread evenly below it.
    pause_max: Duration,
    pub(crate) left: u32,
    next: Option<Time>,
    asked: Time,
    /// Octets of answers that will have been read when the present one is complete.
    answered_at: u64,
    pub(crate) latencies: Vec<Duration>,
}

impl Asks {
    pub(crate) fn new(octets: u64, first: Time, pause_max: Duration, count: u32) -> Self {
        Self {
            octets,
            pause_max,
            left: count,
            next: Some(first),
            asked: first,
            answered_at: 0,
            latencies: Vec::new(),
        }
    }

    fn due(&mut self, now: Time) -> u64 {
        match self.next {
            Some(next) if next <= now && self.left > 0 => {
                self.next = None;
                self.asked = now;
                self.answered_at += self.octets;
                self.left -= 1;
                self.octets
            }
            _ => 0,
        }
    }

    fn has_read(&mut self, now: Time, read: u64) {
        if self.next.is_none() && read >= self.answered_at {
            self.latencies.push(now.since(self.asked));
            // Multiples of the golden section, modulo 1, lie as evenly as any: every phase of an interval is met.
            let share = self.left.wrapping_mul(GOLDEN_PER_MILLE) % 1000;
            self.next = Some(now + self.pause_max * share / 1000);
        }
    }
}

/// Answers of the length of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) octets: u64,
    pub(crate) answered: u64,
}

impl Application {
    /// Octets that it begins to write now; `written` were written before.
    pub(crate) fn due(&mut self, now: Time, written: u64, read: u64) -> u64 {
        match self {
            Self::Reads | Self::Bulk | Self::Relays { .. } => 0,
            Self::Messages(messages) => messages.due(now, written),
            Self::Asks(asks) => asks.due(now),
            Self::Answers(answers) => {
                let questions = read / answers.octets - answers.answered;
                answers.answered += questions;
                questions * answers.octets
            }
        }
    }

    /// It has read so many octets in all.
    pub(crate) fn has_read(&mut self, now: Time, read: u64) {
        if let Self::Asks(asks) = self {
            asks.has_read(now, read);
        }
    }

    /// When it acts of its own accord.
    pub(crate) fn wakes_at(&self) -> Option<Time> {
        match self {
            Self::Messages(messages) => (messages.left > 0).then_some(messages.next),
            Self::Asks(asks) => asks.next.filter(|_| asks.left > 0),
            _ => None,
        }
    }

    /// True if nothing is left that it waits for.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Messages(messages) => messages.is_done(),
            Self::Asks(asks) => asks.left == 0 && asks.next.is_some(),
            Self::Reads | Self::Bulk | Self::Answers(_) | Self::Relays { .. } => true,
        }
    }

    /// What it has measured.
    pub(crate) fn latencies(&self) -> &[Duration] {
        match self {
            Self::Messages(messages) => &messages.latencies,
            Self::Asks(asks) => &asks.latencies,
            _ => &[],
        }
    }
}
