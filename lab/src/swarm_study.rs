//! Runs random cases on all processors. Failures are shrunk and written as scenario files.

use crate::parallel::in_parallel;
use anyhow::Result;
use indicatif::ProgressBar;
use indoubt_judge::summary::Run;
use indoubt_report::write_text;
use indoubt_scenario::protocol::Protocol;
use indoubt_studies::{
    shrink::shrink,
    swarm::{Case, Coverage, Failure, draw, examine},
};
use std::{
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::Mutex,
};

/// How many cases one job runs before it reports progress.
const BATCH: usize = 50;
/// The most failures that are shrunk and written. Further ones are only counted: they would not show anything new.
pub(crate) const MOST_WRITTEN: usize = 10;

/// A case that failed.
pub(crate) struct Found {
    /// The case, as it was drawn.
    pub(crate) case: Case,
    /// The check that does not hold, with its details.
    pub(crate) failure: Failure,
}

/// Runs the case of every seed. Returns what was covered, and the failures.
pub(crate) fn run(
    seeds: &[u64],
    protocols: &[Protocol],
    jobs: usize,
    bar: &ProgressBar,
) -> Result<(Coverage, Vec<Found>)> {
    let failing = Mutex::new(0);
    let batches: Vec<&[u64]> = seeds.chunks(BATCH).collect();
    let results = in_parallel(&batches, jobs, |batch| {
        let mut coverage = Coverage::new();
        let mut found = Vec::new();
        for seed in *batch {
            let case = draw(*seed, protocols);
            match guarded(&case) {
                Ok(run) => coverage.take(&case, &run),
                Err(failure) => found.push(Found { case, failure }),
            }
        }
        let mut failing = failing.lock().expect("no holder of this lock panics");
        *failing += found.len();
        bar.set_message(format!("{failing} failures"));
        bar.inc(batch.len() as u64);
        Ok((coverage, found))
    });
    bar.finish_and_clear();
    let mut coverage = Coverage::new();
    let mut found = Vec::new();
    for (part, failures) in results? {
        coverage.add(&part);
        found.extend(failures);
    }
    Ok((coverage, found))
}

/// Shrinks the first failures, with at most `budget` runs for each, and writes each as a file to `folder`.
pub(crate) fn write(
    found: &[Found],
    budget: u64,
    folder: &Path,
    jobs: usize,
    bar: &ProgressBar,
) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)?;
    let first: Vec<&Found> = found.iter().take(MOST_WRITTEN).collect();
    let written = in_parallel(&first, jobs, |found| {
        let path = folder.join(format!("{}-{}.toml", found.case.protocol, found.case.seed));
        write_one(found, budget, &path)?;
        bar.inc(1);
        Ok(path)
    });
    bar.finish_and_clear();
    written
}

/// Runs `work` without printing the messages of panics. In a swarm a panic is a failure and is reported with the others.
pub(crate) fn without_panic_messages<T>(work: impl FnOnce() -> T) -> T {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let result = work();
    panic::set_hook(hook);
    result
}

/// Runs a case. A panic is a failure like any other.
fn guarded(case: &Case) -> Result<Run, Failure> {
    match panic::catch_unwind(AssertUnwindSafe(|| examine(case))) {
        Ok((run, None)) => Ok(run),
        Ok((_, Some(failure))) => Err(failure),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string));
            Err(Failure { check: "panic".into(), detail: text.unwrap_or_default() })
        }
    }
}

fn write_one(found: &Found, budget: u64, path: &Path) -> Result<()> {
    let Found { case, failure } = found;
    let same = |case: &Case| guarded(case).err().is_some_and(|other| other.check == failure.check);
    let (smallest, effort) = shrink(case.clone(), &mut |case| same(case), budget);
    let size = |case: &Case| {
        let scenario = &case.scenario;
        let transactions = scenario.workload.transactions.map_or("any".to_owned(), |n| n.to_string());
        format!(
            "{} faults, {transactions} transactions, {} participants",
            scenario.faults.len(),
            scenario.cluster.participants
        )
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let detail: String = failure.detail.lines().map(|line| format!("#   {line}\n")).collect();
    let text = format!(
        "# indoubt replay {file} --protocol {} --seed {}\n# {} does not hold:\n{detail}# drawn: {}; shrunk ({} runs): {}\n\n{}",
        case.protocol,
        case.seed,
        failure.check,
        size(case),
        effort.tried,
        size(&smallest),
        smallest.scenario.to_toml()
    );
    write_text(path, &text)
}
