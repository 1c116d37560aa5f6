//! `[[fault]]`: what breaks, and when.

use super::{
    error::ScenarioError,
    reader::{Table, Value},
    trigger,
    values::protocols,
};
use crate::{
    faults::{
        self, FaultAction,
        act::Act,
        kind::{Context, When, Word},
    },
    scenario::{Fault, Scenario, Trigger},
};

/// The fields of every fault that strikes at a moment.
const AT_A_MOMENT: [&str; 4] = ["on", "at", "do", "protocols"];
/// The fields of every fault that strikes at messages.
const AT_MESSAGES: [&str; 9] = ["at", "do", "protocols", "message", "from", "to", "nth", "count", "share"];

/// The fields that some fault knows.
pub(super) fn fields() -> Vec<&'static str> {
    let own = faults::words().flat_map(|(word, _)| word.fields);
    let mut fields = Vec::new();
    for field in AT_A_MOMENT.iter().chain(&AT_MESSAGES).chain(own) {
        if !fields.contains(field) {
            fields.push(*field);
        }
    }
    fields
}

/// Reads one fault of a scenario whose sections are known.
pub(super) fn fault(table: &Table<'_, '_>, scenario: &Scenario) -> Result<Fault, ScenarioError> {
    let doing = table.need("do")?;
    let (Word { word, when, fields }, entry) =
        doing.word("fault", faults::words().map(|(word, entry)| (word.word, (word, entry))))?;
    let common: &[&str] = if *when == When::Moment { &AT_A_MOMENT } else { &AT_MESSAGES };
    table.named(format!("a `{word}` fault")).only(&[common, fields].concat())?;
    let own = table.read("protocols", protocols)?;
    let under = own.as_deref().unwrap_or(&scenario.protocols);
    let trigger = match when {
        When::Moment => trigger::moment(table, scenario, under)?,
        When::Messages | When::Requests => trigger::messages(table, *when, scenario, under)?,
    };
    let action = (entry.parse)(table, &Context { word, cluster: scenario.cluster, protocols: under })?;
    in_time(table, &trigger, &action, scenario)?;
    Ok(Fault { protocols: own, ..Fault::new(trigger, action) })
}

/// Looks at faults that need others, once all are known.
pub(super) fn check(values: &[Value<'_, '_>], scenario: &Scenario) -> Result<(), ScenarioError> {
    let all: Vec<Act> = scenario.faults.iter().flat_map(|fault| fault.action.acts()).collect();
    for (value, fault) in values.iter().zip(&scenario.faults) {
        fault.action.kind().check(&all).map_err(|message| value.error(message))?;
    }
    Ok(())
}

/// What lasts until the end of load cannot begin after it.
fn in_time(
    table: &Table<'_, '_>,
    trigger: &Trigger,
    action: &FaultAction,
    scenario: &Scenario,
) -> Result<(), ScenarioError> {
    let (Trigger::At(at) | Trigger::Messages { from_time: at, .. }) = trigger else { return Ok(()) };
    if *at >= scenario.duration && action.ends_with_load() {
        let message =
            format!("load ends at {}, and so does this fault: it needs a `for` of its own", scenario.duration);
        return Err(table.need("at")?.error(message));
    }
    Ok(())
}
