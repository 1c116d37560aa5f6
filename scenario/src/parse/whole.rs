//! Parses a whole scenario, section by section. Faults, expectations and sweeps come last, because they are checked against the
//! other sections.

use super::{
    error::ScenarioError,
    expect, fault,
    reader::{Table, Value},
    sections::{Disk, clocks, cluster, disk, network, options, timeouts, workload},
    sweep,
    values::{ANY, SOME, protocols},
};
use crate::{protocol::Protocol, scenario::Scenario};
use indoubt_proto::time::Micros;

pub(super) const FIELDS: [&str; 16] = [
    "name",
    "about",
    "protocols",
    "seed",
    "duration",
    "settle",
    "cluster",
    "workload",
    "network",
    "disk",
    "clocks",
    "timeouts",
    "options",
    "fault",
    "expect",
    "sweep",
];

/// The most faults, and the most expectations, of one scenario.
const MOST_ENTRIES: usize = 1_000;

/// The default of `protocols`.
const DEFAULT_PROTOCOLS: [Protocol; 3] = [Protocol::TwoPhase, Protocol::Saga, Protocol::None];

pub(super) fn scenario(root: &Table<'_, '_>) -> Result<Scenario, ScenarioError> {
    let cluster = cluster(root)?;
    let Disk { force, compact_every } = disk(root)?;
    let mut scenario = Scenario {
        name: name(&root.need("name")?)?,
        about: root.read("about", Value::string)?.unwrap_or_default().into(),
        protocols: root.read("protocols", protocols)?.unwrap_or(DEFAULT_PROTOCOLS.into()),
        seed: root.read("seed", |v| v.integer(0..=u64::MAX))?.unwrap_or(1),
        duration: root.read("duration", |v| v.duration(SOME))?.unwrap_or(Micros::from_secs(10)),
        settle: root.read("settle", |v| v.duration(ANY))?.unwrap_or(Micros::from_secs(20)),
        cluster,
        workload: workload(root, cluster)?,
        network: network(root, cluster)?,
        force,
        compact_every,
        clocks: clocks(root, cluster)?,
        timeouts: timeouts(root)?,
        options: options(root)?,
        faults: Vec::new(),
        expects: Vec::new(),
        sweep: Vec::new(),
        planted: Default::default(),
    };
    let faults = entries(root, "fault")?;
    let fields = fault::fields();
    for value in &faults {
        let fault = fault::fault(&value.table("[[fault]]", &fields)?, &scenario)?;
        scenario.faults.push(fault);
    }
    fault::check(&faults, &scenario)?;
    for value in entries(root, "expect")? {
        let expect = expect::expect(&value.table("[[expect]]", &expect::FIELDS)?, &scenario)?;
        scenario.expects.push(expect);
    }
    scenario.sweep = root.read("sweep", |value| sweep::sweep(value, &scenario))?.unwrap_or_default();
    Ok(scenario)
}

/// The entries of a section that may come several times.
fn entries<'a, 'i>(root: &Table<'a, 'i>, section: &'static str) -> Result<Vec<Value<'a, 'i>>, ScenarioError> {
    let entries = root.read(section, Value::list)?.unwrap_or_default();
    match entries.get(MOST_ENTRIES) {
        None => Ok(entries),
        Some(extra) => {
            let count = entries.len();
            Err(extra.error(format!("there are {count} [[{section}]]; a scenario has at most {MOST_ENTRIES}")))
        }
    }
}

/// Reads the name of the scenario, which is also the name of a folder.
fn name(value: &Value<'_, '_>) -> Result<String, ScenarioError> {
    let name = value.string()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(plain) {
        return Err(value.error(format!(
            "`{name}` is not a valid name: it names a folder, so use at most 64 letters, digits, `-`, `_` and `.`"
        )));
    }
    Ok(name.into())
}
