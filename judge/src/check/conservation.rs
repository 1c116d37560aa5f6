//! The check `conservation`: money is neither made nor lost (docs/rules.md, rules 42 and 44).
//!
//! Accounts that transactions change together form a group. When all transactions of a group have ended, its total has changed by
//! exactly what the transactions that succeeded were to change: by nothing, if money only moves. While sagas run, rule 44 holds:
//! if every transaction of a group debits first, its total is never above the opening total. If every one credits first, it is
//! never below. Where steps run in parallel, a transaction does so if it does in every order in which its steps may run.

use super::{entry::Check, evidence::Evidence};
use crate::{
    finding::{At, Excuse, Finding, listed},
    history::{fate::Fate, final_state::FinalState, txn_history::TxnHistory},
};
use indoubt_proto::{
    ids::TxnId,
    operation::{Change, Key, Update},
};
use indoubt_scenario::{
    checks::CheckName,
    protocol::{Family, entry::StepOrder},
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const CHECK: Check =
    Check { name: CheckName::Conservation, search: conservation, excuses: &[Excuse::Operator, Excuse::LostLog] };

/// Accounts that transactions change together.
#[derive(Debug, Default)]
struct Group {
    keys: BTreeSet<Key>,
    txns: Vec<TxnId>,
}

fn conservation(evidence: &Evidence<'_>) -> Vec<Finding> {
    let final_state = evidence.final_state();
    let mut found = Vec::new();
    for group in groups(final_state) {
        found.extend(at_the_end(final_state, &group));
        if evidence.family() == Family::Saga {
            found.extend(on_the_way(final_state, &group));
        }
    }
    found
}

/// All groups, in the order of their first accounts.
fn groups(final_state: &FinalState) -> Vec<Group> {
    let mut joined = final_state.forgotten.groups.clone();
    let members: Vec<(TxnId, Option<usize>)> =
        final_state.all().map(|(txn, txn_history, _)| (txn, joined.join(&txn_history.plan))).collect();
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

fn planned(txn_history: &TxnHistory) -> i64 {
    txn_history.plan.0.iter().filter_map(|entry| entry.delta).sum()
}

/// Checks the total of a group whose transactions have all ended.
fn at_the_end(final_state: &FinalState, group: &Group) -> Option<Finding> {
    let open = |txn: &TxnId| matches!(final_state.fates[txn], Fate::Unresolved | Fate::Stuck);
    if group.txns.iter().any(open) {
        return None;
    }
    let mut off = 0;
    let mut culprits = Vec::new();
    for txn in &group.txns {
        let txn_history = &final_state.transactions[txn];
        let fate = final_state.fates[txn];
        let right = if fate == Fate::Succeeded { planned(txn_history) } else { 0 };
        let by = sum(&txn_history.changes(&final_state.topology)) - right;
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
    Some(finding(final_state, group, culprits.into_iter().map(|(txn, ..)| txn).collect(), text))
}

/// Whether a plan debits first, and whether it credits first.
fn order_of(txn_history: &TxnHistory, order: StepOrder) -> (bool, bool) {
    let (largest, smallest) = txn_history.plan.extremes(order);
    (largest <= 0, smallest >= 0)
}

/// Whether a transaction alone keeps to rule 44. If all transactions of a group do, the group keeps to it too.
pub(super) fn keeps_to_order(txn_history: &TxnHistory, order: StepOrder) -> bool {
    let (debit_first, credit_first) = order_of(txn_history, order);
    let mut total = 0;
    txn_history.effects.iter().all(|effect| {
        total += sum(&effect.updates);
        !(debit_first && total > 0 || credit_first && total < 0)
    })
}

/// Checks rule 44 at every moment of the run.
fn on_the_way(final_state: &FinalState, group: &Group) -> Option<Finding> {
    let histories = || group.txns.iter().map(|txn| (*txn, &final_state.transactions[txn]));
    let effects =
        || histories().flat_map(|(txn, txn_history)| txn_history.effects.iter().map(move |effect| (txn, effect)));
    if effects().any(|(_, effect)| effect.gone.is_some()) {
        return None;
    }
    let (mut debit_first, mut credit_first) = (true, true);
    for (_, txn_history) in histories() {
        let (debits, credits) = order_of(txn_history, final_state.order);
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
            return Some(finding(final_state, group, BTreeSet::from([txn]), text));
        }
    }
    None
}

fn finding(final_state: &FinalState, group: &Group, txns: BTreeSet<TxnId>, text: String) -> Finding {
    let mut nodes = BTreeSet::new();
    for txn in &txns {
        nodes.insert(txn.home);
        nodes.extend(final_state.transactions[txn].plan.nodes());
    }
    Finding { txns, nodes, keys: group.keys.clone(), each: true, text, ..Finding::default() }
}
