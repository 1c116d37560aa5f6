//! Parses `[[expect]]`.

use super::{
    error::ScenarioError,
    reader::{Table, Value},
};
use crate::{
    checks::CheckName,
    measures::metric_paths,
    protocol::Protocol,
    scenario::{Claim, Expect, Order, Scenario, Seeds},
};

pub(super) const FIELDS: [&str; 10] =
    ["protocol", "metric", "check", "min", "max", "equals", "below", "above", "holds", "seeds"];

/// Reads one expectation.
pub(super) fn expect(table: &Table<'_, '_>, scenario: &Scenario) -> Result<Expect, ScenarioError> {
    let protocol = protocol(&table.need("protocol")?, scenario)?;
    let claim = match (table.get("metric"), table.get("check")) {
        (Some(value), None) => {
            let fields = ["protocol", "metric", "min", "max", "equals", "below", "above", "seeds"];
            table.named("an [[expect]] of a metric".into()).only(&fields)?;
            metric(table, &value, protocol, scenario)?
        }
        (None, Some(value)) => {
            table.named("an [[expect]] of a check".into()).only(&["protocol", "check", "holds", "seeds"])?;
            let name = value.word("check", CheckName::ALL.into_iter().map(|check| (check.word(), check)))?;
            Claim::Check { name, holds: table.need("holds")?.bool()? }
        }
        (Some(_), Some(value)) => return Err(value.error("an [[expect]] has `metric` or `check`, not both")),
        (None, None) => return Err(table.error("[[expect]] needs `metric` or `check`")),
    };
    let seeds = table.read("seeds", |value| seeds(value, &claim))?.unwrap_or(Seeds::Each);
    let text = text(protocol, &claim, seeds);
    Ok(Expect { protocol, claim, seeds, text })
}

/// Reads a protocol that the scenario runs.
fn protocol(value: &Value<'_, '_>, scenario: &Scenario) -> Result<Protocol, ScenarioError> {
    let protocol = value.word("protocol", Protocol::ALL.into_iter().map(|p| (p.name(), p)))?;
    if !scenario.protocols.contains(&protocol) {
        let run: Vec<&str> = scenario.protocols.iter().map(|p| p.name()).collect();
        return Err(value.error(format!("this scenario does not run `{protocol}`; it runs: {}", run.join(", "))));
    }
    Ok(protocol)
}

/// Reads what is expected of a metric: bounds, or a comparison with another protocol.
fn metric(
    table: &Table<'_, '_>,
    value: &Value<'_, '_>,
    own: Protocol,
    scenario: &Scenario,
) -> Result<Claim, ScenarioError> {
    let path = path(value)?;
    let bound = |field| table.read(field, |v| v.number("a finite number", |_| true));
    let (min, max, equals) = (bound("min")?, bound("max")?, bound("equals")?);
    let bounded = min.is_some() || max.is_some() || equals.is_some();
    let comparison = match (table.get("below"), table.get("above")) {
        (Some(value), None) => Some((Order::Below, value)),
        (None, Some(value)) => Some((Order::Above, value)),
        (Some(_), Some(value)) => return Err(value.error("an [[expect]] has `below` or `above`, not both")),
        (None, None) => None,
    };
    if let Some((order, value)) = comparison {
        if bounded {
            let message = format!("an [[expect]] has bounds (`min`, `max`, `equals`) or `{}`, not both", order.word());
            return Err(value.error(message));
        }
        let other = protocol(&value, scenario)?;
        if other == own {
            return Err(value.error(format!("`{other}` cannot be compared with itself; name another protocol")));
        }
        return Ok(Claim::Compare { path, order, other });
    }
    if !bounded {
        return Err(table.error("[[expect]] needs `min`, `max` or `equals`, or `below` or `above` with a protocol"));
    }
    let least = min.into_iter().chain(equals).fold(f64::NEG_INFINITY, f64::max);
    let most = max.into_iter().chain(equals).fold(f64::INFINITY, f64::min);
    if least > most {
        return Err(
            table.error("nothing can satisfy this [[expect]]: its bounds exclude each other (`min`, `max`, `equals`)")
        );
    }
    Ok(Claim::Metric { path, min, max, equals })
}

fn path(value: &Value<'_, '_>) -> Result<String, ScenarioError> {
    let path = value.string()?;
    let valid = metric_paths();
    if valid.iter().any(|valid| valid == path) {
        return Ok(path.into());
    }
    // A measure with parts is not a whole path, so the message names its parts.
    let inside = format!("{path}.");
    let parts: Vec<&str> = valid.iter().filter_map(|valid| valid.strip_prefix(&inside)).collect();
    Err(if parts.is_empty() {
        value.unknown("metric", path, valid.iter().map(String::as_str))
    } else {
        value.error(format!("unknown metric `{path}`: it needs one of its parts: {}", parts.join(", ")))
    })
}

/// Reads under which seeds something is expected.
fn seeds(value: &Value<'_, '_>, claim: &Claim) -> Result<Seeds, ScenarioError> {
    let text = value.string()?;
    if text == "median" {
        return match claim {
            Claim::Metric { .. } | Claim::Compare { .. } => Ok(Seeds::Median),
            Claim::Check { .. } => {
                Err(value.error("a check has no median; say under how many seeds, as in \">= 95%\""))
            }
        };
    }
    let share = |sign| {
        let number = text.strip_prefix(sign)?.trim().strip_suffix('%')?.trim_end().parse::<f64>().ok()?;
        (0.0..=100.0).contains(&number).then_some(number)
    };
    share(">=").map(Seeds::AtLeast).or_else(|| share("<=").map(Seeds::AtMost)).ok_or_else(|| {
        value.error(format!(
            "`seeds` must be a share of the seeds, such as \">= 95%\" or \"<= 5%\", or \"median\", not `{text}`"
        ))
    })
}

/// The expectation in one line for people.
fn text(protocol: Protocol, claim: &Claim, seeds: Seeds) -> String {
    let what = match claim {
        Claim::Metric { path, min, max, equals } => {
            let bounds = [("=", equals), (">=", min), ("<=", max)];
            let bounds: Vec<String> =
                bounds.iter().filter_map(|(sign, bound)| bound.map(|bound| format!("{sign} {bound}"))).collect();
            format!("{path} {}", bounds.join(" and "))
        }
        Claim::Compare { path, order, other } => format!("{path} {} that of {other}", order.word()),
        Claim::Check { name, holds: true } => format!("{name} holds"),
        Claim::Check { name, holds: false } => format!("{name} does not hold"),
    };
    match seeds {
        Seeds::Each => format!("{protocol}: {what}"),
        Seeds::AtLeast(share) => format!("{protocol}: {what}, under at least {share}% of the seeds"),
        Seeds::AtMost(share) => format!("{protocol}: {what}, under at most {share}% of the seeds"),
        Seeds::Median => format!("{protocol}: the median over seeds of {what}"),
    }
}
