//! Every segment that a peer, a path element or a stranger may send.

use hiatus_codec::mac::{Context, Role, Tag};
use hiatus_codec::{
    Abort, AbortReason, Epoch, EpochEcho, Flags, HoldTime, Life, Message, Nonce, Position, Resume, ResumeAck,
    Suspend, SuspendAck,
};
use hiatus_engine::{Command, PeerState, SelfState};

use super::scene::{Hold, LIM, RCV, RECORDED, Scene, Setup, State, UNA};
use crate::pair::{A_KEY, A_NONCE, B_NONCE, Frame, Made, Side};

const NEWER_GENERATION: Life = Life { generation: RECORDED.generation + 1, ..RECORDED };
const NEWER_INCARNATION: Life = Life { incarnation: RECORDED.incarnation + 1, generation: 0 };
const OLDER_GENERATION: Life = Life { generation: RECORDED.generation - 1, ..RECORDED };
const OLDER_INCARNATION: Life = Life { incarnation: RECORDED.incarnation - 1, generation: 9 };
const OTHER_NONCE: Nonce = Nonce(A_NONCE.0 ^ 1);
const WRONG: Tag = Tag([0; 8]);
/// R of a peer that received half of what is in flight.
const FITTING: u32 = UNA + 10;

/// One event, in every state to which it applies.
pub(super) struct Event {
    pub(super) label: &'static str,
    pub(super) setup: Setup,
    pub(super) applies: fn(State) -> bool,
    /// Lets it happen and gives what the end sends.
    pub(super) act: fn(&mut Scene) -> Vec<Frame>,
}

impl Event {
    /// One that may come in any state.
    pub(super) const fn new(label: &'static str, act: fn(&mut Scene) -> Vec<Frame>) -> Self {
        Self { label, setup: Setup::USUAL, applies: |_| true, act }
    }

    pub(super) const fn with(self, setup: Setup) -> Self {
        Self { setup, ..self }
    }

    pub(super) const fn without_hold(self) -> Self {
        Self { setup: Setup { hold: Hold::NotOffered, ..self.setup }, ..self }
    }

    pub(super) const fn only(self, applies: fn(State) -> bool) -> Self {
        Self { applies, ..self }
    }
}

/// Events that share a table.
pub(super) struct Group {
    pub(super) anchor: &'static str,
    pub(super) title: &'static str,
    pub(super) events: Vec<Event>,
}

pub(super) fn is_resuming(state: State) -> bool {
    state.here == SelfState::Resuming
}

/// A pure ACK of the peer with SEG.SEQ = RCV.NXT that acknowledges nothing new.
fn ack() -> Made {
    Made::ack(Side::A, RCV, UNA)
}

fn rst(seq: u32) -> Made {
    Made::rst(Side::A, seq)
}

fn give(scene: &mut Scene, made: &Made) -> Vec<Frame> {
    made.give(&mut scene.pair);
    scene.said()
}

pub(super) fn groups() -> Vec<Group> {
    vec![suspend(), resume(), resume_ack(), abort(), plain()]
}

fn suspend() -> Group {
    fn answer(scene: &mut Scene, granted_hold: HoldTime) -> Vec<Frame> {
        scene.give_suspend_ack(granted_hold);
        scene.said()
    }
    fn valid(scene: &mut Scene) -> Vec<Frame> {
        scene.give_suspend(RCV);
        scene.said()
    }
    let events = vec![
        Event::new("SUSPEND", valid),
        Event::new("SUSPEND where no hold was offered", valid).without_hold(),
        Event::new("SUSPEND with a wrong MAC", |scene| {
            let suspend = Suspend { expected_absence: HoldTime::NONE, tag: WRONG };
            give(scene, &ack().message(&Message::Suspend(suspend)))
        }),
        Event::new("SUSPEND of an older life", |scene| {
            let context = Context::suspend(Role::Initiator, OLDER_GENERATION);
            let suspend = |tag| Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag });
            give(scene, &ack().sealed(&context, suspend))
        }),
        Event::new("SUSPEND outside of the window", |scene| {
            scene.give_suspend(RCV + 1_000_000);
            scene.said()
        }),
        Event::new("SUSPEND-ACK, granted", |scene| answer(scene, HoldTime::from_seconds(60))),
        Event::new("SUSPEND-ACK, refused", |scene| answer(scene, HoldTime::NONE)),
        Event::new("SUSPEND-ACK with a wrong MAC", |scene| {
            let ack_message = SuspendAck { granted_hold: HoldTime::from_seconds(60), tag: WRONG };
            give(scene, &ack().message(&Message::SuspendAck(ack_message)))
        }),
    ];
    Group { anchor: "suspend", title: "SUSPEND and SUSPEND-ACK", events }
}

fn resume() -> Group {
    fn valid(scene: &mut Scene, life: Life, nonce: Nonce, received: u32, end: u32) -> Vec<Frame> {
        crate::pair::give_resume(&mut scene.pair, RCV, life, nonce, received, end);
        scene.said()
    }
    let events = vec![
        Event::new("newer generation", |scene| valid(scene, NEWER_GENERATION, A_NONCE, FITTING, RCV)),
        Event::new("newer incarnation", |scene| valid(scene, NEWER_INCARNATION, OTHER_NONCE, FITTING, RCV)),
        Event::new("newer life, R below SND.STB", |scene| {
            valid(scene, NEWER_GENERATION, A_NONCE, UNA - 1, RCV)
        }),
        Event::new("newer life, R above SND.LIM", |scene| {
            valid(scene, NEWER_GENERATION, A_NONCE, LIM + 1, RCV)
        }),
        Event::new("newer life, End below RCV.NXT", |scene| {
            valid(scene, NEWER_GENERATION, A_NONCE, FITTING, RCV - 1)
        }),
        Event::new("recorded life and nonce", |scene| valid(scene, RECORDED, A_NONCE, FITTING, RCV)),
        Event::new("recorded life and nonce, R above SND.LIM", |scene| {
            valid(scene, RECORDED, A_NONCE, LIM + 1, RCV)
        }),
        Event::new("recorded life and nonce, once more in this return", |scene| {
            valid(scene, RECORDED, A_NONCE, FITTING, RCV);
            valid(scene, RECORDED, A_NONCE, FITTING, RCV)
        })
        .only(|state| is_resuming(state) && state.there != PeerState::Presumed),
        Event::new("recorded incarnation and nonce, older generation", |scene| {
            valid(scene, OLDER_GENERATION, A_NONCE, FITTING, RCV)
        }),
        Event::new("older incarnation", |scene| valid(scene, OLDER_INCARNATION, A_NONCE, FITTING, RCV)),
        Event::new("recorded incarnation, another nonce", |scene| {
            valid(scene, RECORDED, OTHER_NONCE, FITTING, RCV)
        }),
        Event::new("recorded incarnation, newer generation, another nonce", |scene| {
            valid(scene, NEWER_GENERATION, OTHER_NONCE, FITTING, RCV)
        }),
        Event::new("wrong MAC", |scene| {
            let resume = Resume { life: NEWER_GENERATION, nonce: A_NONCE, end: RCV, tag: WRONG };
            give(scene, &ack().message(&Message::Resume(resume)))
        }),
        Event::new("nonce zero", |scene| valid(scene, NEWER_GENERATION, Nonce::UNKNOWN, FITTING, RCV)),
    ];
    Group { anchor: "resume", title: "RESUME", events }
}

fn resume_ack() -> Group {
    /// Its sender is in `life` and says `received` and `end` to the own life and nonce.
    fn valid(scene: &mut Scene, life: Life, received: u32, end: u32) -> Vec<Frame> {
        let own = scene.own_life();
        addressed(scene, own, B_NONCE, (life, received, end))
    }
    fn addressed(scene: &mut Scene, to: Life, nonce: Nonce, says: (Life, u32, u32)) -> Vec<Frame> {
        let (life, received, end) = says;
        let position = |low: u32| Position(u64::from(low));
        let context = Context::resume_ack(Role::Initiator, to, nonce, position(received), position(end));
        give(scene, &ack().sealed(&context, |tag| Message::ResumeAck(ResumeAck { life, received, end, tag })))
    }
    let events = vec![
        Event::new("recorded life", |scene| valid(scene, RECORDED, FITTING, RCV)),
        Event::new("newer life", |scene| valid(scene, NEWER_GENERATION, FITTING, RCV)),
        Event::new("older life", |scene| valid(scene, OLDER_GENERATION, FITTING, RCV)),
        Event::new("recorded life, R below SND.STB", |scene| valid(scene, RECORDED, UNA - 1, RCV)),
        Event::new("recorded life, R above SND.LIM", |scene| valid(scene, RECORDED, LIM + 1, RCV)),
        Event::new("recorded life, End below RCV.NXT", |scene| valid(scene, RECORDED, FITTING, RCV - 1)),
        Event::new("newer life, R below SND.STB", |scene| valid(scene, NEWER_GENERATION, UNA - 1, RCV)),
        Event::new("newer life, R above SND.LIM", |scene| valid(scene, NEWER_GENERATION, LIM + 1, RCV)),
        Event::new("newer life, End below RCV.NXT", |scene| valid(scene, NEWER_GENERATION, FITTING, RCV - 1)),
        Event::new("to another life of this host", |scene| {
            let to = scene.own_life().next_generation();
            addressed(scene, to, B_NONCE, (RECORDED, FITTING, RCV))
        }),
        Event::new("to another nonce", |scene| {
            let to = scene.own_life();
            addressed(scene, to, Nonce(B_NONCE.0 ^ 1), (RECORDED, FITTING, RCV))
        }),
        Event::new("wrong MAC", |scene| {
            let message = ResumeAck { life: RECORDED, received: FITTING, end: RCV, tag: WRONG };
            give(scene, &ack().message(&Message::ResumeAck(message)))
        }),
    ];
    Group { anchor: "resume-ack", title: "RESUME-ACK", events }
}

fn abort() -> Group {
    fn valid(scene: &mut Scene, reason: AbortReason, nonce: Nonce) -> Vec<Frame> {
        let context = Context::abort(Role::Initiator, scene.own_life(), nonce);
        give(scene, &rst(RCV).sealed(&context, |tag| Message::Abort(Abort { reason, proof: tag.0 })))
    }
    fn raw(scene: &mut Scene, reason: AbortReason, proof: [u8; 8]) -> Vec<Frame> {
        give(scene, &rst(RCV).message(&Message::Abort(Abort { reason, proof })))
    }
    /// RESUMEs, each of which meets an RST or not.
    fn met(scene: &mut Scene, resets: &[bool]) -> Vec<Frame> {
        let mut said = Vec::new();
        for (index, reset) in resets.iter().enumerate() {
            if index > 0 {
                next_resume(scene);
            }
            if *reset {
                said = give(scene, &rst(RCV));
            }
        }
        said
    }
    let events = vec![
        Event::new("ABORT APPLICATION", |scene| valid(scene, AbortReason::APPLICATION, Nonce::UNKNOWN)),
        Event::new("ABORT FENCED to the own life and nonce", |scene| {
            valid(scene, AbortReason::FENCED, B_NONCE)
        }),
        Event::new("ABORT of an unknown reason", |scene| valid(scene, AbortReason(200), Nonce::UNKNOWN)),
        Event::new("ABORT LOST with the peer's key", |scene| raw(scene, AbortReason::LOST, A_KEY.0)),
        Event::new("ABORT FENCED to another nonce", |scene| {
            valid(scene, AbortReason::FENCED, Nonce(B_NONCE.0 ^ 1))
        }),
        Event::new("ABORT with a wrong MAC", |scene| raw(scene, AbortReason::APPLICATION, WRONG.0)),
        Event::new("ABORT LOST with another key", |scene| raw(scene, AbortReason::LOST, [9; 8])),
        Event::new("RST, SEG.SEQ = RCV.NXT", |scene| give(scene, &rst(RCV))),
        Event::new("the same where no hold was offered", |scene| give(scene, &rst(RCV))).without_hold(),
        Event::new("the same, met by three RESUMEs in a row", |scene| met(scene, &[true; 3]))
            .only(is_resuming),
        Event::new("the same, met by three RESUMEs, not in a row", |scene| {
            met(scene, &[true, true, false, true])
        })
        .only(is_resuming),
        Event::new("RST elsewhere in the window", |scene| give(scene, &rst(RCV + 1))),
        Event::new("RST outside of the window", |scene| give(scene, &rst(RCV + 1_000_000))),
    ];
    Group { anchor: "abort", title: "ABORT and Bare RST", events }
}

/// Lets time pass until the next RESUME of a host in RESUMING.
pub(super) fn next_resume(scene: &mut Scene) -> Vec<Frame> {
    let due = scene.pair.b.poll_timeout().expect("a timer runs").since(scene.pair.now);
    scene.pair.alone(Side::B, due)
}

fn plain() -> Group {
    fn six_plain(scene: &mut Scene) -> Vec<Frame> {
        let mut said = give(scene, &ack());
        for _ in 1..6 {
            next_resume(scene);
            said = give(scene, &ack());
        }
        said
    }
    let events = vec![
        Event::new("ACK of all that is in flight", |scene| give(scene, &Made::ack(Side::A, RCV, LIM))),
        Event::new("pure ACK of nothing new", |scene| give(scene, &ack())),
        Event::new("data, SEG.SEQ = RCV.NXT", |scene| give(scene, &ack().payload(b"data"))),
        Event::new("one octet, SEG.SEQ = RCV.NXT", |scene| give(scene, &ack().payload(b"d"))),
        Event::new("FIN, SEG.SEQ = RCV.NXT", |scene| give(scene, &ack().flags(Flags::FIN.union(Flags::ACK)))),
        Event::new("the sixth plain segment, each after another RESUME", six_plain).only(is_resuming),
        Event::new("the same at a restored host", |scene| {
            let restored = Command::Restored { incarnation: 7, nonce: Nonce(77), tsval_ceiling: 0 };
            scene.pair.command(Side::B, restored);
            scene.said();
            six_plain(scene)
        })
        .only(is_resuming),
        Event::new("data outside of the window", |scene| {
            give(scene, &Made::ack(Side::A, RCV + 1_000_000, UNA).payload(b"data"))
        }),
        Event::new("ACK outside of the window", |scene| {
            give(scene, &Made::ack(Side::A, RCV + 1_000_000, UNA))
        }),
        Event::new("ACK of what was not sent", |scene| give(scene, &Made::ack(Side::A, RCV, LIM + 1))),
        Event::new("SYN", |scene| give(scene, &ack().flags(Flags::SYN))),
        Event::new("EPOCH", |scene| epoch(scene, UNA)),
        Event::new("EPOCH, stable point beyond SND.MAX", |scene| epoch(scene, LIM + 1)),
        Event::new("EPOCH with a wrong MAC", |scene| {
            give(scene, &ack().message(&Message::Epoch(Epoch { number: 1, stable_point: UNA, tag: WRONG })))
        }),
        Event::new("EPOCH-ECHO", |scene| {
            give(scene, &ack().message(&Message::EpochEcho(EpochEcho { stable_point: 0 })))
        }),
    ];
    Group { anchor: "plain", title: "Other Segments", events }
}

/// A valid EPOCH of the peer.
fn epoch(scene: &mut Scene, stable: u32) -> Vec<Frame> {
    let context = Context::epoch(Role::Initiator, RECORDED, Position(u64::from(stable)));
    let message = |tag| Message::Epoch(Epoch { number: 1, stable_point: stable, tag });
    give(scene, &ack().sealed(&context, message))
}
