//! What clients believe at the end of a run, and whether it is true: `client_unknown`, `client_wrong`. The check `told-truth` lists
//! the same lies.

use crate::{
    history::{fate::Fate, final_state::FinalState, txn_history::TxnHistory},
    shown::{Shown, Table, Worst},
    summary::Measures,
};
use indoubt_proto::message::OutcomeWord;

/// Where people see these measures. They are not folded from lines of the trace, but counted in the final state.
pub(crate) const SHOWN: &[Shown] = &[
    Shown::count("client_unknown", |m| m.client_unknown as f64)
        .column(Table::Costs, "clients unaware")
        .over_seeds(Worst::Largest)
        .in_swarm("a client never learned an outcome", 0.0),
    Shown::count("client_wrong", |m| m.client_wrong as f64)
        .column(Table::Costs, "clients misled")
        .over_seeds(Worst::Largest),
];

/// Counts the clients that do not know the truth and writes the counts to `measures`.
pub(crate) fn count(final_state: &FinalState, measures: &mut Measures) {
    let unlearned = final_state.all().filter(|(_, txn_history, _)| !txn_history.has_learned()).count();
    measures.client_unknown = final_state.forgotten.unlearned + unlearned as u64;
    let is_misled = |txn_history, fate| lies(final_state, txn_history, fate).next().is_some();
    measures.client_wrong =
        final_state.all().filter(|(_, txn_history, fate)| is_misled(txn_history, *fate)).count() as u64;
}

/// The definite outcomes that the client of a transaction was told and that are not true, with their times.
pub(crate) fn lies<'a>(
    final_state: &'a FinalState,
    txn_history: &'a TxnHistory,
    fate: Fate,
) -> impl Iterator<Item = (i64, OutcomeWord)> + 'a {
    let is_lie = move |(_, told): &(i64, OutcomeWord)| match told {
        OutcomeWord::Succeeded => !matches!(fate, Fate::Succeeded | Fate::Unresolved),
        // Both outcomes mean that no effects are left. They differ only in whether there was something to undo.
        OutcomeWord::Aborted | OutcomeWord::Compensated => {
            matches!(fate, Fate::Succeeded | Fate::Partial | Fate::Stuck) || half_there(final_state, txn_history, fate)
        }
        OutcomeWord::Refused => !matches!(fate, Fate::Refused | Fate::Aborted),
        OutcomeWord::Mixed => fate != Fate::Partial,
        OutcomeWord::Hazard | OutcomeWord::Unknown => false,
    };
    txn_history.told.iter().copied().filter(is_lie)
}

/// Whether part of a 2PC transaction is committed while the rest of it is still open.
fn half_there(final_state: &FinalState, txn_history: &TxnHistory, fate: Fate) -> bool {
    fate == Fate::Unresolved
        && txn_history.plan.writing_nodes().iter().any(|node| txn_history.branch_stands(*node, &final_state.topology))
}
