//! The check `told-truth`: a client that was told a definite outcome was told the truth, and was not told two different outcomes.

use super::{entry::Check, evidence::Evidence};
use crate::{
    beliefs::lies,
    finding::{At, Excuse, Finding},
};
use indoubt_proto::message::OutcomeWord;
use indoubt_scenario::checks::CheckName;

pub(super) const CHECK: Check =
    Check { name: CheckName::ToldTruth, search: told_truth, excuses: &[Excuse::Operator, Excuse::LostLog] };

fn told_truth(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let final_state = evidence.final_state();
    for (txn, txn_history, fate) in final_state.all() {
        for (t, told) in lies(final_state, txn_history, fate) {
            let text = format!("{txn} was told {} at {}, but is {}", told.word(), At(t), fate.word());
            found.push(Finding::about(txn, txn_history, text));
        }
        let definite = txn_history.told.iter().filter(|(_, outcome)| *outcome != OutcomeWord::Unknown);
        let mut words: Vec<&str> = definite.map(|(_, outcome)| outcome.word()).collect();
        words.dedup();
        if words.len() > 1 {
            found.push(Finding::about(txn, txn_history, format!("{txn} was told {}", words.join(", then "))));
        }
    }
    found
}
