//! What a restarted orchestrator makes of its log: every saga without an end goes on (rules 26 and 27).

use crate::{context::Context, effects::Out, execution::Execution, record::OrchestratorRecord};
use indoubt_proto::{ids::TxnId, machine::Logged};
use std::collections::BTreeMap;

/// Rebuilds the context and the sagas that are not over, and lets them go on.
pub(crate) fn recover(
    records: Vec<Logged<OrchestratorRecord>>,
    ctx: &mut Context,
    out: &mut Out,
) -> BTreeMap<TxnId, Execution> {
    let mut executions = BTreeMap::new();
    for Logged { record, .. } in records {
        replay(record, &mut executions, ctx, out);
    }
    ctx.admission.recovered();
    for saga in executions.values_mut() {
        saga.recover(ctx, out);
    }
    executions.retain(|_, saga| !saga.has_ended());
    executions
}

fn replay(record: OrchestratorRecord, executions: &mut BTreeMap<TxnId, Execution>, ctx: &mut Context, out: &mut Out) {
    match record {
        OrchestratorRecord::Begun { txn, serial, audit, plan } => {
            ctx.admission.reopen(txn);
            ctx.serials.reopen(serial);
            executions.insert(txn, Execution::new(txn, serial, audit, plan, Vec::new()));
        }
        OrchestratorRecord::Remembered { txn, outcome } => ctx.admission.remember(txn, outcome),
        OrchestratorRecord::StepDone { txn, .. }
        | OrchestratorRecord::Turned { txn, .. }
        | OrchestratorRecord::StepUndone { txn, .. }
        | OrchestratorRecord::Stuck { txn, .. }
        | OrchestratorRecord::Ended { txn } => {
            let Some(saga) = executions.get_mut(&txn) else { return };
            saga.replay(record, ctx, out);
            if saga.has_ended() {
                executions.remove(&txn);
            }
        }
    }
}
