//! The check `isolation`: no dirty reads, lost updates or fuzzy reads (docs/rules.md, Anomalies; rule 42).

use super::{entry::Check, evidence::Evidence};
use crate::{
    anomaly::{Anomaly, AnomalyKind},
    finding::{At, Excuse, Finding},
};
use indoubt_scenario::checks::CheckName;
use std::collections::BTreeSet;

pub(super) const CHECK: Check =
    Check { name: CheckName::Isolation, search: isolation, excuses: &[Excuse::OperatorActed] };

fn isolation(evidence: &Evidence<'_>) -> Vec<Finding> {
    evidence.anomalies.iter().map(finding).collect()
}

fn finding(anomaly: &Anomaly) -> Finding {
    let Anomaly { kind, t, txn, other, node, key } = anomaly;
    let t = At(*t);
    let text = match kind {
        AnomalyKind::DirtyRead => format!("{txn} read {key} at {t}, changed by the unfinished {other}"),
        AnomalyKind::LostUpdate => format!("{txn} overwrote {key} at {t} without reading the change by {other}"),
        AnomalyKind::FuzzyRead => format!("{txn} read {key} again at {t} and found another value"),
    };
    let nodes = BTreeSet::from([*node, txn.home, other.home]);
    Finding {
        txns: BTreeSet::from([*txn, *other]),
        nodes,
        keys: BTreeSet::from([key.clone()]),
        text,
        ..Finding::default()
    }
}
