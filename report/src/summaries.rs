//! Questions about a summary that several views ask: its name, its runs by protocol, and what does not hold.

use indoubt_judge::{
    promises::is_waived,
    summary::{Check, FaultFired, Run, Summary, Verdict},
};
use indoubt_scenario::protocol::Protocol;
use serde_json::Value;

/// The name of the scenario.
pub fn scenario_name(summary: &Summary) -> &str {
    summary.scenario["name"].as_str().unwrap_or("scenario")
}

/// The anchor of a scenario in the report: its name, with `-real` for the real world.
pub(crate) fn anchor(summary: &Summary) -> String {
    let name = scenario_name(summary);
    if summary.world == "real" { format!("{name}-real") } else { name.to_owned() }
}

/// Whether all expectations and promised checks of all runs hold, and every fault fired in some seed of its protocol.
pub fn holds(summary: &Summary) -> bool {
    failures(summary).is_empty()
}

/// One line for each thing that does not hold: the protocol, the seed, what was expected and what was found.
pub fn failures(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    for run in &summary.runs {
        let at = format!("{} with seed {}", run.protocol, run.seed);
        for check in run.checks.iter().filter(|c| c.promised && !c.held) {
            lines.push(format!("{at}: promised, but does not hold: {}: {}", check.name, check.detail));
        }
    }
    lines.extend(claims(summary));
    let unmet = summary.expectations.iter().filter(|claim| !claim.held);
    lines.extend(unmet.map(|claim| format!("expected {}, but {}", claim.text, claim.found)));
    lines.extend(never_fired(summary));
    lines
}

/// One line for each expectation that is not met under some seed: the number of such seeds, and what the first of them shows.
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

/// What the tables of verdicts say about the runs of one protocol. The verdict of a run in summary.json is only about promises;
/// here, nothing is called ok if anything of the scenario fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// So many runs broke a promise.
    Violated(usize),
    /// No run broke a promise, but so many did not end.
    Unknown(usize),
    /// The protocol promises nothing, so nothing could be broken.
    PromisedNothing,
    /// The promises were kept, but an expectation does not hold or a fault never fired.
    PromisesKept,
    /// All holds.
    Ok,
}

impl Standing {
    /// The standing of the runs of one protocol of a summary.
    pub fn of(summary: &Summary, protocol: Protocol, runs: &[&Run]) -> Standing {
        let count = |verdict| runs.iter().filter(|run| run.verdict == verdict).count();
        match (count(Verdict::Violated), count(Verdict::Unknown)) {
            (0, 0) if protocol.family().entry().promises.is_empty() => Standing::PromisedNothing,
            (0, 0) if is_surprised(summary, protocol, runs) || has_silent_fault(summary, protocol) => {
                Standing::PromisesKept
            }
            (0, 0) => Standing::Ok,
            (0, unknown) => Standing::Unknown(unknown),
            (violated, _) => Standing::Violated(violated),
        }
    }

    /// The word in tables.
    pub fn word(self) -> &'static str {
        match self {
            Standing::Violated(_) => "violated",
            Standing::Unknown(_) => "unknown",
            Standing::PromisedNothing => "promised nothing",
            Standing::PromisesKept => "promises kept",
            Standing::Ok => "ok",
        }
    }
}

/// Whether an expectation of a protocol does not hold, in one of its runs or over all of them.
pub fn is_surprised(summary: &Summary, protocol: Protocol, runs: &[&Run]) -> bool {
    runs.iter().any(|run| run.expectations.iter().any(|claim| !claim.held))
        || summary.expectations.iter().any(|claim| claim.protocol == protocol && !claim.held)
}

/// Whether a fault fired under no seed of this protocol.
pub fn has_silent_fault(summary: &Summary, protocol: Protocol) -> bool {
    silent_faults(summary).iter().any(|(of, _)| *of == protocol)
}

/// One line for each fault that fired under no seed of its protocol. A scenario must not pass because nothing happened.
fn never_fired(summary: &Summary) -> Vec<String> {
    let silent = silent_faults(summary).into_iter();
    silent.map(|(protocol, fault)| format!("{protocol}: the fault never fired: {}", fault.text)).collect()
}

fn silent_faults(summary: &Summary) -> Vec<(Protocol, &FaultFired)> {
    let mut seen: Vec<(Protocol, &FaultFired, bool)> = Vec::new();
    for run in &summary.runs {
        for fault in &run.faults {
            match seen.iter_mut().find(|(p, same, _)| *p == run.protocol && same.fault == fault.fault) {
                Some(entry) => entry.2 |= fault.fired > 0,
                None => seen.push((run.protocol, fault, fault.fired > 0)),
            }
        }
    }
    seen.into_iter().filter(|(_, _, fired)| !fired).map(|(protocol, fault, _)| (protocol, fault)).collect()
}

/// The runs of a summary, by protocol in the order of the summary.
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

/// The words for whether a check is promised in a run.
pub fn promised(run: &Run, check: &Check) -> &'static str {
    match check.promised {
        true => "promised",
        false if is_waived(run.protocol.family(), check) => "waived",
        false => "not promised",
    }
}
