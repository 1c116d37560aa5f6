//! Where people see the numbers of a run. Each measure says it beside its fold ([`crate::measure`]); the report, the table
//! over seeds and the swarm read [`crate::measure::shown`].

use crate::summary::Measures;

/// A number that people see without asking for it, and where they do. Claims, sweeps and summary.csv know every number of
/// [`Measures`], shown or not.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// Its path, as `[[expect]]` knows it.
    pub path: &'static str,
    /// Where it stands.
    pub value: fn(&Measures) -> f64,
    /// What it counts.
    pub unit: Unit,
    /// Its column in the report: in which table, and under which heading.
    pub column: Option<(Table, &'static str)>,
    /// Whether the table over seeds has a row for it, and which of its values is the worst.
    pub over_seeds: Option<Worst>,
    /// What a swarm must see in some run, as its coverage names it: this number above that one.
    pub in_swarm: Option<(&'static str, f64)>,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Millis,
    /// Things, one by one.
    Count,
    /// Things a second.
    PerSecond,
    /// Things for each transaction.
    PerTxn,
}

/// A table of the report that has one row per run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// How long clients, branches, locks and records wait.
    Waiting,
    /// What a transaction costs, and what went wrong. A count that is not 0 stands out.
    Costs,
}

/// Which value over several seeds is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worst {
    /// The largest.
    Largest,
    /// The smallest.
    Smallest,
}

impl Shown {
    /// A time in milliseconds.
    pub(crate) const fn ms(path: &'static str, value: fn(&Measures) -> f64) -> Self {
        Shown::new(path, value, Unit::Millis)
    }

    /// A count.
    pub(crate) const fn count(path: &'static str, value: fn(&Measures) -> f64) -> Self {
        Shown::new(path, value, Unit::Count)
    }

    /// A number in this unit, shown nowhere yet.
    pub(crate) const fn new(path: &'static str, value: fn(&Measures) -> f64, unit: Unit) -> Self {
        Shown { path, value, unit, column: None, over_seeds: None, in_swarm: None }
    }

    pub(crate) const fn column(self, table: Table, heading: &'static str) -> Self {
        Shown { column: Some((table, heading)), ..self }
    }

    pub(crate) const fn over_seeds(self, worst: Worst) -> Self {
        Shown { over_seeds: Some(worst), ..self }
    }

    pub(crate) const fn in_swarm(self, event: &'static str, above: f64) -> Self {
        Shown { in_swarm: Some((event, above)), ..self }
    }
}
