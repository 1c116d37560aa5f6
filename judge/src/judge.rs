//! Turns a recording into measures and a verdict. Almost everything comes from the trace. The scenario gives only the duration of
//! the load, the vote timeout, what faults waive, and the expectations.

use crate::{
    check::{check, evidence::Evidence},
    claims::of_one_run,
    history::fate::Fate,
    measurer::{Measured, Measurer},
    promises::{Waivers, promises},
    summary::{Check, FaultFired, Run, Verdict},
};
use indoubt_proto::time::Micros;
use indoubt_scenario::{
    checks::CheckName,
    measures::numbers,
    protocol::Protocol,
    recording::{FaultRecord, Recording},
    scenario::Scenario,
};
use std::collections::BTreeMap;

/// Judges one run.
pub fn judge(scenario: &Scenario, recording: &Recording) -> Run {
    let mut measurer = Measurer::new(recording.protocol, scenario.duration);
    for seen in &recording.trace {
        measurer.take(seen);
    }
    let measured = measurer.finish();
    pass_judgement(scenario, recording.protocol, recording.seed, &recording.faults, measured)
}

/// Judges one run that was already measured. `faults` has the record of each fault that applies to this protocol.
pub fn pass_judgement(
    scenario: &Scenario,
    protocol: Protocol,
    seed: u64,
    faults: &[FaultRecord],
    measured: Measured,
) -> Run {
    let waivers = Waivers::of(scenario, protocol, faults, &measured.final_state);
    let evidence = Evidence {
        final_state: &measured.final_state,
        anomalies: &measured.anomalies,
        timeouts: scenario.timeouts,
        acknowledges_commits: protocol.entry().acknowledges_commits,
        clocks: Some((&scenario.clocks, seed)),
    };
    let checks = check(&evidence, &waivers);
    // Only expectations read numbers by their paths.
    let mut claims = scenario.expects.iter().filter(|expect| expect.protocol == protocol).peekable();
    let found = match claims.peek() {
        Some(_) => numbers(&measured.measures, &measured.transactions, &measured.clients),
        None => BTreeMap::new(),
    };
    let expectations = claims.filter_map(|expect| of_one_run(expect, &found, &checks)).collect();
    let verdict = verdict(protocol, &measured, &checks);
    let Measured { measures, series, transactions, clients, .. } = measured;
    Run {
        protocol,
        seed,
        verdict,
        transactions,
        clients,
        measures,
        series,
        checks,
        faults: faults.iter().map(fired).collect(),
        expectations,
    }
}

/// A broken promise is a violation. Without one, the verdict is unknown if something promised is still open: the promise is
/// waived, or the trace ends early.
fn verdict(protocol: Protocol, measured: &Measured, checks: &[Check]) -> Verdict {
    let open = measured.final_state.fates.values().any(|fate| matches!(fate, Fate::Unresolved | Fate::Stuck));
    if checks.iter().any(|check| check.promised && !check.held) {
        Verdict::Violated
    } else if promises(protocol.family(), CheckName::Termination) && (open || !measured.final_state.complete) {
        Verdict::Unknown
    } else {
        Verdict::Ok
    }
}

fn fired(record: &FaultRecord) -> FaultFired {
    FaultFired {
        fault: record.fault,
        text: record.text.clone(),
        fired: record.at.len() as u64,
        at_ms: record.at.iter().map(|at| at.as_millis_f64()).collect(),
        until_ms: record.until.iter().map(|until| until.map(Micros::as_millis_f64)).collect(),
    }
}
