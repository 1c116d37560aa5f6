//! Rebuilds a restarted coordinator from its log (rules 13 to 15). An initiation without an outcome is an abort. A decision
//! without an end is sent again. Every other transaction is finished or was never logged.

use crate::{
    context::Context,
    decision_delivery::DecisionDelivery,
    effects::Out,
    record::{CoordinatorRecord, Voter},
    transaction::Transaction,
};
use indoubt_proto::{
    ids::{Lsn, NodeId, Serial, TxnId},
    machine::Logged,
    message::{Decision, Outcome, ReasonKind},
    observation::Observation,
    settings::AnswerWhen,
};
use std::collections::BTreeMap;

/// What the log holds about a transaction without an end record.
enum Found {
    /// An initiation of presumed commit without an outcome.
    Initiated { serial: Serial, audit: bool, participants: Vec<NodeId> },
    /// Decided; these participants owe an ACK.
    Owed { serial: Serial, audit: bool, delivery: DecisionDelivery },
    /// Decided; no ACK is due.
    Over(Decision),
}

/// Rebuilds the context and the unfinished transactions. Sends their decisions in the same step.
pub(crate) fn recover(
    records: Vec<Logged<CoordinatorRecord>>,
    ctx: &mut Context,
    out: &mut Out,
) -> BTreeMap<TxnId, Transaction> {
    let mut found = BTreeMap::new();
    for logged in records {
        replay(logged.record, ctx, &mut found);
    }
    let mut transactions = BTreeMap::new();
    for (txn, what) in found {
        let (serial, audit, delivery) = match what {
            Found::Initiated { serial, audit, participants } => {
                ctx.admission.remember(txn, Outcome::Aborted(ReasonKind::Recovery.into()));
                let due = participants.into_iter().map(|node| Voter { node, log: None, place: Lsn(0) }).collect();
                (serial, audit, DecisionDelivery::new(Decision::Abort, due, 0, Vec::new()))
            }
            Found::Owed { serial, audit, delivery } => (serial, audit, delivery),
            Found::Over(outcome) => {
                out.observe(Observation::Decided { txn, outcome });
                continue;
            }
        };
        out.observe(Observation::Decided { txn, outcome: delivery.what() });
        ctx.serials.reopen(serial);
        let untold = match ctx.settings.options.answer {
            AnswerWhen::Decided => None,
            AnswerWhen::Acknowledged => ctx.admission.hold_back(txn),
        };
        transactions.insert(txn, Transaction::recovered(txn, serial, audit, delivery, untold));
    }
    ctx.admission.recovered();
    // Every ticket carries the mark, and only now is the mark correct.
    for transaction in transactions.values() {
        transaction.deliver_again(ctx, out);
    }
    transactions
}

fn replay(record: CoordinatorRecord, ctx: &mut Context, found: &mut BTreeMap<TxnId, Found>) {
    let row = ctx.row();
    let owed = |serial, audit, decision, due: Vec<Voter>, followed, overruled| {
        if due.is_empty() || !row.acks(decision) {
            return Found::Over(decision);
        }
        Found::Owed { serial, audit, delivery: DecisionDelivery::new(decision, due, followed, overruled) }
    };
    match record {
        CoordinatorRecord::Initiation { txn, serial, audit, participants } => {
            found.insert(txn, Found::Initiated { serial, audit, participants });
        }
        CoordinatorRecord::Committed { txn, serial, audit, reads, due } => {
            ctx.admission.remember(txn, Outcome::Committed { reads });
            found.insert(txn, owed(serial, audit, Decision::Commit, due, 0, Vec::new()));
        }
        CoordinatorRecord::Aborted { txn, serial, audit, reason, due, followed } => {
            ctx.admission.remember(txn, Outcome::Aborted(reason));
            found.insert(txn, owed(serial, audit, Decision::Abort, due, followed, Vec::new()));
        }
        CoordinatorRecord::Unacknowledged { txn, serial, audit, decision, due, followed, overruled } => {
            found.insert(txn, owed(serial, audit, decision, due, followed, overruled));
        }
        CoordinatorRecord::End { txn, outcome } => {
            let begun = found.remove(&txn).is_some();
            if let Some(outcome) = outcome.filter(|_| begun) {
                ctx.admission.remember(txn, outcome);
            }
        }
        CoordinatorRecord::Remembered { txn, outcome } => ctx.admission.remember(txn, outcome),
    }
}
