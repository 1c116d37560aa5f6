//! Completeness (docs/rules.md, rule 24): a saga is whole, or each applied step has exactly one effective compensation, in an
//! order that respects the dependencies: the later step is undone first. The other protocols: whole or nothing.

use super::{At, Evidence, Finding, atomic::torn, listed};
use crate::history::{EffectKind, Fate, Story};
use indoubt_proto::ids::NodeId;
use indoubt_scenario::protocol::Family;

pub(super) fn completeness(evidence: &Evidence<'_>) -> Vec<Finding> {
    let aftermath = evidence.aftermath();
    let mut found = Vec::new();
    for (txn, story, fate) in aftermath.all() {
        let wrong = match (evidence.family(), fate) {
            // What is not over is a matter for termination.
            (_, Fate::Unresolved | Fate::Stuck | Fate::Refused) => Vec::new(),
            (Family::TwoPhase, _) => {
                let missing = |node: &NodeId| !story.branch_stands(*node, &aftermath.topology);
                let missing = story.plan.writing_nodes().into_iter().filter(missing);
                let partial = fate == Fate::Partial;
                partial.then(|| format!("not applied at {}", listed(missing))).into_iter().collect()
            }
            (Family::Unprotected, _) => torn(story, fate).into_iter().collect(),
            (Family::Saga, _) => trace_of(story),
        };
        let finding = |text: String| Finding::about(txn, story, format!("{txn}: {text}"));
        found.extend(wrong.into_iter().map(finding));
    }
    found
}

/// What is wrong with the steps and compensations of a saga that is over.
fn trace_of(story: &Story) -> Vec<String> {
    let mut wrong = Vec::new();
    let steps = story.plan.writing_steps();
    // The place in the trace of each step's application and of its compensation.
    let place = |kind| {
        let mut effects = story.present(kind).filter(|effect| !effect.updates.is_empty());
        let first = effects.next().map(|effect| (effect.seq, effect.t));
        first.map(|(seq, t)| (seq, t, 1 + effects.count()))
    };
    let mut undone: Vec<(u32, u64, i64)> = Vec::new();
    let turned = steps.keys().any(|step| story.standing(*step) <= 0);
    for (step, node) in &steps {
        match (place(EffectKind::Step(*step)), place(EffectKind::Undo(*step))) {
            (Some((_, t, _)), None) if turned => {
                wrong.push(format!(
                    "step {step} applied at {node} at {} has no compensation, and the saga is not whole",
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
