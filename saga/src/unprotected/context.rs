//! The state that all sequences of one unprotected node share.

use indoubt_proto::{
    admission::Admission,
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    settings::Settings,
};
use std::collections::VecDeque;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Context {
    pub(super) settings: Settings,
    /// The number of retries of each call. `None` for the protocol `none`, which has no status row either.
    pub(super) retries: Option<u32>,
    pub(super) admission: Admission,
    log: LogId,
    next: Serial,
    /// The records whose durability some sequence awaits, in log order.
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

    /// Starts a new incarnation.
    pub(super) fn boot(&mut self, log: LogId, incarnation: u32) {
        (self.log, self.next) = (log, Serial::first_of(incarnation));
        self.admission.open(log, incarnation);
    }

    /// Returns the next serial number.
    pub(super) fn begin(&mut self) -> Serial {
        let serial = self.next;
        self.next = serial.next();
        serial
    }

    /// The ticket of a call. Its mark declares no transaction finished: unprotected calls are not remembered, and a mark
    /// would make participants refuse copies of them.
    pub(super) fn ticket(&self, serial: Serial) -> Ticket {
        Ticket { log: self.log, serial, finished_below: Serial(0) }
    }

    /// Registers that this sequence awaits this record. Records are registered in the order in which they are appended.
    pub(super) fn wait(&mut self, lsn: Lsn, txn: TxnId) {
        self.awaited.push_back((lsn, txn));
    }

    /// The next sequence whose record is durable when the log is durable up to `upto`.
    pub(super) fn next_durable(&mut self, upto: Lsn) -> Option<TxnId> {
        self.awaited.pop_front_if(|(lsn, _)| *lsn <= upto).map(|(_, txn)| txn)
    }
}
