//! What a check is.

use super::evidence::Evidence;
use crate::finding::{Excuse, Finding};
use indoubt_scenario::checks::CheckName;

/// A check: its name, what it finds in a run, and what may excuse a finding.
pub(super) struct Check {
    pub(super) name: CheckName,
    /// Everything for which it does not hold.
    pub(super) search: fn(&Evidence<'_>) -> Vec<Finding>,
    /// A fault excuses a finding only in one of these ways.
    pub(super) excuses: &'static [Excuse],
}
