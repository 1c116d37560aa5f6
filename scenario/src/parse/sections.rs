//! The sections of a scenario, with their defaults and limits (docs/02-scenarios.md).

use super::{
    error::ScenarioError,
    reader::{Table, Value},
    values::{SOME, latency, node},
};
use crate::scenario::{Arrivals, Clocks, Cluster, LinkOverride, Network, Patience, Workload, WorkloadKind};
use indoubt_driver::{
    clock::ClockRate,
    conditions::{Conditions, Latency},
};
use indoubt_proto::{
    settings::{AbortWhen, AnswerWhen, CompensateFrom, Options, Timeouts, WorkRound},
    time::Micros,
};

pub(super) const CLUSTER: [&str; 2] = ["participants", "coordinators"];
pub(super) const WORKLOAD: [&str; 15] = [
    "kind",
    "rate",
    "clients",
    "transactions",
    "keys",
    "skew",
    "touch",
    "refuse",
    "audit",
    "lookup",
    "opening",
    "timeout",
    "retries",
    "die",
    "ask_after",
];
pub(super) const NETWORK: [&str; 4] = ["latency", "loss", "duplicate", "link"];
pub(super) const LINK: [&str; 5] = ["from", "to", "latency", "loss", "duplicate"];
pub(super) const DISK: [&str; 2] = ["force", "compact_every"];
pub(super) const CLOCKS: [&str; 2] = ["drift", "node"];
pub(super) const CLOCK: [&str; 2] = ["node", "rate"];
pub(super) const TIMEOUTS: [&str; 4] = ["vote", "decision", "lock", "retry"];
pub(super) const OPTIONS: [&str; 10] = [
    "work",
    "read_only",
    "abort",
    "answer",
    "forward_recovery",
    "compensate_from",
    "compensation_attempts",
    "step_attempts",
    "retries",
    "remembered",
];

/// The default latency of a link, and of a forced write.
const A_MILLISECOND: Latency = Latency::Constant(Micros::from_millis(1));
/// The default of `compact_every`: the least number of records between two compactions of a journal.
pub const COMPACT_EVERY: u64 = 10_000;
/// The largest valid `drift`.
const MOST_DRIFT: f64 = 0.9;

/// The default of `touch`.
pub(super) fn default_touch(cluster: Cluster) -> u16 {
    cluster.participants.min(3)
}

pub(super) fn cluster(root: &Table<'_, '_>) -> Result<Cluster, ScenarioError> {
    let section = root.section("cluster", &CLUSTER)?;
    let count = |field, most: u64, default| match &section {
        Some(section) => Ok(section.read(field, |v| v.integer(1..=most))?.map_or(default, |n| n as u16)),
        None => Ok(default),
    };
    Ok(Cluster { participants: count("participants", 64, 3)?, coordinators: count("coordinators", 16, 2)? })
}

pub(super) fn workload(root: &Table<'_, '_>, cluster: Cluster) -> Result<Workload, ScenarioError> {
    const KINDS: [WorkloadKind; 3] = [WorkloadKind::Transfer, WorkloadKind::Order, WorkloadKind::Trip];
    let section =
        root.section("workload", &WORKLOAD)?.ok_or_else(|| root.error("a scenario needs a section [workload]"))?;
    let kind = section.need("kind")?.word("workload", KINDS.into_iter().map(|kind| (kind.word(), kind)))?;
    let rate = section.read("rate", |v| {
        v.number("a number of transactions per second, more than 0 and at most 1000000", |n| n > 0.0 && n <= 1e6)
    })?;
    let clients = section.read("clients", |v| v.integer(1..=10_000))?;
    let arrivals = match (rate, clients) {
        (Some(rate), None) => Arrivals::Rate(rate),
        (None, Some(clients)) => Arrivals::Clients(clients as u16),
        (Some(_), Some(_)) => {
            let clients = section.need("clients")?;
            return Err(clients.error("`rate` (open loop) and `clients` (closed loop) exclude each other"));
        }
        (None, None) => return Err(section.error("[workload] needs `rate` (open loop) or `clients` (closed loop)")),
    };
    let touch = match section.get("touch") {
        None => default_touch(cluster),
        Some(value) => match value.integer(1..=u16::MAX.into())? as u16 {
            touch if touch > cluster.participants => {
                let participants = cluster.participants;
                return Err(value.error(format!("`touch` is {touch}, but there are only {participants} participants")));
            }
            touch => touch,
        },
    };
    if kind == WorkloadKind::Transfer && touch < 2 {
        let message = "a transfer needs `touch` of at least 2, because money goes from one participant to another";
        return Err(section.get("touch").map_or_else(|| section.error(message), |value| value.error(message)));
    }
    let share = |field| Ok(section.read(field, Value::share)?.unwrap_or(0.0));
    Ok(Workload {
        kind,
        arrivals,
        transactions: section.read("transactions", |v| v.integer(1..=u64::MAX))?,
        keys: section.read("keys", |v| keys(v, cluster))?.unwrap_or(100),
        skew: section
            .read("skew", |v| v.number("an exponent from 0 to 10", |n| (0.0..=10.0).contains(&n)))?
            .unwrap_or(0.0),
        touch,
        refuse: share("refuse")?,
        audit: share("audit")?,
        lookup: share("lookup")?,
        opening: section.read("opening", |v| v.integer(0..=1_000_000_000))?.map(u64::cast_signed),
        patience: patience(&section)?,
    })
}

/// Reads how long clients wait for outcomes.
fn patience(section: &Table<'_, '_>) -> Result<Patience, ScenarioError> {
    let patience = Patience {
        timeout: section.read("timeout", |v| v.duration(SOME))?,
        retries: section.read("retries", |v| v.integer(0..=1_000))?.map_or(0, |n| n as u32),
        die: section.read("die", Value::share)?.unwrap_or(0.0),
        ask_after: section.read("ask_after", |v| v.duration(SOME))?,
    };
    if patience.timeout.is_none() && patience.retries > 0 {
        return Err(section
            .need("retries")?
            .error("`retries` needs `timeout`: a client that waits for ever never retries"));
    }
    if patience.timeout.is_none() && patience.die == 0.0 && patience.ask_after.is_some() {
        let message = "`ask_after` needs `timeout` or `die`: a client asks only if it gave up or died";
        return Err(section.need("ask_after")?.error(message));
    }
    Ok(patience)
}

/// Reads the number of groups of records. All participants together have a limited number of records of each sort, because both
/// worlds keep every balance in memory.
fn keys(value: &Value<'_, '_>, cluster: Cluster) -> Result<u32, ScenarioError> {
    const MOST_RECORDS: u64 = 4_000_000;
    let keys = value.integer(1..=1_000_000)?;
    let (participants, records) = (cluster.participants, keys * u64::from(cluster.participants));
    if records > MOST_RECORDS {
        return Err(value.error(format!(
            "`keys` of {keys} at {participants} participants makes {records} records of each sort; at most {MOST_RECORDS} are possible"
        )));
    }
    Ok(keys as u32)
}

pub(super) fn network(root: &Table<'_, '_>, cluster: Cluster) -> Result<Network, ScenarioError> {
    let plain = Conditions { latency: A_MILLISECOND, loss: 0.0, duplicate: 0.0 };
    let Some(section) = root.section("network", &NETWORK)? else {
        return Ok(Network { base: plain, links: Vec::new() });
    };
    let base = conditions(&section, plain)?;
    let mut links = Vec::new();
    for value in section.read("link", Value::list)?.unwrap_or_default() {
        let link = value.table("[[network.link]]", &LINK)?;
        let (from, to) = (node(&link.need("from")?, cluster)?, node(&link.need("to")?, cluster)?);
        if from == to || !(from.role.dials(to.role) || to.role.dials(from.role)) {
            return Err(link.need("to")?.error(format!("there is no link from {from} to {to}")));
        }
        links.push(LinkOverride { from, to, conditions: conditions(&link, base)? });
    }
    Ok(Network { base, links })
}

fn conditions(table: &Table<'_, '_>, default: Conditions) -> Result<Conditions, ScenarioError> {
    Ok(Conditions {
        latency: table.read("latency", latency)?.unwrap_or(default.latency),
        loss: table.read("loss", Value::share)?.unwrap_or(default.loss),
        duplicate: table.read("duplicate", Value::share)?.unwrap_or(default.duplicate),
    })
}

/// The section `[disk]`.
pub(super) struct Disk {
    pub(super) force: Latency,
    pub(super) compact_every: u64,
}

pub(super) fn disk(root: &Table<'_, '_>) -> Result<Disk, ScenarioError> {
    let default = Disk { force: A_MILLISECOND, compact_every: COMPACT_EVERY };
    let Some(section) = root.section("disk", &DISK)? else { return Ok(default) };
    Ok(Disk {
        force: section.read("force", latency)?.unwrap_or(default.force),
        compact_every: section.read("compact_every", |v| v.integer(1..=1_000_000))?.unwrap_or(default.compact_every),
    })
}

pub(super) fn clocks(root: &Table<'_, '_>, cluster: Cluster) -> Result<Clocks, ScenarioError> {
    let Some(section) = root.section("clocks", &CLOCKS)? else { return Ok(Clocks::default()) };
    let what = format!("a share from 0 to {MOST_DRIFT}");
    let drift = section.read("drift", |v| v.number(&what, |n| (0.0..=MOST_DRIFT).contains(&n)))?.unwrap_or(0.0);
    let mut nodes = Vec::new();
    for value in section.read("node", Value::list)?.unwrap_or_default() {
        let clock = value.table("[[clocks.node]]", &CLOCK)?;
        let what = format!("a rate from {} to {}", ClockRate::SLOWEST, ClockRate::FASTEST);
        let rate = clock.need("rate")?.number(&what, |n| ClockRate::new(n).is_some())?;
        nodes.push((node(&clock.need("node")?, cluster)?, ClockRate::new(rate).expect("just checked")));
    }
    Ok(Clocks { drift, nodes })
}

pub(super) fn timeouts(root: &Table<'_, '_>) -> Result<Timeouts, ScenarioError> {
    let default = Timeouts::default();
    let Some(section) = root.section("timeouts", &TIMEOUTS)? else { return Ok(default) };
    let read = |field, default| Ok(section.read(field, |v| v.duration(SOME))?.unwrap_or(default));
    Ok(Timeouts {
        vote: read("vote", default.vote)?,
        decision: read("decision", default.decision)?,
        lock: read("lock", default.lock)?,
        retry: read("retry", default.retry)?,
    })
}

pub(super) fn options(root: &Table<'_, '_>) -> Result<Options, ScenarioError> {
    let default = Options::default();
    let Some(section) = root.section("options", &OPTIONS)? else { return Ok(default) };
    let flag = |field, default| Ok(section.read(field, Value::bool)?.unwrap_or(default));
    let count = |field, least, default| {
        Ok(section.read(field, |v| v.integer(least..=1_000_000))?.map_or(default, |n| n as u32))
    };
    let works = [("separate", WorkRound::Separate), ("with-prepare", WorkRound::WithPrepare)];
    let aborts = [("at-once", AbortWhen::AtOnce), ("after-all-votes", AbortWhen::AfterAllVotes)];
    let answers = [("decided", AnswerWhen::Decided), ("acknowledged", AnswerWhen::Acknowledged)];
    let froms = [("previous", CompensateFrom::Previous), ("failed", CompensateFrom::Failed)];
    Ok(Options {
        work: section.read("work", |v| v.word("value of `work`,", works.into_iter()))?.unwrap_or(default.work),
        read_only: flag("read_only", default.read_only)?,
        abort: section.read("abort", |v| v.word("value of `abort`,", aborts.into_iter()))?.unwrap_or(default.abort),
        answer: section
            .read("answer", |v| v.word("value of `answer`,", answers.into_iter()))?
            .unwrap_or(default.answer),
        forward_recovery: flag("forward_recovery", default.forward_recovery)?,
        compensate_from: section
            .read("compensate_from", |v| v.word("value of `compensate_from`,", froms.into_iter()))?
            .unwrap_or(default.compensate_from),
        compensation_attempts: count("compensation_attempts", 1, default.compensation_attempts)?,
        step_attempts: count("step_attempts", 1, default.step_attempts)?,
        retries: count("retries", 0, default.retries)?,
        remembered: count("remembered", 0, default.remembered)?,
    })
}
