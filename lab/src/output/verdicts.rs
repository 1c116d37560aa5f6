//! The tables of a summary: verdicts, checks, and spreads over seeds.

use super::{
    line::outln,
    style::{BAD, FAINT, GOOD, STRONG},
};
use indoubt_judge::{
    promises::is_waived,
    summary::{Run, Summary},
};
use indoubt_report::{OverSeeds, Standing, by_protocol, has_silent_fault, is_surprised, promised, scenario_name, time};
use indoubt_scenario::protocol::Protocol;

/// The verdict table: one row per scenario and protocol (the seeds of one protocol together).
pub(crate) fn verdicts(summaries: &[&Summary]) {
    let widest = summaries.iter().map(|s| scenario_name(s).len()).max().unwrap_or(8).max(8);
    outln!(
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
            let (name, world) = if i == 0 { (scenario_name(summary), &*summary.world) } else { ("", "") };
            let most = |f: fn(&Run) -> f64| runs.iter().map(|r| f(r)).fold(0.0, f64::max);
            let sum = |f: fn(&Run) -> u64| runs.iter().map(|r| f(r)).sum::<u64>();
            let done =
                100.0 * sum(|r| r.transactions.succeeded) as f64 / sum(|r| r.transactions.submitted).max(1) as f64;
            outln!(
                "{name:widest$}  {world:7}  {:15} {:>5.0}% {:>9} {:>9} {:>10} {:>10} {:>9} {:>8}  {}",
                protocol.name(),
                done,
                time(most(|r| r.measures.in_doubt_ms.max)),
                time(most(|r| r.measures.blocked_ms.max)),
                sum(|r| r.measures.bystanders.count),
                time(most(|r| r.measures.pending_ms.max)),
                time(most(|r| r.measures.unavailable_ms)),
                sum(|r| r.transactions.partial),
                verdict(summary, protocol, &runs),
            );
        }
    }
    outln!(
        "{FAINT}in doubt, blocked, pending, unavail.: the longest under any seed; bystanders, partial: sums over all seeds (partial: some effects of a transaction stand and others do not, for good){FAINT:#}"
    );
}

fn verdict(summary: &Summary, protocol: Protocol, runs: &[&Run]) -> String {
    let standing = Standing::of(summary, protocol, runs);
    let mut text = match standing {
        Standing::Ok => format!("{GOOD}{}{GOOD:#}", standing.word()),
        Standing::Violated(_) => format!("{BAD}{}{BAD:#}", standing.word()),
        Standing::Unknown(_) | Standing::PromisedNothing | Standing::PromisesKept => standing.word().to_owned(),
    };
    if is_surprised(summary, protocol, runs) {
        text += &format!(", {BAD}an expectation does not hold{BAD:#}");
    }
    if has_silent_fault(summary, protocol) {
        text += &format!(", {BAD}a fault never fired{BAD:#}");
    }
    let not_kept = if standing == Standing::PromisedNothing { "not kept" } else { "not promised, not kept" };
    let mut unkept: [(&str, Vec<&str>); 2] = [("waived", vec![]), (not_kept, vec![])];
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
    if !unkept.is_empty() {
        text += &format!(" {FAINT}({}){FAINT:#}", unkept.join("; "));
    }
    text
}

/// Prints every check of one run, promised or not, with the details of those that do not hold.
pub(crate) fn checks(run: &Run) {
    for check in &run.checks {
        let promised = promised(run, check);
        let held = match (check.held, check.promised) {
            (true, _) => format!("{GOOD}holds{GOOD:#}"),
            (false, true) => format!("{BAD}does not hold{BAD:#}: {}", check.detail),
            (false, false) => format!("does not hold: {}", check.detail),
        };
        outln!("  {:20} {promised:12}  {held}", check.name);
    }
}

/// Prints every broken promise and failed expectation, on standard error.
pub(crate) fn failures(summary: &Summary) {
    for line in indoubt_report::failures(summary) {
        anstream::eprintln!("{BAD}{}{BAD:#}: {line}", scenario_name(summary));
    }
}

/// How many failures of one sweep are printed. The file with its rows has all of them.
const MOST_PRINTED: usize = 20;

/// Prints the failures of a sweep, on standard error.
pub(crate) fn sweep_failures(name: &str, failures: &[String]) {
    for line in failures.iter().take(MOST_PRINTED) {
        anstream::eprintln!("{BAD}{name}{BAD:#}: {line}");
    }
    if failures.len() > MOST_PRINTED {
        anstream::eprintln!("{BAD}{name}{BAD:#}: and {} more; rows.csv has all", failures.len() - MOST_PRINTED);
    }
}

/// Prints how the costs of each protocol are spread over the seeds, and the command that shows the worst seed.
pub(crate) fn over_seeds(summary: &Summary) {
    let rows = indoubt_report::over_seeds(summary);
    if rows.is_empty() {
        return;
    }
    outln!(
        "{STRONG}{}, over seeds{:w$} {:>9} {:>9} {:>9} {:>9}  worst seed{STRONG:#}",
        scenario_name(summary),
        "",
        "least",
        "p50",
        "p90",
        "most",
        w = 30usize.saturating_sub(scenario_name(summary).len()),
    );
    for OverSeeds { protocol, metric, quantiles: [least, p50, p90, most], worst } in rows {
        outln!("  {protocol:15} {metric:24} {least:>9} {p50:>9} {p90:>9} {most:>9}  {worst}");
    }
}
