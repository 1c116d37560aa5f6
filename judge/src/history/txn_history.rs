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

/// What a transaction was to do, as its client listed it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan(pub(crate) Vec<PlanEntry>);

impl Plan {
    /// The entries that change something.
    pub(crate) fn writes(&self) -> impl Iterator<Item = &PlanEntry> + '_ {
        self.0.iter().filter(|entry| entry.delta.is_some() || entry.value.is_some())
    }

    /// The participants.
    pub(crate) fn nodes(&self) -> BTreeSet<NodeId> {
        self.0.iter().map(|entry| entry.node).collect()
    }

    /// The participants where it writes.
    pub(crate) fn writing_nodes(&self) -> BTreeSet<NodeId> {
        self.writes().map(|entry| entry.node).collect()
    }

    /// The steps that write, and where.
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

    /// What one node's part changes.
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
    /// A step, 1-based.
    Step(u32),
    /// A step's compensation.
    Undo(u32),
}

impl EffectKind {
    /// For people.
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
    /// Its `seq` in the trace.
    pub(crate) seq: u64,
    pub(crate) node: NodeId,
    pub(crate) kind: EffectKind,
    pub(crate) updates: Vec<Update>,
    pub(crate) log: LogId,
    pub(crate) lsn: Lsn,
    /// When its node came back without it.
    pub(crate) gone: Option<i64>,
}

/// Everything that the trace says of one transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct TxnHistory {
    pub(crate) began: Option<i64>,
    pub(crate) audit: bool,
    pub(crate) plan: Plan,
    /// An audit's right answer.
    pub(crate) total: Option<i64>,
    /// What its client was told; more than once only by mistake.
    pub(crate) told: Vec<(i64, OutcomeWord)>,
    pub(crate) accepted: bool,
    /// Its home's life when it was accepted.
    pub(crate) home_then: Life,
    pub(crate) home_decided: Vec<(i64, Decision)>,
    pub(crate) ended: Option<i64>,
    /// The step whose compensation waits for an operator.
    pub(crate) stuck: Option<u32>,
    /// The records of a saga's home that say that it turned back, and that it is over.
    pub(crate) turned: Option<Lsn>,
    pub(crate) closed: Option<Lsn>,
    /// Participants of which its home knows that they lost their branch with their journal.
    pub(crate) lost_at: BTreeSet<NodeId>,
    pub(crate) branches: Branches,
    /// Each once, in the order of the trace.
    pub(crate) effects: Vec<Effect>,
    /// Steps refused: when, where, which.
    pub(crate) refused: Vec<(i64, NodeId, u32)>,
    /// What each step read last.
    pub(crate) reads: BTreeMap<(u32, Key), i64>,
    /// Its messages, copies included, that were sent and neither taken nor lost yet.
    pub(crate) under_way: i64,
    /// The records about it in the journal of each node that logged one.
    pub(crate) logged: Vec<Logged>,
    /// The participants to which its home has sent anything about it.
    pub(crate) asked: Vec<NodeId>,
}

/// When a node first appended a record about a transaction, and which is the last one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged {
    pub(crate) node: NodeId,
    pub(crate) since: i64,
    pub(crate) last: Lsn,
}

impl TxnHistory {
    /// Empties it, and keeps its buffers.
    pub(super) fn clear(&mut self) {
        let old = std::mem::take(self);
        let TxnHistory { mut plan, mut told, mut home_decided, mut branches, mut effects, .. } = old;
        let TxnHistory { mut refused, mut logged, mut asked, .. } = old;
        plan.0.clear();
        told.clear();
        home_decided.clear();
        branches.clear();
        effects.clear();
        refused.clear();
        logged.clear();
        asked.clear();
        *self =
            TxnHistory { plan, told, home_decided, branches, effects, refused, logged, asked, ..TxnHistory::default() };
    }

    pub(super) fn branch(&mut self, node: NodeId) -> &mut Branch {
        self.branches.of(node)
    }

    /// Its home is back with its journal up to `upto`.
    pub(super) fn recover_home(&mut self, upto: Lsn) {
        // It says again at boot that it is stuck, if it knows.
        self.stuck = None;
        for record in [&mut self.turned, &mut self.closed] {
            record.take_if(|record| *record > upto);
        }
    }

    pub(super) fn read(&mut self, step: u32, key: &Key, value: i64) {
        self.reads.insert((step, key.clone()), value);
    }

    /// What its client was told first.
    pub(crate) fn told(&self) -> Option<OutcomeWord> {
        self.told.first().map(|(_, outcome)| *outcome)
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

    /// Effects of this kind that are still there.
    pub(crate) fn present(&self, kind: EffectKind) -> impl Iterator<Item = &Effect> + '_ {
        self.effects.iter().filter(move |effect| effect.kind == kind && effect.gone.is_none())
    }

    /// How often a step stands: its applications that are there, less its effective compensations.
    pub(crate) fn standing(&self, step: u32) -> i64 {
        let undone = self.present(EffectKind::Undo(step)).filter(|effect| !effect.updates.is_empty()).count();
        self.present(EffectKind::Step(step)).count() as i64 - undone as i64
    }

    /// Whether a 2PC branch stands at a participant: applied, or commit learned and not lost since.
    pub(crate) fn branch_stands(&self, node: NodeId, topology: &Topology) -> bool {
        self.present(EffectKind::Branch).any(|effect| effect.node == node) || self.commit_learned(node, topology)
    }

    /// Whether a branch learned COMMIT and has not lost it: its node has not died since, or its record is durable.
    pub(crate) fn commit_learned(&self, node: NodeId, topology: &Topology) -> bool {
        let learned = self.branches.get(node).and_then(|branch| branch.learned);
        learned.is_some_and(|l| {
            l.decision == Decision::Commit && (!topology.life(node).down || l.is_durable(topology.durable(node)))
        })
    }

    /// Since when a branch is in doubt at a participant, in a journal that still exists. A node that died before the record
    /// of what it had learned was durable, and is down, may know nothing of it: its journal says that the branch is prepared.
    pub(crate) fn doubt_at(&self, node: NodeId, topology: &Topology) -> Option<i64> {
        let branch = self.branches.get(node)?;
        let life = topology.life(node);
        let applied = || self.present(EffectKind::Branch).any(|effect| effect.node == node);
        let died_with = |learned: &Learned| life.down && !learned.is_durable(topology.durable(node)) && !applied();
        let assumed = branch.assumed.filter(|_| life.down || life.booting);
        let doubt = branch.in_doubt.or(assumed).or_else(|| branch.learned.filter(died_with)?.doubt);
        doubt.filter(|(_, losses)| *losses == life.losses).map(|(since, _)| since)
    }

    /// See [`TxnHistory::doubt_at`].
    pub(crate) fn in_doubt_at(&self, node: NodeId, topology: &Topology) -> bool {
        self.doubt_at(node, topology).is_some()
    }

    /// What is there of it at the end: the changes of its effects, compensations included, by record. A branch whose commit
    /// is learned and not durable yet counts by its plan.
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
