//! What clients ask of a coordinating node by unary calls, where names are text.

use super::{
    error::{At, WireError, list, name, required},
    limits, v1,
    vocabulary::{Word, all, operations},
};
use crate::{
    ids::TxnId,
    message::{Outcome, Status},
    plan::{PlanStep, StepKind},
};

/// A transaction to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitRequest {
    /// Its name, with the epoch of its first submission ([`crate::plan::Submission::epoch`]), if the caller gave one;
    /// else the node names it as client k0.
    pub txn: Option<(TxnId, u32)>,
    /// A read-only audit.
    pub audit: bool,
    /// Its steps, in order.
    pub steps: Vec<PlanStep>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitReply {
    /// Its name.
    pub txn: TxnId,
    /// The outcome.
    pub outcome: Outcome,
}

/// Which transaction is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRequest {
    /// Its name.
    pub txn: TxnId,
}

/// How it is going.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusReply {
    /// Its name.
    pub txn: TxnId,
    /// How.
    pub status: Status,
}

impl From<PlanStep> for v1::SubmitStep {
    fn from(step: PlanStep) -> Self {
        v1::SubmitStep {
            node: step.node.to_string(),
            ops: all(step.ops),
            undo: all(step.undo),
            kind: step.kind.number(),
        }
    }
}

impl TryFrom<v1::SubmitStep> for PlanStep {
    type Error = WireError;

    fn try_from(step: v1::SubmitStep) -> Result<Self, WireError> {
        Ok(PlanStep {
            node: name("node", &step.node)?,
            ops: operations("ops", step.ops)?,
            undo: operations("undo", step.undo)?,
            kind: StepKind::parse(step.kind).at("kind")?,
        })
    }
}

impl From<SubmitRequest> for v1::SubmitRequest {
    fn from(request: SubmitRequest) -> Self {
        v1::SubmitRequest {
            txn: request.txn.map(|(txn, _)| txn.to_string()),
            epoch: request.txn.map(|(_, epoch)| epoch),
            audit: request.audit,
            steps: all(request.steps),
        }
    }
}

impl TryFrom<v1::SubmitRequest> for SubmitRequest {
    type Error = WireError;

    fn try_from(request: v1::SubmitRequest) -> Result<Self, WireError> {
        let txn = match (request.txn, request.epoch) {
            (None, None) => None,
            (Some(txn), Some(epoch)) => Some((name("txn", &txn)?, epoch)),
            (Some(_), None) => return Err(WireError::new("required when `txn` is given")).at("epoch"),
            (None, Some(_)) => return Err(WireError::new("means nothing without `txn`")).at("epoch"),
        };
        let steps = list("steps", limits::STEPS, request.steps, PlanStep::try_from)?;
        Ok(SubmitRequest { txn, audit: request.audit, steps })
    }
}

impl From<SubmitReply> for v1::SubmitReply {
    fn from(reply: SubmitReply) -> Self {
        v1::SubmitReply { txn: reply.txn.to_string(), outcome: Some(reply.outcome.into()) }
    }
}

impl TryFrom<v1::SubmitReply> for SubmitReply {
    type Error = WireError;

    fn try_from(reply: v1::SubmitReply) -> Result<Self, WireError> {
        Ok(SubmitReply { txn: name("txn", &reply.txn)?, outcome: required("outcome", reply.outcome)? })
    }
}

impl From<StatusRequest> for v1::StatusRequest {
    fn from(request: StatusRequest) -> Self {
        v1::StatusRequest { txn: request.txn.to_string() }
    }
}

impl TryFrom<v1::StatusRequest> for StatusRequest {
    type Error = WireError;

    fn try_from(request: v1::StatusRequest) -> Result<Self, WireError> {
        Ok(StatusRequest { txn: name("txn", &request.txn)? })
    }
}

impl From<StatusReply> for v1::StatusReply {
    fn from(reply: StatusReply) -> Self {
        v1::StatusReply { txn: reply.txn.to_string(), status: Some(reply.status.into()) }
    }
}

impl TryFrom<v1::StatusReply> for StatusReply {
    type Error = WireError;

    fn try_from(reply: v1::StatusReply) -> Result<Self, WireError> {
        Ok(StatusReply { txn: name("txn", &reply.txn)?, status: required("status", reply.status)? })
    }
}
