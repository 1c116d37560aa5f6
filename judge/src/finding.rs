//! The findings of checks, and helpers for their texts.

use crate::history::{fate::Fate, txn_history::TxnHistory};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    operation::Key,
};
use std::{collections::BTreeSet, fmt};

/// One thing in a run for which a check does not hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    /// The transactions concerned.
    pub(crate) txns: BTreeSet<TxnId>,
    /// The nodes concerned: the homes and participants of the transactions.
    pub(crate) nodes: BTreeSet<NodeId>,
    /// The records concerned, if the finding is about records.
    pub(crate) keys: BTreeSet<Key>,
    /// The time of the finding, if a waiver depends on it.
    pub(crate) at: Option<i64>,
    /// Whether each of `txns` alone causes the finding, so that it is excused only if each of them is excused.
    pub(crate) each: bool,
    /// Whether it is a saga that waits for an operator. That is reported, but breaks no promise.
    pub(crate) stuck: bool,
    /// What operators did is left out of it: it excuses nothing.
    pub(crate) without_operators: bool,
    /// A lost journal does not excuse it: it was not noticed (rule 17), or such a thing must not happen without a journal either.
    pub(crate) despite_lost_logs: bool,
    /// What is wrong, for people: which transaction, which nodes, when.
    pub(crate) text: String,
}

/// The ways in which faults may excuse a finding, so that it breaks no promise ([`crate::promises`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excuse {
    /// An operator ended a branch against or without the coordinator's decision, and the finding follows from that.
    Operator,
    /// An operator ended a branch, even if as its coordinator decided: the branch ended before the others did, and the
    /// coordinator may abort because of it.
    OperatorActed,
    /// A node lost its log, or part of it, which had records of the transaction.
    LostLog,
    /// Participants ask each other, and one of them lost its disk, which had records of the transaction. It cannot know that it may
    /// have voted, so it answers a peer that it has aborted.
    LostDisk,
    /// An older copy of the coordinating node's log was put back, which misses durable records of the transaction.
    RestoredHome,
    /// An older copy of a node's log was put back, which misses durable records of the transaction.
    RestoredLog,
    /// A node had lost its log, or part of it, before the time of the finding. Lost effects are missing from then on, of any transaction.
    LostLogBefore,
    /// Something is not repaired at the end, or a saga waits for an operator, so the transaction cannot end.
    Unhealed,
}

impl Finding {
    /// A finding about one transaction and all its nodes.
    pub(crate) fn about(txn: TxnId, txn_history: &TxnHistory, text: String) -> Self {
        let mut nodes = txn_history.plan.nodes();
        nodes.insert(txn.home);
        Finding { txns: BTreeSet::from([txn]), nodes, text, ..Finding::default() }
    }
}

/// A time of the trace in microseconds, shown to people in milliseconds.
pub(crate) struct At(pub(crate) i64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0 as f64 / 1_000.0)
    }
}

/// The items, separated by commas.
pub(crate) fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// Which steps of a partial transaction are applied and which are not. `None` if the transaction is not partial.
pub(crate) fn torn(txn_history: &TxnHistory, fate: Fate) -> Option<String> {
    if fate != Fate::Partial {
        return None;
    }
    let steps = txn_history.plan.writing_steps();
    let tell = |there: bool| {
        let which = steps.iter().filter(|(step, _)| (txn_history.standing(**step) > 0) == there);
        listed(which.map(|(step, node)| format!("step {step} at {node}")))
    };
    let when = txn_history.effects.iter().map(|effect| effect.t).min().unwrap_or_default();
    Some(format!("{} applied, the first at {}, but not {}", tell(true), At(when), tell(false)))
}
