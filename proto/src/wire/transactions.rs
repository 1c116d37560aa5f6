//! The unary requests of clients to a coordinating node, and their answers. Names are text here.

use super::{
    coding::{Coding, WireMessage, message},
    codings::{Element, Flag, List, Name, Nested, U32, WordOf},
    encoding::{Fields, put},
    error::{At, WireError},
    limits,
};
use crate::{
    ids::{LogId, NodeId, TxnId},
    message::{Outcome, Status},
    operation::Operation,
    plan::{PlanStep, StepKind},
};

/// Asks a coordinating node to run a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitRequest {
    /// The name of the transaction, if the caller chose one. If not, the node names it as a transaction of client k0.
    pub name: Option<SubmissionName>,
    /// Whether it is a read-only audit.
    pub audit: bool,
    /// The steps of the transaction, in order.
    pub steps: Vec<PlanStep>,
}

/// The name that a caller gave to a transaction, with what it knew of the node when it first sent the submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubmissionName {
    /// The name of the transaction.
    pub txn: TxnId,
    /// See [`crate::plan::Submission::epoch`].
    pub epoch: u32,
    /// See [`crate::plan::Submission::log`].
    pub log: LogId,
}

/// The outcome of a submitted transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitReply {
    /// The name of the transaction.
    pub txn: TxnId,
    /// The outcome that the caller is told.
    pub outcome: Outcome,
}

/// Asks for the status of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRequest {
    /// The name of the transaction.
    pub txn: TxnId,
}

/// The status of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReply {
    /// The name of the transaction.
    pub txn: TxnId,
    /// Running, or ended with an outcome.
    pub status: Status,
}

/// The message for a [`PlanStep`] in requests that write nodes by name.
pub(super) struct SubmitStep;

impl Element for SubmitStep {
    const MOST: usize = limits::STEPS;
}

message!(SubmitStep as PlanStep { 1 node: Name<NodeId>, 2 ops: List<Operation>, 3 undo: List<Operation>, 4 kind: WordOf<StepKind> });
message!(SubmitReply { 1 txn: Name<TxnId>, 2 outcome: Nested<Outcome> });
message!(StatusRequest { 1 txn: Name<TxnId> });
message!(StatusReply { 1 txn: Name<TxnId>, 2 status: Nested<Status> });

impl WireMessage for SubmitRequest {
    type Value = SubmitRequest;

    fn put(value: &SubmitRequest, out: &mut Vec<u8>) {
        let SubmitRequest { name, audit, steps } = value;
        if let Some(SubmissionName { txn, epoch, .. }) = name {
            Name::<TxnId>::put(txn, 1, out);
            put::present_uint(2, u64::from(*epoch), out);
        }
        Flag::put(audit, 3, out);
        List::<SubmitStep>::put(steps, 4, out);
        if let Some(SubmissionName { log, .. }) = name {
            Name::<LogId>::put(log, 5, out);
        }
    }

    fn read(bytes: &[u8]) -> Result<SubmitRequest, WireError> {
        let (mut txn, mut epoch, mut log, mut audit, mut steps) = (None, None, None, 0, Vec::new());
        let mut fields = Fields(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => Name::<TxnId>::take(txn.get_or_insert_default(), number, value).at("txn")?,
                2 => U32::take(epoch.get_or_insert_default(), number, value).at("epoch")?,
                3 => Flag::take(&mut audit, number, value).at("audit")?,
                4 => List::<SubmitStep>::take(&mut steps, number, value).at("steps")?,
                5 => Name::<LogId>::take(log.get_or_insert_default(), number, value).at("log")?,
                _ => {}
            }
        }
        let required = || WireError::new("required when `txn` is given");
        let useless = || WireError::new("means nothing without `txn`");
        let name = match (txn, epoch, log) {
            (None, None, None) => None,
            (Some(txn), Some(epoch), Some(log)) => Some(SubmissionName {
                txn: Name::finish(txn).at("txn")?,
                epoch: U32::finish(epoch)?,
                log: Name::finish(log).at("log")?,
            }),
            (Some(_), None, _) => return Err(required()).at("epoch"),
            (Some(_), _, None) => return Err(required()).at("log"),
            (None, Some(_), _) => return Err(useless()).at("epoch"),
            (None, _, Some(_)) => return Err(useless()).at("log"),
        };
        Ok(SubmitRequest { name, audit: Flag::finish(audit)?, steps })
    }
}
