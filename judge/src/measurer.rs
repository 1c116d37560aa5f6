//! Measures a trace. [`Measurer::take`] takes the lines one by one and gives each to the measures that it concerns.
//! [`Measurer::finish`] returns the results.

mod forget;

use crate::{
    anomaly::Anomaly,
    beliefs, effects,
    history::{
        History,
        final_state::FinalState,
        forgotten::{count_fate, count_told},
    },
    measure::{MeasureSet, fold::Results},
    summary::{Clients, Measures, Series, Transactions},
};
use forget::Forgetting;
use indoubt_proto::{
    ids::TxnId,
    observation::{Observation, Stamped},
    settings::Timeouts,
    time::Micros,
};
use indoubt_scenario::protocol::Protocol;

/// Measures one run.
#[derive(Clone, Debug)]
pub struct Measurer {
    history: History,
    measures: MeasureSet,
    forgetting: Option<Forgetting>,
}

impl Measurer {
    /// A measurer for a run of one protocol. `duration` is how long clients submit transactions.
    pub fn new(protocol: Protocol, duration: Micros) -> Self {
        Measurer { history: History::new(protocol, duration), measures: MeasureSet::default(), forgetting: None }
    }

    /// A measurer that forgets transactions that have ended, so that a long run needs no more memory than a short one. The results
    /// are the same, unless a later line concerns a forgotten transaction: then [`Measurer::is_spoiled`] returns true.
    pub fn forgetful(protocol: Protocol, duration: Micros, timeouts: Timeouts) -> Self {
        Measurer { forgetting: Some(Forgetting::new(timeouts)), ..Measurer::new(protocol, duration) }
    }

    /// Takes the next line, in the order of `seq`.
    pub fn take(&mut self, seen: &Stamped) {
        let txn = seen.what.txn();
        let known = txn.and_then(|txn| self.history.index.find(txn));
        if self.forgetting.is_some() && !self.may_take(seen, known) {
            return;
        }
        let slot = match (known, txn) {
            (None, Some(txn)) => Some(self.slot(txn, seen.t_us)),
            (known, _) => known,
        };
        let changed = self.history.take(seen, slot);
        let Some(slot) = slot else {
            if changed {
                self.measures.cluster(seen, &self.history);
            }
            return;
        };
        match &seen.what {
            Observation::Sent { .. } | Observation::Received { .. } | Observation::Dropped { .. } => {
                self.measures.message(seen, slot, &self.history);
            }
            Observation::Appended { .. } => self.measures.record(seen, slot),
            Observation::ClientBegan { .. } | Observation::ClientEnded { .. } | Observation::ClientGaveUp { .. } => {
                self.measures.client(seen, slot, &self.history);
            }
            _ => self.measures.progress(seen, slot, &self.history),
        }
    }

    /// Assigns a slot to a new transaction.
    fn slot(&mut self, txn: TxnId, t: i64) -> usize {
        self.forget_some(t);
        let slot = self.history.index.add(txn);
        if let Some(forgetting) = &mut self.forgetting {
            forgetting.watch(slot);
        }
        slot
    }

    /// The results at the end of the trace.
    pub fn finish(self) -> Measured {
        let Results { mut measures, series, anomalies, open_locks } = self.measures.finish(&self.history);
        let forgotten = self.forgetting.map(Forgetting::into_forgotten).unwrap_or_default();
        let final_state = FinalState { open_locks, forgotten, ..self.history.into_final_state() };
        effects::count(&final_state, &mut measures);
        beliefs::count(&final_state, &mut measures);
        let mut transactions = final_state.forgotten.transactions;
        let mut clients = final_state.forgotten.clients;
        for (_, txn_history, fate) in final_state.all() {
            count_fate(&mut transactions, fate);
            count_told(&mut clients, txn_history.told_in_time());
        }
        Measured { measures, series, transactions, clients, final_state, anomalies }
    }
}

/// The results of a trace.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The numbers of docs/03-measures-and-checks.md.
    pub measures: Measures,
    /// The numbers over time, for charts.
    pub series: Series,
    /// The number of transactions in each final state.
    pub transactions: Transactions,
    /// The number of clients that were told each outcome.
    pub clients: Clients,
    pub(crate) final_state: FinalState,
    pub(crate) anomalies: Vec<Anomaly>,
}
