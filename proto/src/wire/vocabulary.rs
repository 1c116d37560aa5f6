//! The words that all services share.

use super::{
    coding::{Alternatives, Coding, WireMessage, message, message_of_one, once, one_of},
    codings::{
        Client, Home, KeyName, List, Log, Nested, OptionalSigned, PresentText, SerialNumber, Signed, StepNumber, Text,
        U64, WordOf,
    },
    encoding::{Fields, Value, put},
    error::{At, WireError},
    limits, v1,
};
use crate::{
    ids::{NodeId, Role, Ticket, TxnId},
    inspect::LockMode,
    message::{Answer, Decision, Outcome, ReadVote, Reason, ReasonKind, Status, StepStyle, Vote},
    operation::{Key, Operation, ReadValue},
    plan::{StepKind, StepOps},
};

/// An enum of the domain that travels as the number of a generated one.
pub(super) trait Word: Sized {
    fn parse(number: i32) -> Result<Self, WireError>;
    fn number(self) -> i32;
}

macro_rules! words {
    ($domain:ident = $wire:ident { $($name:ident),* }) => {
        impl Word for $domain {
            fn parse(number: i32) -> Result<Self, WireError> {
                match v1::$wire::try_from(number) {
                    $(Ok(v1::$wire::$name) => Ok($domain::$name),)*
                    Ok(v1::$wire::Unspecified) => Err(WireError::missing()),
                    Err(_) => Err(WireError::new(format!("{number} is no {}", stringify!($wire)))),
                }
            }

            fn number(self) -> i32 {
                match self {
                    $($domain::$name => v1::$wire::$name.into(),)*
                }
            }
        }
    };
}

words!(Decision = DecisionWord { Commit, Abort });
words!(Vote = VoteWord { Yes, No, ReadOnly, Failed });
words!(ReadVote = ReadVoteWord { Never, Release, Keep });
words!(Answer = AnswerWord { InDoubt, Unknown });
words!(StepStyle = StepStyle { Saga, Bare });
words!(LockMode = LockModeWord { Shared, Exclusive });
words!(
    ReasonKind = ReasonKind {
        Constraint,
        LockTimeout,
        WorkTimeout,
        VoteTimeout,
        CallTimeout,
        Finished,
        Failure,
        Limit,
        BadPlan,
        Operator,
        Recovery,
        Unreachable,
        Forgotten,
        GaveUp
    }
);

/// The one enum whose zero means something: a step is compensatable unless it says otherwise.
impl Word for StepKind {
    fn parse(number: i32) -> Result<Self, WireError> {
        match v1::StepKind::try_from(number) {
            Ok(v1::StepKind::Compensatable) => Ok(StepKind::Compensatable),
            Ok(v1::StepKind::Pivot) => Ok(StepKind::Pivot),
            Ok(v1::StepKind::Retriable) => Ok(StepKind::Retriable),
            Err(_) => Err(WireError::new(format!("{number} is no StepKind"))),
        }
    }

    fn number(self) -> i32 {
        match self {
            StepKind::Compensatable => v1::StepKind::Compensatable.into(),
            StepKind::Pivot => v1::StepKind::Pivot.into(),
            StepKind::Retriable => v1::StepKind::Retriable.into(),
        }
    }
}

/// A node as links carry it: 8 × number + role, so that 0 is no node and most take one byte.
pub fn node_number(node: NodeId) -> u32 {
    let role = match node.role {
        Role::Coordinating => 1,
        Role::Participant => 2,
        Role::Client => 3,
        Role::Lab => 4,
    };
    u32::from(node.number) * 8 + role
}

/// The node of this number on the wire.
///
/// # Errors
/// No node has it.
pub fn node(number: u32) -> Result<NodeId, WireError> {
    let bad = || WireError::new(format!("{number} is no node"));
    let role = match number % 8 {
        _ if number == 0 => return Err(WireError::missing()),
        1 => Role::Coordinating,
        2 => Role::Participant,
        3 => Role::Client,
        4 => Role::Lab,
        _ => return Err(bad()),
    };
    let number = u16::try_from(number / 8).map_err(|_| bad())?;
    match role {
        Role::Coordinating | Role::Participant if number == 0 => Err(bad()),
        Role::Lab if number != 0 => Err(bad()),
        _ => Ok(NodeId { role, number }),
    }
}

/// As the lab's messages carry it.
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
            return Err(WireError::new(format!("{home} is no coordinating node"))).at("home");
        }
        if !client.is_client() {
            return Err(WireError::new(format!("{client} is no client"))).at("client");
        }
        Ok(TxnId { home, client, number: txn.number })
    }
}

/// A key's name: some text, and not too much of it.
pub(super) fn key(name: &str) -> Result<Key, WireError> {
    match name.len() {
        0 => Err(WireError::missing()),
        ..=limits::KEY_BYTES => Ok(Key::new(name)),
        bytes => Err(WireError::new(format!("{bytes} bytes are more than {}", limits::KEY_BYTES))),
    }
}

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
});
message_of_one!(Outcome { 1..=6 outcome });

one_of!(Status { 1 running: Running(state: PresentText), 2 ended: Ended(outcome: Nested<Outcome>) });
message_of_one!(Status { 1..=2 progress });
