//! The history of each transaction, read from the trace: its plan, what happened to it at every node, and what its client was
//! told. Final states, effects and checks read this. Measures of time are computed in [`crate::measure`].

pub(crate) mod branches;
mod by_node;
pub(crate) mod contract;
pub(crate) mod fate;
pub(crate) mod final_state;
pub(crate) mod forgotten;
pub(crate) mod history_index;
pub(crate) mod marks;
pub(crate) mod topology;
pub(crate) mod txn_history;

use branches::Learned;
use contract::Contract;
use final_state::FinalState;
use history_index::HistoryIndex;
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Role, TxnId},
    message::MessageKind,
    observation::{Observation, Phase, Stamped},
    operation::Update,
    time::Micros,
};
use indoubt_scenario::protocol::{Family, Protocol};
use marks::Marks;
use rustc_hash::FxHashSet;
use topology::Topology;
use txn_history::{Effect, EffectKind, Logged};

/// The histories of all transactions, and the current state of the cluster.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) protocol: Protocol,
    pub(crate) family: Family,
    pub(crate) index: HistoryIndex,
    pub(crate) topology: Topology,
    /// Whether the world kept its promises to the machines.
    contract: Contract,
    /// Whether coordinating nodes keep to their marks.
    marks: Marks,
    /// How long clients submitted transactions, in microseconds.
    pub(crate) duration: i64,
    /// The time of the last line.
    pub(crate) end: i64,
    /// Whether the trace has its last line.
    pub(crate) complete: bool,
    /// Whether the last line was an effect that was seen for the first time.
    pub(crate) fresh: bool,
    /// The journal positions of all effects. Recovery observes an effect again when it replays its record. The set is only used
    /// for look-ups and never iterated.
    effects_seen: FxHashSet<(NodeId, LogId, Lsn)>,
    /// Buffers of effects that are forgotten.
    spare: Vec<Vec<Update>>,
}

impl History {
    pub(crate) fn new(protocol: Protocol, duration: Micros) -> Self {
        History {
            protocol,
            family: protocol.family(),
            index: HistoryIndex::default(),
            topology: Topology::default(),
            contract: Contract::default(),
            marks: Marks::default(),
            duration: duration.0 as i64,
            end: 0,
            complete: false,
            fresh: false,
            effects_seen: FxHashSet::default(),
            spare: Vec::new(),
        }
    }

    /// Takes the next line of the trace. `slot` is the slot of its transaction. Returns whether the line changed reachability or
    /// the state of a journal.
    pub(crate) fn take(&mut self, seen: &Stamped, slot: Option<usize>) -> bool {
        self.end = self.end.max(seen.t_us);
        self.fresh = false;
        let changed = self.topology.take(seen);
        self.contract.take(seen);
        self.marks.take(seen);
        if let Some(slot) = slot {
            self.tell(slot, seen);
        }
        match &seen.what {
            Observation::Restarted { log, upto, lost, .. } => {
                self.replayed(seen.node, *log, *upto);
                // Of a lost journal, nothing is durable.
                let upto = if *lost { Lsn(0) } else { *upto };
                for (txn, txn_history) in self.index.iter_mut() {
                    txn_history.branches.recover(seen.node, upto);
                    if txn.home == seen.node {
                        txn_history.recover_home(upto);
                    }
                }
            }
            Observation::LogRestored { upto } => {
                let durable = self.topology.durable(seen.node);
                if *upto < durable {
                    self.index.iter_mut().for_each(|(_, txn_history)| txn_history.set_back(seen.node, *upto));
                }
            }
            Observation::End => self.complete = true,
            _ => {}
        }
        changed
    }

    fn tell(&mut self, slot: usize, seen: &Stamped) {
        use Observation as O;
        let (t, node) = (seen.t_us, seen.node);
        let txn = self.index.name(slot);
        let txn_history = self.index.at_mut(slot);
        if !txn_history.accepted && accepts(txn, seen) {
            txn_history.accepted = true;
            txn_history.home_then = self.topology.life(txn.home);
        }
        let at_home = node == txn.home;
        match &seen.what {
            O::ClientBegan { what, plan, total, .. } if txn_history.began.is_none() => {
                txn_history.began = Some(t);
                txn_history.audit = what == "audit";
                txn_history.plan.0.clone_from(plan);
                txn_history.total = *total;
            }
            O::ClientEnded { outcome, .. } => txn_history.told.push((t, *outcome)),
            O::ClientGaveUp { .. } => txn_history.gave_up = true,
            O::Decided { outcome, .. } if at_home => txn_history.home_decided.push((t, *outcome)),
            O::Reached { phase: Phase::Begun, .. } => txn_history.begun = true,
            O::Reached { phase: Phase::Ended, .. } => {
                txn_history.ended.get_or_insert(t);
            }
            O::HeuristicOutcome { .. } => txn_history.heuristic_known = true,
            O::Stuck { step, resumed, .. } => txn_history.stuck = (!resumed).then_some(*step),
            O::LostLog { participant, .. } => {
                txn_history.lost_at.insert(*participant);
            }
            O::StepRefused { step, .. } => txn_history.refused.push((t, node, *step)),
            O::Read { key, value, step, .. } => txn_history.read(*step, key, *value),
            O::Sent { from, to, message, copy, .. } => {
                txn_history.under_way += 1;
                if *from == txn.home && to.role == Role::Participant && !txn_history.asked.contains(to) {
                    txn_history.asked.push(*to);
                }
                if *message == MessageKind::Prepare && !copy && *from == txn.home {
                    txn_history.branch(*to).prepare_sent.get_or_insert(t);
                }
                let asks = matches!(message, MessageKind::Work | MessageKind::Prepare) && *from == txn.home;
                if asks && txn_history.began.is_some() && !txn_history.audit && !txn_history.begun {
                    self.contract.asked_unobserved(seen, txn);
                }
            }
            O::Received { from, message, .. } => {
                txn_history.under_way -= 1;
                if *message == MessageKind::Vote && at_home {
                    txn_history.branch(*from).votes_received.push(t);
                }
            }
            O::Dropped { from, to, message, .. } => {
                txn_history.under_way -= 1;
                match message {
                    MessageKind::Prepare => txn_history.branch(*to).disturbed = true,
                    MessageKind::Vote => txn_history.branch(*from).disturbed = true,
                    _ => {}
                }
            }
            O::Appended { lsn, record, .. } => {
                match (at_home, &record[..]) {
                    (true, "turn") => txn_history.turned = Some(*lsn),
                    (true, "end") => txn_history.closed = Some(*lsn),
                    _ => {}
                }
                match txn_history.logged.iter_mut().find(|logged| logged.node == node) {
                    Some(logged) => logged.last = *lsn,
                    None => txn_history.logged.push(Logged { node, since: t, last: *lsn }),
                }
                // A node logs a decision in the step that learns it, and no other record of the transaction before that.
                if let Some(Learned { record: record @ None, .. }) = txn_history.branches.learned_at(node) {
                    *record = Some(*lsn);
                }
            }
            O::Voted { vote, .. } => txn_history.branch(node).votes.push((t, *vote)),
            O::InDoubt { .. } => {
                let losses = self.topology.life(node).losses;
                let branch = txn_history.branch(node);
                let since = branch.assumed.take().filter(|(_, then)| *then == losses);
                branch.in_doubt.get_or_insert(since.unwrap_or((t, losses)));
                // It is in doubt again after a crash, so the decision that it had learned was not durable.
                branch.learned = None;
            }
            O::Heuristic { .. } => {
                let branch = txn_history.branch(node);
                branch.overruled = true;
                branch.operated.get_or_insert(t);
            }
            O::Decided { outcome, .. } => {
                let branch = txn_history.branch(node);
                let doubt = branch.in_doubt.take();
                branch.decisions.push((t, *outcome));
                if std::mem::take(&mut branch.overruled) {
                    branch.heuristics.push((t, *outcome));
                }
                branch.assumed = None;
                branch.learned = Some(Learned { decision: *outcome, doubt, record: None });
            }
            O::Applied { effects, log, lsn, .. } => {
                self.apply(slot, seen, EffectKind::Branch, effects, (*log, *lsn));
            }
            O::StepApplied { step, effects, log, lsn, .. } => {
                self.apply(slot, seen, EffectKind::Step(*step), effects, (*log, *lsn));
            }
            O::Compensated { step, effects, log, lsn, .. } => {
                self.apply(slot, seen, EffectKind::Undo(*step), effects, (*log, *lsn));
            }
            _ => {}
        }
    }

    fn apply(&mut self, slot: usize, seen: &Stamped, kind: EffectKind, changes: &[Update], (log, lsn): (LogId, Lsn)) {
        if !self.effects_seen.insert((seen.node, log, lsn)) {
            return;
        }
        self.fresh = true;
        let mut updates = self.spare.pop().unwrap_or_default();
        updates.extend_from_slice(changes);
        let (t, seq, node) = (seen.t_us, seen.seq, seen.node);
        self.index.at_mut(slot).effects.push(Effect { t, seq, node, kind, updates, log, lsn, gone: None });
    }

    /// A node restarted with its journal up to `upto`. Later records, and records in another journal, are lost.
    fn replayed(&mut self, node: NodeId, log: LogId, upto: Lsn) {
        let History { index, effects_seen, end, .. } = self;
        for effect in index.iter_mut().flat_map(|(_, txn_history)| &mut txn_history.effects) {
            if effect.node == node && effect.gone.is_none() && (effect.log != log || effect.lsn > upto) {
                effect.gone = Some(*end);
                effects_seen.remove(&(node, effect.log, effect.lsn));
            }
        }
    }

    /// Forgets a transaction and everything that is kept only for it.
    pub(crate) fn forget(&mut self, slot: usize) {
        for Effect { node, log, lsn, mut updates, .. } in self.index.at_mut(slot).effects.drain(..) {
            self.effects_seen.remove(&(node, log, lsn));
            updates.clear();
            self.spare.push(updates);
        }
        self.index.forget(slot);
    }

    /// Looks at one transaction as if the run ended now and there were no other transaction.
    pub(crate) fn alone<T>(&mut self, slot: usize, look: impl FnOnce(&FinalState) -> T) -> T {
        let (txn, txn_history) = (self.index.name(slot), self.index.take(slot));
        let mut alone = FinalState::new(self.protocol, self.topology.clone(), true, [(txn, txn_history)].into());
        let seen = look(&alone);
        self.index.put_back(slot, alone.transactions.remove(&txn).unwrap_or_default());
        seen
    }

    /// The final state at the end of the run.
    pub(crate) fn into_final_state(self) -> FinalState {
        let (breaches, below_marks) = (self.contract.breaches, self.marks.breaches);
        FinalState {
            breaches,
            below_marks,
            ..FinalState::new(self.protocol, self.topology, self.complete, self.index.into_map())
        }
    }
}

/// Whether this line shows that the transaction was accepted: a phase or a decision of its home, a message of its home that does
/// not go to a client, or anything that a participant did.
fn accepts(txn: TxnId, seen: &Stamped) -> bool {
    match &seen.what {
        Observation::Sent { from, to, .. } => *from == txn.home && to.role.runs_machine(),
        Observation::Received { .. } | Observation::Dropped { .. } => false,
        // A begin record of the home is no sign, because it may be lost before it is durable. Later lines will show it.
        Observation::Appended { .. } => seen.node.role == Role::Participant,
        _ => seen.node == txn.home || seen.node.role == Role::Participant,
    }
}
