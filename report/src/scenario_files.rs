//! Writes the files of one scenario to a run's folder (docs/03-measures-and-checks.md): the scenario with all defaults, the command
//! that repeats it, the summary as JSON and CSV, the traces and the charts.

use crate::{
    charts::{self, Drawn},
    files::{write_json, write_text},
    summary_csv::csv,
};
use anyhow::{Context, Result};
use indoubt_judge::{summary::Summary, trace};
use indoubt_scenario::{recording::Recording, scenario::Scenario};
use std::{
    fs,
    io::{BufWriter, Write},
    path::Path,
};

/// Writes all files of one scenario, with the traces of these recordings. Returns the charts.
pub fn write_scenario(
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
    // Traces of an earlier run in the same folder are removed, because they would be taken for traces of this run.
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
