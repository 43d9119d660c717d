//! What an end does of its own accord: timers, and what its application and its host ask for.

use core::time::Duration;

use hiatus_codec::Nonce;
use hiatus_engine::{Command, PeerState, SelfState, Time};

use super::events::{Event, Group, is_resuming, next_resume};
use super::scene::{Flight, Order, RCV, Scene, Setup, State, UNA};
use crate::pair::{Frame, HOLD_SECONDS, Made, SUSPEND, Side};

/// The smallest step of the clock.
const TICK: Duration = Duration::from_micros(1);
/// The first RTO.
const RTO: Duration = Duration::from_secs(1);
/// RTOs of 1, 2, 4, 8, 16 and 32 s and one of 60 s: then R2, 100 s, has passed since the first.
const GIVES_UP: Duration = Duration::from_secs(123);
const FIRST_PROBE: Duration = Duration::from_secs(60);
const HOLD: Duration = Duration::from_secs(HOLD_SECONDS);
/// Between entering one of the two states and the other, where the order of two timers depends on it.
const BETWEEN: Duration = Duration::from_secs(10);

pub(super) fn groups() -> Vec<Group> {
    vec![timers(), commands()]
}

/// Lets time pass until `duration` after `start`, unheard, and gives what is sent at that instant.
fn exactly(scene: &mut Scene, start: Time, duration: Duration) -> Vec<Frame> {
    let left = (start + duration).since(scene.pair.now);
    scene.pair.alone(Side::B, left - TICK);
    scene.pair.alone(Side::B, TICK)
}

fn timers() -> Group {
    fn is_leaving(state: State) -> bool {
        state.here == SelfState::Leaving
    }
    /// Octets wait, and the window is closed.
    fn blocked(scene: &mut Scene) {
        Made::ack(Side::A, RCV, UNA).window(0).give(&mut scene.pair);
        scene.pair.write(Side::B, b"waits");
    }
    let idle = Setup { flight: Flight::None, ..Setup::USUAL };
    let apart = |order| Setup { order: Some(order), between: BETWEEN, ..Setup::USUAL };
    let events = vec![
        Event::new("retransmission timeout", |scene| {
            scene.acknowledge_suspend();
            exactly(scene, scene.sent_at, RTO)
        }),
        Event::new("retransmission gives up (R2)", |scene| {
            scene.acknowledge_suspend();
            exactly(scene, scene.sent_at, GIVES_UP)
        }),
        Event::new("the same where no hold was offered", |scene| {
            scene.acknowledge_suspend();
            exactly(scene, scene.sent_at, GIVES_UP)
        })
        .without_hold(),
        Event::new("persist timer", |scene| {
            scene.acknowledge_suspend();
            blocked(scene);
            exactly(scene, scene.pair.now, RTO)
        })
        .with(idle)
        .only(|state| state.there == PeerState::Up && !is_resuming(state)),
        Event::new("persist timer gives up", |scene| {
            blocked(scene);
            exactly(scene, scene.pair.now, GIVES_UP)
        })
        .with(idle)
        .only(|state| state == State { here: SelfState::Up, there: PeerState::Up }),
        Event::new("no SUSPEND-ACK for an RTO", |scene| exactly(scene, scene.left_at, RTO))
            .with(idle)
            .only(is_leaving),
        Event::new("an RTO after SUSPEND-ACK", |scene| {
            scene.acknowledge_suspend();
            exactly(scene, scene.left_at, RTO)
        })
        .with(idle)
        .only(is_leaving),
        Event::new("an RTO after three SUSPENDs", |scene| exactly(scene, scene.left_at, RTO * 3))
            .with(idle)
            .only(is_leaving),
        Event::new("RESUME timer", next_resume).only(is_resuming),
        Event::new("no answer for the limit", |scene| exactly(scene, scene.left_at, HOLD))
            .with(apart(Order::SelfFirst))
            .only(is_resuming),
        Event::new("probe timer", |scene| exactly(scene, scene.lost_at, FIRST_PROBE))
            .only(|state| state.there == PeerState::Presumed && !is_resuming(state)),
        Event::new("hold is over", |scene| exactly(scene, scene.lost_at, HOLD))
            .with(apart(Order::PeerFirst))
            .only(|state| state.there != PeerState::Up),
    ];
    Group { anchor: "timers", title: "Timers", events }
}

fn commands() -> Group {
    fn command(scene: &mut Scene, command: Command) -> Vec<Frame> {
        let now = scene.pair.now;
        scene.refused = scene.pair.b.handle_command(now, command).is_err();
        scene.said()
    }
    let events = vec![
        Event::new("host is going away", |scene| command(scene, SUSPEND)),
        Event::new("host is back, memory intact", |scene| command(scene, Command::Resume)),
        Event::new("host is restored", |scene| {
            command(scene, Command::Restored { incarnation: 7, nonce: Nonce(77), tsval_ceiling: 0 })
        }),
        Event::new("application writes", |scene| {
            let now = scene.pair.now;
            scene.refused = scene.pair.b.write(now, b"more") != Ok(4);
            scene.said()
        }),
        Event::new("application closes", |scene| command(scene, Command::Close)),
        Event::new("application aborts", |scene| command(scene, Command::Abort)),
    ];
    Group { anchor: "commands", title: "Application and Host", events }
}
