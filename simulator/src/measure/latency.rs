//! What clients see: `latency_ms`, `throughput_tps`, `unavailable_ms`.

use super::spread::Sample;
use crate::summary::Latency;
use indoubt_proto::{
    ids::TxnId,
    message::OutcomeWord,
    observation::{Observation, Stamped},
    time::Micros,
};
use std::collections::{BTreeMap, HashMap};

/// The fold.
#[derive(Clone, Debug, Default)]
pub(super) struct Clients {
    /// Scheduled arrival of what was not answered yet, and whether it is an audit.
    due: HashMap<TxnId, (i64, bool)>,
    succeeded: Sample,
    aborted: Sample,
    compensated: Sample,
    refused: Sample,
    unknown: Sample,
    audit: Sample,
    /// When clients were told that they succeeded, audits included, in the order of the trace.
    successes: Vec<i64>,
}

impl Clients {
    pub(super) fn take(&mut self, seen: &Stamped) {
        match &seen.what {
            Observation::ClientBegan { txn, due_us, what, .. } => {
                self.due.insert(*txn, (due_us.0 as i64, what == "audit"));
            }
            Observation::ClientEnded { txn, outcome, .. } => {
                // Only the first answer counts; a second one is a matter for the check `told-truth`.
                let Some((due, audit)) = self.due.remove(txn) else {
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
                    self.successes.push(seen.t_us);
                }
            }
            _ => {}
        }
    }

    pub(super) fn latency(&self) -> Latency {
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
    pub(super) fn distributions(&self) -> BTreeMap<String, Vec<(f64, f64)>> {
        let named = [
            ("succeeded", &self.succeeded),
            ("aborted", &self.aborted),
            ("compensated", &self.compensated),
            ("refused", &self.refused),
            ("unknown", &self.unknown),
            ("audit", &self.audit),
        ];
        let pairs = |(word, sample): (&str, &Sample)| (word.to_string(), sample.distribution());
        named.into_iter().map(pairs).filter(|(_, pairs)| !pairs.is_empty()).collect()
    }

    /// When clients were told that they succeeded.
    pub(super) fn successes(&self) -> &[i64] {
        &self.successes
    }

    /// Successes told while load was offered, a second.
    pub(super) fn throughput_tps(&self, duration: Micros) -> f64 {
        let within = self.successes.iter().filter(|t| (0..=duration.0 as i64).contains(*t)).count();
        if duration == Micros::ZERO { 0.0 } else { within as f64 / duration.as_secs_f64() }
    }

    /// The longest stretch of [0, `duration`] in which no client was told that it succeeded, in milliseconds.
    pub(super) fn unavailable_ms(&self, duration: Micros) -> f64 {
        let duration = duration.0 as i64;
        let mut times: Vec<i64> = self.successes.iter().copied().filter(|t| (0..=duration).contains(t)).collect();
        times.sort_unstable();
        times.push(duration);
        let mut last = 0;
        let mut longest = 0;
        for t in times {
            longest = longest.max(t - last);
            last = t;
        }
        longest as f64 / 1_000.0
    }
}
