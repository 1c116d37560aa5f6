//! `indoubt submit`: submits one transaction to a live node.

use crate::{
    live_node::{ask, call, refused},
    options::{Common, Format},
    output::outln,
    status::Status,
};
use anyhow::{Context, Result, bail};
use clap::Args;
use indoubt_proto::{
    ids::{NodeId, Role, TxnId},
    message::{Outcome, OutcomeWord},
    operation::{Key, Operation, ReadValue},
    plan::{PlanStep, StepKind},
    wire::{StateReply, SubmissionName, SubmitRequest},
};
use indoubt_scenario::protocol::{Family, Protocol};
use std::{
    process,
    time::{SystemTime, UNIX_EPOCH},
};
use tonic::Code;

/// Arguments of `indoubt submit`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Submits one transaction and waits for its outcome. If the node does not answer, the outcome is `unknown`, and the command says \
how to ask for it later. The exit status is 0 only if the transaction succeeded. Each step is PARTICIPANT:OPERATION. The operations are add(KEY,DELTA), \
add(KEY,DELTA,MIN), put(KEY,VALUE) and get(KEY); `;` separates several operations of one step. A saga undoes an add by the \
opposite add. A put cannot be undone: the first step with a put is the pivot of a saga, and later steps may have no MIN, because \
they must succeed.

Example:
  indoubt submit --node 127.0.0.1:41234 'p1:add(p1/acct-1,-5,0)' 'p2:add(p2/acct-1,5)'")]
pub struct SubmitArgs {
    /// The coordinating node's address.
    #[arg(long, value_name = "ADDR")]
    pub node: String,
    /// The steps of the transaction, in order.
    #[arg(required = true)]
    pub steps: Vec<String>,
}

/// Runs `indoubt submit`. The status is 1 unless the transaction succeeds.
pub(super) fn submit(args: &SubmitArgs, common: &Common) -> Result<Status> {
    let steps = kinds(args.steps.iter().map(|text| step(text)).collect::<Result<_>>()?);
    let audit = steps.iter().flat_map(|s| &s.ops).all(Operation::is_read);
    let pivot = explain(&steps);
    let StateReply { node: home, incarnation: epoch, log, protocol, .. } =
        call(&args.node, |node| async move { node.state(false).await })?;
    let is_saga = Protocol::from_name(&protocol).is_some_and(|protocol| protocol.entry().family == Family::Saga);
    if let Some(pivot) = pivot.filter(|_| is_saga) {
        anstream::eprintln!("{pivot}");
    }
    let txn = TxnId { home, ..own_name()? };
    // A participant names nodes that run transactions, so it is asked without a name.
    let name = (home.role == Role::Coordinating).then_some(SubmissionName { txn, epoch, log });
    let request = SubmitRequest { name, audit, steps };
    match ask(&args.node, |node| async move { node.submit(request).await })? {
        Ok((txn, outcome)) => {
            let reads = match &outcome {
                Outcome::Committed { reads } | Outcome::Completed { reads } => reads.as_slice(),
                _ => &[],
            };
            print(txn, outcome.word(), outcome.reason().map(ToString::to_string), reads, common);
            Ok((outcome.word() == OutcomeWord::Succeeded).into())
        }
        Err(status) if is_refusal(status.code()) => Err(refused(&args.node, &status)),
        Err(status) => {
            let reason = format!("no answer from {}: {}", args.node, status.message());
            print(txn, OutcomeWord::Unknown, Some(reason), &[], common);
            anstream::eprintln!("Ask later what became of it: indoubt status {txn} --node {}", args.node);
            Ok(Status::DoesNotHold)
        }
    }
}

/// Whether an error of this kind comes from a node that did not take the submission.
fn is_refusal(code: Code) -> bool {
    matches!(code, Code::InvalidArgument | Code::FailedPrecondition | Code::Unimplemented | Code::OutOfRange)
}

/// A name that no other call of `indoubt submit` on this host has: this process and the time. Its home is not known yet.
fn own_name() -> Result<TxnId> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    let client = NodeId::client((process::id() % u32::from(u16::MAX)) as u16 + 1);
    Ok(TxnId { home: NodeId::coordinating(1), client, number: now.as_micros() as u64 })
}

/// Prints what a client knows of a transaction.
fn print(txn: TxnId, outcome: OutcomeWord, reason: Option<String>, reads: &[ReadValue], common: &Common) {
    match common.format {
        Format::Json => {
            outln!("{}", serde_json::json!({ "txn": txn, "outcome": outcome, "reason": reason, "reads": reads }));
        }
        Format::Text => {
            outln!("{txn} {}{}", outcome.word(), reason.map_or(String::new(), |r| format!(": {r}")));
            for read in reads {
                outln!("  {} = {}", read.key, read.value);
            }
        }
    }
}

/// Parses a step such as `p1:add(p1/acct-1,-5,0)`. Several operations of one step are separated by `;`.
fn step(text: &str) -> Result<PlanStep> {
    let (node, ops) = text.split_once(':').with_context(|| format!("`{text}`: a step is PARTICIPANT:OPERATION"))?;
    let node: NodeId = node.parse().with_context(|| format!("`{text}`"))?;
    let ops = ops
        .split(';')
        .map(|op| operation(op.trim()))
        .collect::<Result<Vec<_>>>()
        .with_context(|| format!("`{text}`"))?;
    let undo = ops.iter().rev().filter_map(undo).collect();
    Ok(PlanStep { node, ops, undo, kind: StepKind::Compensatable })
}

/// What a saga will do with each step, for people; `None` if it can undo them all.
fn explain(steps: &[PlanStep]) -> Option<String> {
    let pivot = steps.iter().position(|step| step.kind == StepKind::Pivot)?;
    let mut text = format!(
        "step {} puts a value, which no compensation can take back, so it is the pivot: once it is applied, the saga completes",
        pivot + 1
    );
    if pivot + 1 < steps.len() {
        text.push_str(&format!("; it retries the steps from {} on until they succeed", pivot + 2));
    }
    Some(text)
}

/// Gives each step its kind in a saga. The first step that has no opposite is the pivot; later steps are retried until they
/// succeed.
fn kinds(mut steps: Vec<PlanStep>) -> Vec<PlanStep> {
    let puts = |step: &PlanStep| step.ops.iter().any(|op| matches!(op, Operation::Put { .. }));
    if let Some(pivot) = steps.iter().position(puts) {
        steps[pivot].kind = StepKind::Pivot;
        steps[pivot + 1..].iter_mut().for_each(|step| step.kind = StepKind::Retriable);
    }
    steps
}

/// The opposite of an addition; `None` for other operations.
fn undo(op: &Operation) -> Option<Operation> {
    match op {
        Operation::Add { key, delta, .. } => {
            Some(Operation::Add { key: key.clone(), delta: delta.checked_neg()?, min: None })
        }
        Operation::Put { .. } | Operation::Get { .. } => None,
    }
}

fn operation(text: &str) -> Result<Operation> {
    let form = "an operation is add(KEY,DELTA), add(KEY,DELTA,MIN), put(KEY,VALUE) or get(KEY)";
    let (verb, rest) = text.split_once('(').context(form)?;
    let words: Vec<&str> = rest.strip_suffix(')').context(form)?.split(',').map(str::trim).collect();
    let number = |word: &str| word.parse::<i64>().with_context(|| format!("`{word}` is not a whole number"));
    Ok(match (verb, words.as_slice()) {
        ("add", [key, delta]) => Operation::Add { key: Key::new(key), delta: number(delta)?, min: None },
        ("add", [key, delta, min]) => {
            Operation::Add { key: Key::new(key), delta: number(delta)?, min: Some(number(min)?) }
        }
        ("put", [key, value]) => Operation::Put { key: Key::new(key), value: number(value)? },
        ("get", [key]) => Operation::Get { key: Key::new(key) },
        _ => bail!("{form}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_with_their_opposites() {
        let it = step("p1:add(p1/acct-1,-5,0)").unwrap();
        let key = Key::new("p1/acct-1");
        assert_eq!(it.ops, [Operation::Add { key: key.clone(), delta: -5, min: Some(0) }]);
        assert_eq!(it.undo, [Operation::Add { key, delta: 5, min: None }]);
        for wrong in ["p1", "x:get(a)", "p1:add(a)", "p1:add(a,b)", "p1:del(a)", "p1:get(a"] {
            assert!(step(wrong).is_err(), "{wrong}");
        }
    }
}
