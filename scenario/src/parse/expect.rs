//! Parses `[[expect]]`.

use super::{
    error::ScenarioError,
    reader::{Table, Value},
};
use crate::{
    checks::CheckName,
    measures::metric_paths,
    protocol::Protocol,
    scenario::{Claim, Expect, Scenario},
};

pub(super) const FIELDS: [&str; 7] = ["protocol", "metric", "check", "min", "max", "equals", "holds"];

/// Reads one expectation.
pub(super) fn expect(table: &Table<'_, '_>, scenario: &Scenario) -> Result<Expect, ScenarioError> {
    let value = table.need("protocol")?;
    let protocol = value.word("protocol", Protocol::ALL.into_iter().map(|p| (p.name(), p)))?;
    if !scenario.protocols.contains(&protocol) {
        let run: Vec<&str> = scenario.protocols.iter().map(|p| p.name()).collect();
        return Err(value.error(format!("this scenario does not run `{protocol}`; it runs: {}", run.join(", "))));
    }
    let claim = match (table.get("metric"), table.get("check")) {
        (Some(value), None) => {
            table.named("an [[expect]] of a metric".into()).only(&["protocol", "metric", "min", "max", "equals"])?;
            metric(table, &value)?
        }
        (None, Some(value)) => {
            table.named("an [[expect]] of a check".into()).only(&["protocol", "check", "holds"])?;
            let name = value.word("check", CheckName::ALL.into_iter().map(|check| (check.word(), check)))?;
            Claim::Check { name, holds: table.need("holds")?.bool()? }
        }
        (Some(_), Some(value)) => return Err(value.error("an [[expect]] has `metric` or `check`, not both")),
        (None, None) => return Err(table.error("[[expect]] needs `metric` or `check`")),
    };
    let text = text(protocol, &claim);
    Ok(Expect { protocol, claim, text })
}

fn metric(table: &Table<'_, '_>, value: &Value<'_, '_>) -> Result<Claim, ScenarioError> {
    let path = value.string()?;
    let valid = metric_paths();
    if !valid.iter().any(|valid| valid == path) {
        // A measure with parts is not a whole path, so the message names its parts.
        let inside = format!("{path}.");
        let parts: Vec<&str> = valid.iter().filter_map(|valid| valid.strip_prefix(&inside)).collect();
        return Err(if parts.is_empty() {
            value.unknown("metric", path, valid.iter().map(String::as_str))
        } else {
            value.error(format!("unknown metric `{path}`: it needs one of its parts: {}", parts.join(", ")))
        });
    }
    let bound = |field| table.read(field, |v| v.number("a finite number", |_| true));
    let (min, max, equals) = (bound("min")?, bound("max")?, bound("equals")?);
    if min.is_none() && max.is_none() && equals.is_none() {
        return Err(table.error("[[expect]] needs `min`, `max` or `equals`"));
    }
    let least = min.into_iter().chain(equals).fold(f64::NEG_INFINITY, f64::max);
    let most = max.into_iter().chain(equals).fold(f64::INFINITY, f64::min);
    if least > most {
        return Err(
            table.error("nothing can satisfy this [[expect]]: its bounds exclude each other (`min`, `max`, `equals`)")
        );
    }
    Ok(Claim::Metric { path: path.into(), min, max, equals })
}

/// The expectation in one line for people.
fn text(protocol: Protocol, claim: &Claim) -> String {
    match claim {
        Claim::Metric { path, min, max, equals } => {
            let bounds = [("=", equals), (">=", min), ("<=", max)];
            let bounds: Vec<String> =
                bounds.iter().filter_map(|(sign, bound)| bound.map(|bound| format!("{sign} {bound}"))).collect();
            format!("{protocol}: {path} {}", bounds.join(" and "))
        }
        Claim::Check { name, holds: true } => format!("{protocol}: {name} holds"),
        Claim::Check { name, holds: false } => format!("{protocol}: {name} does not hold"),
    }
}
