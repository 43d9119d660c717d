//! How packets go to and fro, and in whose time: what the target likes best of what can be done here.

use std::time::Duration;

use clap::ValueEnum;

use crate::adapter::{Clock, Hello, Packets};

/// Most seconds that a script may ask for in wall time, if nobody says otherwise.
const WALL_LIMIT_SECONDS: u32 = 10;

/// How the bench and a target that is a process exchange packets. The target's own preference counts where this is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Exchange {
    /// How packets go to a target that is a process; what it likes best if this is left out.
    #[arg(long, value_enum, value_name = "WAY")]
    pub packets: Option<Packets>,
    /// Whose time a target that is a process lives in; what it likes best if this is left out.
    #[arg(long, value_enum, value_name = "CLOCK")]
    pub clock: Option<Clock>,
    /// In wall time, leave out cases whose script takes longer than this.
    #[arg(long, value_name = "SECONDS", default_value_t = WALL_LIMIT_SECONDS)]
    pub wall_limit: u32,
}

impl Default for Exchange {
    fn default() -> Self {
        Self { packets: None, clock: None, wall_limit: WALL_LIMIT_SECONDS }
    }
}

/// What was chosen of a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) packets: Packets,
    pub(super) clock: Clock,
}

impl Exchange {
    /// How long the script of a case may take in wall time.
    #[must_use]
    pub fn wall_limit(&self) -> Duration {
        Duration::from_secs(u64::from(self.wall_limit))
    }

    /// The first way of packets in `hello`, and the first clock that goes with it, of those that are asked for and that
    /// `possible` says can be done; its error says why not.
    pub(super) fn choose(
        &self,
        hello: &Hello,
        possible: impl Fn(Packets) -> Result<(), String>,
    ) -> Result<Chosen, String> {
        let mut refused = Vec::new();
        for packets in
            hello.packets.iter().copied().filter(|way| self.packets.is_none_or(|wanted| wanted == *way))
        {
            if let Err(reason) = possible(packets) {
                refused.push(reason);
                continue;
            }
            let goes = |clock: &Clock| *clock == Clock::Wall || packets == Packets::Stdio;
            let wanted = |clock: &Clock| self.clock.is_none_or(|wanted| wanted == *clock);
            if let Some(clock) = hello.clocks.iter().copied().find(|clock| goes(clock) && wanted(clock)) {
                return Ok(Chosen { packets, clock });
            }
            refused.push(format!(
                "with packets over {}, none of its clocks: {}",
                name(&packets),
                names(&hello.clocks)
            ));
        }
        if refused.is_empty() {
            refused.push(format!("its packets: {}", names(&hello.packets)));
        }
        let forced = [
            self.packets.map(|packets| format!(" --packets {}", name(&packets))),
            self.clock.map(|clock| format!(" --clock {}", name(&clock))),
        ];
        let with = forced.into_iter().flatten().collect::<String>();
        let with = if with.is_empty() { with } else { format!(" with{with}") };
        Err(format!("{} cannot be run here{with}: {}", hello.name, refused.join("; ")))
    }
}

fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn names(values: &[impl ValueEnum]) -> String {
    if values.is_empty() { "none".to_owned() } else { values.iter().map(name).collect::<Vec<_>>().join(", ") }
}
