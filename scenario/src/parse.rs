//! Parses the text of a scenario (docs/02-scenarios.md). A [`Scenario`] that was parsed is always valid. Every error names the
//! file, the line and the offending text, and suggests the nearest valid word if there is one.

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
pub use sections::COMPACT_EVERY;
pub use values::LONGEST_DURATION;

use crate::scenario::Scenario;
use reader::{Source, Table};
use toml::de::DeTable;

/// Parses a duration as scenarios and the command line write it (`500ms`, `1.5s`). `None` if it has no unit or is not valid.
pub fn duration(text: &str) -> Option<indoubt_proto::time::Micros> {
    reader::duration(text)
}

/// The most bytes that the text of a scenario may have.
pub const MOST_BYTES: usize = 1 << 20;

impl Scenario {
    /// Parses a scenario. `file_name` appears only in errors.
    pub fn parse(text: &str, file_name: &str) -> Result<Scenario, ScenarioError> {
        let source = Source::new(file_name, text);
        if text.len() > MOST_BYTES {
            return Err(source.error(0..0, format!("a scenario has at most {MOST_BYTES} bytes")));
        }
        let document = DeTable::parse(text)
            .map_err(|error| source.error(error.span().unwrap_or(0..0), format!("not TOML: {}", error.message())))?;
        let root = Table::new(&source, "a scenario", 0..0, document.get_ref(), &whole::FIELDS)?;
        whole::scenario(&root)
    }
}
