//! Conservation and audits: money is neither made nor lost (docs/rules.md, rules 42 and 44).
//!
//! Accounts that transactions change together form a group. When nothing of a group is open any more, its total has changed
//! by exactly what the transactions that succeeded were to change it: by nothing, where money only moves. While sagas run,
//! rule 44: if every transaction of a group debits first, its total is never above what it was, if every one credits first,
//! never below.

use super::{At, Evidence, Finding, listed};
use crate::{
    history::{Aftermath, Fate, Story},
    measure::{WrongAudit, wrong_audits},
};
use indoubt_proto::{
    ids::TxnId,
    operation::{Change, Key, Update},
};
use indoubt_scenario::protocol::Family;
use std::collections::{BTreeMap, BTreeSet};

/// Accounts that transactions change together.
#[derive(Debug, Default)]
struct Group {
    keys: BTreeSet<Key>,
    txns: Vec<TxnId>,
}

/// Every committed audit sums to its group's total.
pub(super) fn audits(evidence: &Evidence<'_>) -> Vec<Finding> {
    let aftermath = evidence.aftermath();
    let find = |wrong: WrongAudit| {
        let story = &aftermath.stories[&wrong.txn];
        let told = story.told.first().map_or(story.began.unwrap_or_default(), |(t, _)| *t);
        let text = format!("{} found {} instead of {}, told at {}", wrong.txn, wrong.found, wrong.total, At(told));
        let keys = story.plan.0.iter().map(|entry| entry.key.clone()).collect();
        Finding { keys, at: Some(told), ..Finding::about(wrong.txn, story, text) }
    };
    wrong_audits(aftermath).into_iter().map(find).collect()
}

pub(super) fn conservation(evidence: &Evidence<'_>) -> Vec<Finding> {
    let aftermath = evidence.aftermath();
    let mut found = Vec::new();
    for group in groups(aftermath) {
        found.extend(at_the_end(aftermath, &group));
        if evidence.family() == Family::Saga {
            found.extend(on_the_way(aftermath, &group));
        }
    }
    found
}

/// All groups, in the order of their first records.
fn groups(aftermath: &Aftermath) -> Vec<Group> {
    let mut joined = aftermath.forgotten.groups.clone();
    let members: Vec<(TxnId, Option<usize>)> =
        aftermath.all().map(|(txn, story, _)| (txn, joined.join(&story.plan))).collect();
    let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
    for (at, key) in joined.keys().to_vec().into_iter().enumerate() {
        groups.entry(joined.root(at)).or_default().keys.insert(key);
    }
    for (txn, at) in members {
        if let Some(at) = at {
            groups.entry(joined.root(at)).or_default().txns.push(txn);
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by(|a, b| a.keys.first().cmp(&b.keys.first()));
    groups
}

fn sum<'a>(updates: impl IntoIterator<Item = &'a Update>) -> i64 {
    let delta = |update: &Update| match update.change {
        Change::Delta(delta) => delta,
        Change::Value(_) => 0,
    };
    updates.into_iter().map(delta).sum()
}

fn planned(story: &Story) -> i64 {
    story.plan.0.iter().filter_map(|entry| entry.delta).sum()
}

/// Quiet, a group's total is what its whole transactions made of it.
fn at_the_end(aftermath: &Aftermath, group: &Group) -> Option<Finding> {
    let open = |txn: &TxnId| matches!(aftermath.fates[txn], Fate::Unresolved | Fate::Stuck);
    if group.txns.iter().any(open) {
        return None;
    }
    let mut off = 0;
    let mut culprits = Vec::new();
    for txn in &group.txns {
        let story = &aftermath.stories[txn];
        let fate = aftermath.fates[txn];
        let right = if fate == Fate::Succeeded { planned(story) } else { 0 };
        let by = sum(&story.changes(&aftermath.topology)) - right;
        if by != 0 {
            off += by;
            culprits.push((*txn, by, fate));
        }
    }
    if off == 0 {
        return None;
    }
    let tell = culprits.iter().take(3).map(|(txn, by, fate)| format!("{txn} ({}, {by:+})", fate.word()));
    let more = if culprits.len() > 3 { format!(" and {} more", culprits.len() - 3) } else { String::new() };
    let accounts = listed(group.keys.iter().take(4));
    let dots = if group.keys.len() > 4 { ", …" } else { "" };
    let text = format!("the total of {accounts}{dots} is off by {off:+}, because of {}{more}", listed(tell));
    Some(finding(aftermath, group, culprits.into_iter().map(|(txn, ..)| txn).collect(), text))
}

/// Whether a plan debits first, and whether it credits first.
fn order_of(story: &Story) -> (bool, bool) {
    let (mut debit_first, mut credit_first, mut running) = (true, true, 0);
    let mut by_step: BTreeMap<u32, i64> = BTreeMap::new();
    for entry in &story.plan.0 {
        *by_step.entry(entry.step).or_default() += entry.delta.unwrap_or(0);
    }
    for delta in by_step.values() {
        running += delta;
        debit_first &= running <= 0;
        credit_first &= running >= 0;
    }
    (debit_first, credit_first)
}

/// Whether a transaction keeps to rule 44 by itself. A group in which all do keeps to it too, whichever of them are looked
/// at.
pub(super) fn keeps_to_order(story: &Story) -> bool {
    let (debit_first, credit_first) = order_of(story);
    let mut total = 0;
    story.effects.iter().all(|effect| {
        total += sum(&effect.updates);
        !(debit_first && total > 0 || credit_first && total < 0)
    })
}

/// Rule 44, at every moment of the run.
fn on_the_way(aftermath: &Aftermath, group: &Group) -> Option<Finding> {
    let stories = || group.txns.iter().map(|txn| (*txn, &aftermath.stories[txn]));
    let effects = || stories().flat_map(|(txn, story)| story.effects.iter().map(move |effect| (txn, effect)));
    if effects().any(|(_, effect)| effect.gone.is_some()) {
        return None;
    }
    let (mut debit_first, mut credit_first) = (true, true);
    for (_, story) in stories() {
        let (debits, credits) = order_of(story);
        debit_first &= debits;
        credit_first &= credits;
    }
    let mut ordered: Vec<_> = effects().collect();
    ordered.sort_by_key(|(_, effect)| effect.seq);
    let mut total = 0;
    for (txn, effect) in ordered {
        total += sum(&effect.updates);
        if (debit_first && total > 0) || (credit_first && total < 0) {
            let t = At(effect.t);
            let text = format!("{txn} at {} took the running total to {total:+} at {t} (rule 44)", effect.node);
            return Some(finding(aftermath, group, BTreeSet::from([txn]), text));
        }
    }
    None
}

fn finding(aftermath: &Aftermath, group: &Group, txns: BTreeSet<TxnId>, text: String) -> Finding {
    let mut nodes = BTreeSet::new();
    for txn in &txns {
        nodes.insert(txn.home);
        nodes.extend(aftermath.stories[txn].plan.nodes());
    }
    Finding { txns, nodes, keys: group.keys.clone(), each: true, text, ..Finding::default() }
}
