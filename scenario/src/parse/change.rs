//! Changing a scenario from outside: `--set`, `--protocols`, the parameters of a sweep. A change is made in the scenario's
//! TOML, and what comes out is parsed like any other, so that it cannot hold nonsense either.

use super::{error::ScenarioError, sections::default_touch};
use crate::{protocol::Protocol, scenario::Scenario};
use toml_edit::{DocumentMut, Item, TableLike, Value};

impl Scenario {
    /// The same with one parameter changed: `set("workload.rate", "200")`, `set("fault.0.restart_after", "2s")`. Places in
    /// lists are counted from 0, and values are TOML, or texts without their quotes. `rate` and `clients` replace each
    /// other, and a `touch` that follows the number of participants goes on following it.
    pub fn set(&self, path: &str, value: &str) -> Result<Scenario, ScenarioError> {
        let change = format!("{path}={value}");
        let wrong = |text: &str, message: String| ScenarioError {
            file: change.clone(),
            line: None,
            text: text.into(),
            message,
        };
        // TOML's integers have a sign, seeds do not: the seed stays out of the way.
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
                    // Another form of the same, `latency = "1ms"` before `latency.min`, gives way.
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

    /// The same under these protocols alone; claims about others are left out.
    pub fn with_protocols(&self, protocols: &[Protocol]) -> Result<Scenario, ScenarioError> {
        let mut scenario = self.clone();
        scenario.protocols = protocols.to_vec();
        scenario.expects.retain(|expect| protocols.contains(&expect.protocol));
        Scenario::parse(&scenario.to_toml(), "").map_err(|error| {
            let names: Vec<&str> = protocols.iter().map(|p| p.name()).collect();
            ScenarioError { file: format!("protocols={}", names.join(",")), line: None, ..error }
        })
    }
}

/// A value as TOML, or as a text that lacks its quotes.
fn parsed(text: &str) -> Value {
    match text.parse::<Value>() {
        Ok(Value::Datetime(_)) | Err(_) => Value::from(text),
        Ok(value) => value,
    }
}
