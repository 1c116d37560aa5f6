//! The diagrams in the documentation of `branch.rs` and `local_txn.rs` are correct: random inputs take all their edges, and
//! no others.

mod common;

use common::*;
use indoubt_driver::state_diagram::{Edges, SeenEdges, drawn, states};
use indoubt_proto::{
    message::{Answer, Decision, Message, ReadVote},
    operation::Operation,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

#[derive(Clone, Debug)]
enum Act {
    Tell(Message),
    Inquired,
    Force,
    /// The armed timer with this index.
    Fire(usize),
    /// This many records of the tail survive.
    Crash(usize),
    /// Transaction 9 takes the lock of `a`, or releases it.
    Conflict(bool),
}

fn undo() -> Vec<Operation> {
    vec![Operation::Add { key: key("a"), delta: 1, min: None }]
}

/// Operations that write, that only read, or that break a constraint.
fn ops() -> impl Strategy<Value = Vec<Operation>> {
    prop::sample::select(vec![vec![add("a", -1)], vec![get("a")], vec![add("a", -1_000)]])
}

fn environment() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Force),
        2 => (0usize..3).prop_map(Act::Fire),
        1 => (0usize..4).prop_map(Act::Crash),
        2 => any::<bool>().prop_map(Act::Conflict),
    ]
}

fn about_a_branch() -> impl Strategy<Value = Act> {
    let read_vote = prop::sample::select(vec![ReadVote::Never, ReadVote::Release, ReadVote::Keep]);
    let decisions = prop::sample::select(vec![Decision::Commit, Decision::Abort]);
    prop_oneof![
        3 => ops().prop_map(|ops| Act::Tell(work(1, &ops))),
        3 => (ops(), read_vote.clone()).prop_map(|(ops, vote)| Act::Tell(prepare_with(1, &ops, vote))),
        3 => read_vote.prop_map(|vote| Act::Tell(prepare_with(1, &[], vote))),
        3 => (decisions.clone(), any::<bool>()).prop_map(|(what, ack)| Act::Tell(decision(1, what, ack))),
        1 => Just(Act::Inquired),
        1 => Just(Act::Tell(Message::Answer { txn: txn(1), answer: Answer::Unknown })),
        1 => decisions.prop_map(|decision| Act::Tell(Message::Resolve { txn: Some(txn(1)), decision })),
        8 => environment(),
    ]
}

fn about_a_step() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => ops().prop_map(|ops| Act::Tell(step(1, 1, &ops))),
        1 => Just(Act::Tell(settle(1, 1))),
        3 => Just(Act::Tell(compensate(1, 1, &undo()))),
        1 => ops().prop_map(|ops| Act::Tell(bare(1, &ops))),
        7 => environment(),
    ]
}

fn perform(bench: &mut Bench, act: &Act) {
    match act {
        Act::Tell(message) => _ = bench.tell(message.clone()),
        Act::Inquired => _ = bench.tell_from(P2, inquire(1)),
        Act::Force => _ = bench.force(),
        Act::Fire(n) => {
            if let Some(timer) = bench.timers.keys().nth(*n).copied() {
                bench.fire(timer);
            }
        }
        Act::Crash(survive) => _ = bench.crash(*survive),
        Act::Conflict(true) => _ = bench.tell(work(9, &[add("a", -1)])),
        Act::Conflict(false) => _ = bench.tell(decision(9, Decision::Abort, false)),
    }
}

/// The edges that the items of this type of transaction 1 take.
fn edges_of(item: &str, act: impl Strategy<Value = Act>) -> Edges {
    let of_txn = format!("txn: {:?}", txn(1));
    let now = |bench: &Bench| states(bench.machine(), item, |fields| fields.contains(&of_txn).then_some(fields));
    let cases = prop::collection::vec(act, 1..25);
    let mut runner = TestRunner::deterministic();
    let mut seen = SeenEdges::default();
    for _ in 0..10_000 {
        let mut bench = Bench::new();
        seen.after_restart(now(&bench));
        for act in &cases.new_tree(&mut runner).expect("a case can be drawn").current() {
            perform(&mut bench, act);
            match act {
                Act::Crash(_) => seen.after_restart(now(&bench)),
                _ => seen.after_input(now(&bench)),
            }
        }
    }
    seen.edges
}

#[test]
fn the_diagram_of_a_branch_is_what_happens() {
    assert_eq!(edges_of("Branch", about_a_branch()), drawn(include_str!("../src/branch.rs")));
}

#[test]
fn the_diagram_of_a_local_transaction_is_what_happens() {
    assert_eq!(edges_of("LocalTxn", about_a_step()), drawn(include_str!("../src/local_txn.rs")));
}
