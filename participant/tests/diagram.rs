//! The diagrams in the documentation of `branch.rs` and `local_txn.rs` are correct: random inputs take all their edges, and
//! no others.

mod common;

use common::*;
use indoubt_proto::{
    message::{Answer, Decision, Message, ReadVote},
    operation::Operation,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::collections::{BTreeMap, BTreeSet};

type Edges = BTreeSet<(String, String)>;

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

/// The state of each conversation of transaction 1, by the part of its name that distinguishes it.
fn states(bench: &Bench, conversation: &str) -> BTreeMap<String, String> {
    let machine = format!("{:?}", bench.machine);
    let mut states = BTreeMap::new();
    for text in machine.split(conversation).skip(1) {
        let (name, state) = text.split_once("state: ").expect("a conversation has a state");
        let state = state.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        if name.contains(&format!("txn: {:?}", txn(1))) {
            states.insert(name.to_owned(), state.to_owned());
        }
    }
    states
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

fn taken(conversation: &str, acts: &[Act]) -> Edges {
    let mut bench = Bench::new();
    let mut edges = Edges::new();
    let mut before = states(&bench, conversation);
    for act in acts {
        perform(&mut bench, act);
        let after = states(&bench, conversation);
        let crashed = matches!(act, Act::Crash(_));
        let begin = if crashed { "recovered" } else { "new" };
        for (name, to) in &after {
            let from = before.get(name).filter(|_| !crashed).map_or(begin, String::as_str);
            if from != to {
                edges.insert((from.into(), to.clone()));
            }
        }
        let ended = before.into_iter().filter(|(name, _)| !crashed && !after.contains_key(name));
        edges.extend(ended.map(|(_, from)| (from, "over".into())));
        before = after;
    }
    edges
}

/// The edges drawn in the documentation of a module.
fn drawn(source: &str) -> Edges {
    let lines = source.lines().filter_map(|line| line.strip_prefix("//! ")?.split_once(" -> "));
    lines.flat_map(|(from, to)| to.split(" | ").map(move |to| (from.trim().into(), to.trim().into()))).collect()
}

fn all_taken(conversation: &str, act: impl Strategy<Value = Act>) -> Edges {
    let cases = prop::collection::vec(act, 1..25);
    let mut runner = TestRunner::deterministic();
    let mut edges = Edges::new();
    for _ in 0..10_000 {
        let acts = cases.new_tree(&mut runner).expect("a case can be drawn").current();
        edges.append(&mut taken(conversation, &acts));
    }
    edges
}

#[test]
fn the_diagram_of_a_branch_is_what_happens() {
    assert_eq!(all_taken(" Branch {", about_a_branch()), drawn(include_str!("../src/branch.rs")));
}

#[test]
fn the_diagram_of_a_local_transaction_is_what_happens() {
    assert_eq!(all_taken(" LocalTxn {", about_a_step()), drawn(include_str!("../src/local_txn.rs")));
}
