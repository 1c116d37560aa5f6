//! A machine driven by hand: a coordinator takes one transaction through two-phase commit. This program is its disk, its
//! participants and its client, so every step of the protocol can be read in the output.
//!
//! ```sh
//! cargo run -p indoubt-coordinator --example drive_a_machine
//! ```

use indoubt_coordinator::{Coordinator, Presumption};
use indoubt_driver::manual::ManualNode;
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, TxnId},
    machine::Machine as _,
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

    // The first input of every incarnation is the contents of its journal. This journal is new.
    let machine = Coordinator::new(home, Settings::default(), Presumption::Abort, false);
    let mut node = ManualNode::start(home, machine, LogId(1));
    show("the journal is empty", &mut node);

    let transfer = participants.iter().zip([-10, 10]).map(|(node, delta)| {
        let add = |delta| vec![Operation::Add { key: Key::new(format!("{node}/account")), delta, min: None }];
        PlanStep { node: *node, ops: add(delta), undo: add(-delta), kind: StepKind::Compensatable }
    });
    let submission = Submission { txn, epoch: 1, log: LogId(1), audit: false, steps: transfer.collect() };
    node.deliver(client, Message::Submit(submission));
    show("the client submits", &mut node);
    for from in participants {
        node.deliver(from, Message::WorkDone { txn, result: WorkResult::Done { reads: vec![] } });
        show(&format!("{from} has done its work"), &mut node);
    }
    for from in participants {
        let (vote, log, place) = (Vote::Yes, LogId(2), Lsn(2));
        node.deliver(from, Message::Vote { txn, vote, log, place, reads: vec![], reason: None });
        show(&format!("{from} votes yes"), &mut node);
    }
    // The decision counts only once its record is durable, so the machine has sent it to nobody yet.
    node.force();
    show("the force returns", &mut node);
    for from in participants {
        node.deliver(from, Message::Ack { txn, log: LogId(2), known: true, end: Lsn(3), heuristic: None });
        show(&format!("{from} acknowledges"), &mut node);
    }
    assert!(node.machine().inspect(false).open.is_empty(), "the transaction is over");
}

/// Prints what the node has done since this was called last, and the timers that are armed.
fn show(what: &str, node: &mut ManualNode<Coordinator>) {
    println!("\n{what}");
    for (record, write) in node.world.written.drain(..) {
        println!("  append {record}, {}", write.word());
    }
    for observation in node.world.observed.drain(..) {
        match observation {
            Observation::Reached { phase, .. } => println!("  observe phase {}", phase.word()),
            observation => println!("  observe {}", observation.kind()),
        }
    }
    for (to, message) in node.world.sent.drain(..) {
        println!("  send {} to {to}", message.kind().word());
    }
    for (timer, after) in &node.world.timers {
        println!("  armed {timer:?}, {} ms", after.as_millis_f64());
    }
}
