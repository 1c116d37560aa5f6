//! The error of the parser.

use std::fmt;

/// A text that is not a valid scenario.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioError {
    /// The name of the file that was given to the parser, or the change that was made from outside.
    pub file: String,
    /// The line, from 1. `None` if the text does not come from a file.
    pub line: Option<usize>,
    /// The offending text.
    pub text: String,
    /// What is wrong with it, and what would be right.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    /// For example `file.toml:8: unknown field …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}
