//! What is there at the end and should not be, and the other way round: `atomicity_violations`, `duplicate_effects`,
//! `lost_effects`, `wrong_audits`. The checks tell of the same places.

use crate::history::{Aftermath, EffectKind, Fate, Story};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Decision,
};
use indoubt_scenario::protocol::Family;

/// An effect in a place of its own: a branch (no step) or a step of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) txn: TxnId,
    pub(crate) node: NodeId,
    pub(crate) kind: EffectKind,
}

/// An audit that found another sum than its group's total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrongAudit {
    pub(crate) txn: TxnId,
    pub(crate) found: i64,
    pub(crate) total: i64,
}

/// Transactions with one branch committed and another aborted, or a saga neither whole nor fully compensated.
pub(crate) fn torn(aftermath: &Aftermath) -> Vec<TxnId> {
    let is_torn = |(_, story, fate): &(TxnId, &Story, Fate)| match (aftermath.family, fate) {
        (_, Fate::Partial) => true,
        (Family::TwoPhase, _) => {
            let decided = |decision| {
                let here = |(_, d): &(i64, Decision)| *d == decision;
                story.branches.values().any(|branch| branch.decisions.iter().any(here))
            };
            decided(Decision::Commit) && decided(Decision::Abort)
        }
        (Family::Saga, Fate::Stuck | Fate::Unresolved) => {
            let standing: Vec<bool> =
                story.plan.writing_steps().keys().map(|step| story.standing(*step) != 0).collect();
            standing.contains(&true) && standing.contains(&false)
        }
        _ => false,
    };
    aftermath.all().filter(is_torn).map(|(txn, ..)| txn).collect()
}

/// Effects that are there more than once, with how often too often.
pub(crate) fn duplicates(aftermath: &Aftermath) -> Vec<(Place, u64)> {
    let mut found = Vec::new();
    for (txn, story, _) in aftermath.all() {
        let mut places: Vec<Place> = story
            .effects
            .iter()
            .filter(|effect| effect.gone.is_none() && !effect.updates.is_empty())
            .map(|effect| Place { txn, node: effect.node, kind: effect.kind })
            .collect();
        places.sort_unstable();
        found.extend(
            places.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).map(|same| (same[0], same.len() as u64 - 1)),
        );
    }
    found
}

/// Effects that are not there although somebody was told of them: the client that its transaction succeeded, or the
/// coordinating node by the participant that had applied them. A branch in doubt is not lost.
pub(crate) fn lost(aftermath: &Aftermath) -> Vec<Place> {
    let topology = &aftermath.topology;
    let mut found = Vec::new();
    for (txn, story, _) in aftermath.all() {
        if aftermath.family == Family::TwoPhase {
            for node in story.plan.writing_nodes() {
                let applied_once = story.effects.iter().any(|e| e.node == node && e.kind == EffectKind::Branch);
                let told = story.told_success() && !story.in_doubt_at(node, topology);
                // An abort has no effect that could be lost.
                let known = story.lost_at.contains(&node) && story.decided_at_home(Decision::Commit);
                if !story.branch_stands(node, topology) && (told || applied_once || known) {
                    found.push(Place { txn, node, kind: EffectKind::Branch });
                }
            }
            continue;
        }
        for (step, node) in story.plan.writing_steps() {
            let gone = |kind| {
                story.effects.iter().filter(|e| e.kind == kind && e.gone.is_some() && !e.updates.is_empty()).count()
            };
            let vanished = gone(EffectKind::Step(step)) > gone(EffectKind::Undo(step));
            if story.standing(step) <= 0 && (story.told_success() || vanished) {
                found.push(Place { txn, node, kind: EffectKind::Step(step) });
            }
        }
    }
    found
}

/// Audits that committed, or whose client was told so, and whose reads do not sum to their group's total. Of a step that ran
/// again, what it read last counts.
pub(crate) fn wrong_audits(aftermath: &Aftermath) -> Vec<WrongAudit> {
    let wrong = |(txn, story, fate): (TxnId, &Story, Fate)| {
        let total = story.total.filter(|_| story.audit && (fate == Fate::Succeeded || story.told_success()))?;
        let found = story.reads.values().sum();
        (found != total).then_some(WrongAudit { txn, found, total })
    };
    aftermath.all().filter_map(wrong).collect()
}
