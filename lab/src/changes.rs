//! The option `--set`: applies it to a scenario, and repeats it in the commands that results name.

use anyhow::{Context, Result, anyhow};
use indoubt_scenario::scenario::Scenario;

/// Applies changes to a scenario, each given as PATH=VALUE.
pub(crate) fn changed(mut scenario: Scenario, changes: &[String]) -> Result<Scenario> {
    for change in changes {
        let (path, value) = change
            .split_once('=')
            .with_context(|| format!("--set {change}: expected PATH=VALUE, such as workload.rate=200"))?;
        scenario = scenario.set(path, value).map_err(|error| anyhow!("--set {error}"))?;
    }
    Ok(scenario)
}

/// The words of a command line that make these changes.
pub(crate) fn set_words(changes: &[String]) -> impl Iterator<Item = String> {
    changes.iter().map(|change| format!("--set {}", shell_word(change)))
}

/// A word of a command line, quoted if a shell would split or expand it.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+%@".contains(c);
    if word.chars().all(plain) && !word.is_empty() {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
