//! `recovery_ms`: for each repair that found branches in doubt, the time until none of them is in doubt any more. `recovery_peak`: the
//! highest rate of messages after a repair.
//!
//! A repair is a line `restarted`, `resumed` or `link-healed`. The rate is the number of messages sent in the busiest tenth of the
//! second that follows a repair, as messages per second.

use super::{
    fold::{Measure, Results},
    spread::Sample,
};
use crate::{
    history::History,
    shown::{Shown, Table, Unit, Worst},
};
use indoubt_proto::{
    ids::NodeId,
    observation::{Observation, Stamped},
};
use std::collections::BTreeSet;

/// How long after a repair messages are counted, in microseconds.
const WINDOW: i64 = 1_000_000;
/// The parts of the window, in microseconds.
const PART: i64 = 100_000;

/// A repair whose branches are not all decided.
#[derive(Clone, Debug)]
struct Repair {
    at: i64,
    in_doubt: BTreeSet<(NodeId, usize)>,
}

/// Measures recovery.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recovery {
    /// The branches in doubt now: their node, and the slot of their transaction.
    in_doubt: BTreeSet<(NodeId, usize)>,
    open: Vec<Repair>,
    sample: Sample,
    repaired: Option<i64>,
    /// The messages sent in each part of the window after the last repair.
    sent: [u64; (WINDOW / PART) as usize],
    peak: u64,
}

impl Measure for Recovery {
    const SHOWN: &'static [Shown] = &[
        Shown::ms("recovery_ms.max", |m| m.recovery_ms.max)
            .column(Table::Waiting, "recovery max")
            .over_seeds(Worst::Largest)
            .in_swarm("a repair found branches in doubt", 0.0),
        Shown::new("recovery_peak", |m| m.recovery_peak, Unit::PerSecond).column(Table::Costs, "peak after a repair"),
    ];

    fn message(&mut self, seen: &Stamped, _slot: usize, _history: &History) {
        let Observation::Sent { from, to, .. } = &seen.what else { return };
        let (Some(repaired), false) = (self.repaired, from.is_client() || to.is_client()) else { return };
        if let Some(part) = self.sent.get_mut(((seen.t_us - repaired) / PART) as usize) {
            *part += 1;
        }
    }

    fn progress(&mut self, seen: &Stamped, slot: usize, _history: &History) {
        match &seen.what {
            Observation::InDoubt { .. } => {
                self.in_doubt.insert((seen.node, slot));
            }
            Observation::Decided { .. } => {
                let branch = (seen.node, slot);
                if self.in_doubt.remove(&branch) {
                    self.decided(|of| *of == branch, seen.t_us);
                }
            }
            _ => {}
        }
    }

    fn cluster(&mut self, seen: &Stamped, history: &History) {
        let repaired = match &seen.what {
            Observation::Restarted { .. } => {
                if history.topology.life(seen.node).lost_last == Some(seen.t_us) {
                    // Its doubt is gone with its journal, or is observed again.
                    self.in_doubt.retain(|(node, _)| *node != seen.node);
                    self.decided(|(node, _)| *node == seen.node, seen.t_us);
                }
                true
            }
            Observation::Resumed { .. } | Observation::LinkHealed { .. } => true,
            _ => false,
        };
        if repaired {
            self.end_window();
            self.repaired = Some(seen.t_us);
            if !self.in_doubt.is_empty() {
                self.open.push(Repair { at: seen.t_us, in_doubt: self.in_doubt.clone() });
            }
        }
    }

    fn is_quiet(&self, slot: usize) -> bool {
        let is_of = |(_, of): &(NodeId, usize)| *of == slot;
        !self.in_doubt.iter().any(is_of) && !self.open.iter().any(|repair| repair.in_doubt.iter().any(is_of))
    }

    fn finish(mut self, history: &History, results: &mut Results) {
        self.end_window();
        for repair in &self.open {
            self.sample.add_open(history.end - repair.at);
        }
        results.measures.recovery_ms = self.sample.spread();
        results.measures.recovery_peak = self.peak as f64 * (1_000_000 / PART) as f64;
    }
}

impl Recovery {
    /// Some branches are not in doubt any more.
    fn decided(&mut self, which: impl Fn(&(NodeId, usize)) -> bool, t: i64) {
        let sample = &mut self.sample;
        self.open.retain_mut(|repair| {
            repair.in_doubt.retain(|branch| !which(branch));
            let over = repair.in_doubt.is_empty();
            if over {
                sample.add(t - repair.at);
            }
            !over
        });
    }

    fn end_window(&mut self) {
        self.peak = self.sent.iter().copied().fold(self.peak, u64::max);
        self.sent = Default::default();
    }
}
