//! Completeness (docs/rules.md, rule 24): a saga is whole, or each applied step has exactly one effective compensation. Steps
//! that wait for each other are applied in the order of the plan and undone in reverse. The other protocols: whole or nothing.

use super::{entry::Check, evidence::Evidence};
use crate::{
    finding::{At, Excuse, Finding, listed, torn},
    history::{
        fate::Fate,
        txn_history::{EffectKind, TxnHistory},
    },
};
use indoubt_proto::ids::NodeId;
use indoubt_scenario::{
    checks::CheckName,
    protocol::{Family, entry::StepOrder},
};

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
            (Family::Saga, _) => trace_of(txn_history, final_state.order),
        };
        let finding = |text: String| Finding::about(txn, txn_history, format!("{txn}: {text}"));
        found.extend(wrong.into_iter().map(finding));
    }
    found
}

/// What is wrong with the steps and compensations of a saga that has ended.
fn trace_of(txn_history: &TxnHistory, order: StepOrder) -> Vec<String> {
    let mut wrong = Vec::new();
    let steps = txn_history.plan.writing_steps();
    // The `seq` of each step's application and of its compensation.
    let seq = |kind| {
        let mut effects = txn_history.present(kind).filter(|effect| !effect.updates.is_empty());
        let first = effects.next().map(|effect| (effect.seq, effect.t));
        first.map(|(seq, t)| (seq, t, 1 + effects.count()))
    };
    let (mut applied, mut undone): (Vec<Seen>, Vec<Seen>) = (Vec::new(), Vec::new());
    let turned = steps.keys().any(|step| txn_history.standing(*step) <= 0);
    for (&step, &node) in &steps {
        let (ran, back) = (seq(EffectKind::Step(step)), seq(EffectKind::Undo(step)));
        applied.extend(ran.map(|(seq, t, _)| Seen { step, node, seq, t }));
        match (ran, back) {
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
                undone.push(Seen { step, node, seq, t });
            }
            _ => {}
        }
    }
    for (one, other) in neighbours(&undone, order).filter(|(one, other)| one.seq < other.seq) {
        let (earlier, later) = (one.step, other.step);
        wrong.push(format!("step {earlier} was compensated at {} before step {later} at {}", At(one.t), At(other.t)));
    }
    for (one, other) in neighbours(&applied, order).filter(|(one, other)| one.seq > other.seq) {
        let (earlier, later) = (one.step, other.step);
        wrong.push(format!("step {later} was applied at {} before step {earlier} at {}", At(other.t), At(one.t)));
    }
    wrong
}

/// When a step, or its compensation, took effect.
struct Seen {
    step: u32,
    node: NodeId,
    seq: u64,
    t: i64,
}

/// The pairs of steps, in the order of the plan, of which the later one waits for the earlier one with none between them that
/// does. If these are in order, all are.
fn neighbours(seen: &[Seen], order: StepOrder) -> impl Iterator<Item = (&Seen, &Seen)> {
    (0..seen.len()).filter_map(move |at| {
        let (before, later) = (&seen[..at], &seen[at]);
        let earlier = before.iter().rfind(|earlier| order.waits(later.node, earlier.node))?;
        Some((earlier, later))
    })
}
