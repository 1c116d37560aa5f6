//! From text to a [`Scenario`], which cannot hold nonsense (docs/02-scenarios.md). Every error names the file and the line,
//! the offending text, and where there is one the nearest valid word.

mod change;
pub(crate) mod error;
mod expect;
mod fault;
mod on;
mod profile;
pub(crate) mod reader;
mod sections;
mod sweep;
pub(crate) mod toml_writer;
mod trigger;
pub(crate) mod values;
mod whole;
mod write;

pub use error::ScenarioError;
pub use values::LONGEST_DURATION;

use crate::scenario::Scenario;
use reader::{Source, Table};
use toml::de::DeTable;

/// A duration as scenarios and the command line write it (`500ms`, `1.5s`); `None` if it has no unit or is none.
pub fn duration(text: &str) -> Option<indoubt_proto::time::Micros> {
    reader::duration(text)
}

impl Scenario {
    /// Parses a scenario. `file_name` is only for errors. The first mistake found is the one reported.
    pub fn parse(text: &str, file_name: &str) -> Result<Scenario, ScenarioError> {
        let source = Source::new(file_name, text);
        let document = DeTable::parse(text)
            .map_err(|error| source.error(error.span().unwrap_or(0..0), format!("not TOML: {}", error.message())))?;
        let root = Table::new(&source, "a scenario", 0..0, document.get_ref(), &whole::FIELDS)?;
        whole::scenario(&root)
    }
}
