//! The end of every run of scenarios: writes the index and the report, prints the verdicts, and finds the exit status.

use crate::{
    options::{Common, Format},
    output::{self, outln},
    status::Status,
};
use anyhow::Result;
use indoubt_judge::summary::Summary;
use indoubt_report::{
    RunFolder,
    charts::{self, Outcomes},
    holds,
    page::{self, Head, Section, Study},
};

/// Writes the index and the report, prints the verdicts, and answers whether all holds.
pub(super) fn finish(
    folder: &RunFolder,
    title: &str,
    command: &str,
    sections: &[Section<'_>],
    sweeps: &[Study<'_>],
    summaries: &[&Summary],
    common: &Common,
) -> Result<Status> {
    folder.write_index(summaries)?;
    let outcomes = match summaries {
        [_, _, ..] => Some(charts::save(&Outcomes::new(summaries), folder.path(), "outcomes")?),
        _ => None,
    };
    let report = folder.path().join("report.html");
    page::write(&report, &Head { title, command, outcomes: outcomes.as_ref() }, sections, sweeps)?;
    match common.format {
        Format::Json => outln!("{}", serde_json::to_string_pretty(&summaries)?),
        Format::Text if common.quiet => {}
        Format::Text => {
            output::verdicts(summaries);
            // With many scenarios the spreads would hide the verdicts on the terminal. The report has them.
            if let [only] = summaries {
                output::over_seeds(only);
            }
            outln!("report: {}", report.display());
        }
    }
    summaries.iter().for_each(|s| output::failures(s));
    sweeps.iter().for_each(|sweep| output::sweep_failures(sweep.name, sweep.failures));
    Ok((summaries.iter().all(|s| holds(s)) && sweeps.iter().all(|sweep| sweep.failures.is_empty())).into())
}
