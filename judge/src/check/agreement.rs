//! The check `agreement` (docs/rules.md, rule 1): all processes that decide reach the same decision. Under sagas and baselines no
//! node decides for others. There, agreement is broken if some effects stand and others do not, for good.

use super::{deciders::deciders, entry::Check, evidence::Evidence};
use crate::{
    finding::{At, Excuse, Finding, listed, torn},
    history::txn_history::TxnHistory,
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Decision,
};
use indoubt_scenario::{checks::CheckName, protocol::Family};

pub(super) const CHECK: Check = Check {
    name: CheckName::Agreement,
    search: agreement,
    excuses: &[Excuse::Operator, Excuse::LostDisk, Excuse::RestoredLog],
};

fn agreement(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (txn, txn_history, fate) in evidence.final_state().all() {
        let mut find = |text: Option<String>, without_operators: bool| {
            let text = text.map(|text| format!("{txn}: {text}"));
            found.extend(text.map(|text| Finding { without_operators, ..Finding::about(txn, txn_history, text) }));
        };
        match evidence.family() {
            // An operator may overrule a decision at a branch of his choice. Nobody else may follow him.
            Family::TwoPhase => match disagreement(txn, txn_history, |node| !ended_by_operator(txn_history, node)) {
                Some(text) => find(Some(text), true),
                None => find(disagreement(txn, txn_history, |_| true), false),
            },
            Family::Saga | Family::Unprotected => find(torn(txn_history, fate), false),
        }
    }
    found
}

fn ended_by_operator(txn_history: &TxnHistory, node: NodeId) -> bool {
    txn_history.branches.get(node).is_some_and(|branch| !branch.heuristics.is_empty())
}

/// How the deciders among these nodes disagree.
fn disagreement(txn: TxnId, txn_history: &TxnHistory, among: impl Fn(NodeId) -> bool) -> Option<String> {
    let of = |decision| {
        let mut deciders = deciders(txn, txn_history, decision);
        deciders.retain(|(_, node)| among(*node));
        deciders
    };
    let (commits, aborts) = (of(Decision::Commit), of(Decision::Abort));
    if commits.is_empty() || aborts.is_empty() {
        return None;
    }
    let tell = |deciders: &[(i64, NodeId)]| listed(deciders.iter().map(|(t, node)| format!("{node} at {}", At(*t))));
    Some(format!("commit at {}, but abort at {}", tell(&commits), tell(&aborts)))
}
