//! Atomic commitment (docs/rules.md, rules 1 to 4): agreement, stability, commit validity, non-triviality.

use super::evidence::Evidence;
use crate::{
    finding::{At, Finding, listed},
    history::{
        branches::Branch,
        fate::Fate,
        txn_history::{EffectKind, TxnHistory},
    },
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::{Decision, Vote},
};
use indoubt_scenario::protocol::Family;

/// Rule 1: all processes that decide, decide the same. Where nobody decides for others (sagas, baselines), a participant
/// decides by what it applied: some effects there and others not, for good.
pub(super) fn agreement(evidence: &Evidence<'_>) -> Vec<Finding> {
    let two_phase = evidence.family() == Family::TwoPhase;
    let find = |(txn, txn_history, fate): (TxnId, &TxnHistory, Fate)| {
        let text = if two_phase { disagreement(txn, txn_history)? } else { torn(txn_history, fate)? };
        Some(Finding::about(txn, txn_history, format!("{txn}: {text}")))
    };
    evidence.final_state().all().filter_map(find).collect()
}

/// When and where a decision was made or learned; a branch found applied in recovery had learned COMMIT before.
fn deciders(txn: TxnId, txn_history: &TxnHistory, decision: Decision) -> Vec<(i64, NodeId)> {
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

fn disagreement(txn: TxnId, txn_history: &TxnHistory) -> Option<String> {
    let commits = deciders(txn, txn_history, Decision::Commit);
    let aborts = deciders(txn, txn_history, Decision::Abort);
    if commits.is_empty() || aborts.is_empty() {
        return None;
    }
    let tell = |deciders: &[(i64, NodeId)]| listed(deciders.iter().map(|(t, node)| format!("{node} at {}", At(*t))));
    Some(format!("commit at {}, but abort at {}", tell(&commits), tell(&aborts)))
}

/// Which steps of a transaction that is over are there and which are not.
pub(super) fn torn(txn_history: &TxnHistory, fate: Fate) -> Option<String> {
    if fate != Fate::Partial {
        return None;
    }
    let steps = txn_history.plan.writing_steps();
    let tell = |there: bool| {
        let which = steps.iter().filter(|(step, _)| (txn_history.standing(**step) > 0) == there);
        listed(which.map(|(step, node)| format!("step {step} at {node}")))
    };
    let when = txn_history.effects.iter().map(|effect| effect.t).min().unwrap_or_default();
    Some(format!("{} applied since {}, but not {}", tell(true), At(when), tell(false)))
}

/// Rule 2: a decision is never reversed. For a saga: a step that was refused is never applied afterwards.
pub(super) fn stability(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (txn, txn_history, _) in evidence.final_state().all() {
        let mut add = |text: String| found.push(Finding::about(txn, txn_history, format!("{txn}: {text}")));
        match evidence.family() {
            Family::TwoPhase => {
                let own = std::iter::once((txn.home, txn_history.home_decided.as_slice()));
                let branches = txn_history.branches.iter().map(|(node, branch)| (node, branch.decisions.as_slice()));
                for (node, decisions) in own.chain(branches) {
                    if let Some(pair) = decisions.windows(2).find(|pair| pair[0].1 != pair[1].1) {
                        let [(first, one), (then, other)] = [pair[0], pair[1]];
                        add(format!(
                            "{node} decided {} at {} and {} at {}",
                            one.word(),
                            At(first),
                            other.word(),
                            At(then)
                        ));
                    }
                }
                for effect in txn_history.effects.iter().filter(|effect| effect.kind == EffectKind::Branch) {
                    let branch = txn_history.branches.get(effect.node);
                    let last = branch.and_then(|b| b.decisions.iter().rfind(|(t, _)| *t <= effect.t));
                    if let Some((t, Decision::Abort)) = last {
                        add(format!("{} aborted at {} and applied at {}", effect.node, At(*t), At(effect.t)));
                    }
                }
            }
            Family::Saga => {
                for (refused, node, step) in &txn_history.refused {
                    let applied =
                        txn_history.effects.iter().find(|e| e.kind == EffectKind::Step(*step) && e.t > *refused);
                    if let Some(effect) = applied {
                        add(format!(
                            "{node} refused step {step} at {} and applied it at {}",
                            At(*refused),
                            At(effect.t)
                        ));
                    }
                }
            }
            Family::Unprotected => {}
        }
    }
    found
}

/// Rule 3: commit only if all voted YES (or READ). An operator who ends a branch so decides nothing for the others.
pub(super) fn commit_validity(evidence: &Evidence<'_>) -> Vec<Finding> {
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
        let text = format!("{txn}: {decider} decided commit at {} without a yes of {}", At(t), listed(&without));
        (!without.is_empty()).then(|| Finding::about(txn, txn_history, text))
    };
    if evidence.family() != Family::TwoPhase {
        return Vec::new();
    }
    evidence.final_state().all().filter_map(find).collect()
}

/// Rule 4: no failures and all YES -> commit. Only where every participant's one vote arrived within the vote timeout (by true
/// time and by the coordinator's clock, from the first PREPARE on), no PREPARE and no vote was lost or refused, and the
/// coordinator neither crashed nor froze.
pub(super) fn non_triviality(evidence: &Evidence<'_>) -> Vec<Finding> {
    let in_time = |branch: &Branch, until: i64| {
        let ([received], [(_, vote)]) = (&branch.votes_received[..], &branch.votes[..]) else { return false };
        matches!(vote, Vote::Yes | Vote::ReadOnly) && !branch.disturbed && *received < until
    };
    let topology = &evidence.final_state().topology;
    let find = |(txn, txn_history, _): (TxnId, &TxnHistory, Fate)| {
        let first = txn_history.branches.iter().filter_map(|(_, branch)| branch.prepare_sent).min()?;
        let until = first + evidence.vote_patience(txn.home);
        let in_time = |node: &NodeId| txn_history.branches.get(*node).is_some_and(|branch| in_time(branch, until));
        let all_yes = txn_history.plan.nodes().iter().all(in_time);
        let (home, then) = (topology.life(txn.home), txn_history.home_then);
        let no_failure = (home.crashes, home.pauses) == (then.crashes, then.pauses);
        let (t, _) = txn_history.home_decided.iter().find(|(_, decision)| *decision == Decision::Abort)?;
        let text = format!("{txn}: {} aborted at {} although every vote was yes and came in time", txn.home, At(*t));
        (txn_history.accepted && all_yes && no_failure).then(|| Finding::about(txn, txn_history, text))
    };
    if evidence.family() != Family::TwoPhase {
        return Vec::new();
    }
    evidence.final_state().all().filter_map(find).collect()
}
