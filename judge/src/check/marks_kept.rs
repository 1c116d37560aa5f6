//! The check `marks-kept` (docs/rules.md, rule 17b): a coordinating node asks nothing for a transaction that it has announced as
//! finished. See [`crate::history::marks`]. If an older copy of its journal was put back, it may no longer know what it announced.

use super::{entry::Check, evidence::Evidence};
use crate::{
    finding::{Excuse, Finding},
    history::contract::Breach,
};
use indoubt_scenario::checks::CheckName;
use std::collections::BTreeSet;

pub(super) const CHECK: Check =
    Check { name: CheckName::MarksKept, search: marks_kept, excuses: &[Excuse::RestoredLog] };

fn marks_kept(evidence: &Evidence<'_>) -> Vec<Finding> {
    let find = |breach: &Breach| Finding {
        txns: breach.txn.into_iter().collect(),
        nodes: BTreeSet::from([breach.node]),
        text: breach.text.clone(),
        ..Finding::default()
    };
    evidence.final_state().below_marks.iter().map(find).collect()
}
