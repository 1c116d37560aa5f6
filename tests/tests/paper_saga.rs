//! Tests of sagas, rule by rule (the numbers are those of docs/rules.md), and of their costs (section 1): orchestrators and
//! participants together in the virtual world.

use indoubt_driver::gate::Edge;
use indoubt_proto::{
    ids::{NodeId, Role, TxnId},
    machine::Write,
    message::{MessageKind, OutcomeWord},
    observation::{Observation, Phase},
    operation::Update,
    plan::StepKind,
    settings::CompensateFrom,
    time::Micros,
};
use indoubt_scenario::{
    faults::MessageDeed,
    protocol::Protocol,
    scenario::{Trigger, Which, WorkloadKind},
};
use indoubt_studies::script::{Play, Script, add, at_effect, at_phase, node, of_kind, refused};
use std::collections::BTreeMap;

fn saga() -> Script {
    Script::new(Protocol::Saga)
}

/// A transfer from p1 to p2 and p3.
fn transfer() -> Script {
    saga().transaction(0, vec![add("p1", -3), add("p2", 1), add("p3", 2)])
}

/// The same, refused by p3.
fn refused_by_p3() -> Script {
    saga().transaction(0, vec![add("p1", -3), add("p2", 1), refused("p3")])
}

fn values(play: &Play) -> [i64; 3] {
    ["p1", "p2", "p3"].map(|participant| play.value(participant))
}

/// What happened to the data of each saga, in order: steps applied (positive) and undone (negative).
fn traces(play: &Play) -> BTreeMap<TxnId, Vec<i64>> {
    let mut traces: BTreeMap<TxnId, Vec<i64>> = BTreeMap::new();
    let mut seen = std::collections::BTreeSet::new();
    for stamped in &play.recording.trace {
        let (txn, step, log, lsn) = match &stamped.what {
            Observation::StepApplied { txn, step, effects, log, lsn } if !effects.is_empty() => {
                (txn, i64::from(*step), log, lsn)
            }
            Observation::Compensated { txn, step, effects, log, lsn } if !effects.is_empty() => {
                (txn, -i64::from(*step), log, lsn)
            }
            _ => continue,
        };
        // Recovery may tell again what it replays.
        if seen.insert((stamped.node, *log, *lsn)) {
            traces.entry(*txn).or_default().push(step);
        }
    }
    traces
}

/// T1, …, Tj, Cj, …, C1.
fn undone(j: i64) -> Vec<i64> {
    (1..=j).chain((1..=j).rev().map(|step| -step)).collect()
}

#[test]
fn rule_24_a_saga_is_whole_or_undone_in_reverse() {
    let (mut whole, mut turned) = (0, 0);
    for kind in [WorkloadKind::Transfer, WorkloadKind::Order, WorkloadKind::Trip] {
        for seed in 1..=8 {
            let play = Script::rough(Protocol::Saga, kind).seed(seed).play();
            assert!(play.is_resolved(), "{kind:?}, seed {seed}: {:?}", play.at_end);
            for (txn, trace) in traces(&play) {
                let steps = trace.iter().copied().max().unwrap_or(0);
                if trace.iter().any(|step| *step < 0) {
                    assert_eq!(trace, undone(steps), "{kind:?}, seed {seed}: {txn}");
                    turned += 1;
                } else {
                    let all = if kind == WorkloadKind::Order { 4 } else { 3 };
                    assert_eq!(trace, (1..=all).collect::<Vec<_>>(), "{kind:?}, seed {seed}: {txn}");
                    whole += 1;
                }
            }
        }
    }
    assert!(whole > 500 && turned > 100, "{whole} {turned}");
}

#[test]
fn rule_24_every_step_that_is_refused_leaves_exactly_the_steps_before_it_to_undo() {
    for (step, expected) in [(1, vec![]), (2, undone(1)), (3, undone(2))] {
        let plan = (1..=3).map(|at| if at == step { refused(&format!("p{at}")) } else { add(&format!("p{at}"), at) });
        let play = saga().transaction(0, plan.collect()).play();
        assert_eq!(traces(&play).into_values().next().unwrap_or_default(), expected, "step {step}");
        assert_eq!(values(&play), [0; 3]);
    }
}

#[test]
fn rule_26_after_a_crash_the_last_started_step_is_settled_first_and_then_all_is_undone_in_reverse() {
    // Step 2 may or may not have run by the time of the crash: before it is taken, and after it is durable.
    for (trigger, applied) in [
        (at_effect("c1", "send:step", Edge::Before, 2), 1),
        (at_effect("p2", "observe:step-applied", Edge::Before, 1), 2),
    ] {
        let play = transfer().kill(trigger, "c1", Some(500)).play();
        assert_eq!(traces(&play).into_values().next(), Some(undone(applied)), "{applied}");
        assert_eq!(values(&play), [0; 3]);
        let first = |kind| {
            let sent = play.find(|_, what| match what {
                Observation::Sent { message, .. } if *message == kind => Some(()),
                _ => None,
            });
            sent.first().map(|(time, ())| *time)
        };
        assert!(first(MessageKind::Settle) < first(MessageKind::Compensate));
        assert_eq!(play.told(), [OutcomeWord::Compensated]);
        assert!(play.is_resolved());
    }
}

#[test]
fn rule_26_silence_never_makes_a_saga_stuck() {
    let play = refused_by_p3()
        .with(|scenario| scenario.options.compensation_attempts = 2)
        .kill(at_effect("p2", "deliver:compensate", Edge::Before, 1), "p2", Some(15_000))
        .play();
    assert_eq!(play.count(|_, what| matches!(what, Observation::Stuck { .. })), 0);
    assert!(play.sent(MessageKind::Compensate) > 10, "it asks again and again");
    assert_eq!((values(&play), play.told()), ([0; 3], vec![OutcomeWord::Compensated]));
}

#[test]
fn rule_26_answered_failures_make_it_stuck() {
    let play = refused_by_p3()
        .with(|scenario| {
            scenario.options.compensation_attempts = 2;
            scenario.duration = Micros::from_secs(5);
        })
        .messages(MessageDeed::Refuse, MessageKind::Compensate, "c1", "p2", Which::All)
        .play();
    assert_eq!(play.count(|_, what| matches!(what, Observation::Stuck { step: 2, resumed: false, .. })), 1);
    assert_eq!(play.at_end[&node("c1")].open.len(), 1);
}

#[test]
fn rule_27_forward_recovery_goes_on_and_needs_no_compensation() {
    for phase in [Phase::Begun, Phase::WorkSent, Phase::HalfDone, Phase::WorkDone] {
        let play = transfer()
            .with(|scenario| scenario.options.forward_recovery = true)
            .kill(at_phase(phase), "c1", Some(500))
            .play();
        assert_eq!(values(&play), [-3, 1, 2], "{phase:?}");
        assert_eq!(traces(&play).into_values().next(), Some(vec![1, 2, 3]), "{phase:?}");
        assert_eq!((play.sent(MessageKind::Compensate), play.sent(MessageKind::Settle)), (0, 0), "{phase:?}");
        assert_eq!(play.told(), [OutcomeWord::Succeeded], "{phase:?}");
    }
}

#[test]
fn rule_29_a_compensation_is_semantic_and_spares_what_others_have_written_since() {
    let play = saga()
        .with(|scenario| scenario.cluster.coordinators = 2)
        // p2 takes its time, so that another saga writes the record of p1 in between.
        .messages(MessageDeed::Delay(Micros::from_millis(100)), MessageKind::Step, "c1", "p2", Which::Nth(1))
        .transaction(0, vec![add("p1", 10), refused("p2")])
        .transaction_of("c2", 50, vec![add("p1", 100)])
        .play();
    assert_eq!(play.told(), [OutcomeWord::Succeeded, OutcomeWord::Compensated]);
    // Restoring the pre-image, 0, would lose the other's 100.
    assert_eq!(play.value("p1"), 100);
}

#[test]
fn rule_30_whether_the_refused_step_itself_is_compensated_is_an_option() {
    let compensations = |from| {
        let play = refused_by_p3().with(|scenario| scenario.options.compensate_from = from).play();
        assert_eq!(values(&play), [0; 3]);
        assert_eq!(traces(&play).into_values().next(), Some(undone(2)));
        play.sent(MessageKind::Compensate)
    };
    assert_eq!(compensations(CompensateFrom::Previous), 2);
    assert_eq!(compensations(CompensateFrom::Failed), 3, "the barrier makes the compensation of step 3 an empty one");
}

/// A compensatable step at p1, the pivot at p2, a retriable step at p3.
fn with_pivot() -> Script {
    let steps = vec![add("p1", -3), of_kind(StepKind::Pivot, add("p2", 1)), of_kind(StepKind::Retriable, add("p3", 2))];
    saga().transaction(0, steps)
}

#[test]
fn rule_32_once_the_pivot_is_committed_the_saga_completes() {
    let stubborn = with_pivot()
        .with(|scenario| scenario.duration = Micros::from_secs(10))
        .messages(MessageDeed::Refuse, MessageKind::Step, "c1", "p3", Which::First(6))
        .play();
    assert_eq!((values(&stubborn), stubborn.told()), ([-3, 1, 2], vec![OutcomeWord::Succeeded]));

    // The orchestrator dies when the pivot is durable and nobody was told; it recovers backward by default.
    let died = with_pivot().kill(at_effect("p2", "observe:step-applied", Edge::Before, 1), "c1", Some(500)).play();
    assert_eq!(values(&died), [-3, 1, 2]);
    assert_eq!(died.sent(MessageKind::Compensate), 0);

    for phase in [Phase::HalfDone, Phase::WorkDone, Phase::Decided] {
        let play = with_pivot().kill(at_phase(phase), "c1", Some(500)).play();
        let whole = values(&play) == [-3, 1, 2];
        assert!(whole || values(&play) == [0; 3], "{phase:?}: {:?}", values(&play));
        assert!(whole || phase == Phase::HalfDone, "the pivot was committed: {phase:?}");
    }
}

#[test]
fn rule_32_a_refused_pivot_turns_the_saga_back() {
    let play = saga()
        .transaction(
            0,
            vec![add("p1", -3), of_kind(StepKind::Pivot, refused("p2")), of_kind(StepKind::Retriable, add("p3", 2))],
        )
        .play();
    assert_eq!((values(&play), play.told()), ([0; 3], vec![OutcomeWord::Compensated]));
}

#[test]
fn rule_38_a_duplicated_step_takes_effect_once() {
    let mut script = transfer();
    for participant in ["p1", "p2", "p3"] {
        script = script.messages(MessageDeed::Duplicate, MessageKind::Step, "c1", participant, Which::All);
    }
    let play = script.play();
    let received = play.count(|_, what| matches!(what, Observation::Received { message: MessageKind::Step, .. }));
    assert_eq!((received, values(&play)), (6, [-3, 1, 2]));
    assert_eq!(traces(&play).into_values().next(), Some(vec![1, 2, 3]));
}

/// A saga that compensates because step 2 keeps failing before its participant gets it.
fn step_2_never_runs() -> Script {
    transfer()
        .with(|scenario| {
            scenario.duration = Micros::from_secs(10);
            scenario.options.step_attempts = 3;
        })
        .messages(MessageDeed::Refuse, MessageKind::Step, "c1", "p2", Which::First(3))
}

/// The effects of every compensation of step 2, in order.
fn undone_at_p2(play: &Play) -> Vec<Vec<Update>> {
    let compensated = play.find(|at, what| match what {
        Observation::Compensated { step: 2, effects, .. } if at == node("p2") => Some(effects.clone()),
        _ => None,
    });
    compensated.into_iter().map(|(_, effects)| effects).collect()
}

#[test]
fn rule_39_a_compensation_of_a_step_that_never_ran_is_empty() {
    let play = step_2_never_runs().play();
    assert_eq!(values(&play), [0; 3]);
    assert_eq!(play.told(), [OutcomeWord::Compensated]);
    let compensated = undone_at_p2(&play);
    assert!(compensated.iter().all(Vec::is_empty), "{compensated:?}");
    assert_eq!(traces(&play).into_values().next(), Some(undone(1)));
}

#[test]
fn rule_39_a_duplicated_compensation_undoes_once() {
    let mut script = refused_by_p3();
    for participant in ["p1", "p2"] {
        script = script.messages(MessageDeed::Duplicate, MessageKind::Compensate, "c1", participant, Which::All);
    }
    let play = script.play();
    let received = play.count(|_, what| matches!(what, Observation::Received { message: MessageKind::Compensate, .. }));
    assert_eq!((received, values(&play)), (4, [0; 3]));
    assert_eq!(traces(&play).into_values().next(), Some(undone(2)));
}

#[test]
fn rule_40_a_step_that_arrives_after_its_compensation_never_runs() {
    // The first copy of step 2 is three seconds late; those sent again fail until the saga turns back.
    let play = step_2_never_runs()
        .messages(MessageDeed::Delay(Micros::from_secs(3)), MessageKind::Step, "c1", "p2", Which::Nth(1))
        .play();
    let settled = play.find(|at, what| {
        let done = matches!(what, Observation::Reached { phase: Phase::Ended, .. });
        (done && at == node("c1")).then_some(())
    });
    let late = play.find(|at, what| {
        let step = matches!(what, Observation::Received { message: MessageKind::Step, .. });
        (step && at == node("p2")).then_some(())
    });
    assert!(late.last().is_some_and(|(time, ())| *time > settled[0].0), "{late:?} {settled:?}");
    assert_eq!(values(&play), [0; 3]);
    assert_eq!(traces(&play).into_values().next(), Some(undone(1)));
}

/// Messages; forced and lazy records at the orchestrator; forced and lazy at the participants.
fn costs(play: &Play) -> [usize; 5] {
    let at = |role: Role, write| play.written(role, write);
    [
        play.commit_messages(),
        at(Role::Coordinating, Write::Forced),
        at(Role::Coordinating, Write::Lazy),
        at(Role::Participant, Write::Forced),
        at(Role::Participant, Write::Lazy),
    ]
}

#[test]
fn section_1_a_saga_of_n_steps_costs_two_messages_and_one_force_a_step() {
    for n in 1..=8usize {
        let steps = (1..=n).map(|at| add(&format!("p{at}"), 1)).collect();
        let play = saga().with(|scenario| scenario.cluster.participants = n as u16).transaction(0, steps).play();
        assert_eq!(costs(&play), [2 * n, 2, n, n, 0], "{n}");
    }
}

#[test]
fn section_1_a_saga_refused_at_step_k_pays_for_the_way_back() {
    for n in 1..=8usize {
        for k in 1..=n {
            let step = |at: usize| if at == k { refused(&format!("p{at}")) } else { add(&format!("p{at}"), 1) };
            let steps = (1..=n).map(step).collect();
            let play = saga().with(|scenario| scenario.cluster.participants = n as u16).transaction(0, steps).play();
            let [messages, forced, _, forced_at_participants, refusals] = costs(&play);
            assert_eq!(messages, 2 * k + 2 * (k - 1), "{k} of {n}");
            // Begin, and the turn; each step and each compensation at its participant; the refusal is lazy.
            assert_eq!((forced, forced_at_participants, refusals), (2, 2 * (k - 1), 1), "{k} of {n}");
        }
    }
}

#[test]
fn a_bystander_of_a_saga_never_waits_for_its_orchestrator() {
    let play = transfer()
        .with(|scenario| scenario.cluster.coordinators = 2)
        .kill(at_phase(Phase::HalfDone), "c1", Some(10_000))
        .transaction_of("c2", 100, vec![add("p1", 10), add("p2", 10)])
        .play();
    let told = play.find(|at, what| match what {
        Observation::ClientEnded { outcome, .. } if at == NodeId::client(2) => Some(*outcome),
        _ => None,
    });
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, OutcomeWord::Succeeded);
    assert!(told[0].0 < Micros::from_millis(200));
    assert_eq!(play.count(|_, what| matches!(what, Observation::InDoubt { .. })), 0);
}

#[test]
fn a_participant_that_was_down_is_waited_for() {
    let play = transfer().kill(Trigger::At(Micros::ZERO), "p2", Some(5_000)).play();
    assert_eq!((values(&play), play.told()), ([-3, 1, 2], vec![OutcomeWord::Succeeded]));
}

/// The same with all steps at once where they do not depend on each other.
fn parallel() -> Script {
    Script::new(Protocol::SagaParallel)
}

/// Whether a step that was undone was undone after each later one at the same participant; `steps` says where each runs.
fn undone_in_order(trace: &[i64], steps: &[NodeId]) -> bool {
    let at = |step: i64| trace.iter().position(|seen| *seen == step);
    (1..=steps.len()).all(|later| {
        (1..later).filter(|earlier| steps[earlier - 1] == steps[later - 1]).all(|earlier| {
            let (earlier, later) = (earlier as i64, later as i64);
            let forward = at(later).is_none_or(|ran| at(earlier).is_some_and(|before| before < ran));
            let back = at(-earlier).is_none_or(|undone| at(later).is_none() || at(-later).is_some_and(|b| b < undone));
            forward && back
        })
    })
}

#[test]
fn rule_24_a_parallel_saga_is_whole_or_undone_in_an_order_that_respects_dependencies() {
    let (mut whole, mut turned, mut out_of_plan) = (0, 0, 0);
    for kind in [WorkloadKind::Transfer, WorkloadKind::Order, WorkloadKind::Trip] {
        for seed in 1..=8 {
            let play = Script::rough(Protocol::SagaParallel, kind).seed(seed).play();
            assert!(play.is_resolved(), "{kind:?}, seed {seed}: {:?}", play.at_end);
            let sites = sites(&play);
            for (txn, trace) in traces(&play) {
                assert!(undone_in_order(&trace, &sites[&txn]), "{kind:?}, seed {seed}: {txn} {trace:?}");
                let undone: Vec<i64> = trace.iter().copied().filter(|step| *step < 0).collect();
                if undone.is_empty() {
                    assert_eq!(trace.len(), sites[&txn].len(), "{kind:?}, seed {seed}: {txn} {trace:?}");
                    out_of_plan += u32::from(!trace.is_sorted());
                    whole += 1;
                } else {
                    assert!(trace.iter().all(|step| trace.contains(&-step)), "{kind:?}, seed {seed}: {txn} {trace:?}");
                    turned += 1;
                }
            }
        }
    }
    assert!(whole > 500 && turned > 100 && out_of_plan > 50, "{whole} {turned} {out_of_plan}");
}

/// Where the steps of each transaction run that write.
fn sites(play: &Play) -> BTreeMap<TxnId, Vec<NodeId>> {
    let plans = play.find(|_, what| match what {
        Observation::ClientBegan { txn, plan, .. } => Some((*txn, plan.clone())),
        _ => None,
    });
    let steps = |plan: Vec<indoubt_proto::observation::PlanEntry>| {
        plan.into_iter().map(|entry| (entry.step, entry.node)).collect::<BTreeMap<_, _>>().into_values().collect()
    };
    plans.into_iter().map(|(_, (txn, plan))| (txn, steps(plan))).collect()
}

#[test]
fn rule_26_after_a_crash_all_that_a_parallel_saga_may_have_started_is_settled_and_what_ran_is_undone() {
    let transfer = || parallel().transaction(0, vec![add("p1", -3), add("p2", 1), add("p3", 2)]);
    for (trigger, applied) in [
        (at_effect("c1", "send:step", Edge::Before, 2), vec![1]),
        (at_effect("p2", "observe:step-applied", Edge::Before, 1), vec![1, 2, 3]),
    ] {
        let play = transfer().kill(trigger, "c1", Some(500)).play();
        let trace = traces(&play).into_values().next().unwrap_or_default();
        let ran: Vec<i64> = trace.iter().copied().filter(|step| *step > 0).collect();
        assert_eq!(play.sent(MessageKind::Settle), 3);
        if applied.len() == 3 {
            assert_eq!(
                (values(&play), play.told()),
                ([-3, 1, 2], vec![OutcomeWord::Succeeded]),
                "all are found applied"
            );
        } else {
            assert_eq!((values(&play), play.told()), ([0; 3], vec![OutcomeWord::Compensated]));
        }
        assert_eq!(ran, applied);
        assert!(play.is_resolved());
    }
}

#[test]
fn section_1_a_parallel_saga_costs_the_messages_of_a_saga_and_the_delays_of_one_step() {
    for n in 1..=8usize {
        let steps = (1..=n).map(|at| add(&format!("p{at}"), 1)).collect();
        let play = parallel().with(|scenario| scenario.cluster.participants = n as u16).transaction(0, steps).play();
        assert_eq!(costs(&play), [2 * n, 2, n, n, 0], "{n}");
    }
}
