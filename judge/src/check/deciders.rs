//! The nodes that decided a transaction.

use crate::history::txn_history::{EffectKind, TxnHistory};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Decision,
};

/// Times and nodes at which this decision was made or learned. A branch that recovery finds applied had learned COMMIT before.
pub(super) fn deciders(txn: TxnId, txn_history: &TxnHistory, decision: Decision) -> Vec<(i64, NodeId)> {
    let mut deciders: Vec<(i64, NodeId)> = Vec::new();
    let first = |decisions: &[(i64, Decision)]| decisions.iter().find(|(_, d)| *d == decision).map(|(t, _)| *t);
    deciders.extend(first(&txn_history.home_decided).map(|t| (t, txn.home)));
    for (node, branch) in txn_history.branches.iter() {
        deciders.extend(first(&branch.decisions).map(|t| (t, node)));
    }
    if decision == Decision::Commit {
        for effect in txn_history.effects.iter().filter(|effect| effect.kind == EffectKind::Branch) {
            if !deciders.iter().any(|(_, node)| *node == effect.node) {
                deciders.push((effect.t, effect.node));
            }
        }
    }
    deciders.sort_unstable();
    deciders
}
