//! Which guarantees a protocol gives, and which faults excuse it from which (design.md section 7).
//!
//! The 2PC family promises everything; a saga gives up agreement at one instant and isolation, and promises that it ends
//! whole or undone; the unprotected baselines promise nothing.
//!
//! Waivers:
//! - *Heuristics* (a `resolve` fault ended branches in doubt by hand): agreement is waived for the transactions that it
//!   touched, and with it whatever follows from a torn transaction.
//! - *A lost log*: that node's durability and termination, and what follows from effects that are gone; but not that its
//!   coordinator takes a branch for done that it never applied (protocols.md rule 17).
//! - *Not healed* (a node is not running at the end, or a link still cut): the termination of what concerns it.
//! - A *stuck* saga waits for an operator by design: it is told under `nothing-unresolved`, and no broken promise.

use crate::{
    check::Finding,
    history::Aftermath,
    protocol::{Family, Protocol},
    recording::FaultRecord,
    scenario::{FaultAction, Scenario},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    operation::Key,
};
use std::collections::BTreeSet;

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

/// What the faults of one run excuse.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waivers {
    /// Nodes that a fault robbed of their journal.
    lost_logs: BTreeSet<NodeId>,
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
                    waivers.lost_logs.insert(*node);
                }
                FaultAction::Resolve { nodes, .. } => waivers.resolved(nodes, first.0 as i64, aftermath),
                _ => {}
            }
        }
        waivers
    }

    /// Notes the transactions with a branch at one of `nodes` that was in doubt when an operator decided, at `t`.
    fn resolved(&mut self, nodes: &[NodeId], t: i64, aftermath: &Aftermath) {
        for (txn, story, _) in aftermath.all() {
            let by_hand = nodes.iter().filter_map(|node| story.branches.get(*node)).any(|branch| {
                branch.doubted.is_some_and(|since| since <= t) && branch.decisions.iter().any(|(when, _)| *when >= t)
            });
            if by_hand {
                self.heuristic.insert(txn);
                self.heuristic_keys.extend(story.plan.writes().map(|entry| entry.key.clone()));
            }
        }
    }

    /// Why a finding of this check breaks no promise, or `None` if it does.
    pub(crate) fn excuse(&self, check: &str, finding: &Finding) -> Option<String> {
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
            && let Some(node) = finding.nodes.intersection(&self.lost_logs).next()
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
}
