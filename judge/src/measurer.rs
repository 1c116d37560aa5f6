//! The fold over a trace: takes it line by line through [`Measurer::take`] and gives each line to the measures that it
//! concerns; [`Measurer::finish`] says what it all comes to.

mod forget;

use crate::{
    effects::{duplicates, lost, torn, wrong_audits},
    history::{
        History,
        final_state::FinalState,
        forgotten::{count_fate, count_told},
    },
    measure::{
        anomalies::{self, Anomaly, AnomalyKind},
        costs, doubt, exposed, latency, locks, pending,
    },
    summary::{Clients, Measures, Series, Transactions},
};
use forget::Forgetting;
use indoubt_proto::{
    ids::TxnId,
    observation::{Observation, Stamped},
    settings::Timeouts,
    time::Micros,
};
use indoubt_scenario::protocol::{Family, Protocol};

/// The fold: one for each run.
#[derive(Clone, Debug)]
pub struct Measurer {
    history: History,
    doubt: doubt::Doubt,
    locks: locks::Locks,
    pending: pending::Pending,
    exposed: exposed::Exposed,
    clients: latency::Clients,
    costs: costs::Costs,
    anomalies: anomalies::Anomalies,
    forgetting: Option<Forgetting>,
}

impl Measurer {
    /// A fold over the run of one protocol. `duration` is how long load was offered.
    pub fn new(protocol: Protocol, duration: Micros) -> Self {
        Measurer {
            history: History::new(protocol.family()),
            doubt: doubt::Doubt::default(),
            locks: locks::Locks::default(),
            pending: pending::Pending::default(),
            exposed: exposed::Exposed::default(),
            clients: latency::Clients::new(duration),
            costs: costs::Costs::default(),
            anomalies: anomalies::Anomalies::default(),
            forgetting: None,
        }
    }

    /// A fold that forgets what is over, so that it needs no more memory for a long run than for a short one. What it finds
    /// is the same, unless the run does something to a transaction that is forgotten: then [`Measurer::is_spoiled`].
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
            if changed || matches!(seen.what, Observation::Crashed { .. } | Observation::Restarted { .. }) {
                self.doubt.take(seen, None, &self.history, changed);
                self.locks.take(seen, None, &self.history.topology);
                self.exposed.take(seen, None, &self.history);
            }
            if matches!(seen.what, Observation::Restarted { .. }) {
                self.anomalies.retract(seen.node, &self.history);
            }
            return;
        };
        match &seen.what {
            // Most lines are about messages and journals, in which no other fold has an interest.
            Observation::Sent { .. } | Observation::Appended { .. } => self.costs.take(seen, slot),
            Observation::Received { ticket: Some(_), .. } if self.history.family == Family::TwoPhase => {
                self.doubt.take(seen, Some(slot), &self.history, changed);
            }
            Observation::Received { .. } | Observation::Dropped { .. } | Observation::Voted { .. } => {}
            Observation::ClientBegan { .. } | Observation::ClientEnded { .. } => {
                self.clients.take(seen, slot);
                self.exposed.take(seen, Some(slot), &self.history);
                self.anomalies.take(seen, slot, &self.history);
            }
            _ => {
                self.doubt.take(seen, Some(slot), &self.history, changed);
                self.locks.take(seen, Some(slot), &self.history.topology);
                if self.history.family == Family::Saga {
                    self.pending.take(seen, slot);
                    self.locks.pending(seen.t_us, self.pending.open());
                }
                self.exposed.take(seen, Some(slot), &self.history);
                self.anomalies.take(seen, slot, &self.history);
            }
        }
    }

    /// A slot for a transaction of which nothing was seen yet.
    fn slot(&mut self, txn: TxnId, t: i64) -> usize {
        self.forget_some(t);
        let slot = self.history.index.add(txn);
        if let Some(forgetting) = &mut self.forgetting {
            forgetting.watch(slot);
        }
        slot
    }

    /// The numbers.
    pub fn finish(self) -> Measured {
        let end = self.history.end;
        let open_locks = self.locks.open(&self.history.index);
        let per_txn = self.costs.finish(&self.history);
        let ([in_doubt, up, blocked], intervals) = self.doubt.finish(&self.history);
        let forgotten = self.forgetting.map(Forgetting::into_forgotten).unwrap_or_default();
        let final_state = FinalState { open_locks, forgotten, ..self.history.into_final_state() };
        let (lock_hold, bystanders, locks_held) = self.locks.finish(end);
        let anomalies = self.anomalies.into_found();
        let counts = anomalies::count(&anomalies);
        let count = |kind| counts.get(&kind).copied().unwrap_or(0);
        let measures = Measures {
            in_doubt_ms: in_doubt.spread(),
            in_doubt_up_ms: up.spread(),
            blocked_ms: blocked.spread(),
            lock_hold_ms: lock_hold.spread(),
            pending_ms: self.pending.finish(end).spread(),
            exposed_ms: self.exposed.finish(end).spread(),
            latency_ms: self.clients.latency(),
            bystanders,
            throughput_tps: self.clients.throughput_tps(),
            unavailable_ms: self.clients.unavailable_ms(),
            messages_per_txn: per_txn.messages,
            work_messages_per_txn: per_txn.work_messages,
            forced_writes_per_txn: per_txn.forced_writes,
            lazy_writes_per_txn: per_txn.lazy_writes,
            atomicity_violations: torn(&final_state).len() as u64,
            duplicate_effects: duplicates(&final_state).iter().map(|(_, times)| times).sum(),
            lost_effects: lost(&final_state).len() as u64,
            dirty_reads: count(AnomalyKind::DirtyRead),
            lost_updates: count(AnomalyKind::LostUpdate),
            fuzzy_reads: count(AnomalyKind::FuzzyRead),
            wrong_audits: wrong_audits(&final_state).len() as u64,
        };
        let series = Series {
            locks_held,
            throughput_tps: self.clients.successes().throughput(end),
            in_doubt: intervals.finish(),
            latency_ms: self.clients.distributions(),
        };
        let mut transactions = final_state.forgotten.transactions;
        let mut clients = final_state.forgotten.clients;
        for (_, txn_history, fate) in final_state.all() {
            count_fate(&mut transactions, fate);
            count_told(&mut clients, txn_history.told());
        }
        Measured { measures, series, transactions, clients, final_state, anomalies }
    }
}

/// What a trace comes to.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The numbers.
    pub measures: Measures,
    /// Numbers over time.
    pub series: Series,
    /// What became of each transaction.
    pub transactions: Transactions,
    /// What each client was told.
    pub clients: Clients,
    pub(crate) final_state: FinalState,
    pub(crate) anomalies: Vec<Anomaly>,
}
