//! What one run did for each transaction: what its client was told, how it ended at every node, which messages were sent
//! for it and which records written. Times are left out.

use indoubt_proto::{
    ids::{NodeId, TxnId},
    machine::Write,
    message::OutcomeWord,
    observation::{Observation, PlanEntry},
};
use indoubt_scenario::recording::Recording;
use std::collections::{BTreeMap, BTreeSet};

/// One transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TxnAccount {
    /// What was asked for.
    pub(super) plan: Vec<PlanEntry>,
    /// What its client was told; `None`: nothing.
    pub(super) told: Option<OutcomeWord>,
    /// What was decided, applied, refused or undone, each once: recovery may tell again what it replays.
    pub(super) ends: BTreeSet<(NodeId, End)>,
    /// How often a message of a kind was sent from one node to another; copies that faults made are not counted.
    pub(super) messages: BTreeMap<(NodeId, NodeId, &'static str), u64>,
    /// How often a record was written at a node, and how.
    pub(super) writes: BTreeMap<(NodeId, String, bool), u64>,
}

/// Something final at a node, with the step for sagas.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    pub(super) kind: &'static str,
    pub(super) qualifier: Option<&'static str>,
    pub(super) step: Option<u32>,
}

/// All transactions of a run.
pub(super) fn account(recording: &Recording) -> BTreeMap<TxnId, TxnAccount> {
    let mut accounts: BTreeMap<TxnId, TxnAccount> = BTreeMap::new();
    for seen in &recording.trace {
        let Some(txn) = seen.what.txn() else { continue };
        let deal = accounts.entry(txn).or_default();
        match &seen.what {
            Observation::ClientBegan { plan, .. } => deal.plan.clone_from(plan),
            Observation::ClientEnded { outcome, .. } => deal.told = Some(*outcome),
            Observation::Sent { from, to, message, copy: false, .. } => {
                *deal.messages.entry((*from, *to, message.word())).or_default() += 1;
            }
            Observation::Appended { record, write, .. } => {
                let forced = *write == Write::Forced;
                *deal.writes.entry((seen.node, record.to_string(), forced)).or_default() += 1;
            }
            Observation::Decided { .. }
            | Observation::Heuristic { .. }
            | Observation::Applied { .. }
            | Observation::StepApplied { .. }
            | Observation::StepRefused { .. }
            | Observation::Compensated { .. }
            | Observation::Stuck { .. }
            | Observation::LostLog { .. } => {
                let end = End { kind: seen.what.kind(), qualifier: seen.what.qualifier(), step: seen.what.step() };
                deal.ends.insert((seen.node, end));
            }
            _ => {}
        }
    }
    accounts
}
