//! Which guarantees a protocol gives, and which faults waive them (docs/03-measures-and-checks.md).
//!
//! The entry of a family in the registry ([`indoubt_scenario::protocol`]) lists what its protocols promise.
//!
//! Waivers:
//! - *Heuristics* (an operator ended a branch against or without its coordinator's decision): agreement is waived for that
//!   transaction, and everything that follows from a torn transaction. For audits, this counts from then on.
//! - *A lost log*: waives durability and termination at that node, and what follows from lost effects, for transactions that had
//!   begun when the log was lost, and for audits that read the lost effects. It does not excuse a coordinator that treats a branch
//!   as done although it was never applied (docs/rules.md, rule 17).
//! - *A restored log* (an older copy of a journal was put back): waives what a lost log waives, and also agreement, stability,
//!   validity and kept marks, but only for transactions of which the copy misses durable records. Under its old identity the node may
//!   answer what it would not have answered before. A coordinator may have forgotten a commit, so its durability is waived everywhere.
//! - *A lost disk*: waives what a lost log waives, and where participants ask each other, also agreement. Without its count of
//!   incarnations, a participant cannot know that it may have voted, and answers that it has aborted.
//! - *Not repaired* (a node is not running at the end, a link is still cut, a fault still loses, delays or refuses messages):
//!   waives the termination of the transactions that it concerns.
//! - A *stuck* saga waits for an operator by design. It is reported under `nothing-unresolved`, but breaks no promise.

use crate::{
    finding::{Excuse, Finding},
    history::{final_state::FinalState, txn_history::TxnHistory},
    summary::Check,
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Decision,
    operation::Key,
};
use indoubt_scenario::{
    checks::CheckName,
    faults::Waiver,
    protocol::{Family, Protocol},
    recording::FaultRecord,
    scenario::{Scenario, Trigger},
};
use std::collections::{BTreeMap, BTreeSet};

/// Whether the protocols of this family promise a check, unless a fault waives it.
pub fn promises(family: Family, check: CheckName) -> bool {
    family.entry().promises.contains(&check)
}

/// Whether this family promises a check that does not hold, but a fault waived it.
pub fn is_waived(family: Family, check: &Check) -> bool {
    !check.held && !check.promised && promises(family, check.name)
}

/// What the faults of one run waive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waivers {
    /// The nodes whose journal a fault lost or set back, with the first time.
    lost_logs: BTreeMap<NodeId, i64>,
    /// The nodes that lost their whole disk.
    lost_disks: BTreeSet<NodeId>,
    /// The transactions that had records in a journal which are lost, with the nodes of these journals.
    lost_parts: BTreeMap<TxnId, BTreeSet<NodeId>>,
    /// The transactions of which an older copy of a journal misses durable records, with the nodes of these journals.
    set_back: BTreeMap<TxnId, BTreeSet<NodeId>>,
    /// The nodes that do not run at the end.
    not_running: BTreeSet<NodeId>,
    /// The links that are still cut at the end.
    cut: Vec<(NodeId, NodeId)>,
    /// Whether participants in doubt ask each other.
    cooperative: bool,
    /// Senders and receivers whose messages a fault still affects at the end; `None` means any node.
    touched: Vec<(Option<NodeId>, Option<NodeId>)>,
    /// What operators ended against or without a decision.
    overruled: Operated,
    /// What operators ended at all.
    operated: Operated,
}

impl Waivers {
    /// The waivers of a run, from the faults that fired and the state of the cluster at its end.
    pub(crate) fn of(
        scenario: &Scenario,
        protocol: Protocol,
        faults: &[FaultRecord],
        final_state: &FinalState,
    ) -> Self {
        let topology = &final_state.topology;
        let mut waivers = Waivers {
            not_running: topology.not_running().collect(),
            cut: topology.cut_links().collect(),
            cooperative: protocol.entry().cooperates,
            ..Waivers::default()
        };
        for record in faults {
            let Some(first) = record.at.first() else { continue };
            let fault = &scenario.faults[record.fault];
            match (fault.action.waives(), &fault.trigger) {
                (Some(waiver @ (Waiver::LostLog(node) | Waiver::LostDisk(node) | Waiver::RestoredLog(node))), _) => {
                    if waiver == Waiver::LostDisk(node) {
                        waivers.lost_disks.insert(node);
                    }
                    let lost = waivers.lost_logs.entry(node).or_insert(i64::MAX);
                    *lost = first.0.cast_signed().min(*lost);
                }
                (Some(Waiver::HeldUpMessages), Trigger::Messages { from, to, .. }) if record.until.contains(&None) => {
                    waivers.touched.push((*from, *to));
                }
                _ => {}
            }
        }
        for (txn, txn_history, _) in final_state.all() {
            waivers.note_operators(txn, txn_history);
            let is_loser = |node: &NodeId| waivers.lost_logs.contains_key(node);
            let set_back: BTreeSet<NodeId> = txn_history.set_back.iter().copied().filter(is_loser).collect();
            let losers = waivers.lost_logs.keys().copied();
            let lost = losers.filter(|node| lost_part(final_state, txn, txn_history, *node));
            let lost_parts: BTreeSet<NodeId> = lost.chain(set_back.iter().copied()).collect();
            if !lost_parts.is_empty() {
                waivers.lost_parts.insert(txn, lost_parts);
            }
            if !set_back.is_empty() {
                waivers.set_back.insert(txn, set_back);
            }
        }
        waivers
    }

    /// Notes a transaction of which an operator ended a branch. An operator who agreed with its coordinator did no harm to its
    /// atomicity (docs/rules.md, rule 22), but the branch ended before the others did.
    fn note_operators(&mut self, txn: TxnId, txn_history: &TxnHistory) {
        let agreed = |by_operator: Decision| {
            !txn_history.home_decided.is_empty()
                && txn_history.home_decided.iter().all(|(_, decided)| *decided == by_operator)
        };
        let acted = txn_history.branches.values().filter_map(|branch| branch.operated).min();
        self.operated.note(txn, txn_history, acted);
        let by_operator = txn_history.branches.values().flat_map(|branch| &branch.heuristics);
        let against = by_operator.filter(|(_, outcome)| !agreed(*outcome)).map(|(t, _)| *t).min();
        self.overruled.note(txn, txn_history, against);
    }

    /// Why a finding breaks no promise; `None` if it breaks one. `excuses` are the ways of its check.
    pub(crate) fn excuse(&self, excuses: &[Excuse], finding: &Finding) -> Option<String> {
        if finding.each {
            // Each transaction needs its own excuse.
            let alone = |txn| Finding { txns: [txn].into(), keys: BTreeSet::new(), each: false, ..finding.clone() };
            let one = |txn: &TxnId| self.excuse(excuses, &alone(*txn));
            return finding.txns.iter().map(one).collect::<Option<Vec<String>>>()?.into_iter().next();
        }
        excuses.iter().find_map(|excuse| match excuse {
            Excuse::Operator => self.overruled.excuse(finding),
            Excuse::OperatorActed => self.operated.excuse(finding),
            Excuse::LostLog | Excuse::LostLogBefore if finding.despite_lost_logs => None,
            Excuse::LostLog => Some(self.says_what_is_lost(finding, of_its_nodes(finding, &self.lost_parts).next()?)),
            Excuse::LostLogBefore => {
                let by_then = |lost: &i64| finding.at.is_none_or(|at| *lost <= at);
                let mut losers = self.lost_logs.iter().filter(|(_, lost)| by_then(lost)).map(|(node, _)| *node);
                Some(self.says_what_is_lost(finding, losers.find(|node| finding.nodes.contains(node))?))
            }
            Excuse::LostDisk => {
                let mut losers = of_its_nodes(finding, &self.lost_parts).filter(|_| self.cooperative);
                losers.find(|node| self.lost_disks.contains(node)).map(|node| format!("{node} lost its disk"))
            }
            // A node that goes back may reverse what it had decided. Lost logs do not excuse that.
            Excuse::RestoredLog => of_its_nodes(finding, &self.set_back).next().map(set_back),
            Excuse::RestoredHome => {
                let is_set_back = |txn: &&TxnId| self.set_back.get(txn).is_some_and(|nodes| nodes.contains(&txn.home));
                finding.txns.iter().find(is_set_back).map(|txn| set_back(txn.home))
            }
            Excuse::Unhealed => self.by_what_is_open(finding),
        })
    }

    fn says_what_is_lost(&self, finding: &Finding, node: NodeId) -> String {
        match of_its_nodes(finding, &self.set_back).any(|other| other == node) {
            true => set_back(node),
            false => format!("{node} lost its log"),
        }
    }

    fn by_what_is_open(&self, finding: &Finding) -> Option<String> {
        if finding.stuck {
            return Some("it waits for an operator".into());
        }
        if let Some(node) = finding.nodes.intersection(&self.not_running).next() {
            return Some(format!("{node} is not running at the end"));
        }
        let of_home = |node: NodeId| finding.txns.iter().any(|txn| txn.home == node);
        let concerns = |&&(from, to): &&(NodeId, NodeId)| {
            let open = [from, to].map(|node| finding.nodes.contains(&node));
            match of_home(from) || of_home(to) {
                true => open == [true, true],
                // Only under cooperative termination do participants talk to each other.
                false => self.cooperative && open.contains(&true),
            }
        };
        if let Some((from, to)) = self.cut.iter().find(concerns) {
            return Some(format!("{from} is still cut off from {to}"));
        }
        let concerned = |node: &Option<NodeId>| node.is_none_or(|node| finding.nodes.contains(&node));
        let held_up = self.touched.iter().any(|(from, to)| concerned(from) && concerned(to));
        held_up.then(|| "a fault still affects its messages at the end".into())
    }
}

/// Transactions of which operators ended branches, and since when the records that they change may tell of it.
#[derive(Clone, Debug, Default)]
struct Operated {
    txns: BTreeSet<TxnId>,
    keys: BTreeMap<Key, i64>,
}

impl Operated {
    /// Notes a transaction of which an operator first ended a branch at `since`, if one did.
    fn note(&mut self, txn: TxnId, txn_history: &TxnHistory, since: Option<i64>) {
        let Some(since) = since else { return };
        self.txns.insert(txn);
        for entry in txn_history.plan.writes() {
            let first = self.keys.entry(entry.key.clone()).or_insert(since);
            *first = since.min(*first);
        }
    }

    fn excuse(&self, finding: &Finding) -> Option<String> {
        if finding.without_operators {
            return None;
        }
        if let Some(txn) = finding.txns.intersection(&self.txns).next() {
            return Some(format!("an operator ended a branch of {txn}"));
        }
        let by_then = |key: &&Key| self.keys.get(*key).is_some_and(|since| finding.at.is_none_or(|at| at >= *since));
        let key = finding.keys.iter().find(by_then)?;
        Some(format!("an operator ended a branch that changes {key}"))
    }
}

/// The nodes of the finding that lost records of one of its transactions.
fn of_its_nodes(finding: &Finding, lost: &BTreeMap<TxnId, BTreeSet<NodeId>>) -> impl Iterator<Item = NodeId> {
    let of_all = finding.txns.iter().filter_map(|txn| lost.get(txn)).flatten();
    of_all.copied().filter(|node| finding.nodes.contains(node))
}

fn set_back(node: NodeId) -> String {
    format!("an older copy of {node}'s log was put back")
}

/// Whether a transaction had records in a node's journal when it was lost.
fn lost_part(final_state: &FinalState, txn: TxnId, txn_history: &TxnHistory, node: NodeId) -> bool {
    if node == txn.home {
        final_state.topology.life(node).losses > txn_history.home_then.losses
    } else {
        txn_history.lost_log_at(node, &final_state.topology)
    }
}
