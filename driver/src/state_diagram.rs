//! Compares the state diagram in the documentation of a machine with the changes of state that are seen while it runs.
//!
//! A diagram is a list of lines `//! from -> to | to`. Its states have the names of the variants in the code. An item begins from `new`
//! or, after a restart, from `recovered`, and ends with `over`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

/// Changes of state: from where, and where to.
pub type Edges = BTreeSet<(String, String)>;

/// Returns the edges that are drawn in the documentation of a module.
pub fn drawn(source: &str) -> Edges {
    let lines = source.lines().filter_map(|line| line.strip_prefix("//! ")?.split_once(" -> "));
    lines.flat_map(|(from, to)| to.split(" | ").map(move |to| (from.trim().into(), to.trim().into()))).collect()
}

/// The state of each item, by its name.
pub type States = BTreeMap<String, String>;

/// Returns the states of items of the type `item` in a machine, as its `Debug` output tells them. `name` gives the name of an item, from
/// the text of its fields before the field `state`; `None` leaves the item out.
pub fn states(machine: &impl Debug, item: &str, name: impl Fn(&str) -> Option<&str>) -> States {
    let machine = format!("{machine:?}");
    let state = |text: &str| {
        let (fields, state) = text.split_once("state: ")?;
        let state = state.split(|c: char| !c.is_alphanumeric()).next()?;
        Some((name(fields)?.to_owned(), state.to_owned()))
    };
    machine.split(&format!(" {item} {{")).skip(1).filter_map(state).collect()
}

/// The edges that are seen while a machine runs.
#[derive(Debug, Default)]
pub struct SeenEdges {
    /// The edges so far.
    pub edges: Edges,
    before: States,
}

impl SeenEdges {
    /// Takes the states after an input.
    pub fn after_input(&mut self, now: States) {
        for (name, to) in &now {
            let from = self.before.remove(name).unwrap_or_else(|| "new".into());
            if from != *to {
                self.edges.insert((from, to.clone()));
            }
        }
        let ended = std::mem::replace(&mut self.before, now);
        self.edges.extend(ended.into_values().map(|from| (from, "over".into())));
    }

    /// Takes the states after a restart.
    pub fn after_restart(&mut self, now: States) {
        self.edges.extend(now.values().map(|to| ("recovered".into(), to.clone())));
        self.before = now;
    }
}
