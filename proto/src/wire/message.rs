//! The messages between nodes: the tables of link.proto.

use super::{
    coding::{Alternatives, Coding, WireMessage, message, one_of},
    codings::{
        Element, Flag, List, Log, Nested, Node, Nodes, OneOf, Optional, OptionalWord, Place, StepNumber, Text, U32,
        WordOf,
    },
    encoding::{Fields, Value, put},
    error::{At, WireError},
    limits,
};
use crate::{
    ids::{Ticket, TxnId},
    message::{
        Answer, Decision, Message, Outcome, ReadVote, Reason, Status, StepOutcome, StepStyle, UndoOutcome, Vote,
        WorkResult,
    },
    operation::{Operation, ReadValue},
    plan::{PlanStep, StepKind, StepOps, Submission},
};

message!(PlanStep { 1 node: Node, 2 ops: List<Operation>, 3 undo: List<Operation>, 4 kind: WordOf<StepKind> });
message!(Submission { 1 txn: Nested<TxnId>, 2 epoch: U32, 3 audit: Flag, 4 steps: List<PlanStep>, 5 log: Log });

impl Element for PlanStep {
    const MOST: usize = limits::STEPS;
}

one_of!(WorkResult {
    2 done: Done { 1 reads: List<ReadValue> },
    3 failed: Failed(reason: Nested<Reason>),
});

one_of!(StepOutcome {
    3 applied: Applied { 1 reads: List<ReadValue> },
    4 refused: Refused(reason: Nested<Reason>),
    5 failed: Failed(reason: Nested<Reason>),
    6 voided: Voided {},
});

one_of!(UndoOutcome {
    3 undone: Undone {},
    4 nothing_to_undo: NothingToUndo {},
    5 failed: Failed(reason: Nested<Reason>),
});

// The `oneof` of an envelope.
one_of!(Message {
    5 submit: Submit(submission: Nested<Submission>),
    6 outcome: Outcome { 1 txn: Nested<TxnId>, 2 outcome: Nested<Outcome> },
    7 work: Work { 1 txn: Nested<TxnId>, 2 ticket: Nested<Ticket>, 3 steps: List<StepOps> },
    8 work_done: WorkDone { 1 txn: Nested<TxnId>, 2..=3 result: OneOf<WorkResult> },
    9 prepare: Prepare {
        1 txn: Nested<TxnId>,
        2 ticket: Nested<Ticket>,
        3 steps: List<StepOps>,
        4 peers: Nodes,
        5 read_vote: WordOf<ReadVote>
    },
    10 vote: Vote {
        1 txn: Nested<TxnId>,
        2 vote: WordOf<Vote>,
        3 log: Log,
        4 reads: List<ReadValue>,
        5 reason: Optional<Reason>,
        6 place: Place
    },
    11 decision: Decision {
        1 txn: Nested<TxnId>,
        2 ticket: Nested<Ticket>,
        3 decision: WordOf<Decision>,
        4 ack: Flag
    },
    12 ack: Ack {
        1 txn: Nested<TxnId>,
        2 log: Log,
        3 known: Flag,
        4 end: Place,
        5 heuristic: OptionalWord<Decision>
    },
    13 step: Step {
        1 txn: Nested<TxnId>,
        2 ticket: Nested<Ticket>,
        3 step: Nested<StepOps>,
        4 style: WordOf<StepStyle>
    },
    14 step_result: StepResult { 1 txn: Nested<TxnId>, 2 step: StepNumber, 3..=6 outcome: OneOf<StepOutcome> },
    15 inquire: Inquire { 1 txn: Nested<TxnId>, 2 ticket: Nested<Ticket> },
    16 answer: Answer { 1 txn: Nested<TxnId>, 2 answer: WordOf<Answer> },
    17 settle: Settle { 1 txn: Nested<TxnId>, 2 ticket: Nested<Ticket>, 3 step: StepNumber },
    18 compensate: Compensate {
        1 txn: Nested<TxnId>,
        2 ticket: Nested<Ticket>,
        3 step: StepNumber,
        4 ops: List<Operation>
    },
    19 compensate_result: CompensateResult {
        1 txn: Nested<TxnId>,
        2 step: StepNumber,
        3..=5 outcome: OneOf<UndoOutcome>
    },
    20 status_query: StatusQuery { 1 txn: Nested<TxnId> },
    21 status_reply: StatusReply { 1 txn: Nested<TxnId>, 2 status: Nested<Status> },
    22 resolve: Resolve { 1 txn: Optional<TxnId>, 2 decision: WordOf<Decision> },
    23 resume: Resume { 1 txn: Nested<TxnId> },
    25 forget: Forget { 1 txn: Nested<TxnId> },
    24 done: Done { 1 count: U32, 2 detail: Text },
});
