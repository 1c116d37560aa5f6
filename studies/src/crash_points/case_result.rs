//! The result of one case.

use super::{
    census::Spot,
    crash_case::{Case, Strike, Survives},
    mini_run::MiniRun,
};
use indoubt_judge::{judge::pass_judgement, measurer::Measurer, summary::Verdict};
use indoubt_proto::{
    ids::{Lsn, NodeId},
    observation::{Observation, Stamped},
};
use indoubt_simulator::world::{self, Sink, Unforced};

/// A check that does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// The name of the check.
    pub check: String,
    /// Whether the protocol promises the check.
    pub promised: bool,
    /// What the check found.
    pub detail: String,
}

/// The result of one case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseResult {
    /// The case that ran.
    pub case: Case,
    /// The fate of the transaction: `committed` (a saga: `completed`), `aborted`, `compensated`, `partial`, `refused`,
    /// `unresolved` or `stuck`.
    pub outcome: &'static str,
    /// The outcome that its client was told: `succeeded`, `aborted`, `compensated`, `refused` or `unknown`.
    pub told: &'static str,
    /// The longest time that a branch was in doubt, in milliseconds.
    pub in_doubt_ms: f64,
    /// The longest time that a branch was blocked, in milliseconds.
    pub blocked_ms: f64,
    /// The longest time that a record was pending, in milliseconds.
    pub pending_ms: f64,
    /// The checks that do not hold, promised or not.
    pub broken: Vec<Broken>,
    /// Whether the protocol kept its promises.
    pub verdict: Verdict,
    /// How many of the crashes of the case happened.
    pub fired: usize,
    /// For each restart, the node and the last record that survived.
    pub survived: Vec<(NodeId, Lsn)>,
}

impl CaseResult {
    /// Whether a promise is broken. All nodes are up at the end, so it also counts if something has not ended, unless a node lost
    /// what had been durable there.
    pub fn is_failure(&self) -> bool {
        let whole = self.case.strikes.iter().all(|strike| matches!(strike.survives, Survives::Tail(_)));
        self.verdict == Verdict::Violated || (whole && self.verdict != Verdict::Ok)
    }
}

impl MiniRun {
    /// Runs the crashes in `before` and then a crash at `spot`, once for every prefix of the tail that may survive. The tail may be
    /// shorter than the census saw it, because a forced write returned while the node waited. Then there are fewer prefixes. During a
    /// compaction, crashes that leave the new file follow.
    pub fn try_spot(&self, before: &[Strike], spot: &Spot) -> Vec<CaseResult> {
        let Unforced { tail, behind_compaction } = spot.unforced;
        let keeping = |keep: usize| {
            let strike = Strike { point: spot.point.clone(), survives: Survives::Tail(keep as u64) };
            self.try_case(before.iter().cloned().chain([strike]).collect())
        };
        let mut all: Vec<CaseResult> = Vec::with_capacity(tail + 1);
        for keep in 0..=tail {
            let tried = keeping(keep);
            if all.last().is_some_and(|shorter| shorter.survived == tried.survived) {
                break;
            }
            all.push(tried);
        }
        let with_new_file = behind_compaction.map_or(0, |behind| behind + 1);
        all.extend((tail + 1..=tail + with_new_file).map(keeping));
        all
    }

    /// Runs the crashes in `before` and then a crash at `spot`, after which the node comes back with an empty disk, or with one of the
    /// older copies of its journal.
    pub fn try_disks(&self, before: &[Strike], spot: &Spot) -> Vec<CaseResult> {
        let of = |survives| {
            let strike = Strike { point: spot.point.clone(), survives };
            self.try_case(before.iter().cloned().chain([strike]).collect())
        };
        let mut all = vec![of(Survives::Nothing)];
        for records in 0.. {
            let tried = of(Survives::OlderCopy(records));
            // A copy of all records is no older copy.
            if tried.survived.last().is_none_or(|(_, last)| last.0 < records) {
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

/// Measures a case, and notes what survived each crash.
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

/// The word that counts the only transaction.
fn the_one(counts: &[(u64, &'static str)]) -> &'static str {
    counts.iter().find(|(count, _)| *count > 0).map_or("never came", |(_, word)| word)
}
