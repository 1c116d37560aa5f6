//! Which guarantees a protocol gives, and which faults excuse it from which (docs/03-measures-and-checks.md).
//!
//! What a protocol promises, its family's entry in the registry says ([`indoubt_scenario::protocol`]).
//!
//! Waivers:
//! - *Heuristics* (an operator ended a branch, and not as its coordinator decided): agreement is waived for that
//!   transaction, and with it whatever follows from a torn transaction; for audits from then on.
//! - *A lost log*: that node's durability and termination, and what follows from effects that are gone, for the transactions
//!   that were under way or over when it was lost (and for audits that sum what is gone); but not that its coordinator takes
//!   a branch for done that it never applied (docs/rules.md, rule 17).
//! - *Not healed* (a node is not running at the end, a link is still cut, a fault still loses, delays or refuses messages): the
//!   termination of what concerns it.
//! - A *stuck* saga waits for an operator by design: it is told under `nothing-unresolved`, and no broken promise.

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

/// Whether the protocols of this family promise a check, faults that waive it aside.
pub fn promises(family: Family, check: CheckName) -> bool {
    family.entry().promises.contains(&check)
}

/// Whether a check that does not hold would be a broken promise of this family, had a fault not waived it.
pub fn is_waived(family: Family, check: &Check) -> bool {
    !check.held && !check.promised && promises(family, check.name)
}

/// What the faults of one run excuse.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waivers {
    /// Nodes whose journal a fault lost, and when it first did.
    lost_logs: BTreeMap<NodeId, i64>,
    /// The transactions that had a part in a journal when it was lost, and whose.
    lost_parts: BTreeMap<TxnId, BTreeSet<NodeId>>,
    /// Nodes that do not run at the end.
    not_running: BTreeSet<NodeId>,
    /// Links still cut at the end.
    cut: Vec<(NodeId, NodeId)>,
    /// Whether participants ask each other.
    cooperative: bool,
    /// Whose messages a fault still holds up at the end: from, to; `None` for anybody's.
    touched: Vec<(Option<NodeId>, Option<NodeId>)>,
    /// Transactions with a branch that an operator ended against or without a decision, and since when the records that they
    /// change may tell of it.
    heuristic: BTreeSet<TxnId>,
    heuristic_keys: BTreeMap<Key, i64>,
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
                (Some(Waiver::LostLog(node)), _) => {
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
            waivers.overruled(txn, txn_history);
            let losers = waivers.lost_logs.keys().copied();
            let lost_parts: BTreeSet<NodeId> =
                losers.filter(|node| lost_part(final_state, txn, txn_history, *node)).collect();
            if !lost_parts.is_empty() {
                waivers.lost_parts.insert(txn, lost_parts);
            }
        }
        waivers
    }

    /// Notes a transaction of which an operator ended a branch. If he agreed with its coordinator, no harm is done
    /// (docs/rules.md, rule 22), and nothing is excused.
    fn overruled(&mut self, txn: TxnId, txn_history: &TxnHistory) {
        let agreed = |by_operator: Decision| {
            !txn_history.home_decided.is_empty()
                && txn_history.home_decided.iter().all(|(_, decided)| *decided == by_operator)
        };
        let by_operator = txn_history.branches.values().flat_map(|branch| &branch.heuristics);
        if let Some(since) = by_operator.filter(|(_, outcome)| !agreed(*outcome)).map(|(t, _)| *t).min() {
            self.heuristic.insert(txn);
            for entry in txn_history.plan.writes() {
                let first = self.heuristic_keys.entry(entry.key.clone()).or_insert(since);
                *first = since.min(*first);
            }
        }
    }

    /// Why a finding breaks no promise, or `None` if it does. `excuses` are those of its check.
    pub(crate) fn excuse(&self, excuses: &[Excuse], finding: &Finding) -> Option<String> {
        if finding.each {
            // Each transaction needs an excuse of its own.
            let alone = |txn| Finding { txns: [txn].into(), keys: BTreeSet::new(), each: false, ..finding.clone() };
            let one = |txn: &TxnId| self.excuse(excuses, &alone(*txn));
            return finding.txns.iter().map(one).collect::<Option<Vec<String>>>()?.into_iter().next();
        }
        excuses.iter().find_map(|excuse| match excuse {
            Excuse::Operator => self.by_operator(finding),
            Excuse::LostLog => self.by_lost_log(finding, |finding| {
                let of_all = finding.txns.iter().filter_map(|txn| self.lost_parts.get(txn)).flatten();
                of_all.copied().find(|node| finding.nodes.contains(node))
            }),
            Excuse::LostLogBefore => self.by_lost_log(finding, |finding| {
                let by_then = |lost: &i64| finding.at.is_none_or(|at| *lost <= at);
                let losers = self.lost_logs.iter().filter(|(_, lost)| by_then(lost)).map(|(node, _)| *node);
                losers.into_iter().find(|node| finding.nodes.contains(node))
            }),
            Excuse::Unhealed => self.by_what_is_open(finding),
        })
    }

    fn by_operator(&self, finding: &Finding) -> Option<String> {
        if let Some(txn) = finding.txns.intersection(&self.heuristic).next() {
            return Some(format!("an operator ended a branch of {txn}"));
        }
        let by_then =
            |key: &&Key| self.heuristic_keys.get(*key).is_some_and(|since| finding.at.is_none_or(|at| at >= *since));
        let key = finding.keys.iter().find(by_then)?;
        Some(format!("an operator ended a branch that changes {key}"))
    }

    fn by_lost_log(&self, finding: &Finding, loser: impl Fn(&Finding) -> Option<NodeId>) -> Option<String> {
        let node = loser(finding).filter(|_| !finding.unnoticed)?;
        Some(format!("{node} lost its log"))
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
                // Participants speak to each other under cooperative termination alone.
                false => self.cooperative && open.contains(&true),
            }
        };
        if let Some((from, to)) = self.cut.iter().find(concerns) {
            return Some(format!("{from} is still cut off from {to}"));
        }
        let concerned = |node: &Option<NodeId>| node.is_none_or(|node| finding.nodes.contains(&node));
        let held_up = self.touched.iter().any(|(from, to)| concerned(from) && concerned(to));
        held_up.then(|| "a fault still holds up its messages at the end".into())
    }
}

/// Whether a transaction had a part in a node's journal when it was lost.
fn lost_part(final_state: &FinalState, txn: TxnId, txn_history: &TxnHistory, node: NodeId) -> bool {
    if node == txn.home {
        final_state.topology.life(node).losses > txn_history.home_then.losses
    } else {
        txn_history.lost_log_at(node, &final_state.topology)
    }
}
