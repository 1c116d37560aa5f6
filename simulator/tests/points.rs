//! Every phase and point that is listed is reached: a fault at it fires, in a run of its protocol.

use indoubt_proto::{
    ids::{NodeId, Role},
    observation::Phase,
};
use indoubt_scenario::{points, protocol::Protocol, recording::Recording, scenario::Scenario};
use indoubt_simulator::world;

/// A short run in which some transactions are refused, so that sagas turn back, with one fault.
fn run(protocol: Protocol, moment: &str, whom: NodeId) -> Recording {
    let text = format!(
        "name = \"points\"\nprotocols = [\"{protocol}\"]\nduration = \"2s\"\nsettle = \"20s\"\n\
         [workload]\nkind = \"transfer\"\nrate = 40.0\nrefuse = 0.3\n\
         [[fault]]\non = {{ {moment}, nth = 2 }}\ndo = \"kill\"\nnode = \"{whom}\"\nrestart_after = \"500ms\"\n"
    );
    let scenario = Scenario::parse(&text, "points.toml").unwrap_or_else(|error| panic!("{error}\n{text}"));
    world::run(&scenario, protocol, scenario.seed)
}

#[test]
fn every_phase_is_reached() {
    for protocol in Protocol::ALL {
        for phase in Phase::ALL.into_iter().filter(|p| points::phase_meaning(protocol.family(), *p).is_some()) {
            let recording = run(protocol, &format!("phase = \"{}\"", phase.word()), NodeId::coordinating(1));
            assert_eq!(recording.faults[0].at.len(), 1, "{protocol} never reaches {}", phase.word());
        }
    }
}

#[test]
fn every_point_is_reached() {
    for protocol in Protocol::ALL {
        for point in points::points(protocol) {
            let node = match point.role {
                Role::Coordinating => NodeId::coordinating(1),
                _ => NodeId::participant(1),
            };
            let recording = run(protocol, &format!("node = \"{node}\", point = \"{}\"", point.name), node);
            let fault = &recording.faults[0];
            assert_eq!((fault.at.len(), fault.until.iter().flatten().count()), (1, 1), "{protocol}: {}", point.name);
        }
    }
}

#[test]
fn a_step_of_a_point_is_one_step() {
    for (protocol, point) in
        [(Protocol::Saga, "step-applied:2"), (Protocol::Saga, "compensated:1"), (Protocol::None, "called:3")]
    {
        let node = NodeId::participant(1);
        let recording = run(protocol, &format!("node = \"{node}\", point = \"{point}\""), node);
        assert_eq!(recording.faults[0].at.len(), 1, "{protocol} never reaches {point}");
    }
}
