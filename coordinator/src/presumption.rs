//! The table of docs/08-costs.md as data: which records a coordinator writes, forced or lazy, and which ACKs it awaits. The
//! presumption is the decision that a coordinator assumes for a transaction that its log does not mention.

use indoubt_proto::{machine::Write, message::Decision};
use serde::{Deserialize, Serialize};

/// What a coordinator presumes of a transaction that it does not know (docs/rules.md, 13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presumption {
    /// Presumed nothing (PrN): logs every decision and wants every ACK.
    Nothing,
    /// Presumed abort (PrA): an abort needs no record and no ACK.
    #[default]
    Abort,
    /// Presumed commit (PrC): a commit needs no ACK, but every transaction needs a forced record before PREPARE.
    Commit,
}

/// One column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The record before PREPARE, which lists the participants. PREPARE waits until it is durable (rule 16).
    pub initiation: Option<Write>,
    /// The record before COMMIT if at least one participant voted YES.
    pub commit: Write,
    /// The record of a commit in which all participants voted READ.
    pub read_only: Option<Write>,
    /// The record before ABORT. Presumed commit needs none, because an initiation without an outcome means abort (rule 14).
    pub abort: Option<Write>,
    /// Whether COMMIT is sent again until it is acknowledged, and an end record then follows.
    pub ack_commit: bool,
    /// Whether ABORT is sent again until it is acknowledged, and an end record then follows.
    pub ack_abort: bool,
    /// The record after the last ACK.
    pub end: Write,
    /// The answer to an inquiry about an unknown transaction of this log (rule 13).
    pub unknown: Decision,
}

const NOTHING: Row = Row {
    initiation: None,
    commit: Write::Forced,
    read_only: None,
    abort: Some(Write::Forced),
    ack_commit: true,
    ack_abort: true,
    end: Write::Lazy,
    unknown: Decision::Abort,
};

const ABORT: Row = Row {
    initiation: None,
    commit: Write::Forced,
    read_only: None,
    abort: None,
    ack_commit: true,
    ack_abort: false,
    end: Write::Lazy,
    unknown: Decision::Abort,
};

const COMMIT: Row = Row {
    initiation: Some(Write::Forced),
    commit: Write::Forced,
    read_only: Some(Write::Lazy),
    abort: None,
    ack_commit: false,
    ack_abort: true,
    end: Write::Lazy,
    unknown: Decision::Commit,
};

impl Presumption {
    /// All presumptions, in the order of the table.
    pub const ALL: [Presumption; 3] = [Presumption::Nothing, Presumption::Abort, Presumption::Commit];

    /// The column of this presumption.
    pub const fn row(self) -> &'static Row {
        match self {
            Presumption::Nothing => &NOTHING,
            Presumption::Abort => &ABORT,
            Presumption::Commit => &COMMIT,
        }
    }
}

impl Row {
    /// Whether this decision must be acknowledged.
    pub fn acks(&self, decision: Decision) -> bool {
        match decision {
            Decision::Commit => self.ack_commit,
            Decision::Abort => self.ack_abort,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_that_nobody_acknowledges_is_the_one_presumed() {
        // A decision without ACKs is forgotten, so the presumption must answer with it. All other decisions need every ACK.
        for presumption in Presumption::ALL {
            let row = presumption.row();
            for decision in [Decision::Commit, Decision::Abort] {
                assert!(row.acks(decision) || row.unknown == decision, "{presumption:?} forgets {decision:?}");
            }
        }
    }

    #[test]
    fn a_decision_that_is_not_presumed_is_found_in_the_log_again() {
        for presumption in Presumption::ALL {
            let row = presumption.row();
            assert_eq!(row.commit, Write::Forced, "{presumption:?}");
            let abort_survives = row.abort == Some(Write::Forced) || row.initiation == Some(Write::Forced);
            assert!(row.unknown == Decision::Abort || abort_survives, "{presumption:?}");
        }
    }
}
