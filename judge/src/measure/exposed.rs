//! `exposed_ms`: for each transaction, the time during which one of its effects is committed and unlocked while another is
//! neither applied nor locked. A reader then sees only a part of the transaction. A compensated effect does not count as committed.
//!
//! A 2PC branch counts as committed when it learns COMMIT, because it then releases its locks, even if a lazy outcome record is
//! durable only later. Transactions that were never exposed are not in the sample.

use super::{
    fold::{Measure, Results},
    slots::at,
    spread::Sample,
    stopwatch::Stopwatch,
};
use crate::{
    history::History,
    shown::{Shown, Table, Worst},
};
use indoubt_proto::{
    ids::NodeId,
    message::Decision,
    observation::{Observation, PlanEntry, Stamped},
    operation::Key,
};
use indoubt_scenario::protocol::Family;

/// The state of one planned effect.
#[derive(Clone, Debug)]
struct Part {
    node: NodeId,
    step: u32,
    key: Key,
    applied: bool,
    locked: bool,
}

/// The state of one transaction. It has no parts if it has fewer than two effects, because it then cannot be exposed.
#[derive(Clone, Debug, Default)]
struct Open {
    parts: Vec<Part>,
    clock: Stopwatch,
}

/// Measures how long transactions are exposed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exposed {
    /// The states of transactions, by slot.
    of: Vec<Open>,
    /// The times of transactions that are forgotten.
    sample: Sample,
}

impl Measure for Exposed {
    const SHOWN: &'static [Shown] = &[Shown::ms("exposed_ms.max", |m| m.exposed_ms.max)
        .column(Table::Waiting, "exposed max")
        .over_seeds(Worst::Largest)];

    fn client(&mut self, seen: &Stamped, slot: usize, _history: &History) {
        let Observation::ClientBegan { plan, .. } = &seen.what else { return };
        let writes = || plan.iter().filter(|entry| entry.delta.is_some() || entry.value.is_some());
        let open = at(&mut self.of, slot);
        if open.parts.is_empty() && writes().nth(1).is_some() {
            let part = |entry: &PlanEntry| {
                let PlanEntry { node, step, ref key, .. } = *entry;
                Part { node, step, key: key.clone(), applied: false, locked: false }
            };
            open.parts.extend(writes().map(part));
        }
    }

    fn progress(&mut self, seen: &Stamped, slot: usize, history: &History) {
        let (t, node) = (seen.t_us, seen.node);
        match &seen.what {
            Observation::LockGranted { key, .. } => {
                self.change(t, slot, |part| part.node == node && part.key == *key, |part| part.locked = true);
            }
            Observation::LockReleased { key, .. } => {
                self.change(t, slot, |part| part.node == node && part.key == *key, |part| part.locked = false);
            }
            Observation::Applied { txn, .. } | Observation::Decided { txn, outcome: Decision::Commit }
                if node != txn.home =>
            {
                self.change(t, slot, |part| part.node == node, |part| part.applied = true);
            }
            // It is in doubt again after a crash, so the decision that it had learned was not durable.
            Observation::InDoubt { .. } => {
                self.change(t, slot, |part| part.node == node, |part| part.applied = false);
            }
            Observation::StepApplied { step, .. } | Observation::Compensated { step, .. } => {
                let stands = history.index.at(slot).standing(*step) > 0;
                self.change(t, slot, |part| part.step == *step, |part| part.applied = stands);
            }
            _ => {}
        }
    }

    fn cluster(&mut self, seen: &Stamped, history: &History) {
        if matches!(seen.what, Observation::Crashed { .. } | Observation::Restarted { .. }) {
            self.look_again(seen.t_us, seen.node, history);
        }
    }

    fn forget(&mut self, slot: usize, t: i64, _history: &History) {
        let open = at(&mut self.of, slot);
        open.parts.clear();
        open.clock.end(t, &mut self.sample);
    }

    fn finish(mut self, history: &History, results: &mut Results) {
        for open in &mut self.of {
            open.clock.end(history.end, &mut self.sample);
        }
        results.measures.exposed_ms = self.sample.spread();
    }
}

impl Exposed {
    /// A node crashed or restarted. Only the locks of branches in doubt remain, and only effects that are in its journal.
    fn look_again(&mut self, t: i64, node: NodeId, history: &History) {
        for (slot, _, txn_history) in history.index.iter() {
            let in_doubt = txn_history.in_doubt_at(node, &history.topology);
            let stands = |part: &Part| match history.family {
                Family::TwoPhase => !in_doubt && txn_history.branch_stands(node, &history.topology),
                Family::Saga | Family::Unprotected => txn_history.standing(part.step) > 0,
            };
            self.change(
                t,
                slot,
                |part| part.node == node,
                |part| {
                    (part.locked, part.applied) = (in_doubt, stands(part));
                },
            );
        }
    }

    fn change(&mut self, t: i64, slot: usize, which: impl Fn(&Part) -> bool, how: impl Fn(&mut Part)) {
        let Some(open) = self.of.get_mut(slot).filter(|open| !open.parts.is_empty()) else {
            return;
        };
        open.parts.iter_mut().filter(|part| which(part)).for_each(how);
        let shown = open.parts.iter().any(|part| part.applied && !part.locked);
        let lacking = open.parts.iter().any(|part| !part.applied && !part.locked);
        open.clock.set(t, shown && lacking);
    }
}
