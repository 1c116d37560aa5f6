//! The check `nothing-unresolved`: at the end of a run there is no open transaction, no saga that waits for an operator, and no
//! lock of a transaction that has ended.

use super::{entry::Check, evidence::Evidence, termination::termination};
use crate::{
    finding::{Excuse, Finding},
    history::fate::Fate,
};
use indoubt_scenario::checks::CheckName;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check {
    name: CheckName::NothingUnresolved,
    search: nothing_unresolved,
    excuses: &[Excuse::LostLog, Excuse::Unhealed],
};

fn nothing_unresolved(evidence: &Evidence<'_>) -> Vec<Finding> {
    let final_state = evidence.final_state();
    let mut found = termination(evidence);
    for (txn, txn_history, _) in final_state.all().filter(|(.., fate)| *fate == Fate::Stuck) {
        let step = txn_history.stuck.unwrap_or_default();
        let text = format!("{txn} is stuck: the compensation of step {step} waits for an operator");
        found.push(Finding { stuck: true, ..Finding::about(txn, txn_history, text) });
    }
    for ((node, key), txns) in &final_state.open_locks {
        for txn in txns.iter().filter(|txn| !matches!(final_state.fates.get(txn), Some(Fate::Unresolved | Fate::Stuck)))
        {
            found.push(Finding {
                txns: BTreeSet::from([*txn]),
                nodes: BTreeSet::from([*node, txn.home]),
                keys: BTreeSet::from([key.clone()]),
                text: format!("{txn} has ended and still holds or waits for the lock on {key} at {node}"),
                ..Finding::default()
            });
        }
    }
    found
}
