//! Lives: generations, incarnations, nonces, and who is fenced (draft, {#resuming}, {#resume-received}).

use hiatus_codec::mac::{Context, Role};
use hiatus_codec::{AbortReason, Life, Message, Nonce, Resume};
use hiatus_engine::{Command, CommandError, PeerState, SelfState, TcpState};

use crate::pair::{A_NONCE, B_ISN, Pair, Side, abort_reason, give_resume, names};
use crate::returning::resume;

#[test]
fn older_incarnation_and_clone_are_fenced() {
    //= draft#resume-received
    //# A host MUST answer a valid RESUME of an older incarnation, or of the
    //# recorded incarnation with another nonce, with ABORT and reason FENCED.
    let mut pair = Pair::on();
    let five = Life { incarnation: 5, generation: 0 };
    give_resume(&mut pair, 0, five, Nonce(7), 1, 1);
    assert_eq!(names(&pair.take(Side::B)), ["resume-ack"]);
    for (life, nonce) in [
        (Life { incarnation: 4, generation: 9 }, Nonce(7)),
        (five, Nonce(8)),
        (Life { incarnation: 5, generation: 1 }, Nonce(8)),
    ] {
        give_resume(&mut pair, 0, life, nonce, 1, 1);
        let answer = pair.take(Side::B);
        assert_eq!(abort_reason(&answer[0]), AbortReason::FENCED);
        // SEG.SEQ is SEG.ACK of the RESUME, and the MAC names its life and nonce.
        assert_eq!(answer[0].segment().seq.0, B_ISN + 1);
        let Some(Message::Abort(abort)) = answer[0].message() else { panic!("ABORT") };
        let context = Context::abort(Role::Responder, life, nonce);
        let tag =
            hiatus_codec::mac::tag_of_message(&crate::pair::session_key(), &context, &Message::Abort(abort));
        assert_eq!(tag.expect("a tag").0, abort.proof);
    }
    // The connection of the latest instance stands.
    assert_eq!(pair.b.state(), TcpState::Established);
    give_resume(&mut pair, 0, five, Nonce(7), 1, 1);
    assert_eq!(names(&pair.take(Side::B)), ["resume-ack"]);
}

#[test]
fn older_generation_is_dropped() {
    //= draft#resume-received
    //# A host MUST drop a valid RESUME of the recorded incarnation and nonce
    //# with an older generation.
    let mut pair = Pair::on();
    give_resume(&mut pair, 0, Life { incarnation: 0, generation: 3 }, A_NONCE, 1, 1);
    pair.take(Side::B);
    give_resume(&mut pair, 0, Life { incarnation: 0, generation: 2 }, A_NONCE, 1, 1);
    assert_eq!(pair.take(Side::B), []);
}

#[test]
fn first_resume_that_is_answered_sets_the_nonce() {
    let mut pair = Pair::on();
    // A probe: the life of the handshake, whose nonce nobody has told yet.
    give_resume(&mut pair, 0, Life::default(), Nonce(7), 1, 1);
    assert_eq!(names(&pair.take(Side::B)), ["resume-ack"]);
    give_resume(&mut pair, 0, Life::default(), Nonce(8), 1, 1);
    assert_eq!(abort_reason(&pair.take(Side::B)[0]), AbortReason::FENCED);
}

#[test]
fn used_up_generations_take_a_new_incarnation() {
    let mut pair = Pair::on();
    let now = pair.now;
    let anew = |incarnation| Command::ResumeAnew { incarnation, nonce: Nonce(0xa2a2_a2a2) };
    let left = CommandError::GenerationsLeft { found: 0 };
    assert_eq!(pair.a.handle_command(now, anew(1)), Err(left));
    for _ in 0..u16::MAX {
        pair.command(Side::A, Command::Resume);
    }
    assert_eq!(pair.a.handle_command(now, Command::Resume), Err(CommandError::GenerationsExhausted));
    let not_newer = CommandError::NotNewer { found: 0, present: 0 };
    assert_eq!(pair.a.handle_command(now, anew(0)), Err(not_newer));
    let tsval = pair.take(Side::A).last().expect("RESUME").timestamps().value;
    pair.command(Side::A, anew(1));
    let sent = pair.take(Side::A);
    let Resume { life, nonce, .. } = resume(&sent[0]);
    assert_eq!((life, nonce), (Life { incarnation: 1, generation: 0 }, Nonce(0xa2a2_a2a2)));
    assert_eq!(sent[0].timestamps().value, tsval);
    pair.deliver(&sent[0]);
    pair.exchange();
    assert_eq!((pair.a.self_state(), pair.b.peer_state()), (SelfState::Up, PeerState::Up));
    // The next return has a generation again.
    pair.command(Side::A, Command::Resume);
    assert_eq!(resume(&pair.take(Side::A)[0]).life, Life { incarnation: 1, generation: 1 });
}
