//! Effects at the end of a run that are wrong: `atomicity_violations`, `duplicate_effects`, `lost_effects`, `wrong_audits`. The
//! checks list the same effects.

use crate::{
    history::{
        fate::Fate,
        final_state::FinalState,
        txn_history::{Effect, EffectKind, TxnHistory},
    },
    shown::{Shown, Table, Worst},
    summary::Measures,
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Decision,
};
use indoubt_scenario::protocol::Family;

/// Where people see these measures. They are not folded from lines of the trace, but counted in the final state.
pub(crate) const SHOWN: &[Shown] = &[
    Shown::count("atomicity_violations", |m| m.atomicity_violations as f64)
        .column(Table::Costs, "atomicity violations"),
    Shown::count("duplicate_effects", |m| m.duplicate_effects as f64).column(Table::Costs, "duplicate effects"),
    Shown::count("lost_effects", |m| m.lost_effects as f64).column(Table::Costs, "lost effects"),
    Shown::count("wrong_audits", |m| m.wrong_audits as f64)
        .column(Table::Costs, "wrong audits")
        .over_seeds(Worst::Largest)
        .in_swarm("an audit was wrong", 0.0),
];

/// Counts the wrong effects and writes the counts to `measures`.
pub(crate) fn count(final_state: &FinalState, measures: &mut Measures) {
    measures.atomicity_violations = torn(final_state).len() as u64;
    measures.duplicate_effects = duplicates(final_state).iter().map(|(_, times)| times).sum();
    measures.lost_effects = lost(final_state).len() as u64;
    measures.wrong_audits = wrong_audits(final_state).len() as u64;
}

/// Identifies something that may be applied only once: a branch, a step or a compensation of a transaction at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EffectId {
    pub(crate) txn: TxnId,
    pub(crate) node: NodeId,
    pub(crate) kind: EffectKind,
}

impl EffectId {
    /// All applications of this effect.
    pub(crate) fn applications(self, txn_history: &TxnHistory) -> impl Iterator<Item = &Effect> {
        txn_history.effects.iter().filter(move |effect| effect.kind == self.kind && effect.node == self.node)
    }
}

/// An audit whose reads do not sum to the total of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongAudit {
    pub(crate) txn: TxnId,
    pub(crate) found: i64,
    pub(crate) total: i64,
}

/// Transactions with one branch committed and another aborted, and sagas that are neither complete nor fully compensated.
pub(crate) fn torn(final_state: &FinalState) -> Vec<TxnId> {
    let is_torn = |(_, txn_history, fate): &(TxnId, &TxnHistory, Fate)| match (final_state.family, fate) {
        (_, Fate::Partial) => true,
        (Family::TwoPhase, _) => {
            let decided = |decision| {
                let here = |(_, d): &(i64, Decision)| *d == decision;
                txn_history.branches.values().any(|branch| branch.decisions.iter().any(here))
            };
            decided(Decision::Commit) && decided(Decision::Abort)
        }
        (Family::Saga, Fate::Stuck | Fate::Unresolved) => {
            let standing: Vec<bool> =
                txn_history.plan.writing_steps().keys().map(|step| txn_history.standing(*step) != 0).collect();
            standing.contains(&true) && standing.contains(&false)
        }
        _ => false,
    };
    final_state.all().filter(is_torn).map(|(txn, ..)| txn).collect()
}

/// Effects that are applied more than once, with the number of surplus applications.
pub(crate) fn duplicates(final_state: &FinalState) -> Vec<(EffectId, u64)> {
    let mut found = Vec::new();
    for (txn, txn_history, _) in final_state.all() {
        let mut ids: Vec<EffectId> = txn_history
            .effects
            .iter()
            .filter(|effect| effect.gone.is_none() && !effect.updates.is_empty())
            .map(|effect| EffectId { txn, node: effect.node, kind: effect.kind })
            .collect();
        ids.sort_unstable();
        found.extend(
            ids.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).map(|same| (same[0], same.len() as u64 - 1)),
        );
    }
    found
}

/// Effects that are missing although somebody was told of them: a client was told that the transaction succeeded, or the
/// participant had told its coordinating node that they were applied. A branch in doubt is not lost.
pub(crate) fn lost(final_state: &FinalState) -> Vec<EffectId> {
    let topology = &final_state.topology;
    let mut found = Vec::new();
    for (txn, txn_history, _) in final_state.all() {
        if final_state.family == Family::TwoPhase {
            for node in txn_history.plan.writing_nodes() {
                let applied_once = txn_history.effects.iter().any(|e| e.node == node && e.kind == EffectKind::Branch);
                let told = txn_history.told_success() && !txn_history.in_doubt_at(node, topology);
                // An aborted branch has no effects, so nothing of it can be lost.
                let known = txn_history.lost_at.contains(&node) && txn_history.decided_at_home(Decision::Commit);
                if !txn_history.branch_stands(node, topology) && (told || applied_once || known) {
                    found.push(EffectId { txn, node, kind: EffectKind::Branch });
                }
            }
            continue;
        }
        for (step, node) in txn_history.plan.writing_steps() {
            let gone = |kind| {
                txn_history
                    .effects
                    .iter()
                    .filter(|e| e.kind == kind && e.gone.is_some() && !e.updates.is_empty())
                    .count()
            };
            let vanished = gone(EffectKind::Step(step)) > gone(EffectKind::Undo(step));
            if txn_history.standing(step) <= 0 && (txn_history.told_success() || vanished) {
                found.push(EffectId { txn, node, kind: EffectKind::Step(step) });
            }
        }
    }
    found
}

/// Audits that committed, or whose client was told so, and whose reads do not sum to the total of their group. If a step ran
/// several times, its last read counts.
pub(crate) fn wrong_audits(final_state: &FinalState) -> Vec<WrongAudit> {
    let wrong = |(txn, txn_history, fate): (TxnId, &TxnHistory, Fate)| {
        let total = txn_history
            .total
            .filter(|_| txn_history.audit && (fate == Fate::Succeeded || txn_history.told_success()))?;
        let found = txn_history.reads.values().sum();
        (found != total).then_some(WrongAudit { txn, found, total })
    };
    final_state.all().filter_map(wrong).collect()
}
