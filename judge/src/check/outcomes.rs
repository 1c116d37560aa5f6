//! How transactions end, and what clients hear of it: termination (docs/rules.md, rule 5), nothing unresolved, told the truth.

use super::evidence::Evidence;
use crate::{
    finding::{At, Finding, listed},
    history::{fate::Fate, final_state::FinalState, txn_history::TxnHistory},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::{Decision, OutcomeWord},
};
use std::collections::BTreeSet;

/// Rule 5: failures repaired and none new for long enough -> all decide.
pub(super) fn termination(evidence: &Evidence<'_>) -> Vec<Finding> {
    let final_state = evidence.final_state();
    let open = final_state.all().filter(|(.., fate)| *fate == Fate::Unresolved);
    open.map(|(txn, txn_history, _)| {
        let text = format!("{txn} is not over: {}", why_open(final_state, txn, txn_history));
        Finding { nodes: open_at(final_state, txn, txn_history), ..Finding::about(txn, txn_history, text) }
    })
    .collect()
}

/// The nodes on which the end of an open transaction depends: its home, those with a branch in doubt, and all that it asked
/// for anything; once 2PC is decided, of those only where a commit is missing.
fn open_at(final_state: &FinalState, txn: TxnId, txn_history: &TxnHistory) -> BTreeSet<NodeId> {
    let topology = &final_state.topology;
    let mut nodes = BTreeSet::from([txn.home]);
    nodes.extend(
        txn_history.branches.iter().map(|(node, _)| node).filter(|node| txn_history.in_doubt_at(*node, topology)),
    );
    if txn_history.home_decided.is_empty() {
        nodes.extend(&txn_history.asked);
    } else if txn_history.decided_at_home(Decision::Commit) {
        let missing = |node: &NodeId| !txn_history.branch_stands(*node, topology);
        nodes.extend(txn_history.plan.writing_nodes().into_iter().filter(missing));
    }
    nodes
}

fn why_open(final_state: &FinalState, txn: TxnId, txn_history: &TxnHistory) -> String {
    let topology = &final_state.topology;
    let mut why = Vec::new();
    for (node, _) in txn_history.branches.iter() {
        if let Some(since) = txn_history.doubt_at(node, topology) {
            why.push(format!("in doubt at {node} since {}", At(since)));
        }
    }
    let nodes = open_at(final_state, txn, txn_history);
    why.extend(nodes.iter().filter(|node| !topology.running(**node)).map(|node| format!("{node} is not running")));
    if why.is_empty() {
        let last = txn_history.effects.iter().map(|effect| effect.t).max().or(txn_history.began).unwrap_or_default();
        why.push(format!("the last that was seen of it was at {}, and {} has not ended it", At(last), txn.home));
    }
    listed(why)
}

/// Nothing is left open: no transaction, no saga that waits for an operator, no lock of a transaction that is over.
pub(super) fn nothing_unresolved(evidence: &Evidence<'_>) -> Vec<Finding> {
    let final_state = evidence.final_state();
    let mut found = termination(evidence);
    for (txn, txn_history, _) in final_state.all().filter(|(.., fate)| *fate == Fate::Stuck) {
        let step = txn_history.stuck.unwrap_or_default();
        let text = format!("{txn} is stuck: the compensation of step {step} waits for an operator");
        found.push(Finding { stuck: true, ..Finding::about(txn, txn_history, text) });
    }
    for ((node, key), txns) in &final_state.open_locks {
        for txn in txns.iter().filter(|txn| !matches!(final_state.fates.get(txn), Some(Fate::Unresolved | Fate::Stuck)))
        {
            found.push(Finding {
                txns: BTreeSet::from([*txn]),
                nodes: BTreeSet::from([*node, txn.home]),
                keys: BTreeSet::from([key.clone()]),
                text: format!("{txn} is over and still holds or awaits {key} at {node}"),
                ..Finding::default()
            });
        }
    }
    found
}

/// A client that was told something definite was told the truth, and never two different things.
pub(super) fn told_truth(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (txn, txn_history, fate) in evidence.final_state().all() {
        let definite = txn_history.told.iter().filter(|(_, outcome)| *outcome != OutcomeWord::Unknown);
        for (t, outcome) in definite.clone() {
            let lie = match outcome {
                OutcomeWord::Succeeded => !matches!(fate, Fate::Succeeded | Fate::Unresolved),
                // Both say that nothing of it is left; which of them depends on what was undone.
                OutcomeWord::Aborted | OutcomeWord::Compensated => {
                    matches!(fate, Fate::Succeeded | Fate::Partial | Fate::Stuck)
                        || half_there(evidence, txn_history, fate)
                }
                OutcomeWord::Refused => !matches!(fate, Fate::Refused | Fate::Aborted),
                OutcomeWord::Unknown => false,
            };
            if lie {
                let text = format!("{txn} was told {} at {}, but is {}", outcome.word(), At(*t), fate.word());
                found.push(Finding::about(txn, txn_history, text));
            }
        }
        let mut words: Vec<&str> = definite.map(|(_, outcome)| outcome.word()).collect();
        words.dedup();
        if words.len() > 1 {
            found.push(Finding::about(txn, txn_history, format!("{txn} was told {}", words.join(", then "))));
        }
    }
    found
}

/// Whether part of a 2PC transaction is committed while the rest of it is still open.
fn half_there(evidence: &Evidence<'_>, txn_history: &TxnHistory, fate: Fate) -> bool {
    let topology = &evidence.final_state().topology;
    fate == Fate::Unresolved
        && txn_history.plan.writing_nodes().iter().any(|node| txn_history.branch_stands(*node, topology))
}
