//! What the two-phase family costs (docs/protocols.md section 1), cell by cell: messages, forced and lazy records at the
//! coordinator and at the participants, for one to eight participants.

use indoubt_proto::{
    conditions::{Conditions, Latency},
    ids::{NodeId, Role},
    machine::Write,
    message::OutcomeWord,
    plan::PlanStep,
    time::Micros,
};
use indoubt_simulator::{
    protocol::Protocol,
    scenario::LinkOverride,
    script::{Script, add, read, refused},
};

/// Messages; forced and lazy records at the coordinator; forced and lazy at the participants.
type Costs = [usize; 5];

fn costs(protocol: Protocol, steps: Vec<PlanStep>, expected: OutcomeWord) -> Costs {
    let participants = steps.len() as u16;
    // NO votes are quick, because nothing is forced for them. The table assumes that every vote arrived before the
    // decision: the NO of the last participant takes its time.
    let late = LinkOverride {
        from: NodeId::participant(participants),
        to: NodeId::coordinating(1),
        conditions: Conditions { latency: Latency::Constant(Micros::from_millis(5)), ..Conditions::PERFECT },
    };
    let play = Script::new(protocol)
        .with(|scenario| {
            scenario.cluster.participants = participants;
            scenario.network.links.push(late);
        })
        .transaction(0, steps)
        .play();
    assert_eq!(play.told(), [expected], "{protocol}, {participants} participants");
    assert!(play.is_resolved());
    let (coordinator, participant) = (Role::Coordinating, Role::Participant);
    [
        play.commit_messages(),
        play.written(coordinator, Write::Forced),
        play.written(coordinator, Write::Lazy),
        play.written(participant, Write::Forced),
        play.written(participant, Write::Lazy),
    ]
}

fn names(n: usize) -> impl Iterator<Item = String> {
    (1..=n).map(|number| format!("p{number}"))
}

const NOTHING: Protocol = Protocol::PresumedNothing;
const ABORT: Protocol = Protocol::TwoPhase;
const COMMIT: Protocol = Protocol::PresumedCommit;

#[test]
fn commit() {
    for n in 1..=8 {
        let run = |protocol| costs(protocol, names(n).map(|p| add(&p, 1)).collect(), OutcomeWord::Succeeded);
        assert_eq!(run(NOTHING), [4 * n, 1, 1, 2 * n, 0], "presumed nothing, {n}");
        assert_eq!(run(ABORT), [4 * n, 1, 1, 2 * n, 0], "presumed abort, {n}");
        assert_eq!(run(COMMIT), [3 * n, 2, 0, n, n], "presumed commit, {n}");
    }
}

#[test]
fn abort_by_one_of_n() {
    for n in 1..=8 {
        let steps = || names(n).zip(1..).map(|(p, at)| if at == n { refused(&p) } else { add(&p, 1) }).collect();
        let run = |protocol| costs(protocol, steps(), OutcomeWord::Aborted);
        let y = n - 1;
        // The NO voter's own abort record is lazy; the table does not list it. The forced abort of presumed nothing has an
        // END only if somebody must acknowledge it.
        assert_eq!(run(NOTHING), [2 * n + 2 * y, 1, 1, 2 * y, 1], "presumed nothing, {n}");
        assert_eq!(run(ABORT), [2 * n + y, 0, 0, y, y + 1], "presumed abort, {n}");
        assert_eq!(run(COMMIT), [2 * n + 2 * y, 1, 1, 2 * y, 1], "presumed commit, {n}");
    }
}

#[test]
fn all_read_only() {
    for n in 1..=8 {
        let run = |protocol| costs(protocol, names(n).map(|p| read(&p)).collect(), OutcomeWord::Succeeded);
        assert_eq!(run(NOTHING), [2 * n, 0, 0, 0, 0], "presumed nothing, {n}");
        assert_eq!(run(ABORT), [2 * n, 0, 0, 0, 0], "presumed abort, {n}");
        assert_eq!(run(COMMIT), [2 * n, 1, 1, 0, 0], "presumed commit, {n}");
    }
}

#[test]
fn u_updaters_and_the_rest_read_only() {
    for n in 2..=8 {
        for u in 1..n {
            let steps = || names(n).zip(1..).map(|(p, at)| if at <= u { add(&p, 1) } else { read(&p) }).collect();
            let run = |protocol| costs(protocol, steps(), OutcomeWord::Succeeded);
            assert_eq!(run(NOTHING), [2 * n + 2 * u, 1, 1, 2 * u, 0], "presumed nothing, {u} of {n}");
            assert_eq!(run(ABORT), [2 * n + 2 * u, 1, 1, 2 * u, 0], "presumed abort, {u} of {n}");
            assert_eq!(run(COMMIT), [2 * n + u, 2, 0, u, u], "presumed commit, {u} of {n}");
        }
    }
}
