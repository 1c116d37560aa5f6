//! The folder of a run, its index, and the link to the latest run.

use crate::{
    files::write_json,
    summaries::{holds, scenario_name},
};
use anyhow::{Context, Result, bail};
use indoubt_judge::summary::{Run, Summary, Verdict};
use serde::Serialize;
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// The folders that this process has made. If the process is interrupted, the empty ones are removed.
static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the folders of runs that are empty, before this process ends. No folder of a run can be made after this.
pub fn forget_empty_folders() {
    let made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    for folder in made.iter() {
        // Only an empty folder can be removed so.
        if fs::remove_dir(folder).is_ok()
            && let Some(runs) = folder.parent().filter(|runs| fs::symlink_metadata(runs.join(LATEST)).is_ok())
        {
            point_latest_to_the_newest(runs);
        }
    }
    // The lock is never released.
    std::mem::forget(made);
}

/// Points the link `latest` to the newest run that exists, after its target was removed.
fn point_latest_to_the_newest(runs: &Path) {
    let folders = fs::read_dir(runs).into_iter().flatten().flatten();
    let folders = folders.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    match folders.map(|entry| entry.file_name()).max() {
        Some(newest) => point_latest_to(runs, &newest.to_string_lossy()),
        None => _ = fs::remove_file(runs.join(LATEST)),
    }
}

/// The name of the link to the latest run.
const LATEST: &str = "latest";

/// The folder of one run. While this value lives, no other command can write into the folder.
pub struct RunFolder {
    path: PathBuf,
    /// The folder itself, locked. The system releases the lock when the process ends, however it ends, so no lock is ever stale.
    _locked: Option<File>,
}

impl RunFolder {
    /// The folder that the user named, or a new one under `results/runs` with `latest` pointing to it.
    ///
    /// # Errors
    /// If it cannot be created, or if another command writes into it.
    pub fn create(output: Option<&Path>, name: &str) -> Result<RunFolder> {
        // An interrupt waits until the folder that is made here is known, and then removes it.
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = output {
            fs::create_dir_all(path).with_context(|| format!("cannot create the output folder {}", path.display()))?;
            let folder = RunFolder { _locked: lock(path)?, path: path.to_owned() };
            made.push(folder.path.clone());
            return Ok(folder);
        }
        let runs = Path::new("results/runs");
        fs::create_dir_all(runs).with_context(|| format!("cannot create {} here", runs.display()))?;
        let stem = format!("{}-{name}", timestamp());
        let (stem, path) = (0..)
            .map(|n| if n == 0 { stem.clone() } else { format!("{stem}-{n}") })
            .map(|stem| (stem.clone(), runs.join(stem)))
            .find(|(_, path)| fs::create_dir(path).is_ok() || !path.exists())
            .expect("the names never end");
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        made.push(path.clone());
        point_latest_to(runs, &stem);
        Ok(RunFolder { _locked: lock(&path)?, path })
    }

    /// Refuses a folder with results of other scenarios than these. Its index and its report would not tell of them.
    pub fn keep_to(&self, own: &[&str]) -> Result<()> {
        let is_result = |path: &Path| ["summary.json", "sweep.json"].iter().any(|name| path.join(name).is_file());
        let entries = fs::read_dir(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        let mut others: Vec<String> = entries
            .flatten()
            .filter(|entry| is_result(&entry.path()))
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !own.contains(&name.as_str()))
            .collect();
        others.sort_unstable();
        match others.first() {
            None => Ok(()),
            Some(other) => bail!(
                "{} holds the results of another run (`{other}`). Choose another --output, or delete that folder",
                self.path.display()
            ),
        }
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder for the files of one scenario.
    pub fn scenario(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes `index.json`: the scenarios of this run and their verdicts.
    pub fn write_index(&self, summaries: &[&Summary]) -> Result<()> {
        #[derive(Serialize)]
        struct Index<'a> {
            version: u32,
            indoubt: &'a str,
            scenarios: Vec<Entry<'a>>,
        }
        #[derive(Serialize)]
        struct Entry<'a> {
            scenario: &'a str,
            world: &'a str,
            held: bool,
            runs: Vec<Line>,
        }
        #[derive(Serialize)]
        struct Line {
            protocol: &'static str,
            seed: u64,
            verdict: Verdict,
            expectations_held: bool,
        }
        let line = |r: &Run| Line {
            protocol: r.protocol.name(),
            seed: r.seed,
            verdict: r.verdict,
            expectations_held: r.expectations.iter().all(|e| e.held),
        };
        let scenarios = summaries.iter().map(|summary| Entry {
            scenario: scenario_name(summary),
            world: &summary.world,
            held: holds(summary),
            runs: summary.runs.iter().map(line).collect(),
        });
        let scenarios = scenarios.collect();
        write_json(&self.path.join("index.json"), &Index { version: 1, indoubt: env!("CARGO_PKG_VERSION"), scenarios })
    }
}

/// Locks a folder against other commands. `None` where the file system has no locks of folders.
fn lock(path: &Path) -> Result<Option<File>> {
    let folder = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    match folder.try_lock() {
        Ok(()) => Ok(Some(folder)),
        Err(TryLockError::WouldBlock) => {
            bail!("another command writes its results into {}: choose another --output", path.display())
        }
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Points `results/runs/latest` to a run. If the system cannot make the link, it is left out, because it is only a convenience.
fn point_latest_to(runs: &Path, stem: &str) {
    let latest = runs.join(LATEST);
    let _ = fs::remove_file(&latest);
    #[cfg(unix)]
    let _ = std::os::unix::fs::symlink(stem, &latest);
}

/// The current time in UTC, for example `20260131-235959`.
fn timestamp() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days as i64);
    format!("{year:04}{month:02}{day:02}-{:02}{:02}{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Converts days since 1970-01-01 to a date of the Gregorian calendar, by 400-year eras that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_453), (2025, 12, 31));
    }
}
