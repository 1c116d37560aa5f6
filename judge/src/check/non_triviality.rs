//! Non-triviality (docs/rules.md, rule 4): no failures and all YES -> commit. Only where every participant's one vote arrived
//! within the vote timeout (by true time and by the coordinator's clock, from the first PREPARE on), no PREPARE and no vote
//! was lost or refused, the coordinator neither crashed nor froze, and its clock did not jump.

use super::{entry::Check, evidence::Evidence};
use crate::{
    finding::{At, Excuse, Finding},
    history::{branches::Branch, fate::Fate, topology::Life, txn_history::TxnHistory},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::{Decision, Vote},
};
use indoubt_scenario::{checks::CheckName, protocol::Family};

pub(super) const CHECK: Check =
    Check { name: CheckName::NonTriviality, search: non_triviality, excuses: &[Excuse::OperatorActed] };

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
        let failures = |life: Life| (life.crashes, life.pauses, life.clock_jumps);
        let no_failure = failures(home) == failures(then);
        let (t, _) = txn_history.home_decided.iter().find(|(_, decision)| *decision == Decision::Abort)?;
        let text = format!("{txn}: {} aborted at {} although every vote was YES and arrived in time", txn.home, At(*t));
        (txn_history.accepted && all_yes && no_failure).then(|| Finding::about(txn, txn_history, text))
    };
    if evidence.family() != Family::TwoPhase {
        return Vec::new();
    }
    evidence.final_state().all().filter_map(find).collect()
}
