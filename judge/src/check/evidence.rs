//! The input of checks.

use crate::{anomaly::Anomaly, history::final_state::FinalState};
use indoubt_proto::{ids::NodeId, settings::Timeouts};
use indoubt_scenario::{protocol::Family, scenario::Clocks};

/// A measured run, and the facts of the scenario that checks need.
pub(crate) struct Evidence<'a> {
    pub(crate) final_state: &'a FinalState,
    pub(crate) anomalies: &'a [Anomaly],
    pub(crate) timeouts: Timeouts,
    /// Whether a commit ends only when all participants have acknowledged it.
    pub(crate) acknowledges_commits: bool,
    /// The nodes' clocks, and the seed that draws their rates. `None` if all clocks run at the true rate.
    pub(crate) clocks: Option<(&'a Clocks, u64)>,
}

impl Evidence<'_> {
    /// How long a coordinator waits for votes at least, in microseconds of true time. A fast clock fires early.
    pub(super) fn vote_patience(&self, home: NodeId) -> i64 {
        let vote = self.timeouts.vote;
        let by_its_clock = self.clocks.map_or(vote, |(clocks, seed)| clocks.rate(home, seed).true_time(vote));
        by_its_clock.min(vote).0 as i64
    }

    pub(super) fn final_state(&self) -> &FinalState {
        self.final_state
    }

    pub(super) fn family(&self) -> Family {
        self.final_state().family
    }
}
