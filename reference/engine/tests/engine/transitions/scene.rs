//! One end brought into a state of the draft, its peer played by hand, and what an event does to it.
//!
//! The end is B, the responder. 100 octets of it are acknowledged and 20 are in flight, 50 octets of the peer have
//! arrived, and the peer's life is recorded as 2.3.

use core::fmt;
use core::time::Duration;

use hiatus_codec::mac::{Context, Role};
use hiatus_codec::{CapableBits, HoldTime, Life, Message, Suspend, SuspendAck};
use hiatus_engine::{
    CloseReason, Command, Config, Event, HiatusPolicy, HiatusState, Offer, PeerState, SelfState, TcpState,
    Time,
};

use crate::pair::{
    A_NONCE, Frame, Made, Pair, SUSPEND, Side, abort_reason, give_resume, hiatus_config, plain_config,
};

/// The life of the peer that B has recorded.
pub(super) const RECORDED: Life = Life { incarnation: 2, generation: 3 };
/// SND.STB and SND.UNA of B.
pub(super) const UNA: u32 = 101;
/// SND.NXT, SND.MAX and SND.LIM of B while octets are in flight.
pub(super) const LIM: u32 = 121;
/// RCV.NXT of B.
pub(super) const RCV: u32 = 51;

/// SELF and PEER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State {
    pub(super) here: SelfState,
    pub(super) there: PeerState,
}

impl State {
    pub(super) const SELVES: [SelfState; 3] = [SelfState::Up, SelfState::Leaving, SelfState::Resuming];
    pub(super) const PEERS: [PeerState; 3] = [PeerState::Up, PeerState::Held, PeerState::Presumed];

    pub(super) fn all() -> impl Iterator<Item = Self> {
        Self::SELVES
            .into_iter()
            .flat_map(|here| Self::PEERS.into_iter().map(move |there| Self { here, there }))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.here, self.there)
    }
}

/// Which of the two states was entered first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    PeerFirst,
    SelfFirst,
}

/// Whether B offered a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Offered,
    NotOffered,
}

/// Whether octets of B are in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flight {
    Some,
    None,
}

/// What else is true of the end before the event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    pub(super) hold: Hold,
    pub(super) flight: Flight,
    /// `None` if it makes no difference, which is checked.
    pub(super) order: Option<Order>,
    /// Between entering one of the two states and the other.
    pub(super) between: Duration,
}

impl Setup {
    pub(super) const USUAL: Self =
        Self { hold: Hold::Offered, flight: Flight::Some, order: None, between: Duration::ZERO };
}

/// A pair whose B is in a state; A is not asked any more.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) pair: Pair,
    /// When the octets in flight were sent.
    pub(super) sent_at: Time,
    /// When PEER became what it is.
    pub(super) lost_at: Time,
    /// When SELF became what it is.
    pub(super) left_at: Time,
    /// What the application asked for was refused.
    pub(super) refused: bool,
}

impl Scene {
    /// `None` if the state cannot be reached in this order, or without a hold.
    pub(super) fn reach(state: State, setup: Setup, order: Order) -> Option<Self> {
        if setup.order.is_some_and(|only| only != order) {
            return None;
        }
        let no_hold = Offer { bits: CapableBits::new(1).with_silent(), hold: HoldTime::NONE };
        let config_b = match setup.hold {
            Hold::Offered => hiatus_config(),
            Hold::NotOffered => Config { hiatus: HiatusPolicy::On(no_hold), ..plain_config() },
        };
        if setup.hold == Hold::NotOffered && state.there != PeerState::Up {
            return None;
        }
        let mut pair = Pair::on_with(hiatus_config(), config_b);
        pair.write(Side::A, &[b'a'; 50]);
        pair.write(Side::B, &[b'b'; 100]);
        pair.exchange();
        pair.read(Side::B);
        give_resume(&mut pair, RCV, RECORDED, A_NONCE, UNA, RCV);
        pair.take(Side::B);
        if setup.flight == Flight::Some {
            pair.write(Side::B, &[b'c'; 20]);
        }
        let now = pair.now;
        let mut scene = Self { pair, sent_at: now, lost_at: now, left_at: now, refused: false };
        scene.settle();
        match order {
            Order::PeerFirst => {
                scene.lose_peer(state.there);
                scene.pass(setup.between);
                scene.leave(state.here);
            }
            Order::SelfFirst => {
                scene.leave(state.here);
                scene.pass(setup.between);
                scene.lose_peer(state.there);
            }
        }
        scene.settle();
        (scene.state() == state).then_some(scene)
    }

    fn pass(&mut self, duration: Duration) {
        self.pair.alone(Side::B, duration);
        if self.pair.b.peer_state() != PeerState::Up {
            // Dropped; it shows that the host was there all the time, and not away without a word.
            Made::rst(Side::A, RCV).give(&mut self.pair);
        }
        self.settle();
    }

    fn settle(&mut self) {
        self.pair.take(Side::B);
        self.pair.events(Side::B);
    }

    fn lose_peer(&mut self, there: PeerState) {
        self.lost_at = self.pair.now;
        match there {
            PeerState::Up => {}
            PeerState::Held => self.give_suspend(RCV),
            PeerState::Presumed => Made::rst(Side::A, RCV).give(&mut self.pair),
        }
    }

    fn leave(&mut self, here: SelfState) {
        self.left_at = self.pair.now;
        match here {
            SelfState::Up => {}
            SelfState::Leaving => self.pair.command(Side::B, SUSPEND),
            SelfState::Resuming => self.pair.command(Side::B, Command::Resume),
        }
    }

    /// A valid SUSPEND of the peer with SEG.SEQ = `seq`.
    pub(super) fn give_suspend(&mut self, seq: u32) {
        let context = Context::suspend(Role::Initiator, RECORDED);
        let suspend = |tag| Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag });
        Made::ack(Side::A, seq, UNA).sealed(&context, suspend).give(&mut self.pair);
    }

    /// Answers the SUSPEND of B, if the peer is there, so that no copy of it is sent any more.
    pub(super) fn acknowledge_suspend(&mut self) {
        if self.state() == (State { here: SelfState::Leaving, there: PeerState::Up }) {
            self.give_suspend_ack(HoldTime::from_seconds(60));
            self.settle();
        }
    }

    /// A valid SUSPEND-ACK of the peer.
    pub(super) fn give_suspend_ack(&mut self, granted_hold: HoldTime) {
        let context = Context::suspend_ack(Role::Initiator, self.own_life());
        let message = |tag| Message::SuspendAck(SuspendAck { granted_hold, tag });
        Made::ack(Side::A, RCV, UNA).sealed(&context, message).give(&mut self.pair);
    }

    pub(super) fn state(&self) -> State {
        State { here: self.pair.b.self_state(), there: self.pair.b.peer_state() }
    }

    /// The life of B: it has come back once if it is RESUMING.
    pub(super) fn own_life(&self) -> Life {
        let generation = u16::from(self.pair.b.self_state() == SelfState::Resuming);
        Life { incarnation: 0, generation }
    }

    /// What B says now.
    pub(super) fn said(&mut self) -> Vec<Frame> {
        self.pair.take(Side::B)
    }

    /// Lets `act` happen, which gives what B sent, and notes what came of it.
    pub(super) fn record(mut self, act: impl FnOnce(&mut Self) -> Vec<Frame>) -> Outcome {
        let before = self.view();
        let frames = act(&mut self);
        let mut sent: Vec<String> = frames.iter().map(name).collect();
        sent.dedup();
        let events = self.pair.events(Side::B);
        self.view().check_told(&before, &events);
        let mut next = if self.refused { vec!["refused".to_owned()] } else { Vec::new() };
        next.extend(self.view().changes_since(&before, &events));
        let told = events.iter().filter_map(|event| told(event)).map(str::to_owned).collect();
        Outcome { sent, next, told }
    }

    fn view(&self) -> View {
        View { state: self.state(), tcp: self.pair.b.state(), hiatus: self.pair.b.hiatus_state() }
    }
}

/// Everything that has a name in the draft.
struct View {
    state: State,
    tcp: TcpState,
    hiatus: HiatusState,
}

impl View {
    fn changes_since(&self, before: &Self, events: &[Event]) -> Vec<String> {
        if self.tcp == TcpState::Closed {
            let reason = events.iter().find_map(|event| match event {
                Event::Closed { reason } => Some(close_reason(*reason)),
                _ => None,
            });
            return vec![format!("CLOSED: {}", reason.expect("the application is told"))];
        }
        if self.hiatus != before.hiatus {
            return vec!["plain TCP".to_owned()];
        }
        let mut changes = Vec::new();
        if self.state.here != before.state.here {
            changes.push(format!("SELF {}", self.state.here));
        }
        if self.state.there != before.state.there {
            changes.push(format!("PEER {}", self.state.there));
        }
        if self.tcp != before.tcp {
            changes.push(self.tcp.to_string());
        }
        changes
    }

    /// The application is told of every change of SELF and PEER that is not its own doing, and of nothing that did not
    /// happen.
    fn check_told(&self, before: &Self, events: &[Event]) {
        let is_over = self.tcp == TcpState::Closed || self.hiatus != before.hiatus;
        let (here, there) = (self.state.here, self.state.there);
        let is_new = |is_new: bool| is_new && !is_over;
        let came = |there: PeerState| is_new(self.state.there == there && before.state.there != there);
        let has = |told: fn(&Event) -> bool| events.iter().any(told);
        assert_eq!(has(|e| matches!(e, Event::PeerSuspended { .. })), came(PeerState::Held), "{there}");
        let presumed = has(|e| matches!(e, Event::PeerPresumedSuspended { .. }));
        assert_eq!(presumed, came(PeerState::Presumed), "{there}");
        assert_eq!(has(|e| *e == Event::PeerResumed), came(PeerState::Up), "{there}");
        let is_back = is_new(here == SelfState::Up && before.state.here != SelfState::Up);
        assert_eq!(has(|e| *e == Event::Resumed), is_back, "{here}");
    }
}

/// What an event does in one state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Outcome {
    /// Segments sent because of it, by name; neighbours of one name are one.
    pub(super) sent: Vec<String>,
    /// States that are not what they were.
    pub(super) next: Vec<String>,
    /// What the application is told beside what follows from `next`.
    pub(super) told: Vec<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sends {:?}, next {:?}, tells {:?}", self.sent, self.next, self.told)
    }
}

/// As the draft writes it.
fn name(frame: &Frame) -> String {
    match frame.name() {
        "data" => "data".to_owned(),
        "echo" => "EPOCH-ECHO".to_owned(),
        "abort" => format!("ABORT {}", abort_reason(frame).to_string().to_uppercase()),
        "suspend-ack" => match frame.message() {
            Some(Message::SuspendAck(ack)) if ack.granted_hold.is_none() => "SUSPEND-ACK, hold 0".to_owned(),
            _ => "SUSPEND-ACK".to_owned(),
        },
        other => other.to_uppercase(),
    }
}

/// What the application is told, unless a change of state says the same.
fn told(event: &Event) -> Option<&'static str> {
    match event {
        Event::SuspendAcknowledged { hold } if hold.is_zero() => Some("refused"),
        Event::SuspendAcknowledged { .. } => Some("granted"),
        Event::Readable => Some("data"),
        Event::PeerClosed => Some("end"),
        // Of RFC 9293 alone.
        Event::Unanswered
        | Event::PeerSuspended { .. }
        | Event::PeerPresumedSuspended { .. }
        | Event::PeerResumed
        | Event::Resumed
        | Event::FellBack { .. }
        | Event::Closed { .. } => None,
        other => panic!("no name for {other:?}"),
    }
}

fn close_reason(reason: CloseReason) -> String {
    match reason {
        CloseReason::AbortedByPeer(_) => "its reason".to_owned(),
        CloseReason::AbortedHere(reason) => reason.to_string().to_uppercase(),
        CloseReason::Aborted => "own abort".to_owned(),
        CloseReason::Reset => "reset".to_owned(),
        CloseReason::PeerIsPlain => "peer is plain".to_owned(),
        other => other.to_string(),
    }
}
