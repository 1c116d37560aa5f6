//! Writing TOML, a field a line.

use indoubt_driver::conditions::{Conditions, Latency};
use indoubt_proto::time::Micros;
use std::fmt::Display;
use toml_edit::Value;

/// A TOML file that grows.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub(super) String);

impl Writer {
    pub(crate) fn plain(&mut self, field: &str, value: impl Display) {
        self.0 += &format!("{field} = {value}\n");
    }

    pub(crate) fn text(&mut self, field: &str, value: impl Display) {
        self.plain(field, quoted(&value.to_string()));
    }

    pub(crate) fn number(&mut self, field: &str, value: f64) {
        self.plain(field, Value::from(value));
    }

    pub(crate) fn texts(&mut self, field: &str, values: impl Iterator<Item = impl Display>) {
        self.plain(field, list(values));
    }

    pub(crate) fn lasts(&mut self, lasts: &Option<Micros>) {
        if let Some(lasts) = lasts {
            self.text("for", lasts);
        }
    }

    pub(crate) fn head(&mut self, head: &str) {
        self.0 += &format!("\n{head}\n");
    }

    pub(crate) fn conditions(&mut self, conditions: &Conditions) {
        self.latency("latency", &conditions.latency);
        self.number("loss", conditions.loss);
        self.number("duplicate", conditions.duplicate);
    }

    pub(crate) fn latency(&mut self, field: &str, latency: &Latency) {
        match latency {
            Latency::Constant(latency) => self.text(field, latency),
            Latency::Uniform { min, max } => self.plain(field, format!("{{ min = \"{min}\", max = \"{max}\" }}")),
            Latency::LogNormal { median, p99 } => {
                self.plain(field, format!("{{ median = \"{median}\", p99 = \"{p99}\" }}"));
            }
        }
    }
}

pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

pub(crate) fn list(values: impl Iterator<Item = impl Display>) -> String {
    let values: Vec<String> = values.map(|value| quoted(&value.to_string())).collect();
    format!("[{}]", values.join(", "))
}
