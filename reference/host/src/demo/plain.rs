//! The story over plain TCP.

use std::time::Duration;

use hiatus_engine::{Command, Config, Event, HiatusPolicy, Time};
use serde::Serialize;

use crate::demo::application::{Application, History, Side};
use crate::demo::story::{Host, Story, config, endpoint};
use crate::demo::{DemoError, News, Plan, Progress, Which, millis};

/// How host B comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Return {
    /// From the latest image of its whole memory, as a virtual machine does.
    FromImage,
    /// Without any state, as after a reboot.
    WithoutState,
}

/// What one power cut did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mishap {
    /// How host B came back.
    pub returned: Return,
    /// What its applications saw, in words.
    pub outcome: String,
    /// How long after the power was back they saw it, in milliseconds; `None` if they saw nothing.
    pub noticed_after_ms: Option<u64>,
    /// Octets that had arrived and count for nothing: the transfer began again.
    pub lost_octets: u64,
    /// Octets that the application on A has read and the one on B, as it came back, has never written. Neither of them is
    /// told.
    pub diverged_octets: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlainOutcome {
    /// Whether every octet came, in one attempt.
    pub is_complete: bool,
    /// Connections that were begun.
    pub attempts: u32,
    /// Octets that the applications had read in the last attempt when the story ended.
    pub progress: Progress,
    /// Octets that were read and were not what the other end says it has written.
    pub wrong_octets: u64,
    /// Octets that arrived for nothing.
    pub lost_octets: u64,
    /// What each power cut did.
    pub mishaps: Vec<Mishap>,
}

/// The story.
pub(crate) struct PlainStory {
    story: Story,
    image: Option<(Host, Time)>,
    image_every: Duration,
    patience: Duration,
    attempts: u32,
    mishaps: Vec<Mishap>,
    back_at: Option<Time>,
    /// Of this attempt, in each direction: how far it came, and since when it stands there.
    moved: [(u64, Time); 2],
    lives: u32,
    /// Octets of earlier attempts that were wrong, and those of all that some mishap counts already.
    wrong_before: u64,
    wrong_counted: u64,
}

fn plain_config() -> Config {
    Config { hiatus: HiatusPolicy::Off, ..config(Config::default()) }
}

impl PlainStory {
    pub(crate) fn new(plan: &Plan, now: Time) -> Result<Self, DemoError> {
        let mut story = Story::new(plan, Host::listening(endpoint()?, plain_config())?)?;
        story.connect(now, plain_config())?;
        Ok(Self {
            story,
            image: None,
            image_every: Duration::from_millis(plan.epoch_ms),
            patience: Duration::from_millis(plan.patience_ms),
            attempts: 1,
            mishaps: Vec::new(),
            back_at: None,
            moved: [(0, now); 2],
            lives: 0,
            wrong_before: 0,
            wrong_counted: 0,
        })
    }

    pub(crate) fn progress(&self) -> Progress {
        self.story.progress()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.story.is_complete()
    }

    /// Whether it is known what the latest power cut did.
    pub(crate) fn has_settled(&self, now: Time) -> bool {
        let waits = |back_at: Time| now.since(back_at) < self.patience * 2;
        self.is_complete() || !self.mishaps.is_empty() && !self.back_at.is_some_and(waits)
    }

    pub(crate) fn power_cut(&mut self, now: Time) {
        self.count_wrong();
        self.story.latest = self.story.progress();
        self.story.b = None;
        self.moved = self.moved.map(|(octets, _)| (octets, now));
    }

    pub(crate) fn power_back(&mut self, now: Time, news: &mut Vec<News>) -> Result<(), DemoError> {
        let returned =
            if self.mishaps.len().is_multiple_of(2) { Return::FromImage } else { Return::WithoutState };
        let host = match (returned, &self.image) {
            (Return::FromImage, Some((image, _))) => image.clone(),
            _ => Host::listening(endpoint()?, plain_config())?,
        };
        self.lives += 1;
        let Application { written, .. } = host.application;
        let diverged_octets = match returned {
            Return::FromImage => self.story.a.application.read.saturating_sub(written),
            Return::WithoutState => 0,
        };
        if returned == Return::FromImage {
            // Without state there is no connection that could go on.
            self.story.said_by_b.go_on_from(written, self.lives);
        }
        self.story.b = Some(host);
        self.back_at = Some(now);
        self.moved = self.moved.map(|(octets, _)| (octets, now));
        let text = match returned {
            Return::FromImage if diverged_octets == 0 => {
                "B comes back from an image of its memory, as a virtual machine does".to_owned()
            }
            Return::FromImage => {
                let diverged = of_octets(diverged_octets);
                format!("B comes back from an image of its memory: it never wrote {diverged} that A has")
            }
            Return::WithoutState => "B comes back without state, as after a reboot".to_owned(),
        };
        news.push(News { at_ms: millis(now), of: Which::Plain, text });
        let outcome = "the connection went on".to_owned();
        let mishap = Mishap { returned, outcome, noticed_after_ms: None, lost_octets: 0, diverged_octets };
        self.mishaps.push(mishap);
        Ok(())
    }

    pub(crate) fn turn(&mut self, now: Time, news: &mut Vec<News>) -> Result<(), DemoError> {
        let told = self.story.turn(now);
        for (side, id, event) in told {
            if let (Side::A, Event::Closed { reason }) = (side, event)
                && self.story.a.connection == Some(id)
            {
                self.begin_again(now, format!("connection {reason}"), news)?;
            }
        }
        self.watch(now, news)?;
        let is_due = self.image.as_ref().is_none_or(|(_, at)| now.since(*at) >= self.image_every);
        if is_due && let Some(b) = &self.story.b {
            self.image = Some((b.clone(), now));
        }
        Ok(())
    }

    /// Looks whether octets still move.
    fn watch(&mut self, now: Time, news: &mut Vec<News>) -> Result<(), DemoError> {
        let Progress { at_a, at_b } = self.story.progress();
        for ((octets, since), found) in self.moved.iter_mut().zip([at_b, at_a]) {
            if *octets != found {
                (*octets, *since) = (found, now);
            }
        }
        if self.back_at.is_none() || self.story.b.is_none() || self.story.is_complete() {
            return Ok(());
        }
        let total = self.story.total;
        let stands = |(octets, since): &(u64, Time)| *octets < total && now.since(*since) >= self.patience;
        let which = match self.moved.each_ref().map(stands) {
            [true, true] => "both directions",
            [true, false] => "A to B",
            [false, true] => "B to A",
            [false, false] => return Ok(()),
        };
        self.begin_again(now, format!("stalled, {which}"), news)
    }

    /// The applications give up, and do what is left to them.
    fn begin_again(&mut self, now: Time, outcome: String, news: &mut Vec<News>) -> Result<(), DemoError> {
        self.count_wrong();
        // B's may have been set back since: what had arrived there before counts, too.
        let Progress { at_a, at_b } = self.story.progress();
        let lost_octets = at_a + at_b.max(self.story.latest.at_b);
        let text = format!("{outcome}: begins again from 0, {} arrived for nothing", of_octets(lost_octets));
        news.push(News { at_ms: millis(now), of: Which::Plain, text });
        let noticed_after_ms = self.back_at.map(|back_at| millis(now) - millis(back_at));
        if let Some(mishap) = self.mishaps.last_mut() {
            *mishap = Mishap { outcome, noticed_after_ms, lost_octets, ..mishap.clone() };
        }
        if let Some(id) = self.story.a.connection.take() {
            // One that is over already cannot be aborted.
            self.story.a.endpoint.command(now, id, Command::Abort).ok();
        }
        self.wrong_before += self.wrong_now();
        if let Some(b) = &mut self.story.b {
            b.connection = None;
            b.application = Application::default();
        }
        self.story.latest = Progress::default();
        self.story.said_by_b = History::new(Side::B);
        self.story.connect(now, plain_config())?;
        self.attempts += 1;
        self.back_at = None;
        self.moved = [(0, now); 2];
        Ok(())
    }

    /// Octets that arrived at A after B came back, and that B as it came back never wrote, are of the latest mishap, too.
    fn count_wrong(&mut self) {
        let all = self.wrong_before + self.wrong_now();
        if let Some(mishap) = self.mishaps.last_mut() {
            mishap.diverged_octets += all.saturating_sub(self.wrong_counted);
        }
        self.wrong_counted = all;
    }

    fn wrong_now(&self) -> u64 {
        let at_b = self.story.b.as_ref().map_or(0, |b| b.application.wrong);
        self.story.a.application.wrong + at_b
    }

    pub(crate) fn outcome(mut self) -> PlainOutcome {
        self.count_wrong();
        let wrong_octets = self.wrong_before + self.wrong_now();
        PlainOutcome {
            is_complete: self.story.is_complete(),
            attempts: self.attempts,
            progress: self.story.progress(),
            wrong_octets,
            lost_octets: self.mishaps.iter().map(|mishap| mishap.lost_octets).sum(),
            mishaps: self.mishaps,
        }
    }
}

/// A count of octets for people.
pub(crate) fn of_octets(octets: u64) -> String {
    match octets {
        0..10_240 => format!("{octets} octets"),
        10_240..1_048_576 => format!("{} KiB", octets / 1_024),
        _ => format!("{}.{} MiB", octets >> 20, ((octets % (1 << 20)) * 10) >> 20),
    }
}
