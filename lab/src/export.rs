//! Results on disk (docs/03-measures-and-checks.md): a run's folder, its index, and for each scenario the summary in two forms, the
//! command that repeats it, the charts and the traces.

use crate::charts::{self, Drawn};
use anyhow::{Context, Result};
use indoubt_simulator::{
    protocol::Protocol,
    recording::Recording,
    scenario::Scenario,
    summary::{Run, Summary, Verdict},
    trace,
};
use serde::Serialize;
use serde_json::Value;
use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// The folders of this process's runs. If nothing was written into one when the process is interrupted, it need not stay.
static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Removes the folders of runs in which there is nothing.
pub(crate) fn forget_empty_folders() {
    for folder in MADE.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        // Only an empty folder can be removed so.
        if fs::remove_dir(folder).is_ok()
            && let Some(runs) = folder.parent().filter(|runs| fs::symlink_metadata(runs.join(LATEST)).is_ok())
        {
            point_latest_to_the_newest(runs);
        }
    }
}

/// Where the link of that name led is gone: it leads to what was latest before.
fn point_latest_to_the_newest(runs: &Path) {
    let folders = fs::read_dir(runs).into_iter().flatten().flatten();
    let folders = folders.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    match folders.map(|entry| entry.file_name()).max() {
        Some(newest) => point_latest_to(runs, &newest.to_string_lossy()),
        None => _ = fs::remove_file(runs.join(LATEST)),
    }
}

/// The link to the last run, beside the runs.
const LATEST: &str = "latest";

/// The folder of one run.
pub(crate) struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The folder that the user named, or a new one under `results/runs` with `latest` pointing to it.
    pub(crate) fn create(output: Option<&Path>, name: &str) -> Result<RunFolder> {
        let made = |path: &Path| MADE.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        if let Some(path) = output {
            made(path);
            fs::create_dir_all(path).with_context(|| format!("cannot create the output folder {}", path.display()))?;
            return Ok(RunFolder { path: path.to_owned() });
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
        made(&path);
        point_latest_to(runs, &stem);
        Ok(RunFolder { path })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of one scenario.
    pub(crate) fn scenario(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes `index.json`: the scenarios of this run and their verdicts.
    pub(crate) fn write_index(&self, summaries: &[&Summary]) -> Result<()> {
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

/// The scenario's name.
pub(crate) fn scenario_name(summary: &Summary) -> &str {
    summary.scenario["name"].as_str().unwrap_or("scenario")
}

/// What tells scenarios of one run apart: the name, and the world where it is the real one. An anchor in the report.
pub(crate) fn anchor(summary: &Summary) -> String {
    let name = scenario_name(summary);
    if summary.world == "real" { format!("{name}-real") } else { name.to_owned() }
}

/// Whether all expectations and promised checks of all runs hold, and every fault fired in some seed of its protocol.
pub(crate) fn holds(summary: &Summary) -> bool {
    failures(summary).is_empty()
}

/// Everything that does not hold, a line each: what, under which protocol and seed, and what was found.
pub(crate) fn failures(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    for run in &summary.runs {
        let at = format!("{} with seed {}", run.protocol, run.seed);
        for check in run.checks.iter().filter(|c| c.promised && !c.held) {
            lines.push(format!("{at}: promised, but does not hold: {}: {}", check.name, check.detail));
        }
    }
    lines.extend(claims(summary));
    lines.extend(never_fired(summary));
    lines
}

/// Each claim that does not hold under some seed, once: under how many, and what the first of them shows.
fn claims(summary: &Summary) -> Vec<String> {
    let mut broken: Vec<(Protocol, &str, u64, &Value, usize)> = Vec::new();
    for run in &summary.runs {
        for claim in run.expectations.iter().filter(|claim| !claim.held) {
            match broken.iter_mut().find(|(protocol, text, ..)| (*protocol, *text) == (run.protocol, &claim.text)) {
                Some(known) => known.4 += 1,
                None => broken.push((run.protocol, &claim.text, run.seed, &claim.actual, 1)),
            }
        }
    }
    let told = |(protocol, text, seed, actual, count): (Protocol, &str, u64, &Value, usize)| {
        let of = summary.runs.iter().filter(|run| run.protocol == protocol).count();
        let more = if of > 1 { format!(" (under {count} of {of} seeds)") } else { String::new() };
        format!("{protocol} with seed {seed}: expected {text}, found {actual}{more}")
    };
    broken.into_iter().map(told).collect()
}

/// Faults that fired in no seed of their protocol: a scenario must not pass vacuously.
fn never_fired(summary: &Summary) -> Vec<String> {
    let mut seen: Vec<(Protocol, &str, bool)> = Vec::new();
    for run in &summary.runs {
        for fault in &run.faults {
            match seen.iter_mut().find(|(p, text, _)| *p == run.protocol && *text == fault.text) {
                Some(entry) => entry.2 |= fault.fired > 0,
                None => seen.push((run.protocol, &fault.text, fault.fired > 0)),
            }
        }
    }
    let silent = seen.into_iter().filter(|(_, _, fired)| !fired);
    silent.map(|(protocol, text, _)| format!("{protocol}: the fault never fired: {text}")).collect()
}

/// Writes everything of one scenario, with the traces of these recordings.
pub(crate) fn write_scenario(
    folder: &Path,
    scenario: &Scenario,
    summary: &Summary,
    recordings: &[Recording],
    command: &str,
) -> Result<Vec<Drawn>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    write_text(&folder.join("scenario.toml"), &scenario.to_toml())?;
    write_text(&folder.join("repro.txt"), &format!("{command}\n# indoubt {}\n", env!("CARGO_PKG_VERSION")))?;
    write_json(&folder.join("summary.json"), summary)?;
    write_text(&folder.join("summary.csv"), &csv(summary))?;
    // Those of an earlier run into the same folder would be taken for this one's.
    let traces = folder.join("trace");
    if traces.is_dir() {
        fs::remove_dir_all(&traces).with_context(|| format!("cannot remove {}", traces.display()))?;
    }
    for recording in recordings {
        write_trace(folder, recording)?;
    }
    charts::draw_all(summary, &folder.join("charts"))
}

fn write_trace(folder: &Path, recording: &Recording) -> Result<()> {
    let folder = folder.join("trace");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(format!("{}-{}.jsonl", recording.protocol, recording.seed));
    let file = fs::File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut file = BufWriter::new(file);
    for line in &recording.trace {
        writeln!(file, "{}", trace::to_json_line(line)).with_context(|| format!("cannot write {}", path.display()))?;
    }
    file.flush().with_context(|| format!("cannot write {}", path.display()))
}

/// One row a run: the scalars of the summary, nested ones with dots in their names.
pub(crate) fn csv(summary: &Summary) -> String {
    let rows: Vec<Vec<(String, String)>> = summary.runs.iter().map(|run| row(summary, run)).collect();
    let Some(first) = rows.first() else { return String::new() };
    let mut text = first.iter().map(|(name, _)| quote(name)).collect::<Vec<_>>().join(",") + "\n";
    for row in &rows {
        text += &(row.iter().map(|(_, value)| quote(value)).collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

fn row(summary: &Summary, run: &Run) -> Vec<(String, String)> {
    let mut cells =
        vec![("scenario".to_owned(), scenario_name(summary).to_owned()), ("world".to_owned(), summary.world.clone())];
    let value = serde_json::to_value(run).expect("a run is plain data");
    for part in ["protocol", "seed", "verdict", "transactions", "clients", "measures"] {
        let prefix = if value[part].is_object() && part != "measures" { part } else { "" };
        flatten(if prefix.is_empty() && part != "measures" { part } else { prefix }, &value[part], &mut cells);
    }
    cells
}

fn flatten(name: &str, value: &serde_json::Value, cells: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                flatten(&name, value, cells);
            }
        }
        serde_json::Value::String(text) => cells.push((name.to_owned(), text.clone())),
        other => cells.push((name.to_owned(), other.to_string())),
    }
}

fn quote(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// What a command line says of these changes.
pub(crate) fn set_words(changes: &[String]) -> impl Iterator<Item = String> {
    changes.iter().map(|change| format!("--set {}", shell_word(change)))
}

/// A word of a command line, in quotes where a shell would take it apart.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+%@".contains(c);
    if word.chars().all(plain) && !word.is_empty() {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Writes pretty JSON with a newline at its end.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    write_text(path, &(serde_json::to_string_pretty(value)? + "\n"))
}

/// Writes a text file: all of it, or, if this is cut short, nothing.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// `results/runs/latest`: a convenience, so where links are not to be had it is left out.
fn point_latest_to(runs: &Path, stem: &str) {
    let latest = runs.join(LATEST);
    let _ = fs::remove_file(&latest);
    #[cfg(unix)]
    let _ = std::os::unix::fs::symlink(stem, &latest);
}

/// The present time, as `20260131-235959` (UTC).
fn timestamp() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days as i64);
    format!("{year:04}{month:02}{day:02}-{:02}{:02}{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Days since 1970-01-01 to a date of the Gregorian calendar, by 400-year eras that begin in March.
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

    #[test]
    fn cells_are_quoted_only_where_they_must() {
        assert_eq!(quote("plain"), "plain");
        assert_eq!(quote("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
