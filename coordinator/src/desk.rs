//! What all transactions of one coordinator share: its settings, its journal's identity, the serials it hands out and the
//! mark below which all are finished, the records that somebody waits for, and what clients are remembered to be owed.

use crate::presumption::{Presumption, Row};
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    message::ReadVote,
    settings::{Settings, WorkRound},
    submissions::Submissions,
};
use std::collections::{BTreeSet, VecDeque};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Desk {
    pub(crate) id: NodeId,
    pub(crate) settings: Settings,
    presumption: Presumption,
    /// Whether participants in doubt may ask each other (rule 7), and so must know of each other.
    pub(crate) cooperative: bool,
    pub(crate) log: LogId,
    pub(crate) incarnation: u32,
    next: Serial,
    /// The serials of all transactions that are not finished; the first one is the mark of rule 17b.
    unfinished: BTreeSet<Serial>,
    pub(crate) submissions: Submissions,
    /// Records whose durability a transaction waits for, in the order of the log.
    awaited: VecDeque<(Lsn, TxnId)>,
}

impl Desk {
    pub(crate) fn new(id: NodeId, settings: Settings, presumption: Presumption, cooperative: bool) -> Self {
        Desk {
            id,
            settings,
            presumption,
            cooperative,
            log: LogId(0),
            incarnation: 0,
            next: Serial::first_of(0),
            unfinished: BTreeSet::new(),
            submissions: Submissions::new(settings.options.remembered as usize),
            awaited: VecDeque::new(),
        }
    }

    /// Begins an incarnation: its serials lie above those of all earlier ones.
    pub(crate) fn open(&mut self, log: LogId, incarnation: u32) {
        self.log = log;
        self.incarnation = incarnation;
        self.next = Serial::first_of(incarnation);
    }

    pub(crate) fn row(&self) -> &'static Row {
        self.presumption.row()
    }

    /// Hands out the next serial, which stays unfinished until [`Desk::finish`].
    pub(crate) fn begin(&mut self) -> Serial {
        let serial = self.next;
        self.next = serial.next();
        self.unfinished.insert(serial);
        serial
    }

    /// A transaction of an earlier incarnation is not finished yet.
    pub(crate) fn reopen(&mut self, serial: Serial) {
        self.unfinished.insert(serial);
    }

    pub(crate) fn finish(&mut self, serial: Serial) {
        self.unfinished.remove(&serial);
    }

    /// The word on a transaction that goes with every message about it.
    pub(crate) fn ticket(&self, serial: Serial) -> Ticket {
        let finished_below = self.unfinished.first().copied().unwrap_or(self.next);
        Ticket { log: self.log, serial, finished_below }
    }

    pub(crate) fn with_prepare(&self) -> bool {
        self.settings.options.work == WorkRound::WithPrepare
    }

    /// How participants that only read may vote. They may release their locks only if all work was done before PREPARE
    /// was sent (rule 12), and that is so exactly when it had a round of its own.
    pub(crate) fn read_vote(&self) -> ReadVote {
        match (self.settings.options.read_only, self.settings.options.work) {
            (false, _) => ReadVote::Never,
            (true, WorkRound::Separate) => ReadVote::Release,
            (true, WorkRound::WithPrepare) => ReadVote::Keep,
        }
    }

    /// This transaction waits for this record. Records are awaited in the order in which they are appended.
    pub(crate) fn wait(&mut self, lsn: Lsn, txn: TxnId) {
        self.awaited.push_back((lsn, txn));
    }

    /// The next awaited record that is durable when everything up to `upto` is.
    pub(crate) fn next_durable(&mut self, upto: Lsn) -> Option<(Lsn, TxnId)> {
        self.awaited.pop_front_if(|(lsn, _)| *lsn <= upto)
    }
}
