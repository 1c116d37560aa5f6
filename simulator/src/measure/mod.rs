//! Folds a trace into the measures of design.md section 7: line by line through [`Measurer::take`], then
//! [`Measurer::finish`]. Each file here is one concept; all of them read the trace and nothing else.

mod anomalies;
mod costs;
mod doubt;
mod effects;
mod exposed;
mod latency;
mod locks;
mod paths;
mod pending;
mod series;
mod spread;

pub(crate) use anomalies::{Anomaly, AnomalyKind};
pub(crate) use effects::{Place, WrongAudit, duplicates, lost, wrong_audits};
pub use paths::metric_paths;
pub(crate) use paths::numbers;

use crate::{
    history::{Aftermath, Fate, History},
    protocol::{Family, Protocol},
    summary::{Clients, Measures, Series, Transactions},
    world::Sink,
};
use indoubt_proto::{message::OutcomeWord, observation::Stamped, time::Micros};

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
}

impl Sink for Measurer {
    fn take(&mut self, seen: Stamped) {
        Measurer::take(self, &seen);
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
    pub(crate) aftermath: Aftermath,
    pub(crate) anomalies: Vec<Anomaly>,
}

impl Measurer {
    /// A fold over the run of one protocol.
    pub fn new(protocol: Protocol) -> Self {
        Measurer {
            history: History::new(protocol.family()),
            doubt: doubt::Doubt::default(),
            locks: locks::Locks::default(),
            pending: pending::Pending::default(),
            exposed: exposed::Exposed::default(),
            clients: latency::Clients::default(),
            costs: costs::Costs::default(),
            anomalies: anomalies::Anomalies::default(),
        }
    }

    /// Takes the next line, in the order of `seq`.
    pub fn take(&mut self, seen: &Stamped) {
        let changed = self.history.take(seen);
        self.doubt.take(seen, &self.history, changed);
        self.locks.take(seen, &self.history.topology);
        if self.history.family == Family::Saga {
            self.pending.take(seen);
            self.locks.pending(seen.t_us, self.pending.open());
        }
        self.exposed.take(seen, &self.history);
        self.clients.take(seen);
        self.costs.take(seen);
        self.anomalies.take(seen, &self.history);
    }

    /// The numbers. `duration` is how long load was offered.
    pub fn finish(self, duration: Micros) -> Measured {
        let end = self.history.end;
        let open_locks = self.locks.open();
        let per_txn = self.costs.finish(&self.history);
        let aftermath = Aftermath::new(self.history, open_locks);
        let ([in_doubt, up, blocked], intervals) = self.doubt.finish(end);
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
            throughput_tps: self.clients.throughput_tps(duration),
            unavailable_ms: self.clients.unavailable_ms(duration),
            messages_per_txn: per_txn.messages,
            work_messages_per_txn: per_txn.work_messages,
            forced_writes_per_txn: per_txn.forced_writes,
            lazy_writes_per_txn: per_txn.lazy_writes,
            atomicity_violations: effects::torn(&aftermath).len() as u64,
            duplicate_effects: duplicates(&aftermath).iter().map(|(_, times)| times).sum(),
            lost_effects: lost(&aftermath).len() as u64,
            dirty_reads: count(AnomalyKind::DirtyRead),
            lost_updates: count(AnomalyKind::LostUpdate),
            fuzzy_reads: count(AnomalyKind::FuzzyRead),
            wrong_audits: wrong_audits(&aftermath).len() as u64,
        };
        let series = Series {
            locks_held,
            throughput_tps: series::throughput(self.clients.successes(), end),
            in_doubt: series::doubt_intervals(intervals),
            latency_ms: self.clients.distributions(),
        };
        let transactions = transactions(&aftermath);
        let clients = told(&aftermath);
        Measured { measures, series, transactions, clients, aftermath, anomalies }
    }
}

fn transactions(aftermath: &Aftermath) -> Transactions {
    let mut transactions = Transactions { submitted: aftermath.fates.len() as u64, ..Transactions::default() };
    for fate in aftermath.fates.values() {
        *match fate {
            Fate::Succeeded => &mut transactions.succeeded,
            Fate::Aborted => &mut transactions.aborted,
            Fate::Compensated => &mut transactions.compensated,
            Fate::Partial => &mut transactions.partial,
            Fate::Refused => &mut transactions.refused,
            Fate::Unresolved => &mut transactions.unresolved,
            Fate::Stuck => &mut transactions.stuck,
        } += 1;
    }
    transactions
}

fn told(aftermath: &Aftermath) -> Clients {
    let mut clients = Clients::default();
    for (_, story, _) in aftermath.all() {
        *match story.told() {
            Some(OutcomeWord::Succeeded) => &mut clients.succeeded,
            Some(OutcomeWord::Aborted) => &mut clients.aborted,
            Some(OutcomeWord::Compensated) => &mut clients.compensated,
            Some(OutcomeWord::Refused) => &mut clients.refused,
            // Never told: unknown.
            Some(OutcomeWord::Unknown) | None => &mut clients.unknown,
        } += 1;
    }
    clients
}
