//! The costs that papers count: messages and log writes per transaction. Audits do not count.
//!
//! A message counts when it is sent, if it carries the id of such a transaction and goes between two nodes other than clients. A
//! resend counts again; a copy does not, whether a fault or the network made it. The messages of the work round are counted apart.
//! A log write counts if its record carries the id.

use super::{
    fold::{Measure, Results},
    slots::at,
};
use crate::{
    history::{History, txn_history::TxnHistory},
    shown::{Shown, Table, Unit},
    summary::Measures,
};
use indoubt_proto::{
    machine::Write,
    observation::{Observation, Stamped},
};

/// The cost of one transaction so far.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    messages: u64,
    work_messages: u64,
    forced: u64,
    lazy: u64,
}

impl Cost {
    fn add(&mut self, other: Cost) {
        self.messages += other.messages;
        self.work_messages += other.work_messages;
        self.forced += other.forced;
        self.lazy += other.lazy;
    }
}

/// Counts the costs of each transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Costs {
    /// The costs of transactions, by slot.
    of: Vec<Cost>,
    /// The total cost of transactions that are forgotten, and their number. Audits are not among them.
    forgotten: Cost,
    begun: u64,
}

/// Where people see an average over transactions.
const fn per_txn(path: &'static str, value: fn(&Measures) -> f64, heading: &'static str) -> Shown {
    Shown::new(path, value, Unit::PerTxn).column(Table::Costs, heading)
}

impl Measure for Costs {
    const SHOWN: &'static [Shown] = &[
        per_txn("messages_per_txn", |m| m.messages_per_txn, "messages"),
        per_txn("work_messages_per_txn", |m| m.work_messages_per_txn, "work messages"),
        per_txn("forced_writes_per_txn", |m| m.forced_writes_per_txn, "forced writes"),
        per_txn("lazy_writes_per_txn", |m| m.lazy_writes_per_txn, "lazy writes"),
    ];

    fn message(&mut self, seen: &Stamped, slot: usize, _history: &History) {
        if let Observation::Sent { from, to, message, copy: false, .. } = &seen.what
            && from.role.runs_machine()
            && to.role.runs_machine()
        {
            let cost = at(&mut self.of, slot);
            match message.is_work() {
                true => cost.work_messages += 1,
                false => cost.messages += 1,
            }
        }
    }

    fn record(&mut self, seen: &Stamped, slot: usize) {
        if let Observation::Appended { write, .. } = &seen.what {
            let cost = at(&mut self.of, slot);
            match write {
                Write::Forced => cost.forced += 1,
                Write::Lazy => cost.lazy += 1,
            }
        }
    }

    fn forget(&mut self, slot: usize, _t: i64, history: &History) {
        let cost = std::mem::take(at(&mut self.of, slot));
        if counts(history.index.at(slot)) {
            self.begun += 1;
            self.forgotten.add(cost);
        }
    }

    fn finish(self, history: &History, results: &mut Results) {
        let (mut total, mut begun) = (self.forgotten, self.begun);
        for (slot, ..) in history.index.iter().filter(|(_, _, txn_history)| counts(txn_history)) {
            begun += 1;
            total.add(self.of.get(slot).copied().unwrap_or_default());
        }
        let per = |count: u64| if begun == 0 { 0.0 } else { count as f64 / begun as f64 };
        results.measures.messages_per_txn = per(total.messages);
        results.measures.work_messages_per_txn = per(total.work_messages);
        results.measures.forced_writes_per_txn = per(total.forced);
        results.measures.lazy_writes_per_txn = per(total.lazy);
    }
}

/// Whether a transaction counts: it has begun and is not an audit.
fn counts(txn_history: &TxnHistory) -> bool {
    txn_history.began.is_some() && txn_history.accepted && !txn_history.audit
}
