//! `indoubt costs`: counts what one transaction costs in each case, and compares it with the formulas of the literature. A
//! difference is marked and gives status 1.

use crate::{
    options::{Common, Format},
    output,
    status::Status,
};
use anyhow::{Context, Result};
use clap::Args;
use indoubt_report::charts::{self, CostsByN};
use indoubt_studies::costs::Table;
use serde_json::json;
use std::{
    io::{ErrorKind, Write},
    path::PathBuf,
};

/// Arguments of `indoubt costs`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Runs one transaction of each case under each protocol in the virtual world, counts its messages and log records in the trace, \
and prints them beside the formulas of the literature. The exit status is 1 if a count differs.

The cases of two-phase commit: commit; abort with 0 to N-1 YES votes; all participants read-only; some read-only. The cases of \
a saga: it completes, and it is refused at each of its steps.

Examples:
  indoubt costs
  indoubt costs --participants 3
  indoubt costs --participants 1..16 --quiet
  indoubt costs --format json
  indoubt costs --output out")]
pub struct CostsArgs {
    /// How many participants the transaction has: a number, or a range with both ends included.
    #[arg(long, value_name = "N|A..B", default_value = "1..8", value_parser = parse_participants)]
    pub participants: Participants,
    /// Also write costs.json and the chart to this folder.
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// Numbers of participants, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Participants {
    from: usize,
    to: usize,
}

fn parse_participants(text: &str) -> Result<Participants, String> {
    const MOST: usize = 32;
    let number = |t: &str| {
        let found = t.trim().parse().ok().filter(|n| (1..=MOST).contains(n));
        found.ok_or_else(|| format!("`{t}` is not a number of participants from 1 to {MOST}"))
    };
    let (from, to) = match text.split_once("..") {
        None => (number(text)?, number(text)?),
        Some((from, to)) => (number(from)?, number(to.trim_start_matches('='))?),
    };
    if from > to {
        return Err(format!("the range {from}..{to} is empty: its end is smaller than its start"));
    }
    Ok(Participants { from, to })
}

/// Runs `indoubt costs`.
pub(super) fn costs(args: &CostsArgs, common: &Common) -> Result<Status> {
    let table = Table::measure(args.participants.from..=args.participants.to);
    let differences = table.differences();
    let document = json!({
        "version": 1, "indoubt": env!("CARGO_PKG_VERSION"), "holds": differences == 0, "differences": differences,
        "cells": table.cells, "at_once": table.at_once, "delays": table.delays,
    });
    let document = serde_json::to_string_pretty(&document)?;
    if let Some(folder) = &args.output {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join("costs.json");
        std::fs::write(&path, &document).with_context(|| format!("cannot write {}", path.display()))?;
        charts::save(&CostsByN::new(&table), folder, "costs")?;
    }
    let mut out = anstream::stdout().lock();
    let said = match common.format {
        Format::Json => writeln!(out, "{document}"),
        Format::Text if common.quiet => output::costs::differing(&table, &mut out),
        Format::Text => output::costs::everything(&table, &mut out),
    };
    // If the reader closed the pipe (a pager, for example), this is not an error.
    said.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
        .context("cannot print")?;
    Ok((differences == 0).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn participants_are_a_number_or_a_range_with_both_ends() {
        assert_eq!(parse_participants("3"), Ok(Participants { from: 3, to: 3 }));
        assert_eq!(parse_participants("2..=4"), Ok(Participants { from: 2, to: 4 }));
        for wrong in ["0", "3..1", "x", "1..x", "33", "-1", ""] {
            assert!(parse_participants(wrong).is_err(), "{wrong}");
        }
    }
}
