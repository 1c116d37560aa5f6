//! Nodes that lose their whole disk, in the virtual world.

use indoubt_proto::{
    ids::{LogId, MessageId, NodeId},
    observation::Observation,
};
use indoubt_scenario::{protocol::Protocol, scenario::Scenario};
use indoubt_simulator::world;
use std::collections::BTreeSet;

fn scenario(faults: &str) -> Scenario {
    let text = format!(
        "name = \"disks\"\nprotocols = [\"2pc\", \"saga\"]\nseed = 3\nduration = \"1s\"\nsettle = \"5s\"\n\
         [workload]\nkind = \"transfer\"\nrate = 200.0\n[network]\nlatency = {{ min = \"1ms\", max = \"20ms\" }}\nduplicate = 0.1\n{faults}"
    );
    Scenario::parse(&text, "disks.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn lose_disk(node: &str, at_ms: u64) -> String {
    format!("[[fault]]\nat = \"{at_ms}ms\"\ndo = \"lose-disk\"\nnode = \"{node}\"\nrestart_after = \"1ms\"\n")
}

/// Old messages are still on their way when the node is back, so ids that come again would be found here.
#[test]
fn a_node_without_its_disk_is_in_its_first_incarnation_and_no_message_has_the_id_of_another() {
    let faults: String = [("c1", 200), ("p1", 300), ("c1", 400), ("p1", 500)].map(|(node, at)| lose_disk(node, at)).concat();
    let scenario = scenario(&faults);
    for protocol in [Protocol::TwoPhase, Protocol::Saga] {
        let recording = world::run(&scenario, protocol, scenario.seed);
        let mut ids: BTreeSet<(MessageId, bool)> = BTreeSet::new();
        let mut logs: BTreeSet<LogId> = BTreeSet::new();
        let mut restarts = 0;
        for seen in &recording.trace {
            match seen.what {
                Observation::Sent { id, copy, .. } => assert!(ids.insert((id, copy)), "{protocol}: {id}"),
                Observation::Restarted { incarnation, log, lost, .. } => {
                    assert_eq!((incarnation, lost), (1, true), "{protocol}: {}", seen.node);
                    assert!(logs.insert(log));
                    restarts += 1;
                }
                _ => {}
            }
        }
        let starts = |of: NodeId| ids.iter().filter(|(id, _)| id.from == of).map(|(id, _)| id.start).collect::<BTreeSet<_>>();
        assert_eq!(restarts, 4);
        assert_eq!(starts(NodeId::coordinating(1)), BTreeSet::from([1, 2, 3]));
        assert_eq!(starts(NodeId::participant(1)), BTreeSet::from([1, 2, 3]));
    }
}
