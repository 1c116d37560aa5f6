//! `indoubt resolve`, `indoubt resume`, `indoubt state`: the operator's hand and eye on a live node.

use super::Verdict;
use crate::{
    cli::{Common, DecisionName, Format, ResolveArgs, ResumeArgs, StateArgs},
    display,
    say::say,
};
use anyhow::{Context, Result};
use indoubt_node::client::NodeClient;
use indoubt_proto::{
    ids::TxnId,
    message::Decision,
    wire::{OperatorReply, StateReply},
};
use std::time::{Duration, Instant};
use tonic::Code;

/// How long a node may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a node may take to listen.
const STARTING: Duration = Duration::from_secs(3);

/// Calls a node on a runtime of its own.
pub(super) fn call<T, F>(address: &str, work: impl FnOnce(NodeClient) -> F) -> Result<T>
where
    F: Future<Output = Result<T, tonic::Status>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        let told = async { work(reach(address).await?).await };
        match tokio::time::timeout(PATIENCE, told).await {
            Err(_) => anyhow::bail!("the node at {address} does not answer within {} s", PATIENCE.as_secs()),
            Ok(Err(status)) => {
                let (said, place) = (status.message(), format!("{address}: "));
                anyhow::bail!("the node at {place}{}", said.strip_prefix(&place).unwrap_or(said))
            }
            Ok(Ok(answer)) => Ok(answer),
        }
    })
}

/// Connects to a node, which may have been started a moment ago.
async fn reach(address: &str) -> Result<NodeClient, tonic::Status> {
    let since = Instant::now();
    loop {
        match NodeClient::connect(address).await {
            Err(status) if status.code() == Code::Unavailable && since.elapsed() < STARTING => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            reached => return reached,
        }
    }
}

/// Ends branches in doubt.
pub(super) fn resolve(args: &ResolveArgs) -> Result<Verdict> {
    let txn: Option<TxnId> = match args.txn.as_str() {
        "all" => None,
        name => Some(name.parse().with_context(|| format!("cannot resolve {name}"))?),
    };
    let decision = match args.decision {
        DecisionName::Commit => Decision::Commit,
        DecisionName::Abort => Decision::Abort,
    };
    let reply = call(&args.node, |node| async move { node.resolve(txn, decision).await })?;
    Ok(told(&reply))
}

/// Lets a stuck saga try again.
pub(super) fn resume(args: &ResumeArgs) -> Result<Verdict> {
    let txn = args.txn;
    let reply = call(&args.node, |node| async move { node.resume(txn).await })?;
    Ok(told(&reply))
}

/// Says what was achieved; nothing achieved is status 1.
fn told(reply: &OperatorReply) -> Verdict {
    say!("{}", reply.detail);
    (reply.count > 0).into()
}

/// Shows a node.
pub(super) fn state(args: &StateArgs, common: &Common) -> Result<Verdict> {
    let accounts = args.accounts;
    let state = call(&args.node, |node| async move { node.state(accounts).await })?;
    match common.format {
        Format::Json => say!("{}", serde_json::to_string_pretty(&json(&state))?),
        Format::Text => print(&state),
    }
    Ok(Verdict::Holds)
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
    say!("{node}: {protocol}, incarnation {incarnation}, log {log}");
    say!(
        "journal: {} records, {} of them forced, by {} forces, {} bytes; messages: {} sent, {} received, {} lost",
        stats.records,
        stats.forced_records,
        stats.forces,
        stats.journal_bytes,
        stats.sent,
        stats.received,
        stats.dropped
    );
    say!("open: {}", inspection.open.len());
    for open in &inspection.open {
        let since = open.since_us.map_or(String::new(), |us| format!(" for {}", display::time(us as f64 / 1000.0)));
        say!("  {:<16} {}{since}", open.txn.to_string(), open.state);
    }
    say!("locks: {}", inspection.locks.len());
    for lock in &inspection.locks {
        let names = |txns: &[TxnId]| txns.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let waiters =
            if lock.waiters.is_empty() { String::new() } else { format!("; waiting: {}", names(&lock.waiters)) };
        say!("  {:<20} {:?} by {}{waiters}", lock.key.as_str(), lock.mode, names(&lock.holders));
    }
    for (key, value) in &inspection.accounts {
        say!("  {key} = {value}");
    }
}
