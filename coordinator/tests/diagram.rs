//! The diagram in the documentation of `transaction.rs` is correct: random inputs take all its edges, and no others.

mod common;

use common::*;
use indoubt_coordinator::Presumption;
use indoubt_proto::{
    message::Vote,
    settings::{AbortWhen, Settings, WorkRound},
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::collections::BTreeSet;

type Edges = BTreeSet<(String, String)>;

#[derive(Clone, Copy, Debug)]
enum Act {
    Work(u16, bool),
    Vote(u16, Vote),
    Ack(u16),
    Force,
    Fire,
    /// This many of the last records are lost.
    Crash(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let node = 1u16..=2;
    let vote = prop::sample::select(vec![Vote::Yes, Vote::Yes, Vote::No, Vote::ReadOnly, Vote::Failed]);
    prop_oneof![
        4 => (node.clone(), prop::bool::weighted(0.9)).prop_map(|(node, done)| Act::Work(node, done)),
        4 => (node.clone(), vote).prop_map(|(node, vote)| Act::Vote(node, vote)),
        2 => node.prop_map(Act::Ack),
        3 => Just(Act::Force),
        1 => Just(Act::Fire),
        1 => (0u64..3).prop_map(Act::Crash),
    ]
}

/// The state of the only transaction.
fn state(bench: &Bench) -> Option<String> {
    let machine = format!("{:?}", bench.machine);
    let (_, transaction) = machine.split_once("Transaction {")?;
    let (_, state) = transaction.split_once("state: ")?;
    state.split(|c: char| !c.is_alphanumeric()).next().map(str::to_owned)
}

fn perform(bench: &mut Bench, act: Act) {
    match act {
        Act::Work(node, true) => bench.work_done(p(node), 1),
        Act::Work(node, false) => bench.work_failed(p(node), 1),
        Act::Vote(node, vote) => bench.vote(p(node), 1, vote),
        Act::Ack(node) => bench.ack(p(node), 1, log_of(p(node)), true),
        Act::Force => bench.force(),
        Act::Fire => {
            if let Some(timer) = bench.timers.keys().next().copied() {
                bench.fire(timer);
            }
        }
        Act::Crash(lost) => {
            let mut last = bench.last();
            last.0 = last.0.saturating_sub(lost);
            bench.crash(last);
        }
    }
}

/// The edges that one transaction over p1 and p2 takes.
fn taken(presumption: Presumption, settings: Settings, acts: &[Act]) -> Edges {
    let mut bench = Bench::with(presumption, settings, false);
    let mut edges = Edges::new();
    bench.submit(plan(1, 2));
    let mut before = state(&bench);
    edges.extend(before.clone().map(|to| ("new".into(), to)));
    for act in acts {
        perform(&mut bench, *act);
        let after = state(&bench);
        match act {
            Act::Crash(_) => edges.extend(after.clone().map(|to| ("recovered".into(), to))),
            _ if before == after => {}
            _ => edges.extend(before.map(|from| (from, after.clone().unwrap_or("over".into())))),
        }
        before = after;
    }
    edges
}

/// The edges drawn in the documentation of a module.
fn drawn(source: &str) -> Edges {
    let lines = source.lines().filter_map(|line| line.strip_prefix("//! ")?.split_once(" -> "));
    lines.flat_map(|(from, to)| to.split(" | ").map(move |to| (from.trim().into(), to.trim().into()))).collect()
}

#[test]
fn the_diagram_of_a_transaction_is_what_happens() {
    let rounds = prop::sample::select(vec![WorkRound::Separate, WorkRound::WithPrepare]);
    let aborts = prop::sample::select(vec![AbortWhen::AtOnce, AbortWhen::AfterAllVotes]);
    let presumptions = prop::sample::select(Presumption::ALL.to_vec());
    let cases = (presumptions, rounds, aborts, prop::collection::vec(act(), 1..25));
    let mut runner = TestRunner::deterministic();
    let mut edges = Edges::new();
    for _ in 0..10_000 {
        let (presumption, work, abort, acts) = cases.new_tree(&mut runner).expect("a case can be drawn").current();
        let mut settings = Settings::default();
        (settings.options.work, settings.options.abort) = (work, abort);
        edges.append(&mut taken(presumption, settings, &acts));
    }
    assert_eq!(edges, drawn(include_str!("../src/transaction.rs")));
}
