//! The words that effect selectors may use: records, observations, and what distinguishes messages and observations of one
//! kind.

use crate::protocol::{Family, Protocol};
use indoubt_driver::gate::Verb;
use indoubt_proto::ids::Role;

/// The words of the records that a node of this role appends under this protocol. Those that only compactions hold are no
/// effects of their own.
pub fn records(protocol: Protocol, role: Role) -> &'static [&'static str] {
    match (protocol, role) {
        (Protocol::PresumedCommit, Role::Coordinating) => &["initiation", "committed", "aborted", "end"],
        (Protocol::Saga, Role::Coordinating) => {
            &["begin", "step-done", "turn", "step-undone", "stuck", "resumed", "end"]
        }
        (Protocol::NoneRetry, Role::Coordinating) => &["pending", "done", "failed"],
        (Protocol::None, Role::Coordinating) | (_, Role::Client | Role::Lab) => &[],
        (Protocol::TwoPhase | Protocol::PresumedNothing | Protocol::Cooperative, Role::Coordinating) => {
            &["committed", "aborted", "end"]
        }
        (Protocol::Saga, Role::Participant) => &["booted", "step-applied", "step-refused", "voided", "compensated"],
        (Protocol::None | Protocol::NoneRetry, Role::Participant) => &["booted", "step-applied", "step-refused"],
        (
            Protocol::TwoPhase | Protocol::PresumedNothing | Protocol::PresumedCommit | Protocol::Cooperative,
            Role::Participant,
        ) => &["booted", "prepared", "committed", "aborted"],
    }
}

/// The words of what a node of this role observes of the protocol under this family. What drivers and the lab observe is
/// no effect.
pub fn observations(family: Family, role: Role) -> &'static [&'static str] {
    match (family, role) {
        (Family::TwoPhase, Role::Coordinating) => &["reached", "decided", "lost-log"],
        (Family::TwoPhase, Role::Participant) => &[
            "lock-requested",
            "lock-granted",
            "lock-released",
            "lock-abandoned",
            "read",
            "voted",
            "in-doubt",
            "decided",
            "heuristic",
            "applied",
        ],
        (Family::Saga, Role::Coordinating) => &["reached", "settled", "stuck"],
        (Family::Saga, Role::Participant) => &[
            "lock-requested",
            "lock-granted",
            "lock-released",
            "lock-abandoned",
            "read",
            "step-applied",
            "step-refused",
            "pending",
            "compensated",
            "settled",
        ],
        (Family::Unprotected, Role::Coordinating) => &["reached"],
        (Family::Unprotected, Role::Participant) => &[
            "lock-requested",
            "lock-granted",
            "lock-released",
            "lock-abandoned",
            "read",
            "step-applied",
            "step-refused",
        ],
        (_, Role::Client | Role::Lab) => &[],
    }
}

/// What may follow a word, as in `vote:yes`; empty if nothing distinguishes moments of this word.
pub fn qualifiers(verb: Verb, word: &str) -> &'static [&'static str] {
    match (verb, word) {
        (Verb::Send | Verb::Deliver, "vote") => &["yes", "no", "read-only", "failed"],
        (Verb::Send | Verb::Deliver, "decision") => &["commit", "abort"],
        (Verb::Send | Verb::Deliver, "outcome") => &["succeeded", "aborted", "compensated", "refused", "unknown"],
        (Verb::Send | Verb::Deliver, "work-done") => &["done", "failed"],
        (Verb::Send | Verb::Deliver, "step-result") => &["applied", "refused", "failed", "voided"],
        (Verb::Send | Verb::Deliver, "compensate-result") => &["undone", "nothing-to-undo", "failed"],
        (Verb::Observe, "reached") => {
            &["begun", "work-sent", "half-done", "work-done", "decided", "half-told", "ended"]
        }
        (Verb::Observe, "voted") => &["yes", "no", "read-only"],
        (Verb::Observe, "decided") => &["commit", "abort"],
        _ => &[],
    }
}

/// Whether a step may follow a word, as in `compensate:2`.
pub fn has_steps(verb: Verb, word: &str) -> bool {
    match verb {
        Verb::Append => false,
        Verb::Send | Verb::Deliver => {
            matches!(word, "step" | "step-result" | "settle" | "compensate" | "compensate-result")
        }
        Verb::Observe => matches!(word, "step-applied" | "step-refused" | "compensated" | "stuck"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_proto::observation::Phase;

    #[test]
    fn every_phase_distinguishes_reached() {
        assert_eq!(qualifiers(Verb::Observe, "reached"), Phase::ALL.map(Phase::word));
    }
}
