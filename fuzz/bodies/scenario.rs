//! Scenarios: what the parser accepts is the same scenario after writing it back.

use indoubt_scenario::scenario::Scenario;

/// Whether this text is a scenario.
///
/// # Panics
/// If a scenario that was accepted is refused, or is another one, after writing it back.
pub(crate) fn accepts(text: &str) -> bool {
    let Ok(scenario) = Scenario::parse(text, "fuzz.toml") else { return false };
    let written = scenario.to_toml();
    match Scenario::parse(&written, "written.toml") {
        Ok(again) => assert_eq!(again, scenario, "{text}\n\nwritten back:\n{written}"),
        Err(error) => panic!("{error}\n\nof:\n{text}\n\nwritten back:\n{written}"),
    }
    true
}
