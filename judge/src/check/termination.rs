//! The check `termination` (docs/rules.md, rule 5): if all failures are repaired and no new ones occur for long enough, all
//! participants decide.

use super::{entry::Check, evidence::Evidence};
use crate::{
    finding::{At, Excuse, Finding, listed},
    history::{fate::Fate, final_state::FinalState, txn_history::TxnHistory},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Decision,
};
use indoubt_scenario::checks::CheckName;
use std::collections::BTreeSet;

pub(super) const CHECK: Check =
    Check { name: CheckName::Termination, search: termination, excuses: &[Excuse::LostLog, Excuse::Unhealed] };

pub(super) fn termination(evidence: &Evidence<'_>) -> Vec<Finding> {
    let final_state = evidence.final_state();
    let open = final_state.all().filter(|(.., fate)| *fate == Fate::Unresolved);
    open.map(|(txn, txn_history, _)| {
        let text = format!("{txn} has not ended: {}", why_open(final_state, txn, txn_history));
        Finding { nodes: open_at(final_state, txn, txn_history), ..Finding::about(txn, txn_history, text) }
    })
    .collect()
}

/// The nodes on which the end of an open transaction depends: its home, nodes with a branch in doubt, and all nodes that it sent
/// a request. After a decision of 2PC, the latter count only if their commit is missing.
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
        why.push(format!("its last effect was at {}, and {} has not ended it", At(last), txn.home));
    }
    listed(why)
}
