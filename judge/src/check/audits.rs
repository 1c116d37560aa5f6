//! The check `audits`: every committed audit reads the total of its group (docs/rules.md, rule 42).

use super::{entry::Check, evidence::Evidence};
use crate::{
    effects::{WrongAudit, wrong_audits},
    finding::{At, Excuse, Finding},
};
use indoubt_scenario::checks::CheckName;

pub(super) const CHECK: Check =
    Check { name: CheckName::Audits, search: audits, excuses: &[Excuse::OperatorActed, Excuse::LostLogBefore] };

fn audits(evidence: &Evidence<'_>) -> Vec<Finding> {
    let final_state = evidence.final_state();
    let find = |wrong: WrongAudit| {
        let txn_history = &final_state.transactions[&wrong.txn];
        let told = txn_history.told.first().map_or(txn_history.began.unwrap_or_default(), |(t, _)| *t);
        let text = format!(
            "{} found {} instead of {}; its client was told so at {}",
            wrong.txn,
            wrong.found,
            wrong.total,
            At(told)
        );
        let keys = txn_history.plan.0.iter().map(|entry| entry.key.clone()).collect();
        Finding { keys, at: Some(told), ..Finding::about(wrong.txn, txn_history, text) }
    };
    wrong_audits(final_state).into_iter().map(find).collect()
}
