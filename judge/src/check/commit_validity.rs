//! The check `commit-validity` (docs/rules.md, rule 3): a transaction commits only if all participants voted YES or READ. An
//! operator action that ends a branch does not count as a decision for the other branches.

use super::{deciders::deciders, entry::Check, evidence::Evidence};
use crate::{
    finding::{At, Excuse, Finding, listed},
    history::{fate::Fate, txn_history::TxnHistory},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::{Decision, Vote},
};
use indoubt_scenario::{checks::CheckName, protocol::Family};

pub(super) const CHECK: Check = Check {
    name: CheckName::CommitValidity,
    search: commit_validity,
    excuses: &[Excuse::Operator, Excuse::RestoredLog],
};

fn commit_validity(evidence: &Evidence<'_>) -> Vec<Finding> {
    let find = |(txn, txn_history, _): (TxnId, &TxnHistory, Fate)| {
        let by_operator =
            |node: &NodeId| txn_history.branches.get(*node).is_some_and(|branch| !branch.heuristics.is_empty());
        let (t, decider) =
            deciders(txn, txn_history, Decision::Commit).into_iter().find(|(_, node)| !by_operator(node))?;
        let agreed = |node: &NodeId| {
            let votes = txn_history.branches.get(*node).map(|branch| branch.votes.as_slice()).unwrap_or_default();
            let yes = votes.iter().any(|(at, vote)| *at <= t && matches!(vote, Vote::Yes | Vote::ReadOnly));
            yes && !votes.iter().any(|(at, vote)| *at <= t && *vote == Vote::No)
        };
        let without: Vec<NodeId> = txn_history.plan.nodes().into_iter().filter(|node| !agreed(node)).collect();
        let text = format!("{txn}: {decider} decided commit at {} without a YES vote of {}", At(t), listed(&without));
        (!without.is_empty()).then(|| Finding::about(txn, txn_history, text))
    };
    if evidence.family() != Family::TwoPhase {
        return Vec::new();
    }
    evidence.final_state().all().filter_map(find).collect()
}
