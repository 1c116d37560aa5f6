//! Tests of the parser: how long clients wait.

use indoubt_proto::time::Micros;
use indoubt_scenario::{
    parse::ScenarioError,
    scenario::{Patience, Scenario},
};

fn with(rest: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(&format!("name = \"test\"\n[workload]\nkind = \"transfer\"\nrate = 10.0\n{rest}"), "test.toml")
}

/// Refused at this line of what follows the head, with these words.
#[track_caller]
fn refused(rest: &str, line: usize, words: &[&str]) {
    let error = with(rest).expect_err(rest).to_string();
    assert!(error.starts_with(&format!("test.toml:{}: ", line + 4)), "{error}");
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
}

#[test]
fn clients_wait_for_ever_unless_the_scenario_says_otherwise() {
    let ms = Micros::from_millis;
    assert_eq!(with("").unwrap().workload.patience, Patience::default());
    let given = with("timeout = \"200ms\"\nretries = 3\ndie = 0.25\nask_after = \"1s\"").unwrap();
    let patience = Patience { timeout: Some(ms(200)), retries: 3, die: 0.25, ask_after: Some(ms(1_000)) };
    assert_eq!(given.workload.patience, patience);
    assert_eq!(with("die = 0.5\nask_after = \"1s\"").unwrap().workload.patience.timeout, None);
    for scenario in [given, with("timeout = \"1s\"").unwrap(), with("die = 1").unwrap(), with("").unwrap()] {
        assert_eq!(Scenario::parse(&scenario.to_toml(), "written.toml"), Ok(scenario));
    }
    assert_eq!(
        with("timeout = \"1s\"").unwrap().set("workload.timeout", "2s").unwrap().workload.patience.timeout,
        Some(ms(2_000))
    );
}

#[test]
fn what_a_client_would_never_do_is_refused_with_its_line() {
    refused("timeout = \"0s\"", 1, &["`timeout`", "from 1us"]);
    refused("timeout = 200", 1, &["`timeout`", "a duration with its unit"]);
    refused("retries = 2", 1, &["`retries` needs `timeout`"]);
    refused("refuse = 0.1\nask_after = \"1s\"", 2, &["`ask_after` needs `timeout` or `die`"]);
    refused("die = 2", 1, &["`die`", "a share from 0 to 1"]);
}
