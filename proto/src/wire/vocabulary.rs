//! The words that all services share.

use super::{
    error::{At, WireError, list, text},
    limits, v1,
};
use crate::{
    ids::{LogId, NodeId, Role, Serial, Ticket, TxnId},
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

/// The number of a step, which counts from 1.
pub(super) fn step_number(number: u32) -> Result<u32, WireError> {
    if number == 0 { Err(WireError::missing()).at("step") } else { Ok(number) }
}

pub(super) fn key(name: String) -> Result<Key, WireError> {
    if name.is_empty() {
        return Err(WireError::missing()).at("key");
    }
    text("key", limits::KEY_BYTES, name).map(Key::new)
}

pub(super) fn key_name(key: &Key) -> String {
    key.as_str().to_owned()
}

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

impl From<Ticket> for v1::Ticket {
    fn from(ticket: Ticket) -> Self {
        v1::Ticket { log: ticket.log.0, serial: ticket.serial.0, finished_below: ticket.finished_below.0 }
    }
}

impl TryFrom<v1::Ticket> for Ticket {
    type Error = WireError;

    fn try_from(ticket: v1::Ticket) -> Result<Self, WireError> {
        Ok(Ticket {
            log: LogId(ticket.log),
            serial: Serial(ticket.serial),
            finished_below: Serial(ticket.finished_below),
        })
    }
}

impl From<Operation> for v1::Operation {
    fn from(operation: Operation) -> Self {
        use v1::operation::Operation as Wire;
        let operation = match operation {
            Operation::Add { key, delta, min } => Wire::Add(v1::Add { key: key_name(&key), delta, min }),
            Operation::Put { key, value } => Wire::Put(v1::Put { key: key_name(&key), value }),
            Operation::Get { key } => Wire::Get(v1::Get { key: key_name(&key) }),
        };
        v1::Operation { operation: Some(operation) }
    }
}

impl TryFrom<v1::Operation> for Operation {
    type Error = WireError;

    fn try_from(operation: v1::Operation) -> Result<Self, WireError> {
        use v1::operation::Operation as Wire;
        match operation.operation {
            None => Err(WireError::missing()).at("operation"),
            Some(Wire::Add(v1::Add { key: name, delta, min })) => {
                Ok(Operation::Add { key: key(name).at("add")?, delta, min })
            }
            Some(Wire::Put(v1::Put { key: name, value })) => Ok(Operation::Put { key: key(name).at("put")?, value }),
            Some(Wire::Get(v1::Get { key: name })) => Ok(Operation::Get { key: key(name).at("get")? }),
        }
    }
}

pub(super) fn operations(field: &str, ops: Vec<v1::Operation>) -> Result<Vec<Operation>, WireError> {
    list(field, limits::OPERATIONS, ops, Operation::try_from)
}

/// A list in the other direction.
pub(super) fn all<T, W: From<T>>(items: Vec<T>) -> Vec<W> {
    items.into_iter().map(W::from).collect()
}

impl From<StepOps> for v1::StepOps {
    fn from(step: StepOps) -> Self {
        v1::StepOps { step: step.step, ops: all(step.ops) }
    }
}

impl TryFrom<v1::StepOps> for StepOps {
    type Error = WireError;

    fn try_from(step: v1::StepOps) -> Result<Self, WireError> {
        Ok(StepOps { step: step_number(step.step)?, ops: operations("ops", step.ops)? })
    }
}

impl From<ReadValue> for v1::ReadValue {
    fn from(read: ReadValue) -> Self {
        v1::ReadValue { step: read.step, key: key_name(&read.key), value: read.value }
    }
}

impl TryFrom<v1::ReadValue> for ReadValue {
    type Error = WireError;

    fn try_from(read: v1::ReadValue) -> Result<Self, WireError> {
        Ok(ReadValue { step: step_number(read.step)?, key: key(read.key)?, value: read.value })
    }
}

pub(super) fn reads(reads: Vec<v1::ReadValue>) -> Result<Vec<ReadValue>, WireError> {
    list("reads", limits::READS, reads, ReadValue::try_from)
}

pub(super) fn wire_reads(reads: Vec<ReadValue>) -> v1::Reads {
    v1::Reads { reads: all(reads) }
}

impl From<Reason> for v1::Reason {
    fn from(reason: Reason) -> Self {
        v1::Reason { kind: reason.kind.number(), detail: reason.detail }
    }
}

impl TryFrom<v1::Reason> for Reason {
    type Error = WireError;

    fn try_from(reason: v1::Reason) -> Result<Self, WireError> {
        Ok(Reason {
            kind: ReasonKind::parse(reason.kind).at("kind")?,
            detail: text("detail", limits::TEXT_BYTES, reason.detail)?,
        })
    }
}

impl From<Outcome> for v1::Outcome {
    fn from(outcome: Outcome) -> Self {
        use v1::outcome::Outcome as Wire;
        let outcome = match outcome {
            Outcome::Committed { reads } => Wire::Committed(wire_reads(reads)),
            Outcome::Completed { reads } => Wire::Completed(wire_reads(reads)),
            Outcome::Aborted(reason) => Wire::Aborted(reason.into()),
            Outcome::Compensated(reason) => Wire::Compensated(reason.into()),
            Outcome::Refused(reason) => Wire::Refused(reason.into()),
            Outcome::Unknown(reason) => Wire::Unknown(reason.into()),
        };
        v1::Outcome { outcome: Some(outcome) }
    }
}

impl TryFrom<v1::Outcome> for Outcome {
    type Error = WireError;

    fn try_from(outcome: v1::Outcome) -> Result<Self, WireError> {
        use v1::outcome::Outcome as Wire;
        match outcome.outcome {
            None => Err(WireError::missing()).at("outcome"),
            Some(Wire::Committed(found)) => Ok(Outcome::Committed { reads: reads(found.reads).at("committed")? }),
            Some(Wire::Completed(found)) => Ok(Outcome::Completed { reads: reads(found.reads).at("completed")? }),
            Some(Wire::Aborted(reason)) => Reason::try_from(reason).map(Outcome::Aborted).at("aborted"),
            Some(Wire::Compensated(reason)) => Reason::try_from(reason).map(Outcome::Compensated).at("compensated"),
            Some(Wire::Refused(reason)) => Reason::try_from(reason).map(Outcome::Refused).at("refused"),
            Some(Wire::Unknown(reason)) => Reason::try_from(reason).map(Outcome::Unknown).at("unknown"),
        }
    }
}

impl From<Status> for v1::Progress {
    fn from(status: Status) -> Self {
        use v1::progress::Progress as Wire;
        let progress = match status {
            Status::Running(state) => Wire::Running(state),
            Status::Ended(outcome) => Wire::Ended(outcome.into()),
        };
        v1::Progress { progress: Some(progress) }
    }
}

impl TryFrom<v1::Progress> for Status {
    type Error = WireError;

    fn try_from(progress: v1::Progress) -> Result<Self, WireError> {
        use v1::progress::Progress as Wire;
        match progress.progress {
            None => Err(WireError::missing()).at("progress"),
            Some(Wire::Running(state)) => text("running", limits::TEXT_BYTES, state).map(Status::Running),
            Some(Wire::Ended(outcome)) => Outcome::try_from(outcome).map(Status::Ended).at("ended"),
        }
    }
}
