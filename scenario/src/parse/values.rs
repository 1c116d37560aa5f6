//! Reads the values that several sections have: durations and latencies, nodes, lists of protocols.

use super::{error::ScenarioError, reader::Value};
use crate::{protocol::Protocol, scenario::cluster::Cluster};
use indoubt_driver::conditions::Latency;
use indoubt_proto::{ids::NodeId, time::Micros};
use std::ops::RangeInclusive;

pub(crate) const LATENCY: [&str; 4] = ["min", "max", "median", "p99"];
/// The longest valid duration in a scenario.
pub const LONGEST_DURATION: Micros = Micros::from_secs(3600);
/// Any valid duration, including 0.
pub(crate) const ANY: RangeInclusive<Micros> = Micros::ZERO..=LONGEST_DURATION;
/// Any valid duration except 0. With a timeout of 0, a machine would spin.
pub(crate) const SOME: RangeInclusive<Micros> = Micros(1)..=LONGEST_DURATION;

/// Reads a list of protocols without duplicates.
pub(crate) fn protocols(value: &Value<'_, '_>) -> Result<Vec<Protocol>, ScenarioError> {
    let mut protocols = Vec::new();
    for item in value.list()? {
        let protocol = item.word("protocol", Protocol::ALL.into_iter().map(|p| (p.name(), p)))?;
        if protocols.contains(&protocol) {
            return Err(item.error(format!("`{protocol}` is listed twice")));
        }
        protocols.push(protocol);
    }
    if protocols.is_empty() {
        return Err(value.error("`protocols` must name at least one protocol"));
    }
    Ok(protocols)
}

pub(crate) fn latency(value: &Value<'_, '_>) -> Result<Latency, ScenarioError> {
    if !value.is_table() {
        return Ok(Latency::Constant(value.duration(ANY)?));
    }
    let table = value.table(format!("`{}`", value.field), &LATENCY)?;
    let ends = |low: &str, high: &str, least: RangeInclusive<Micros>| {
        let low = table.need(low)?.duration(least)?;
        let value = table.need(high)?;
        match value.duration(ANY)? {
            high if high < low => Err(value.error(format!("`{}` is less than {low}", value.field))),
            high => Ok((low, high)),
        }
    };
    if table.get("min").is_some() || table.get("max").is_some() {
        table.only(&["min", "max"])?;
        let (min, max) = ends("min", "max", ANY)?;
        Ok(Latency::Uniform { min, max })
    } else {
        let (median, p99) = ends("median", "p99", SOME)?;
        Ok(Latency::LogNormal { median, p99 })
    }
}

/// Reads a node of the cluster. `coordinator` means c1.
pub(crate) fn node(value: &Value<'_, '_>, cluster: Cluster) -> Result<NodeId, ScenarioError> {
    let name = value.string()?;
    if name == "coordinator" {
        return Ok(NodeId::coordinating(1));
    }
    let found = name.parse().ok().filter(|node| cluster.nodes().any(|n| n == *node));
    found.ok_or_else(|| value.error(format!("there is no node `{name}`; valid: {}", all_nodes(cluster))))
}

pub(crate) fn all_nodes(cluster: Cluster) -> String {
    let range = |letter, count| match count {
        1 => format!("{letter}1"),
        2 => format!("{letter}1, {letter}2"),
        _ => format!("{letter}1 to {letter}{count}"),
    };
    format!("coordinator (c1), {}, {}", range('c', cluster.coordinators), range('p', cluster.participants))
}

/// An error about something that one of the scenario's protocols does not have.
pub(crate) fn lacks(value: &Value<'_, '_>, protocol: Protocol, what: &str) -> ScenarioError {
    value.error(format!("`{protocol}` has {what}: restrict the fault with `protocols`"))
}
