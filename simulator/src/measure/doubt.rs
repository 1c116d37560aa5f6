//! `in_doubt_ms`, `in_doubt_up_ms` and `blocked_ms`: per branch.
//!
//! A branch is in doubt from its prepared record being durable (`in-doubt`; a repetition while it is in doubt says nothing
//! new) to its learning the decision (`decided` at its node). A node that is down keeps its branches in doubt. A branch
//! whose node came back without its journal is gone: its doubt ends there, for nobody is left to have it.

use super::spread::Sample;
use crate::history::History;
use indoubt_proto::{
    ids::{NodeId, TxnId},
    observation::{Observation, Stamped},
};
use std::collections::{BTreeMap, BTreeSet};

/// One branch in doubt.
#[derive(Clone, Debug)]
struct Open {
    since: i64,
    losses: u32,
    up: Clock,
    blocked: Clock,
}

/// Time gathered while a condition holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    total: i64,
    since: Option<i64>,
}

impl Clock {
    /// From now on the condition holds, or does not.
    pub(super) fn set(&mut self, t: i64, holds: bool) {
        match (self.since, holds) {
            (None, true) => self.since = Some(t),
            (Some(since), false) => {
                self.total += t - since;
                self.since = None;
            }
            _ => {}
        }
    }

    /// The time gathered until now.
    pub(super) fn at(&self, t: i64) -> i64 {
        self.total + self.since.map_or(0, |since| t - since)
    }

    /// Whether the condition holds now.
    pub(super) fn holds(&self) -> bool {
        self.since.is_some()
    }
}

/// The fold.
#[derive(Clone, Debug, Default)]
pub(super) struct Doubt {
    /// By transaction first: a decision anywhere may unblock its other branches.
    open: BTreeMap<(TxnId, NodeId), Open>,
    /// Who knows the decision of a transaction, with the count of its journal losses then.
    informed: BTreeMap<TxnId, BTreeMap<NodeId, u32>>,
    in_doubt: Sample,
    up: Sample,
    blocked: Sample,
    intervals: Vec<Interval>,
}

/// One branch's time in doubt, over or cut off by the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    pub(super) txn: TxnId,
    pub(super) node: NodeId,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) censored: bool,
}

impl Doubt {
    /// Takes the next line; `history` has taken it already, and `changed` says whether reachability changed with it.
    pub(super) fn take(&mut self, seen: &Stamped, history: &History, changed: bool) {
        let (t, node, topology) = (seen.t_us, seen.node, &history.topology);
        match &seen.what {
            Observation::InDoubt { txn } => {
                if let Some(informed) = self.informed.get_mut(txn) {
                    informed.remove(&node);
                }
                let losses = topology.life(node).losses;
                let open = Open { since: t, losses, up: Clock::default(), blocked: Clock::default() };
                self.open.entry((*txn, node)).or_insert(open);
                self.look_again(t, history, Some(*txn));
            }
            Observation::Decided { txn, .. } => {
                self.informed.entry(*txn).or_default().insert(node, topology.life(node).losses);
                if let Some(open) = self.open.remove(&(*txn, node)) {
                    self.close(*txn, node, open, t, false);
                }
                self.look_again(t, history, Some(*txn));
            }
            _ if changed => {
                let losses = topology.life(node).losses;
                let gone = |(_, at): &(TxnId, NodeId), open: &mut Open| *at == node && open.losses < losses;
                let ended: Vec<_> = self.open.extract_if(.., gone).collect();
                for ((txn, node), open) in ended {
                    self.close(txn, node, open, t, false);
                }
                self.look_again(t, history, None);
            }
            _ => {}
        }
    }

    /// Recomputes who is up and who is blocked: of one transaction, or of all.
    fn look_again(&mut self, t: i64, history: &History, txn: Option<TxnId>) {
        let Doubt { open, informed, .. } = self;
        let topology = &history.topology;
        let update = |((txn, node), open): (&(TxnId, NodeId), &mut Open)| {
            let up = topology.running(*node);
            open.up.set(t, up);
            open.blocked.set(t, up && !knows(informed.get(txn), *txn, *node, history));
        };
        match txn {
            Some(txn) => open.range_mut((txn, NodeId::coordinating(0))..=(txn, NodeId::LAB)).for_each(update),
            None => open.iter_mut().for_each(update),
        }
    }

    fn close(&mut self, txn: TxnId, node: NodeId, mut open: Open, t: i64, censored: bool) {
        self.intervals.push(Interval { txn, node, from: open.since, to: t, censored });
        open.up.set(t, false);
        open.blocked.set(t, false);
        let values = [
            (&mut self.in_doubt, t - open.since),
            (&mut self.up, open.up.at(t)),
            (&mut self.blocked, open.blocked.at(t)),
        ];
        for (sample, us) in values {
            if censored {
                sample.add_open(us);
            } else {
                sample.add(us);
            }
        }
    }

    /// `in_doubt_ms`, `in_doubt_up_ms`, `blocked_ms`, and the intervals behind them; what is open at `end` is censored.
    pub(super) fn finish(mut self, end: i64) -> ([Sample; 3], Vec<Interval>) {
        for ((txn, node), open) in std::mem::take(&mut self.open) {
            self.close(txn, node, open, end, true);
        }
        ([self.in_doubt, self.up, self.blocked], self.intervals)
    }
}

/// Whether a node that `node` can reach knows the decision of `txn`.
fn knows(informed: Option<&BTreeMap<NodeId, u32>>, txn: TxnId, node: NodeId, history: &History) -> bool {
    let topology = &history.topology;
    let kept = |informed: NodeId, losses: u32| topology.life(informed).losses == losses;
    let told = informed.into_iter().flatten();
    let mut reachable: BTreeSet<NodeId> = told.filter(|(n, losses)| kept(**n, **losses)).map(|(n, _)| *n).collect();
    // A restarted coordinator answers by its presumption, unless its journal is another one.
    let then = history.stories.get(&txn).map(|story| story.home_then).unwrap_or_default();
    let home = topology.life(txn.home);
    if home.restarts > then.restarts && home.losses == then.losses {
        reachable.insert(txn.home);
    }
    reachable.into_iter().any(|informed| informed != node && topology.reaches(node, informed))
}
