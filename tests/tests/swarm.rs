//! The swarm: random cases of every protocol keep what is promised; and what must sometimes happen does.

use indoubt_proto::planted::{Mutant, Planted};
use indoubt_scenario::{protocol::Protocol, scenario::Scenario};
use indoubt_studies::{
    shrink::shrink,
    swarm::{Case, Coverage, draw, examine},
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

/// The whole way: a planted bug, found by the swarm, shrunk, written down, read back, and still the same failure.
#[test]
fn a_planted_bug_shrinks_to_a_small_file_that_still_fails_the_same_check() {
    let planted = Planted::bug(Mutant::AbortInDoubt);
    let bugged = |seed| {
        let mut case = draw(seed, &[Protocol::TwoPhase]);
        case.scenario.planted = planted;
        case
    };
    let found = (0..200).map(bugged).find_map(|case| Some((examine(&case).1?, case)));
    let (failure, case) = found.expect("the swarm finds a participant that aborts in doubt");
    let same = |case: &Case| examine(case).1.is_some_and(|other| other.check == failure.check);
    let (smallest, _) = shrink(case, &mut |case| same(case), 400);
    assert!(smallest.scenario.faults.len() <= 2, "{}", smallest.scenario.to_toml());
    assert!(smallest.scenario.workload.transactions.is_some_and(|n| n <= 10), "{}", smallest.scenario.to_toml());
    let read = Scenario::parse(&smallest.scenario.to_toml(), "written.toml").expect("what was written parses");
    assert!(same(&Case { scenario: Scenario { planted, ..read.clone() }, ..smallest.clone() }));
    assert!(!same(&Case { scenario: read, ..smallest }), "without the bug nothing fails");
}
