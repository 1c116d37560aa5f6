//! What the parser says about a text that is no scenario.

use std::fmt;

/// A scenario that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioError {
    /// The file, as it was named to the parser; for a change made from outside, that change.
    pub file: String,
    /// The line, 1-based; `None` where the text comes from no file.
    pub line: Option<usize>,
    /// The offending text.
    pub text: String,
    /// What is wrong with it, and what would be right.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    /// `file.toml:8: unknown field …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}
