//! The trace, told transaction by transaction: what each was to do, what became of it at every node, what its client heard.
//! Final states, effects and checks read this; measures of time are folded beside it, in [`crate::measure`].

mod aftermath;
mod fate;
mod story;
mod topology;

pub(crate) use aftermath::Aftermath;
pub(crate) use fate::Fate;
pub(crate) use story::{Branch, Effect, EffectKind, Plan, Story};
pub(crate) use topology::Topology;

use crate::protocol::Family;
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Role, TxnId},
    message::{Decision, MessageKind},
    observation::{Observation, Phase, Stamped},
    operation::Update,
};
use std::collections::{BTreeMap, HashSet};

/// All stories, and the cluster as it is now.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) family: Family,
    pub(crate) stories: BTreeMap<TxnId, Story>,
    pub(crate) topology: Topology,
    /// The time of the last line.
    pub(crate) end: i64,
    /// Whether the trace has its last line.
    pub(crate) complete: bool,
    /// Whether the last line taken was an effect seen for the first time.
    pub(crate) fresh: bool,
    /// Effects by their place in a journal: recovery observes again what it replays.
    places: HashSet<(NodeId, LogId, Lsn)>,
    /// Where the effects of each node are.
    by_node: BTreeMap<NodeId, Vec<(TxnId, usize)>>,
}

impl History {
    pub(crate) fn new(family: Family) -> Self {
        History {
            family,
            stories: BTreeMap::new(),
            topology: Topology::default(),
            end: 0,
            complete: false,
            fresh: false,
            places: HashSet::new(),
            by_node: BTreeMap::new(),
        }
    }

    /// Takes the next line. Whether reachability or a journal changed with it.
    pub(crate) fn take(&mut self, seen: &Stamped) -> bool {
        self.end = self.end.max(seen.t_us);
        self.fresh = false;
        let changed = self.topology.take(seen);
        if let Some(txn) = seen.what.txn() {
            self.tell(txn, seen);
        }
        match &seen.what {
            Observation::Restarted { log, upto, .. } => self.replayed(seen.node, *log, *upto),
            Observation::End => self.complete = true,
            _ => {}
        }
        changed
    }

    fn tell(&mut self, txn: TxnId, seen: &Stamped) {
        use Observation as O;
        let (t, node) = (seen.t_us, seen.node);
        let home = self.topology.life(txn.home);
        let here = self.topology.life(node);
        let story = self.stories.entry(txn).or_default();
        if !story.accepted && accepts(txn, seen) {
            story.accepted = true;
            story.home_then = home;
        }
        let at_home = node == txn.home;
        match &seen.what {
            O::ClientBegan { what, plan, total, .. } if story.began.is_none() => {
                story.began = Some(t);
                story.audit = what == "audit";
                story.plan = Plan(plan.clone());
                story.total = *total;
            }
            O::ClientEnded { outcome, .. } => story.told.push((t, *outcome)),
            O::Decided { outcome, .. } if at_home => story.home_decided.push((t, *outcome)),
            O::Reached { phase: Phase::Ended, .. } => {
                story.ended.get_or_insert(t);
            }
            O::Stuck { step, resumed, .. } => story.stuck = (!resumed).then_some(*step),
            O::LostLog { participant, .. } => {
                story.lost_at.insert(*participant);
            }
            O::StepRefused { step, .. } => story.refused.push((t, node, *step)),
            O::Read { key, value, step, .. } => story.read(*step, key, *value),
            O::Sent { from, to, message: MessageKind::Prepare, copy: false, .. } if *from == txn.home => {
                story.branch(*to).prepare_sent.get_or_insert(t);
            }
            O::Received { from, message: MessageKind::Vote, .. } if at_home => {
                story.branch(*from).votes_received.push(t);
            }
            O::Voted { vote, .. } => story.branch(node).votes.push((t, *vote)),
            O::InDoubt { .. } => {
                let branch = story.branch(node);
                branch.in_doubt.get_or_insert((t, here.losses));
                branch.doubted = Some(t);
                // In doubt again after a crash: what it had learned was not durable.
                branch.learned_commit = None;
            }
            O::Decided { outcome, .. } => {
                let branch = story.branch(node);
                branch.in_doubt = None;
                branch.decisions.push((t, *outcome));
                if *outcome == Decision::Commit {
                    branch.learned_commit = Some(here.crashes);
                }
            }
            O::Applied { effects, log, lsn, .. } => {
                self.apply(txn, seen, EffectKind::Branch, effects, (*log, *lsn));
            }
            O::StepApplied { step, effects, log, lsn, .. } => {
                self.apply(txn, seen, EffectKind::Step(*step), effects, (*log, *lsn));
            }
            O::Compensated { step, effects, log, lsn, .. } => {
                self.apply(txn, seen, EffectKind::Undo(*step), effects, (*log, *lsn));
            }
            _ => {}
        }
    }

    fn apply(&mut self, txn: TxnId, seen: &Stamped, kind: EffectKind, updates: &[Update], (log, lsn): (LogId, Lsn)) {
        if !self.places.insert((seen.node, log, lsn)) {
            return;
        }
        self.fresh = true;
        let story = self.stories.entry(txn).or_default();
        self.by_node.entry(seen.node).or_default().push((txn, story.effects.len()));
        story.effects.push(Effect {
            t: seen.t_us,
            seq: seen.seq,
            node: seen.node,
            kind,
            updates: updates.to_vec(),
            log,
            lsn,
            gone: None,
        });
    }

    /// A node came back with its journal up to `upto`: what it had written beyond, or in another journal, is gone.
    fn replayed(&mut self, node: NodeId, log: LogId, upto: Lsn) {
        for (txn, at) in self.by_node.get(&node).into_iter().flatten() {
            let effect = &mut self.stories.get_mut(txn).expect("its effect was told").effects[*at];
            if effect.gone.is_none() && (effect.log != log || effect.lsn > upto) {
                effect.gone = Some(self.end);
                self.places.remove(&(node, effect.log, effect.lsn));
            }
        }
    }

    /// The transactions that clients began, with their stories.
    pub(crate) fn submitted(&self) -> impl Iterator<Item = (TxnId, &Story)> + '_ {
        self.stories.iter().filter(|(_, story)| story.began.is_some()).map(|(txn, story)| (*txn, story))
    }

    /// What became of a transaction.
    pub(crate) fn fate(&self, txn: TxnId, story: &Story) -> Fate {
        fate::fate(self, txn, story)
    }
}

/// Whether this line shows that the transaction was accepted: a phase, a message or a decision of its home that no client
/// gets, or anything that a participant did.
fn accepts(txn: TxnId, seen: &Stamped) -> bool {
    match &seen.what {
        Observation::Sent { from, to, .. } => *from == txn.home && !to.is_client() && to.role != Role::Lab,
        Observation::Received { .. } | Observation::Dropped { .. } => false,
        // A begin that is not durable may be lost, and with it the transaction; what follows from it shows.
        Observation::Appended { .. } => seen.node.role == Role::Participant,
        _ => seen.node == txn.home || seen.node.role == Role::Participant,
    }
}
