//! What survives a crash, and what a compaction keeps: the data, the branches in doubt with their locks (rule 11), and the
//! outcomes of finished branches and steps (rule 17b). Everything else is lost without effect.

use crate::{
    branch::Branch,
    branches::Branches,
    context::Context,
    durability::AtDurable,
    effects::Out,
    local_txn::{flagged_by, settle_flags},
    local_txns::LocalTxns,
    record::{BranchEnd, Heuristic, Record, StepEnd, empty_compensation, step_refused},
    store::Store,
};
use indoubt_proto::{
    ids::{Lsn, Ticket, TxnId},
    machine::Logged,
    message::{Decision, StepStyle},
    observation::Observation,
};

/// The most accounts or remembered outcomes in one record of a compaction. A driver counts records to decide when to
/// compact, so no record may be much larger than others.
const CHUNK: usize = 64;

/// Replays the journal, takes back the locks of all branches in doubt, and then lets those branches ask for their
/// decisions. Returns those branches.
pub(crate) fn recover(records: Vec<Logged<Record>>, ctx: &mut Context, out: &mut Out) -> Branches {
    if records.is_empty() {
        out.lazy(Record::Booted { incarnation: ctx.incarnation });
    }
    let mut branches = Branches::default();
    for Logged { lsn, record, .. } in records {
        replay(lsn, record, &mut branches, ctx, out);
    }
    for branch in branches.iter() {
        branch.resume(ctx, out);
    }
    for branch in branches.iter_mut() {
        branch.inquire(ctx, out);
    }
    branches
}

/// Applies one record. A compaction holds no protocol record except `Prepared`, so it repeats no effect.
fn replay(lsn: Lsn, record: Record, branches: &mut Branches, ctx: &mut Context, out: &mut Out) {
    match record {
        Record::Booted { incarnation } => ctx.born = incarnation,
        Record::Prepared(prepared) => {
            ctx.finished.hear(prepared.txn, &prepared.ticket);
            branches.insert(Branch::recovered(prepared, lsn));
        }
        Record::Ended { txn, ticket, end } => end_branch(lsn, (txn, ticket, end), branches, ctx, out),
        Record::Heuristic(heuristic) => {
            let Heuristic { txn, ticket, outcome, decided } = *heuristic;
            end_branch(lsn, (txn, ticket, BranchEnd::Heuristic(outcome)), branches, ctx, out);
            branches.insert(Branch::ended_by_operator(txn, ticket, outcome, decided));
        }
        Record::Forgotten { txn, ticket } => {
            branches.remove(txn, &ticket);
        }
        Record::StepApplied(applied) => {
            ctx.store.apply(&applied.updates);
            out.observe(applied.observation(ctx.log, lsn));
            if applied.style == StepStyle::Saga {
                let (txn, ticket, step) = (applied.txn, applied.ticket, applied.step);
                remember_step(txn, &ticket, step, StepEnd::Applied(applied), ctx);
            }
        }
        Record::StepRefused(refused) => {
            out.observe(step_refused(refused.txn, refused.step, ctx.log, lsn));
            if refused.style == StepStyle::Saga {
                remember_step(refused.txn, &refused.ticket, refused.step, StepEnd::Refused(refused.reason), ctx);
            }
        }
        Record::Voided { txn, ticket, step, undo } => {
            remember_step(txn, &ticket, step, StepEnd::Voided, ctx);
            if undo {
                out.observe(empty_compensation(txn, step, ctx.log, lsn));
            }
        }
        Record::Compensated(done) => {
            ctx.store.apply(&done.updates);
            ctx.finished.hear(done.txn, &done.ticket);
            out.observe(done.observation(ctx.log, lsn));
            settle_flags(done.txn, flagged_by(&done, &ctx.finished), out);
            ctx.finished.remember_step(done.txn, &done.ticket, done.step, StepEnd::Compensated);
        }
        Record::Snapshot { born } => {
            ctx.born = born;
            ctx.store = Store::default();
        }
        Record::Accounts(accounts) => ctx.store.restore(accounts),
        Record::Finished(finished) => ctx.finished.restore(*finished),
        Record::Owed(observation) => out.observe(*observation),
    }
}

/// A branch is finished. A commit applies the prepared updates, unless a compaction already holds their effects.
fn end_branch(
    lsn: Lsn,
    (txn, ticket, end): (TxnId, Ticket, BranchEnd),
    branches: &mut Branches,
    ctx: &mut Context,
    out: &mut Out,
) {
    ctx.finished.hear(txn, &ticket);
    ctx.finished.remember_branch(txn, &ticket, end);
    let updates = branches.remove(txn, &ticket).and_then(Branch::into_updates);
    if let (Some(effects), Some(Decision::Commit)) = (updates, end.outcome()) {
        ctx.store.apply(&effects);
        out.observe(Observation::Applied { txn, effects, log: ctx.log, lsn });
    }
}

fn remember_step(txn: TxnId, ticket: &Ticket, step: u32, end: StepEnd, ctx: &mut Context) {
    ctx.finished.hear(txn, ticket);
    ctx.finished.remember_step(txn, ticket, step, end);
}

/// The records that recreate the present state on an empty machine. Appended records count as durable, because the
/// compaction is forced. Observations that wait for a record are kept as `Owed`.
pub(crate) fn compact(ctx: &Context, branches: &Branches, local_txns: &LocalTxns, out: &mut Vec<Record>) {
    out.push(Record::Snapshot { born: ctx.born });
    let mut accounts = ctx.store.accounts().map(|(key, value)| (key.clone(), value)).peekable();
    while accounts.peek().is_some() {
        out.push(Record::Accounts(accounts.by_ref().take(CHUNK).collect()));
    }
    ctx.finished.compact(CHUNK, out);
    out.extend(branches.iter().filter_map(Branch::prepared).map(|prepared| Record::Prepared(prepared.clone())));
    out.extend(branches.iter().filter_map(Branch::heuristic).map(|record| Record::Heuristic(Box::new(record))));
    for (lsn, then) in ctx.awaited.iter() {
        let owed = match then {
            AtDurable::Ended(txn) => branches.get(*txn).and_then(|branch| branch.owed(lsn, ctx)),
            AtDurable::LocalTxn(owner) => local_txns.get(*owner).and_then(|local_txn| local_txn.owed(lsn, ctx)),
            AtDurable::Observe(observation) => Some((**observation).clone()),
            AtDurable::Prepared(_) | AtDurable::OutcomeDurable(_) | AtDurable::Send(..) => None,
        };
        out.extend(owed.map(|observation| Record::Owed(Box::new(observation))));
    }
}
