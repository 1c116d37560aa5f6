//! What clients see: `latency_ms`, `throughput_tps`, `unavailable_ms`.

use super::{series::Successes, slots::at, spread::Sample};
use crate::summary::Latency;
use indoubt_proto::{
    message::OutcomeWord,
    observation::{Observation, Stamped},
    time::Micros,
};
use indoubt_scenario::workload::AUDIT;
use std::collections::BTreeMap;

/// The fold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients {
    /// How long load was offered, in microseconds.
    duration: i64,
    /// By the slot of a transaction that was not answered yet: its scheduled arrival, and whether it is an audit.
    due: Vec<Option<(i64, bool)>>,
    succeeded: Sample,
    aborted: Sample,
    compensated: Sample,
    refused: Sample,
    unknown: Sample,
    audit: Sample,
    /// Clients told that they succeeded, audits included: over time, and so many while load was offered.
    successes: Successes,
    within: u64,
    /// When the last of those was told, and the longest time before one, from the start of load or the one before it.
    last: i64,
    longest: i64,
}

impl Clients {
    pub(crate) fn new(duration: Micros) -> Self {
        Clients { duration: duration.0 as i64, ..Clients::default() }
    }

    /// Takes the next line, which is about the transaction in `slot`.
    pub(crate) fn take(&mut self, seen: &Stamped, slot: usize) {
        match &seen.what {
            Observation::ClientBegan { due_us, what, .. } => {
                *at(&mut self.due, slot) = Some((due_us.0 as i64, what == AUDIT));
            }
            Observation::ClientEnded { outcome, .. } => {
                // Only the first answer counts; a second one is a matter for the check `told-truth`.
                let Some((due, audit)) = at(&mut self.due, slot).take() else {
                    return;
                };
                let sample = match outcome {
                    _ if audit => &mut self.audit,
                    OutcomeWord::Succeeded => &mut self.succeeded,
                    OutcomeWord::Aborted => &mut self.aborted,
                    OutcomeWord::Compensated => &mut self.compensated,
                    OutcomeWord::Refused => &mut self.refused,
                    OutcomeWord::Unknown => &mut self.unknown,
                };
                sample.add(seen.t_us - due);
                if *outcome == OutcomeWord::Succeeded {
                    self.succeeds(seen.t_us);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn latency(&self) -> Latency {
        Latency {
            succeeded: self.succeeded.spread(),
            aborted: self.aborted.spread(),
            compensated: self.compensated.spread(),
            refused: self.refused.spread(),
            unknown: self.unknown.spread(),
            audit: self.audit.spread(),
        }
    }

    /// The distribution behind each outcome that occurred.
    pub(crate) fn distributions(&self) -> BTreeMap<String, Vec<(f64, f64)>> {
        let named = [
            ("succeeded", &self.succeeded),
            ("aborted", &self.aborted),
            ("compensated", &self.compensated),
            ("refused", &self.refused),
            ("unknown", &self.unknown),
            (AUDIT, &self.audit),
        ];
        let occurred = named.into_iter().filter(|(_, sample)| !sample.is_empty());
        occurred.map(|(word, sample)| (word.to_string(), sample.distribution())).collect()
    }

    fn succeeds(&mut self, t: i64) {
        self.successes.add(t);
        if (0..=self.duration).contains(&t) {
            self.within += 1;
            self.longest = self.longest.max(t - self.last);
            self.last = self.last.max(t);
        }
    }

    /// When clients were told that they succeeded.
    pub(crate) fn successes(&self) -> &Successes {
        &self.successes
    }

    /// Successes told while load was offered, a second.
    pub(crate) fn throughput_tps(&self) -> f64 {
        if self.duration == 0 { 0.0 } else { self.within as f64 / Micros(self.duration as u64).as_secs_f64() }
    }

    /// The longest stretch of [0, `duration`] in which no client was told that it succeeded, in milliseconds.
    pub(crate) fn unavailable_ms(&self) -> f64 {
        self.longest.max(self.duration - self.last) as f64 / 1_000.0
    }
}
