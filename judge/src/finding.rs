//! What a check finds, and how its details are worded.

use crate::history::{fate::Fate, txn_history::TxnHistory};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    operation::Key,
};
use std::{collections::BTreeSet, fmt};

/// Something in a run for which a check does not hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    /// The transactions concerned.
    pub(crate) txns: BTreeSet<TxnId>,
    /// The nodes that have a part in it: their homes and participants.
    pub(crate) nodes: BTreeSet<NodeId>,
    /// The records concerned, where it is about records.
    pub(crate) keys: BTreeSet<Key>,
    /// When it showed, where a waiver asks for that.
    pub(crate) at: Option<i64>,
    /// Each of `txns` is a culprit of its own, and the finding is excused only if each is.
    pub(crate) each: bool,
    /// A saga that waits for an operator: visible, and allowed.
    pub(crate) stuck: bool,
    /// What operators did is left out of it: it excuses nothing.
    pub(crate) without_operators: bool,
    /// Its coordinator ended it without noticing: no lost journal excuses that (rule 17).
    pub(crate) unnoticed: bool,
    /// What is wrong: which transaction, which nodes, when.
    pub(crate) text: String,
}

/// In which ways faults may excuse a finding, so that it breaks no promise ([`crate::promises`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excuse {
    /// An operator ended a branch, and not as its coordinator decided: what is torn by that, and what follows from it.
    Operator,
    /// A node lost its log with a part of the transaction in it.
    LostLog,
    /// A node had lost its log by then: what is gone is missing from then on, whichever transaction it was of.
    LostLogBefore,
    /// Something is not healed at the end, or a saga waits for an operator: what depends on it cannot end.
    Unhealed,
}

impl Finding {
    /// About one transaction and everybody who has a part in it.
    pub(crate) fn about(txn: TxnId, txn_history: &TxnHistory, text: String) -> Self {
        let mut nodes = txn_history.plan.nodes();
        nodes.insert(txn.home);
        Finding { txns: BTreeSet::from([txn]), nodes, text, ..Finding::default() }
    }
}

/// A time of the trace, as people read it.
pub(crate) struct At(pub(crate) i64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.0 as f64 / 1_000.0)
    }
}

/// Items, separated by commas.
pub(crate) fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// Which steps of a transaction that is over are there and which are not.
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
    Some(format!("{} applied since {}, but not {}", tell(true), At(when), tell(false)))
}
