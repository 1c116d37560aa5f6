//! The state that all branches and local transactions of one participant share.

use crate::{
    durability::{AtDurable, AwaitedRecords},
    finished_log::FinishedLog,
    lock_acquisition::Locks,
    store::Store,
};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, TxnId},
    machine::Write,
    operation::Key,
    settings::Settings,
};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Context {
    pub(crate) id: NodeId,
    pub(crate) settings: Settings,
    pub(crate) log: LogId,
    /// The incarnation that wrote the journal's first record. It is more than 1 if an earlier journal was lost.
    pub(crate) born: u32,
    pub(crate) incarnation: u32,
    pub(crate) store: Store,
    pub(crate) locks: Locks,
    pub(crate) finished: FinishedLog,
    pub(crate) awaited: AwaitedRecords,
}

impl Context {
    pub(crate) fn new(id: NodeId, settings: Settings, accounts: BTreeMap<Key, i64>) -> Self {
        Context {
            id,
            settings,
            log: LogId(0),
            born: 0,
            incarnation: 0,
            store: Store::new(accounts),
            locks: Locks::new(settings.timeouts.lock),
            finished: FinishedLog::default(),
            awaited: AwaitedRecords::default(),
        }
    }

    /// Starts a new incarnation.
    pub(crate) fn boot(&mut self, log: LogId, incarnation: u32) {
        (self.log, self.incarnation, self.born) = (log, incarnation, incarnation);
    }

    /// The outcome of a branch was appended as record `lsn`. Until that is durable, no message may rely on it.
    pub(crate) fn outcome_appended(&mut self, txn: TxnId, lsn: Lsn, write: Write) {
        self.finished.appended(txn, lsn, write);
        self.awaited.wait(lsn, AtDurable::OutcomeDurable(txn));
    }

    /// Whether a branch of which nothing is known here may have voted: its vote was in a lost journal, or it was a READ of
    /// an earlier incarnation, which leaves no record.
    pub(crate) fn may_have_forgotten_a_vote(&self) -> bool {
        self.born > 1 || (self.settings.options.read_only && self.incarnation > self.born)
    }
}
