//! The tables of types.proto: messages that several services share.

use super::{
    coding::{Alternatives, Coding, WireMessage, message, message_of_one, once, one_of},
    codings::{
        Client, Element, Home, KeyName, List, Log, Nested, OptionalSigned, PresentText, SerialNumber, Signed,
        StepNumber, Text, U64, WordOf,
    },
    encoding::{Fields, Value, put},
    error::{At, WireError},
    limits,
    node_number::{node, node_number},
    v1,
};
use crate::{
    heuristic::HeuristicOutcome,
    ids::{Role, Ticket, TxnId},
    message::{Decision, Outcome, Reason, ReasonKind, Status},
    operation::{Operation, ReadValue},
    plan::StepOps,
};

message!(Ticket { 1 log: Log, 2 serial: SerialNumber, 3 finished_below: SerialNumber });
message!(TxnId { 1 home: Home, 2 client: Client, 3 number: U64 });
message!(StepOps { 1 step: StepNumber, 2 ops: List<Operation> });
message!(ReadValue { 1 step: StepNumber, 2 key: KeyName, 3 value: Signed });
message!(Reason { 1 kind: WordOf<ReasonKind>, 2 detail: Text });

one_of!(Operation {
    1 add: Add { 1 key: KeyName, 2 delta: Signed, 3 min: OptionalSigned },
    2 put: Put { 1 key: KeyName, 2 value: Signed },
    3 get: Get { 1 key: KeyName },
});
message_of_one!(Operation { 1..=3 operation });

one_of!(Outcome {
    1 committed: Committed { 1 reads: List<ReadValue> },
    2 completed: Completed { 1 reads: List<ReadValue> },
    3 aborted: Aborted(reason: Nested<Reason>),
    4 compensated: Compensated(reason: Nested<Reason>),
    5 refused: Refused(reason: Nested<Reason>),
    6 unknown: Unknown(reason: Nested<Reason>),
    7 heuristic: Heuristic { 1 decision: WordOf<Decision>, 2 outcome: WordOf<HeuristicOutcome>, 3 reason: Nested<Reason> },
});
message_of_one!(Outcome { 1..=7 outcome });

one_of!(Status { 1 running: Running(state: PresentText), 2 ended: Ended(outcome: Nested<Outcome>) });
message_of_one!(Status { 1..=2 progress });

impl Element for StepOps {
    const MOST: usize = limits::STEPS;
}

impl Element for Operation {
    const MOST: usize = limits::OPERATIONS;
}

impl Element for ReadValue {
    const MOST: usize = limits::READS;
}

/// The form in the lab's messages.
impl From<TxnId> for v1::Txn {
    fn from(txn: TxnId) -> Self {
        v1::Txn { home: node_number(txn.home), client: node_number(txn.client), number: txn.number }
    }
}

impl TryFrom<v1::Txn> for TxnId {
    type Error = WireError;

    fn try_from(txn: v1::Txn) -> Result<Self, WireError> {
        let home = node(txn.home).at("home")?;
        let client = node(txn.client).at("client")?;
        if home.role != Role::Coordinating {
            return Err(WireError::new(format!("{home} is not a coordinating node"))).at("home");
        }
        if !client.is_client() {
            return Err(WireError::new(format!("{client} is not a client"))).at("client");
        }
        Ok(TxnId { home, client, number: txn.number })
    }
}
