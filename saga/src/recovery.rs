//! Rebuilds a restarted orchestrator from its log: all sagas without an end record continue (rules 26 and 27).

use crate::{begun::Begun, context::Context, effects::OutOf, record::SagaRecord, saga::Saga};
use indoubt_proto::{ids::TxnId, machine::Logged};
use std::collections::BTreeMap;

/// Rebuilds the context and the unfinished sagas, and lets them continue.
pub(crate) fn recover<S: Saga>(
    records: Vec<Logged<SagaRecord<S::Undo>>>,
    ctx: &mut Context,
    out: &mut OutOf<S>,
) -> BTreeMap<TxnId, S> {
    let mut sagas: BTreeMap<TxnId, S> = BTreeMap::new();
    for Logged { record, .. } in records {
        replay(record, &mut sagas, ctx, out);
    }
    ctx.admission.recovered();
    for saga in sagas.values_mut() {
        saga.recover(ctx, out);
    }
    sagas.retain(|_, saga| !saga.has_ended());
    sagas
}

fn replay<S: Saga>(record: SagaRecord<S::Undo>, sagas: &mut BTreeMap<TxnId, S>, ctx: &mut Context, out: &mut OutOf<S>) {
    match record {
        SagaRecord::Begun { txn, serial, audit, plan } => {
            ctx.admission.reopen(txn);
            ctx.serials.reopen(serial);
            sagas.insert(txn, S::new(Begun { txn, serial, audit, plan, clients: Vec::new() }));
        }
        SagaRecord::Remembered { txn, outcome } => ctx.admission.remember(txn, outcome),
        SagaRecord::StepDone { txn, .. }
        | SagaRecord::Turned { txn, .. }
        | SagaRecord::StepUndone { txn, .. }
        | SagaRecord::Stuck { txn, .. }
        | SagaRecord::Ended { txn } => {
            let Some(saga) = sagas.get_mut(&txn) else { return };
            saga.replay(record, ctx, out);
            if saga.has_ended() {
                sagas.remove(&txn);
            }
        }
    }
}
