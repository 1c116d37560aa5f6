//! What every view asks of a summary: its name, its runs by protocol, and what does not hold.

use indoubt_judge::{
    promises::is_waived,
    summary::{Check, FaultFired, Run, Summary},
};
use indoubt_scenario::protocol::Protocol;
use serde_json::Value;

/// The scenario's name.
pub fn scenario_name(summary: &Summary) -> &str {
    summary.scenario["name"].as_str().unwrap_or("scenario")
}

/// What tells scenarios of one run apart: the name, and the world where it is the real one. An anchor in the report.
pub(crate) fn anchor(summary: &Summary) -> String {
    let name = scenario_name(summary);
    if summary.world == "real" { format!("{name}-real") } else { name.to_owned() }
}

/// Whether all expectations and promised checks of all runs hold, and every fault fired in some seed of its protocol.
pub fn holds(summary: &Summary) -> bool {
    failures(summary).is_empty()
}

/// Everything that does not hold, a line each: what, under which protocol and seed, and what was found.
pub fn failures(summary: &Summary) -> Vec<String> {
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
    let mut seen: Vec<(Protocol, &FaultFired, bool)> = Vec::new();
    for run in &summary.runs {
        for fault in &run.faults {
            match seen.iter_mut().find(|(p, same, _)| *p == run.protocol && same.fault == fault.fault) {
                Some(entry) => entry.2 |= fault.fired > 0,
                None => seen.push((run.protocol, fault, fault.fired > 0)),
            }
        }
    }
    let silent = seen.into_iter().filter(|(_, _, fired)| !fired);
    silent.map(|(protocol, fault, _)| format!("{protocol}: the fault never fired: {}", fault.text)).collect()
}

/// The runs of a summary by protocol, in their order.
pub fn by_protocol(summary: &Summary) -> Vec<(Protocol, Vec<&Run>)> {
    let mut groups: Vec<(Protocol, Vec<&Run>)> = Vec::new();
    for run in &summary.runs {
        match groups.iter_mut().find(|(p, _)| *p == run.protocol) {
            Some((_, runs)) => runs.push(run),
            None => groups.push((run.protocol, vec![run])),
        }
    }
    groups
}

/// Whether a check counts in a run.
pub fn promised(run: &Run, check: &Check) -> &'static str {
    match check.promised {
        true => "promised",
        false if is_waived(run.protocol.family(), check) => "waived",
        false => "not promised",
    }
}
