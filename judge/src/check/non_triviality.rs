//! The check `non-triviality` (docs/rules.md, rule 4): if all participants vote YES and nothing fails, the transaction commits. A
//! transaction counts only if all of this is true: the single vote of each participant arrived within the vote timeout after the
//! first PREPARE, by true time and by the coordinator's clock; no PREPARE and no vote was lost or refused; and the coordinator
//! neither crashed nor froze.

use super::{entry::Check, evidence::Evidence};
use crate::{
    finding::{At, Excuse, Finding},
    history::{branches::Branch, fate::Fate, txn_history::TxnHistory},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::{Decision, Vote},
};
use indoubt_scenario::{checks::CheckName, protocol::Family};

pub(super) const CHECK: Check =
    Check { name: CheckName::NonTriviality, search: non_triviality, excuses: &[Excuse::Operator] };

fn non_triviality(evidence: &Evidence<'_>) -> Vec<Finding> {
    let in_time = |branch: &Branch, until: i64| {
        let ([received], [(_, vote)]) = (&branch.votes_received[..], &branch.votes[..]) else { return false };
        matches!(vote, Vote::Yes | Vote::ReadOnly) && !branch.disturbed && *received < until
    };
    let topology = &evidence.final_state().topology;
    let find = |(txn, txn_history, _): (TxnId, &TxnHistory, Fate)| {
        let first = txn_history.branches.iter().filter_map(|(_, branch)| branch.prepare_sent).min()?;
        let until = first + evidence.vote_patience(txn.home);
        let in_time = |node: &NodeId| txn_history.branches.get(*node).is_some_and(|branch| in_time(branch, until));
        let all_yes = txn_history.plan.nodes().iter().all(in_time);
        let (home, then) = (topology.life(txn.home), txn_history.home_then);
        let no_failure = (home.crashes, home.pauses) == (then.crashes, then.pauses);
        let (t, _) = txn_history.home_decided.iter().find(|(_, decision)| *decision == Decision::Abort)?;
        let text = format!("{txn}: {} aborted at {} although every vote was YES and arrived in time", txn.home, At(*t));
        (txn_history.accepted && all_yes && no_failure).then(|| Finding::about(txn, txn_history, text))
    };
    if evidence.family() != Family::TwoPhase {
        return Vec::new();
    }
    evidence.final_state().all().filter_map(find).collect()
}
