//! What waits for a record to become durable.

use crate::locks::Owner;
use indoubt_proto::{
    ids::{Lsn, NodeId, TxnId},
    message::Message,
    observation::Observation,
};
use std::collections::VecDeque;

/// What happens once a record is durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AtDurable {
    /// The branch is prepared: it votes.
    Prepared(TxnId),
    /// The forced outcome of a branch is durable: its locks go, and those who asked are answered.
    Ended(TxnId),
    /// The outcome that the finished log remembers of a branch is durable.
    OutcomeDurable(TxnId),
    /// A local transaction is applied, undone or void.
    LocalTxn(Owner),
    /// The observation may be made.
    Observe(Box<Observation>),
    /// The message may be sent.
    Send(NodeId, Box<Message>),
}

/// Everything that waits for a record, in the order of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct AwaitedRecords {
    queue: VecDeque<(Lsn, AtDurable)>,
}

impl AwaitedRecords {
    /// Waits for `lsn`. It is almost always the newest record; a wait for an older one is sorted in.
    pub(crate) fn wait(&mut self, lsn: Lsn, then: AtDurable) {
        let index = match self.queue.back() {
            Some((last, _)) if *last > lsn => self.queue.partition_point(|(other, _)| *other <= lsn),
            _ => self.queue.len(),
        };
        self.queue.insert(index, (lsn, then));
    }

    /// The next wait that ends when everything up to `upto` is durable.
    pub(crate) fn next_durable(&mut self, upto: Lsn) -> Option<(Lsn, AtDurable)> {
        self.queue.pop_front_if(|(lsn, _)| *lsn <= upto)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Lsn, &AtDurable)> {
        self.queue.iter().map(|(lsn, then)| (*lsn, then))
    }
}
