//! Forgets transactions, so that a run of ten million transactions needs no more memory than one of ten thousand. Only a few
//! counts are kept of a forgotten transaction.
//!
//! Nothing is approximated. A transaction is forgotten only if no later line of the trace can concern it: its client was told the
//! outcome, its coordinating node has ended it, none of its messages is on its way, it has no lock, no pending record and no
//! branch in doubt, and all its log records are durable. In addition, every check that looks at it alone must find nothing. If a
//! later line concerns it all the same, or needs the past (a node crashes), the result is spoiled. The run must then be measured
//! again without forgetting.

use super::Measurer;
use crate::{
    check,
    effects::torn,
    history::{
        fate::Fate,
        final_state::FinalState,
        forgotten::Forgotten,
        txn_history::{EffectKind, Logged, TxnHistory},
    },
};
use indoubt_proto::{
    message::{Decision, OutcomeWord, Vote},
    observation::{Observation, Stamped},
    operation::{Change, Update},
    settings::Timeouts,
};
use indoubt_scenario::protocol::Family;
use std::collections::VecDeque;

/// How many transactions are checked, the oldest first, whenever a new one begins.
const LOOKS: usize = 4;

/// The state of forgetting.
#[derive(Clone, Debug)]
pub(super) struct Forgetting {
    timeouts: Timeouts,
    /// The slots of transactions that are not forgotten yet.
    open: VecDeque<usize>,
    forgotten: Forgotten,
    spoiled: bool,
}

impl Forgetting {
    pub(super) fn new(timeouts: Timeouts) -> Self {
        let (open, forgotten) = (VecDeque::new(), Forgotten::default());
        Forgetting { timeouts, open, forgotten, spoiled: false }
    }

    /// Takes note of a transaction that begins.
    pub(super) fn watch(&mut self, slot: usize) {
        self.open.push_back(slot);
    }

    pub(super) fn into_forgotten(self) -> Forgotten {
        self.forgotten
    }
}

impl Measurer {
    /// Whether a forgotten transaction turned out to be needed. Then the results must not be used.
    pub fn is_spoiled(&self) -> bool {
        self.forgetting.as_ref().is_some_and(|forgetting| {
            // Rule 44 is about all transactions of a group. Whether one that breaks it causes a finding depends on the others.
            let order = self.history.protocol.entry().order;
            let together = || {
                self.history.family == Family::Saga
                    && forgetting.forgotten.transactions.submitted > 0
                    && !self.history.index.iter().all(|(_, _, txn_history)| check::keeps_to_order(txn_history, order))
            };
            forgetting.spoiled || together()
        })
    }

    /// The number of transactions that are not forgotten.
    pub fn held(&self) -> usize {
        self.history.index.iter().count()
    }

    /// Whether a line may be taken. `known` is the slot of its transaction, if that has one. Otherwise the results are spoiled.
    pub(super) fn may_take(&mut self, seen: &Stamped, known: Option<usize>) -> bool {
        let Some(forgetting) = &mut self.forgetting else { return true };
        forgetting.spoiled |= match &seen.what {
            // This is the first line of every transaction.
            Observation::ClientBegan { .. } => false,
            Observation::Crashed { .. } | Observation::Restarted { .. } => true,
            what => known.is_none() && what.txn().is_some(),
        };
        !forgetting.spoiled
    }

    /// Forgets some of the transactions that have ended.
    pub(super) fn forget_some(&mut self, t: i64) {
        let Some(mut forgetting) = self.forgetting.take() else { return };
        for _ in 0..LOOKS.min(forgetting.open.len()) {
            let Some(slot) = forgetting.open.pop_front() else { break };
            if !self.is_over(slot) {
                forgetting.open.push_back(slot);
                continue;
            }
            match self.harmless(slot, forgetting.timeouts) {
                // A check finds something in it, so it is kept.
                None => {}
                Some(fate) => {
                    forgetting.forgotten.add(self.history.index.at(slot), fate);
                    self.measures.forget(slot, t, &self.history);
                    self.history.forget(slot);
                }
            }
        }
        self.forgetting = Some(forgetting);
    }

    /// Whether no later line can concern a transaction.
    fn is_over(&self, slot: usize) -> bool {
        let txn_history = self.history.index.at(slot);
        let in_doubt = || txn_history.branches.values().any(|branch| branch.in_doubt.is_some());
        // A lazy record (an outcome, a refusal, a step that only read) is durable only later, and that is another line.
        let durable = |logged: &Logged| logged.last <= self.history.topology.durable(logged.node);
        !txn_history.told.is_empty()
            && txn_history.under_way == 0
            // Audits have no phases.
            && (txn_history.ended.is_some() || txn_history.audit || !txn_history.accepted)
            && self.measures.is_quiet(slot)
            && !in_doubt()
            && txn_history.logged.iter().all(durable)
    }

    /// The fate of a transaction that has ended, if no check finds anything in it.
    fn harmless(&mut self, slot: usize, timeouts: Timeouts) -> Option<Fate> {
        let plain = plain_success(self.history.family, self.history.index.at(slot));
        let alone = |final_state: &FinalState| {
            let fate = *final_state.fates.values().next()?;
            let over = matches!(fate, Fate::Succeeded | Fate::Aborted | Fate::Compensated | Fate::Refused);
            (over && torn(final_state).is_empty() && check::finds_nothing(final_state, timeouts)).then_some(fate)
        };
        if plain {
            debug_assert_eq!(self.history.alone(slot, alone), Some(Fate::Succeeded), "a plain success is one");
            return Some(Fate::Succeeded);
        }
        self.history.alone(slot, alone)
    }
}

/// Whether a transaction that has ended is so plain that no check needs to look at it: it succeeded, and every participant did its
/// part once and in order.
fn plain_success(family: Family, txn_history: &TxnHistory) -> bool {
    let [(told, OutcomeWord::Succeeded)] = txn_history.told[..] else { return false };
    if txn_history.audit
        || !txn_history.accepted
        || !txn_history.lost_at.is_empty()
        || txn_history.stuck.is_some()
        || !txn_history.refused.is_empty()
    {
        return false;
    }
    // There must be one effect for each part of the plan. Branches come in any order, steps in the order of the plan.
    if txn_history.effects.len() != txn_history.plan.0.len() {
        return false;
    }
    let two_phase = family == Family::TwoPhase;
    let mut running = 0;
    for (entry, next) in txn_history.plan.0.iter().zip(&txn_history.effects) {
        let effect =
            if two_phase { txn_history.effects.iter().find(|effect| effect.node == entry.node) } else { Some(next) };
        let (Some(delta), Some(effect)) = (entry.delta, effect) else { return false };
        let kind = if two_phase { EffectKind::Branch } else { EffectKind::Step(entry.step) };
        let [Update { key, change: Change::Delta(done) }] = &effect.updates[..] else { return false };
        running += done;
        // This is rule 44 for a saga that debits first.
        let by_rule = family != Family::Saga || running <= 0;
        let as_planned = effect.node == entry.node && effect.kind == kind && (key, *done) == (&entry.key, delta);
        if !as_planned || !by_rule || effect.gone.is_some() {
            return false;
        }
    }
    if !two_phase {
        return true;
    }
    if txn_history.plan.0.iter().any(|entry| txn_history.branches.get(entry.node).is_none()) {
        return false;
    }
    let [(decided, Decision::Commit)] = txn_history.home_decided[..] else { return false };
    decided <= told
        && txn_history.branches.iter().len() == txn_history.plan.0.len()
        && txn_history.branches.values().all(|branch| {
            matches!(branch.votes[..], [(t, Vote::Yes)] if t <= decided)
                && matches!(branch.decisions[..], [(t, Decision::Commit)] if t >= decided)
        })
}
