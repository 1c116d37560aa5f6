//! What a restarted coordinator makes of its log (rules 13 to 15): an initiation without an outcome is an abort; a
//! decision without an end is sent again; everything else is over or never was.

use crate::{
    coordinator::Coordinator,
    desk::Desk,
    record::{CoordinatorRecord, Voter},
    remembered::Remembered,
    telling::Telling,
    transaction::Transaction,
};
use indoubt_proto::{
    ids::{NodeId, Serial, TxnId},
    machine::{Logged, OutOf},
    message::{Decision, Outcome, ReasonKind},
    observation::Observation,
};
use std::collections::BTreeMap;

/// What the log says of a transaction without an end.
enum Found {
    /// Presumed commit, and no outcome.
    Initiated { serial: Serial, audit: bool, participants: Vec<NodeId> },
    /// Decided, and these owe an ACK.
    Owed { serial: Serial, audit: bool, decision: Decision, due: Vec<Voter> },
    /// Decided, and nobody owes anything.
    Over(Decision),
}

/// Rebuilds the desk and the transactions that are not over. Their participants are told in the same step.
pub(crate) fn recover(
    records: Vec<Logged<CoordinatorRecord>>,
    desk: &mut Desk,
    out: &mut OutOf<Coordinator>,
) -> BTreeMap<TxnId, Transaction> {
    let mut remembered = Remembered::new(desk.settings.options.remembered as usize);
    let mut found = BTreeMap::new();
    for logged in records {
        replay(logged.record, desk, &mut remembered, &mut found);
    }
    let mut transactions = BTreeMap::new();
    for (txn, what) in found {
        let (serial, audit, decision, due) = match what {
            Found::Initiated { serial, audit, participants } => {
                remembered.note(txn, Outcome::Aborted(ReasonKind::Recovery.into()));
                let due = participants.into_iter().map(|node| Voter { node, log: None }).collect();
                (serial, audit, Decision::Abort, due)
            }
            Found::Owed { serial, audit, decision, due } => (serial, audit, decision, due),
            Found::Over(outcome) => {
                out.observe(Observation::Decided { txn, outcome });
                continue;
            }
        };
        out.observe(Observation::Decided { txn, outcome: decision });
        desk.reopen(serial);
        transactions.insert(txn, Transaction::recovered(txn, serial, audit, Telling::new(decision, due)));
    }
    desk.submissions = remembered.into_submissions();
    // Only now is the mark right that every ticket carries.
    for transaction in transactions.values() {
        transaction.tell_again(desk, out);
    }
    transactions
}

fn replay(record: CoordinatorRecord, desk: &Desk, remembered: &mut Remembered, found: &mut BTreeMap<TxnId, Found>) {
    let owed = |serial, audit, decision, due: Vec<Voter>| {
        let over = due.is_empty() || !desk.row().acks(decision);
        if over { Found::Over(decision) } else { Found::Owed { serial, audit, decision, due } }
    };
    match record {
        CoordinatorRecord::Initiation { txn, serial, audit, participants } => {
            found.insert(txn, Found::Initiated { serial, audit, participants });
        }
        CoordinatorRecord::Committed { txn, serial, audit, reads, due } => {
            remembered.note(txn, Outcome::Committed { reads });
            found.insert(txn, owed(serial, audit, Decision::Commit, due));
        }
        CoordinatorRecord::Aborted { txn, serial, audit, reason, due } => {
            remembered.note(txn, Outcome::Aborted(reason));
            found.insert(txn, owed(serial, audit, Decision::Abort, due));
        }
        CoordinatorRecord::Unacknowledged { txn, serial, audit, decision, due } => {
            found.insert(txn, owed(serial, audit, decision, due));
        }
        CoordinatorRecord::End { txn, aborted } => {
            let was = found.remove(&txn);
            if let (Some(Found::Initiated { .. }), Some(reason)) = (was, aborted) {
                remembered.note(txn, Outcome::Aborted(reason));
            }
        }
        CoordinatorRecord::Remembered { txn, outcome } => remembered.note(txn, outcome),
    }
}
