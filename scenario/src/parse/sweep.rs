//! Parses `[sweep]`: which parameters take which values.

use super::{
    error::ScenarioError,
    fault, on,
    reader::{Value, hint},
    sections, values,
};
use crate::{
    measures::metric_paths,
    scenario::{SWEEP_LABELS, SWEEP_METRICS, Scenario},
};

/// Reads the sweep of a scenario: parameter paths and their values. Several paths with commas between them change together. The
/// keys [`SWEEP_METRICS`] and [`SWEEP_LABELS`] say what charts show. This function checks the paths; values are checked when
/// they are set.
pub(super) fn sweep(value: &Value<'_, '_>, scenario: &Scenario) -> Result<Vec<(String, Vec<String>)>, ScenarioError> {
    let valid = paths(scenario);
    let mut sweep = Vec::new();
    for entry in value.any_table()?.entries() {
        let path = &entry.field;
        if path == SWEEP_METRICS {
            sweep.push((path.clone(), entry.list()?.iter().map(metric).collect::<Result<Vec<_>, _>>()?));
            continue;
        }
        if path == SWEEP_LABELS {
            let texts = entry.list()?.iter().map(|v| v.string().map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
            sweep.push((path.clone(), texts));
            continue;
        }
        for one in path.split(',').map(str::trim) {
            if !valid.iter().any(|known| known == one) {
                let hint = hint(one, valid.iter().map(String::as_str));
                return Err(entry.error(format!("unknown parameter `{one}` in [sweep]{hint}")));
            }
        }
        let values = entry.list()?.iter().map(Value::scalar).collect::<Result<Vec<_>, _>>()?;
        if values.is_empty() {
            return Err(entry.error(format!("`{path}` needs at least one value")));
        }
        if let Some(twice) = values.iter().enumerate().find(|(at, value)| values[..*at].contains(value)) {
            return Err(entry.error(format!("`{path}` has the value `{}` twice", twice.1)));
        }
        sweep.push((path.clone(), values));
    }
    Ok(sweep)
}

/// Reads a metric that charts show.
fn metric(value: &Value<'_, '_>) -> Result<String, ScenarioError> {
    let name = value.string()?;
    let known = metric_paths();
    if !known.iter().any(|path| path == name) {
        return Err(value.error(format!("unknown metric `{name}`{}", hint(name, known.iter().map(String::as_str)))));
    }
    Ok(name.to_owned())
}

/// The paths of all parameters of this scenario.
fn paths(scenario: &Scenario) -> Vec<String> {
    let mut paths: Vec<String> = ["seed", "duration", "settle"].map(String::from).into();
    let mut add = |prefix: &str, fields: &[&str]| paths.extend(fields.iter().map(|field| format!("{prefix}.{field}")));
    add("cluster", &sections::CLUSTER);
    add("workload", &sections::WORKLOAD);
    add("network", &["latency", "loss", "duplicate"]);
    add("network.latency", &values::LATENCY);
    add("disk", &sections::DISK);
    add("clocks", &["drift"]);
    add("timeouts", &sections::TIMEOUTS);
    add("options", &sections::OPTIONS);
    for at in 0..scenario.network.links.len() {
        add(&format!("network.link.{at}"), &sections::LINK);
        add(&format!("network.link.{at}.latency"), &values::LATENCY);
    }
    for at in 0..scenario.faults.len() {
        add(&format!("fault.{at}"), &fault::fields());
        add(&format!("fault.{at}.on"), &on::FIELDS);
    }
    paths
}
