//! The check `stability` (docs/rules.md, rule 2): a decision is never reversed. For a saga, this means that a step that was
//! refused is never applied afterwards, unless its participant lost the journal that held the refusal.

use super::{entry::Check, evidence::Evidence};
use crate::{
    finding::{At, Excuse, Finding},
    history::txn_history::EffectKind,
};
use indoubt_proto::{ids::NodeId, message::Decision};
use indoubt_scenario::{checks::CheckName, protocol::Family};

pub(super) const CHECK: Check = Check {
    name: CheckName::Stability,
    search: stability,
    excuses: &[Excuse::Operator, Excuse::LostLog, Excuse::RestoredLog],
};

fn stability(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (txn, txn_history, _) in evidence.final_state().all() {
        let mut add = |text: String, at: Option<NodeId>| {
            let text = format!("{txn}: {text}");
            found.push(match at {
                // Only the lost log of this node excuses it.
                Some(node) => Finding { txns: [txn].into(), nodes: [node].into(), text, ..Finding::default() },
                None => Finding { despite_lost_logs: true, ..Finding::about(txn, txn_history, text) },
            });
        };
        match evidence.family() {
            Family::TwoPhase => {
                let own = std::iter::once((txn.home, txn_history.home_decided.as_slice()));
                let branches = txn_history.branches.iter().map(|(node, branch)| (node, branch.decisions.as_slice()));
                for (node, decisions) in own.chain(branches) {
                    if let Some(pair) = decisions.windows(2).find(|pair| pair[0].1 != pair[1].1) {
                        let [(first, one), (then, other)] = [pair[0], pair[1]];
                        add(
                            format!(
                                "{node} decided {} at {} and {} at {}",
                                one.word(),
                                At(first),
                                other.word(),
                                At(then)
                            ),
                            None,
                        );
                    }
                }
                for effect in txn_history.effects.iter().filter(|effect| effect.kind == EffectKind::Branch) {
                    let branch = txn_history.branches.get(effect.node);
                    let last = branch.and_then(|b| b.decisions.iter().rfind(|(t, _)| *t <= effect.t));
                    if let Some((t, Decision::Abort)) = last {
                        add(format!("{} aborted at {} and applied at {}", effect.node, At(*t), At(effect.t)), None);
                    }
                }
            }
            Family::Saga => {
                for (refused, node, step) in &txn_history.refused {
                    let applied =
                        txn_history.effects.iter().find(|e| e.kind == EffectKind::Step(*step) && e.t > *refused);
                    if let Some(effect) = applied {
                        add(
                            format!(
                                "{node} refused step {step} at {} and applied it at {}",
                                At(*refused),
                                At(effect.t)
                            ),
                            Some(*node),
                        );
                    }
                }
            }
            Family::Unprotected => {}
        }
    }
    found
}
