//! Tests of expectations that need several runs, over seeds and between protocols.

use indoubt_judge::{
    claims::{Reading, of_many_runs},
    summary::JointExpectation,
};
use indoubt_scenario::{
    checks::CheckName,
    protocol::Protocol::{self, Saga, TwoPhase},
    scenario::Scenario,
};

/// The runs of a protocol under seeds from 1 on, each with this value of `wrong_audits`. `audits` fails where it is not 0.
fn runs(protocol: Protocol, values: &[Option<f64>]) -> Vec<Reading> {
    let reading = |(seed, value): (u64, &Option<f64>)| Reading {
        protocol,
        seed,
        numbers: [("wrong_audits".to_owned(), *value)].into(),
        failed: if value.is_none_or(|value| value == 0.0) { vec![] } else { vec![CheckName::Audits] },
    };
    (1..).zip(values).map(reading).collect()
}

/// What came of one expectation of 2PC over these runs.
fn judged(expect: &str, readings: &[Reading]) -> JointExpectation {
    let text = format!(
        "name = \"claims\"\nprotocols = [\"2pc\", \"saga\"]\n[workload]\nkind = \"transfer\"\nrate = 1\n\
         [[expect]]\nprotocol = \"2pc\"\n{expect}"
    );
    let scenario = Scenario::parse(&text, "claims.toml").unwrap_or_else(|error| panic!("{error}"));
    let [claim] = &of_many_runs(&scenario.expects, readings)[..] else { panic!("one expectation of many runs") };
    claim.clone()
}

const METRIC: &str = "metric = \"wrong_audits\"\n";

#[test]
fn a_share_of_the_seeds_is_enough_and_one_seed_less_is_not() {
    let readings = runs(TwoPhase, &[Some(0.0), Some(3.0), Some(0.0), Some(0.0)]);
    let held = |rest: &str| judged(&format!("{METRIC}max = 0\nseeds = \"{rest}\""), &readings).held;
    assert_eq!([">= 75%", ">= 76%", "<= 75%", "<= 74.9%"].map(held), [true, false, true, false]);
    let claim = judged(&format!("{METRIC}max = 0\nseeds = \">= 100%\""), &readings);
    assert_eq!(claim.text, "2pc: wrong_audits <= 0, under at least 100% of the seeds");
    assert_eq!(claim.found, "it is so under 3 of 4 seeds; not under seed 2: 3");
    let check = |holds: bool, rest: &str| {
        judged(&format!("check = \"audits\"\nholds = {holds}\nseeds = \"{rest}\""), &readings).held
    };
    assert_eq!([check(true, ">= 75%"), check(true, ">= 80%"), check(false, "<= 25%")], [true, false, true]);
}

#[test]
fn the_median_leaves_out_seeds_without_a_value() {
    let readings = runs(TwoPhase, &[Some(9.0), None, Some(1.0), Some(2.0), Some(8.0)]);
    let held = |rest: &str| judged(&format!("{METRIC}{rest}\nseeds = \"median\""), &readings).held;
    // By nearest rank, the median of 1, 2, 8, 9 is 2.
    assert_eq!(["equals = 2", "min = 3", "max = 1.5"].map(held), [true, false, false]);
    let nothing = judged(&format!("{METRIC}min = 0\nseeds = \"median\""), &runs(TwoPhase, &[None]));
    assert_eq!((nothing.held, nothing.found.as_str()), (false, "nothing measured"));
}

#[test]
fn protocols_are_compared_seed_by_seed_or_by_their_medians() {
    let mut readings = runs(TwoPhase, &[Some(1.0), Some(5.0), Some(2.0)]);
    readings.extend(runs(Saga, &[Some(2.0), Some(5.0), Some(4.0)]));
    let claim = |rest: &str| judged(&format!("{METRIC}{rest}"), &readings);
    let each = claim("below = \"saga\"");
    assert_eq!(each.text, "2pc: wrong_audits below that of saga");
    assert_eq!((each.held, each.found.as_str()), (false, "it is so under 2 of 3 seeds; not under seed 2: 5 against 5"));
    assert!(claim("below = \"saga\"\nseeds = \">= 60%\"").held);
    assert!(!claim("above = \"saga\"\nseeds = \">= 1%\"").held);
    let medians = claim("below = \"saga\"\nseeds = \"median\"");
    assert_eq!((medians.held, medians.found.as_str()), (true, "2 against 4"));
    readings.retain(|reading| reading.protocol == TwoPhase);
    let alone = judged(&format!("{METRIC}below = \"saga\""), &readings);
    assert_eq!((alone.held, alone.found.contains("1 against nothing measured")), (false, true));
}

#[test]
fn without_any_run_nothing_is_met() {
    for rest in ["max = 0\nseeds = \"<= 100%\"", "max = 0\nseeds = \"median\"", "below = \"saga\""] {
        assert!(!judged(&format!("{METRIC}{rest}"), &[]).held, "{rest}");
    }
}
