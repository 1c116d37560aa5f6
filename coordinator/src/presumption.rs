//! The table of docs/08-costs.md, as data: which records a coordinator writes, forced or lazy, and which ACKs it
//! waits for. The presumption is what it says of a transaction about which its log holds nothing.

use indoubt_proto::{machine::Write, message::Decision};
use serde::{Deserialize, Serialize};

/// What a coordinator presumes of a transaction that it does not know (docs/rules.md, 13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presumption {
    /// PrN: it logs every decision and wants every ACK.
    Nothing,
    /// PrA: an abort costs the coordinator nothing.
    #[default]
    Abort,
    /// PrC: a commit needs no ACK, for the price of a forced record before PREPARE.
    Commit,
}

/// One column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The record before PREPARE that lists the participants. PREPARE waits until it is durable (rule 16).
    pub initiation: Option<Write>,
    /// The record before COMMIT, when somebody voted YES.
    pub commit: Write,
    /// The record of a commit for which everybody voted READ.
    pub read_only: Option<Write>,
    /// The record before ABORT. Presumed commit needs none: an initiation without an outcome says the same (rule 14).
    pub abort: Option<Write>,
    /// Whether a COMMIT is resent until it is acknowledged, and then ended by a record.
    pub ack_commit: bool,
    /// Whether an ABORT is resent until it is acknowledged, and then ended by a record.
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
    /// All of them, in the order of the table.
    pub const ALL: [Presumption; 3] = [Presumption::Nothing, Presumption::Abort, Presumption::Commit];

    /// Its column of the table.
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
        // What is forgotten without ACKs must be answered right from nothing; what is not presumed needs every ACK.
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
