//! Tests of fast and slow clocks, and of disks whose forced writes take a drawn time, in the virtual world.

use indoubt_driver::{
    clock::{ClockJump, ClockRate},
    conditions::Latency,
};
use indoubt_proto::{ids::NodeId, machine::Write, message::MessageKind, observation::Observation, time::Micros};
use indoubt_scenario::{
    faults::{JumpClock, SlowDisk},
    protocol::Protocol,
    scenario::{Clocks, Scenario, Trigger},
};
use indoubt_simulator::world;
use indoubt_studies::script::{Play, Script, add, at_phase, node};
use std::collections::{BTreeMap, BTreeSet};

fn ms(ms: u64) -> Micros {
    Micros::from_millis(ms)
}

/// How long each participant was in doubt before it first asked, after the coordinator crashed with all votes.
fn patience(clocks: Clocks, seed: u64) -> BTreeMap<NodeId, Micros> {
    let play = Script::new(Protocol::TwoPhase)
        .with(|scenario| scenario.clocks = clocks)
        .transaction(10, vec![add("p1", 1), add("p2", 1), add("p3", 1)])
        .kill(at_phase(indoubt_proto::observation::Phase::WorkDone), "c1", Some(5_000))
        .seed(seed)
        .play();
    let doubt: BTreeMap<NodeId, Micros> = play
        .find(|at, what| matches!(what, Observation::InDoubt { .. }).then_some(at))
        .into_iter()
        .map(|(t, at)| (at, t))
        .collect();
    let mut patience = BTreeMap::new();
    let asked =
        play.find(|at, what| matches!(what, Observation::Sent { message: MessageKind::Inquire, .. }).then_some(at));
    for (t, at) in asked {
        patience.entry(at).or_insert(t - doubt[&at]);
    }
    patience
}

#[test]
fn a_fast_clock_fires_early_and_a_slow_one_late() {
    let rate = |name, rate| (node(name), ClockRate::new(rate).unwrap());
    let clocks = Clocks { drift: 0.0, nodes: vec![rate("p1", 2.0), rate("p2", 0.5)] };
    let patience = patience(clocks, 1);
    assert_eq!(patience[&node("p1")], ms(250), "500 ms by a clock that runs twice as fast");
    assert_eq!(patience[&node("p2")], ms(1_000));
    assert_eq!(patience[&node("p3")], ms(500));
}

/// When p1, which is in doubt since 13 ms or so, asks for the first time and for the second, if its clock jumps at `at_ms`.
fn inquiries(jump: Option<(u64, ClockJump)>) -> Vec<Micros> {
    let script = Script::new(Protocol::TwoPhase).transaction(10, vec![add("p1", 1), add("p2", 1)]).kill(
        at_phase(indoubt_proto::observation::Phase::WorkDone),
        "c1",
        Some(5_000),
    );
    let script = match jump {
        None => script,
        Some((at_ms, jump)) => script.fault(Trigger::At(ms(at_ms)), JumpClock { node: node("p1"), jump }),
    };
    let inquired = |at: NodeId, what: &Observation| {
        let asks = matches!(what, Observation::Sent { message: MessageKind::Inquire, .. });
        (asks && at == node("p1")).then_some(())
    };
    script.play().find(inquired).into_iter().map(|(t, ())| t).take(2).collect()
}

#[test]
fn a_jump_moves_the_timers_that_are_armed_and_no_later_ones() {
    let undisturbed = inquiries(None);
    let pause = undisturbed[1] - undisturbed[0];
    let jumped = |at_ms, jump| inquiries(Some((at_ms, jump)));
    let some = jumped(200, ClockJump::Forward(ms(100)));
    assert_eq!(some[0], undisturbed[0] - ms(100));
    let past = jumped(200, ClockJump::Forward(ms(60_000)));
    assert_eq!(past[0], ms(200), "its time has passed: it fires at once");
    let back = jumped(200, ClockJump::Back(ms(100)));
    assert_eq!(back[0], undisturbed[0] + ms(100));
    for found in [some, past, back] {
        assert_eq!(found[1] - found[0], pause, "a timer that is armed later runs its full time");
    }
}

#[test]
fn drift_gives_every_node_a_rate_of_its_own_within_its_bounds() {
    let clocks = Clocks { drift: 0.2, nodes: vec![(node("p3"), ClockRate::EXACT)] };
    let mut seen = BTreeSet::new();
    for seed in 1..=20 {
        let patience = patience(clocks.clone(), seed);
        assert_eq!(patience[&node("p3")], ms(500), "what is said of one node is not drawn");
        for name in ["p1", "p2"] {
            let waited = patience[&node(name)];
            assert!((ms(416)..=ms(625)).contains(&waited), "{waited}");
            assert_eq!(waited, clocks.rate(node(name), seed).true_time(ms(500)));
            seen.insert(waited);
        }
    }
    assert!(seen.len() >= 38, "{} different of 40", seen.len());
}

fn two_transfers(force: Latency) -> Script {
    Script::new(Protocol::TwoPhase)
        .with(|scenario| scenario.force = force)
        .transaction(10, vec![add("p1", 1), add("p2", 1)])
        .transaction(500, vec![add("p1", 1), add("p2", 1)])
}

/// How long the forced records of each node waited until they were durable.
fn forces_of(play: Play) -> BTreeMap<NodeId, Vec<Micros>> {
    let mut waits: BTreeMap<NodeId, Vec<Micros>> = BTreeMap::new();
    let appended = play.find(|at, what| match what {
        Observation::Appended { lsn, write: Write::Forced, .. } => Some((at, *lsn)),
        _ => None,
    });
    for (t, (at, lsn)) in appended {
        let durable = play
            .find(|of, what| matches!(what, Observation::Durable { upto } if of == at && *upto >= lsn).then_some(()));
        waits.entry(at).or_default().push(durable[0].0 - t);
    }
    waits
}

#[test]
fn each_force_takes_what_is_drawn_for_it() {
    let forces = |force| forces_of(two_transfers(force).play());
    let constant = forces(Latency::Constant(ms(3)));
    assert!(constant.values().flatten().all(|took| *took == ms(3)));
    let drawn = forces(Latency::Uniform { min: ms(2), max: ms(9) });
    let all: BTreeSet<Micros> = drawn.values().flatten().copied().collect();
    assert!(all.iter().all(|took| (ms(2)..=ms(9)).contains(took)), "{all:?}");
    assert!(all.len() >= 8, "drawn anew for each force and each node: {all:?}");
    let tailed = forces(Latency::LogNormal { median: ms(2), p99: ms(40) });
    assert_ne!(tailed, drawn);
}

#[test]
fn clocks_and_disks_that_say_nothing_change_no_history() {
    let text = "name = \"x\"\n[workload]\nkind = \"transfer\"\nrate = 80.0\n[network]\nlatency = { min = \"1ms\", max = \"4ms\" }\nloss = 0.05\n";
    let plain = Scenario::parse(text, "x").unwrap();
    let said =
        format!("{text}[disk]\nforce = \"1ms\"\n[clocks]\ndrift = 0\n[[clocks.node]]\nnode = \"p1\"\nrate = 1\n");
    let said = Scenario::parse(&said, "x").unwrap();
    assert_eq!(world::run(&plain, Protocol::TwoPhase, 3), world::run(&said, Protocol::TwoPhase, 3));
}

#[test]
fn a_slow_disk_takes_at_least_its_time_whatever_is_drawn() {
    let under = |min, max| {
        let slow = SlowDisk { node: node("p1"), force: ms(20), lasts: None };
        let slowed = forces_of(
            two_transfers(Latency::Uniform { min: ms(min), max: ms(max) }).fault(Trigger::At(ms(1)), slow).play(),
        );
        slowed[&node("p1")].clone()
    };
    assert!(under(1, 9).iter().all(|took| *took == ms(20)));
    assert!(under(30, 40).iter().all(|took| *took >= ms(30)), "a force that is drawn longer stays longer");
}
