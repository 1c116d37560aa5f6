//! Tests of the parser: each mistake is refused, and the error has the line, the offending text and what would be right.

mod claims;
mod faults;
mod sections;
mod triggers;

use indoubt_driver::{
    clock::ClockJump,
    conditions::Latency,
    gate::{Edge, Verb},
};
use indoubt_proto::{ids::NodeId, observation::Phase, time::Micros};
use indoubt_scenario::{
    faults::{FaultAction, JumpClock, Kill, LoseDisk, Message, MessageDeed, Partition, RestoreLog, act::OlderCopy},
    parse::ScenarioError,
    protocol::Protocol,
    scenario::{Arrivals, Counted, Scenario, Trigger, Which},
};

pub(crate) const HEAD: &str = "name = \"test\"\n[workload]\nkind = \"transfer\"\nrate = 10.0\n";

/// The head and what follows it: HEAD has 4 lines.
pub(crate) fn with(rest: &str) -> Result<Scenario, ScenarioError> {
    Scenario::parse(&format!("{HEAD}{rest}"), "test.toml")
}

pub(crate) fn good(rest: &str) -> Scenario {
    with(rest).unwrap_or_else(|error| panic!("{error}\n{rest}"))
}

/// Refused at this line, with these words.
#[track_caller]
pub(crate) fn refused(text: &str, line: usize, words: &[&str]) {
    let error = Scenario::parse(text, "dir/file.toml").expect_err(text);
    let shown = error.to_string();
    assert!(shown.starts_with(&format!("dir/file.toml:{line}: ")), "{shown}\n{text}");
    for word in words {
        assert!(shown.contains(word), "`{word}` is missing: {shown}");
    }
}

/// The same, after HEAD: `line` counts from what follows.
#[track_caller]
pub(crate) fn bad(rest: &str, line: usize, words: &[&str]) {
    refused(&format!("{HEAD}{rest}"), line + 4, words);
}

pub(crate) fn fault(rest: &str) -> Scenario {
    good(&format!("[[fault]]\n{rest}"))
}

/// `line` counts from the line after `[[fault]]`.
#[track_caller]
pub(crate) fn bad_fault(rest: &str, line: usize, words: &[&str]) {
    bad(&format!("[[fault]]\n{rest}"), line + 1, words);
}
