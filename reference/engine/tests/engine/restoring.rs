//! Coming back with an older state (draft, {#restoring}).

use core::time::Duration;

use hiatus_codec::mac::Tag;
use hiatus_codec::{AbortReason, Life, Message, Nonce, Resume};
use hiatus_engine::{CloseReason, Command, CommandError, Event, PeerState, SelfState, TcpState};

use crate::pair::{
    A_ISN, A_NONCE, B_ISN, Frame, Made, Pair, Side, abort_reason, give_resume, names, older_config, seconds,
};

fn resume(frame: &Frame) -> Resume {
    let Some(Message::Resume(resume)) = frame.message() else { panic!("RESUME, not {}", frame.name()) };
    resume
}

#[test]
fn restored_host_resumes_in_a_new_incarnation() {
    let mut pair = Pair::on_with(older_config(), older_config());
    let snapshot = pair.a.clone();
    pair.write(Side::B, b"after the snapshot, lost");
    pair.take(Side::B);
    pair.a = snapshot;
    pair.now = pair.now + seconds(60);
    let nonce = Nonce(0x77);
    let refused = Command::Restored { incarnation: 0, nonce, tsval_ceiling: 0 };
    let not_newer = CommandError::NotNewer { found: 0, present: 0 };
    let now = pair.now;
    assert_eq!(pair.a.handle_command(now, refused), Err(not_newer));
    pair.command(Side::A, Command::Restored { incarnation: 9, nonce, tsval_ceiling: 3_000_000_000 });
    let sent = pair.take(Side::A);
    assert_eq!(resume(&sent[0]).life, Life { incarnation: 9, generation: 0 });
    // At least 2^22 ticks above every earlier TSval (draft, {#restoring}).
    assert!(sent[0].timestamps().value >= 3_000_000_000 + (1 << 22));
    pair.deliver(&sent[0]);
    pair.exchange();
    assert_eq!(pair.read(Side::A), b"after the snapshot, lost");
    assert_eq!(pair.a.self_state(), SelfState::Up);
}

#[test]
fn restored_host_whose_peer_is_plain_aborts() {
    //= draft#restoring
    //# A restored host MUST end the connection with ABORT and reason DIVERGED
    //# when six RESUMEs have each met a plain segment and no valid Hiatus
    //# message has come since the first of these segments.
    let mut pair = Pair::on_with(older_config(), older_config());
    pair.command(Side::A, Command::Restored { incarnation: 1, nonce: Nonce(3), tsval_ceiling: 0 });
    pair.take(Side::A);
    for _ in 0..6 {
        // B has received up to 901, which this history has not sent.
        Made::ack(Side::B, 1, 901).give(&mut pair);
        if pair.a.state() == TcpState::Established {
            while pair.alone(Side::A, Duration::from_millis(500)).is_empty() {}
        }
    }
    assert_eq!(pair.events(Side::A), [Event::Closed { reason: CloseReason::PeerIsPlain }]);
    let abort = pair.take(Side::A);
    assert_eq!(abort_reason(&abort[0]), AbortReason::DIVERGED);
    // Where plain TCP takes it as an RST, and so does what comes when it was lost.
    assert_eq!(abort[0].segment().seq.0, A_ISN + 901);
    Made::ack(Side::B, 1, 905).give(&mut pair);
    assert_eq!(pair.take(Side::A)[0].segment().seq.0, A_ISN + 905);
}

#[test]
fn resume_with_wrong_mac_counts_at_a_restored_host_only() {
    let met_six = |restored: bool| {
        let mut pair = Pair::on_with(older_config(), older_config());
        let anew = Command::Restored { incarnation: 1, nonce: Nonce(3), tsval_ceiling: 0 };
        pair.command(Side::A, if restored { anew } else { Command::Resume });
        pair.take(Side::A);
        for _ in 0..6 {
            let life = Life { incarnation: 1, generation: 0 };
            let resume = Resume { life, nonce: Nonce(9), end: 1, tag: Tag([0; 8]) };
            Made::ack(Side::B, 0, 1).message(&Message::Resume(resume)).give(&mut pair);
            if pair.a.state() == TcpState::Established {
                while pair.alone(Side::A, Duration::from_millis(500)).is_empty() {}
            }
        }
        pair
    };
    let mut restored = met_six(true);
    assert_eq!(abort_reason(&restored.take(Side::A)[0]), AbortReason::DIVERGED);
    assert_eq!(met_six(false).a.self_state(), SelfState::Resuming);
}

#[test]
fn restored_host_in_time_wait_has_nothing_to_agree_on() {
    let mut pair = Pair::on_with(older_config(), older_config());
    pair.command(Side::A, Command::Close);
    pair.exchange();
    pair.command(Side::B, Command::Close);
    pair.exchange();
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    pair.off(seconds(3600));
    pair.command(Side::A, Command::Restored { incarnation: 1, nonce: Nonce(3), tsval_ceiling: 0 });
    assert_eq!((pair.a.self_state(), pair.take(Side::A)), (SelfState::Up, vec![]));
    // What was left of the timeout, four minutes, is left.
    pair.alone(Side::A, seconds(239));
    assert_eq!(pair.a.state(), TcpState::TimeWait);
    pair.alone(Side::A, seconds(1));
    assert_eq!(pair.a.state(), TcpState::Closed);
}

#[test]
fn jump_of_a_restored_host_is_shown_at_once() {
    //= draft#int-guest
    //# A restored host that has synchronised to an R above its former SND.NXT
    //# MUST send an ACK at once.
    let mut pair = Pair::on_with(older_config(), older_config());
    pair.write(Side::A, b"hello");
    // Written, and not sent yet.
    let snapshot = pair.a.clone();
    pair.exchange();
    pair.a = snapshot;
    pair.command(Side::A, Command::Restored { incarnation: 1, nonce: Nonce(3), tsval_ceiling: 0 });
    let sent = pair.take(Side::A);
    pair.deliver(&sent[0]);
    let answer = pair.take(Side::B);
    pair.deliver(&answer[0]);
    let acks = pair.take(Side::A);
    assert_eq!(names(&acks), ["ack"]);
    assert_eq!(acks[0].segment().seq.0, A_ISN + 6);
}

/// B wrote 32 octets, A has them, and B was set back without a word.
fn rolled_back() -> Pair {
    let mut pair = Pair::on_with(older_config(), older_config());
    let snapshot = pair.b.clone();
    pair.write(Side::B, b"received, and then never written");
    pair.exchange();
    pair.b = snapshot;
    pair
}

const DIVERGED: [Event; 1] = [Event::Closed { reason: CloseReason::AbortedHere(AbortReason::DIVERGED) }];

#[test]
fn rollback_that_nobody_told_of_shows_in_a_resume_of_the_recorded_life() {
    //= draft#lives
    //# A host that is not in RESUMING MUST end the connection with ABORT and
    //# reason DIVERGED when a valid RESUME of the recorded life, or a valid
    //# RESUME-ACK for its current life, has an R above its SND.LIM.
    let mut pair = rolled_back();
    give_resume(&mut pair, 0, Life::default(), A_NONCE, 33, 1);
    assert_eq!(pair.events(Side::B), DIVERGED);
    let sent = pair.take(Side::B);
    assert_eq!((abort_reason(&sent[0]), sent[0].segment().seq.0), (AbortReason::DIVERGED, B_ISN + 33));
    pair.deliver(&sent[0]);
    let reason = CloseReason::AbortedByPeer(AbortReason::DIVERGED);
    assert_eq!(pair.events(Side::A).last(), Some(&Event::Closed { reason }));
}

#[test]
fn rollback_that_nobody_told_of_shows_in_the_answer_to_a_probe() {
    let mut pair = rolled_back();
    Made::rst(Side::A, 1).give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Presumed);
    let probe = pair.alone(Side::B, seconds(60));
    pair.deliver(&probe[0]);
    pair.events(Side::B);
    let answer = pair.take(Side::A);
    // Whether the host still waits for it or not.
    for is_presumed in [true, false] {
        let mut pair = pair.clone();
        if !is_presumed {
            Made::ack(Side::A, 1, 1).give(&mut pair);
            assert_eq!(pair.b.peer_state(), PeerState::Up);
            pair.events(Side::B);
        }
        pair.deliver(&answer[0]);
        assert_eq!(pair.events(Side::B), DIVERGED);
        assert_eq!(abort_reason(&pair.take(Side::B)[0]), AbortReason::DIVERGED);
    }
}

#[test]
fn host_in_resuming_answers_whatever_its_peer_has() {
    let mut pair = rolled_back();
    pair.command(Side::B, Command::Restored { incarnation: 1, nonce: Nonce(3), tsval_ceiling: 0 });
    pair.take(Side::B);
    pair.events(Side::B);
    give_resume(&mut pair, 0, Life::default(), A_NONCE, 33, 1);
    assert_eq!(pair.events(Side::B), []);
}
