//! The check `agreement` (docs/rules.md, rule 1): all processes that decide reach the same decision. Under sagas and baselines no
//! node decides for others. There, agreement is broken if some effects stand and others do not, for good.

use super::{deciders::deciders, entry::Check, evidence::Evidence};
use crate::{
    finding::{At, Excuse, Finding, listed, torn},
    history::{fate::Fate, txn_history::TxnHistory},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::Decision,
};
use indoubt_scenario::{checks::CheckName, protocol::Family};

pub(super) const CHECK: Check = Check { name: CheckName::Agreement, search: agreement, excuses: &[Excuse::Operator] };

fn agreement(evidence: &Evidence<'_>) -> Vec<Finding> {
    let two_phase = evidence.family() == Family::TwoPhase;
    let find = |(txn, txn_history, fate): (TxnId, &TxnHistory, Fate)| {
        let text = if two_phase { disagreement(txn, txn_history)? } else { torn(txn_history, fate)? };
        Some(Finding::about(txn, txn_history, format!("{txn}: {text}")))
    };
    evidence.final_state().all().filter_map(find).collect()
}

fn disagreement(txn: TxnId, txn_history: &TxnHistory) -> Option<String> {
    let commits = deciders(txn, txn_history, Decision::Commit);
    let aborts = deciders(txn, txn_history, Decision::Abort);
    if commits.is_empty() || aborts.is_empty() {
        return None;
    }
    let tell = |deciders: &[(i64, NodeId)]| listed(deciders.iter().map(|(t, node)| format!("{node} at {}", At(*t))));
    Some(format!("commit at {}, but abort at {}", tell(&commits), tell(&aborts)))
}
