//! The world kept what it promises to machines, so that a verdict on the protocol means something: see
//! [`crate::history::contract`]. No fault excuses a breach.

use super::{entry::Check, evidence::Evidence};
use crate::finding::Finding;
use indoubt_scenario::checks::CheckName;
use std::collections::BTreeSet;

pub(super) const CHECK: Check = Check { name: CheckName::WorldContract, search: world_contract, excuses: &[] };

fn world_contract(evidence: &Evidence<'_>) -> Vec<Finding> {
    let breaches = &evidence.final_state().breaches;
    let find = |breach: &crate::history::contract::Breach| Finding {
        nodes: BTreeSet::from([breach.node]),
        text: breach.text.clone(),
        ..Finding::default()
    };
    breaches.iter().map(find).collect()
}
