//! Parses a profile: the latencies of a machine, as `indoubt calibrate` writes them. It is a part of a scenario file and is
//! checked as strictly.

use super::{
    error::ScenarioError,
    reader::{Source, Table, Value},
    values,
};
use crate::profile::{Profile, Spread};
use indoubt_driver::conditions::Latency;
use toml::de::DeTable;

impl Profile {
    /// Parses a profile. `file_name` appears only in errors.
    ///
    /// # Errors
    /// If it does not have exactly these values: `median` and `p99` of `latency` in `[network]`, and of `force` in `[disk]`.
    pub fn parse(text: &str, file_name: &str) -> Result<Profile, ScenarioError> {
        let source = Source::new(file_name, text);
        let document = DeTable::parse(text)
            .map_err(|error| source.error(error.span().unwrap_or(0..0), format!("not TOML: {}", error.message())))?;
        let root = Table::new(&source, "a profile", 0..0, document.get_ref(), &["network", "disk"])?;
        let read = |section: &str, field: &str| {
            let named = format!("a profile needs `{field}` in [{section}]");
            let table = root.section(section, &[field])?.ok_or_else(|| root.error(named))?;
            spread(&table.need(field)?)
        };
        Ok(Profile { latency: read("network", "latency")?, force: read("disk", "force")? })
    }
}

fn spread(value: &Value<'_, '_>) -> Result<Spread, ScenarioError> {
    match values::latency(value)? {
        Latency::LogNormal { median, p99 } => Ok(Spread { median, p99 }),
        _ => Err(value.error(format!("in a profile `{}` needs `median` and `p99`", value.field))),
    }
}
