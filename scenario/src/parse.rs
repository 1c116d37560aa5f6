//! From text to a [`Scenario`], which cannot hold nonsense (docs/02-scenarios.md). Every error names the file and the line,
//! the offending text, and where there is one the nearest valid word.

mod change;
mod describe;
mod expect;
mod fault;
mod moment;
mod profile;
mod reader;
mod sections;
mod sweep;
mod write;

use crate::scenario::Scenario;
use reader::{Source, Table};
pub use sections::LONGEST_DURATION;
use std::fmt;
use toml::de::DeTable;

/// A duration as scenarios and the command line write it (`500ms`, `1.5s`); `None` if it has no unit or is none.
pub fn duration(text: &str) -> Option<indoubt_proto::time::Micros> {
    reader::duration(text)
}

/// A fault in one line for people: how results name it.
pub(crate) fn describe(trigger: &crate::scenario::Trigger, action: &crate::scenario::FaultAction) -> String {
    describe::fault(trigger, action)
}

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

impl Scenario {
    /// Parses a scenario. `file_name` is only for errors. The first mistake found is the one reported.
    pub fn parse(text: &str, file_name: &str) -> Result<Scenario, ScenarioError> {
        let source = Source::new(file_name, text);
        let document = DeTable::parse(text)
            .map_err(|error| source.error(error.span().unwrap_or(0..0), format!("not TOML: {}", error.message())))?;
        let root = Table::new(&source, "a scenario", 0..0, document.get_ref(), &sections::TOP)?;
        sections::scenario(&root)
    }
}
