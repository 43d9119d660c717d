//! Where the rules of rollback meet each other, time and the end (draft, {#durability}).

use core::time::Duration;

use hiatus_codec::mac::{Context, Role};
use hiatus_codec::{Epoch, HoldTime, Life, Message, Nonce, Position};
use hiatus_engine::{
    CloseReason, Command, Config, Event, FallbackReason, HiatusState, PeerState, SelfState, Sending, TcpState,
};

use crate::durability::{durable_config, durable_pair, epoch, restored, stable_points};
use crate::pair::{HOLD_SECONDS, Made, Pair, SUSPEND, Side, give_resume, names, older_config, seconds};

#[test]
fn epoch_that_says_nothing_new_does_not_lengthen_the_wait() {
    //= draft#back-pressure
    //# A host MUST NOT hold back octets for longer than 120 seconds at a time
    //# because of what it retains.
    let mut pair = Pair::on_with(Config { retained_octets_max: 1000, ..durable_config() }, durable_config());
    pair.write(Side::A, &[1; 3000]);
    pair.exchange();
    let context = Context::epoch(Role::Responder, Life::default(), Position(0));
    for _ in 0..3 {
        pair.pass(seconds(50));
        let copy = |tag| Message::Epoch(Epoch { number: 1, stable_point: 0, tag });
        Made::ack(Side::B, 1, 1001).sealed(&context, copy).give(&mut pair);
    }
    assert_eq!(pair.events(Side::A).first(), Some(&Event::Shed));
}

#[test]
fn epochs_that_take_long_to_become_durable_release_all_the_same() {
    /// Epochs between one that is TAKEN and the one that becomes DURABLE at the same time.
    const DEPTH: u32 = 20;
    let mut pair = Pair::on_with(Config { sending: Sending::HoldSend, ..durable_config() }, durable_config());
    let mut received = 0;
    for number in 1..=3 * DEPTH {
        pair.write(Side::A, b"x");
        pair.command(Side::A, Command::SnapshotTaken { epoch: number });
        if let Some(durable) = number.checked_sub(DEPTH) {
            pair.command(Side::A, Command::SnapshotDurable { epoch: durable });
            pair.exchange();
            received += u32::try_from(pair.read(Side::B).len()).expect("small");
            // Never what is not in a DURABLE epoch, and not much less.
            assert!(received <= durable && durable - received <= 8, "{received} of {durable}");
        }
    }
}

#[test]
fn question_that_plain_tcp_answers_ends_in_fallback() {
    // The peer has fallen back and has not said so: a RESUME is a keep-alive to it.
    let mut pair = Pair::on_with(older_config(), older_config());
    pair.off(seconds(2200));
    pair.write(Side::A, b"late");
    let mut questions = 0;
    for _ in 0..400 {
        questions += names(&pair.alone(Side::A, Duration::from_millis(500)))
            .iter()
            .filter(|name| **name == "resume")
            .count();
        Made::ack(Side::B, 1, 1).give(&mut pair);
        if pair.a.hiatus_state() == HiatusState::Off {
            break;
        }
    }
    assert_eq!(questions, 6);
    assert_eq!(pair.events(Side::A), [Event::FellBack { reason: FallbackReason::ResumeMetPlain }]);
    assert_eq!(names(&pair.take(Side::A)), ["data"]);
}

#[test]
fn epochs_in_quick_succession_leave_time_to_answer() {
    // An echo takes longer than six EPOCHs.
    let mut pair = durable_pair();
    let mut questions = 0;
    for number in 1..=12_u32 {
        Made::ack(Side::A, number, 1).payload(b"x").give(&mut pair);
        epoch(&mut pair, Side::B, number);
        questions += names(&pair.alone(Side::B, Duration::from_millis(500)))
            .iter()
            .filter(|name| **name == "resume")
            .count();
        Made::ack(Side::A, number + 1, 1).give(&mut pair);
    }
    assert_eq!(pair.b.hiatus_state(), HiatusState::On);
    // The initial RTO is a second.
    assert!((1..=5).contains(&questions), "{questions}");
}

#[test]
fn peer_that_falls_silent_after_a_word_is_given_up_by_epochs() {
    //= draft#epochs
    //# An EPOCH that has been repeated for as long as R2 while
    //# nothing acceptable came from the peer counts as R2 giving up
    let mut pair = durable_pair();
    pair.write(Side::A, b"1234");
    pair.exchange();
    epoch(&mut pair, Side::B, 1);
    pair.alone(Side::B, seconds(2));
    Made::ack(Side::A, 5, 1).give(&mut pair);
    pair.alone(Side::B, seconds(90));
    assert_eq!(pair.b.peer_state(), PeerState::Up);
    pair.alone(Side::B, seconds(200));
    assert_eq!(pair.b.peer_state(), PeerState::Presumed);
}

#[test]
fn epochs_do_not_give_up_in_time_wait() {
    let config = || Config { hiatus: durable_config().hiatus, ..durable_config() };
    let mut pair = Pair::on_with(config(), config());
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    epoch(&mut pair, Side::A, 1);
    pair.events(Side::A);
    pair.alone(Side::A, seconds(239));
    assert_eq!((pair.a.state(), pair.a.peer_state()), (TcpState::TimeWait, PeerState::Up));
    pair.alone(Side::A, seconds(2));
    assert_eq!(pair.events(Side::A), [Event::Lingering { limit: seconds(HOLD_SECONDS) }]);
}

#[test]
fn writer_learns_of_room_that_a_resume_makes() {
    let mut pair = Pair::on_with(Config { send_buffer_octets: 100, ..durable_config() }, durable_config());
    let now = pair.now;
    assert_eq!(pair.a.write(now, &[1; 200]), Ok(100));
    pair.take(Side::A);
    pair.events(Side::A);
    // B has it all, and every ACK was lost.
    let context = Context::resume(Role::Responder, Position(101), Position(1));
    let life = Life { incarnation: 0, generation: 1 };
    Made::ack(Side::B, 0, 101)
        .sealed(&context, |tag| {
            Message::Resume(hiatus_codec::Resume { life, nonce: crate::pair::B_NONCE, end: 1, tag })
        })
        .give(&mut pair);
    assert_eq!(pair.events(Side::A), [Event::Writable]);
}

#[test]
fn host_that_was_away_at_the_end_reports_when_it_is_back() {
    let mut pair = durable_pair();
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    // B leaves before its FIN is acknowledged.
    let fin = pair.take(Side::B);
    pair.command(Side::B, SUSPEND);
    pair.take(Side::B);
    pair.deliver(&fin[0]);
    for ack in pair.take(Side::A) {
        pair.deliver(&ack);
    }
    assert_eq!((pair.b.state(), pair.b.self_state()), (TcpState::Linger, SelfState::Leaving));
    epoch(&mut pair, Side::B, 1);
    // Nor is a SUSPEND told any more.
    assert_eq!(pair.alone(Side::B, seconds(100)), []);
    pair.command(Side::B, Command::Resume);
    assert_eq!(stable_points(&pair.take(Side::B)), [(1, 2)]);
}

#[test]
fn peer_that_went_back_is_told_the_stable_point_again() {
    let mut pair = Pair::on_with(Config { retained_octets_max: 1000, ..durable_config() }, durable_config());
    pair.write(Side::A, &[1; 1000]);
    pair.exchange();
    let saved = pair.a.clone();
    epoch(&mut pair, Side::B, 1);
    assert_eq!(names(&pair.exchange()), ["epoch", "echo"]);
    // A goes back to before the EPOCH, and is full.
    pair.a = saved;
    pair.command(Side::A, restored(1));
    assert_eq!(names(&pair.exchange()), ["resume", "resume-ack", "epoch", "epoch", "echo", "echo"]);
    pair.events(Side::A);
    pair.read(Side::B);
    pair.write(Side::A, &[2; 1000]);
    pair.pass(seconds(130));
    assert_eq!((pair.read(Side::B).len(), pair.events(Side::A)), (1000, vec![]));
}

#[test]
fn lingering_host_that_went_back_is_not_ended_by_silence() {
    let no_hold = || Config {
        hiatus: match durable_config().hiatus {
            hiatus_engine::HiatusPolicy::On(offer) => {
                hiatus_engine::HiatusPolicy::On(hiatus_engine::Offer { hold: HoldTime::NONE, ..offer })
            }
            other @ hiatus_engine::HiatusPolicy::Off => other,
        },
        ..durable_config()
    };
    let mut pair = Pair::on_with(no_hold(), no_hold());
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!(pair.b.state(), TcpState::Linger);
    pair.events(Side::B);
    pair.command(Side::B, restored(1));
    // R2 is 100 seconds, and so is the limit of RESUMING.
    pair.alone(Side::B, seconds(500));
    assert_eq!(pair.b.state(), TcpState::Linger);
    pair.alone(Side::B, seconds(101));
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::Finished }]);
}

#[test]
fn resume_of_a_lingering_peer_with_an_older_place_is_answered() {
    let mut pair = durable_pair();
    pair.write(Side::B, b"data");
    pair.exchange();
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    for (incarnation, received) in [(1, 6), (2, 5), (3, 3), (4, 1)] {
        // R past the FIN, at it, in the data, at its start.
        assert_eq!(pair.b.state(), TcpState::Linger);
        give_resume(&mut pair, 1, Life { incarnation, generation: 0 }, Nonce(9), received, 2);
        let back_in = if received > 5 { TcpState::Linger } else { TcpState::LastAck };
        assert_eq!(pair.b.state(), back_in);
        let sent = pair.take(Side::B);
        let rest = usize::try_from(5_u32.saturating_sub(received)).expect("small");
        assert_eq!(sent.iter().map(|frame| frame.segment().payload.len()).sum::<usize>(), rest);
        let tsval = 500_000_000 + incarnation;
        Made::ack(Side::A, 2, 6).tsval(tsval).give(&mut pair);
    }
}
