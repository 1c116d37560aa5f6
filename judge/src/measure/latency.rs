//! The measures of clients: `latency_ms`, `throughput_tps`, `unavailable_ms`.

use super::{
    fold::{Measure, Results},
    series::Successes,
    slots::at,
    spread::Sample,
};
use crate::{
    history::History,
    shown::{Shown, Table, Unit, Worst},
    summary::Latency,
};
use indoubt_proto::{
    message::OutcomeWord,
    observation::{Observation, Stamped},
    time::Micros,
};
use std::collections::BTreeMap;

/// Measures latencies and successes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    /// For each slot of a transaction without an answer: its scheduled arrival, and whether it is an audit.
    due: Vec<Option<(i64, bool)>>,
    succeeded: Sample,
    aborted: Sample,
    compensated: Sample,
    refused: Sample,
    unknown: Sample,
    audit: Sample,
    /// The successes that clients were told, including audits: over time, and their number while clients submitted load.
    successes: Successes,
    within: u64,
    /// The time of the last success, and the longest time without one, counted from the start of the load.
    last: i64,
    longest: i64,
}

impl Measure for Clients {
    const SHOWN: &'static [Shown] = &[
        Shown::ms("latency_ms.succeeded.p50", |m| m.latency_ms.succeeded.p50).column(Table::Waiting, "latency p50"),
        Shown::ms("latency_ms.succeeded.p99", |m| m.latency_ms.succeeded.p99).column(Table::Waiting, "p99"),
        Shown::new("throughput_tps", |m| m.throughput_tps, Unit::PerSecond)
            .column(Table::Waiting, "tps")
            .over_seeds(Worst::Smallest),
        Shown::ms("unavailable_ms", |m| m.unavailable_ms)
            .column(Table::Waiting, "unavailable")
            .over_seeds(Worst::Largest),
    ];

    fn client(&mut self, seen: &Stamped, slot: usize, history: &History) {
        match &seen.what {
            Observation::ClientBegan { due_us, what, .. } => {
                *at(&mut self.due, slot) = Some((due_us.0 as i64, what == "audit"));
            }
            Observation::ClientEnded { outcome, .. } => self.told(*outcome, slot, seen.t_us, history.duration),
            Observation::ClientGaveUp { died: false, .. } => {
                self.told(OutcomeWord::Unknown, slot, seen.t_us, history.duration);
            }
            // Nobody waited.
            Observation::ClientGaveUp { died: true, .. } => drop(at(&mut self.due, slot).take()),
            _ => {}
        }
    }

    fn finish(self, history: &History, results: &mut Results) {
        let duration = history.duration;
        results.measures.latency_ms = self.latency();
        results.measures.throughput_tps =
            if duration == 0 { 0.0 } else { self.within as f64 / Micros(duration as u64).as_secs_f64() };
        results.measures.unavailable_ms = self.longest.max(duration - self.last) as f64 / 1_000.0;
        results.series.throughput_tps = self.successes.throughput(history.end);
        results.series.latency_ms = self.distributions();
    }
}

impl Clients {
    /// Takes the first outcome of a transaction: a client that gives up does not know it. What a client is told later does not
    /// count; the check `told-truth` looks at it.
    fn told(&mut self, outcome: OutcomeWord, slot: usize, t: i64, duration: i64) {
        let Some((due, audit)) = at(&mut self.due, slot).take() else { return };
        let sample = match outcome {
            _ if audit => &mut self.audit,
            OutcomeWord::Succeeded => &mut self.succeeded,
            OutcomeWord::Aborted => &mut self.aborted,
            OutcomeWord::Compensated => &mut self.compensated,
            OutcomeWord::Refused => &mut self.refused,
            OutcomeWord::Unknown => &mut self.unknown,
            // Such an answer waits for an operator: how long says nothing about the protocol.
            OutcomeWord::Mixed | OutcomeWord::Hazard => return,
        };
        sample.add(t - due);
        if outcome == OutcomeWord::Succeeded {
            self.succeeds(t, duration);
        }
    }

    fn latency(&self) -> Latency {
        Latency {
            succeeded: self.succeeded.spread(),
            aborted: self.aborted.spread(),
            compensated: self.compensated.spread(),
            refused: self.refused.spread(),
            unknown: self.unknown.spread(),
            audit: self.audit.spread(),
        }
    }

    /// The distribution of latencies for each outcome that occurred.
    fn distributions(&self) -> BTreeMap<String, Vec<(f64, f64)>> {
        let named = [
            ("succeeded", &self.succeeded),
            ("aborted", &self.aborted),
            ("compensated", &self.compensated),
            ("refused", &self.refused),
            ("unknown", &self.unknown),
            ("audit", &self.audit),
        ];
        let occurred = named.into_iter().filter(|(_, sample)| !sample.is_empty());
        occurred.map(|(word, sample)| (word.to_string(), sample.distribution())).collect()
    }

    fn succeeds(&mut self, t: i64, duration: i64) {
        self.successes.add(t);
        if (0..=duration).contains(&t) {
            self.within += 1;
            self.longest = self.longest.max(t - self.last);
            self.last = self.last.max(t);
        }
    }
}
