//! The trace, told transaction by transaction: what each was to do, what became of it at every node, what its client heard.
//! Final states, effects and checks read this; measures of time are folded beside it, in [`crate::measure`].

mod aftermath;
mod branches;
mod fate;
mod forgotten;
mod stories;
mod story;
mod topology;

pub(crate) use aftermath::Aftermath;
pub(crate) use fate::{Fate, fate};
pub(crate) use forgotten::{Forgotten, count_fate, count_told};
pub(crate) use stories::Stories;
pub(crate) use story::{Branch, Effect, EffectKind, Learned, Logged, Plan, Story};
pub(crate) use topology::Topology;

use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Role, TxnId},
    message::MessageKind,
    observation::{Observation, Phase, Stamped},
    operation::Update,
};
use indoubt_scenario::protocol::Family;
use rustc_hash::FxHashSet;

/// All stories, and the cluster as it is now.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) family: Family,
    pub(crate) stories: Stories,
    pub(crate) topology: Topology,
    /// The time of the last line.
    pub(crate) end: i64,
    /// Whether the trace has its last line.
    pub(crate) complete: bool,
    /// Whether the last line taken was an effect seen for the first time.
    pub(crate) fresh: bool,
    /// Effects by their place in a journal: recovery observes again what it replays. Only looked up, never iterated.
    places: FxHashSet<(NodeId, LogId, Lsn)>,
    /// Buffers of effects that are forgotten.
    spare: Vec<Vec<Update>>,
}

impl History {
    pub(crate) fn new(family: Family) -> Self {
        History {
            family,
            stories: Stories::default(),
            topology: Topology::default(),
            end: 0,
            complete: false,
            fresh: false,
            places: FxHashSet::default(),
            spare: Vec::new(),
        }
    }

    /// Takes the next line. `place` is that of the transaction that it is about. Whether reachability or a journal changed.
    pub(crate) fn take(&mut self, seen: &Stamped, place: Option<usize>) -> bool {
        self.end = self.end.max(seen.t_us);
        self.fresh = false;
        let changed = self.topology.take(seen);
        if let Some(place) = place {
            self.tell(place, seen);
        }
        match &seen.what {
            Observation::Restarted { log, upto, lost, .. } => {
                self.replayed(seen.node, *log, *upto);
                // Of a journal that is gone nothing is durable.
                let upto = if *lost { Lsn(0) } else { *upto };
                for (txn, story) in self.stories.iter_mut() {
                    story.branches.recover(seen.node, upto);
                    if txn.home == seen.node {
                        story.recover_home(upto);
                    }
                }
            }
            Observation::End => self.complete = true,
            _ => {}
        }
        changed
    }

    fn tell(&mut self, place: usize, seen: &Stamped) {
        use Observation as O;
        let (t, node) = (seen.t_us, seen.node);
        let txn = self.stories.name(place);
        let story = self.stories.at_mut(place);
        if !story.accepted && accepts(txn, seen) {
            story.accepted = true;
            story.home_then = self.topology.life(txn.home);
        }
        let at_home = node == txn.home;
        match &seen.what {
            O::ClientBegan { what, plan, total, .. } if story.began.is_none() => {
                story.began = Some(t);
                story.audit = what == "audit";
                story.plan.0.clone_from(plan);
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
            O::Sent { from, to, message, copy, .. } => {
                story.under_way += 1;
                if *from == txn.home && to.role == Role::Participant && !story.asked.contains(to) {
                    story.asked.push(*to);
                }
                if *message == MessageKind::Prepare && !copy && *from == txn.home {
                    story.branch(*to).prepare_sent.get_or_insert(t);
                }
            }
            O::Received { from, message, .. } => {
                story.under_way -= 1;
                if *message == MessageKind::Vote && at_home {
                    story.branch(*from).votes_received.push(t);
                }
            }
            O::Dropped { from, to, message, .. } => {
                story.under_way -= 1;
                match message {
                    MessageKind::Prepare => story.branch(*to).disturbed = true,
                    MessageKind::Vote => story.branch(*from).disturbed = true,
                    _ => {}
                }
            }
            O::Appended { lsn, record, .. } => {
                match (at_home, &record[..]) {
                    (true, "turn") => story.turned = Some(*lsn),
                    (true, "end") => story.closed = Some(*lsn),
                    _ => {}
                }
                match story.logged.iter_mut().find(|logged| logged.node == node) {
                    Some(logged) => logged.last = *lsn,
                    None => story.logged.push(Logged { node, since: t, last: *lsn }),
                }
                // What is learned is logged in the same step, and nothing about it before.
                if let Some(Learned { record: record @ None, .. }) = story.branches.learned_at(node) {
                    *record = Some(*lsn);
                }
            }
            O::Voted { vote, .. } => story.branch(node).votes.push((t, *vote)),
            O::InDoubt { .. } => {
                let losses = self.topology.life(node).losses;
                let branch = story.branch(node);
                let since = branch.assumed.take().filter(|(_, then)| *then == losses);
                branch.in_doubt.get_or_insert(since.unwrap_or((t, losses)));
                // In doubt again after a crash: what it had learned was not durable.
                branch.learned = None;
            }
            O::Heuristic { .. } => story.branch(node).overruled = true,
            O::Decided { outcome, .. } => {
                let branch = story.branch(node);
                let doubt = branch.in_doubt.take();
                branch.decisions.push((t, *outcome));
                if std::mem::take(&mut branch.overruled) {
                    branch.heuristics.push((t, *outcome));
                }
                branch.assumed = None;
                branch.learned = Some(Learned { decision: *outcome, doubt, record: None });
            }
            O::Applied { effects, log, lsn, .. } => {
                self.apply(place, seen, EffectKind::Branch, effects, (*log, *lsn));
            }
            O::StepApplied { step, effects, log, lsn, .. } => {
                self.apply(place, seen, EffectKind::Step(*step), effects, (*log, *lsn));
            }
            O::Compensated { step, effects, log, lsn, .. } => {
                self.apply(place, seen, EffectKind::Undo(*step), effects, (*log, *lsn));
            }
            _ => {}
        }
    }

    fn apply(&mut self, place: usize, seen: &Stamped, kind: EffectKind, changes: &[Update], (log, lsn): (LogId, Lsn)) {
        if !self.places.insert((seen.node, log, lsn)) {
            return;
        }
        self.fresh = true;
        let mut updates = self.spare.pop().unwrap_or_default();
        updates.extend_from_slice(changes);
        let (t, seq, node) = (seen.t_us, seen.seq, seen.node);
        self.stories.at_mut(place).effects.push(Effect { t, seq, node, kind, updates, log, lsn, gone: None });
    }

    /// A node came back with its journal up to `upto`: what it had written beyond, or in another journal, is gone.
    fn replayed(&mut self, node: NodeId, log: LogId, upto: Lsn) {
        let History { stories, places, end, .. } = self;
        for effect in stories.iter_mut().flat_map(|(_, story)| &mut story.effects) {
            if effect.node == node && effect.gone.is_none() && (effect.log != log || effect.lsn > upto) {
                effect.gone = Some(*end);
                places.remove(&(node, effect.log, effect.lsn));
            }
        }
    }

    /// Forgets a transaction and everything that only it is the reason for.
    pub(crate) fn forget(&mut self, place: usize) {
        for Effect { node, log, lsn, mut updates, .. } in self.stories.at_mut(place).effects.drain(..) {
            self.places.remove(&(node, log, lsn));
            updates.clear();
            self.spare.push(updates);
        }
        self.stories.forget(place);
    }

    /// One transaction as if the run ended now and there were no other.
    pub(crate) fn alone<T>(&mut self, place: usize, look: impl FnOnce(&Aftermath) -> T) -> T {
        let (txn, story) = (self.stories.name(place), self.stories.take(place));
        let mut alone = Aftermath::new(self.family, self.topology.clone(), true, [(txn, story)].into());
        let seen = look(&alone);
        self.stories.put_back(place, alone.stories.remove(&txn).unwrap_or_default());
        seen
    }

    /// The end of the run.
    pub(crate) fn into_aftermath(self) -> Aftermath {
        Aftermath::new(self.family, self.topology, self.complete, self.stories.into_map())
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
