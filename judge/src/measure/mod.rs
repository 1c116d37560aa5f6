//! The measures of docs/03-measures-and-checks.md. Each is one file: what it reads from a trace, what it forgets, its result, and
//! where people see it. [`crate::measurer`] drives them.

mod aborted_by;
mod anomalies;
mod costs;
mod deadlocks;
mod doubt;
mod ended;
mod exposed;
pub(crate) mod fold;
mod latency;
mod lock_wait;
mod locks;
mod pending;
mod recovery;
mod series;
mod slots;
mod spread;
mod stopwatch;

use crate::{beliefs, effects, history::History, shown::Shown};
use fold::{Measure, Results};
use indoubt_proto::observation::Stamped;
use indoubt_scenario::protocol::Family;

/// Makes [`MeasureSet`] from the list of measures. It is a macro, so that no line of a trace needs a dynamic call per measure.
macro_rules! measures {
    ($($name:ident: $measure:ty,)+) => {
        /// All measures of one run.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct MeasureSet {
            $($name: $measure,)+
        }

        impl MeasureSet {
            pub(crate) fn message(&mut self, seen: &Stamped, slot: usize, history: &History) {
                $(self.$name.message(seen, slot, history);)+
            }

            pub(crate) fn record(&mut self, seen: &Stamped, slot: usize) {
                $(self.$name.record(seen, slot);)+
            }

            pub(crate) fn client(&mut self, seen: &Stamped, slot: usize, history: &History) {
                $(self.$name.client(seen, slot, history);)+
            }

            pub(crate) fn progress(&mut self, seen: &Stamped, slot: usize, history: &History) {
                $(self.$name.progress(seen, slot, history);)+
                if history.family == Family::Saga {
                    // The series of locks also shows the number of pending records.
                    self.locks.pending(seen.t_us, self.pending.open(), slot, self.pending.any_of(slot));
                }
            }

            pub(crate) fn cluster(&mut self, seen: &Stamped, history: &History) {
                $(self.$name.cluster(seen, history);)+
            }

            pub(crate) fn is_quiet(&self, slot: usize) -> bool {
                $(self.$name.is_quiet(slot))&&+
            }

            pub(crate) fn forget(&mut self, slot: usize, t: i64, history: &History) {
                $(self.$name.forget(slot, t, history);)+
            }

            pub(crate) fn finish(self, history: &History) -> Results {
                let mut results = Results::default();
                $(self.$name.finish(history, &mut results);)+
                results
            }
        }

        /// [`Measure::SHOWN`] of each measure.
        const OF_TRACES: &[&[Shown]] = &[$(<$measure as Measure>::SHOWN,)+];
    };
}

// All measures, in the order in which they are shown.
measures! {
    doubt: doubt::Doubt,
    locks: locks::Locks,
    lock_wait: lock_wait::LockWait,
    recovery: recovery::Recovery,
    pending: pending::Pending,
    exposed: exposed::Exposed,
    ended: ended::Ended,
    clients: latency::Clients,
    aborted_by: aborted_by::Reasons,
    costs: costs::Costs,
    anomalies: anomalies::Anomalies,
}

/// The numbers that people see without asking, in the order in which they are shown.
pub fn shown() -> impl Iterator<Item = &'static Shown> {
    OF_TRACES.iter().copied().chain([effects::SHOWN, beliefs::SHOWN]).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::{Clients, Measures, Transactions};
    use indoubt_scenario::measures::numbers;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// Gives each number a different value.
    fn number(value: &mut Value, next: &mut u64) {
        match value {
            Value::Object(fields) => fields.values_mut().for_each(|value| number(value, next)),
            value => {
                *next += 1;
                *value = (*next).into();
            }
        }
    }

    #[test]
    fn a_number_is_shown_once_and_under_its_path() {
        let mut distinct = serde_json::to_value(Measures::default()).unwrap();
        number(&mut distinct, &mut 0);
        let measures: Measures = serde_json::from_value(distinct).unwrap();
        let numbers = numbers(&measures, &Transactions::default(), &Clients::default());
        let mut paths = BTreeSet::new();
        for shown in shown() {
            assert_eq!(numbers.get(shown.path).copied().flatten(), Some((shown.value)(&measures)), "{}", shown.path);
            assert!(paths.insert(shown.path), "{} is shown twice", shown.path);
        }
    }

    #[test]
    fn every_measure_is_in_the_report() {
        let measures = serde_json::to_value(Measures::default()).unwrap();
        let columns: BTreeSet<&str> =
            shown().filter(|shown| shown.column.is_some()).map(|shown| shown.path.split('.').next().unwrap()).collect();
        let missing: Vec<&String> =
            measures.as_object().unwrap().keys().filter(|name| !columns.contains(name.as_str())).collect();
        assert_eq!(missing, ["in_doubt_up_ms"], "the report has room for what it says in two other columns");
    }
}
