//! What all sequences of one unprotected node share.

use indoubt_proto::{
    admission::Admission,
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    settings::Settings,
};
use std::collections::VecDeque;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Context {
    pub(super) settings: Settings,
    /// Retries of each call; `None` is the protocol `none`, which keeps no status row either.
    pub(super) retries: Option<u32>,
    pub(super) admission: Admission,
    log: LogId,
    next: Serial,
    /// Records whose durability a sequence waits for, in the order of the log.
    awaited: VecDeque<(Lsn, TxnId)>,
}

impl Context {
    pub(super) fn new(id: NodeId, settings: Settings, retries: Option<u32>) -> Self {
        Context {
            settings,
            retries,
            admission: Admission::new(id, &settings),
            log: LogId(0),
            next: Serial(0),
            awaited: VecDeque::new(),
        }
    }

    /// Begins an incarnation.
    pub(super) fn boot(&mut self, log: LogId, incarnation: u32) {
        (self.log, self.next) = (log, Serial::first_of(incarnation));
        self.admission.open(log, incarnation);
    }

    /// Hands out the next serial.
    pub(super) fn begin(&mut self) -> Serial {
        let serial = self.next;
        self.next = serial.next();
        serial
    }

    /// The ticket of a call. It declares nothing finished: unprotected calls are not remembered, so no mark may hold back a
    /// copy of one.
    pub(super) fn ticket(&self, serial: Serial) -> Ticket {
        Ticket { log: self.log, serial, finished_below: Serial(0) }
    }

    /// This sequence waits for this record. Records are awaited in the order in which they are appended.
    pub(super) fn wait(&mut self, lsn: Lsn, txn: TxnId) {
        self.awaited.push_back((lsn, txn));
    }

    /// The next sequence whose record is durable when everything up to `upto` is.
    pub(super) fn next_durable(&mut self, upto: Lsn) -> Option<TxnId> {
        self.awaited.pop_front_if(|(lsn, _)| *lsn <= upto).map(|(_, txn)| txn)
    }
}
