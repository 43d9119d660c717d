//! The story over Hiatus.

use std::time::{Duration, Instant};

use hiatus_engine::{Config, Endpoint, EndpointLimits, EndpointSecrets, Event, Placed, Restoration, Time};
use serde::Serialize;

use crate::demo::application::{Application, Side};
use crate::demo::ladder::{Ladder, LadderLine};
use crate::demo::plain::of_octets;
use crate::demo::story::{Host, Story, config};
use crate::demo::{DemoError, News, Plan, Progress, Which, millis};
use crate::epochs::{EpochPolicy, Epochs, Keeping, TAKEN_STATE, drawn};
use crate::machine::Settings;

/// The name of the application's state in an epoch.
const STATE: &str = "demo";

/// What one power cut did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// The epoch that host B came back to: incarnation and number.
    pub epoch: String,
    /// How far its application was set back, in octets read and written.
    pub set_back_octets: u64,
    /// What it took to open the store and restore the connection, in microseconds.
    pub restored_us: u64,
    /// From the return of the power until both ends were in step, the restore included, in microseconds; `None` if they never
    /// were.
    pub in_step_us: Option<u64>,
    /// Octets that the application on A had read and the one on B, as it came back, had never written.
    pub diverged_octets: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HiatusOutcome {
    /// Whether the connection survived every power cut, and every octet came and was right.
    pub survived: bool,
    /// Octets that the applications have read.
    pub progress: Progress,
    /// Octets that were read and were not what the other end has written.
    pub wrong_octets: u64,
    /// Why the connection is over, if it is.
    pub closed: Option<String>,
    /// Epochs that became durable.
    pub epochs: u64,
    /// What each power cut did.
    pub recoveries: Vec<Recovery>,
}

/// The story.
pub(crate) struct HiatusStory {
    story: Story,
    keeping: Keeping,
    policy: EpochPolicy,
    /// `None` while B has no power.
    epochs: Option<Epochs>,
    recoveries: Vec<Recovery>,
    back_at: Option<Time>,
    before: Application,
    closed: Option<String>,
    durable: u64,
}

fn config_a() -> Config {
    config(Settings::in_memory().connection)
}

fn config_b() -> Config {
    config(Settings::durable().connection)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl HiatusStory {
    pub(crate) fn new(plan: &Plan, keeping: Keeping, now: Time) -> Result<Self, DemoError> {
        let interval = Duration::from_millis(plan.epoch_ms);
        let policy = EpochPolicy::Batches { interval, octets: u64::MAX };
        let opened = keeping.open()?;
        let secrets = EndpointSecrets { host: opened.secret, instance: drawn()? };
        let b = Host::listening(Endpoint::new(secrets, EndpointLimits::default()), config_b())?;
        let mut story = Story::new(plan, b)?;
        story.ladder = Some(Ladder::default());
        story.connect(now, config_a())?;
        Ok(Self {
            story,
            keeping,
            policy,
            epochs: Some(Epochs::kept(policy, opened, || {})),
            recoveries: Vec::new(),
            back_at: None,
            before: Application::default(),
            closed: None,
            durable: 0,
        })
    }

    pub(crate) fn progress(&self) -> Progress {
        self.story.progress()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.story.is_complete() && self.back_at.is_none()
    }

    pub(crate) fn power_cut(&mut self, now: Time) {
        self.story.latest = self.story.progress();
        self.before = self.story.b.take().map(|b| b.application).unwrap_or_default();
        self.durable += self.epochs.take().map_or(0, |epochs| epochs.status().commits);
        if let Some(ladder) = &mut self.story.ladder {
            ladder.power_cut(now);
        }
    }

    /// A start of the host: it finds the store, and comes back to the latest durable epoch.
    pub(crate) fn power_back(&mut self, now: Time, news: &mut Vec<News>) -> Result<(), DemoError> {
        let started = Instant::now();
        let mut opened = self.keeping.open()?;
        let (image, life) = opened.returns.take().ok_or(DemoError::NoEpoch)?;
        let state = |name| image.application(name);
        let application = state(STATE).and_then(Application::of).ok_or(DemoError::NoEpoch)?;
        let taken = state(TAKEN_STATE).and_then(|octets| octets.try_into().ok()).ok_or(DemoError::NoEpoch)?;
        let restoration = Restoration {
            incarnation: life.incarnation,
            instance: drawn()?,
            tsval_ceiling: life.tsval_ceiling,
            taken: Time(u64::from_le_bytes(taken)),
        };
        let secrets = EndpointSecrets { host: opened.secret, instance: drawn()? };
        let mut endpoint = Endpoint::restoring(secrets, EndpointLimits::default());
        let config = config_b();
        let records: Vec<_> = image.records().map(|(_, octets)| (&config, octets)).collect();
        let mut connection = None;
        endpoint.restore(now, &restoration, records, |placed| {
            if let Placed::Kept(id) = placed {
                connection = Some(id);
            }
        })?;
        let epoch = image.epoch().to_string();
        self.epochs = Some(Epochs::kept(self.policy, opened, || {}));
        self.story.said_by_b.go_on_from(application.written, life.incarnation);
        self.story.b = Some(Host { connection, application, ..Host::new(endpoint) });
        if let Some(ladder) = &mut self.story.ladder {
            ladder.power_back();
        }
        self.back_at = Some(now);
        let set_back_octets =
            (self.before.read - application.read) + (self.before.written - application.written);
        let restored_us = micros(started.elapsed());
        let diverged_octets = self.story.a.application.read.saturating_sub(application.written);
        let text = format!("B is back at epoch {epoch}, set back by {}", of_octets(set_back_octets));
        news.push(News { at_ms: millis(now), of: Which::Hiatus, text });
        let recovery = Recovery { epoch, set_back_octets, restored_us, in_step_us: None, diverged_octets };
        self.recoveries.push(recovery);
        Ok(())
    }

    pub(crate) fn turn(&mut self, now: Time, news: &mut Vec<News>) -> Result<(), DemoError> {
        for (side, _, event) in self.story.turn(now) {
            match (side, event) {
                (Side::B, Event::Resumed) => self.in_step(now, news),
                (_, Event::Closed { reason }) => {
                    self.closed = Some(reason.to_string());
                    let text = format!("the connection is over: {reason}");
                    news.push(News { at_ms: millis(now), of: Which::Hiatus, text });
                }
                _ => {}
            }
        }
        self.keep(now);
        self.story.carry(now);
        Ok(())
    }

    fn in_step(&mut self, now: Time, news: &mut Vec<News>) {
        let (Some(back_at), Some(recovery)) = (self.back_at.take(), self.recoveries.last_mut()) else {
            return;
        };
        // While the store was read the time of the stories stood.
        let took_us = recovery.restored_us + micros(now.since(back_at));
        recovery.in_step_us = Some(took_us);
        let text = format!("in step again, {}.{} ms after the power", took_us / 1_000, took_us % 1_000 / 100);
        news.push(News { at_ms: millis(now), of: Which::Hiatus, text });
    }

    /// Takes an epoch if one is due, and lets out what has become durable.
    fn keep(&mut self, now: Time) {
        let (Some(b), Some(epochs)) = (&mut self.story.b, &mut self.epochs) else { return };
        while let Some(epoch) = epochs.poll_durable(&mut b.endpoint) {
            b.endpoint.snapshot_durable(now, epoch);
        }
        epochs.note(0);
        if epochs.due(now).is_some_and(|due| due <= now) {
            let state = b.application.octets();
            if let Err(error) = epochs.take(now, &mut b.endpoint, |states| states.put(STATE, &state)) {
                tracing::warn!(%error, "an epoch could not be taken");
            }
        }
        epochs.raise_ceiling(b.endpoint.timestamp_clock(now));
    }

    pub(crate) fn outcome(self, cuts: usize) -> (HiatusOutcome, Vec<LadderLine>) {
        let progress = self.story.progress();
        let at_b = self.story.b.as_ref().map_or(0, |b| b.application.wrong);
        let wrong_octets = self.story.a.application.wrong + at_b;
        let is_well = |recovery: &Recovery| recovery.in_step_us.is_some() && recovery.diverged_octets == 0;
        let survived = self.story.is_complete()
            && wrong_octets == 0
            && self.closed.is_none()
            && self.recoveries.len() == cuts
            && self.recoveries.iter().all(is_well);
        let epochs = self.durable + self.epochs.map_or(0, |epochs| epochs.status().commits);
        let outcome = HiatusOutcome {
            survived,
            progress,
            wrong_octets,
            closed: self.closed,
            epochs,
            recoveries: self.recoveries,
        };
        (outcome, self.story.ladder.map(Ladder::lines).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{HiatusStory, Keeping, Plan, Time};

    /// What B does after it is back, before its first turn.
    type Tamper = fn(&mut HiatusStory);

    fn survives(tamper: Tamper) -> bool {
        let plan = Plan { octets: 256 << 10, away_ms: 20, ..Plan::fast(1) };
        let folder = tempfile::tempdir().unwrap();
        let mut news = Vec::new();
        let mut now = Time::ZERO;
        let mut story = HiatusStory::new(&plan, Keeping::in_folder(folder.path()), now).unwrap();
        let mut cut = false;
        for _ in 0..400_000 {
            now = now + Duration::from_micros(500);
            // The store is on a thread, and in real time.
            std::thread::sleep(Duration::from_micros(50));
            story.turn(now, &mut news).unwrap();
            if !cut && story.progress().sum() > plan.octets && story.durable_epochs() > 2 {
                cut = true;
                story.power_cut(now);
                story.power_back(now, &mut news).unwrap();
                tamper(&mut story);
            }
            if cut && story.is_complete() || story.closed.is_some() {
                break;
            }
        }
        story.outcome(1).0.survived
    }

    impl HiatusStory {
        fn durable_epochs(&self) -> u64 {
            self.epochs.as_ref().map_or(0, |epochs| epochs.status().commits)
        }
    }

    #[test]
    fn what_is_set_back_comes_back() {
        assert!(survives(|_| {}));
    }

    #[test]
    fn an_application_that_says_other_octets_is_noticed() {
        assert!(!survives(|story| story.story.b.as_mut().unwrap().application.written -= 1_000));
    }

    #[test]
    fn a_connection_that_is_gone_is_noticed() {
        assert!(!survives(|story| {
            let b = story.story.b.as_mut().unwrap();
            let id = b.connection.unwrap();
            b.endpoint.command(Time::from_secs(3_600), id, hiatus_engine::Command::Abort).unwrap();
        }));
    }
}
