//! Golden conversations: the conversations of the protocols in the cases of textbooks, compared line by line with the files in
//! `tests/golden`. `INDOUBT_GOLDEN=write cargo test -p indoubt-tests --test golden` writes the files again. Read the difference
//! before you commit it.

use indoubt_driver::gate::Edge;
use indoubt_proto::{message::MessageKind, observation::Phase, time::Micros};
use indoubt_scenario::{faults::MessageDeed, protocol::Protocol, scenario::Which};
use indoubt_studies::script::{Script, add, at_effect, at_phase, read, refused};
use std::{fs, path::PathBuf};

/// A transfer from p1 to p2 and p3.
fn transfer(protocol: Protocol) -> Script {
    Script::new(protocol).transaction(0, vec![add("p1", -3), add("p2", 1), add("p3", 2)])
}

/// The same, refused by p3.
fn refused_by_p3(protocol: Protocol) -> Script {
    Script::new(protocol).transaction(0, vec![add("p1", -3), add("p2", 1), refused("p3")])
}

fn compare(name: &str, about: &str, script: Script) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
    let told = format!("{about}\n\n{}", script.play().conversation());
    if std::env::var_os("INDOUBT_GOLDEN").is_some_and(|word| word == "write") {
        fs::write(&path, &told).expect("the golden folder can be written");
        return;
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let differ = golden.lines().zip(told.lines()).position(|(golden, told)| golden != told);
    if golden.trim_end() != told.trim_end() {
        let line = differ.unwrap_or_else(|| golden.lines().count().min(told.lines().count()));
        let at = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
        panic!("{name}.txt, line {}:\n  golden: {}\n  told:   {}\n\n{told}", line + 1, at(&golden), at(&told));
    }
}

#[test]
fn two_phase_commit() {
    compare("2pc-commit", "Presumed abort. Everybody votes yes.", transfer(Protocol::TwoPhase));
}

#[test]
fn two_phase_abort() {
    compare(
        "2pc-abort",
        "Presumed abort. p3 votes no; nothing is forced for the abort.",
        refused_by_p3(Protocol::TwoPhase),
    );
}

#[test]
fn two_phase_coordinator_dies_with_all_votes_in_hand() {
    compare(
        "2pc-coordinator-dies-after-votes",
        "Presumed abort. Everybody has voted yes; the coordinator dies before its decision is durable. The participants\n\
         are blocked in doubt until it is back, and learn that it knows nothing: abort.",
        // Between the votes and the appended record, so that nothing of the decision can survive.
        transfer(Protocol::TwoPhase).kill(at_phase(Phase::WorkDone), "c1", Some(2_000)),
    );
}

#[test]
fn two_phase_coordinator_dies_with_its_decision_durable() {
    compare(
        "2pc-coordinator-dies-after-decision",
        "Presumed abort. The coordinator dies with its decision durable and nobody told. The participants are blocked in\n\
         doubt until it is back, and commit.",
        transfer(Protocol::TwoPhase).kill(at_phase(Phase::Decided), "c1", Some(2_000)),
    );
}

#[test]
fn presumed_nothing_abort() {
    compare(
        "2pc-prn-abort",
        "Presumed nothing. p3 votes no; the abort is forced everywhere and acknowledged.",
        refused_by_p3(Protocol::PresumedNothing),
    );
}

#[test]
fn presumed_commit() {
    compare(
        "2pc-prc-commit",
        "Presumed commit. The initiation is forced before PREPARE; the commit is acknowledged by nobody.",
        transfer(Protocol::PresumedCommit),
    );
}

#[test]
fn presumed_commit_coordinator_dies_with_only_its_initiation_durable() {
    compare(
        "2pc-prc-initiation-without-outcome",
        "Presumed commit. The coordinator dies with its initiation durable and no outcome: an abort when it is back, or\n\
         those who voted yes would presume a commit.",
        transfer(Protocol::PresumedCommit).kill(at_phase(Phase::WorkDone), "c1", Some(1_000)),
    );
}

#[test]
fn read_only_voters_drop_out() {
    compare(
        "2pc-read-only",
        "Presumed abort. p2 and p3 only read: they unlock at their votes and hear of no decision.",
        Script::new(Protocol::TwoPhase).transaction(0, vec![add("p1", 1), read("p2"), read("p3")]),
    );
}

#[test]
fn cooperative_termination() {
    compare(
        "2pc-cooperative",
        "Cooperative termination. The coordinator dies for good with only p1 told. p2 and p3 ask each other and p1, and\n\
         commit.",
        transfer(Protocol::Cooperative).kill(at_phase(Phase::HalfTold), "c1", None),
    );
}

#[test]
fn saga_completes() {
    compare("saga-complete", "Three steps, one after another; no lock outlives its step.", transfer(Protocol::Saga));
}

#[test]
fn parallel_saga_completes() {
    compare(
        "saga-parallel-complete",
        "Three independent steps at once. The end is forced when all results are there.",
        transfer(Protocol::SagaParallel),
    );
}

#[test]
fn parallel_saga_refused_by_one_participant() {
    compare(
        "saga-parallel-refused",
        "p3 refuses step 3 while steps 1 and 2 are under way. The turn is forced, then both are undone at once.",
        refused_by_p3(Protocol::SagaParallel),
    );
}

#[test]
fn parallel_saga_orchestrator_dies() {
    compare(
        "saga-parallel-orchestrator-dies",
        "The orchestrator dies when step 2 of three is on its way. Back again it settles all three, and undoes what ran.",
        transfer(Protocol::SagaParallel).kill(at_effect("c1", "send:step", Edge::After, 2), "c1", Some(500)),
    );
}

#[test]
fn saga_refused_at_its_third_step() {
    compare(
        "saga-refused",
        "p3 refuses step 3. The turn is forced, then steps 2 and 1 are undone, in that order.",
        refused_by_p3(Protocol::Saga),
    );
}

#[test]
fn saga_orchestrator_dies_half_way() {
    compare(
        "saga-orchestrator-dies",
        "The orchestrator dies when step 2 is on its way. Back again it settles what may have run, and undoes it all.",
        transfer(Protocol::Saga).kill(at_effect("c1", "send:step", Edge::After, 2), "c1", Some(500)),
    );
}

#[test]
fn saga_compensation_fails_three_times() {
    compare(
        "saga-compensation-fails",
        "p3 refuses step 3. The compensation of step 2 fails three times and is tried again.",
        refused_by_p3(Protocol::Saga).messages(
            MessageDeed::Refuse,
            MessageKind::Compensate,
            "c1",
            "p2",
            Which::First(3),
        ),
    );
}

#[test]
fn unprotected_calls_leave_a_half_done_transaction() {
    compare(
        "none-partial",
        "No protocol. p3 refuses: the client is told `aborted`, and the first two effects stay.",
        refused_by_p3(Protocol::None),
    );
}

#[test]
fn delayed_and_duplicated_messages_change_nothing() {
    compare(
        "2pc-duplicates",
        "Presumed abort. The decision to p1 comes twice, and the vote of p2 comes late.",
        transfer(Protocol::TwoPhase)
            .messages(MessageDeed::Duplicate, MessageKind::Decision, "c1", "p1", Which::Nth(1))
            .messages(MessageDeed::Delay(Micros::from_millis(20)), MessageKind::Vote, "p2", "c1", Which::Nth(1)),
    );
}
