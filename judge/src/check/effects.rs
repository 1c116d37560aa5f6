//! Effects that are there too rarely or too often: durability, no effect twice.

use super::{At, Evidence, Finding};
use crate::{
    history::{Effect, EffectKind, Story},
    measure::{Place, duplicates, lost},
};
use indoubt_proto::message::OutcomeWord;
use std::collections::BTreeSet;

/// No acknowledged commit is lost: what a client was told to have succeeded, or a participant acknowledged, is there. A
/// participant that lost its journal is excused, but not a coordinator that takes "unknown branch" for an ACK then (rule 17).
pub(super) fn durability(evidence: &Evidence<'_>) -> Vec<Finding> {
    let aftermath = evidence.aftermath();
    let find = |place: Place| {
        let story = &aftermath.stories[&place.txn];
        let told = story.told.iter().find(|(_, outcome)| *outcome == OutcomeWord::Succeeded);
        let gone = of(story, place).find_map(|effect| effect.gone.map(|gone| (effect.t, gone)));
        let said = if gone.is_some() { "applied" } else { "committed" };
        let told = told.map_or(said.into(), |(t, _)| format!("told succeeded at {}", At(*t)));
        let what = part(place.kind);
        let fate = gone.map_or("was never applied".into(), |(applied, gone)| {
            format!("applied at {} is gone since {}", At(applied), At(gone))
        });
        let text = format!("{}: {told}, but its {what} at {} {fate}", place.txn, place.node);
        let taken_as_done = gone.is_none() && story.ended.is_some() && !story.lost_at.contains(&place.node);
        let unnoticed = evidence.acknowledges_commits && taken_as_done;
        // Only this node answers for it.
        let (txns, nodes) = (BTreeSet::from([place.txn]), BTreeSet::from([place.node]));
        Finding { txns, nodes, unnoticed, text, ..Finding::default() }
    };
    lost(aftermath).into_iter().map(find).collect()
}

/// No effect is applied twice, no compensation either.
pub(super) fn no_effect_twice(evidence: &Evidence<'_>) -> Vec<Finding> {
    let aftermath = evidence.aftermath();
    let find = |(place, times): (Place, u64)| {
        let story = &aftermath.stories[&place.txn];
        let when: Vec<String> = of(story, place).map(|effect| At(effect.t).to_string()).collect();
        let (txn, what, node) = (place.txn, part(place.kind), place.node);
        let text = format!("{txn}: its {what} at {node} is there {} times, from {}", times + 1, when.join(" and "));
        Finding::about(txn, story, text)
    };
    duplicates(aftermath).into_iter().map(find).collect()
}

fn of(story: &Story, place: Place) -> impl Iterator<Item = &Effect> + '_ {
    story.effects.iter().filter(move |effect| effect.kind == place.kind && effect.node == place.node)
}

fn part(kind: EffectKind) -> String {
    match kind {
        EffectKind::Branch => "branch".into(),
        EffectKind::Step(step) => format!("step {step}"),
        EffectKind::Undo(step) => format!("compensation of step {step}"),
    }
}
