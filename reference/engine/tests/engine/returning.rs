//! Coming back: RESUME, its answers, synchronising, and ends (draft, {#resuming}, {#resume-received}, {#sync},
//! {#ending}).

use core::time::Duration;

use hiatus_codec::mac::{Context, Role};
use hiatus_codec::{
    AbortReason, Flags, HoldTime, Life, Message, Position, Resume, ResumeAck, SequenceNumber, Suspend,
};
use hiatus_engine::{
    CloseReason, Command, Event, FallbackReason, HiatusState, PeerState, SelfState, TcpState, WriteError,
    answer_stray,
};

use crate::pair::{
    A_ISN, A_NONCE, B_ISN, B_KEY, Frame, HOLD_SECONDS, Made, Pair, SUSPEND, Side, give_resume, hiatus_config,
    names, plain_config, seconds,
};

const ONE: Life = Life { incarnation: 0, generation: 1 };

/// A is back after a long while and has said so; B has not heard it.
fn resuming() -> (Pair, Frame) {
    let mut pair = Pair::held();
    pair.off(seconds(1000));
    pair.command(Side::A, Command::Resume);
    let mut frames = pair.take(Side::A);
    assert_eq!(names(&frames), ["resume"]);
    (pair, frames.remove(0))
}

pub(crate) fn resume(frame: &Frame) -> Resume {
    let Some(Message::Resume(resume)) = frame.message() else { panic!("RESUME, not {}", frame.name()) };
    resume
}

fn resume_ack(frame: &Frame) -> ResumeAck {
    let Some(Message::ResumeAck(ack)) = frame.message() else { panic!("RESUME-ACK, not {}", frame.name()) };
    ack
}

#[test]
fn return_takes_one_round_trip() {
    //= draft#resuming
    //# A host that comes back with its memory intact MUST raise its
    //# generation by one before it sends RESUME.
    //= draft#resume-received
    //# A host MUST synchronise on a valid RESUME of a newer life and answer
    //# with RESUME-ACK.
    let (mut pair, sent) = resuming();
    assert_eq!(pair.a.self_state(), SelfState::Resuming);
    assert_eq!((resume(&sent).life, resume(&sent).nonce), (ONE, A_NONCE));
    // Nothing was written: SND.LIM is after the SYN.
    assert_eq!(resume(&sent).end, 1);
    // SND.UNA is 1.
    assert_eq!((sent.segment().seq.0, sent.segment().ack.0), (A_ISN, B_ISN + 1));
    pair.deliver(&sent);
    assert_eq!(pair.b.peer_state(), PeerState::Up);
    assert_eq!(pair.events(Side::B), [Event::PeerResumed]);
    let answer = pair.take(Side::B);
    assert_eq!(names(&answer), ["resume-ack"]);
    let ack = resume_ack(&answer[0]);
    assert_eq!((ack.life, ack.received, ack.end), (Life::default(), 1, 1));
    pair.deliver(&answer[0]);
    assert_eq!(pair.a.self_state(), SelfState::Up);
    assert_eq!(pair.events(Side::A), [Event::Resumed]);
    // The next absence has the next generation, and its SUSPEND is believed.
    pair.command(Side::A, SUSPEND);
    pair.exchange();
    assert_eq!(pair.b.peer_state(), PeerState::Held);
    pair.command(Side::A, Command::Resume);
    assert_eq!(resume(&pair.take(Side::A)[0]).life.generation, 2);
}

#[test]
fn sequence_number_of_resume_ack_is_within_what_the_resumer_knows() {
    //= draft#opt-resume-ack
    //# A sender MUST set SEG.ACK of a RESUME-ACK to the smaller of its
    //# RCV.NXT and SEG.SEQ of the RESUME that it answers.
    let mut pair = Pair::on();
    pair.write(Side::A, b"hello");
    pair.exchange();
    // By hand, from an A whose SND.UNA is at 4 again: RCV.NXT of B is 6.
    give_resume(&mut pair, 3, ONE, A_NONCE, 1, 6);
    let answer = pair.take(Side::B);
    assert_eq!(answer[0].segment().ack.0, A_ISN + 3);
    assert_eq!(resume_ack(&answer[0]).received, 6);
    // And from one that is ahead of it.
    give_resume(&mut pair, 8, Life { incarnation: 0, generation: 2 }, A_NONCE, 1, 8);
    assert_eq!(pair.take(Side::B)[0].segment().ack.0, A_ISN + 6);
}

#[test]
fn resuming_host_is_mute_and_deaf() {
    //= draft#resuming
    //# A host in RESUMING MUST NOT send a segment other than RESUME,
    //# RESUME-ACK, SUSPEND-ACK and ABORT.
    //= draft#resuming
    //# A host in RESUMING MUST drop every segment that carries no RESUME,
    //# RESUME-ACK, SUSPEND or ABORT.
    let mut pair = Pair::on();
    pair.write(Side::A, b"in flight");
    pair.take(Side::A);
    pair.command(Side::A, Command::Resume);
    // The application's writes wait.
    let now = pair.now;
    assert_eq!(pair.a.write(now, b"more"), Ok(0));
    Made::ack(Side::B, 1, 10).payload(b"data").give(&mut pair);
    assert_eq!(pair.read(Side::A), b"");
    let said = pair.alone(Side::A, seconds(90));
    assert!(names(&said).iter().all(|name| *name == "resume"), "{:?}", names(&said));
    pair.command(Side::A, Command::Close);
    assert_eq!(pair.a.write(pair.now, b"more"), Err(WriteError::Closing { found: TcpState::Established }));
    let frames = pair.alone(Side::A, seconds(60));
    // End did not move.
    assert_eq!(resume(frames.last().expect("another RESUME")).end, 10);
    pair.deliver(frames.last().expect("another RESUME"));
    pair.exchange();
    assert_eq!(pair.read(Side::B), b"in flight");
    assert!(pair.events(Side::B).contains(&Event::PeerClosed));
}

#[test]
fn resume_is_repeated_less_and_less_often() {
    //= draft#resuming
    //# A host in RESUMING MUST repeat RESUME after at least one second,
    //# doubling the interval each time up to 60 seconds.
    //= draft#resuming
    //# A host SHOULD lengthen each interval between RESUMEs by a random part
    //# of up to a quarter.
    let (mut pair, first) = resuming();
    let mut frames = vec![first];
    frames.extend(pair.alone(Side::A, seconds(600)));
    let least = [1, 2, 4, 8, 16, 32, 60, 60, 60];
    for (index, least_s) in least.into_iter().enumerate() {
        let interval = frames[index + 1].at.since(frames[index].at);
        assert!(
            interval >= seconds(least_s) && interval <= seconds(least_s) * 5 / 4,
            "{index}: {interval:?}"
        );
    }
    assert!(frames.windows(2).any(|pair| pair[1].at.since(pair[0].at).subsec_micros() != 0));
}

#[test]
fn silence_ends_resuming_at_the_longest_hold() {
    //= draft#resuming
    //# A host in RESUMING MUST close the connection when no RESUME-ACK has
    //# come for as long as the longest of the two offered holds, a granted
    //# hold that runs, and R2.
    let (mut pair, _lost) = resuming();
    pair.alone(Side::A, seconds(HOLD_SECONDS - 1));
    assert_eq!(pair.a.state(), TcpState::Established);
    pair.alone(Side::A, seconds(1));
    assert_eq!(pair.events(Side::A), [Event::Closed { reason: CloseReason::NoAnswer }]);
}

#[test]
fn hold_granted_while_resuming_outlasts_the_limit() {
    let (mut pair, _lost) = resuming();
    pair.alone(Side::A, seconds(200));
    let context = Context::suspend(Role::Responder, Life::default());
    let suspend = |tag| Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag });
    Made::ack(Side::B, 1, 1).sealed(&context, suspend).give(&mut pair);
    assert_eq!(names(&pair.take(Side::A)), ["suspend-ack"]);
    pair.alone(Side::A, seconds(HOLD_SECONDS - 1));
    assert_eq!((pair.a.state(), pair.a.peer_state()), (TcpState::Established, PeerState::Held));
    pair.alone(Side::A, seconds(1));
    assert_eq!(pair.a.state(), TcpState::Closed);
}

#[test]
fn own_resume_follows_the_answer_to_a_resume() {
    //= draft#resuming
    //# A host in RESUMING MUST send its own RESUME at once after it has
    //# answered the first RESUME of a life of its peer.
    let (mut pair, _lost) = resuming();
    pair.command(Side::B, Command::Resume);
    let from_b = pair.take(Side::B);
    pair.deliver(&from_b[0]);
    let answers = pair.take(Side::A);
    assert_eq!(names(&answers), ["resume-ack", "resume"]);
    assert_eq!(pair.a.self_state(), SelfState::Resuming);
    for frame in &answers {
        pair.deliver(frame);
    }
    pair.exchange();
    assert_eq!((pair.a.self_state(), pair.b.self_state()), (SelfState::Up, SelfState::Up));
    assert_eq!((pair.a.peer_state(), pair.b.peer_state()), (PeerState::Up, PeerState::Up));
}

#[test]
fn two_hosts_that_hear_no_answer_do_not_drive_each_other() {
    //= draft#resuming
    //# A host in RESUMING MUST NOT send RESUME out of turn for a life of its
    //# peer that it has already answered.
    let (mut pair, first) = resuming();
    pair.command(Side::B, Command::Resume);
    pair.deliver(&first);
    let mut count = 0;
    let until = pair.now + seconds(600);
    while pair.now < until {
        // A filter on the way drops every RESUME-ACK.
        loop {
            let frames: Vec<Frame> =
                [Side::A, Side::B].into_iter().flat_map(|side| pair.take(side)).collect();
            if frames.is_empty() {
                break;
            }
            let resumes: Vec<Frame> = frames.into_iter().filter(|frame| frame.name() == "resume").collect();
            count += resumes.len();
            resumes.iter().for_each(|frame| pair.deliver(frame));
        }
        let due = [pair.a.poll_timeout(), pair.b.poll_timeout()].into_iter().flatten().min();
        pair.now = due.expect("both wait").min(until);
        let now = pair.now;
        pair.a.handle_timeout(now);
        pair.b.handle_timeout(now);
    }
    // Each sends 1 at first, 1 out of turn, and then at intervals that grow to 60 s: at most 6 + 9 more.
    assert!(count <= 2 * 17, "{count} RESUMEs in ten minutes");
}

#[test]
fn third_bare_reset_is_believed() {
    //= draft#resuming
    //# A host in RESUMING whose PEER is UP MUST close the connection when
    //# three successive RESUMEs have each met a bare RST with SEG.SEQ
    //# equal to RCV.NXT.
    let (mut pair, first) = resuming();
    let mut sent = first;
    for round in 1..=3 {
        assert_eq!(pair.a.state(), TcpState::Established, "before RST {round}");
        // One with another number, and a second after the same RESUME, do not count.
        Made::rst(Side::B, 2).give(&mut pair);
        let mut buffer = [0; 60];
        let answer = answer_stray(&sent.segment(), None, &mut buffer).expect("an RST");
        assert_eq!(answer.flags, Flags::RST);
        pair.arrive(Side::A, &answer);
        pair.arrive(Side::A, &answer);
        let mut more = Vec::new();
        while round < 3 && more.is_empty() {
            more = pair.alone(Side::A, Duration::from_millis(500));
        }
        if round < 3 {
            sent = more.remove(0);
        }
    }
    assert_eq!(pair.events(Side::A), [Event::Closed { reason: CloseReason::PeerHasNoState }]);
}

#[test]
fn bare_resets_count_in_a_row_only() {
    let (mut pair, _first) = resuming();
    // Two RESUMEs met an RST, the third nothing: the next two start anew.
    for met in [true, true, false, true, true, false] {
        if met {
            Made::rst(Side::B, 1).give(&mut pair);
        }
        let mut more = Vec::new();
        while more.is_empty() {
            more = pair.alone(Side::A, Duration::from_millis(500));
        }
        assert_eq!(pair.a.state(), TcpState::Established);
    }
}

#[test]
fn bare_reset_after_three_seconds_answers_no_resume() {
    //= draft#resume-met
    //# A bare RST counts only within 3 seconds after the RESUME that it answers
    let (mut pair, _first) = resuming();
    // The third and fourth interval are 4 and 8 seconds at least.
    let waits = [0, 0, 3001, 3000, 0, 0].map(Duration::from_millis);
    for wait in waits {
        assert_eq!(pair.alone(Side::A, wait), []);
        assert_eq!(pair.a.state(), TcpState::Established);
        Made::rst(Side::B, 1).give(&mut pair);
        if let Some(due) = pair.a.poll_timeout() {
            let left = due.since(pair.now);
            assert_eq!(names(&pair.alone(Side::A, left)), ["resume"]);
        }
    }
    assert_eq!(pair.events(Side::A), [Event::Closed { reason: CloseReason::PeerHasNoState }]);
}

#[test]
fn six_resumes_that_met_plain_segments_end_hiatus() {
    //= draft#resuming
    //# A host in RESUMING that was not restored MUST fall back to plain TCP
    //# when six RESUMEs have each met a plain segment and no valid Hiatus
    //# message has come since the first of these segments.
    let (mut pair, _first) = resuming();
    for round in 0..6 {
        assert_eq!(pair.a.hiatus_state(), HiatusState::On, "round {round}");
        // Two after one RESUME count once.
        Made::ack(Side::B, 1, 1).give(&mut pair);
        Made::ack(Side::B, 1, 1).give(&mut pair);
        if round < 5 {
            let mut more = Vec::new();
            while more.is_empty() {
                more = pair.alone(Side::A, Duration::from_millis(500));
            }
        }
    }
    assert_eq!(pair.a.hiatus_state(), HiatusState::Off);
    let fell_back = Event::FellBack { reason: FallbackReason::ResumeMetPlain };
    assert_eq!(pair.events(Side::A), [fell_back]);
    pair.write(Side::A, b"plain");
    assert_eq!(names(&pair.take(Side::A)), ["data"]);
}

/// A is on; its EPOCH-ECHO was lost, and B has given up on it.
fn half_plain() -> Pair {
    let mut pair = Pair::new(hiatus_config(), hiatus_config());
    while pair.a.hiatus_state() != HiatusState::On {
        let frames: Vec<Frame> = [Side::A, Side::B].into_iter().flat_map(|side| pair.take(side)).collect();
        frames.iter().for_each(|frame| pair.deliver(frame));
    }
    assert_eq!(names(&pair.take(Side::A)), ["echo"]);
    pair
}

#[test]
fn idle_plain_peer_ends_hiatus_too() {
    //= draft#resuming
    //# A host MUST set SEG.SEQ of a RESUME to SND.UNA - 1.
    let mut pair = half_plain();
    pair.alone(Side::B, seconds(100));
    assert_eq!(pair.b.hiatus_state(), HiatusState::Off);
    pair.command(Side::A, Command::Resume);
    let frames = pair.pass(seconds(600));
    let seqs: Vec<u32> = frames
        .iter()
        .filter(|frame| frame.name() == "resume")
        .map(|frame| frame.segment().seq.0.wrapping_sub(A_ISN))
        .collect();
    // An idle plain TCP answers what lies below its window from the first one on.
    assert_eq!(seqs, [0; 6]);
    assert_eq!(pair.a.hiatus_state(), HiatusState::Off);
    pair.write(Side::A, b"still there");
    pair.exchange();
    assert_eq!(pair.read(Side::B), b"still there");
}

#[test]
fn probe_finds_an_idle_plain_peer() {
    let mut pair = half_plain();
    pair.alone(Side::B, seconds(100));
    pair.write(Side::A, b"lost for a while");
    pair.alone(Side::A, seconds(150));
    assert_eq!(pair.a.peer_state(), PeerState::Presumed);
    pair.pass(seconds(60));
    assert_eq!(pair.a.peer_state(), PeerState::Up);
    assert_eq!(pair.read(Side::B), b"lost for a while");
}

#[test]
fn hiatus_message_between_plain_segments_keeps_hiatus() {
    let (mut pair, _first) = resuming();
    for round in 0..9 {
        Made::ack(Side::B, 1, 1).give(&mut pair);
        if round == 4 {
            // B is alive and speaks Hiatus, although its answers do not get through.
            let context = Context::suspend(Role::Responder, Life::default());
            let suspend = |tag| Message::Suspend(Suspend { expected_absence: HoldTime::NONE, tag });
            Made::ack(Side::B, 1, 1).sealed(&context, suspend).give(&mut pair);
            assert_eq!(pair.a.peer_state(), PeerState::Held);
        }
        while !names(&pair.alone(Side::A, Duration::from_millis(500))).contains(&"resume") {}
    }
    assert_eq!(pair.a.hiatus_state(), HiatusState::On);
}

#[test]
fn plain_segments_that_are_old_or_blind_or_sent_again_end_nothing() {
    // A plain segment counts only if it would pass the first and the fifth check, and has neither data nor FIN.
    let not_counted = [
        Made::ack(Side::B, 900_000, 1),
        Made::ack(Side::B, 1, 900_000),
        Made::ack(Side::B, 1, 1).tsval(1),
        Made::ack(Side::B, 1, 1).flags(Flags::default()),
        Made::ack(Side::B, 1, 1).payload(b"again"),
        Made::ack(Side::B, 1, 1).flags(Flags::ACK.union(Flags::FIN)),
    ];
    for made in not_counted {
        let (mut pair, _first) = resuming();
        for _ in 0..10 {
            made.give(&mut pair);
            pair.alone(Side::A, seconds(30));
        }
        assert_eq!(pair.a.hiatus_state(), HiatusState::On);
        assert_eq!(pair.a.self_state(), SelfState::Resuming);
    }
}

#[test]
fn host_without_state_answers_lost_if_it_can() {
    //= draft#resume-received
    //# A host without state of the connection MUST answer a RESUME with ABORT
    //# and reason LOST if it can derive its key, and with an RST otherwise.
    let (mut pair, sent) = resuming();
    let mut buffer = [0; 60];
    let answer = answer_stray(&sent.segment(), Some(B_KEY), &mut buffer).expect("an ABORT");
    assert_eq!(answer.flags, Flags::RST);
    assert_eq!(answer.seq, SequenceNumber(B_ISN + 1));
    pair.arrive(Side::A, &answer);
    assert_eq!(
        pair.events(Side::A),
        [Event::Closed { reason: CloseReason::AbortedByPeer(AbortReason::LOST) }]
    );
    // To anything else it is an RST, and to an RST nothing.
    let mut other = Pair::on();
    other.write(Side::A, b"x");
    let data = other.take(Side::A);
    let answer = answer_stray(&data[0].segment(), Some(B_KEY), &mut buffer).expect("an RST");
    assert_eq!(answer.options.len(), 0);
    let reset = Frame { from: Side::B, at: other.now, octets: buffer[..20].to_vec() };
    assert_eq!(answer_stray(&reset.segment(), Some(B_KEY), &mut [0; 60]), None);
}

#[test]
fn resume_of_the_recorded_life_is_only_answered() {
    //= draft#resume-received
    //# A host MUST answer a valid RESUME of the recorded life and nonce with
    //# a RESUME-ACK.
    //= draft#resume-received
    //# A host MUST NOT apply the positions of a RESUME of the recorded life.
    let (mut pair, sent) = resuming();
    pair.deliver(&sent);
    pair.exchange();
    // B sends 100 octets, which A acknowledges; then the old RESUME comes again.
    pair.write(Side::B, &[3; 100]);
    pair.exchange();
    pair.deliver(&sent);
    let answer = pair.take(Side::B);
    assert_eq!(names(&answer), ["resume-ack"]);
    assert_eq!(answer[0].segment().seq.0, B_ISN + 101);
    // Nothing is sent again, and the answer to an answered RESUME changes nothing at A.
    pair.deliver(&answer[0]);
    assert_eq!(pair.pass(seconds(10)), []);
}

#[test]
fn resume_ack_of_an_older_life_is_refused() {
    //= draft#resuming
    //# A host in RESUMING MUST NOT accept a RESUME-ACK that carries an older
    //# life than the one recorded of the peer.
    let (mut pair, sent) = resuming();
    pair.deliver(&sent);
    let old = pair.take(Side::B);
    assert_eq!(resume_ack(&old[0]).life, Life::default());
    // Before it arrives, B returns from an absence of its own.
    pair.command(Side::B, Command::Resume);
    let newer = pair.take(Side::B);
    pair.deliver(&newer[0]);
    pair.take(Side::A);
    pair.deliver(&old[0]);
    assert_eq!(pair.a.self_state(), SelfState::Resuming);
}

#[test]
fn answer_that_nobody_waits_for_is_dropped() {
    // A is up, and something of its stream is in flight.
    let mut pair = Pair::on();
    pair.write(Side::A, b"once");
    pair.take(Side::A);
    let context = Context::resume_ack(Role::Responder, Life::default(), A_NONCE, Position(1), Position(1));
    Made::ack(Side::B, 1, 1)
        .sealed(&context, |tag| Message::ResumeAck(ResumeAck { life: ONE, received: 1, end: 1, tag }))
        .give(&mut pair);
    assert_eq!(pair.take(Side::A), []);
}

#[test]
fn time_away_is_not_charged() {
    let mut pair = Pair::on();
    pair.write(Side::A, b"lost");
    pair.take(Side::A);
    // A loses power for a day, and comes back before any timer of its own can fire.
    pair.off(seconds(24 * 3600));
    pair.command(Side::A, Command::Resume);
    let frames = pair.exchange();
    assert_eq!(names(&frames), ["resume", "resume-ack", "data", "ack"]);
    // The RTO is the initial one again, and R2 begins anew.
    pair.write(Side::A, b"lost too");
    pair.take(Side::A);
    let start = pair.now;
    let again = pair.alone(Side::A, seconds(1));
    assert_eq!(again[0].at.since(start), seconds(1));
    assert_eq!(pair.a.peer_state(), PeerState::Up);
}

#[test]
fn hold_does_not_run_while_the_holder_is_away() {
    let mut pair = Pair::held();
    pair.off(seconds(HOLD_SECONDS - 10));
    pair.command(Side::B, Command::Resume);
    pair.alone(Side::B, seconds(HOLD_SECONDS - 10));
    assert_eq!(pair.b.state(), TcpState::Established);
    pair.alone(Side::B, seconds(10));
    assert_eq!(pair.b.state(), TcpState::Closed);
}

#[test]
fn round_trip_that_spans_an_absence_is_not_measured() {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    pair.write(Side::A, b"measured");
    let data = pair.take(Side::A);
    pair.deliver(&data[0]);
    let ack = pair.take(Side::B);
    pair.off(seconds(600));
    pair.command(Side::A, Command::Resume);
    pair.deliver(&ack[0]);
    pair.write(Side::A, b"lost");
    pair.take(Side::A);
    assert_eq!(names(&pair.alone(Side::A, seconds(1))), ["data"]);
}

#[test]
fn plain_connection_forgives_the_absence_too() {
    let mut pair = Pair::new(plain_config(), plain_config());
    pair.exchange();
    pair.write(Side::A, b"lost");
    pair.take(Side::A);
    pair.off(seconds(600));
    pair.command(Side::A, Command::Resume);
    let frames = pair.alone(Side::A, seconds(1));
    assert_eq!(names(&frames), ["data"]);
}

#[test]
fn peer_without_state_after_both_fins_has_finished() {
    let mut last_ack = Pair::on();
    last_ack.command(Side::B, Command::Close);
    last_ack.exchange();
    last_ack.command(Side::A, Command::Close);
    last_ack.take(Side::A);
    assert_eq!(last_ack.a.state(), TcpState::LastAck);
    last_ack.events(Side::A);
    last_ack.command(Side::A, Command::Resume);
    let finished = [Event::Closed { reason: CloseReason::Finished }];
    // B has forgotten the connection: it answers with ABORT and reason LOST, or with RST.
    for key in [Some(B_KEY), None] {
        let mut pair = last_ack.clone();
        for _ in 0..3 {
            let mut sent = Vec::new();
            while sent.is_empty() && pair.a.state() == TcpState::LastAck {
                sent = pair.alone(Side::A, Duration::from_millis(500));
            }
            for frame in &sent {
                let mut buffer = [0; 60];
                let answer = answer_stray(&frame.segment(), key, &mut buffer).expect("an answer");
                pair.arrive(Side::A, &answer);
            }
        }
        assert_eq!(pair.events(Side::A), finished);
    }
}
