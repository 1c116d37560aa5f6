//! `in_doubt_ms`, `in_doubt_up_ms` and `blocked_ms`, for each branch.
//!
//! A branch is in doubt from the time when its prepared record is durable (the line `in-doubt`) until it learns the decision (the
//! line `decided` at its node). Repeated lines `in-doubt` change nothing. While its node is down, a branch stays in doubt. If the
//! node restarts without its journal, the branch no longer exists, and its doubt ends.
//!
//! A branch is blocked while no node that it can reach knows the decision. An operator who ends a branch does not know the
//! decision, so his node does not know it either (docs/rules.md, rule 21). A participant knows what it decided or learned until
//! its coordinator's mark allows it to forget (rule 17b). From then on it answers `unknown` to all inquiries (rule 7).

use super::{
    fold::{Measure, Results},
    series::{DoubtSeries, Interval},
    slots::at,
    spread::Sample,
    stopwatch::Stopwatch,
};
use crate::{
    history::History,
    shown::{Shown, Table, Worst},
};
use indoubt_proto::{
    ids::{LogId, NodeId, Role, Serial, Ticket, TxnId},
    observation::{Observation, Stamped},
};
use indoubt_scenario::protocol::Family;
use rustc_hash::FxHashMap;

/// The state of one branch in doubt.
#[derive(Clone, Debug)]
struct Open {
    since: i64,
    /// How often the journal of its node had been lost or set back by then.
    setbacks: u32,
    up: Stopwatch,
    blocked: Stopwatch,
}

/// The state of one transaction.
#[derive(Clone, Debug, Default)]
struct OfTxn {
    /// Its branches in doubt.
    open: Vec<(NodeId, Open)>,
    /// The nodes that have learned its decision, each with how often its journal had been lost or set
    /// back by then.
    informed: Vec<(NodeId, u32)>,
    /// The log of its coordinator and its serial number there, once a request named them.
    serial: Option<(LogId, Serial)>,
}

/// The last mark that each participant received for each journal of a coordinator. The map is only used for look-ups and never
/// iterated.
#[derive(Clone, Debug, Default)]
struct Marks(FxHashMap<(NodeId, LogId), Serial>);

impl Marks {
    /// Takes the mark of a request. Returns whether it is higher than before.
    fn hear(&mut self, node: NodeId, ticket: &Ticket) -> bool {
        let mark = self.0.entry((node, ticket.log)).or_default();
        let rises = ticket.finished_below > *mark;
        *mark = ticket.finished_below.max(*mark);
        rises
    }

    /// Whether a participant may have forgotten a transaction.
    fn passed(&self, node: NodeId, serial: Option<(LogId, Serial)>) -> bool {
        serial.is_some_and(|(log, serial)| self.0.get(&(node, log)).is_some_and(|mark| serial < *mark))
    }
}

/// Measures the doubt of all branches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doubt {
    /// The states of transactions, by slot. A decision at one node may unblock the other branches of the transaction.
    of: Vec<OfTxn>,
    marks: Marks,
    /// The slots of transactions with a branch in doubt.
    doubted: Vec<usize>,
    in_doubt: Sample,
    up: Sample,
    blocked: Sample,
    intervals: DoubtSeries,
}

impl Measure for Doubt {
    const SHOWN: &'static [Shown] = &[
        Shown::ms("in_doubt_ms.p50", |m| m.in_doubt_ms.p50).column(Table::Waiting, "in doubt p50"),
        Shown::ms("in_doubt_ms.max", |m| m.in_doubt_ms.max).column(Table::Waiting, "max").over_seeds(Worst::Largest),
        Shown::count("in_doubt_ms.count", |m| m.in_doubt_ms.count as f64).in_swarm("a branch was in doubt", 0.0),
        Shown::ms("blocked_ms.max", |m| m.blocked_ms.max)
            .column(Table::Waiting, "blocked max")
            .over_seeds(Worst::Largest)
            .in_swarm("a branch was blocked for 10 ms", 10.0),
    ];

    fn message(&mut self, seen: &Stamped, slot: usize, history: &History) {
        if let Observation::Received { ticket: Some(ticket), .. } = &seen.what
            && history.family == Family::TwoPhase
            && seen.node.role == Role::Participant
        {
            let known = at(&mut self.of, slot).serial.replace((ticket.log, ticket.serial));
            if self.marks.hear(seen.node, ticket) {
                self.forgets(seen.t_us, history, ticket);
            }
            if known.is_none() {
                self.look_again(seen.t_us, history, slot);
            }
        }
    }

    fn progress(&mut self, seen: &Stamped, slot: usize, history: &History) {
        let (t, node, topology) = (seen.t_us, seen.node, &history.topology);
        match &seen.what {
            Observation::InDoubt { .. } => {
                let OfTxn { open, informed, .. } = at(&mut self.of, slot);
                informed.retain(|(informed, _)| *informed != node);
                if !open.iter().any(|(at, _)| *at == node) {
                    if open.is_empty() {
                        self.doubted.push(slot);
                    }
                    let setbacks = topology.life(node).setbacks();
                    open.push((
                        node,
                        Open { since: t, setbacks, up: Stopwatch::default(), blocked: Stopwatch::default() },
                    ));
                }
                self.look_again(t, history, slot);
            }
            Observation::Decided { txn, .. } => {
                let OfTxn { open, informed, .. } = at(&mut self.of, slot);
                informed.retain(|(informed, _)| *informed != node);
                let branch = history.index.at(slot).branches.get(node);
                let by_operator =
                    branch.and_then(|branch| branch.heuristics.last()).is_some_and(|(when, _)| *when == t);
                if !by_operator {
                    informed.push((node, topology.life(node).setbacks()));
                }
                if let Some(ended) = open.iter().position(|(at, _)| *at == node) {
                    let (_, ended) = open.swap_remove(ended);
                    if open.is_empty() {
                        self.doubted.retain(|doubted| *doubted != slot);
                    }
                    self.close(*txn, node, ended, t, false);
                }
                self.look_again(t, history, slot);
            }
            _ => {}
        }
    }

    fn cluster(&mut self, seen: &Stamped, history: &History) {
        let (t, node) = (seen.t_us, seen.node);
        if matches!(seen.what, Observation::Restarted { .. }) {
            self.recover(node, history);
        }
        let setbacks = history.topology.life(node).setbacks();
        self.close_if(history, t, false, |at, open| at == node && open.setbacks < setbacks);
        for slot in self.doubted.clone() {
            self.look_again(t, history, slot);
        }
    }

    fn forget(&mut self, slot: usize, _t: i64, _history: &History) {
        let OfTxn { open, informed, serial } = at(&mut self.of, slot);
        if !open.is_empty() {
            open.clear();
            self.doubted.retain(|doubted| *doubted != slot);
        }
        informed.clear();
        *serial = None;
    }

    fn finish(mut self, history: &History, results: &mut Results) {
        self.close_if(history, history.end, true, |_, _| true);
        results.measures.in_doubt_ms = self.in_doubt.spread();
        results.measures.in_doubt_up_ms = self.up.spread();
        results.measures.blocked_ms = self.blocked.spread();
        results.series.in_doubt = self.intervals.finish();
    }
}

impl Doubt {
    /// A participant restarted. It no longer knows decisions whose records were not durable. (A coordinator still answers, by its
    /// presumption.)
    fn recover(&mut self, node: NodeId, history: &History) {
        for (slot, txn, txn_history) in history.index.iter().filter(|(_, txn, _)| txn.home != node) {
            if txn_history.branches.get(node).is_none_or(|branch| branch.learned.is_none())
                && let Some(of) = self.of.get_mut(slot)
            {
                debug_assert_eq!(history.index.name(slot), txn);
                of.informed.retain(|(informed, _)| *informed != node);
            }
        }
    }

    /// Recomputes which branches of a transaction are at a running node, and which are blocked.
    fn look_again(&mut self, t: i64, history: &History, slot: usize) {
        let Some(OfTxn { open, informed, serial }) = self.of.get_mut(slot) else { return };
        for (node, open) in open {
            let up = history.topology.running(*node);
            open.up.set(t, up);
            let remembers = |informed: NodeId| !self.marks.passed(informed, *serial);
            open.blocked.set(t, up && !knows(informed, remembers, slot, *node, history));
        }
    }

    /// A mark rose, so a participant may have forgotten a decision about which other branches are in doubt.
    fn forgets(&mut self, t: i64, history: &History, mark: &Ticket) {
        for at in 0..self.doubted.len() {
            let slot = self.doubted[at];
            let passed = |(log, serial): &(LogId, Serial)| *log == mark.log && *serial < mark.finished_below;
            if self.of[slot].serial.as_ref().is_some_and(passed) {
                self.look_again(t, history, slot);
            }
        }
    }

    /// Ends the doubt of some branches, in the order of their transactions.
    fn close_if(&mut self, history: &History, t: i64, censored: bool, which: impl Fn(NodeId, &Open) -> bool) {
        let mut ended = Vec::new();
        for (slot, of) in self.of.iter_mut().enumerate().filter(|(_, of)| !of.open.is_empty()) {
            let txn = history.index.name(slot);
            ended.extend(of.open.extract_if(.., |(node, open)| which(*node, open)).map(|(node, o)| (txn, node, o)));
        }
        ended.sort_by_key(|(txn, node, _)| (*txn, *node));
        self.doubted.retain(|slot| !self.of[*slot].open.is_empty());
        for (txn, node, open) in ended {
            self.close(txn, node, open, t, censored);
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
}

/// Whether a node that `node` can reach knows the decision of the transaction in `slot`. A node that learned it counts only if it
/// still `remembers` it.
fn knows(
    informed: &[(NodeId, u32)],
    remembers: impl Fn(NodeId) -> bool,
    slot: usize,
    node: NodeId,
    history: &History,
) -> bool {
    let topology = &history.topology;
    let tells = |informed: NodeId| informed != node && topology.reaches(node, informed);
    let kept = |(informed, then): &(NodeId, u32)| topology.life(*informed).setbacks() == *then && remembers(*informed);
    if informed.iter().any(|informed| kept(informed) && tells(informed.0)) {
        return true;
    }
    // A restarted coordinator answers by its presumption, unless it lost its journal.
    let then = history.index.at(slot).home_then;
    let txn_home = history.index.name(slot).home;
    let home = topology.life(txn_home);
    home.restarts > then.restarts && home.losses == then.losses && tells(txn_home)
}
