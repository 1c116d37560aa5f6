//! The swarm: random cases of every protocol keep what is promised; and what must sometimes happen does.

use indoubt_simulator::{
    protocol::Protocol,
    scenario::Scenario,
    swarm::{Coverage, draw, examine},
};

/// Seeds of each protocol; INDOUBT_SWARM makes it more.
fn seeds() -> u64 {
    std::env::var("INDOUBT_SWARM").ok().and_then(|text| text.parse().ok()).unwrap_or(40)
}

#[test]
fn whatever_is_drawn_survives_being_written_down() {
    for seed in 0..300 {
        let case = draw(seed, &Protocol::ALL);
        assert_eq!(case, draw(seed, &Protocol::ALL), "one seed, one case");
        let text = case.scenario.to_toml();
        assert_eq!(Scenario::parse(&text, "written").as_ref(), Ok(&case.scenario), "seed {seed}\n{text}");
    }
}

#[test]
fn nothing_promised_breaks_and_everything_resolves() {
    let mut coverage = Coverage::new();
    let mut failures = Vec::new();
    for seed in 0..seeds() * Protocol::ALL.len() as u64 {
        let case = draw(seed, &Protocol::ALL);
        let (run, failure) = examine(&case);
        coverage.take(&case, &run);
        if let Some(failure) = failure {
            failures.push(format!("{} seed {seed}: {}: {}", case.protocol, failure.check, failure.detail));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    for (what, runs) in coverage.seen() {
        assert!(runs > 0, "the swarm never saw this: {what}");
    }
}
