//! Tests of the parser: expectations over seeds and between protocols.

use indoubt_scenario::{
    parse::ScenarioError,
    protocol::Protocol,
    scenario::{Claim, Order, Scenario, Seeds},
};

/// A scenario that runs 2pc and saga, with one expectation of 2pc that begins in line 7.
fn with(rest: &str) -> Result<Scenario, ScenarioError> {
    let head = "name = \"test\"\nprotocols = [\"2pc\", \"saga\"]\n[workload]\nkind = \"transfer\"\nrate = 10.0\n";
    Scenario::parse(&format!("{head}[[expect]]\nprotocol = \"2pc\"\n{rest}"), "test.toml")
}

/// Refused at this line of `rest`, or at the whole expectation (line 0), with these words.
#[track_caller]
fn refused(rest: &str, line: usize, words: &[&str]) {
    let error = with(rest).expect_err(rest).to_string();
    let line = if line == 0 { 6 } else { line + 7 };
    assert!(error.starts_with(&format!("test.toml:{line}: ")), "{error}");
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
}

#[test]
fn an_expectation_says_under_which_seeds_and_survives_being_written_back() {
    let metric = "metric = \"in_doubt_ms.p95\"\n";
    let cases = [
        ("max = 5".to_owned(), Seeds::Each, "2pc: in_doubt_ms.p95 <= 5"),
        (
            "max = 5\nseeds = \">= 95%\"".into(),
            Seeds::AtLeast(95.0),
            "2pc: in_doubt_ms.p95 <= 5, under at least 95% of the seeds",
        ),
        (
            "max = 5\nseeds = \"<=2.5 %\"".into(),
            Seeds::AtMost(2.5),
            "2pc: in_doubt_ms.p95 <= 5, under at most 2.5% of the seeds",
        ),
        ("min = 5\nseeds = \"median\"".into(), Seeds::Median, "2pc: the median over seeds of in_doubt_ms.p95 >= 5"),
        ("below = \"saga\"".into(), Seeds::Each, "2pc: in_doubt_ms.p95 below that of saga"),
        (
            "above = \"saga\"\nseeds = \"median\"".into(),
            Seeds::Median,
            "2pc: the median over seeds of in_doubt_ms.p95 above that of saga",
        ),
    ];
    for (rest, seeds, text) in cases {
        let scenario = with(&format!("{metric}{rest}")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((scenario.expects[0].seeds, scenario.expects[0].text.as_str()), (seeds, text));
        assert_eq!(Scenario::parse(&scenario.to_toml(), "written.toml"), Ok(scenario));
    }
    let compared = with("metric = \"latency_ms.succeeded.p99.9\"\nbelow = \"saga\"").unwrap();
    let Claim::Compare { order, other, .. } = &compared.expects[0].claim else { panic!("no comparison") };
    assert_eq!((*order, *other), (Order::Below, Protocol::Saga));
    assert!(compared.with_protocols(&[Protocol::TwoPhase]).unwrap().expects.is_empty(), "saga does not run");
}

#[test]
fn what_cannot_be_expected_is_refused_with_what_to_do() {
    let metric = "metric = \"wrong_audits\"\n";
    let bad = |rest: &str, line, words: &[&str]| refused(&format!("{metric}{rest}"), line, words);
    bad("max = 0\nseeds = \"95%\"", 3, &["\">= 95%\"", "\"median\"", "`95%`"]);
    bad("max = 0\nseeds = \">= 101%\"", 3, &["`seeds` must be a share"]);
    bad("max = 0\nseeds = 0.95", 3, &["`seeds`", "a string"]);
    bad("below = \"none\"", 2, &["does not run `none`", "2pc, saga"]);
    bad("below = \"2pc\"", 2, &["cannot be compared with itself"]);
    bad("below = \"saga\"\nabove = \"saga\"", 3, &["`below` or `above`, not both"]);
    bad("below = \"saga\"\nmax = 3", 2, &["not both"]);
    bad("seeds = \"median\"", 0, &["`below` or `above`"]);
    refused("check = \"audits\"\nholds = true\nseeds = \"median\"", 3, &["a check has no median", "\">= 95%\""]);
    refused("check = \"audits\"\nbelow = \"saga\"", 2, &["unknown field `below`"]);
}
