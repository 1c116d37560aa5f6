//! `[[fault]]`: what breaks, and when.

use super::{
    error::ScenarioError,
    moment,
    reader::{Table, Value},
    values::{SOME, all_nodes, lacks, node, protocols},
};
use crate::{
    points,
    protocol::{Protocol, entry::Waiting},
    scenario::{Fault, FaultAction, MessageDeed, Scenario, Trigger, Which},
};
use indoubt_proto::{
    ids::{NodeId, Role},
    message::Decision,
    time::Micros,
};

pub(super) const FIELDS: [&str; 19] = [
    "on",
    "at",
    "do",
    "node",
    "restart_after",
    "keep",
    "for",
    "between",
    "one_way",
    "message",
    "from",
    "to",
    "nth",
    "count",
    "share",
    "by",
    "force",
    "decision",
    "protocols",
];

/// What each `do` knows besides `do` and `protocols`.
fn fields(kind: FaultKind) -> &'static [&'static str] {
    match kind {
        FaultKind::Kill => &["on", "at", "do", "protocols", "node", "restart_after", "keep"],
        FaultKind::LoseLog => &["on", "at", "do", "protocols", "node", "restart_after"],
        FaultKind::Restart | FaultKind::Resume => &["on", "at", "do", "protocols", "node"],
        FaultKind::Pause => &["on", "at", "do", "protocols", "node", "for"],
        FaultKind::Partition => &["on", "at", "do", "protocols", "between", "one_way", "for"],
        FaultKind::Heal => &["on", "at", "do", "protocols"],
        FaultKind::Delay => &["at", "do", "protocols", "message", "from", "to", "nth", "count", "share", "by", "for"],
        FaultKind::Drop | FaultKind::Duplicate | FaultKind::Refuse => {
            &["at", "do", "protocols", "message", "from", "to", "nth", "count", "share", "for"]
        }
        FaultKind::SlowDisk => &["on", "at", "do", "protocols", "node", "force", "for"],
        FaultKind::Resolve => &["on", "at", "do", "protocols", "node", "decision"],
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FaultKind {
    Kill,
    Restart,
    Pause,
    Resume,
    Partition,
    Heal,
    Delay,
    Drop,
    Duplicate,
    Refuse,
    SlowDisk,
    LoseLog,
    Resolve,
}

const KINDS: [(&str, FaultKind); 13] = [
    ("kill", FaultKind::Kill),
    ("restart", FaultKind::Restart),
    ("pause", FaultKind::Pause),
    ("resume", FaultKind::Resume),
    ("partition", FaultKind::Partition),
    ("heal", FaultKind::Heal),
    ("delay", FaultKind::Delay),
    ("drop", FaultKind::Drop),
    ("duplicate", FaultKind::Duplicate),
    ("refuse", FaultKind::Refuse),
    ("slow-disk", FaultKind::SlowDisk),
    ("lose-log", FaultKind::LoseLog),
    ("resolve", FaultKind::Resolve),
];

/// Reads one fault of a scenario whose sections are known.
pub(super) fn fault(table: &Table<'_, '_>, scenario: &Scenario) -> Result<Fault, ScenarioError> {
    let doing = table.need("do")?;
    let kind = doing.word("fault", KINDS.into_iter())?;
    let word = doing.string()?;
    table.named(format!("a `{word}` fault")).only(fields(kind))?;
    let own = table.read("protocols", protocols)?;
    let under = own.as_deref().unwrap_or(&scenario.protocols);
    let trigger = match kind {
        FaultKind::Delay | FaultKind::Drop | FaultKind::Duplicate | FaultKind::Refuse => {
            messages(table, kind, scenario, under)?
        }
        _ => moment(table, scenario, under)?,
    };
    let action = action(table, kind, scenario, under)?;
    in_time(table, &trigger, &action, scenario)?;
    Ok(Fault { protocols: own, ..Fault::new(trigger, action) })
}

fn action(
    table: &Table<'_, '_>,
    kind: FaultKind,
    scenario: &Scenario,
    under: &[Protocol],
) -> Result<FaultAction, ScenarioError> {
    let whom = || node(&table.need("node")?, scenario.cluster);
    let lasts = || table.read("for", |v| v.duration(SOME));
    let touch = |deed| Ok(FaultAction::Message { deed, lasts: lasts()? });
    match kind {
        FaultKind::Kill | FaultKind::LoseLog => Ok(FaultAction::Kill {
            node: whom()?,
            restart_after: table.read("restart_after", |v| v.duration(SOME))?,
            lose_log: kind == FaultKind::LoseLog,
            keep: table.read("keep", |v| v.integer(0..=u64::MAX))?,
        }),
        FaultKind::Restart => Ok(FaultAction::Restart { node: whom()? }),
        FaultKind::Pause => Ok(FaultAction::Pause { node: whom()?, lasts: lasts()? }),
        FaultKind::Resume => Ok(FaultAction::Resume { node: whom()? }),
        FaultKind::Partition => {
            let (left, right) = between(&table.need("between")?, scenario)?;
            let one_way = table.read("one_way", Value::bool)?.unwrap_or(false);
            Ok(FaultAction::Partition { left, right, one_way, lasts: lasts()? })
        }
        FaultKind::Heal => Ok(FaultAction::Heal),
        FaultKind::Drop => touch(MessageDeed::Drop),
        FaultKind::Duplicate => touch(MessageDeed::Duplicate),
        FaultKind::Refuse => touch(MessageDeed::Refuse),
        FaultKind::Delay => touch(MessageDeed::Delay(table.need("by")?.duration(SOME)?)),
        FaultKind::SlowDisk => {
            Ok(FaultAction::SlowDisk { node: whom()?, force: table.need("force")?.duration(SOME)?, lasts: lasts()? })
        }
        FaultKind::Resolve => resolve(table, scenario, under),
    }
}

fn resolve(table: &Table<'_, '_>, scenario: &Scenario, under: &[Protocol]) -> Result<FaultAction, ScenarioError> {
    if let Some(other) = under.iter().find(|p| p.family().entry().waiting != Waiting::Doubt) {
        return Err(lacks(&table.need("do")?, *other, "no branches in doubt to resolve"));
    }
    let words = [Decision::Commit, Decision::Abort].map(|d| (d.word(), d));
    let decision = table.need("decision")?.word("decision", words.into_iter())?;
    let nodes = match table.get("node") {
        None => scenario.cluster.participants().collect(),
        Some(value) => match node(&value, scenario.cluster)? {
            node if node.role == Role::Participant => vec![node],
            node => return Err(value.error(format!("{node} has no branches to resolve: name a participant"))),
        },
    };
    Ok(FaultAction::Resolve { nodes, decision })
}

fn between(value: &Value<'_, '_>, scenario: &Scenario) -> Result<(Vec<NodeId>, Vec<NodeId>), ScenarioError> {
    const WANTED: &str = "`between` must be two lists of nodes, such as [[\"coordinator\"], [\"p2\"]]";
    let sides = value.list().map_err(|_| value.error(WANTED))?;
    let [left, right] = sides.as_slice() else { return Err(value.error(WANTED)) };
    let mut seen: Vec<NodeId> = Vec::new();
    let mut side = |value: &Value<'_, '_>| {
        let mut nodes = Vec::new();
        for item in value.list().map_err(|_| value.error(WANTED))? {
            let node = node(&item, scenario.cluster)?;
            if seen.contains(&node) {
                return Err(item.error(format!("{node} stands in `between` twice")));
            }
            seen.push(node);
            nodes.push(node);
        }
        if nodes.is_empty() { Err(value.error(WANTED)) } else { Ok(nodes) }
    };
    Ok((side(left)?, side(right)?))
}

/// `at` or `on`.
fn moment(table: &Table<'_, '_>, scenario: &Scenario, under: &[Protocol]) -> Result<Trigger, ScenarioError> {
    match (table.get("at"), table.get("on")) {
        (Some(at), None) => Ok(Trigger::At(time(&at, scenario)?)),
        (None, Some(on)) => moment::on(&on, scenario, under),
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

fn messages(
    table: &Table<'_, '_>,
    kind: FaultKind,
    scenario: &Scenario,
    under: &[Protocol],
) -> Result<Trigger, ScenarioError> {
    let end = |field| table.read(field, |value| end(value, scenario));
    let (from, to) = (end("from")?, end("to")?);
    let message = match table.get("message") {
        Some(value) => Some(message(&value, kind, from, to, scenario, under)?),
        None if kind == FaultKind::Refuse => {
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
    kind: FaultKind,
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
    if kind == FaultKind::Refuse && !info.can_fail {
        let valid: Vec<_> = under.iter().flat_map(|p| points::messages(*p, work)).filter(|i| i.can_fail).collect();
        let mut words: Vec<&str> = valid.iter().map(|i| i.kind.word()).collect();
        words.dedup();
        return Err(
            value.error(format!("`{word}` is no request, so it cannot be refused; valid: {}", words.join(", ")))
        );
    }
    if let Some(from) = from.filter(|from| !info.is_sent_by(*from)) {
        return Err(value.error(format!("{from} never sends `{word}`")));
    }
    if let Some(to) = to.filter(|to| !info.is_taken_by(*to)) {
        return Err(value.error(format!("{to} is never sent `{word}`")));
    }
    Ok(word.into())
}

/// What lasts until the end of load cannot begin after it.
fn in_time(
    table: &Table<'_, '_>,
    trigger: &Trigger,
    action: &FaultAction,
    scenario: &Scenario,
) -> Result<(), ScenarioError> {
    let (Trigger::At(at) | Trigger::Messages { from_time: at, .. }) = trigger else { return Ok(()) };
    if *at >= scenario.duration && action.can_last() && action.lasts().is_none() {
        let message =
            format!("load ends at {}, and so does this fault: it needs a `for` of its own", scenario.duration);
        return Err(table.need("at")?.error(message));
    }
    Ok(())
}

/// A journal is seen to be lost by who opens it.
pub(super) fn somebody_opens_what_it_lost(
    value: &Value<'_, '_>,
    fault: &Fault,
    scenario: &Scenario,
) -> Result<(), ScenarioError> {
    let FaultAction::Kill { node, restart_after: None, lose_log: true, .. } = fault.action else { return Ok(()) };
    if scenario.faults.iter().any(|other| other.action == FaultAction::Restart { node }) {
        return Ok(());
    }
    let message =
        format!("{node} never comes back, so nobody would miss its log: `restart_after`, or a `restart` fault");
    Err(value.error(message))
}
