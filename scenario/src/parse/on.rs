//! Parses `on = …`: a phase, which every protocol has, or a point of a protocol, or an exact effect.

use super::{
    error::ScenarioError,
    reader::{Table, Value},
    values::{lacks, node},
};
use crate::{
    points,
    protocol::Protocol,
    scenario::{Counted, Scenario, Trigger},
};
use indoubt_driver::gate::{Edge, Selector, Verb};
use indoubt_proto::{
    ids::{NodeId, Role},
    observation::Phase,
};

pub(super) const FIELDS: [&str; 6] = ["phase", "node", "point", "effect", "edge", "nth"];

/// Reads the moment of a fault that acts under the protocols in `under`.
pub(super) fn on(value: &Value<'_, '_>, scenario: &Scenario, under: &[Protocol]) -> Result<Trigger, ScenarioError> {
    let table = value.table("`on`", &FIELDS)?;
    let nth = table.read("nth", |v| v.integer(1..=u64::MAX))?.unwrap_or(1);
    match (table.get("phase"), table.get("point"), table.get("effect")) {
        (Some(value), None, None) => {
            table.named("an `on` with `phase`".into()).only(&["phase", "node", "nth"])?;
            phase(&table, &value, nth, scenario, under)
        }
        (None, Some(value), None) => {
            table.named("an `on` with `point`".into()).only(&["point", "node", "nth"])?;
            point(&table, &value, nth, scenario, under)
        }
        (None, None, Some(value)) => effect(&table, &value, nth, scenario, under),
        _ => Err(table.error("`on` needs one of `phase`, `point` and `effect`")),
    }
}

fn phase(
    table: &Table<'_, '_>,
    value: &Value<'_, '_>,
    nth: u64,
    scenario: &Scenario,
    under: &[Protocol],
) -> Result<Trigger, ScenarioError> {
    let phase = value.word("phase", Phase::ALL.into_iter().map(|phase| (phase.word(), phase)))?;
    if let Some(other) = under.iter().find(|p| points::phase_meaning(p.family(), phase).is_none()) {
        return Err(lacks(value, *other, &format!("no phase `{}`", phase.word())));
    }
    let home = match table.get("node") {
        None => NodeId::coordinating(1),
        Some(value) => match node(&value, scenario.cluster)? {
            node if node.role == Role::Coordinating => node,
            node => {
                return Err(value.error(format!("phases are counted at a coordinating node; {node} is not one")));
            }
        },
    };
    Ok(Trigger::Phase { home, phase, nth })
}

fn point(
    table: &Table<'_, '_>,
    value: &Value<'_, '_>,
    nth: u64,
    scenario: &Scenario,
    under: &[Protocol],
) -> Result<Trigger, ScenarioError> {
    let name = value.string()?;
    let (plain, step) = match name.split_once(':') {
        None => (name, None),
        Some((plain, step)) => (plain, Some(self::step(value, step)?)),
    };
    let Some(point) = points::point(plain) else {
        let mut valid: Vec<&str> = under.iter().flat_map(|p| points::points(*p)).map(|p| p.name).collect();
        valid.dedup();
        return Err(value.unknown("point", plain, valid));
    };
    if let Some(other) = under.iter().find(|p| !p.has_point(point)) {
        return Err(lacks(value, *other, &format!("no point `{plain}`")));
    }
    if step.is_some() && !point.steps {
        return Err(value.error(format!("`{plain}` takes no step number, so `{name}` is not a point")));
    }
    let at = table.need("node")?;
    let subject = node(&at, scenario.cluster)?;
    if subject.role != point.role {
        let whose = if point.role == Role::Participant { "a participant" } else { "a coordinating node" };
        return Err(at.error(format!("`{plain}` is a point of {whose}; {subject} is not one")));
    }
    let (nodes, selector) = point.watch(subject, step, scenario.cluster.coordinating());
    Ok(Trigger::Moment { subject, nodes, selector, counted: Counted::Transactions, nth, name: name.into() })
}

fn effect(
    table: &Table<'_, '_>,
    value: &Value<'_, '_>,
    nth: u64,
    scenario: &Scenario,
    under: &[Protocol],
) -> Result<Trigger, ScenarioError> {
    let subject = node(&table.need("node")?, scenario.cluster)?;
    let name = value.string()?;
    let mut parts = name.split(':');
    let first = parts.next().unwrap_or_default();
    let Some(verb) = Verb::from_word(first) else {
        return Err(value.unknown("verb", first, Verb::ALL.map(Verb::word)));
    };
    let Some(word) = parts.next() else {
        return Err(value.error(format!("`{name}` needs a word after its verb, such as `append:committed`")));
    };
    check_word(value, verb, word, subject, scenario, under)?;
    let mut selector = Selector { word: Some(word.into()), ..Selector::any(verb) };
    for part in parts {
        if part.starts_with(|c: char| c.is_ascii_digit()) && selector.step.is_none() && points::has_steps(verb, word) {
            selector.step = Some(step(value, part)?);
        } else if points::qualifiers(verb, word).contains(&part)
            && selector.qualifier.is_none()
            && selector.step.is_none()
        {
            selector.qualifier = Some(part.into());
        } else {
            return Err(value.unknown("part of an effect", part, points::qualifiers(verb, word).iter().copied()));
        }
    }
    let edges = [("before", Edge::Before), ("after", Edge::After)];
    let edge = table.read("edge", |v| v.word("edge", edges.into_iter()))?.unwrap_or_default();
    // Nothing happens between the two edges of an observation, so both are the same.
    selector.edge = if verb == Verb::Observe { Edge::Before } else { edge };
    let (nodes, name) = (vec![subject], name.into());
    Ok(Trigger::Moment { subject, nodes, selector, counted: Counted::Effects, nth, name })
}

/// Checks that nodes like `node` do this under every protocol of the fault.
fn check_word(
    value: &Value<'_, '_>,
    verb: Verb,
    word: &str,
    node: NodeId,
    scenario: &Scenario,
    under: &[Protocol],
) -> Result<(), ScenarioError> {
    let words = |protocol: Protocol| -> Vec<&'static str> {
        let messages = points::messages(protocol, scenario.options.work);
        match verb {
            Verb::Append => points::appends(protocol, node.role).collect(),
            Verb::Observe => points::observations(protocol.family(), node.role).to_vec(),
            Verb::Send => messages.filter(|i| i.is_sent_by(node)).map(|i| i.kind.word()).collect(),
            Verb::Deliver => messages.filter(|i| i.is_taken_by(node)).map(|i| i.kind.word()).collect(),
        }
    };
    let what = match verb {
        Verb::Append => "record",
        Verb::Observe => "observation",
        Verb::Send | Verb::Deliver => "message",
    };
    let Some(other) = under.iter().find(|p| !words(**p).contains(&word)) else { return Ok(()) };
    if under.iter().any(|p| words(*p).contains(&word)) {
        return Err(lacks(value, *other, &format!("no {what} `{word}` at {node}")));
    }
    let mut valid: Vec<&str> = under.iter().flat_map(|p| words(*p)).collect();
    valid.sort_unstable();
    valid.dedup();
    Err(value.unknown(&format!("{what} of {node},"), word, valid))
}

fn step(value: &Value<'_, '_>, text: &str) -> Result<u32, ScenarioError> {
    let step = text.parse().ok().filter(|step| *step > 0);
    step.ok_or_else(|| value.error(format!("`{text}` is not a step number; steps count from 1")))
}
