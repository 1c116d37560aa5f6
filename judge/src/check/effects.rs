//! Effects that are there too rarely or too often: durability, no effect twice.

use super::evidence::Evidence;
use crate::{
    effects::{EffectId, duplicates, lost},
    finding::{At, Finding},
    history::txn_history::{Effect, EffectKind, TxnHistory},
};
use indoubt_proto::message::OutcomeWord;
use std::collections::BTreeSet;

/// No acknowledged commit is lost: what a client was told to have succeeded, or a participant acknowledged, is there. A
/// participant that lost its journal is excused, but not a coordinator that takes "unknown branch" for an ACK then (rule 17).
pub(super) fn durability(evidence: &Evidence<'_>) -> Vec<Finding> {
    let final_state = evidence.final_state();
    let find = |id: EffectId| {
        let txn_history = &final_state.transactions[&id.txn];
        let told = txn_history.told.iter().find(|(_, outcome)| *outcome == OutcomeWord::Succeeded);
        let gone = of(txn_history, id).find_map(|effect| effect.gone.map(|gone| (effect.t, gone)));
        let said = if gone.is_some() { "applied" } else { "committed" };
        let told = told.map_or(said.into(), |(t, _)| format!("told succeeded at {}", At(*t)));
        let what = part(id.kind);
        let fate = gone.map_or("was never applied".into(), |(applied, gone)| {
            format!("applied at {} is gone since {}", At(applied), At(gone))
        });
        let text = format!("{}: {told}, but its {what} at {} {fate}", id.txn, id.node);
        let taken_as_done = gone.is_none() && txn_history.ended.is_some() && !txn_history.lost_at.contains(&id.node);
        let unnoticed = evidence.acknowledges_commits && taken_as_done;
        // Only this node answers for it.
        let (txns, nodes) = (BTreeSet::from([id.txn]), BTreeSet::from([id.node]));
        Finding { txns, nodes, unnoticed, text, ..Finding::default() }
    };
    lost(final_state).into_iter().map(find).collect()
}

/// No effect is applied twice, no compensation either.
pub(super) fn no_effect_twice(evidence: &Evidence<'_>) -> Vec<Finding> {
    let final_state = evidence.final_state();
    let find = |(id, times): (EffectId, u64)| {
        let txn_history = &final_state.transactions[&id.txn];
        let when: Vec<String> = of(txn_history, id).map(|effect| At(effect.t).to_string()).collect();
        let (txn, what, node) = (id.txn, part(id.kind), id.node);
        let text = format!("{txn}: its {what} at {node} is there {} times, from {}", times + 1, when.join(" and "));
        Finding::about(txn, txn_history, text)
    };
    duplicates(final_state).into_iter().map(find).collect()
}

fn of(txn_history: &TxnHistory, id: EffectId) -> impl Iterator<Item = &Effect> + '_ {
    txn_history.effects.iter().filter(move |effect| effect.kind == id.kind && effect.node == id.node)
}

fn part(kind: EffectKind) -> String {
    match kind {
        EffectKind::Branch => "branch".into(),
        EffectKind::Step(step) => format!("step {step}"),
        EffectKind::Undo(step) => format!("compensation of step {step}"),
    }
}
