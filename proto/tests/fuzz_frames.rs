//! The fuzz target `frames` as a property test, over a frame with bytes replaced.
#![cfg(feature = "wire")]

#[path = "../../fuzz/bodies/frames.rs"]
mod body;

use indoubt_proto::{
    ids::{LogId, Lsn, MessageId, NodeId, Serial, Ticket},
    message::{Message, Reason, ReasonKind, Vote},
    operation::{Key, Operation},
    plan::{PlanStep, StepKind, StepOps, Submission},
    time::Micros,
    wire::{Envelope, Frame, Hello, OnWire as _, Receiver},
};
use proptest::{collection::vec, prelude::*, sample::Index};

/// A hello, and a batch with plans, operations, texts and numbers in it.
fn frames() -> Vec<Vec<u8>> {
    let txn = "c1-k2-17".parse().expect("a name");
    let add = Operation::Add { key: Key::new("p1/acct-3"), delta: -5, min: Some(0) };
    let step = PlanStep { node: NodeId::participant(1), ops: vec![add.clone()], undo: vec![], kind: StepKind::Pivot };
    let ticket = Ticket { log: LogId(7), serial: Serial(8), finished_below: Serial(3) };
    let messages = [
        Message::Submit(Submission { txn, epoch: 1, log: LogId(7), audit: false, steps: vec![step] }),
        Message::Work { txn, ticket, steps: vec![StepOps { step: 1, ops: vec![add] }] },
        Message::Vote {
            txn,
            vote: Vote::No,
            log: LogId(9),
            place: Lsn(7),
            reads: vec![],
            reason: Some(Reason::new(ReasonKind::Constraint, "too little")),
        },
        Message::Inquire { txn, ticket },
    ];
    let id = MessageId { from: NodeId::coordinating(1), start: 2, count: 3 };
    let envelope = |message| Envelope { id, to: NodeId::participant(1), hold: Micros(1), copy: true, message };
    let receiver = Some(Receiver { node: NodeId::coordinating(1), log: LogId(7), incarnation: 2, end: Lsn(3) });
    let hello =
        Frame::Hello(Hello { node: NodeId::client(1), incarnation: 1, start: 1, log: LogId(0), end: Lsn(0), receiver });
    let batch = Frame::Batch(messages.map(envelope).iter().collect());
    let encode = |frame: Frame| {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        bytes
    };
    [hello, batch].map(encode).into()
}

#[test]
fn sound_frames_are_accepted() {
    assert!(frames().iter().all(|bytes| body::accepts(bytes)));
}

proptest! {
    #[test]
    fn a_damaged_frame_is_refused_or_survives_the_wire(
        of in any::<Index>(),
        damage in vec((any::<Index>(), any::<u8>()), 0..4),
        cut in any::<Option<Index>>(),
    ) {
        let mut bytes = of.get(&frames()).clone();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        body::accepts(&bytes);
    }

    #[test]
    fn any_bytes_are_refused_or_survive_the_wire(bytes in vec(any::<u8>(), 0..64)) {
        body::accepts(&bytes);
    }
}
