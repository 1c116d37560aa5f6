//! Runs one transaction of one case in the virtual world, and counts its messages and records in the trace.

use crate::script::{Play, Script, add, read, refused};
use indoubt_proto::{
    ids::{NodeId, Role},
    machine::Write,
    message::{OutcomeWord, Vote},
    observation::Observation,
    plan::PlanStep,
    settings::AbortWhen,
};
use indoubt_scenario::protocol::{
    Protocol,
    costs::{Case, Cost},
};
use std::collections::BTreeSet;

/// The result of counting one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The cost that was counted.
    pub cost: Cost,
    /// The outcome that the client was told; `None` if it was told nothing.
    pub outcome: Option<OutcomeWord>,
    /// Whether no transaction is open and no record is locked at the end.
    pub resolved: bool,
}

/// Runs one transaction without failures. Links and forced writes take 1 ms each.
pub fn count(protocol: Protocol, participants: usize, case: Case, abort: AbortWhen) -> Counted {
    let play = script(protocol, participants, case).with(|scenario| scenario.options.abort = abort).play();
    Counted { cost: tally(&play), outcome: play.told().first().copied(), resolved: play.is_resolved() }
}

/// The case as a script of one transaction, with one step at each participant. Participants that refuse come last.
pub(super) fn script(protocol: Protocol, participants: usize, case: Case) -> Script {
    let step = |number: usize| -> PlanStep {
        let name = format!("p{number}");
        match case {
            Case::Commit | Case::Whole => add(&name, 1),
            Case::Abort { yes } if number > yes => refused(&name),
            Case::Mixed { updaters } if number > updaters => read(&name),
            Case::Refused { step } if number == step => refused(&name),
            Case::ReadOnly => read(&name),
            Case::Abort { .. } | Case::Mixed { .. } | Case::Refused { .. } => add(&name, 1),
        }
    };
    let cluster = u16::try_from(participants).expect("a cluster of fewer than 65536 participants");
    Script::new(protocol)
        .with(|scenario| scenario.cluster.participants = cluster)
        .transaction(0, (1..=participants).map(step).collect())
}

/// Counts every message between nodes other than clients, and every record that carries the id of a transaction.
fn tally(play: &Play) -> Cost {
    let refusers = refusers(play);
    let mut cost = Cost::default();
    for seen in &play.recording.trace {
        match &seen.what {
            Observation::Sent { from, to, message, txn: Some(_), copy: false, .. }
                if !from.is_client() && !to.is_client() =>
            {
                *(if message.is_work() { &mut cost.work_messages } else { &mut cost.messages }) += 1;
            }
            Observation::Appended { txn: Some(_), write, .. } => {
                let count = match (seen.node.role, write) {
                    (Role::Participant, Write::Forced) => &mut cost.forced_participants,
                    (Role::Participant, Write::Lazy) if refusers.contains(&seen.node) => &mut cost.lazy_refusals,
                    (Role::Participant, Write::Lazy) => &mut cost.lazy_participants,
                    (_, Write::Forced) => &mut cost.forced_coordinator,
                    (_, Write::Lazy) => &mut cost.lazy_coordinator,
                };
                *count += 1;
            }
            _ => {}
        }
    }
    cost
}

/// The participants that voted NO or refused their step.
fn refusers(play: &Play) -> BTreeSet<NodeId> {
    let refused = play.find(|node, what| {
        matches!(what, Observation::Voted { vote: Vote::No, .. } | Observation::StepRefused { .. }).then_some(node)
    });
    refused.into_iter().map(|(_, node)| node).collect()
}
