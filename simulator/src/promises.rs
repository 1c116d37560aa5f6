//! Which guarantees a protocol gives, and which faults excuse it from which (docs/03-measures-and-checks.md).
//!
//! The 2PC family promises everything; a saga gives up agreement at one instant and isolation, and promises that it ends
//! whole or undone; the unprotected baselines promise nothing.
//!
//! Waivers:
//! - *Heuristics* (a `resolve` fault ended branches in doubt by hand): agreement is waived for the transactions that it
//!   touched, and with it whatever follows from a torn transaction.
//! - *A lost log*: that node's durability and termination, and what follows from effects that are gone, for the transactions
//!   that were under way or over when it was lost (and for audits that sum what is gone); but not that its coordinator takes
//!   a branch for done that it never applied (docs/rules.md, rule 17).
//! - *Not healed* (a node is not running at the end, or a link still cut): the termination of what concerns it.
//! - A *stuck* saga waits for an operator by design: it is told under `nothing-unresolved`, and no broken promise.

use crate::{
    check::Finding,
    history::{Aftermath, Story},
    protocol::{Family, Protocol},
    recording::FaultRecord,
    scenario::{FaultAction, Scenario},
    summary::Check,
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Decision,
    operation::Key,
};
use std::collections::{BTreeMap, BTreeSet};

/// Whether the protocols of this family promise a check, faults that waive it aside.
pub fn promises(family: Family, check: &str) -> bool {
    match family {
        Family::TwoPhase => true,
        Family::Saga => matches!(
            check,
            "stability"
                | "termination"
                | "durability"
                | "conservation"
                | "completeness"
                | "no-effect-twice"
                | "nothing-unresolved"
                | "told-truth"
        ),
        Family::Unprotected => false,
    }
}

/// Whether a check that does not hold would be a broken promise of this family, had a fault not waived it.
pub fn is_waived(family: Family, check: &Check) -> bool {
    !check.held && !check.promised && promises(family, &check.name)
}

/// What the faults of one run excuse.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waivers {
    /// Nodes that a fault robbed of their journal, and when one first did.
    lost_logs: BTreeMap<NodeId, i64>,
    /// The transactions that had a part in a journal when it was lost, and whose.
    robbed: BTreeMap<TxnId, BTreeSet<NodeId>>,
    /// Nodes that do not run at the end.
    not_running: BTreeSet<NodeId>,
    /// Links still cut at the end.
    cut: Vec<(NodeId, NodeId)>,
    /// Transactions with a branch that an operator may have ended, and the records that they change.
    heuristic: BTreeSet<TxnId>,
    heuristic_keys: BTreeSet<Key>,
}

impl Waivers {
    /// The waivers of a run, from the faults that fired and the state of the cluster at its end.
    pub(crate) fn of(scenario: &Scenario, protocol: Protocol, faults: &[FaultRecord], aftermath: &Aftermath) -> Self {
        let topology = &aftermath.topology;
        let mut waivers = Waivers {
            not_running: topology.not_running().collect(),
            cut: topology.cut_links().collect(),
            ..Waivers::default()
        };
        let applying = scenario.faults.iter().filter(|fault| fault.applies(protocol));
        for (fault, record) in applying.zip(faults) {
            let Some(first) = record.at.first() else {
                continue;
            };
            match &fault.action {
                FaultAction::Kill { node, lose_log: true, .. } => {
                    let lost = waivers.lost_logs.entry(*node).or_insert(i64::MAX);
                    *lost = first.0.cast_signed().min(*lost);
                }
                FaultAction::Resolve { nodes, decision } => {
                    waivers.resolved(nodes, *decision, first.0.cast_signed(), aftermath);
                }
                _ => {}
            }
        }
        for (txn, story, _) in aftermath.all() {
            let losers = waivers.lost_logs.keys().copied();
            let robbed: BTreeSet<NodeId> = losers.filter(|node| robs(aftermath, txn, story, *node)).collect();
            if !robbed.is_empty() {
                waivers.robbed.insert(txn, robbed);
            }
        }
        waivers
    }

    /// Notes the transactions with a branch at one of `nodes` that was in doubt when an operator decided so, at `t`, and that
    /// ended so.
    fn resolved(&mut self, nodes: &[NodeId], by_hand: Decision, t: i64, aftermath: &Aftermath) {
        for (txn, story, _) in aftermath.all() {
            let by_hand = nodes.iter().filter_map(|node| story.branches.get(*node)).any(|branch| {
                let next = branch.decisions.iter().find(|(when, _)| *when >= t);
                branch.in_doubt_then(t) && next.is_some_and(|(_, decided)| *decided == by_hand)
            });
            if by_hand {
                self.heuristic.insert(txn);
                self.heuristic_keys.extend(story.plan.writes().map(|entry| entry.key.clone()));
            }
        }
    }

    /// Why a finding of this check breaks no promise, or `None` if it does.
    pub(crate) fn excuse(&self, check: &str, finding: &Finding) -> Option<String> {
        if finding.each {
            // Each transaction needs an excuse of its own.
            let alone = |txn| Finding { txns: [txn].into(), keys: BTreeSet::new(), each: false, ..finding.clone() };
            let one = |txn: &TxnId| self.excuse(check, &alone(*txn));
            return finding.txns.iter().map(one).collect::<Option<Vec<String>>>()?.into_iter().next();
        }
        let follows_from_loss =
            matches!(check, "durability" | "conservation" | "audits" | "completeness" | "told-truth");
        let follows_from_tear = follows_from_loss
            || matches!(check, "agreement" | "stability" | "commit-validity" | "non-triviality" | "isolation");
        let about_ending = matches!(check, "termination" | "nothing-unresolved");
        if follows_from_tear {
            if let Some(txn) = finding.txns.intersection(&self.heuristic).next() {
                return Some(format!("an operator ended a branch of {txn}"));
            }
            if let Some(key) = finding.keys.intersection(&self.heuristic_keys).next() {
                return Some(format!("an operator ended a branch that changes {key}"));
            }
        }
        if (follows_from_loss || about_ending)
            && !finding.unnoticed
            && let Some(node) = self.loser(check, finding)
        {
            return Some(format!("{node} lost its log"));
        }
        if about_ending {
            if finding.stuck {
                return Some("it waits for an operator".into());
            }
            if let Some(node) = finding.nodes.intersection(&self.not_running).next() {
                return Some(format!("{node} is not running at the end"));
            }
            let concerns = |(from, to): &&(NodeId, NodeId)| finding.nodes.contains(from) && finding.nodes.contains(to);
            if let Some((from, to)) = self.cut.iter().find(concerns) {
                return Some(format!("{from} is still cut off from {to}"));
            }
        }
        None
    }

    /// Whose lost journal a finding may follow from.
    fn loser(&self, check: &str, finding: &Finding) -> Option<NodeId> {
        if check == "audits" {
            // What is gone is missing in every later sum.
            let lost_by_then = |(_, lost): &(&NodeId, &i64)| finding.at.is_none_or(|at| **lost <= at);
            return self
                .lost_logs
                .iter()
                .filter(lost_by_then)
                .map(|(node, _)| *node)
                .find(|n| finding.nodes.contains(n));
        }
        let of_all = finding.txns.iter().filter_map(|txn| self.robbed.get(txn)).flatten();
        of_all.copied().find(|node| finding.nodes.contains(node))
    }
}

/// Whether a transaction had a part in a node's journal when it was lost.
fn robs(aftermath: &Aftermath, txn: TxnId, story: &Story, node: NodeId) -> bool {
    if node == txn.home {
        aftermath.topology.life(node).losses > story.home_then.losses
    } else {
        story.plan.0.iter().any(|entry| entry.node == node) && story.lost_since_begun(node, &aftermath.topology)
    }
}
