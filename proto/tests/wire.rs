//! Tests of the wire: every value of the domain survives it, and everything else is rejected.
#![cfg(feature = "wire")]

use indoubt_proto::{
    ids::{LogId, MessageId, NodeId, Serial, Ticket, TxnId},
    message::{
        Answer, Decision, Message, MessageKind, Outcome, ReadVote, Reason, ReasonKind, Status, StepOutcome, StepStyle,
        UndoOutcome, Vote, WorkResult,
    },
    operation::{Key, Operation, ReadValue},
    plan::{PlanStep, StepKind, StepOps, Submission},
    time::Micros,
    wire::{Envelope, Frame, StateReply, SubmitReply, SubmitRequest, limits, v1},
};
use proptest::{collection::vec, option, prelude::*, sample::select, test_runner::TestRunner};
use prost::Message as _;

fn node() -> impl Strategy<Value = NodeId> {
    prop_oneof![
        (1..=u16::MAX).prop_map(NodeId::coordinating),
        (1..=u16::MAX).prop_map(NodeId::participant),
        any::<u16>().prop_map(NodeId::client),
        Just(NodeId::LAB),
    ]
}

fn txn() -> impl Strategy<Value = TxnId> {
    (1..=u16::MAX, any::<u16>(), any::<u64>()).prop_map(|(home, client, number)| TxnId {
        home: NodeId::coordinating(home),
        client: NodeId::client(client),
        number,
    })
}

fn ticket() -> impl Strategy<Value = Ticket> {
    any::<(u64, u64, u64)>().prop_map(|(log, serial, below)| Ticket {
        log: LogId(log),
        serial: Serial(serial),
        finished_below: Serial(below),
    })
}

fn key() -> impl Strategy<Value = Key> {
    "p[1-9]/[a-zäß-]{1,12}".prop_map(Key::new)
}

fn ops() -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        (key(), any::<i64>(), any::<Option<i64>>()).prop_map(|(key, delta, min)| Operation::Add { key, delta, min }),
        (key(), any::<i64>()).prop_map(|(key, value)| Operation::Put { key, value }),
        key().prop_map(|key| Operation::Get { key }),
    ];
    vec(operation, 0..4)
}

fn steps() -> impl Strategy<Value = Vec<StepOps>> {
    vec((1u32.., ops()).prop_map(|(step, ops)| StepOps { step, ops }), 0..4)
}

fn plan() -> impl Strategy<Value = Vec<PlanStep>> {
    let kind = select(vec![StepKind::Compensatable, StepKind::Pivot, StepKind::Retriable]);
    vec((node(), ops(), ops(), kind).prop_map(|(node, ops, undo, kind)| PlanStep { node, ops, undo, kind }), 0..4)
}

fn reads() -> impl Strategy<Value = Vec<ReadValue>> {
    vec((1u32.., key(), any::<i64>()).prop_map(|(step, key, value)| ReadValue { step, key, value }), 0..4)
}

fn reason() -> impl Strategy<Value = Reason> {
    (select(ReasonKind::ALL.to_vec()), ".{0,20}").prop_map(|(kind, detail)| Reason { kind, detail })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        reads().prop_map(|reads| Outcome::Committed { reads }),
        reads().prop_map(|reads| Outcome::Completed { reads }),
        reason().prop_map(Outcome::Aborted),
        reason().prop_map(Outcome::Compensated),
        reason().prop_map(Outcome::Refused),
        reason().prop_map(Outcome::Unknown),
    ]
}

/// A message of every kind: a new kind does not compile until it is here.
fn message(kind: MessageKind) -> BoxedStrategy<Message> {
    let decision = || select(vec![Decision::Commit, Decision::Abort]);
    match kind {
        MessageKind::Submit => (txn(), any::<u32>(), any::<bool>(), plan())
            .prop_map(|(txn, epoch, audit, steps)| Message::Submit(Submission { txn, epoch, audit, steps }))
            .boxed(),
        MessageKind::Outcome => (txn(), outcome()).prop_map(|(txn, outcome)| Message::Outcome { txn, outcome }).boxed(),
        MessageKind::StatusQuery => txn().prop_map(|txn| Message::StatusQuery { txn }).boxed(),
        MessageKind::StatusReply => {
            let status = prop_oneof![".{0,20}".prop_map(Status::Running), outcome().prop_map(Status::Ended)];
            (txn(), status).prop_map(|(txn, status)| Message::StatusReply { txn, status }).boxed()
        }
        MessageKind::Work => {
            (txn(), ticket(), steps()).prop_map(|(txn, ticket, steps)| Message::Work { txn, ticket, steps }).boxed()
        }
        MessageKind::WorkDone => {
            let result = prop_oneof![
                reads().prop_map(|reads| WorkResult::Done { reads }),
                reason().prop_map(WorkResult::Failed)
            ];
            (txn(), result).prop_map(|(txn, result)| Message::WorkDone { txn, result }).boxed()
        }
        MessageKind::Prepare => {
            let read_vote = select(vec![ReadVote::Never, ReadVote::Release, ReadVote::Keep]);
            (txn(), ticket(), steps(), vec(node(), 0..4), read_vote)
                .prop_map(|(txn, ticket, steps, peers, read_vote)| Message::Prepare {
                    txn,
                    ticket,
                    steps,
                    peers,
                    read_vote,
                })
                .boxed()
        }
        MessageKind::Vote => {
            let vote = select(vec![Vote::Yes, Vote::No, Vote::ReadOnly, Vote::Failed]);
            (txn(), vote, any::<u64>(), reads(), option::of(reason()))
                .prop_map(|(txn, vote, log, reads, reason)| Message::Vote { txn, vote, log: LogId(log), reads, reason })
                .boxed()
        }
        MessageKind::Decision => (txn(), ticket(), decision(), any::<bool>())
            .prop_map(|(txn, ticket, decision, ack)| Message::Decision { txn, ticket, decision, ack })
            .boxed(),
        MessageKind::Ack => (txn(), any::<u64>(), any::<bool>())
            .prop_map(|(txn, log, known)| Message::Ack { txn, log: LogId(log), known })
            .boxed(),
        MessageKind::Inquire => (txn(), ticket()).prop_map(|(txn, ticket)| Message::Inquire { txn, ticket }).boxed(),
        MessageKind::Answer => (txn(), select(vec![Answer::InDoubt, Answer::Unknown]))
            .prop_map(|(txn, answer)| Message::Answer { txn, answer })
            .boxed(),
        MessageKind::Step => (txn(), ticket(), 1u32.., ops(), select(vec![StepStyle::Saga, StepStyle::Bare]))
            .prop_map(|(txn, ticket, step, ops, style)| {
                let step = StepOps { step, ops };
                Message::Step { txn, ticket, step, style }
            })
            .boxed(),
        MessageKind::StepResult => {
            let outcome = prop_oneof![
                reads().prop_map(|reads| StepOutcome::Applied { reads }),
                reason().prop_map(StepOutcome::Refused),
                reason().prop_map(StepOutcome::Failed),
                Just(StepOutcome::Voided),
            ];
            (txn(), 1u32.., outcome).prop_map(|(txn, step, outcome)| Message::StepResult { txn, step, outcome }).boxed()
        }
        MessageKind::Settle => {
            (txn(), ticket(), 1u32..).prop_map(|(txn, ticket, step)| Message::Settle { txn, ticket, step }).boxed()
        }
        MessageKind::Compensate => (txn(), ticket(), 1u32.., ops())
            .prop_map(|(txn, ticket, step, ops)| Message::Compensate { txn, ticket, step, ops })
            .boxed(),
        MessageKind::CompensateResult => {
            let outcome = prop_oneof![
                Just(UndoOutcome::Undone),
                Just(UndoOutcome::NothingToUndo),
                reason().prop_map(UndoOutcome::Failed),
            ];
            (txn(), 1u32.., outcome)
                .prop_map(|(txn, step, outcome)| Message::CompensateResult { txn, step, outcome })
                .boxed()
        }
        MessageKind::Resolve => {
            (option::of(txn()), decision()).prop_map(|(txn, decision)| Message::Resolve { txn, decision }).boxed()
        }
        MessageKind::Resume => txn().prop_map(|txn| Message::Resume { txn }).boxed(),
        MessageKind::Done => {
            (any::<u32>(), ".{0,20}").prop_map(|(count, detail)| Message::Done { count, detail }).boxed()
        }
    }
}

fn envelope(kind: MessageKind) -> impl Strategy<Value = Envelope> {
    (node(), any::<u32>(), any::<u64>(), node(), 0..=limits::HOLD_US, any::<bool>(), message(kind)).prop_map(
        |(from, incarnation, count, to, hold, copy, message)| Envelope {
            id: MessageId { from, incarnation, count },
            to,
            hold: Micros(hold),
            copy,
            message,
        },
    )
}

/// There and back, through bytes.
fn travel(frame: &Frame) -> Frame {
    let bytes = v1::Frame::from(frame.clone()).encode_to_vec();
    let wire = v1::Frame::decode(&bytes[..]).expect("it was encoded a line above");
    Frame::try_from(wire).expect("the domain is always accepted")
}

#[test]
fn every_message_of_the_domain_survives_the_wire() {
    for kind in MessageKind::ALL {
        TestRunner::default()
            .run(&vec(envelope(kind), 0..3), |envelopes| {
                let frame = Frame::Batch(envelopes);
                prop_assert_eq!(travel(&frame), frame);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{}: {error}", kind.word()));
    }
}

#[test]
fn every_node_has_one_number_and_every_other_number_is_refused() {
    let mut accepted = 0;
    // The largest number of a node is that of k65535; everything up to it and beyond is tried.
    for number in (0..=8 * 65_536 + 8).chain([u32::MAX]) {
        let hello = v1::Hello { node: number, incarnation: 1, log: 5 };
        let frame = v1::Frame { frame: Some(v1::frame::Frame::Hello(hello)) };
        if let Ok(frame) = Frame::try_from(frame.clone()) {
            assert_eq!(travel(&frame), frame);
            assert!(matches!(v1::Frame::from(frame).frame, Some(v1::frame::Frame::Hello(h)) if h.node == number));
            accepted += 1;
        }
    }
    // c1 to c65535, p1 to p65535, k0 to k65535, lab.
    assert_eq!(accepted, 65_535 + 65_535 + 65_536 + 1);
}

#[test]
fn frequent_messages_are_small() {
    let txn = TxnId { home: NodeId::coordinating(1), client: NodeId::client(3), number: 1_000_000 };
    let envelope = Envelope {
        id: MessageId { from: NodeId::participant(2), incarnation: 1, count: 3_000_000 },
        to: NodeId::coordinating(1),
        hold: Micros::ZERO,
        copy: false,
        message: Message::Vote { txn, vote: Vote::Yes, log: LogId(u64::MAX), reads: Vec::new(), reason: None },
    };
    let length = v1::Envelope::from(envelope).encoded_len();
    assert!(length <= 40, "a vote takes {length} bytes");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = v1::Frame::decode(&bytes[..]).map(Frame::try_from);
        let _ = v1::SubmitRequest::decode(&bytes[..]).map(SubmitRequest::try_from);
        let _ = v1::SubmitReply::decode(&bytes[..]).map(SubmitReply::try_from);
        let _ = v1::StateReply::decode(&bytes[..]).map(StateReply::try_from);
    }

    #[test]
    fn a_flipped_bit_gives_another_frame_or_a_refusal_that_names_a_field(
        envelope in select(MessageKind::ALL.to_vec()).prop_flat_map(envelope),
        place in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let mut bytes = v1::Frame::from(Frame::Batch(vec![envelope])).encode_to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= 1u8 << bit;
        if let Ok(wire) = v1::Frame::decode(&bytes[..]) {
            match Frame::try_from(wire) {
                Ok(frame) => prop_assert_eq!(travel(&frame), frame),
                Err(error) => prop_assert!(!error.path.is_empty() && !error.why.is_empty(), "{error}"),
            }
        }
    }
}
