//! The history of one transaction.

use super::{
    branches::{Branch, Branches, Learned},
    topology::{Life, Topology},
};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId},
    message::{Decision, OutcomeWord},
    observation::PlanEntry,
    operation::{Change, Key, Update},
};
use indoubt_scenario::protocol::entry::StepOrder;
use std::collections::{BTreeMap, BTreeSet};

/// The effects that a transaction shall have, as its client listed them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan(pub(crate) Vec<PlanEntry>);

impl Plan {
    /// The entries that change something.
    pub(crate) fn writes(&self) -> impl Iterator<Item = &PlanEntry> + '_ {
        self.0.iter().filter(|entry| entry.delta.is_some() || entry.value.is_some())
    }

    /// The participants of the transaction.
    pub(crate) fn nodes(&self) -> BTreeSet<NodeId> {
        self.0.iter().map(|entry| entry.node).collect()
    }

    /// The participants at which the transaction writes.
    pub(crate) fn writing_nodes(&self) -> BTreeSet<NodeId> {
        self.writes().map(|entry| entry.node).collect()
    }

    /// The steps that write, each with its participant.
    pub(crate) fn writing_steps(&self) -> BTreeMap<u32, NodeId> {
        self.writes().map(|entry| (entry.step, entry.node)).collect()
    }

    /// The largest and the smallest sum that its steps can come to on the way, in any order in which they may run: 0 before
    /// the first one.
    pub(crate) fn extremes(&self, order: StepOrder) -> (i64, i64) {
        // Steps that wait for each other form chains. Chains run independently, so that their extremes add up.
        let mut chains: BTreeMap<Option<NodeId>, BTreeMap<u32, i64>> = BTreeMap::new();
        for entry in &self.0 {
            let chain = (order == StepOrder::AtEachParticipant).then_some(entry.node);
            *chains.entry(chain).or_default().entry(entry.step).or_default() += entry.delta.unwrap_or(0);
        }
        let (mut largest, mut smallest) = (0, 0);
        for chain in chains.values() {
            let (mut sum, mut high, mut low) = (0, 0, 0);
            for delta in chain.values() {
                sum += delta;
                (high, low) = (sum.max(high), sum.min(low));
            }
            (largest, smallest) = (largest + high, smallest + low);
        }
        (largest, smallest)
    }

    /// The changes that the plan makes at a node.
    pub(crate) fn updates_at(&self, node: NodeId) -> impl Iterator<Item = Update> + '_ {
        self.writes().filter(move |entry| entry.node == node).filter_map(|entry| {
            let change = entry.delta.map(Change::Delta).or(entry.value.map(Change::Value))?;
            Some(Update { key: entry.key.clone(), change })
        })
    }
}

/// Which part of a transaction an effect is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EffectKind {
    /// A committed 2PC branch.
    Branch,
    /// A step, with its number from 1.
    Step(u32),
    /// The compensation of a step.
    Undo(u32),
}

impl EffectKind {
    /// The text for people.
    pub(crate) fn describe(self) -> String {
        match self {
            EffectKind::Branch => "branch".into(),
            EffectKind::Step(step) => format!("step {step}"),
            EffectKind::Undo(step) => format!("compensation of step {step}"),
        }
    }
}

/// One durable effect.
#[derive(Clone, Debug)]
pub(crate) struct Effect {
    pub(crate) t: i64,
    /// The `seq` of its line in the trace.
    pub(crate) seq: u64,
    pub(crate) node: NodeId,
    pub(crate) kind: EffectKind,
    pub(crate) updates: Vec<Update>,
    pub(crate) log: LogId,
    pub(crate) lsn: Lsn,
    /// The time at which its node restarted without it.
    pub(crate) gone: Option<i64>,
}

/// Everything that the trace says about one transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct TxnHistory {
    pub(crate) began: Option<i64>,
    pub(crate) audit: bool,
    pub(crate) plan: Plan,
    /// The correct answer of an audit.
    pub(crate) total: Option<i64>,
    /// The outcomes that its client was told. More than one is a mistake.
    pub(crate) told: Vec<(i64, OutcomeWord)>,
    /// Whether its client stopped waiting before it was told.
    pub(crate) gave_up: bool,
    pub(crate) accepted: bool,
    /// Whether its home observed that it accepted it.
    pub(crate) begun: bool,
    /// The state of its home when it was accepted.
    pub(crate) home_then: Life,
    pub(crate) home_decided: Vec<(i64, Decision)>,
    pub(crate) ended: Option<i64>,
    /// Its home knows that an operator ended a branch otherwise than it decided.
    pub(crate) heuristic_known: bool,
    /// The step whose compensation waits for an operator.
    pub(crate) stuck: Option<u32>,
    /// The records of a saga's home that begin compensation (`turned`) and end the saga (`closed`).
    pub(crate) turned: Option<Lsn>,
    pub(crate) closed: Option<Lsn>,
    /// The participants that lost their branch with their journal, as far as its home knows.
    pub(crate) lost_at: BTreeSet<NodeId>,
    pub(crate) branches: Branches,
    /// The effects, each once, in the order of the trace.
    pub(crate) effects: Vec<Effect>,
    /// The refused steps: time, node and number of the step.
    pub(crate) refused: Vec<(i64, NodeId, u32)>,
    /// The value that each step last read of each record.
    pub(crate) reads: BTreeMap<(u32, Key), i64>,
    /// The number of its messages, including copies, that were sent and are neither received nor lost yet.
    pub(crate) under_way: i64,
    /// The first and the last record about it in the journal of each node.
    pub(crate) logged: Vec<Logged>,
    /// The nodes that had durable records about it which are missing in the older copy of their journal that was put back.
    pub(crate) set_back: Vec<NodeId>,
    /// The participants to which its home has sent anything about it.
    pub(crate) asked: Vec<NodeId>,
}

/// The records about a transaction in the journal of one node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged {
    pub(crate) node: NodeId,
    pub(crate) since: i64,
    pub(crate) last: Lsn,
}

impl TxnHistory {
    /// Clears the history and keeps its buffers.
    pub(super) fn clear(&mut self) {
        let old = std::mem::take(self);
        let TxnHistory { mut plan, mut told, mut home_decided, mut branches, mut effects, .. } = old;
        let TxnHistory { mut refused, mut logged, mut set_back, mut asked, .. } = old;
        plan.0.clear();
        told.clear();
        home_decided.clear();
        branches.clear();
        effects.clear();
        refused.clear();
        logged.clear();
        set_back.clear();
        asked.clear();
        let empty = TxnHistory::default();
        *self = TxnHistory { plan, told, home_decided, branches, effects, refused, logged, set_back, asked, ..empty };
    }

    pub(super) fn branch(&mut self, node: NodeId) -> &mut Branch {
        self.branches.of(node)
    }

    /// Its home restarted with its journal up to `upto`.
    pub(super) fn recover_home(&mut self, upto: Lsn) {
        // If the home knows that the saga is stuck, it observes that again at boot.
        self.stuck = None;
        for record in [&mut self.turned, &mut self.closed] {
            record.take_if(|record| *record > upto);
        }
    }

    /// An older copy of the journal of `node` was put back, which ends with record `upto`.
    pub(super) fn set_back(&mut self, node: NodeId, upto: Lsn) {
        if self.logged.iter().any(|logged| logged.node == node && logged.last > upto) && !self.set_back.contains(&node)
        {
            self.set_back.push(node);
        }
    }

    pub(super) fn read(&mut self, step: u32, key: &Key, value: i64) {
        self.reads.insert((step, key.clone()), value);
    }

    /// The first outcome that its client was told.
    pub(crate) fn told(&self) -> Option<OutcomeWord> {
        self.told.first().map(|(_, outcome)| *outcome)
    }

    /// The first outcome that its client was told while it waited.
    pub(crate) fn told_in_time(&self) -> Option<OutcomeWord> {
        self.told().filter(|_| !self.gave_up)
    }

    /// Whether its client was told a definite outcome, whenever that was.
    pub(crate) fn has_learned(&self) -> bool {
        self.told.iter().any(|(_, outcome)| *outcome != OutcomeWord::Unknown)
    }

    pub(crate) fn told_success(&self) -> bool {
        self.told.iter().any(|(_, outcome)| *outcome == OutcomeWord::Succeeded)
    }

    pub(crate) fn decided_at_home(&self, decision: Decision) -> bool {
        self.home_decided.iter().any(|(_, decided)| *decided == decision)
    }

    /// Whether a node lost its journal after it had logged something about this transaction.
    pub(crate) fn lost_log_at(&self, node: NodeId, topology: &Topology) -> bool {
        let lost = topology.life(node).log_lost_last;
        self.logged.iter().any(|logged| logged.node == node && lost.is_some_and(|lost| logged.since <= lost))
    }

    /// Whether a node lost its journal after this transaction began.
    pub(crate) fn lost_since_begun(&self, node: NodeId, topology: &Topology) -> bool {
        topology.life(node).log_lost_last.is_some_and(|lost| self.began.is_none_or(|began| lost >= began))
    }

    /// The effects of this kind that are not lost.
    pub(crate) fn present(&self, kind: EffectKind) -> impl Iterator<Item = &Effect> + '_ {
        self.effects.iter().filter(move |effect| effect.kind == kind && effect.gone.is_none())
    }

    /// How often a step stands: the number of its applications minus the number of its effective compensations.
    pub(crate) fn standing(&self, step: u32) -> i64 {
        let undone = self.present(EffectKind::Undo(step)).filter(|effect| !effect.updates.is_empty()).count();
        self.present(EffectKind::Step(step)).count() as i64 - undone as i64
    }

    /// Whether a 2PC branch stands at a participant: it is applied, or it learned COMMIT and has not lost that since.
    pub(crate) fn branch_stands(&self, node: NodeId, topology: &Topology) -> bool {
        self.present(EffectKind::Branch).any(|effect| effect.node == node) || self.commit_learned(node, topology)
    }

    /// Whether a branch learned COMMIT and has not lost that: its node has not crashed since, or the record is durable.
    pub(crate) fn commit_learned(&self, node: NodeId, topology: &Topology) -> bool {
        let learned = self.branches.get(node).and_then(|branch| branch.learned);
        learned.is_some_and(|l| {
            l.decision == Decision::Commit && (!topology.life(node).down || l.is_durable(topology.durable(node)))
        })
    }

    /// The time since which a branch is in doubt at a participant, in a journal that still exists. If a node crashed before the
    /// record of the decision was durable, its journal may still say that the branch is prepared.
    pub(crate) fn doubt_at(&self, node: NodeId, topology: &Topology) -> Option<i64> {
        let branch = self.branches.get(node)?;
        let life = topology.life(node);
        let applied = || self.present(EffectKind::Branch).any(|effect| effect.node == node);
        let died_with = |learned: &Learned| life.down && !learned.is_durable(topology.durable(node)) && !applied();
        let assumed = branch.assumed.filter(|_| life.down || life.booting);
        let doubt = branch.in_doubt.or(assumed).or_else(|| branch.learned.filter(died_with)?.doubt);
        doubt.filter(|(_, losses)| *losses == life.losses).map(|(since, _)| since)
    }

    /// Whether a branch is in doubt at a participant (see [`TxnHistory::doubt_at`]).
    pub(crate) fn in_doubt_at(&self, node: NodeId, topology: &Topology) -> bool {
        self.doubt_at(node, topology).is_some()
    }

    /// The changes that stand, by record: those of its effects, including compensations. A branch that learned COMMIT counts with
    /// its plan, even if the record is not durable yet.
    pub(crate) fn changes(&self, topology: &Topology) -> Vec<Update> {
        let there = self.effects.iter().filter(|effect| effect.gone.is_none());
        let mut changes: Vec<Update> = there.flat_map(|effect| effect.updates.iter().cloned()).collect();
        for node in self.plan.writing_nodes() {
            let durable = self.present(EffectKind::Branch).any(|effect| effect.node == node);
            if !durable && self.commit_learned(node, topology) {
                changes.extend(self.plan.updates_at(node));
            }
        }
        changes
    }
}
