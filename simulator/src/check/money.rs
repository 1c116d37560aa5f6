//! Conservation and audits: money is neither made nor lost (protocols.md rules 42 and 44).
//!
//! Accounts that transactions change together form a group. When nothing of a group is open any more, its total has changed
//! by exactly what the transactions that succeeded were to change it: by nothing, where money only moves. While sagas run,
//! rule 44: if every transaction of a group debits first, its total is never above what it was, if every one credits first,
//! never below.

use super::{At, Evidence, Finding, listed};
use crate::{
    history::{Aftermath, Fate, Story},
    measure::{WrongAudit, wrong_audits},
    protocol::Family,
};
use indoubt_proto::{
    ids::TxnId,
    operation::{Change, Key, Update},
};
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
        let story = &aftermath.history.stories[&wrong.txn];
        let when = story.told.first().map_or(story.began.unwrap_or_default(), |(t, _)| *t);
        let text = format!("{} found {} instead of {}, told at {}", wrong.txn, wrong.found, wrong.total, At(when));
        let keys = story.plan.0.iter().map(|entry| entry.key.clone()).collect();
        Finding { keys, ..Finding::about(wrong.txn, story, text) }
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

/// Groups by connected components: two accounts in one plan belong together.
fn groups(aftermath: &Aftermath) -> Vec<Group> {
    let mut parent: Vec<usize> = Vec::new();
    let mut number: BTreeMap<Key, usize> = BTreeMap::new();
    let mut first_of: Vec<(TxnId, usize)> = Vec::new();
    for (txn, story, _) in aftermath.all() {
        let mut first = None;
        for entry in story.plan.0.iter().filter(|entry| entry.delta.is_some()) {
            let at = *number.entry(entry.key.clone()).or_insert_with(|| {
                parent.push(parent.len());
                parent.len() - 1
            });
            let root = root_of(&mut parent, at);
            let first_root = root_of(&mut parent, *first.get_or_insert(root));
            parent[root] = first_root;
        }
        first_of.extend(first.map(|first| (txn, first)));
    }
    let mut groups: BTreeMap<usize, Group> = BTreeMap::new();
    for (key, at) in number {
        groups.entry(root_of(&mut parent, at)).or_default().keys.insert(key);
    }
    for (txn, at) in first_of {
        groups.entry(root_of(&mut parent, at)).or_default().txns.push(txn);
    }
    groups.into_values().collect()
}

fn root_of(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
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
        let story = &aftermath.history.stories[txn];
        let fate = aftermath.fates[txn];
        let right = if fate == Fate::Succeeded { planned(story) } else { 0 };
        let by = sum(&story.changes(&aftermath.history.topology)) - right;
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

/// Rule 44, at every moment of the run.
fn on_the_way(aftermath: &Aftermath, group: &Group) -> Option<Finding> {
    let stories = || group.txns.iter().map(|txn| (*txn, &aftermath.history.stories[txn]));
    let effects = || stories().flat_map(|(txn, story)| story.effects.iter().map(move |effect| (txn, effect)));
    if effects().any(|(_, effect)| effect.gone.is_some()) {
        return None;
    }
    let (mut debit_first, mut credit_first) = (true, true);
    for (_, story) in stories() {
        let mut running = 0;
        let mut by_step: BTreeMap<u32, i64> = BTreeMap::new();
        for entry in &story.plan.0 {
            *by_step.entry(entry.step).or_default() += entry.delta.unwrap_or(0);
        }
        for delta in by_step.values() {
            running += delta;
            debit_first &= running <= 0;
            credit_first &= running >= 0;
        }
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
        nodes.extend(aftermath.history.stories[txn].plan.nodes());
    }
    Finding { txns, nodes, keys: group.keys.clone(), text, stuck: false }
}
