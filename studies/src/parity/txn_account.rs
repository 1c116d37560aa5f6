//! What one run did for each transaction, without times: what its client was told, how it ended at every node, and which messages
//! and records it needed.

use indoubt_proto::{
    ids::{NodeId, TxnId},
    machine::Write,
    message::OutcomeWord,
    observation::{Observation, PlanEntry},
};
use indoubt_scenario::recording::Recording;
use std::collections::{BTreeMap, BTreeSet};

/// What one run did for one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TxnAccount {
    /// What the client asked for.
    pub(super) plan: Vec<PlanEntry>,
    /// The outcome that the client was told; `None` if it was told nothing.
    pub(super) told: Option<OutcomeWord>,
    /// What each node decided, applied, refused or undid. Each counts once, because recovery may observe it again.
    pub(super) ends: BTreeSet<(NodeId, End)>,
    /// How often each kind of message was sent from one node to another. Copies that faults made do not count.
    pub(super) messages: BTreeMap<(NodeId, NodeId, &'static str), u64>,
    /// How often each record was written at a node, and whether it was forced.
    pub(super) writes: BTreeMap<(NodeId, String, bool), u64>,
}

/// An end of a transaction, or of a step of a saga, at a node.
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
            Observation::ClientGaveUp { .. }
            | Observation::Decided { .. }
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
