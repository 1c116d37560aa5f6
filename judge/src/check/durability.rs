//! The check `durability`: no acknowledged commit is lost. The effects of a transaction stand if its client was told that it
//! succeeded, or if the participant acknowledged them. A participant that lost its journal is excused. A coordinator that takes
//! "unknown branch" for an ACK is not (rule 17).

use super::{entry::Check, evidence::Evidence};
use crate::{
    effects::{EffectId, lost},
    finding::{At, Excuse, Finding},
};
use indoubt_proto::message::OutcomeWord;
use indoubt_scenario::checks::CheckName;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    name: CheckName::Durability,
    search: durability,
    excuses: &[Excuse::Operator, Excuse::LostLog, Excuse::RestoredHome],
};

fn durability(evidence: &Evidence<'_>) -> Vec<Finding> {
    let final_state = evidence.final_state();
    let find = |id: EffectId| {
        let txn_history = &final_state.transactions[&id.txn];
        let told = txn_history.told.iter().find(|(_, outcome)| *outcome == OutcomeWord::Succeeded);
        let gone = id.applications(txn_history).find_map(|effect| effect.gone.map(|gone| (effect.t, gone)));
        let said = if gone.is_some() { "applied" } else { "committed" };
        let told = told.map_or(said.into(), |(t, _)| format!("its client was told succeeded at {}", At(*t)));
        let what = id.kind.describe();
        let fate = gone.map_or(" was never applied".into(), |(applied, gone)| {
            format!(", applied at {}, is gone since {}", At(applied), At(gone))
        });
        let text = format!("{}: {told}, but its {what} at {}{fate}", id.txn, id.node);
        let taken_as_done = gone.is_none() && txn_history.ended.is_some() && !txn_history.lost_at.contains(&id.node);
        let unnoticed = evidence.acknowledges_commits && taken_as_done;
        // Only the lost log of this node excuses it.
        let (txns, nodes) = (BTreeSet::from([id.txn]), BTreeSet::from([id.node]));
        Finding { txns, nodes, despite_lost_logs: unnoticed, text, ..Finding::default() }
    };
    lost(final_state).into_iter().map(find).collect()
}
