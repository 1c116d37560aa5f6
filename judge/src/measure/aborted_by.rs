//! `aborted_by`: why transactions were aborted, compensated or refused, by the class of the reason that their clients were told
//! first.

use super::{
    fold::{Measure, Results},
    slots::at,
};
use crate::{
    history::History,
    shown::{Shown, Table},
    summary::AbortedBy,
};
use indoubt_proto::{
    message::{OutcomeWord, ReasonKind},
    observation::{Observation, Stamped},
};

/// Counts the reasons.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reasons {
    /// Whether the client of a transaction was told, by slot.
    told: Vec<bool>,
    found: AbortedBy,
}

impl Measure for Reasons {
    const SHOWN: &'static [Shown] = &[
        Shown::count("aborted_by.constraint", |m| m.aborted_by.constraint as f64).column(Table::Costs, "constraint"),
        Shown::count("aborted_by.lock_timeout", |m| m.aborted_by.lock_timeout as f64)
            .column(Table::Costs, "lock timeout"),
        Shown::count("aborted_by.vote_timeout", |m| m.aborted_by.vote_timeout as f64)
            .column(Table::Costs, "vote timeout"),
    ];

    fn client(&mut self, seen: &Stamped, slot: usize, _history: &History) {
        let (outcome, detail) = match &seen.what {
            Observation::ClientEnded { outcome, detail, .. } => (*outcome, detail.as_str()),
            // What a client is told after it gave up does not count.
            Observation::ClientGaveUp { .. } => (OutcomeWord::Unknown, ""),
            _ => return,
        };
        if std::mem::replace(at(&mut self.told, slot), true) {
            return;
        }
        if !matches!(outcome, OutcomeWord::Aborted | OutcomeWord::Compensated | OutcomeWord::Refused) {
            return;
        }
        let found = &mut self.found;
        *match ReasonKind::ALL.into_iter().find(|kind| detail.starts_with(kind.text())) {
            Some(ReasonKind::Constraint) => &mut found.constraint,
            Some(ReasonKind::LockTimeout) => &mut found.lock_timeout,
            Some(ReasonKind::WorkTimeout) => &mut found.work_timeout,
            Some(ReasonKind::VoteTimeout) => &mut found.vote_timeout,
            Some(ReasonKind::CallTimeout) => &mut found.call_timeout,
            Some(ReasonKind::Failure) => &mut found.failure,
            Some(ReasonKind::Operator) => &mut found.operator,
            Some(ReasonKind::Recovery) => &mut found.recovery,
            Some(ReasonKind::Unreachable) => &mut found.unreachable,
            _ => &mut found.other,
        } += 1;
    }

    fn forget(&mut self, slot: usize, _t: i64, _history: &History) {
        if let Some(told) = self.told.get_mut(slot) {
            *told = false;
        }
    }

    fn finish(self, _history: &History, results: &mut Results) {
        results.measures.aborted_by = self.found;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_reason_tells_its_class() {
        for kind in ReasonKind::ALL {
            let found: Vec<_> =
                ReasonKind::ALL.into_iter().filter(|other| kind.text().starts_with(other.text())).collect();
            assert_eq!(found, [kind]);
        }
    }
}
