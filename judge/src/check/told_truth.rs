//! The check `told-truth`: a client that was told a definite outcome was told the truth, and was not told two different outcomes.

use super::{entry::Check, evidence::Evidence};
use crate::{
    finding::{At, Excuse, Finding},
    history::{fate::Fate, txn_history::TxnHistory},
};
use indoubt_proto::message::OutcomeWord;
use indoubt_scenario::checks::CheckName;

pub(super) const CHECK: Check =
    Check { name: CheckName::ToldTruth, search: told_truth, excuses: &[Excuse::Operator, Excuse::LostLog] };

fn told_truth(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (txn, txn_history, fate) in evidence.final_state().all() {
        let definite = txn_history.told.iter().filter(|(_, outcome)| *outcome != OutcomeWord::Unknown);
        for (t, outcome) in definite.clone() {
            let lie = match outcome {
                OutcomeWord::Succeeded => !matches!(fate, Fate::Succeeded | Fate::Unresolved),
                // Both outcomes mean that no effects are left. They differ only in whether there was something to undo.
                OutcomeWord::Aborted | OutcomeWord::Compensated => {
                    matches!(fate, Fate::Succeeded | Fate::Partial | Fate::Stuck)
                        || half_there(evidence, txn_history, fate)
                }
                OutcomeWord::Refused => !matches!(fate, Fate::Refused | Fate::Aborted),
                OutcomeWord::Mixed => fate != Fate::Partial,
                OutcomeWord::Hazard | OutcomeWord::Unknown => false,
            };
            if lie {
                let text = format!("{txn} was told {} at {}, but is {}", outcome.word(), At(*t), fate.word());
                found.push(Finding::about(txn, txn_history, text));
            }
        }
        let mut words: Vec<&str> = definite.map(|(_, outcome)| outcome.word()).collect();
        words.dedup();
        if words.len() > 1 {
            found.push(Finding::about(txn, txn_history, format!("{txn} was told {}", words.join(", then "))));
        }
    }
    found
}

/// Whether part of a 2PC transaction is committed while the rest of it is still open.
fn half_there(evidence: &Evidence<'_>, txn_history: &TxnHistory, fate: Fate) -> bool {
    let topology = &evidence.final_state().topology;
    fate == Fate::Unresolved
        && txn_history.plan.writing_nodes().iter().any(|node| txn_history.branch_stands(*node, topology))
}
