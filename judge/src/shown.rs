//! Where people see the numbers of a run. Each measure says this in its file ([`crate::measure`]). The report, the table over seeds
//! and the swarm read [`crate::measure::shown`].

use crate::summary::Measures;

/// A number that people see without asking for it, and where. Expectations, sweeps and summary.csv know every number of
/// [`Measures`], whether it is shown or not.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    /// The path in `[[expect]]`.
    pub path: &'static str,
    /// Reads the number.
    pub value: fn(&Measures) -> f64,
    /// The unit of the number.
    pub unit: Unit,
    /// The table and the heading of its column in the report; `None` if the report does not show it.
    pub column: Option<(Table, &'static str)>,
    /// Which value over several seeds is the worst. `None` if the table over seeds has no row for the number.
    pub over_seeds: Option<Worst>,
    /// A text for the coverage of the swarm, and a bound: some run of a swarm should have a number above it.
    pub in_swarm: Option<(&'static str, f64)>,
}

/// The unit of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A time in milliseconds.
    Millis,
    /// A count.
    Count,
    /// A count per second.
    PerSecond,
    /// A count per transaction.
    PerTxn,
}

/// A table of the report that has one row per run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The table of times: how long clients, branches, locks and records wait.
    Waiting,
    /// The table of costs and of errors. It highlights counts of errors that are not 0.
    Costs,
}

/// Which value over several seeds is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worst {
    /// The largest value is the worst.
    Largest,
    /// The smallest value is the worst.
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

    /// A number with this unit, which is not shown anywhere yet.
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
