//! The check `no-effect-twice`: no effect is applied twice, and no compensation either.

use super::{entry::Check, evidence::Evidence};
use crate::{
    effects::{EffectId, duplicates},
    finding::{At, Finding},
};
use indoubt_scenario::checks::CheckName;

pub(super) const CHECK: Check = Check { name: CheckName::NoEffectTwice, search: no_effect_twice, excuses: &[] };

fn no_effect_twice(evidence: &Evidence<'_>) -> Vec<Finding> {
    let final_state = evidence.final_state();
    let find = |(id, times): (EffectId, u64)| {
        let txn_history = &final_state.transactions[&id.txn];
        let when: Vec<String> = id.applications(txn_history).map(|effect| At(effect.t).to_string()).collect();
        let (txn, what, node) = (id.txn, id.kind.describe(), id.node);
        let text = format!("{txn}: its {what} at {node} is applied {} times, at {}", times + 1, when.join(" and "));
        Finding::about(txn, txn_history, text)
    };
    duplicates(final_state).into_iter().map(find).collect()
}
