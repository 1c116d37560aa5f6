//! Judges expectations: those of one run, and those that need several runs, over seeds or between protocols.

use crate::summary::{Check, Expectation, JointExpectation, Run};
use indoubt_scenario::{
    checks::CheckName,
    measures::numbers,
    protocol::Protocol,
    scenario::{Claim, Expect, Seeds},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What expectations read of one run.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The protocol of the run.
    pub protocol: Protocol,
    /// Its seed.
    pub seed: u64,
    /// Its numbers, by their paths; at least those that the expectations name. `None` for a quantile of an empty measure.
    pub numbers: BTreeMap<String, Option<f64>>,
    /// The checks that do not hold, promised or not.
    pub failed: Vec<CheckName>,
}

impl Reading {
    /// What expectations read of a run.
    pub fn of(run: &Run) -> Self {
        Reading {
            protocol: run.protocol,
            seed: run.seed,
            numbers: numbers(&run.measures, &run.transactions, &run.clients),
            failed: run.checks.iter().filter(|check| !check.held).map(|check| check.name).collect(),
        }
    }

    fn number(&self, path: &str) -> Option<f64> {
        self.numbers.get(path).copied().flatten()
    }
}

/// Judges an expectation of one run. A quantile of an empty measure satisfies nothing. `None` if it needs several runs.
pub(crate) fn of_one_run(
    expect: &Expect,
    found: &BTreeMap<String, Option<f64>>,
    checks: &[Check],
) -> Option<Expectation> {
    let (actual, held) = match &expect.claim {
        _ if !expect.is_of_one_run() => return None,
        Claim::Compare { .. } => return None,
        Claim::Metric { path, min, max, equals } => {
            let actual = found.get(path).copied().flatten();
            (actual.map_or(Value::Null, |actual| json!(actual)), within(actual, [*min, *max, *equals]))
        }
        Claim::Check { name, holds } => {
            let held = checks.iter().find(|check| check.name == *name).map(|check| check.held);
            (json!(held), held == Some(*holds))
        }
    };
    Some(Expectation { text: expect.text.clone(), actual, held })
}

/// Judges the expectations that need several runs, in the order of the scenario.
pub fn of_many_runs(expects: &[Expect], readings: &[Reading]) -> Vec<JointExpectation> {
    let joint = expects.iter().filter(|expect| !expect.is_of_one_run());
    joint
        .map(|expect| {
            let (found, held) = match expect.seeds {
                Seeds::Median => by_median(expect, readings),
                Seeds::Each | Seeds::AtLeast(_) | Seeds::AtMost(_) => by_seed(expect, readings),
            };
            JointExpectation { protocol: expect.protocol, text: expect.text.clone(), found, held }
        })
        .collect()
}

/// Whether there is a number, and it lies within bounds: at least, at most, exactly.
fn within(number: Option<f64>, [min, max, equals]: [Option<f64>; 3]) -> bool {
    number.is_some_and(|number| {
        min.is_none_or(|min| number >= min)
            && max.is_none_or(|max| number <= max)
            && equals.is_none_or(|equals| number == equals)
    })
}

/// Judges an expectation seed by seed, and counts.
fn by_seed(expect: &Expect, readings: &[Reading]) -> (String, bool) {
    let of = |protocol: Protocol| readings.iter().filter(move |reading| reading.protocol == protocol);
    let others: BTreeMap<u64, &Reading> = match &expect.claim {
        Claim::Compare { other, .. } => of(*other).map(|reading| (reading.seed, reading)).collect(),
        Claim::Metric { .. } | Claim::Check { .. } => BTreeMap::new(),
    };
    let (mut met, mut count, mut first_unmet) = (0_usize, 0_usize, None);
    for reading in of(expect.protocol) {
        let (found, held) = under_one_seed(&expect.claim, reading, others.get(&reading.seed).copied());
        count += 1;
        met += usize::from(held);
        if !held && first_unmet.is_none() {
            first_unmet = Some(format!("; not under seed {}: {found}", reading.seed));
        }
    }
    let percent = met as f64 * 100.0 / count.max(1) as f64;
    let held = count > 0
        && match expect.seeds {
            Seeds::AtLeast(share) => percent >= share,
            Seeds::AtMost(share) => percent <= share,
            Seeds::Each | Seeds::Median => met == count,
        };
    (format!("it is so under {met} of {count} seeds{}", first_unmet.unwrap_or_default()), held)
}

/// What was found under one seed, and whether it is as expected. `other` is the run of the other protocol, if the claim compares.
fn under_one_seed(claim: &Claim, reading: &Reading, other: Option<&Reading>) -> (String, bool) {
    match claim {
        Claim::Metric { path, min, max, equals } => {
            let number = reading.number(path);
            (shown(number), within(number, [*min, *max, *equals]))
        }
        Claim::Compare { path, order, .. } => {
            let (one, other) = (reading.number(path), other.and_then(|other| other.number(path)));
            let held = one.zip(other).is_some_and(|(one, other)| order.holds(one, other));
            (format!("{} against {}", shown(one), shown(other)), held)
        }
        Claim::Check { name, holds } => {
            let held = !reading.failed.contains(name);
            (if held { "it holds".into() } else { "it does not hold".into() }, held == *holds)
        }
    }
}

/// Judges the median over seeds.
fn by_median(expect: &Expect, readings: &[Reading]) -> (String, bool) {
    let median = |of: Protocol, path: &str| {
        let own = readings.iter().filter(|reading| reading.protocol == of);
        let mut numbers: Vec<f64> = own.filter_map(|reading| reading.number(path)).collect();
        numbers.sort_by(f64::total_cmp);
        // By nearest rank, as everywhere.
        numbers.get(numbers.len().div_ceil(2).checked_sub(1)?).copied()
    };
    match &expect.claim {
        Claim::Metric { path, min, max, equals } => {
            let median = median(expect.protocol, path);
            (shown(median), within(median, [*min, *max, *equals]))
        }
        Claim::Compare { path, order, other } => {
            let (one, other) = (median(expect.protocol, path), median(*other, path));
            let held = one.zip(other).is_some_and(|(one, other)| order.holds(one, other));
            (format!("{} against {}", shown(one), shown(other)), held)
        }
        // The parser refuses the median of a check.
        Claim::Check { .. } => (shown(None), false),
    }
}

fn shown(number: Option<f64>) -> String {
    number.map_or_else(|| "nothing measured".into(), |number| number.to_string())
}
