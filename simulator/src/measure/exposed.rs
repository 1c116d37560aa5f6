//! `exposed_ms`: per transaction, the time when one of its effects is committed and unlocked while another is neither
//! applied nor locked. Whoever reads then sees half of it. A compensated effect no longer counts as committed.
//!
//! A 2PC branch is committed from the moment that it learned COMMIT: it releases its locks then, though a lazy outcome
//! record is durable only later. Transactions that were never exposed are not in the sample.

use super::{doubt::Clock, spread::Sample};
use crate::history::History;
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Decision,
    observation::{Observation, Stamped},
    operation::Key,
};
use std::collections::{BTreeMap, BTreeSet};

/// One planned effect.
#[derive(Clone, Debug)]
struct Part {
    node: NodeId,
    step: u32,
    key: Key,
    applied: bool,
    locked: bool,
}

#[derive(Clone, Debug)]
struct Open {
    parts: Vec<Part>,
    clock: Clock,
}

/// The fold.
#[derive(Clone, Debug, Default)]
pub(super) struct Exposed {
    open: BTreeMap<TxnId, Open>,
    /// Transactions that hold a lock, by node: whom a crash concerns.
    holding: BTreeMap<NodeId, BTreeSet<TxnId>>,
}

impl Exposed {
    /// Takes the next line; `history` has taken it already.
    pub(super) fn take(&mut self, seen: &Stamped, history: &History) {
        let (t, node) = (seen.t_us, seen.node);
        match &seen.what {
            Observation::ClientBegan { txn, plan, .. } => {
                let writes = plan.iter().filter(|entry| entry.delta.is_some() || entry.value.is_some());
                let part = |entry: &indoubt_proto::observation::PlanEntry| Part {
                    node: entry.node,
                    step: entry.step,
                    key: entry.key.clone(),
                    applied: false,
                    locked: false,
                };
                let parts: Vec<Part> = writes.map(part).collect();
                // With fewer than two effects there is no other one.
                if parts.len() > 1 {
                    self.open.entry(*txn).or_insert(Open { parts, clock: Clock::default() });
                }
            }
            Observation::LockGranted { txn, key, .. } => {
                self.holding.entry(node).or_default().insert(*txn);
                self.change(t, *txn, |part| part.node == node && part.key == *key, |part| part.locked = true);
            }
            Observation::LockReleased { txn, key } => {
                self.change(t, *txn, |part| part.node == node && part.key == *key, |part| part.locked = false);
            }
            Observation::Applied { txn, .. } | Observation::Decided { txn, outcome: Decision::Commit }
                if node != txn.home =>
            {
                self.change(t, *txn, |part| part.node == node, |part| part.applied = true);
            }
            // In doubt again after a crash: what it had learned was not durable.
            Observation::InDoubt { txn } => {
                self.change(t, *txn, |part| part.node == node, |part| part.applied = false);
            }
            Observation::StepApplied { txn, step, .. } | Observation::Compensated { txn, step, .. } => {
                let stands = standing(history, *txn, *step);
                self.change(t, *txn, |part| part.step == *step, |part| part.applied = stands);
            }
            Observation::Crashed { .. } => {
                for txn in self.holding.remove(&node).unwrap_or_default() {
                    let story = history.stories.get(&txn);
                    if story.is_some_and(|story| story.in_doubt_at(node, &history.topology)) {
                        self.holding.entry(node).or_default().insert(txn);
                    } else {
                        self.change(t, txn, |part| part.node == node, |part| part.locked = false);
                    }
                }
            }
            _ => {}
        }
    }

    fn change(&mut self, t: i64, txn: TxnId, which: impl Fn(&Part) -> bool, how: impl Fn(&mut Part)) {
        let Some(open) = self.open.get_mut(&txn) else {
            return;
        };
        open.parts.iter_mut().filter(|part| which(part)).for_each(how);
        let shown = open.parts.iter().any(|part| part.applied && !part.locked);
        let lacking = open.parts.iter().any(|part| !part.applied && !part.locked);
        open.clock.set(t, shown && lacking);
    }

    /// What is exposed at `end` is censored.
    pub(super) fn finish(self, end: i64) -> Sample {
        let mut sample = Sample::default();
        for open in self.open.into_values() {
            match (open.clock.at(end), open.clock.holds()) {
                (0, _) => {}
                (us, true) => sample.add_open(us),
                (us, false) => sample.add(us),
            }
        }
        sample
    }
}

fn standing(history: &History, txn: TxnId, step: u32) -> bool {
    history.stories.get(&txn).is_some_and(|story| story.standing(step) > 0)
}
