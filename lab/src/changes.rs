//! Parameters of a scenario changed on the command line, and how a command line says so.

use anyhow::{Context, Result, anyhow};
use indoubt_scenario::scenario::Scenario;

/// A scenario with these parameters changed, each as PATH=VALUE.
pub(crate) fn changed(mut scenario: Scenario, changes: &[String]) -> Result<Scenario> {
    for change in changes {
        let (path, value) = change
            .split_once('=')
            .with_context(|| format!("--set {change}: expected PATH=VALUE, such as workload.rate=200"))?;
        scenario = scenario.set(path, value).map_err(|error| anyhow!("--set {error}"))?;
    }
    Ok(scenario)
}

/// What a command line says of these changes.
pub(crate) fn set_words(changes: &[String]) -> impl Iterator<Item = String> {
    changes.iter().map(|change| format!("--set {}", shell_word(change)))
}

/// A word of a command line, in quotes where a shell would take it apart.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+%@".contains(c);
    if word.chars().all(plain) && !word.is_empty() {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
