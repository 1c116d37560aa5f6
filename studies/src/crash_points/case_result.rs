//! One case, run and judged: what of it is kept.

use super::{
    census::Spot,
    crash_case::{Case, Strike},
    mini_run::MiniRun,
};
use indoubt_judge::{judge::pass_judgement, measurer::Measurer, summary::Verdict};
use indoubt_proto::{
    ids::{Lsn, NodeId},
    observation::{Observation, Stamped},
};
use indoubt_simulator::world::{self, Sink};

/// A check that does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// Which.
    pub check: String,
    /// Whether the protocol promises it.
    pub promised: bool,
    /// What was found.
    pub detail: String,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseResult {
    /// The case.
    pub case: Case,
    /// What became of the transaction: `committed` (a saga: `completed`), `aborted`, `compensated`, `partial`, `refused`,
    /// `unresolved` or `stuck`.
    pub outcome: &'static str,
    /// What its client was told: `succeeded`, `aborted`, `compensated`, `refused` or `unknown`.
    pub told: &'static str,
    /// The longest time that a branch was in doubt, in milliseconds.
    pub in_doubt_ms: f64,
    /// The longest time that a branch was blocked, in milliseconds.
    pub blocked_ms: f64,
    /// The longest time that a record was pending, in milliseconds.
    pub pending_ms: f64,
    /// The checks that do not hold, promised or not.
    pub broken: Vec<Broken>,
    /// Whether it is known to be right: every promise kept and nothing left open that the protocol promises to end.
    pub verdict: Verdict,
    /// How many of its crashes happened.
    pub fired: usize,
    /// The last record that survived, at each restart.
    pub survived: Vec<(NodeId, Lsn)>,
}

impl CaseResult {
    /// Whether something promised does not hold: everybody came back, so everything must have ended too.
    pub fn is_failure(&self) -> bool {
        self.verdict != Verdict::Ok
    }
}

impl MiniRun {
    /// Crashes at a spot, once for every prefix of the tail that may survive, after these crashes. The tail may be shorter than
    /// the census saw it (a force returned while the node waited): then there are fewer prefixes.
    pub fn try_spot(&self, before: &[Strike], spot: &Spot) -> Vec<CaseResult> {
        let mut all: Vec<CaseResult> = Vec::with_capacity(spot.tail + 1);
        for keep in 0..=spot.tail as u64 {
            let strike = Strike { point: spot.point.clone(), keep };
            let tried = self.try_case(before.iter().cloned().chain([strike]).collect());
            if all.last().is_some_and(|shorter| shorter.survived == tried.survived) {
                break;
            }
            all.push(tried);
        }
        all
    }

    /// Runs one case and judges it.
    pub fn try_case(&self, strikes: Vec<Strike>) -> CaseResult {
        let scenario = self.scenario_of(&strikes);
        let mut probe = Probe { measurer: Measurer::new(self.protocol, scenario.duration), survived: Vec::new() };
        let faults = world::run_into(&scenario, self.protocol, scenario.seed, &mut probe);
        let Probe { measurer, survived } = probe;
        let measured = measurer.finish();
        let run = pass_judgement(&scenario, self.protocol, scenario.seed, &faults, measured);
        let broken = run.checks.into_iter().filter(|check| !check.held);
        let now = run.transactions;
        let outcomes = [
            (now.succeeded, self.protocol.family().entry().outcomes[0]),
            (now.aborted, "aborted"),
            (now.compensated, "compensated"),
            (now.partial, "partial"),
            (now.refused, "refused"),
            (now.unresolved, "unresolved"),
            (now.stuck, "stuck"),
        ];
        let told = [
            (run.clients.succeeded, "succeeded"),
            (run.clients.aborted, "aborted"),
            (run.clients.compensated, "compensated"),
            (run.clients.refused, "refused"),
            (run.clients.unknown, "unknown"),
        ];
        CaseResult {
            case: self.case(strikes),
            outcome: the_one(&outcomes),
            told: the_one(&told),
            in_doubt_ms: run.measures.in_doubt_ms.max,
            blocked_ms: run.measures.blocked_ms.max,
            pending_ms: run.measures.pending_ms.max,
            broken: broken
                .map(|c| Broken { check: c.name.to_string(), promised: c.promised, detail: c.detail })
                .collect(),
            verdict: run.verdict,
            fired: faults.iter().filter(|fault| fault.at.len() == 1).count(),
            survived,
        }
    }
}

/// What a case is judged by, and what survived each death.
struct Probe {
    measurer: Measurer,
    survived: Vec<(NodeId, Lsn)>,
}

impl Sink for Probe {
    fn take(&mut self, seen: Stamped) {
        if let Observation::Restarted { upto, .. } = seen.what {
            self.survived.push((seen.node, upto));
        }
        self.measurer.take(&seen);
    }
}

/// The word of the one transaction.
fn the_one(counts: &[(u64, &'static str)]) -> &'static str {
    counts.iter().find(|(count, _)| *count > 0).map_or("never came", |(_, word)| word)
}
