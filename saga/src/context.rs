//! The state that all sagas of one orchestrator share.

use indoubt_proto::{
    admission::Admission,
    ids::{LogId, Lsn, NodeId, Serial, TxnId},
    serials::Serials,
    settings::Settings,
};
use std::collections::VecDeque;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Context {
    pub(crate) settings: Settings,
    /// The numbers of the sagas. A saga is unfinished while it may still send something, even after a crash: it is in
    /// flight, or its end record is not durable.
    pub(crate) serials: Serials,
    pub(crate) admission: Admission,
    /// All waiting actions, in log order.
    awaited: VecDeque<(Lsn, AtDurable)>,
}

/// An action for when a record is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AtDurable {
    /// The saga continues.
    GoOn(TxnId),
    /// The saga with this number is finished.
    Finish(Serial),
}

impl Context {
    pub(crate) fn new(id: NodeId, settings: Settings) -> Self {
        Context {
            settings,
            serials: Serials::default(),
            admission: Admission::of_sagas(id, &settings),
            awaited: VecDeque::new(),
        }
    }

    /// Starts a new incarnation.
    pub(crate) fn boot(&mut self, log: LogId, incarnation: u32) {
        self.serials.open(log, incarnation);
        self.admission.open(log, incarnation);
    }

    /// Queues an action for when a record is durable. Records are queued in the order in which they are appended.
    pub(crate) fn wait(&mut self, lsn: Lsn, then: AtDurable) {
        self.awaited.push_back((lsn, then));
    }

    /// A planted bug: sagas count as finished although their ends are not durable.
    #[cfg(feature = "mutants")]
    pub(crate) fn finish_early(&mut self) {
        for (_, then) in &self.awaited {
            if let AtDurable::Finish(serial) = then {
                self.serials.finish(*serial);
            }
        }
    }

    /// Removes the next action whose record is durable when the log is durable up to `upto`.
    pub(crate) fn next_durable(&mut self, upto: Lsn) -> Option<AtDurable> {
        self.awaited.pop_front_if(|(lsn, _)| *lsn <= upto).map(|(_, then)| then)
    }
}
