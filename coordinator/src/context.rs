//! The state that all transactions of one coordinator share.

use crate::presumption::{Presumption, Row};
use indoubt_proto::{
    admission::Admission,
    ids::{LogId, Lsn, NodeId, TxnId},
    message::ReadVote,
    serials::Serials,
    settings::{Settings, WorkRound},
};
use std::collections::VecDeque;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Context {
    pub(crate) id: NodeId,
    pub(crate) settings: Settings,
    presumption: Presumption,
    /// Whether participants in doubt may ask each other (rule 7). PREPARE then lists the other participants.
    pub(crate) cooperative: bool,
    pub(crate) serials: Serials,
    pub(crate) admission: Admission,
    /// The records whose durability some transaction awaits, in log order.
    awaited: VecDeque<(Lsn, TxnId)>,
}

impl Context {
    pub(crate) fn new(id: NodeId, settings: Settings, presumption: Presumption, cooperative: bool) -> Self {
        Context {
            id,
            settings,
            presumption,
            cooperative,
            serials: Serials::default(),
            admission: Admission::new(id, &settings),
            awaited: VecDeque::new(),
        }
    }

    /// Starts a new incarnation.
    pub(crate) fn boot(&mut self, log: LogId, incarnation: u32) {
        self.serials.open(log, incarnation);
        self.admission.open(log, incarnation);
    }

    pub(crate) fn row(&self) -> &'static Row {
        self.presumption.row()
    }

    pub(crate) fn with_prepare(&self) -> bool {
        self.settings.options.work == WorkRound::WithPrepare
    }

    /// How participants that only read may vote. They may release their locks at their vote only if all work was done
    /// before PREPARE was sent (rule 12). That holds exactly when the work has a round of its own.
    pub(crate) fn read_vote(&self) -> ReadVote {
        match (self.settings.options.read_only, self.settings.options.work) {
            (false, _) => ReadVote::Never,
            (true, WorkRound::Separate) => ReadVote::Release,
            (true, WorkRound::WithPrepare) => ReadVote::Keep,
        }
    }

    /// Registers that this transaction awaits this record. Records are registered in the order in which they are appended.
    pub(crate) fn wait(&mut self, lsn: Lsn, txn: TxnId) {
        self.awaited.push_back((lsn, txn));
    }

    /// The next awaited record that becomes durable when the log is durable up to `upto`.
    pub(crate) fn next_durable(&mut self, upto: Lsn) -> Option<(Lsn, TxnId)> {
        self.awaited.pop_front_if(|(lsn, _)| *lsn <= upto)
    }
}
