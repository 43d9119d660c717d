//! What is not authentic, and what later versions may send (draft, {#opt-head}, {#mac-check}).

use hiatus_codec::mac::{Context, Role, Tag};
use hiatus_codec::{
    Abort, AbortReason, HoldTime, Life, Message, Nonce, Position, Resume, ResumeAck, Suspend, SuspendAck,
};
use hiatus_engine::{CloseReason, Command, Event, PeerState, SelfState, TcpState};

use crate::pair::{A_KEY, A_NONCE, B_KEY, Made, Pair, SUSPEND, Side, names};

const WRONG: Tag = Tag([0; 8]);

#[test]
fn suspend_with_a_wrong_mac_is_an_ordinary_ack() {
    //= draft#mac-check
    //# A receiver MUST treat a segment with an EPOCH, SUSPEND or SUSPEND-ACK
    //# with a wrong MAC as if it carried no Hiatus option.
    let mut pair = Pair::on();
    pair.write(Side::B, b"four");
    pair.take(Side::B);
    let suspend = Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag: WRONG });
    Made::ack(Side::A, 1, 5).message(&suspend).give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Up);
    // Its acknowledgment counts: nothing is left to be sent again.
    assert_eq!(pair.alone(Side::B, crate::pair::seconds(50)), []);
    // A SUSPEND of the other role, life 0.0: a message cannot be sent back to its sender.
    let mirrored = Context::suspend(Role::Responder, Life::default());
    Made::ack(Side::A, 1, 5)
        .sealed(&mirrored, |tag| Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag }))
        .give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Up);
}

#[test]
fn suspend_ack_with_a_wrong_mac_says_nothing() {
    let mut pair = Pair::on();
    pair.command(Side::A, SUSPEND);
    pair.take(Side::A);
    let ack = Message::SuspendAck(SuspendAck { granted_hold: HoldTime::from_seconds(60), tag: WRONG });
    Made::ack(Side::B, 1, 1).message(&ack).give(&mut pair);
    assert_eq!(pair.events(Side::A), []);
}

#[test]
fn resume_with_a_wrong_mac_draws_a_challenge() {
    //= draft#mac-check
    //# A receiver that is not resuming MUST answer a RESUME with a wrong MAC
    //# with a challenge ACK under a limit of this connection.
    let mut pair = Pair::on();
    let life = Life { incarnation: 1, generation: 0 };
    let forged = Message::Resume(Resume { life, nonce: Nonce(1), end: 1, tag: WRONG });
    Made::ack(Side::A, 1, 1).message(&forged).give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
    // Ten in a second, and no more.
    let mut challenges = 1;
    for _ in 0..50 {
        Made::ack(Side::A, 1, 1).message(&forged).give(&mut pair);
        challenges += pair.take(Side::B).len();
    }
    assert_eq!(challenges, 10);
    pair.alone(Side::B, crate::pair::seconds(1));
    Made::ack(Side::A, 1, 1).message(&forged).give(&mut pair);
    assert_eq!(names(&pair.take(Side::B)), ["ack"]);
    // A resuming host drops it in silence.
    pair.command(Side::B, Command::Resume);
    pair.take(Side::B);
    Made::ack(Side::A, 1, 1).message(&forged).give(&mut pair);
    assert_eq!(pair.take(Side::B), []);
}

#[test]
fn resume_with_nonce_zero_is_no_resume() {
    //= draft#opt-resume
    //# A receiver MUST ignore a RESUME with nonce zero.
    let mut pair = Pair::held();
    let life = Life { incarnation: 0, generation: 1 };
    Made::ack(Side::A, 1, 1)
        .sealed(&Context::resume(Role::Initiator, Position(1), Position(1)), |tag| {
            Message::Resume(Resume { life, nonce: Nonce(0), end: 1, tag })
        })
        .give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Held);
    assert_eq!(pair.take(Side::B), []);
}

#[test]
fn resume_ack_that_names_another_life_is_dropped() {
    //= draft#mac-check
    //# A receiver MUST drop a segment with a RESUME-ACK with a wrong MAC.
    let mut pair = Pair::on();
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    pair.command(Side::A, Command::Resume);
    pair.take(Side::A);
    let answer = |life, nonce, pair: &mut Pair| {
        let context = Context::resume_ack(Role::Responder, life, nonce, Position(1), Position(1));
        Made::ack(Side::B, 1, 1)
            .sealed(&context, |tag| {
                Message::ResumeAck(ResumeAck { life: Life::default(), received: 1, end: 1, tag })
            })
            .give(pair);
    };
    let one = Life { incarnation: 0, generation: 1 };
    for (life, nonce) in [(Life::default(), A_NONCE), (one, Nonce(5)), (one, Nonce(0))] {
        answer(life, nonce, &mut pair);
        assert_eq!(pair.a.self_state(), SelfState::Resuming);
    }
    answer(one, A_NONCE, &mut pair);
    assert_eq!(pair.a.self_state(), SelfState::Up);
}

#[test]
fn abort_that_is_not_valid_is_dropped_with_its_reset() {
    //= draft#mac-check
    //# A receiver MUST drop an RST with an ABORT that is not valid and whose
    //# reason is not LOST.
    let mut pair = Pair::on();
    let forged = Message::Abort(Abort { reason: AbortReason::APPLICATION, proof: [0; 8] });
    Made::rst(Side::A, 1).message(&forged).give(&mut pair);
    // FENCED to another instance of B.
    let other = Context::abort(Role::Initiator, Life::default(), Nonce(99));
    let fenced = |tag: Tag| Message::Abort(Abort { reason: AbortReason::FENCED, proof: tag.0 });
    Made::rst(Side::A, 1).sealed(&other, fenced).give(&mut pair);
    assert_eq!(pair.b.state(), TcpState::Established);
    assert_eq!((pair.b.peer_state(), pair.take(Side::B)), (PeerState::Up, vec![]));
    let own = Context::abort(Role::Initiator, Life::default(), crate::pair::B_NONCE);
    // Its sequence number does not matter.
    Made::rst(Side::A, 3_000_000).sealed(&own, fenced).give(&mut pair);
    let closed = CloseReason::AbortedByPeer(AbortReason::FENCED);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: closed }]);
}

#[test]
fn lost_with_an_unknown_key_is_a_bare_rst() {
    //= draft#mac-check
    //# A receiver MUST treat an RST with an ABORT with reason LOST that is not
    //# valid as if it carried no Hiatus option.
    let lost = |proof| Message::Abort(Abort { reason: AbortReason::LOST, proof });
    let mut pair = Pair::on();
    Made::rst(Side::A, 1).message(&lost([7; 8])).give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Presumed);
    Made::rst(Side::A, 1).message(&lost([7; 8])).give(&mut pair);
    assert_eq!((pair.b.state(), pair.take(Side::B)), (TcpState::Established, vec![]));
    // Within the window, but not at RCV.NXT (RFC 5961, section 3.2).
    let mut pair = Pair::on();
    Made::rst(Side::A, 2).message(&lost([7; 8])).give(&mut pair);
    assert_eq!((pair.b.peer_state(), names(&pair.take(Side::B))), (PeerState::Up, vec!["ack"]));
}

#[test]
fn lost_beside_rcv_nxt_or_unasked_is_a_bare_rst() {
    //= draft#mac-check
    //# An ABORT with reason LOST is valid if its receiver is in RESUMING or
    //# PRESUMED, its last field is the key in the peer's long CAPABLE, and
    //# SEG.SEQ is RCV.NXT.
    let lost = Message::Abort(Abort { reason: AbortReason::LOST, proof: B_KEY.0 });
    let mut pair = Pair::on();
    // Within the window (RFC 5961, section 3.2), and far outside.
    Made::rst(Side::B, 2).message(&lost).give(&mut pair);
    assert_eq!(names(&pair.take(Side::A)), ["ack"]);
    Made::rst(Side::B, 3_000_000).message(&lost).give(&mut pair);
    assert_eq!((pair.a.state(), pair.take(Side::A)), (TcpState::Established, vec![]));
    // A host that has not asked: UP, then HELD.
    Made::rst(Side::B, 1).message(&lost).give(&mut pair);
    assert_eq!(pair.a.peer_state(), PeerState::Presumed);
    Made::rst(Side::B, 2).message(&lost).give(&mut pair);
    assert_eq!((pair.a.state(), pair.take(Side::A)), (TcpState::Established, vec![]));
    Made::rst(Side::B, 1).message(&lost).give(&mut pair);
    let closed = CloseReason::AbortedByPeer(AbortReason::LOST);
    assert_eq!(pair.events(Side::A).last(), Some(&Event::Closed { reason: closed }));

    let mut pair = Pair::held();
    let lost = Message::Abort(Abort { reason: AbortReason::LOST, proof: A_KEY.0 });
    Made::rst(Side::A, 1).message(&lost).give(&mut pair);
    assert_eq!((pair.b.state(), pair.take(Side::B)), (TcpState::Established, vec![]));
    // One that is back itself asks although its peer is HELD.
    pair.command(Side::B, Command::Resume);
    pair.take(Side::B);
    Made::rst(Side::A, 1).message(&lost).give(&mut pair);
    assert_eq!(pair.events(Side::B).last(), Some(&Event::Closed { reason: closed }));
}

#[test]
fn unknown_reason_of_a_valid_abort_closes() {
    //= draft#opt-abort
    //# A receiver MUST treat a valid ABORT with a reason that it does not
    //# know as it treats one with a known reason.
    let mut pair = Pair::on();
    let reason = AbortReason(200);
    let context = Context::abort(Role::Initiator, Life::default(), Nonce(0));
    Made::rst(Side::A, 1)
        .sealed(&context, |tag| Message::Abort(Abort { reason, proof: tag.0 }))
        .give(&mut pair);
    assert_eq!(pair.events(Side::B), [Event::Closed { reason: CloseReason::AbortedByPeer(reason) }]);
}

#[test]
fn messages_on_other_segments_are_ignored() {
    //= draft#opt-head
    //# A receiver MUST ignore a Hiatus option on a segment other than those
    //# that the table of messages lists for it.
    let mut pair = Pair::on();
    let context = Context::suspend(Role::Initiator, Life::default());
    Made::ack(Side::A, 1, 1)
        .payload(b"not a pure ACK")
        .sealed(&context, |tag| Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag }))
        .give(&mut pair);
    assert_eq!(pair.b.peer_state(), PeerState::Up);
    assert_eq!(pair.read(Side::B), b"not a pure ACK");
}

#[test]
fn acks_with_a_hiatus_option_are_no_duplicates() {
    //= draft#mac-check
    //# A receiver MUST NOT count an ACK with a Hiatus option as a duplicate
    //# ACK.
    for with_option in [true, false] {
        let mut pair = Pair::on();
        pair.write(Side::B, &[1; 6000]);
        pair.take(Side::B);
        let echo = Message::EpochEcho(hiatus_codec::EpochEcho { stable_point: 0 });
        // The first one changes the window.
        for _ in 0..5 {
            let ack = Made::ack(Side::A, 1, 1);
            if with_option { ack.message(&echo) } else { ack }.give(&mut pair);
        }
        assert_eq!(names(&pair.take(Side::B)).contains(&"data"), !with_option);
    }
}

#[test]
fn checking_of_macs_is_bounded() {
    //= draft#mac-check
    //# A receiver SHOULD bound the rate at which it checks MACs on one
    //# connection.
    //= draft#mac-check
    //# The bound for messages whose numbers fit is at least 10000 in a second,
    //# the other 100
    //= draft#mac-check
    //# A message beyond its bound is dropped with its segment.
    let forged = Message::Abort(Abort { reason: AbortReason::APPLICATION, proof: [0; 8] });
    let context = Context::abort(Role::Initiator, Life::default(), Nonce(0));
    let right = |seq| {
        let message = |tag: Tag| Message::Abort(Abort { reason: AbortReason::APPLICATION, proof: tag.0 });
        Made::rst(Side::A, seq).sealed(&context, message)
    };
    // SEG.SEQ in the window, and far beyond it.
    for (seq, bound) in [(1, 10_000), (3_000_000, 100)] {
        let mut pair = Pair::on();
        for _ in 1..bound {
            Made::rst(Side::A, seq).message(&forged).give(&mut pair);
        }
        let mut last = pair.clone();
        right(seq).give(&mut last);
        assert_eq!(last.b.state(), TcpState::Closed, "the last within the bound of {bound}");
        Made::rst(Side::A, seq).message(&forged).give(&mut pair);
        right(seq).give(&mut pair);
        assert_eq!(pair.b.state(), TcpState::Established, "one beyond {bound}");
        pair.alone(Side::B, crate::pair::seconds(1));
        right(seq).give(&mut pair);
        assert_eq!(pair.b.state(), TcpState::Closed);
    }
}

#[test]
fn blind_flood_does_not_keep_the_peer_out() {
    // Blind guesses of SEG.ACK and End are counted apart from positions that fit.
    let mut pair = Pair::held();
    let guess = Message::Resume(Resume {
        life: Life { incarnation: 9, generation: 0 },
        nonce: Nonce(1),
        end: 0x7000_0000,
        tag: Tag([0; 8]),
    });
    let suspend = Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag: Tag([0; 8]) });
    for _ in 0..1000 {
        Made::ack(Side::A, 0x1234_5678, 0x1234_5678).message(&guess).give(&mut pair);
        Made::ack(Side::A, 0x1234_5678, 0x1234_5678).message(&suspend).give(&mut pair);
        Made::rst(Side::A, 0x1234_5678)
            .message(&Message::Abort(Abort { reason: AbortReason::APPLICATION, proof: [0; 8] }))
            .give(&mut pair);
    }
    pair.command(Side::A, Command::Resume);
    let resume = pair.take(Side::A);
    pair.deliver(&resume[0]);
    assert_eq!(pair.b.peer_state(), PeerState::Up);
}
