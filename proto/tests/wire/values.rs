//! Every value of the domain that travels on links and in the calls of clients.

use indoubt_proto::{
    heuristic::HeuristicOutcome,
    ids::{LogId, Lsn, MessageId, NodeId, Serial, Ticket, TxnId},
    message::{
        Answer, Decision, Message, MessageKind, Outcome, ReadVote, Reason, ReasonKind, Status, StepOutcome, StepStyle,
        UndoOutcome, Vote, WorkResult,
    },
    operation::{Key, Operation, ReadValue},
    plan::{PlanStep, StepKind, StepOps, Submission},
    time::Micros,
    wire::{Envelope, limits},
};
use proptest::{collection::vec, option, prelude::*, sample::select};

pub(crate) fn node() -> impl Strategy<Value = NodeId> {
    prop_oneof![
        (1..=u16::MAX).prop_map(NodeId::coordinating),
        (1..=u16::MAX).prop_map(NodeId::participant),
        any::<u16>().prop_map(NodeId::client),
        Just(NodeId::LAB),
    ]
}

pub(crate) fn txn() -> impl Strategy<Value = TxnId> {
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

pub(crate) fn plan() -> impl Strategy<Value = Vec<PlanStep>> {
    let kind = select(vec![StepKind::Compensatable, StepKind::Pivot, StepKind::Retriable]);
    vec((node(), ops(), ops(), kind).prop_map(|(node, ops, undo, kind)| PlanStep { node, ops, undo, kind }), 0..4)
}

fn reads() -> impl Strategy<Value = Vec<ReadValue>> {
    vec((1u32.., key(), any::<i64>()).prop_map(|(step, key, value)| ReadValue { step, key, value }), 0..4)
}

fn decision() -> impl Strategy<Value = Decision> {
    select(vec![Decision::Commit, Decision::Abort])
}

fn reason() -> impl Strategy<Value = Reason> {
    (select(ReasonKind::ALL.to_vec()), ".{0,20}").prop_map(|(kind, detail)| Reason { kind, detail })
}

pub(crate) fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        reads().prop_map(|reads| Outcome::Committed { reads }),
        reads().prop_map(|reads| Outcome::Completed { reads }),
        reason().prop_map(Outcome::Aborted),
        reason().prop_map(Outcome::Compensated),
        reason().prop_map(Outcome::Refused),
        reason().prop_map(Outcome::Unknown),
        (decision(), select(HeuristicOutcome::ALL.to_vec()), reason())
            .prop_map(|(decision, outcome, reason)| Outcome::Heuristic { decision, outcome, reason }),
    ]
}

pub(crate) fn status() -> impl Strategy<Value = Status> {
    prop_oneof![".{0,20}".prop_map(Status::Running), outcome().prop_map(Status::Ended)]
}

/// A message of every kind: a new kind does not compile until it is here.
fn message(kind: MessageKind) -> BoxedStrategy<Message> {
    match kind {
        MessageKind::Submit => (txn(), any::<u32>(), any::<u64>(), any::<bool>(), plan())
            .prop_map(|(txn, epoch, log, audit, steps)| {
                Message::Submit(Submission { txn, epoch, log: LogId(log), audit, steps })
            })
            .boxed(),
        MessageKind::Outcome => (txn(), outcome()).prop_map(|(txn, outcome)| Message::Outcome { txn, outcome }).boxed(),
        MessageKind::StatusQuery => txn().prop_map(|txn| Message::StatusQuery { txn }).boxed(),
        MessageKind::StatusReply => {
            (txn(), status()).prop_map(|(txn, status)| Message::StatusReply { txn, status }).boxed()
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
            (txn(), vote, any::<u64>(), any::<u64>(), reads(), option::of(reason()))
                .prop_map(|(txn, vote, log, place, reads, reason)| Message::Vote {
                    txn,
                    vote,
                    log: LogId(log),
                    place: Lsn(place),
                    reads,
                    reason,
                })
                .boxed()
        }
        MessageKind::Decision => (txn(), ticket(), decision(), any::<bool>())
            .prop_map(|(txn, ticket, decision, ack)| Message::Decision { txn, ticket, decision, ack })
            .boxed(),
        MessageKind::Ack => (txn(), any::<u64>(), any::<bool>(), any::<u64>(), option::of(decision()))
            .prop_map(|(txn, log, known, end, heuristic)| Message::Ack {
                txn,
                log: LogId(log),
                known,
                end: Lsn(end),
                heuristic,
            })
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
        MessageKind::Forget => txn().prop_map(|txn| Message::Forget { txn }).boxed(),
        MessageKind::Resume => txn().prop_map(|txn| Message::Resume { txn }).boxed(),
        MessageKind::Done => {
            (any::<u32>(), ".{0,20}").prop_map(|(count, detail)| Message::Done { count, detail }).boxed()
        }
    }
}

pub(crate) fn envelope(kind: MessageKind) -> impl Strategy<Value = Envelope> {
    (node(), any::<u32>(), any::<u64>(), node(), 0..=limits::HOLD_US, any::<bool>(), message(kind)).prop_map(
        |(from, start, count, to, hold, copy, message)| Envelope {
            id: MessageId { from, start, count },
            to,
            hold: Micros(hold),
            copy,
            message,
        },
    )
}
