//! Tests of the control messages between the lab and its nodes, and of the errors about invalid ones.
#![cfg(feature = "wire")]

use indoubt_driver::{
    clock::{ClockJump, ClockRate},
    conditions::{Conditions, Latency},
    gate::{Action, Disposition, Edge, FaultPlan, Rule, RuleId, Selector, Verb},
    wire::{Asked, LabCommand, NodeReport, Reported, SentMessage},
};
use indoubt_proto::{
    ids::{MessageId, NodeId, TxnId},
    time::Micros,
    wire::{WireError, v1},
};
use proptest::{collection::vec, prelude::*};
use prost::Message as _;

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        let _ = v1::LabCommand::decode(&bytes[..]).map(LabCommand::try_from);
        let _ = v1::NodeReport::decode(&bytes[..]).map(NodeReport::try_from);
    }
}

fn txn() -> TxnId {
    "c1-k2-17".parse().expect("a name")
}

/// There and back, for types whose generated counterpart is `W`.
fn travels<T, W>(value: T)
where
    T: Clone + PartialEq + std::fmt::Debug + TryFrom<W, Error = WireError>,
    W: From<T> + prost::Message + Default,
{
    let bytes = W::from(value.clone()).encode_to_vec();
    let wire = W::decode(&bytes[..]).expect("it was encoded a line above");
    assert_eq!(T::try_from(wire), Ok(value));
}

fn refusal<T: std::fmt::Debug>(parsed: Result<T, WireError>) -> String {
    parsed.expect_err("it must be refused").to_string()
}

fn plan() -> FaultPlan {
    let link = |latency| Conditions { latency, loss: 0.5, duplicate: 0.25 };
    let selector = Selector { word: Some("vote".into()), edge: Edge::After, ..Selector::any(Verb::Send) };
    FaultPlan {
        rules: vec![
            Rule { id: RuleId(1), selector, share: Some(0.1), action: Action::Delay(Micros(5)) },
            Rule { id: RuleId(2), selector: Selector::any(Verb::Observe), share: None, action: Action::Ask },
        ],
        clock: ClockRate::new(1.5).unwrap(),
        force: Latency::LogNormal { median: Micros(300), p99: Micros(900) },
        min_force: Micros(20_000),
        links: vec![
            (NodeId::participant(1), link(Latency::Constant(Micros(9)))),
            (NodeId::participant(2), link(Latency::Uniform { min: Micros(1), max: Micros(2) })),
            (NodeId::participant(3), link(Latency::LogNormal { median: Micros(1), p99: Micros(9) })),
        ],
    }
}

#[test]
fn the_lab_and_its_nodes_understand_each_other() {
    travels::<_, v1::LabCommand>(LabCommand::SetFaults { version: 3, plan: plan() });
    for jump in [ClockJump::Forward(Micros(7)), ClockJump::Back(Micros(9))] {
        travels::<_, v1::LabCommand>(LabCommand::JumpClock(jump));
    }
    let disposition = Disposition { drop: true, delay: Micros(8), duplicate: true, refuse: true };
    travels::<_, v1::LabCommand>(LabCommand::Release { ask: 9, disposition });
    let id = MessageId { from: NodeId::coordinating(1), start: 2, count: 3 };
    travels::<_, v1::NodeReport>(NodeReport::FaultsSet { version: 3 });
    travels::<_, v1::NodeReport>(NodeReport::Asked(Asked {
        ask: 9,
        rules: vec![RuleId(1), RuleId(2)],
        txn: Some(txn()),
        sent: vec![SentMessage { id, to: NodeId::participant(2), lost: true }],
    }));
    travels::<_, v1::NodeReport>(NodeReport::Reported(Reported { rule: RuleId(1), message: Some(id), lost: false }));
}

#[test]
fn a_release_without_a_disposition_changes_nothing() {
    let release = v1::lab_command::Command::Release(v1::Release { ask: 1, disposition: None });
    let command = LabCommand::try_from(v1::LabCommand { command: Some(release) });
    assert_eq!(command, Ok(LabCommand::Release { ask: 1, disposition: Disposition::default() }));
}

#[test]
fn plans_from_which_nothing_sound_can_be_drawn_are_refused() {
    let refused = |spoil: fn(&mut FaultPlan)| {
        let mut plan = plan();
        spoil(&mut plan);
        refusal(LabCommand::try_from(v1::LabCommand::from(LabCommand::SetFaults { version: 1, plan })))
    };
    assert_eq!(
        refused(|plan| plan.links[1].1.latency = Latency::Uniform { min: Micros(2), max: Micros(1) }),
        "set_faults.plan_json.links[1].latency: 2us is more than 1us"
    );
    assert_eq!(
        refused(|plan| plan.links[0].1.loss = -0.5),
        "set_faults.plan_json.links[0].loss: -0.5 is not between 0 and 1"
    );
    assert_eq!(
        refused(|plan| plan.rules[0].share = Some(1.5)),
        "set_faults.plan_json.rules[0].share: 1.5 is not between 0 and 1"
    );
    assert_eq!(
        refused(|plan| plan.rules[0].action = Action::Delay(Micros(u64::MAX))),
        "set_faults.plan_json.rules[0].delay: 18446744073709551615 us are more than a day"
    );
    assert_eq!(
        refused(|plan| plan.force = Latency::LogNormal { median: Micros(9), p99: Micros(8) }),
        "set_faults.plan_json.force: 9us is more than 8us"
    );
    let json = serde_json::to_string(&plan()).unwrap().replace("1.5", "0.0");
    let set = v1::lab_command::Command::SetFaults(v1::SetFaults { version: 1, plan_json: json });
    let text = refusal(LabCommand::try_from(v1::LabCommand { command: Some(set) }));
    assert!(text.starts_with("set_faults.plan_json: 0 is not a clock rate"), "{text}");
    let set = v1::lab_command::Command::SetFaults(v1::SetFaults { version: 1, plan_json: "{".into() });
    let text = refusal(LabCommand::try_from(v1::LabCommand { command: Some(set) }));
    assert!(text.starts_with("set_faults.plan_json: EOF"), "{text}");
}
