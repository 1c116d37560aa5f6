//! The transactions whose outcomes their clients have not heard, and when a client next acts on one of them.

use indoubt_proto::{
    ids::{NodeId, TxnId},
    plan::Submission,
    time::Micros,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a client does about a transaction whose outcome it has not heard.
#[derive(Clone, Debug)]
pub(super) enum Call {
    /// It has submitted the transaction, and again `retries` times, and waits for the outcome.
    Waiting { submission: Submission, retries: u32 },
    /// It gave up or died. It asks what became of the transaction.
    Asking,
}

impl Call {
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Call::Waiting { .. })
    }

    pub(super) fn is_asking(&self) -> bool {
        matches!(self, Call::Asking)
    }
}

/// All these transactions.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    /// Each with the time at which its client acts next; `None` if the client only waits.
    open: BTreeMap<TxnId, (Call, Option<Micros>)>,
    alarms: BTreeSet<(Micros, TxnId)>,
}

impl Calls {
    /// Adds a transaction, on which its client acts next at `alarm`.
    pub(super) fn add(&mut self, txn: TxnId, call: Call, alarm: Option<Micros>) {
        self.alarms.extend(alarm.map(|at| (at, txn)));
        self.open.insert(txn, (call, alarm));
    }

    /// Removes a transaction, if this is what its client does about it. Returns whether it did.
    pub(super) fn end(&mut self, txn: TxnId, is: impl Fn(&Call) -> bool) -> bool {
        if !self.open.get(&txn).is_some_and(|(call, _)| is(call)) {
            return false;
        }
        if let Some((_, Some(alarm))) = self.open.remove(&txn) {
            self.alarms.remove(&(alarm, txn));
        }
        true
    }

    /// Removes the next transaction on which a client acts at `now`.
    pub(super) fn take_due(&mut self, now: Micros) -> Option<(TxnId, Call)> {
        let next = *self.alarms.first().filter(|(at, _)| *at <= now)?;
        self.alarms.remove(&next);
        let (_, txn) = next;
        self.open.remove(&txn).map(|(call, _)| (txn, call))
    }

    /// When a client acts next.
    pub(super) fn next_alarm(&self) -> Option<Micros> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// The submissions of a client that wait for an outcome of this coordinating node.
    pub(super) fn waiting(&self, client: NodeId, home: NodeId) -> impl Iterator<Item = &Submission> + '_ {
        self.open.iter().filter_map(move |(txn, (call, _))| match call {
            Call::Waiting { submission, .. } if txn.home == home && txn.client == client => Some(submission),
            _ => None,
        })
    }

    /// Whether a client waits for an answer of this coordinating node, or will ask it.
    pub(super) fn any_at(&self, home: NodeId) -> bool {
        self.open.keys().any(|txn| txn.home == home)
    }

    /// Whether a client will act on a transaction of this coordinating node.
    pub(super) fn any_alarm_at(&self, home: NodeId) -> bool {
        self.alarms.iter().any(|(_, txn)| txn.home == home)
    }
}
