//! A coordinator that is acknowledged knows of every branch that an operator ended otherwise than it decided (docs/rules.md, 21
//! to 23): it does not take such an end for the decision carried out.

use super::{entry::Check, evidence::Evidence};
use crate::finding::{At, Excuse, Finding};
use indoubt_proto::message::Decision;
use indoubt_scenario::checks::CheckName;

pub(super) const CHECK: Check =
    Check { name: CheckName::HeuristicsTold, search: heuristics_told, excuses: &[Excuse::LostLog] };

fn heuristics_told(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if !evidence.acknowledges_commits {
        return found;
    }
    for (txn, txn_history, _) in evidence.final_state().all() {
        let over = txn_history.ended.is_some() && txn_history.decided_at_home(Decision::Commit);
        if !over || txn_history.heuristic_known {
            continue;
        }
        for (node, branch) in txn_history.branches.iter() {
            if let Some((t, _)) = branch.heuristics.iter().find(|(_, outcome)| *outcome == Decision::Abort) {
                let text = format!(
                    "{txn}: an operator aborted it at {node} at {}, but its coordinator ended it as committed everywhere",
                    At(*t)
                );
                found.push(Finding::about(txn, txn_history, text));
            }
        }
    }
    found
}
