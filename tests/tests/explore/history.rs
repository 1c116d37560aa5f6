//! The history of a state, as far as the promises need it. It contains no more than that, because every difference in the history
//! makes another state.

use indoubt_proto::{
    ids::{Lsn, NodeId},
    message::{Decision, Outcome, OutcomeWord, Vote},
    observation::Observation,
};
use std::collections::BTreeSet;

/// The part of the history that promises need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct History {
    /// The decisions of all nodes. A coordinator's decision is durable or presumed. A participant's is learned, or its own abort.
    pub(crate) decided: BTreeSet<(NodeId, Decision)>,
    /// The participants that voted YES.
    pub(crate) yes: BTreeSet<NodeId>,
    /// The committed branches whose effects are durable.
    pub(crate) applied: BTreeSet<(NodeId, Lsn)>,
    /// The steps of a saga whose effects are durable: node, step, whether it is a compensation, and record. Recovery observes a record
    /// again, which is the same effect.
    pub(crate) steps: BTreeSet<(NodeId, u32, bool, Lsn)>,
    /// A compensation became effective, of the first step, while the second, a later one, was applied and not undone (rule 24).
    pub(crate) undone_before: BTreeSet<(u32, u32)>,
    /// The outcome that the client was told.
    pub(crate) told: Vec<OutcomeWord>,
}

impl History {
    pub(crate) fn observe(&mut self, at: NodeId, what: &Observation) {
        match what {
            Observation::Decided { outcome, .. } => {
                self.decided.insert((at, *outcome));
            }
            Observation::Voted { vote: Vote::Yes, .. } => {
                self.yes.insert(at);
            }
            Observation::Applied { lsn, .. } => {
                self.applied.insert((at, *lsn));
            }
            Observation::StepApplied { step, lsn, .. } => {
                self.steps.insert((at, *step, false, *lsn));
            }
            Observation::Compensated { step, effects, lsn, .. } if !effects.is_empty() => {
                let is_new = self.steps.insert((at, *step, true, *lsn));
                let later = self.standing().into_iter().filter(|other| is_new && other > step);
                self.undone_before.extend(later.map(|other| (*step, other)));
            }
            _ => {}
        }
    }

    pub(crate) fn tell(&mut self, outcome: &Outcome) {
        if !self.told.contains(&outcome.word()) {
            self.told.push(outcome.word());
        }
    }

    /// Whether any node made this decision.
    pub(crate) fn has_decided(&self, decision: Decision) -> bool {
        self.decided.iter().any(|(_, decided)| *decided == decision)
    }

    /// How often a step was applied or undone.
    pub(crate) fn times(&self, step: u32, undone: bool) -> usize {
        self.steps.iter().filter(|(_, s, u, _)| *s == step && *u == undone).count()
    }

    /// The steps that are applied and not undone.
    pub(crate) fn standing(&self) -> BTreeSet<u32> {
        let of = |undone| self.steps.iter().filter(move |s| s.2 == undone).map(|s| s.1).collect::<BTreeSet<u32>>();
        &of(false) - &of(true)
    }
}
