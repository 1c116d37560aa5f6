//! The words that may follow a message or an observation in an effect selector.

use indoubt_driver::gate::Verb;

/// The words that may follow a word, as in `vote:yes`. Empty if there are none.
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

/// Whether a step number may follow a word, as in `compensate:2`.
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
