//! The check `marks-kept` (docs/rules.md, rule 17b): a coordinating node asks nothing for a transaction that it has announced as
//! finished. See [`crate::history::marks`].

use super::{entry::Check, evidence::Evidence};
use crate::{finding::Finding, history::contract::Breach};
use indoubt_scenario::checks::CheckName;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check { name: CheckName::MarksKept, search: marks_kept, excuses: &[] };

fn marks_kept(evidence: &Evidence<'_>) -> Vec<Finding> {
    let find = |breach: &Breach| Finding {
        nodes: BTreeSet::from([breach.node]),
        text: breach.text.clone(),
        ..Finding::default()
    };
    evidence.final_state().below_marks.iter().map(find).collect()
}
