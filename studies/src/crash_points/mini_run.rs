//! The mini run: a scenario reduced to one transaction, so that all its crash points can be enumerated.

use super::{
    census::{Spot, census},
    crash_case::{Case, Strike, Survives},
};
use crate::trial::trial;
use indoubt_driver::conditions::Latency;
use indoubt_proto::{ids::NodeId, operation::Operation, planted::Planted, time::Micros};
use indoubt_scenario::{
    faults::{FaultAction, Kill, LoseDisk, RestoreLog, act::OlderCopy},
    parse::LONGEST_DURATION,
    protocol::Protocol,
    scenario::{Arrivals, Fault, Patience, Scenario},
    workload::Workload,
};
use std::{fmt, str::FromStr};

/// The duration of the load. The only transaction comes at once.
const LOAD: Micros = Micros::from_millis(100);
/// How long the run waits at least for the transaction to end.
const SETTLE: Micros = Micros::from_secs(60);
/// How many seeds are searched for a transaction that touches the participants in their order.
const SEEDS: u64 = 5_000;

/// How the transaction ends if no node crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ending {
    /// It commits: every participant can do its part.
    Commit,
    /// This step, counted from 1, must be refused.
    Refuse(usize),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Commit => f.write_str("commit"),
            Ending::Refuse(step) => write!(f, "refuse-{step}"),
        }
    }
}

impl FromStr for Ending {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "commit" {
            return Ok(Ending::Commit);
        }
        let step = text.strip_prefix("refuse-").and_then(|step| step.parse().ok()).filter(|step| *step > 0);
        step.map(Ending::Refuse)
            .ok_or_else(|| format!("`{text}` is not an ending; expected commit, refuse-1, refuse-2, …"))
    }
}

/// The reason why a case cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCase(pub String);

/// One transaction under one protocol, without faults.
#[derive(Clone, Debug)]
pub struct MiniRun {
    /// The scenario. It has one client, which submits one transaction to c1. The transaction touches every participant.
    pub scenario: Scenario,
    /// The protocol that runs.
    pub protocol: Protocol,
    /// How it ends if no node crashes.
    pub ending: Ending,
    /// How long a crashed node stays down.
    pub restart_after: Micros,
}

impl MiniRun {
    /// The mini runs of a scenario under a protocol: one that commits, and one for each step that can be refused. They have the
    /// options, timeouts, disk, kind of workload and network of the scenario, but no loss and no duplication. The transaction touches
    /// each of the `participants`. Load, faults and expectations of the scenario are left out.
    ///
    /// # Errors
    /// If this kind of workload cannot touch that many participants, or the transaction does not end even without a crash.
    pub fn all(
        base: &Scenario,
        protocol: Protocol,
        participants: u16,
        restart_after: Micros,
    ) -> Result<Vec<MiniRun>, BadCase> {
        let scenario = reduced(base, protocol, participants, restart_after)?;
        let mut endings: Vec<(usize, bool, u64)> = Vec::new();
        let refusing = with_refusals(scenario.clone(), 1.0);
        for seed in base.seed..base.seed.saturating_add(SEEDS) {
            let Some(arrival) = Workload::new(&refusing, seed).next_of(NodeId::client(1), Micros::ZERO) else { break };
            let Some(refused) = arrival.steps.iter().position(|step| step.ops.iter().any(is_refused)) else { break };
            let in_order = arrival.steps.is_sorted_by_key(|step| step.node);
            match endings.iter_mut().find(|(step, ..)| *step == refused) {
                Some((_, true, _)) => {}
                Some(found) if in_order => *found = (refused, true, seed),
                Some(_) => {}
                None => endings.push((refused, in_order, seed)),
            }
            if endings.len() == arrival.steps.len() && endings.iter().all(|(_, in_order, _)| *in_order) {
                break;
            }
        }
        endings.sort_unstable();
        let with_seed = |refuse, seed, ending| MiniRun {
            scenario: with_refusals(scenario.clone(), refuse).with_seed(seed),
            protocol,
            ending,
            restart_after,
        };
        let first = endings.first().ok_or_else(|| BadCase("no transaction arrives".into()))?;
        let commit = with_seed(0.0, first.2, Ending::Commit);
        let refused = endings.iter().map(|(step, _, seed)| with_seed(1.0, *seed, Ending::Refuse(step + 1)));
        let runs: Vec<MiniRun> = std::iter::once(commit).chain(refused).collect();
        for run in &runs {
            run.ends_without_a_crash()?;
        }
        Ok(runs)
    }

    /// The mini run to which a case belongs.
    ///
    /// # Errors
    /// If this kind of workload cannot touch that many participants, or no such step can be refused.
    pub fn of(base: &Scenario, protocol: Protocol, case: &Case, restart_after: Micros) -> Result<MiniRun, BadCase> {
        let all = MiniRun::all(base, protocol, case.participants, restart_after)?;
        let endings: Vec<String> = all.iter().map(|run| run.ending.to_string()).collect();
        let found = all.into_iter().find(|run| run.ending == case.ending);
        found.ok_or_else(|| {
            BadCase(format!(
                "no `{}` can end that way; possible endings: {}",
                base.workload.kind.word(),
                endings.join(", ")
            ))
        })
    }

    /// The number of participants.
    pub fn participants(&self) -> u16 {
        self.scenario.cluster.participants
    }

    /// The case of this run with these crashes.
    pub fn case(&self, strikes: Vec<Strike>) -> Case {
        Case { participants: self.participants(), ending: self.ending, strikes }
    }

    /// The scenario of the case with these crashes. It is a complete scenario, which can be replayed and run on real processes.
    pub fn scenario_of(&self, strikes: &[Strike]) -> Scenario {
        let mut scenario = self.scenario.clone();
        scenario.faults = strikes
            .iter()
            .map(|strike| {
                let (node, restart_after) = (strike.point.node, Some(self.restart_after));
                let action: FaultAction = match strike.survives {
                    Survives::Tail(keep) => Kill { node, restart_after, keep: Some(keep) }.into(),
                    Survives::OlderCopy(records) => {
                        RestoreLog { node, restart_after, to: OlderCopy::Records(records) }.into()
                    }
                    Survives::Nothing => LoseDisk { node, restart_after }.into(),
                };
                Fault::new(strike.point.trigger(), action)
            })
            .collect();
        scenario
    }

    /// Checks that the transaction ends without a crash. Otherwise a crash would show nothing.
    fn ends_without_a_crash(&self) -> Result<(), BadCase> {
        if self.scenario.planted != Planted::default() {
            return Ok(());
        }
        let of = trial(&self.scenario, self.protocol, self.scenario.seed).transactions;
        if of.submitted == 1 && of.refused == 0 && of.unresolved == 0 {
            return Ok(());
        }
        let (protocol, settle) = (self.protocol, self.scenario.settle);
        Err(BadCase(format!("under {protocol} the transaction does not end within {settle} even without a crash")))
    }

    /// All crash points of the run without crashes, in order.
    pub fn crash_points(&self) -> Vec<Spot> {
        census(&self.scenario, self.protocol, self.scenario.seed)
    }

    /// All crash points of the history after a first crash, in order.
    pub fn crash_points_after(&self, first: &Strike) -> Vec<Spot> {
        let scenario = self.scenario_of(std::slice::from_ref(first));
        let mut spots = census(&scenario, self.protocol, scenario.seed);
        spots.retain(|spot| spot.faults_before > 0);
        spots
    }
}

fn is_refused(op: &Operation) -> bool {
    matches!(op, Operation::Add { min: Some(i64::MAX), .. })
}

fn with_refusals(mut scenario: Scenario, share: f64) -> Scenario {
    scenario.workload.refuse = share;
    scenario
}

/// An upper bound of the time, which only one draw in many thousands exceeds.
fn slowest(latency: Latency) -> Micros {
    match latency {
        Latency::Constant(most) | Latency::Uniform { max: most, .. } => most,
        Latency::LogNormal { p99, .. } => p99 * 3,
    }
}

fn reduced(base: &Scenario, protocol: Protocol, participants: u16, restart_after: Micros) -> Result<Scenario, BadCase> {
    let mut scenario = base.clone();
    scenario.protocols = vec![protocol];
    scenario.duration = LOAD;
    let timeouts = base.timeouts;
    let links = base.network.links.iter().map(|link| link.conditions.latency).chain([base.network.base.latency]);
    let travel = links.map(slowest).max().unwrap_or_default() + slowest(base.force);
    let waits = timeouts.lock + timeouts.vote + timeouts.decision + timeouts.retry + restart_after;
    scenario.settle = SETTLE.max((waits + travel) * 20).min(LONGEST_DURATION);
    scenario.cluster.participants = participants;
    let workload = &mut scenario.workload;
    (workload.arrivals, workload.transactions, workload.touch) = (Arrivals::Clients(1), Some(1), participants);
    (workload.keys, workload.skew, workload.refuse, workload.audit, workload.lookup) = (1, 0.0, 0.0, 0.0, 0.0);
    workload.opening = None;
    workload.patience = Patience::default();
    // Settings of participants that the smaller cluster does not have are removed.
    let cluster = scenario.cluster;
    let is_there = |node: NodeId| cluster.nodes().any(|other| other == node);
    scenario.network.links.retain(|link| is_there(link.from) && is_there(link.to));
    scenario.clocks.nodes.retain(|(node, _)| is_there(*node));
    for conditions in
        scenario.network.links.iter_mut().map(|link| &mut link.conditions).chain([&mut scenario.network.base])
    {
        (conditions.loss, conditions.duplicate) = (0.0, 0.0);
    }
    (scenario.faults, scenario.expects, scenario.sweep) = (Vec::new(), Vec::new(), Vec::new());
    let planted = std::mem::take(&mut scenario.planted);
    let mut scenario = Scenario::parse(&scenario.to_toml(), "the small run").map_err(|error| BadCase(error.message))?;
    scenario.planted = planted;
    Ok(scenario)
}
