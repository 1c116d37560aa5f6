//! What people see on the terminal: tables, colours that respect NO_COLOR and pipes, progress on long work.

pub(crate) mod costs;
pub(crate) mod deaths;
pub(crate) mod parity;

use crate::{export, say::say, seeds};
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use indoubt_simulator::{
    promises::is_waived,
    protocol::Protocol,
    summary::{Check, Run, Summary, Verdict},
};
use std::time::Duration;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();

/// A progress bar on standard error; hidden where there is no terminal, or when asked to be quiet.
pub(crate) fn progress(total: u64, quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if quiet {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {elapsed} (left {eta}) {msg}")
        .expect("the template is sound");
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// The verdict table: one row per scenario and protocol (the seeds of one protocol together).
pub(crate) fn verdicts(summaries: &[&Summary]) {
    let widest = summaries.iter().map(|s| export::scenario_name(s).len()).max().unwrap_or(8).max(8);
    say!(
        "{STRONG}{:widest$}  {:7}  {:15} {:>6} {:>9} {:>9} {:>10} {:>10} {:>9} {:>8}  verdict{STRONG:#}",
        "scenario",
        "world",
        "protocol",
        "done",
        "in doubt",
        "blocked",
        "bystanders",
        "pending",
        "unavail.",
        "partial"
    );
    for summary in summaries {
        for (i, (protocol, runs)) in by_protocol(summary).into_iter().enumerate() {
            let (name, world) = if i == 0 { (export::scenario_name(summary), &*summary.world) } else { ("", "") };
            let most = |f: fn(&Run) -> f64| runs.iter().map(|r| f(r)).fold(0.0, f64::max);
            let sum = |f: fn(&Run) -> u64| runs.iter().map(|r| f(r)).sum::<u64>();
            let done =
                100.0 * sum(|r| r.transactions.succeeded) as f64 / sum(|r| r.transactions.submitted).max(1) as f64;
            say!(
                "{name:widest$}  {world:7}  {:15} {:>5.0}% {:>9} {:>9} {:>10} {:>10} {:>9} {:>8}  {}",
                protocol.name(),
                done,
                time(most(|r| r.measures.in_doubt_ms.max)),
                time(most(|r| r.measures.blocked_ms.max)),
                sum(|r| r.measures.bystanders.count),
                time(most(|r| r.measures.pending_ms.max)),
                time(most(|r| r.measures.unavailable_ms)),
                sum(|r| r.transactions.partial),
                verdict(&runs),
            );
        }
    }
    say!(
        "{FAINT}in doubt, blocked, pending, unavail.: the longest of any seed; bystanders, partial (some effects there, others not, for good): over all seeds{FAINT:#}"
    );
}

/// The runs of a summary, by protocol, in their order.
pub(crate) fn by_protocol(summary: &Summary) -> Vec<(Protocol, Vec<&Run>)> {
    let mut groups: Vec<(Protocol, Vec<&Run>)> = Vec::new();
    for run in &summary.runs {
        match groups.iter_mut().find(|(p, _)| *p == run.protocol) {
            Some((_, runs)) => runs.push(run),
            None => groups.push((run.protocol, vec![run])),
        }
    }
    groups
}

fn verdict(runs: &[&Run]) -> String {
    let violated = runs.iter().filter(|r| r.verdict == Verdict::Violated).count();
    let unknown = runs.iter().filter(|r| r.verdict == Verdict::Unknown).count();
    let surprised = runs.iter().any(|r| r.expectations.iter().any(|e| !e.held));
    let mut unkept: [(&str, Vec<&str>); 2] = [("waived", vec![]), ("not promised, not kept", vec![])];
    for run in runs {
        for check in run.checks.iter().filter(|c| !c.promised && !c.held) {
            let names = &mut unkept[usize::from(!is_waived(run.protocol.family(), check))].1;
            if !names.contains(&check.name.word()) {
                names.push(check.name.word());
            }
        }
    }
    let unkept: Vec<String> =
        unkept.iter().filter(|(_, n)| !n.is_empty()).map(|(how, n)| format!("{how}: {}", n.join(", "))).collect();
    let mut text = match (violated, unknown) {
        (0, 0) => format!("{GOOD}ok{GOOD:#}"),
        (0, _) => "unknown".to_owned(),
        _ => format!("{BAD}violated{BAD:#}"),
    };
    if surprised {
        text += &format!(", {BAD}an expectation does not hold{BAD:#}");
    }
    if !unkept.is_empty() {
        text += &format!(" {FAINT}({}){FAINT:#}", unkept.join("; "));
    }
    text
}

/// Milliseconds for people.
pub(crate) fn time(ms: f64) -> String {
    match ms {
        0.0 => "-".into(),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1_000.0),
    }
}

/// Every check of one run, promised or not, with what was found where it does not hold.
pub(crate) fn checks(run: &Run) {
    for check in &run.checks {
        let promised = promised(run, check);
        let held = match (check.held, check.promised) {
            (true, _) => format!("{GOOD}holds{GOOD:#}"),
            (false, true) => format!("{BAD}does not hold{BAD:#}: {}", check.detail),
            (false, false) => format!("does not hold: {}", check.detail),
        };
        say!("  {:20} {promised:12}  {held}", check.name);
    }
}

/// Whether a check counts in a run.
pub(crate) fn promised(run: &Run, check: &Check) -> &'static str {
    match check.promised {
        true => "promised",
        false if is_waived(run.protocol.family(), check) => "waived",
        false => "not promised",
    }
}

/// Prints everything that does not hold, on standard error.
pub(crate) fn failures(summary: &Summary) {
    for line in export::failures(summary) {
        anstream::eprintln!("{BAD}{}{BAD:#}: {line}", export::scenario_name(summary));
    }
}

/// For each protocol that ran under many seeds: how its costs are spread over them, and how to see the worst one.
pub(crate) fn over_seeds(summary: &Summary) {
    let rows = seeds::over_seeds(summary);
    if rows.is_empty() {
        return;
    }
    say!(
        "{STRONG}{}, over seeds{:w$} {:>9} {:>9} {:>9} {:>9}  worst seed{STRONG:#}",
        export::scenario_name(summary),
        "",
        "least",
        "p50",
        "p90",
        "most",
        w = 30usize.saturating_sub(export::scenario_name(summary).len()),
    );
    for seeds::OverSeeds { protocol, metric, quantiles: [least, p50, p90, most], worst } in rows {
        say!("  {protocol:15} {metric:24} {least:>9} {p50:>9} {p90:>9} {most:>9}  {worst}");
    }
}
