//! The diagrams in the documentation of `execution.rs`, `parallel.rs` and `sequence.rs` are correct: random inputs take all
//! their edges, and no others.

mod common;

use common::*;
use indoubt_proto::{
    ids::NodeId,
    machine::Machine,
    message::{Message, StepOutcome, UndoOutcome},
    plan::PlanStep,
    settings::Settings,
};
use indoubt_saga::{Orchestrator, ParallelOrchestrator, Unprotected};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use std::collections::BTreeSet;

type Edges = BTreeSet<(String, String)>;

#[derive(Clone, Debug)]
enum Act {
    Result(u32, StepOutcome),
    Undo(u32, UndoOutcome),
    Force,
    Fire,
    Resume,
    /// This many records of the tail survive.
    Crash(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let step = 1u32..=3;
    let outcome = prop_oneof![
        6 => Just(applied()),
        1 => Just(refused()),
        1 => Just(failed()),
        1 => Just(StepOutcome::Voided),
    ];
    let undone = prop::sample::select(vec![UndoOutcome::Undone, UndoOutcome::NothingToUndo, undo_failed()]);
    prop_oneof![
        8 => (step.clone(), outcome).prop_map(|(step, outcome)| Act::Result(step, outcome)),
        5 => (step, undone).prop_map(|(step, outcome)| Act::Undo(step, outcome)),
        4 => Just(Act::Force),
        2 => Just(Act::Fire),
        1 => Just(Act::Resume),
        2 => (0usize..4).prop_map(Act::Crash),
    ]
}

/// The state of the only conversation.
fn state<M: Machine + Clone>(bench: &Bench<M>, conversation: &str) -> Option<String> {
    let machine = format!("{:?}", bench.machine);
    let (_, conversation) = machine.split_once(conversation)?;
    let (_, state) = conversation.split_once("state: ")?;
    state.split(|c: char| !c.is_alphanumeric()).next().map(str::to_owned)
}

fn perform<M: Machine + Clone>(bench: &mut Bench<M>, act: &Act) {
    match act {
        Act::Result(step, outcome) => bench.answer(1, *step as u16, *step, outcome.clone()),
        Act::Undo(step, outcome) => {
            let answer = Message::CompensateResult { txn: txn(1), step: *step, outcome: outcome.clone() };
            bench.hear(NodeId::participant(*step as u16), answer);
        }
        Act::Force => bench.force(),
        Act::Fire => bench.fire_nth(0),
        Act::Resume => bench.hear(CLIENT, Message::Resume { txn: txn(1) }),
        Act::Crash(surviving) => bench.crash(*surviving),
    }
}

/// The edges that one submission takes.
fn taken<M: Machine + Clone>(machine: M, conversation: &str, steps: Vec<PlanStep>, acts: &[Act]) -> Edges {
    let mut bench = Bench::new(machine);
    let mut edges = Edges::new();
    bench.submit(1, steps);
    let mut before = state(&bench, conversation);
    edges.extend(before.clone().map(|to| ("new".into(), to)));
    for act in acts {
        perform(&mut bench, act);
        let after = state(&bench, conversation);
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

/// The edges that sagas take that run their steps in this way.
fn edges_of<M: Machine + Clone>(machine: fn(NodeId, Settings) -> M, conversation: &str) -> Edges {
    let cases = (any::<bool>(), any::<bool>(), 1u32..=2, prop::collection::vec(act(), 1..40));
    let mut runner = TestRunner::deterministic();
    let mut edges = Edges::new();
    for _ in 0..10_000 {
        let (forward, with_pivot, attempts, acts) = cases.new_tree(&mut runner).expect("a case can be drawn").current();
        let mut settings = Settings::default();
        settings.options.forward_recovery = forward;
        (settings.options.step_attempts, settings.options.compensation_attempts) = (attempts, attempts);
        let steps =
            if with_pivot { vec![writes(1), pivot(2), retriable(3)] } else { vec![writes(1), reads(2), writes(3)] };
        edges.append(&mut taken(machine(HOME, settings), conversation, steps, &acts));
    }
    edges
}

#[test]
fn the_diagram_of_a_saga_is_what_happens() {
    assert_eq!(edges_of(Orchestrator::new, "Execution {"), drawn(include_str!("../src/execution.rs")));
}

#[test]
fn the_diagram_of_a_parallel_saga_is_what_happens() {
    let edges = edges_of(ParallelOrchestrator::new, "ParallelExecution {");
    assert_eq!(edges, drawn(include_str!("../src/parallel.rs")));
}

#[test]
fn the_diagram_of_an_unprotected_sequence_is_what_happens() {
    let cases = (prop::option::of(1u32..=2), prop::collection::vec(act(), 1..20));
    let mut runner = TestRunner::deterministic();
    let mut edges = Edges::new();
    for _ in 0..5_000 {
        let (retries, acts) = cases.new_tree(&mut runner).expect("a case can be drawn").current();
        let machine = Unprotected::new(HOME, Settings::default(), retries);
        edges.append(&mut taken(machine, "Sequence {", vec![writes(1), writes(2)], &acts));
    }
    assert_eq!(edges, drawn(include_str!("../src/unprotected/sequence.rs")));
}
