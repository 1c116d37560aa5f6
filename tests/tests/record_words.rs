//! The records that machines append are those that scenarios and the judge know (`scenario/src/points/records.rs`).

use indoubt_proto::observation::Observation;
use indoubt_scenario::{points::records, protocol::Protocol, scenario::WorkloadKind};
use indoubt_studies::script::Script;
use std::collections::BTreeSet;

#[test]
fn what_is_appended_is_listed() {
    for protocol in Protocol::ALL {
        let mut appended = BTreeSet::new();
        for seed in 1..=6 {
            let play = Script::rough(protocol, WorkloadKind::Transfer).seed(seed).play();
            let seen = play.find(|node, what| match what {
                Observation::Appended { record, txn: Some(_), .. } => Some((node.role, record.to_string())),
                _ => None,
            });
            appended.extend(seen.into_iter().map(|(_, record)| record));
        }
        for (role, word) in &appended {
            let listed = records(protocol, *role).iter().any(|record| record.word() == word);
            assert!(listed, "{protocol}: {word} at a {role:?} is not listed");
        }
        let words: BTreeSet<&str> = appended.iter().map(|(_, word)| word.as_str()).collect();
        let expected = match protocol {
            Protocol::Saga => ["begin", "turn", "end", "compensated"].as_slice(),
            Protocol::None => &["step-applied"],
            Protocol::NoneRetry => &["pending", "done", "step-applied"],
            _ => &["prepared", "committed", "aborted", "end"],
        };
        assert!(expected.iter().all(|word| words.contains(word)), "{protocol}: {words:?}");
    }
}
