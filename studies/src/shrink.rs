//! Shrinking: from a case that fails to the smallest scenario that still fails in the same way. Faults are dropped, by halves
//! and one by one (delta debugging; Zeller and Hildebrandt, 2002); transactions, nodes and records become fewer; network,
//! clocks, disk, timeouts and options become plain. What a change makes of a scenario is parsed like any file, so that
//! nothing impossible is ever tried and the result can be written down as it is.

use crate::swarm::Case;
use indoubt_driver::conditions::{Conditions, Latency};
use indoubt_proto::{
    settings::{Options, Timeouts},
    time::Micros,
};
use indoubt_scenario::{
    parse::COMPACT_EVERY,
    scenario::{Arrivals, Clocks, Cluster, Patience, Scenario, Trigger},
};

/// What was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Cases run.
    pub tried: u64,
    /// Of them those that still failed, and were gone on with.
    pub kept: u64,
}

/// Makes `case` smaller as long as `fails` says that it still fails, with at most `budget` tries. The result cannot be made
/// smaller by any single change, unless the budget ran out.
pub fn shrink(mut case: Case, fails: &mut dyn FnMut(&Case) -> bool, budget: u64) -> (Case, Effort) {
    let mut effort = Effort::default();
    'again: loop {
        for candidate in smaller(&case) {
            if effort.tried == budget {
                return (case, effort);
            }
            effort.tried += 1;
            if fails(&candidate) {
                effort.kept += 1;
                case = candidate;
                continue 'again;
            }
        }
        return (case, effort);
    }
}

/// Everything one change away that is smaller and possible, the largest changes first.
fn smaller(case: &Case) -> impl Iterator<Item = Case> + use<> {
    let now = case.scenario.clone();
    let mut changes: Vec<Scenario> = Vec::new();
    let mut add = |change: &dyn Fn(&mut Scenario)| {
        let mut changed = now.clone();
        change(&mut changed);
        changes.push(changed);
    };
    let faults = now.faults.len();
    let mut chunk = faults.div_ceil(2);
    while chunk > 0 {
        for from in (0..faults).step_by(chunk) {
            add(&|s| _ = s.faults.drain(from..(from + chunk).min(faults)));
        }
        chunk = if chunk == 1 { 0 } else { chunk.div_ceil(2) };
    }
    let most = now.workload.transactions.unwrap_or(u64::MAX);
    for fewer in [1, 2, 3, 5, 8, 13, 21].into_iter().filter(|fewer| *fewer < most) {
        add(&|s| s.workload.transactions = Some(fewer));
    }
    add(&|s| s.duration = Micros(s.duration.0 / 2));
    for participants in 1..now.cluster.participants {
        add(&|s| {
            s.cluster = Cluster { participants, ..s.cluster };
            s.workload.touch = s.workload.touch.min(participants);
        });
    }
    for coordinators in 1..now.cluster.coordinators {
        add(&|s| s.cluster.coordinators = coordinators);
    }
    add(&|s| s.workload.touch = s.workload.touch.saturating_sub(1));
    add(&|s| s.workload.keys = 1);
    add(&|s| s.workload.skew = 0.0);
    add(&|s| s.workload.refuse = 0.0);
    add(&|s| s.workload.audit = 0.0);
    add(&|s| s.workload.lookup = 0.0);
    add(&|s| s.workload.opening = None);
    add(&|s| s.workload.patience = Patience::default());
    add(&|s| s.workload.patience.retries = 0);
    add(&|s| s.workload.patience.die = 0.0);
    add(&|s| s.workload.patience.ask_after = None);
    add(&|s| {
        if let Arrivals::Clients(clients) = &mut s.workload.arrivals {
            *clients = 1;
        }
    });
    add(&|s| s.network.links.clear());
    add(&|s| s.network.base.loss = 0.0);
    add(&|s| s.network.base.duplicate = 0.0);
    add(&|s| s.network.base = Conditions { latency: A_MILLISECOND, ..s.network.base });
    add(&|s| s.force = A_MILLISECOND);
    add(&|s| s.compact_every = COMPACT_EVERY);
    add(&|s| s.clocks = Clocks::default());
    add(&|s| s.timeouts = Timeouts::default());
    let plain = Options::default();
    add(&|s| s.options.work = plain.work);
    add(&|s| s.options.read_only = plain.read_only);
    add(&|s| s.options.abort = plain.abort);
    add(&|s| s.options.answer = plain.answer);
    add(&|s| s.options.forward_recovery = plain.forward_recovery);
    add(&|s| s.options.compensate_from = plain.compensate_from);
    add(&|s| s.options.remembered = plain.remembered);
    for at in 0..faults {
        add(&|s| s.faults[at].action.simplify());
        add(&|s| simplify_trigger(&mut s.faults[at].trigger));
    }
    let (protocol, seed, planted) = (case.protocol, case.seed, case.scenario.planted);
    changes.into_iter().filter(move |changed| *changed != now).filter_map(move |changed| {
        // A planted bug is not written down; it stays.
        let scenario = Scenario::parse(&changed.to_toml(), "shrunk").ok()?;
        Some(Case { scenario: Scenario { planted, ..scenario }, protocol, seed })
    })
}

const A_MILLISECOND: Latency = Latency::Constant(Micros::from_millis(1));

/// Times become whole multiples of 10 ms.
fn simplify_trigger(trigger: &mut Trigger) {
    if let Trigger::At(at) = trigger {
        *at = Micros(at.0.next_multiple_of(10_000));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::draw;
    use indoubt_scenario::{faults::FaultAction, protocol::Protocol};

    fn kills(case: &Case) -> usize {
        case.scenario.faults.iter().filter(|fault| matches!(fault.action, FaultAction::Kill(_))).count()
    }

    #[test]
    fn what_does_not_matter_goes_and_what_matters_stays() {
        let case = (0..).map(|seed| draw(seed, &Protocol::ALL)).find(|case| kills(case) >= 3).expect("some seed");
        // "Fails" as long as it kills somebody.
        let (smallest, effort) = shrink(case.clone(), &mut |case| kills(case) >= 1, 10_000);
        assert_eq!((smallest.scenario.faults.len(), kills(&smallest)), (1, 1));
        assert_eq!(smallest.scenario.workload.transactions, Some(1));
        assert_eq!((smallest.scenario.workload.keys, smallest.scenario.network.base.loss), (1, 0.0));
        assert_eq!(smallest.scenario.options, Options { ..Options::default() });
        assert!(effort.kept < effort.tried);
        let again = shrink(case, &mut |case| kills(case) >= 1, 10_000);
        assert_eq!(again, (smallest, effort), "shrinking is deterministic");
    }

    #[test]
    fn a_budget_is_kept() {
        let (_, effort) = shrink(draw(3, &Protocol::ALL), &mut |_| true, 7);
        assert_eq!(effort.tried, 7);
    }
}
