//! Changes a scenario from outside: `--set`, `--protocols`, the parameters of a sweep. A change is made in the scenario's TOML.
//! The result is parsed like any other scenario, so it is valid too.

use super::{error::ScenarioError, sections::default_touch};
use crate::{protocol::Protocol, scenario::Scenario};
use toml_edit::{DocumentMut, Item, TableLike, Value};

impl Scenario {
    /// This scenario with one parameter changed: `set("workload.rate", "200")`, `set("fault.0.restart_after", "2s")`. Indexes of
    /// lists start at 0. Values are TOML, or strings without their quotes. `rate` and `clients` replace each other. A `touch`
    /// that was not given still follows the number of participants.
    ///
    /// # Errors
    /// If there is no such parameter, or the changed scenario is not valid.
    pub fn set(&self, path: &str, value: &str) -> Result<Scenario, ScenarioError> {
        let change = format!("{path}={value}");
        let wrong = |text: &str, message: String| ScenarioError {
            file: change.clone(),
            line: None,
            text: text.into(),
            message,
        };
        // TOML's integers are signed and seeds are not, so a large seed could not be written. Seed 1 stands in for it.
        let mut document: DocumentMut =
            self.clone().with_seed(1).to_toml().parse().expect("what was just written is TOML");
        if path == "cluster.participants"
            && self.workload.touch == default_touch(self.cluster)
            && let Some(workload) = document.get_mut("workload").and_then(Item::as_table_like_mut)
        {
            workload.remove("touch");
        }
        let mut parts: Vec<&str> = path.split('.').collect();
        let last = parts.pop().unwrap_or_default();
        let mut at = document.as_table_mut() as &mut dyn TableLike;
        let mut parts = parts.into_iter().peekable();
        while let Some(part) = parts.next() {
            let item = at.entry(part).or_insert(Item::Value(Value::InlineTable(Default::default())));
            let inner = match parts.peek().and_then(|next| next.parse::<usize>().ok()) {
                Some(place) => {
                    parts.next();
                    item.get_mut(place).and_then(Item::as_table_like_mut)
                }
                None => {
                    // A constant such as `latency = "1ms"` gives way to the table that `latency.min` needs.
                    if item.is_str() {
                        *item = Item::Value(Value::InlineTable(Default::default()));
                    }
                    item.as_table_like_mut()
                }
            };
            at = inner.ok_or_else(|| wrong(part, format!("there is no `{path}` in this scenario")))?;
        }
        match last {
            "rate" => _ = at.remove("clients"),
            "clients" => _ = at.remove("rate"),
            _ => {}
        }
        at.insert(last, Item::Value(parsed(value)));
        let changed = Scenario::parse(&document.to_string(), "").map_err(|e| wrong(&e.text, e.message.clone()))?;
        Ok(if path == "seed" { changed } else { changed.with_seed(self.seed) })
    }

    /// This scenario under these protocols only, without expectations that name other protocols.
    ///
    /// # Errors
    /// If the scenario is not valid under these protocols.
    pub fn with_protocols(&self, protocols: &[Protocol]) -> Result<Scenario, ScenarioError> {
        let mut scenario = self.clone();
        scenario.protocols = protocols.to_vec();
        scenario.expects.retain(|expect| expect.protocols().all(|protocol| protocols.contains(&protocol)));
        Scenario::parse(&scenario.to_toml(), "").map_err(|error| {
            let names: Vec<&str> = protocols.iter().map(|p| p.name()).collect();
            ScenarioError { file: format!("protocols={}", names.join(",")), line: None, ..error }
        })
    }
}

/// Parses a value as TOML, or takes it as a string without its quotes.
fn parsed(text: &str) -> Value {
    match text.parse::<Value>() {
        Ok(Value::Datetime(_)) | Err(_) => Value::from(text),
        Ok(value) => value,
    }
}
