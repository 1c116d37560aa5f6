//! When a fault strikes: at a time, at what `on` says, or at messages.

use super::{
    error::ScenarioError,
    on,
    reader::{Table, Value},
    values::{all_nodes, lacks, node},
};
use crate::{
    faults::kind::When,
    points,
    protocol::Protocol,
    scenario::{Scenario, Trigger, Which},
};
use indoubt_proto::{ids::NodeId, time::Micros};

/// `at` or `on`.
pub(super) fn moment(table: &Table<'_, '_>, scenario: &Scenario, under: &[Protocol]) -> Result<Trigger, ScenarioError> {
    match (table.get("at"), table.get("on")) {
        (Some(at), None) => Ok(Trigger::At(time(&at, scenario)?)),
        (None, Some(on)) => on::on(&on, scenario, under),
        (Some(_), Some(on)) => Err(on.error("a fault has `at` or `on`, not both")),
        (None, None) => Err(table.error("[[fault]] needs `at` (a time) or `on` (a phase, a point, an effect)")),
    }
}

/// A time from the start of load, before the end of the run.
fn time(at: &Value<'_, '_>, scenario: &Scenario) -> Result<Micros, ScenarioError> {
    let end = scenario.duration + scenario.settle;
    match at.duration(Micros::ZERO..=Micros(u64::MAX))? {
        time if time >= end => Err(at.error(format!("{time} never comes: the run ends at {end} at the latest"))),
        time => Ok(time),
    }
}

pub(super) fn messages(
    table: &Table<'_, '_>,
    when: When,
    scenario: &Scenario,
    under: &[Protocol],
) -> Result<Trigger, ScenarioError> {
    let end = |field| table.read(field, |value| end(value, scenario));
    let (from, to) = (end("from")?, end("to")?);
    let message = match table.get("message") {
        Some(value) => Some(message(&value, when, from, to, scenario, under)?),
        None if when == When::Requests => {
            return Err(table.error("a `refuse` fault needs `message`: what is refused"));
        }
        None => None,
    };
    let nth = table.read("nth", |v| v.integer(1..=u64::MAX))?.map(Which::Nth);
    let first = table.read("count", |v| v.integer(1..=u64::MAX))?.map(Which::First);
    let share = table.read("share", |v| v.number("a share above 0, at most 1", |n| n > 0.0 && n <= 1.0))?;
    let mut which = [nth, first, share.map(Which::Share)].into_iter().flatten();
    let chosen = which.next().unwrap_or(Which::All);
    if which.next().is_some() {
        return Err(table.error("`nth`, `count` and `share` exclude each other"));
    }
    let from_time = table.read("at", |v| time(v, scenario))?.unwrap_or(Micros::ZERO);
    Ok(Trigger::Messages { from_time, from, to, message, which: chosen })
}

/// One end of messages: a node of the cluster, or a client.
fn end(value: &Value<'_, '_>, scenario: &Scenario) -> Result<NodeId, ScenarioError> {
    let client = value.string()?.parse().ok().filter(|node: &NodeId| node.is_client());
    match client {
        None => node(value, scenario.cluster),
        Some(client) if scenario.clients().any(|k| k == client) => Ok(client),
        Some(client) => Err(value.error(format!(
            "there is no client `{client}`; valid: {}, and the clients k1 to k{}",
            all_nodes(scenario.cluster),
            scenario.clients().count()
        ))),
    }
}

fn message(
    value: &Value<'_, '_>,
    when: When,
    from: Option<NodeId>,
    to: Option<NodeId>,
    scenario: &Scenario,
    under: &[Protocol],
) -> Result<String, ScenarioError> {
    let word = value.string()?;
    let work = scenario.options.work;
    let Some(info) = points::message(word) else {
        let mut valid: Vec<&str> = Vec::new();
        for info in under.iter().flat_map(|p| points::messages(*p, work)) {
            if !valid.contains(&info.kind.word()) {
                valid.push(info.kind.word());
            }
        }
        return Err(value.unknown("message", word, valid));
    };
    if let Some(other) = under.iter().find(|p| !points::messages(**p, work).any(|i| i.kind == info.kind)) {
        return Err(lacks(value, *other, &format!("no message `{word}`")));
    }
    if when == When::Requests && !info.can_fail {
        let valid: Vec<_> = under.iter().flat_map(|p| points::messages(*p, work)).filter(|i| i.can_fail).collect();
        let mut words: Vec<&str> = valid.iter().map(|i| i.kind.word()).collect();
        words.dedup();
        return Err(
            value.error(format!("`{word}` is not a request, so it cannot be refused; valid: {}", words.join(", ")))
        );
    }
    if let Some(from) = from.filter(|from| !info.is_sent_by(*from)) {
        return Err(value.error(format!("{from} never sends `{word}`")));
    }
    if let Some(to) = to.filter(|to| !info.is_taken_by(*to)) {
        return Err(value.error(format!("nobody sends `{word}` to {to}")));
    }
    Ok(word.into())
}
