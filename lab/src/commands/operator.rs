//! `indoubt resolve`, `indoubt resume`, `indoubt state`: operator actions on a live node, and a view of its state.

use crate::{
    live_node::call,
    options::{Common, Format},
    output::outln,
    status::Status,
};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use indoubt_proto::{
    ids::TxnId,
    message::Decision,
    wire::{OperatorReply, StateReply},
};
use indoubt_report::time;

/// Arguments of `indoubt resolve`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Ends a branch in doubt without its coordinator's decision. If you guess wrong, the transaction is no longer atomic. Use it only \
if the coordinator lost its log or will never come back.

Examples:
  indoubt resolve c1-k1-17 abort --node 127.0.0.1:41234
  indoubt resolve all abort --node 127.0.0.1:41234")]
pub struct ResolveArgs {
    /// The transaction, or `all` for every branch in doubt at this participant.
    pub txn: String,
    /// How to end the branch.
    #[arg(value_enum)]
    pub decision: DecisionName,
    /// The participant's address.
    #[arg(long, value_name = "ADDR")]
    pub node: String,
}

/// The decisions that an operator can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DecisionName {
    /// Apply the branch's writes
    Commit,
    /// Discard the branch's writes
    Abort,
}

/// Arguments of `indoubt resume`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  indoubt resume c1-k1-17 --node 127.0.0.1:41234")]
pub struct ResumeArgs {
    /// The stuck saga.
    pub txn: TxnId,
    /// The orchestrator's address.
    #[arg(long, value_name = "ADDR")]
    pub node: String,
}

/// `indoubt forget`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
At a participant: forgets a branch that an operator ended with `indoubt resolve`. The participant lists it in `indoubt state` until \
then, so that nobody overlooks a transaction that is no longer atomic.
At a coordinator: stops waiting for participants that never acknowledge a decision, for example because they lost their log. Its \
clients are then told `hazard`, or `mixed` if some branches are known to have ended otherwise.

Example:
  indoubt forget c1-k1-17 --node 127.0.0.1:41234")]
pub struct ForgetArgs {
    /// The transaction.
    pub txn: TxnId,
    /// The address of the participant or the coordinator.
    #[arg(long, value_name = "ADDR")]
    pub node: String,
}

/// Arguments of `indoubt state`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  indoubt state --node 127.0.0.1:41234\n  indoubt state --node 127.0.0.1:41234 --accounts --format json"
)]
pub struct StateArgs {
    /// The node's address.
    #[arg(long, value_name = "ADDR")]
    pub node: String,
    /// Also show the accounts and their values.
    #[arg(long)]
    pub accounts: bool,
}

/// Runs `indoubt resolve`.
pub(super) fn resolve(args: &ResolveArgs) -> Result<Status> {
    let txn: Option<TxnId> = match args.txn.as_str() {
        "all" => None,
        name => Some(name.parse().with_context(|| format!("`{name}` is not a transaction"))?),
    };
    let decision = match args.decision {
        DecisionName::Commit => Decision::Commit,
        DecisionName::Abort => Decision::Abort,
    };
    let reply = call(&args.node, |node| async move { node.resolve(txn, decision).await })?;
    Ok(told(&reply))
}

/// Runs `indoubt resume`.
pub(super) fn resume(args: &ResumeArgs) -> Result<Status> {
    let txn = args.txn;
    let reply = call(&args.node, |node| async move { node.resume(txn).await })?;
    Ok(told(&reply))
}

/// Forgets a branch that an operator ended, or stops waiting for ACKs.
pub(super) fn forget(args: &ForgetArgs) -> Result<Status> {
    let txn = args.txn;
    let reply = call(&args.node, |node| async move { node.forget(txn).await })?;
    Ok(told(&reply))
}

/// Prints what the operator action achieved. The status is 1 if it achieved nothing.
fn told(reply: &OperatorReply) -> Status {
    outln!("{}", reply.detail);
    (reply.count > 0).into()
}

/// Runs `indoubt state`.
pub(super) fn state(args: &StateArgs, common: &Common) -> Result<Status> {
    let accounts = args.accounts;
    let state = call(&args.node, |node| async move { node.state(accounts).await })?;
    match common.format {
        Format::Json => outln!("{}", serde_json::to_string_pretty(&json(&state))?),
        Format::Text => print(&state),
    }
    Ok(Status::Holds)
}

fn json(state: &StateReply) -> serde_json::Value {
    let StateReply { node, incarnation, log, protocol, stats, inspection } = state;
    serde_json::json!({
        "node": node, "incarnation": incarnation, "log": log.to_string(), "protocol": protocol,
        "records": stats.records, "forced_records": stats.forced_records, "forces": stats.forces,
        "journal_bytes": stats.journal_bytes, "sent": stats.sent, "received": stats.received, "dropped": stats.dropped,
        "locks": inspection.locks, "open": inspection.open,
        "accounts": inspection.accounts.iter().map(|(k, v)| (k.to_string(), serde_json::json!(v))).collect::<serde_json::Map<_, _>>(),
    })
}

fn print(state: &StateReply) {
    let StateReply { node, incarnation, log, protocol, stats, inspection } = state;
    outln!("{node}: {protocol}, incarnation {incarnation}, log {log}");
    outln!(
        "journal: {} records, {} of them forced, by {} forces, {} bytes; messages: {} sent, {} received, {} lost",
        stats.records,
        stats.forced_records,
        stats.forces,
        stats.journal_bytes,
        stats.sent,
        stats.received,
        stats.dropped
    );
    outln!("open: {}", inspection.open.len());
    for open in &inspection.open {
        let since = open.since_us.map_or(String::new(), |us| format!(" for {}", time(us as f64 / 1000.0)));
        outln!("  {:<16} {}{since}", open.txn.to_string(), open.state);
    }
    outln!("locks: {}", inspection.locks.len());
    for lock in &inspection.locks {
        let names = |txns: &[TxnId]| txns.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let waiters =
            if lock.waiters.is_empty() { String::new() } else { format!("; waiting: {}", names(&lock.waiters)) };
        outln!("  {:<20} {:?} by {}{waiters}", lock.key.as_str(), lock.mode, names(&lock.holders));
    }
    for (key, value) in &inspection.accounts {
        outln!("  {key} = {value}");
    }
}
