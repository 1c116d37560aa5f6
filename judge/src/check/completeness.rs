//! The check `completeness` (docs/rules.md, rule 24). A saga completes, or each applied step has exactly one effective
//! compensation, in an order that respects the dependencies: the later step is undone first. Under the other protocols, all
//! effects of a transaction are applied, or none.

use super::{entry::Check, evidence::Evidence};
use crate::{
    finding::{At, Excuse, Finding, listed, torn},
    history::{
        fate::Fate,
        txn_history::{EffectKind, TxnHistory},
    },
};
use indoubt_proto::ids::NodeId;
use indoubt_scenario::{checks::CheckName, protocol::Family};

pub(super) const CHECK: Check =
    Check { name: CheckName::Completeness, search: completeness, excuses: &[Excuse::Operator, Excuse::LostLog] };

fn completeness(evidence: &Evidence<'_>) -> Vec<Finding> {
    let final_state = evidence.final_state();
    let mut found = Vec::new();
    for (txn, txn_history, fate) in final_state.all() {
        let wrong = match (evidence.family(), fate) {
            // The check `termination` covers transactions that have not ended.
            (_, Fate::Unresolved | Fate::Stuck | Fate::Refused) => Vec::new(),
            (Family::TwoPhase, _) => {
                let missing = |node: &NodeId| !txn_history.branch_stands(*node, &final_state.topology);
                let missing = txn_history.plan.writing_nodes().into_iter().filter(missing);
                let partial = fate == Fate::Partial;
                partial.then(|| format!("not applied at {}", listed(missing))).into_iter().collect()
            }
            (Family::Unprotected, _) => torn(txn_history, fate).into_iter().collect(),
            (Family::Saga, _) => trace_of(txn_history),
        };
        let finding = |text: String| Finding::about(txn, txn_history, format!("{txn}: {text}"));
        found.extend(wrong.into_iter().map(finding));
    }
    found
}

/// What is wrong with the steps and compensations of a saga that has ended.
fn trace_of(txn_history: &TxnHistory) -> Vec<String> {
    let mut wrong = Vec::new();
    let steps = txn_history.plan.writing_steps();
    // The `seq` of each step's application and of its compensation.
    let seq = |kind| {
        let mut effects = txn_history.present(kind).filter(|effect| !effect.updates.is_empty());
        let first = effects.next().map(|effect| (effect.seq, effect.t));
        first.map(|(seq, t)| (seq, t, 1 + effects.count()))
    };
    let mut undone: Vec<(u32, u64, i64)> = Vec::new();
    let turned = steps.keys().any(|step| txn_history.standing(*step) <= 0);
    for (step, node) in &steps {
        match (seq(EffectKind::Step(*step)), seq(EffectKind::Undo(*step))) {
            (Some((_, t, _)), None) if turned => {
                wrong.push(format!(
                    "step {step} applied at {node} at {} has no compensation, and the saga did not complete",
                    At(t)
                ));
            }
            (None, Some((_, t, _))) => {
                wrong.push(format!("step {step} was compensated at {node} at {} and never applied", At(t)));
            }
            (Some((applied, ..)), Some((seq, t, times))) => {
                if times > 1 {
                    wrong.push(format!("step {step} was compensated {times} times at {node}, first at {}", At(t)));
                }
                if seq < applied {
                    wrong.push(format!("step {step} was compensated at {node} at {} before it was applied", At(t)));
                }
                undone.push((*step, seq, t));
            }
            _ => {}
        }
    }
    for pair in undone.windows(2) {
        let [(earlier, first, t), (later, then, u)] = [pair[0], pair[1]];
        if first < then {
            wrong.push(format!("step {earlier} was compensated at {} before step {later} at {}", At(t), At(u)));
        }
    }
    wrong
}
