//! Drives a machine by hand: a coordinator takes one transaction through two-phase commit. This program plays its driver,
//! its journal, its participants and its client, so the output shows every step of the protocol.
//!
//! ```sh
//! cargo run -p indoubt-coordinator --example drive_a_machine
//! ```

use indoubt_coordinator::{Coordinator, Presumption};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, TxnId},
    machine::{Effect, Input, Machine as _, Out, Record as _},
    message::{Message, Vote, WorkResult},
    observation::Observation,
    operation::{Key, Operation},
    plan::{PlanStep, StepKind, Submission},
    settings::Settings,
};

fn main() {
    let (home, client) = (NodeId::coordinating(1), NodeId::client(1));
    let participants = [NodeId::participant(1), NodeId::participant(2)];
    let txn = TxnId { home, client, number: 1 };

    let mut machine = Coordinator::new(home, Settings::default(), Presumption::Abort, false);
    let mut out = Out::new(Lsn(0));
    let mut sent = Vec::new();
    let mut step = |what: &str, input| {
        println!("\n{what}");
        machine.handle(input, &mut out);
        let last = out.last();
        for effect in out.drain() {
            match effect {
                Effect::Append { lsn, record, write } => {
                    println!("  append record {}, {}, {}", lsn.0, record.word(), write.word());
                }
                Effect::Send { to, message } => {
                    println!("  send {} to {to}", message.kind().word());
                    sent.push(message.kind().word());
                }
                Effect::Arm { timer, after } => println!("  arm {timer:?}, {} ms", after.as_millis_f64()),
                Effect::Disarm(timer) => println!("  disarm {timer:?}"),
                Effect::Observe(Observation::Reached { phase, .. }) => println!("  observe phase {}", phase.word()),
                Effect::Observe(observation) => println!("  observe {}", observation.kind()),
                Effect::Compacted { .. } => unreachable!("only a driver asks for a compaction"),
            }
        }
        last
    };

    // The first input of every incarnation is the contents of its journal. This journal is new.
    step("the driver recovers an empty journal", Input::Recover { log: LogId(1), incarnation: 1, records: vec![] });

    let transfer = participants.iter().zip([-10, 10]).map(|(node, delta)| {
        let add = |delta| vec![Operation::Add { key: Key::new(format!("{node}/account")), delta, min: None }];
        PlanStep { node: *node, ops: add(delta), undo: add(-delta), kind: StepKind::Compensatable }
    });
    let submission = Submission { txn, epoch: 1, log: LogId(1), audit: false, steps: transfer.collect() };
    step("the client submits", Input::Message { from: client, message: Message::Submit(submission) });

    for from in participants {
        let message = Message::WorkDone { txn, result: WorkResult::Done { reads: vec![] } };
        step(&format!("{from} has done its work"), Input::Message { from, message });
    }
    let mut last = Lsn(0);
    for from in participants {
        let message = Message::Vote { txn, vote: Vote::Yes, log: LogId(2), place: Lsn(2), reads: vec![], reason: None };
        last = step(&format!("{from} votes yes"), Input::Message { from, message });
    }
    // The decision counts only once its record is durable, so the machine has sent it to nobody yet.
    step("the force returns", Input::Durable { upto: last });

    for from in participants {
        step(
            &format!("{from} acknowledges"),
            Input::Message {
                from,
                message: Message::Ack { txn, log: LogId(2), known: true, end: Lsn(3), heuristic: None },
            },
        );
    }
    assert_eq!(sent, ["work", "work", "prepare", "prepare", "decision", "decision", "outcome"]);
}
