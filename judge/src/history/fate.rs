//! The state of a transaction at the end of a run (docs/03-measures-and-checks.md, `transactions`).

use super::{
    topology::Topology,
    txn_history::{EffectKind, TxnHistory},
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    message::{Decision, OutcomeWord, Vote},
};
use indoubt_scenario::protocol::Family;

/// The states of `transactions` in summary.json.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It committed or completed.
    Succeeded,
    /// It was accepted, nothing is applied, and nothing can be applied any more.
    Aborted,
    /// At least one effect was undone, and none is left.
    Compensated,
    /// Some effects are applied and others are not, and nothing will change that.
    Partial,
    /// It was never accepted.
    Refused,
    /// It has not ended.
    Unresolved,
    /// It is a saga that waits for an operator.
    Stuck,
}

impl Fate {
    /// The word in summary.json.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Fate::Succeeded => "succeeded",
            Fate::Aborted => "aborted",
            Fate::Compensated => "compensated",
            Fate::Partial => "partial",
            Fate::Refused => "refused",
            Fate::Unresolved => "unresolved",
            Fate::Stuck => "stuck",
        }
    }
}

/// The fate of a transaction of this family, with the cluster in its final state.
pub(crate) fn fate(family: Family, topology: &Topology, txn: TxnId, txn_history: &TxnHistory) -> Fate {
    if !txn_history.accepted {
        return Fate::Refused;
    }
    match family {
        Family::TwoPhase => committed_or_not(topology, txn, txn_history),
        Family::Saga | Family::Unprotected => stepwise(family, topology, txn, txn_history),
    }
}

/// The fate of a transaction of the 2PC family.
fn committed_or_not(topology: &Topology, txn: TxnId, txn_history: &TxnHistory) -> Fate {
    if txn_history.branches.iter().any(|(node, _)| txn_history.in_doubt_at(node, topology)) {
        return Fate::Unresolved;
    }
    let writing = txn_history.plan.writing_nodes();
    let missing: Vec<NodeId> =
        writing.iter().copied().filter(|node| !txn_history.branch_stands(*node, topology)).collect();
    let commit = txn_history.decided_at_home(Decision::Commit);
    // Without a durable commit record, a coordinator that crashed can only abort.
    let no_commit_will_come = txn_history.decided_at_home(Decision::Abort)
        || topology.life(txn.home).crashes > txn_history.home_then.crashes
        || txn_history.ended.is_some()
        || !txn_history.told.is_empty();
    if missing.is_empty() {
        return match () {
            () if !writing.is_empty() || commit || txn_history.told_success() => Fate::Succeeded,
            () if no_commit_will_come => Fate::Aborted,
            () => Fate::Unresolved,
        };
    }
    let nothing_applied = missing.len() == writing.len();
    if nothing_applied && !commit && !txn_history.told_success() {
        return if no_commit_will_come { Fate::Aborted } else { Fate::Unresolved };
    }
    let mut hopeless = missing.iter().map(|node| hopeless(topology, txn, txn_history, *node));
    if nothing_applied {
        // The coordinator decided to commit, but an operator aborted every branch, or every effect is lost with its journal. So no
        // effect stands, and none will.
        return if hopeless.all(|it| it) { Fate::Aborted } else { Fate::Unresolved };
    }
    if hopeless.any(|it| it) { Fate::Partial } else { Fate::Unresolved }
}

/// Whether a branch will never be applied, although others are, or the coordinator decided COMMIT.
fn hopeless(topology: &Topology, txn: TxnId, txn_history: &TxnHistory, node: NodeId) -> bool {
    let branch = txn_history.branches.get(node).cloned().unwrap_or_default();
    txn_history.lost_since_begun(node, topology)
        || txn_history.lost_at.contains(&node)
        || txn_history.effects.iter().any(|e| e.node == node && e.kind == EffectKind::Branch && e.gone.is_some())
        || branch.decisions.iter().any(|(_, decision)| *decision == Decision::Abort)
        || branch.votes.iter().any(|(_, vote)| *vote == Vote::No)
        || txn_history.decided_at_home(Decision::Abort)
        // Without a durable commit record, a coordinator that crashed can only abort.
        || (!txn_history.decided_at_home(Decision::Commit) && topology.life(txn.home).crashes > txn_history.home_then.crashes)
        || (txn_history.ended.is_some() && topology.running(txn.home))
}

/// The fate of a saga, or of a transaction of the unprotected baselines.
fn stepwise(family: Family, topology: &Topology, txn: TxnId, txn_history: &TxnHistory) -> Fate {
    let home = topology.life(txn.home);
    let crashed = home.crashes > txn_history.home_then.crashes;
    let steps = txn_history.plan.writing_steps();
    if steps.is_empty() {
        // It only reads, so it has no effects, and its fate is what its client was told. If the client was told nothing, a saga
        // still ends by its journal after crashes. An unprotected transaction ends with its home.
        return match (txn_history.told(), family) {
            (Some(OutcomeWord::Succeeded), _) => Fate::Succeeded,
            (None | Some(OutcomeWord::Unknown), Family::Saga) => match txn_history.closed {
                Some(_) if txn_history.turned.is_none() => Fate::Succeeded,
                Some(_) => Fate::Aborted,
                None if home.losses > txn_history.home_then.losses => Fate::Aborted,
                None => Fate::Unresolved,
            },
            (Some(_), _) => Fate::Aborted,
            (None, _) if txn_history.ended.is_some() || crashed => Fate::Aborted,
            (None, _) => Fate::Unresolved,
        };
    }
    let over = txn_history.ended.is_some()
        || match family {
            // If its home crashes, nothing of the transaction survives there, and nothing resumes it.
            Family::Unprotected => !txn_history.told.is_empty() || crashed,
            // An orchestrator that lost its journal has forgotten the saga.
            _ => {
                home.losses > txn_history.home_then.losses
                    || txn_history.told.iter().any(|(_, outcome)| {
                        matches!(outcome, OutcomeWord::Succeeded | OutcomeWord::Aborted | OutcomeWord::Compensated)
                    })
            }
        };
    if !over {
        return if txn_history.stuck.is_some() { Fate::Stuck } else { Fate::Unresolved };
    }
    let standing: Vec<i64> = steps.keys().map(|step| txn_history.standing(*step)).collect();
    let undone = |step: &u32| txn_history.present(EffectKind::Undo(*step)).any(|effect| !effect.updates.is_empty());
    if standing.iter().all(|count| *count > 0) {
        Fate::Succeeded
    } else if standing.iter().any(|count| *count != 0) {
        Fate::Partial
    } else if steps.keys().any(undone) {
        Fate::Compensated
    } else {
        Fate::Aborted
    }
}
