//! The actions that wait until a record is durable.

use crate::locks::Owner;
use indoubt_proto::{
    ids::{Lsn, NodeId, TxnId},
    message::Message,
    observation::Observation,
};
use std::collections::VecDeque;

/// An action for when a record is durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AtDurable {
    /// The branch is prepared. It sends its vote.
    Prepared(TxnId),
    /// The forced outcome of a branch is durable. It releases its locks and sends its messages.
    Ended(TxnId),
    /// The remembered outcome of a branch is durable, and messages may rely on it.
    OutcomeDurable(TxnId),
    /// A local transaction is durably applied, undone or void.
    LocalTxn(Owner),
    /// Makes the observation.
    Observe(Box<Observation>),
    /// Sends the message.
    Send(NodeId, Box<Message>),
}

/// All waiting actions, in log order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct AwaitedRecords {
    queue: VecDeque<(Lsn, AtDurable)>,
}

impl AwaitedRecords {
    /// Queues an action for when `lsn` is durable. `lsn` is usually the newest record; an older one is inserted in order.
    pub(crate) fn wait(&mut self, lsn: Lsn, then: AtDurable) {
        let index = match self.queue.back() {
            Some((last, _)) if *last > lsn => self.queue.partition_point(|(other, _)| *other <= lsn),
            _ => self.queue.len(),
        };
        self.queue.insert(index, (lsn, then));
    }

    /// Removes the next action whose record is durable when the log is durable up to `upto`.
    pub(crate) fn next_durable(&mut self, upto: Lsn) -> Option<(Lsn, AtDurable)> {
        self.queue.pop_front_if(|(lsn, _)| *lsn <= upto)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Lsn, &AtDurable)> {
        self.queue.iter().map(|(lsn, then)| (*lsn, then))
    }
}
