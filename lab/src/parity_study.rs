//! Compares both worlds, scenario by scenario. With one client, both must agree message by message. As written, a real run must
//! lie in the range of the virtual ones.

use crate::parallel::in_parallel;
use anyhow::Result;
use indicatif::ProgressBar;
use indoubt_judge::{judge::judge, summary};
use indoubt_scenario::{profile::Profile, protocol::Protocol, scenario::Scenario};
use indoubt_simulator::world;
use indoubt_studies::{
    parity::{self, Agreement, Aspect, Comparison},
    trial::trial,
};
use serde::Serialize;

/// The two comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The scenario reduced to one client, which has one transaction at a time.
    OneClient,
    /// The scenario as it is written.
    AsWritten,
}

/// The result of one scenario with one client, under one protocol.
#[derive(Serialize)]
pub(crate) struct OneClient {
    pub(crate) scenario: String,
    pub(crate) protocol: Protocol,
    /// Whether a fault strikes at a time. Then the point at which it strikes is not compared.
    pub(crate) by_time: bool,
    #[serde(flatten)]
    pub(crate) comparison: Comparison,
    pub(crate) times: Vec<Agreement>,
    pub(crate) verdicts: [summary::Verdict; 2],
    /// Faults that struck in neither world.
    pub(crate) unfired: Vec<String>,
    pub(crate) agrees: bool,
}

/// The result of one scenario as written, under one protocol.
#[derive(Serialize)]
pub(crate) struct AsWritten {
    pub(crate) scenario: String,
    pub(crate) protocol: Protocol,
    pub(crate) agreements: Vec<Agreement>,
    pub(crate) agrees: bool,
}

enum Row {
    One(OneClient),
    Written(AsWritten),
}

/// One comparison to make.
pub(crate) struct Job<'a> {
    kind: Kind,
    scenario: &'a Scenario,
    protocol: Protocol,
}

/// Settings of all comparisons.
pub(crate) struct How {
    /// The latencies of this machine, with which the virtual world runs.
    pub(crate) profile: Profile,
    /// The factor by which the tolerance of times is multiplied.
    pub(crate) slack: f64,
    /// How many virtual runs give the range in which a real run as written must lie.
    pub(crate) seeds: u64,
    /// How many comparisons run at the same time.
    pub(crate) threads: usize,
    /// Whether the faults are drawn at random. Such a fault may never fire, and this is no difference if both worlds agree.
    pub(crate) drawn: bool,
}

/// All comparisons of the given kinds: one for each scenario and each of its protocols.
pub(crate) fn jobs(scenarios: &[Scenario], kinds: impl Iterator<Item = Kind>) -> Vec<Job<'_>> {
    let mut jobs = Vec::new();
    for kind in kinds {
        for scenario in scenarios {
            jobs.extend(scenario.protocols.iter().map(|protocol| Job { kind, scenario, protocol: *protocol }));
        }
    }
    jobs
}

/// Makes all comparisons. The results are in the order of `jobs`.
pub(crate) fn run(jobs: &[Job<'_>], how: &How, bar: &ProgressBar) -> Result<(Vec<OneClient>, Vec<AsWritten>)> {
    let rows = in_parallel(jobs, how.threads, |job| {
        bar.set_message(format!("{} {}", job.scenario.name, job.protocol));
        let row = match job.kind {
            Kind::OneClient => Row::One(with_one_client(job, how)?),
            Kind::AsWritten => Row::Written(as_written(job, how)?),
        };
        bar.inc(1);
        Ok(row)
    })?;
    bar.finish_and_clear();
    let (mut ones, mut written) = (Vec::new(), Vec::new());
    for row in rows {
        match row {
            Row::One(row) => ones.push(row),
            Row::Written(row) => written.push(row),
        }
    }
    Ok((ones, written))
}

fn with_one_client(job: &Job<'_>, how: &How) -> Result<OneClient> {
    let parity::OneClient { scenario, by_time } = parity::one_client(job.scenario, job.protocol);
    let virtually = world::run(&how.profile.with_medians(&scenario), job.protocol, scenario.seed);
    let really = indoubt_cluster::run(&scenario, job.protocol, scenario.seed)?;
    let comparison = parity::compare(&virtually, &really);
    let runs = [&virtually, &really].map(|recording| judge(&scenario, recording));
    let times = parity::agree_on_times(&runs[0], &runs[1], how.slack);
    let verdicts = [runs[0].verdict, runs[1].verdict];
    let fired = |id: usize| runs.iter().flat_map(|run| &run.faults).any(|fault| fault.fault == id && fault.fired > 0);
    let unfired: Vec<String> = runs[0].faults.iter().filter(|it| !fired(it.fault)).map(|it| it.text.clone()).collect();
    let alike = comparison.differences.is_empty() && times.iter().all(|it| it.agrees);
    let agrees = (alike || by_time) && verdicts[0] == verdicts[1] && (unfired.is_empty() || how.drawn);
    Ok(OneClient {
        scenario: scenario.name,
        protocol: job.protocol,
        by_time,
        comparison,
        times,
        verdicts,
        unfired,
        agrees,
    })
}

fn as_written(job: &Job<'_>, how: &How) -> Result<AsWritten> {
    let scenario = job.scenario;
    let here = how.profile.with_spreads(scenario);
    let virtually: Vec<summary::Run> =
        (0..how.seeds).map(|n| trial(&here, job.protocol, scenario.seed.wrapping_add(n))).collect();
    let really = judge(scenario, &indoubt_cluster::run(scenario, job.protocol, scenario.seed)?);
    let agreements = parity::agree(&virtually, &really, how.slack);
    let agrees = agreements.iter().all(|it| it.agrees);
    Ok(AsWritten { scenario: scenario.name.clone(), protocol: job.protocol, agreements, agrees })
}

impl OneClient {
    /// The text of one column of the table.
    pub(crate) fn alike(&self, aspect: Aspect) -> &'static str {
        match (self.comparison.is_alike_in(aspect), self.by_time) {
            (true, _) => "same",
            (false, true) => "by time",
            (false, false) => "differ",
        }
    }
}
