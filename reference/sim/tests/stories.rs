//! What happens to a connection, told from outside: bad paths, middleboxes, lost state.

use core::time::Duration;

use hiatus_codec::{AbortReason, KnownOptions, Subtype};
use hiatus_engine::{CloseReason, Command, Event, FallbackReason, HiatusState, PeerState, TcpState, Time};
use hiatus_sim::{Fate, Scenario, Side, Sim, Strip};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn messages(sim: &Sim, subtype: Subtype) -> usize {
    let carries = |octets: &[u8]| {
        let segment = hiatus_codec::Segment::parse(octets).expect("a segment");
        KnownOptions::parse(&segment).hiatus.is_some_and(|option| option.subtype() == subtype)
    };
    sim.trace().iter().filter(|frame| carries(&frame.octets)).count()
}

#[test]
fn same_seed_gives_the_same_trace() {
    let story = |seed| {
        let mut sim = Scenario::new(seed)
            .loss(50)
            .duplicates(20)
            .delay(seconds(1) / 50, seconds(1) / 100)
            .writes(Side::A, 20_000)
            .loses_power(Side::A, Time::from_millis(150), seconds(400))
            .start();
        sim.run_until(Time::from_secs(1000));
        sim.trace().to_vec()
    };
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
}

#[test]
fn announced_absence_costs_four_segments() {
    let day = seconds(20 * 3600);
    let mut sim = Scenario::new(1).suspends(Side::A, Time::from_secs(1), day).start();
    sim.run_until(Time::from_secs(10));
    assert_eq!(sim.host(Side::B).connection.peer_state(), PeerState::Held);
    let before = sim.trace().len();
    sim.run_until(Time::from_secs(30 * 3600));
    // RESUME and RESUME-ACK; nothing in the hours between.
    assert_eq!(sim.trace().len() - before, 2);
    assert_eq!(messages(&sim, Subtype::SUSPEND), 1);
    assert!(sim.host(Side::A).has_seen(Event::Resumed));
    assert!(sim.host(Side::B).has_seen(Event::PeerResumed));
}

#[test]
fn power_cut_is_presumed_and_survived() {
    let mut sim = Scenario::new(2).loses_power(Side::A, Time::from_secs(1), seconds(3600)).start();
    sim.run_until(Time::from_secs(2));
    sim.write(Side::B, b"are you there?");
    sim.run_until(Time::from_secs(1000));
    assert_eq!(sim.host(Side::B).connection.peer_state(), PeerState::Presumed);
    sim.run_until(Time::from_secs(4000));
    assert_eq!(sim.host(Side::A).received, b"are you there?");
    assert_eq!(sim.host(Side::B).connection.peer_state(), PeerState::Up);
}

#[test]
fn stripped_options_leave_plain_tcp() {
    let cases = [
        (Side::A, Strip::Syns),
        (Side::B, Strip::Syns),
        (Side::A, Strip::NonSyns),
        (Side::B, Strip::NonSyns),
        (Side::A, Strip::Everything),
        (Side::B, Strip::Everything),
        (Side::A, Strip::DropsSyns),
        (Side::B, Strip::DropsSyns),
    ];
    for (side, strip) in cases {
        let mut sim = Scenario::new(3)
            .strip(side, strip)
            .writes(Side::A, 30_000)
            .writes(Side::B, 30_000)
            .closes(Side::A)
            .closes(Side::B)
            .start();
        sim.run_until(Time::from_secs(120));
        for side in [Side::A, Side::B] {
            let host = sim.host(side);
            assert_eq!(host.connection.hiatus_state(), HiatusState::Off, "{side:?} {strip:?}");
            assert_eq!(host.received, sim.host(side.peer()).outgoing(), "{side:?} {strip:?}");
            assert!(host.events.iter().any(|(_, event)| matches!(event, Event::FellBack { .. })));
        }
    }
}

#[test]
fn new_route_that_strips_ends_hiatus_and_not_the_connection() {
    let strip = Strip::From(Time::from_secs(5));
    let mut sim = Scenario::new(4)
        .strip(Side::A, strip)
        .strip(Side::B, strip)
        .loses_power(Side::A, Time::from_secs(10), seconds(30))
        .start();
    sim.run_until(Time::from_secs(11));
    // B is talking while A is away, and goes on when A is back.
    sim.write(Side::B, b"hello?");
    sim.run_until(Time::from_secs(600));
    let fell_back = Event::FellBack { reason: FallbackReason::ResumeMetPlain };
    assert!(sim.host(Side::A).has_seen(fell_back));
    assert_eq!(sim.host(Side::A).received, b"hello?");
}

#[test]
fn host_that_lost_its_state_says_so_or_is_found_out() {
    for derives in [true, false] {
        let scenario = Scenario::new(5).suspends(Side::A, Time::from_secs(1), seconds(600));
        let scenario = if derives { scenario.responder_derives_its_key() } else { scenario };
        let mut sim = scenario.start();
        sim.run_until(Time::from_secs(100));
        // A holder's application aborts in silence.
        sim.command(Side::B, Command::Abort).expect("B has a connection");
        sim.run_until(Time::from_secs(700));
        let reason =
            if derives { CloseReason::AbortedByPeer(AbortReason::LOST) } else { CloseReason::PeerHasNoState };
        assert!(sim.host(Side::A).has_seen(Event::Closed { reason }), "{:?}", sim.host(Side::A).events);
    }
}

#[test]
fn plain_peer_costs_nothing() {
    for side in [Side::A, Side::B] {
        let mut sim =
            Scenario::new(6).plain(side).writes(Side::A, 10_000).closes(Side::A).closes(Side::B).start();
        sim.run_until(Time::from_secs(300));
        assert_eq!(sim.host(Side::B).received, sim.host(Side::A).outgoing());
        assert_eq!(sim.host(Side::B).connection.state(), TcpState::Closed);
        assert_eq!(messages(&sim, Subtype::EPOCH), 0);
    }
}

#[test]
fn broken_path_is_not_taken_for_the_end() {
    // Both are there, the path is not: for ten minutes everything is lost.
    let mut sim = Scenario::new(7).start();
    sim.run_until(Time::from_secs(1));
    sim.set_loss(1000);
    sim.write(Side::A, b"from A");
    sim.write(Side::B, b"from B");
    sim.run_until(Time::from_secs(600));
    for side in [Side::A, Side::B] {
        assert_eq!(sim.host(side).connection.peer_state(), PeerState::Presumed);
    }
    assert!(sim.trace().last().is_some_and(|frame| frame.fate == Fate::Lost));
    sim.set_loss(0);
    sim.run_until(Time::from_secs(1800));
    assert_eq!(sim.host(Side::A).received, b"from B");
    assert_eq!(sim.host(Side::B).received, b"from A");
}
