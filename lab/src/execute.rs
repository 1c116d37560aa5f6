//! Runs scenarios in either world, several at the same time. Each protocol with each seed is one job.

use crate::{parallel::in_parallel, world::World};
use anyhow::Result;
use indicatif::ProgressBar;
use indoubt_judge::{
    claims::{Reading, of_many_runs},
    judge::judge,
    summary::{Run, Series, Summary, Verdict},
};
use indoubt_scenario::{protocol::Protocol, recording::Recording, scenario::Scenario};
use indoubt_simulator::world;
use indoubt_studies::trial::trial;

/// One scenario to run.
pub(crate) struct Task {
    /// The scenario. Its seed is that of the first run.
    pub(crate) scenario: Scenario,
    /// The seeds, in the order of the results.
    pub(crate) seeds: Vec<u64>,
    /// By what the timeouts were multiplied, because the machine is too slow for those of the scenario.
    pub(crate) slowed: Option<u64>,
}

/// The results of one scenario.
pub(crate) struct Finished {
    /// Its measures and checks, for each run.
    pub(crate) summary: Summary,
    /// The recordings to write: all of them with [`How::keep`], otherwise those in which a promise or an expectation fails.
    pub(crate) recordings: Vec<Recording>,
}

/// Settings of all tasks.
#[derive(Clone, Copy)]
pub(crate) struct How {
    /// The world in which all tasks run.
    pub(crate) world: World,
    /// How many jobs run at the same time.
    pub(crate) jobs: usize,
    /// Keep every recording.
    pub(crate) keep: bool,
}

struct Job<'a> {
    task: usize,
    scenario: &'a Scenario,
    protocol: Protocol,
    seed: u64,
    /// Whether this is the first seed of its task. Charts over time show only that seed, so only its series are kept.
    first: bool,
}

/// Runs all tasks. The results are in the order of the tasks, and their runs in the order of protocols and seeds.
pub(crate) fn execute(tasks: &[Task], how: How, bar: &ProgressBar) -> Result<Vec<Finished>> {
    let mut jobs = Vec::new();
    for (task, it) in tasks.iter().enumerate() {
        for protocol in &it.scenario.protocols {
            jobs.extend(it.seeds.iter().enumerate().map(|(at, seed)| Job {
                task,
                scenario: &it.scenario,
                protocol: *protocol,
                seed: *seed,
                first: at == 0,
            }));
        }
    }
    bar.set_length(jobs.len() as u64);
    let results = in_parallel(&jobs, how.jobs, |job| {
        bar.set_message(format!("{} {}", job.scenario.name, job.protocol));
        let done = one(job, how);
        bar.inc(1);
        done
    })?;
    bar.finish_and_clear();
    let mut finished: Vec<Finished> = tasks.iter().map(|t| empty(t, how.world)).collect();
    for (job, (run, recording)) in jobs.iter().zip(results) {
        finished[job.task].summary.runs.push(run);
        finished[job.task].recordings.extend(recording);
    }
    for (task, Finished { summary, .. }) in tasks.iter().zip(&mut finished) {
        let readings: Vec<Reading> = summary.runs.iter().map(Reading::of).collect();
        summary.expectations = of_many_runs(&task.scenario.expects, &readings);
    }
    Ok(finished)
}

fn one(job: &Job<'_>, how: How) -> Result<(Run, Option<Recording>)> {
    let surprised = |run: &Run| run.expectations.iter().any(|claim| !claim.held);
    let worth = |run: &Run| how.keep || run.verdict == Verdict::Violated || surprised(run);
    let (mut run, recording) = match how.world {
        World::Virtual => {
            let run = trial(job.scenario, job.protocol, job.seed);
            // One seed gives one history, so a recording that was not kept can be made again.
            let recording = worth(&run).then(|| world::run(job.scenario, job.protocol, job.seed));
            (run, recording)
        }
        World::Real => {
            let recording = indoubt_cluster::run(job.scenario, job.protocol, job.seed)?;
            let run = judge(job.scenario, &recording);
            let recording = worth(&run).then_some(recording);
            (run, recording)
        }
    };
    if !job.first {
        run.series = Series::default();
    }
    Ok((run, recording))
}

fn empty(task: &Task, world: World) -> Finished {
    let summary = Summary {
        version: 1,
        indoubt: env!("CARGO_PKG_VERSION").into(),
        world: world.name().into(),
        scenario: serde_json::to_value(&task.scenario).expect("a scenario is plain data"),
        timeouts_multiplied_by: task.slowed,
        runs: Vec::new(),
        expectations: Vec::new(),
    };
    Finished { summary, recordings: Vec::new() }
}
