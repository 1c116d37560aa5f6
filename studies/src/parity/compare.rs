//! Compares two runs of one reduced scenario, transaction by transaction.

use super::txn_account::{TxnAccount, account};
use indoubt_proto::{ids::TxnId, message::OutcomeWord};
use indoubt_scenario::recording::{FaultRecord, FaultSite, Recording};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

/// The aspects in which two runs can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// The transactions, what their clients were told, and how each ended at every node.
    Outcomes,
    /// How often each kind of message was sent for a transaction, and between which nodes.
    Messages,
    /// The records that were written for a transaction, at which node, and whether they were forced.
    Writes,
    /// Where each fault struck: the nodes, the transactions, and how often.
    Places,
}

/// One difference between two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The aspect in which they differ.
    pub aspect: Aspect,
    /// The difference in one line for people.
    pub text: String,
}

/// The result of comparing two runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The number of transactions that occur in at least one of the runs.
    pub transactions: usize,
    /// All differences.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Whether the runs do not differ in one aspect.
    pub fn is_alike_in(&self, aspect: Aspect) -> bool {
        self.differences.iter().all(|difference| difference.aspect != aspect)
    }
}

/// Compares a run in the virtual world with one on real processes.
pub fn compare(virtually: &Recording, really: &Recording) -> Comparison {
    let (ours, theirs) = (account(virtually), account(really));
    let all: BTreeSet<TxnId> = ours.keys().chain(theirs.keys()).copied().collect();
    let mut found = Vec::new();
    for txn in &all {
        match (ours.get(txn), theirs.get(txn)) {
            (Some(a), Some(b)) => accounts(*txn, a, b, &mut found),
            (a, b) => {
                let ran = |account: Option<&TxnAccount>| if account.is_some() { "ran" } else { "did not run" };
                let text = format!("{txn} {} virtually and {} really", ran(a), ran(b));
                found.push(Difference { aspect: Aspect::Outcomes, text });
            }
        }
    }
    let (ours, theirs) = (&virtually.faults, &really.faults);
    let pairs = ours.iter().filter_map(|a| Some((a, theirs.iter().find(|b| b.fault == a.fault)?)));
    for (a, b) in pairs.filter(|(a, b)| sites(a) != sites(b)) {
        let text = format!("`{}` struck {} virtually, {} really", a.text, sites(a), sites(b));
        found.push(Difference { aspect: Aspect::Places, text });
    }
    if ours.len() != theirs.len() {
        let text = format!("{} faults virtually, {} really", ours.len(), theirs.len());
        found.push(Difference { aspect: Aspect::Places, text });
    }
    Comparison { transactions: all.len(), differences: found }
}

fn accounts(txn: TxnId, a: &TxnAccount, b: &TxnAccount, found: &mut Vec<Difference>) {
    let mut differ = |aspect, text: String| found.push(Difference { aspect, text: format!("{txn}: {text}") });
    if a.plan != b.plan {
        differ(Aspect::Outcomes, format!("asked for {:?} virtually, {:?} really", a.plan, b.plan));
    }
    if a.told != b.told {
        let word = |told: Option<OutcomeWord>| told.map_or("nothing", OutcomeWord::word);
        differ(Aspect::Outcomes, format!("the client was told {} virtually, {} really", word(a.told), word(b.told)));
    }
    for (ends, others, world) in [(&a.ends, &b.ends, "virtually"), (&b.ends, &a.ends, "really")] {
        for (node, end) in ends.difference(others) {
            let step = end.step.map_or(String::new(), |step| format!(" step {step}"));
            let what = end.qualifier.map_or(String::new(), |what| format!(" {what}"));
            differ(Aspect::Outcomes, format!("{}{what}{step} at {node} only {world}", end.kind));
        }
    }
    counts(&a.messages, &b.messages, |((from, to, kind), a, b)| {
        differ(Aspect::Messages, format!("{kind} from {from} to {to}: {a} virtually, {b} really"));
    });
    counts(&a.writes, &b.writes, |((node, record, forced), a, b)| {
        let how = if *forced { "forced" } else { "lazy" };
        differ(Aspect::Writes, format!("{record} at {node}, {how}: {a} virtually, {b} really"));
    });
}

/// Calls `tell` for every key whose counts differ.
fn counts<K: Ord + Debug>(a: &BTreeMap<K, u64>, b: &BTreeMap<K, u64>, mut tell: impl FnMut((&K, u64, u64))) {
    let keys: BTreeSet<&K> = a.keys().chain(b.keys()).collect();
    for key in keys {
        let (a, b) = (a.get(key).copied().unwrap_or(0), b.get(key).copied().unwrap_or(0));
        if a != b {
            tell((key, a, b));
        }
    }
}

/// All points at which a fault struck, for people.
fn sites(fault: &FaultRecord) -> String {
    if fault.sites.is_empty() {
        return "nowhere".into();
    }
    let site = |site: &Option<FaultSite>| match site {
        Some(site) => site.txn.map_or(format!("at {}", site.node), |txn| format!("{txn} at {}", site.node)),
        None => "at its time".into(),
    };
    fault.sites.iter().map(site).collect::<Vec<_>>().join(", ")
}
