//! What nodes say to each other, to and from the wire.

use super::{
    error::{At, WireError, list, required, text},
    limits, v1,
    vocabulary::{Word, all, node, node_number, operations, reads, step_number, wire_reads},
};
use crate::{
    ids::LogId,
    message::{Answer, Decision, Message, ReadVote, Reason, StepOutcome, StepStyle, UndoOutcome, Vote, WorkResult},
    plan::{PlanStep, StepKind, StepOps, Submission},
};
use v1::envelope::Message as Wire;

impl From<PlanStep> for v1::PlanStep {
    fn from(step: PlanStep) -> Self {
        v1::PlanStep {
            node: node_number(step.node),
            ops: all(step.ops),
            undo: all(step.undo),
            kind: step.kind.number(),
        }
    }
}

impl TryFrom<v1::PlanStep> for PlanStep {
    type Error = WireError;

    fn try_from(step: v1::PlanStep) -> Result<Self, WireError> {
        Ok(PlanStep {
            node: node(step.node).at("node")?,
            ops: operations("ops", step.ops)?,
            undo: operations("undo", step.undo)?,
            kind: StepKind::parse(step.kind).at("kind")?,
        })
    }
}

impl From<Submission> for v1::Submission {
    fn from(submission: Submission) -> Self {
        let Submission { txn, epoch, audit, steps } = submission;
        v1::Submission { txn: Some(txn.into()), epoch, audit, steps: all(steps) }
    }
}

impl TryFrom<v1::Submission> for Submission {
    type Error = WireError;

    fn try_from(submission: v1::Submission) -> Result<Self, WireError> {
        let v1::Submission { txn, epoch, audit, steps } = submission;
        let steps = list("steps", limits::STEPS, steps, PlanStep::try_from)?;
        Ok(Submission { txn: required("txn", txn)?, epoch, audit, steps })
    }
}

impl From<WorkResult> for v1::work_done::Result {
    fn from(result: WorkResult) -> Self {
        match result {
            WorkResult::Done { reads } => v1::work_done::Result::Done(wire_reads(reads)),
            WorkResult::Failed(reason) => v1::work_done::Result::Failed(reason.into()),
        }
    }
}

impl TryFrom<v1::work_done::Result> for WorkResult {
    type Error = WireError;

    fn try_from(result: v1::work_done::Result) -> Result<Self, WireError> {
        match result {
            v1::work_done::Result::Done(found) => Ok(WorkResult::Done { reads: reads(found.reads).at("done")? }),
            v1::work_done::Result::Failed(reason) => Reason::try_from(reason).map(WorkResult::Failed).at("failed"),
        }
    }
}

impl From<StepOutcome> for v1::step_result::Outcome {
    fn from(outcome: StepOutcome) -> Self {
        use v1::step_result::Outcome as Wire;
        match outcome {
            StepOutcome::Applied { reads } => Wire::Applied(wire_reads(reads)),
            StepOutcome::Refused(reason) => Wire::Refused(reason.into()),
            StepOutcome::Failed(reason) => Wire::Failed(reason.into()),
            StepOutcome::Voided => Wire::Voided(v1::Nothing {}),
        }
    }
}

impl TryFrom<v1::step_result::Outcome> for StepOutcome {
    type Error = WireError;

    fn try_from(outcome: v1::step_result::Outcome) -> Result<Self, WireError> {
        use v1::step_result::Outcome as Wire;
        match outcome {
            Wire::Applied(found) => Ok(StepOutcome::Applied { reads: reads(found.reads).at("applied")? }),
            Wire::Refused(reason) => Reason::try_from(reason).map(StepOutcome::Refused).at("refused"),
            Wire::Failed(reason) => Reason::try_from(reason).map(StepOutcome::Failed).at("failed"),
            Wire::Voided(v1::Nothing {}) => Ok(StepOutcome::Voided),
        }
    }
}

impl From<UndoOutcome> for v1::compensate_result::Outcome {
    fn from(outcome: UndoOutcome) -> Self {
        use v1::compensate_result::Outcome as Wire;
        match outcome {
            UndoOutcome::Undone => Wire::Undone(v1::Nothing {}),
            UndoOutcome::NothingToUndo => Wire::NothingToUndo(v1::Nothing {}),
            UndoOutcome::Failed(reason) => Wire::Failed(reason.into()),
        }
    }
}

impl TryFrom<v1::compensate_result::Outcome> for UndoOutcome {
    type Error = WireError;

    fn try_from(outcome: v1::compensate_result::Outcome) -> Result<Self, WireError> {
        use v1::compensate_result::Outcome as Wire;
        match outcome {
            Wire::Undone(v1::Nothing {}) => Ok(UndoOutcome::Undone),
            Wire::NothingToUndo(v1::Nothing {}) => Ok(UndoOutcome::NothingToUndo),
            Wire::Failed(reason) => Reason::try_from(reason).map(UndoOutcome::Failed).at("failed"),
        }
    }
}

impl From<Message> for Wire {
    fn from(message: Message) -> Self {
        match message {
            Message::Submit(submission) => Wire::Submit(submission.into()),
            Message::Outcome { txn, outcome } => {
                Wire::Outcome(v1::OutcomeNotice { txn: Some(txn.into()), outcome: Some(outcome.into()) })
            }
            Message::StatusQuery { txn } => Wire::StatusQuery(v1::StatusQuery { txn: Some(txn.into()) }),
            Message::StatusReply { txn, status } => {
                Wire::StatusReply(v1::StatusNotice { txn: Some(txn.into()), status: Some(status.into()) })
            }
            Message::Work { txn, ticket, steps } => {
                Wire::Work(v1::Work { txn: Some(txn.into()), ticket: Some(ticket.into()), steps: all(steps) })
            }
            Message::WorkDone { txn, result } => {
                Wire::WorkDone(v1::WorkDone { txn: Some(txn.into()), result: Some(result.into()) })
            }
            Message::Prepare { txn, ticket, steps, peers, read_vote } => Wire::Prepare(v1::Prepare {
                txn: Some(txn.into()),
                ticket: Some(ticket.into()),
                steps: all(steps),
                peers: peers.into_iter().map(node_number).collect(),
                read_vote: read_vote.number(),
            }),
            Message::Vote { txn, vote, log, reads, reason } => Wire::Vote(v1::Vote {
                txn: Some(txn.into()),
                vote: vote.number(),
                log: log.0,
                reads: all(reads),
                reason: reason.map(Into::into),
            }),
            Message::Decision { txn, ticket, decision, ack } => Wire::Decision(v1::Decision {
                txn: Some(txn.into()),
                ticket: Some(ticket.into()),
                decision: decision.number(),
                ack,
            }),
            Message::Ack { txn, log, known } => Wire::Ack(v1::Ack { txn: Some(txn.into()), log: log.0, known }),
            Message::Inquire { txn, ticket } => {
                Wire::Inquire(v1::Inquire { txn: Some(txn.into()), ticket: Some(ticket.into()) })
            }
            Message::Answer { txn, answer } => {
                Wire::Answer(v1::Answer { txn: Some(txn.into()), answer: answer.number() })
            }
            Message::Step { txn, ticket, step, style } => Wire::Step(v1::Step {
                txn: Some(txn.into()),
                ticket: Some(ticket.into()),
                step: Some(step.into()),
                style: style.number(),
            }),
            Message::StepResult { txn, step, outcome } => {
                Wire::StepResult(v1::StepResult { txn: Some(txn.into()), step, outcome: Some(outcome.into()) })
            }
            Message::Settle { txn, ticket, step } => {
                Wire::Settle(v1::Settle { txn: Some(txn.into()), ticket: Some(ticket.into()), step })
            }
            Message::Compensate { txn, ticket, step, ops } => Wire::Compensate(v1::Compensate {
                txn: Some(txn.into()),
                ticket: Some(ticket.into()),
                step,
                ops: all(ops),
            }),
            Message::CompensateResult { txn, step, outcome } => Wire::CompensateResult(v1::CompensateResult {
                txn: Some(txn.into()),
                step,
                outcome: Some(outcome.into()),
            }),
            Message::Resolve { txn, decision } => {
                Wire::Resolve(v1::Resolve { txn: txn.map(Into::into), decision: decision.number() })
            }
            Message::Resume { txn } => Wire::Resume(v1::Resume { txn: Some(txn.into()) }),
            Message::Done { count, detail } => Wire::Done(v1::Done { count, detail }),
        }
    }
}

impl TryFrom<Wire> for Message {
    type Error = WireError;

    fn try_from(message: Wire) -> Result<Self, WireError> {
        match message {
            Wire::Submit(submit) => Submission::try_from(submit).map(Message::Submit).at("submit"),
            Wire::Outcome(notice) => outcome(notice).at("outcome"),
            Wire::StatusQuery(query) => {
                required("txn", query.txn).map(|txn| Message::StatusQuery { txn }).at("status_query")
            }
            Wire::StatusReply(notice) => status_reply(notice).at("status_reply"),
            Wire::Work(request) => work(request).at("work"),
            Wire::WorkDone(answer) => work_done(answer).at("work_done"),
            Wire::Prepare(request) => prepare(request).at("prepare"),
            Wire::Vote(answer) => vote(answer).at("vote"),
            Wire::Decision(told) => decision(told).at("decision"),
            Wire::Ack(answer) => {
                let (log, known) = (LogId(answer.log), answer.known);
                required("txn", answer.txn).map(|txn| Message::Ack { txn, log, known }).at("ack")
            }
            Wire::Inquire(question) => inquire(question).at("inquire"),
            Wire::Answer(told) => answer(told).at("answer"),
            Wire::Step(request) => step(request).at("step"),
            Wire::StepResult(answer) => step_result(answer).at("step_result"),
            Wire::Settle(request) => settle(request).at("settle"),
            Wire::Compensate(request) => compensate(request).at("compensate"),
            Wire::CompensateResult(answer) => compensate_result(answer).at("compensate_result"),
            Wire::Resolve(request) => resolve(request).at("resolve"),
            Wire::Resume(request) => required("txn", request.txn).map(|txn| Message::Resume { txn }).at("resume"),
            Wire::Done(done) => text("detail", limits::TEXT_BYTES, done.detail)
                .map(|detail| Message::Done { count: done.count, detail })
                .at("done"),
        }
    }
}

fn outcome(notice: v1::OutcomeNotice) -> Result<Message, WireError> {
    Ok(Message::Outcome { txn: required("txn", notice.txn)?, outcome: required("outcome", notice.outcome)? })
}

fn status_reply(notice: v1::StatusNotice) -> Result<Message, WireError> {
    Ok(Message::StatusReply { txn: required("txn", notice.txn)?, status: required("status", notice.status)? })
}

fn steps(steps: Vec<v1::StepOps>) -> Result<Vec<StepOps>, WireError> {
    list("steps", limits::STEPS, steps, StepOps::try_from)
}

fn work(request: v1::Work) -> Result<Message, WireError> {
    Ok(Message::Work {
        txn: required("txn", request.txn)?,
        ticket: required("ticket", request.ticket)?,
        steps: steps(request.steps)?,
    })
}

fn work_done(answer: v1::WorkDone) -> Result<Message, WireError> {
    Ok(Message::WorkDone { txn: required("txn", answer.txn)?, result: required("result", answer.result)? })
}

fn prepare(request: v1::Prepare) -> Result<Message, WireError> {
    Ok(Message::Prepare {
        txn: required("txn", request.txn)?,
        ticket: required("ticket", request.ticket)?,
        steps: steps(request.steps)?,
        peers: list("peers", limits::PEERS, request.peers, node)?,
        read_vote: ReadVote::parse(request.read_vote).at("read_vote")?,
    })
}

fn vote(answer: v1::Vote) -> Result<Message, WireError> {
    Ok(Message::Vote {
        txn: required("txn", answer.txn)?,
        vote: Vote::parse(answer.vote).at("vote")?,
        log: LogId(answer.log),
        reads: reads(answer.reads)?,
        reason: answer.reason.map(Reason::try_from).transpose().at("reason")?,
    })
}

fn decision(told: v1::Decision) -> Result<Message, WireError> {
    Ok(Message::Decision {
        txn: required("txn", told.txn)?,
        ticket: required("ticket", told.ticket)?,
        decision: Decision::parse(told.decision).at("decision")?,
        ack: told.ack,
    })
}

fn inquire(question: v1::Inquire) -> Result<Message, WireError> {
    Ok(Message::Inquire { txn: required("txn", question.txn)?, ticket: required("ticket", question.ticket)? })
}

fn answer(told: v1::Answer) -> Result<Message, WireError> {
    Ok(Message::Answer { txn: required("txn", told.txn)?, answer: Answer::parse(told.answer).at("answer")? })
}

fn step(request: v1::Step) -> Result<Message, WireError> {
    Ok(Message::Step {
        txn: required("txn", request.txn)?,
        ticket: required("ticket", request.ticket)?,
        step: required("step", request.step)?,
        style: StepStyle::parse(request.style).at("style")?,
    })
}

fn step_result(answer: v1::StepResult) -> Result<Message, WireError> {
    Ok(Message::StepResult {
        txn: required("txn", answer.txn)?,
        step: step_number(answer.step)?,
        outcome: required("outcome", answer.outcome)?,
    })
}

fn settle(request: v1::Settle) -> Result<Message, WireError> {
    Ok(Message::Settle {
        txn: required("txn", request.txn)?,
        ticket: required("ticket", request.ticket)?,
        step: step_number(request.step)?,
    })
}

fn compensate(request: v1::Compensate) -> Result<Message, WireError> {
    Ok(Message::Compensate {
        txn: required("txn", request.txn)?,
        ticket: required("ticket", request.ticket)?,
        step: step_number(request.step)?,
        ops: operations("ops", request.ops)?,
    })
}

fn compensate_result(answer: v1::CompensateResult) -> Result<Message, WireError> {
    Ok(Message::CompensateResult {
        txn: required("txn", answer.txn)?,
        step: step_number(answer.step)?,
        outcome: required("outcome", answer.outcome)?,
    })
}

fn resolve(request: v1::Resolve) -> Result<Message, WireError> {
    let txn = request.txn.map(crate::ids::TxnId::try_from).transpose().at("txn")?;
    Ok(Message::Resolve { txn, decision: Decision::parse(request.decision).at("decision")? })
}
