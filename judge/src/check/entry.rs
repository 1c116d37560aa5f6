//! The definition of a check.

use super::evidence::Evidence;
use crate::finding::{Excuse, Finding};
use indoubt_scenario::checks::CheckName;

/// A check.
pub(super) struct Check {
    pub(super) name: CheckName,
    /// Finds everything in a run for which the check does not hold.
    pub(super) search: fn(&Evidence<'_>) -> Vec<Finding>,
    /// The ways in which a fault may excuse a finding.
    pub(super) excuses: &'static [Excuse],
}
