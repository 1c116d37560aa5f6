//! Parity's pure half: the reduction to one client, the comparison of two recordings, profiles, tolerances. What real
//! processes do is compared by `indoubt parity` itself.

use indoubt_driver::conditions::Latency;
use indoubt_proto::{ids::TxnId, message::OutcomeWord, observation::Observation, time::Micros};
use indoubt_scenario::{
    faults::FaultAction,
    profile::{Profile, Spread},
    protocol::Protocol,
    recording::Recording,
    scenario::{Arrivals, Scenario},
};
use indoubt_simulator::world;
use indoubt_studies::{
    parity::{Aspect, Latencies, OneClient, Tolerance, agree, compare, draw, one_client},
    swarm::{Case, PAIRS, draw_messages},
    trial::trial,
};

fn bundled() -> Vec<Scenario> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let scenario = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).expect("a scenario");
        Scenario::parse(&text, &path.to_string_lossy()).expect("a sound one")
    };
    files.iter().map(scenario).collect()
}

fn named(name: &str) -> Scenario {
    bundled().into_iter().find(|scenario| scenario.name == name).expect("it is bundled")
}

fn profile(latency_us: u64, force_us: u64) -> Profile {
    let spread = |us| Spread { median: Micros(us), p99: Micros(4 * us) };
    Profile { latency: spread(latency_us), force: spread(force_us) }
}

#[test]
fn a_reduction_does_not_depend_on_how_long_things_take() {
    let mut compared = 0;
    for scenario in bundled() {
        for protocol in scenario.protocols.clone() {
            let OneClient { scenario: reduced, .. } = one_client(&scenario, protocol);
            let here = world::run(&reduced, protocol, reduced.seed);
            for (latency, force) in [(60, 200), (700, 2_500)] {
                let elsewhere = profile(latency, force).with_medians(&reduced);
                let comparison = compare(&here, &world::run(&elsewhere, protocol, reduced.seed));
                assert_eq!(comparison.differences, [], "{} {protocol} {latency} {force}", scenario.name);
                assert!(comparison.transactions >= 10, "{} {protocol}", scenario.name);
                compared += 1;
            }
        }
    }
    assert!(compared >= 90, "{compared}");
}

#[test]
fn a_drawn_scenario_leaves_only_durations_to_chance() {
    let mut thrown_away = 0;
    for seed in 0..2 * PAIRS {
        let Case { scenario, protocol, .. } = draw(seed, &Protocol::ALL);
        thrown_away += usize::from(scenario != draw_messages(seed, 0, &Protocol::ALL).scenario);
        let OneClient { scenario: reduced, .. } = one_client(&scenario, protocol);
        let on = |latency, force| world::run(&profile(latency, force).with_medians(&reduced), protocol, reduced.seed);
        let differences = compare(&on(100, 400), &on(3_000, 10_000)).differences;
        assert_eq!(differences, [], "{seed} {protocol}");
    }
    assert!(thrown_away > 0, "some draws are races");
}

#[test]
fn a_reduction_keeps_every_fault_and_lets_it_strike_while_every_timeout_is_longer_than_any_outage() {
    for scenario in bundled() {
        for protocol in scenario.protocols.clone() {
            let OneClient { scenario: reduced, by_time } = one_client(&scenario, protocol);
            let name = format!("{} {protocol}", scenario.name);
            assert_eq!(reduced.workload.arrivals, Arrivals::Clients(1), "{name}");
            assert_eq!(reduced.faults.len(), scenario.faults.iter().filter(|f| f.applies(protocol)).count(), "{name}");
            let written = Scenario::parse(&reduced.clone().with_seed(1).to_toml(), "reduced");
            assert_eq!(written, Ok(reduced.clone().with_seed(1)), "{name}");
            let run = world::run(&reduced, protocol, reduced.seed);
            assert!(run.faults.iter().all(|fault| !fault.at.is_empty()), "{name}: {:?}", run.faults);
            assert!(!by_time, "{name}: a bundled scenario strikes where both worlds find it");
            for fault in &reduced.faults {
                if let FaultAction::Kill(_)
                | FaultAction::LoseLog(_)
                | FaultAction::LoseDisk(_)
                | FaultAction::RestoreLog(_)
                | FaultAction::Pause(_)
                | FaultAction::Partition(_) = fault.action
                    && let Some(outage) = fault.action.lasts()
                {
                    let timeouts = reduced.timeouts;
                    let shortest = timeouts.vote.min(timeouts.decision).min(timeouts.lock).min(timeouts.retry);
                    assert!(outage + Micros::from_millis(900) < shortest, "{name}");
                }
            }
        }
    }
}

#[test]
fn faults_that_undo_each_other_at_their_times_are_by_time() {
    let frozen = named("participant-frozen");
    assert!(!one_client(&frozen, Protocol::TwoPhase).by_time);
    let text =
        frozen.to_toml().replace("for = \"2s\"\n", "") + "\n[[fault]]\nat = \"2s\"\ndo = \"resume\"\nnode = \"p2\"\n";
    let undone = Scenario::parse(&text, "undone").unwrap();
    assert!(one_client(&undone, Protocol::TwoPhase).by_time);
}

fn run() -> Recording {
    let OneClient { scenario, .. } = one_client(&named("coordinator-dies-after-votes"), Protocol::TwoPhase);
    world::run(&scenario, Protocol::TwoPhase, scenario.seed)
}

/// The comparison of a run with what `change` makes of it.
fn changed(change: impl FnOnce(&mut Recording)) -> Vec<(Aspect, String)> {
    let run = run();
    let mut other = run.clone();
    change(&mut other);
    compare(&run, &other).differences.into_iter().map(|d| (d.aspect, d.text)).collect()
}

fn first(recording: &mut Recording, what: impl Fn(&Observation) -> bool) -> &mut Observation {
    &mut recording.trace.iter_mut().find(|seen| what(&seen.what)).expect("it happened").what
}

#[test]
fn a_run_is_like_itself_at_other_times_and_in_another_order_of_nodes() {
    let same = changed(|recording| {
        recording.trace.iter_mut().for_each(|seen| seen.t_us = seen.t_us * 3 + 5);
        recording.trace.sort_by_key(|seen| seen.node);
    });
    assert_eq!(same, []);
}

#[test]
fn every_difference_is_found_and_says_where() {
    let txn: TxnId = "c1-k1-1".parse().unwrap();
    let told = changed(|recording| {
        let Observation::ClientEnded { outcome, .. } =
            first(recording, |what| matches!(what, Observation::ClientEnded { .. }))
        else {
            unreachable!()
        };
        *outcome = OutcomeWord::Aborted;
    });
    let text = "c1-k1-1: the client was told succeeded virtually, aborted really";
    assert_eq!(told, [(Aspect::Outcomes, text.to_owned())]);

    let sent = changed(|recording| {
        let vote = recording
            .trace
            .iter()
            .find(|seen| matches!(seen.what, Observation::Sent { message, .. } if message.word() == "vote"));
        let again = vote.expect("somebody voted").clone();
        recording.trace.push(again);
    });
    assert!(matches!(&sent[..], [(Aspect::Messages, text)] if text.ends_with("1 virtually, 2 really")), "{sent:?}");

    let lost = changed(|recording| {
        let at = recording.trace.iter().position(|seen| matches!(seen.what, Observation::Applied { .. }));
        recording.trace.remove(at.expect("something was applied"));
    });
    assert!(
        matches!(&lost[..], [(Aspect::Outcomes, text)] if text.contains("applied at p") && text.contains("only virtually"))
    );

    let lazy = changed(|recording| {
        let is_prepared =
            |what: &Observation| matches!(what, Observation::Appended { record, .. } if record == "prepared");
        let Observation::Appended { write, .. } = first(recording, is_prepared) else { unreachable!() };
        *write = indoubt_proto::machine::Write::Lazy;
    });
    assert_eq!(lazy.iter().map(|(aspect, _)| *aspect).collect::<Vec<_>>(), [Aspect::Writes, Aspect::Writes]);

    let missing = changed(|recording| recording.trace.retain(|seen| seen.what.txn() != Some(txn)));
    assert_eq!(missing, [(Aspect::Outcomes, "c1-k1-1 ran virtually and did not run really".to_owned())]);

    let elsewhere = changed(|recording| recording.faults[0].sites[0].as_mut().expect("a place").txn = Some(txn));
    assert!(
        matches!(&elsewhere[..], [(Aspect::Places, text)] if text.contains("c1-k1-1 at c1 really")),
        "{elsewhere:?}"
    );
    let twice = changed(|recording| {
        let place = recording.faults[0].sites[0];
        recording.faults[0].sites.push(place);
    });
    assert!(matches!(&twice[..], [(Aspect::Places, _)]));
}

#[test]
fn calibration_finds_the_latencies_that_the_world_was_given() {
    let text = "name = \"x\"\nduration = \"1s\"\n[workload]\nkind = \"transfer\"\nclients = 1\n[network]\nlatency = \"1300us\"\n[disk]\nforce = \"700us\"\n";
    let scenario = Scenario::parse(text, "x").unwrap();
    let latencies = Latencies::of(&world::run(&scenario, Protocol::TwoPhase, 1));
    assert!(latencies.links.len() > 500 && latencies.forces_alone.len() > 50 && latencies.forces_together.len() > 150);
    assert!(latencies.links.iter().all(|took| *took == Micros(1_300)));
    assert!(latencies.forces_alone.iter().chain(&latencies.forces_together).all(|took| *took == Micros(700)));
    let constant = |us| Spread { median: Micros(us), p99: Micros(us) };
    assert_eq!(latencies.profile(), Some(Profile { latency: constant(1_300), force: constant(700) }));
    assert_eq!(Latencies::default().profile(), None);
}

#[test]
fn a_profile_is_written_read_and_put_in_the_place_of_a_scenarios_own_latencies() {
    let measured = profile(60, 200);
    let text = measured.to_toml("Measured\nsomewhere.");
    assert!(text.starts_with("# Measured\n# somewhere.\n[network]\n"), "{text}");
    assert_eq!(Profile::parse(&text, "here.toml"), Ok(measured));
    let own = "name = \"x\"\n[workload]\nkind = \"trip\"\nrate = 1\n[network]\nlatency = \"3ms\"\n[[network.link]]\nfrom = \"c1\"\nto = \"p1\"\nlatency = \"50ms\"\n[[network.link]]\nfrom = \"c1\"\nto = \"p2\"\nloss = 0.1\n";
    let own = Scenario::parse(own, "x").unwrap();
    let here = measured.replaces(&own);
    let drawn = Latency::LogNormal { median: Micros(60), p99: Micros(240) };
    let links: Vec<Latency> = here.network.links.iter().map(|link| link.conditions.latency).collect();
    assert_eq!((here.network.base.latency, links), (drawn, vec![Latency::Constant(Micros(50_000)), drawn]));
    assert_eq!(here.force, Latency::LogNormal { median: Micros(200), p99: Micros(800) });
    // On real processes the scenario's own latency is added, and a force takes at least the scenario's.
    let really = measured.with_medians(&own);
    assert_eq!(really.network.base.latency, Latency::Constant(Micros(3_060)));
    assert_eq!((own.force, really.force), (Latency::Constant(Micros(1_000)), Latency::Constant(Micros(1_000))));
    assert_eq!(
        measured.with_spreads(&own).network.base.latency,
        Latency::LogNormal { median: Micros(3_060), p99: Micros(3_240) }
    );

    for (text, words) in [
        ("[network]\nlatency = { median = \"1ms\", p99 = \"2ms\" }", "needs `force` in [disk]"),
        ("[network]\nlatency = \"1ms\"\n[disk]\nforce = \"1ms\"", "needs `median` and `p99`"),
        ("[network]\nloss = 0.1\n", "unknown field `loss` in [network]"),
        ("[workload]\nrate = 1\n", "unknown field `workload`"),
        ("[network\n", "not TOML"),
    ] {
        let error = Profile::parse(text, "here.toml").unwrap_err().to_string();
        assert!(error.starts_with("here.toml:") && error.contains(words), "{error}");
    }
}

#[test]
fn a_run_agrees_with_the_seeds_among_which_it_is_and_not_with_a_world_apart() {
    let scenario = named("coordinator-dies-after-votes");
    let protocol = Protocol::TwoPhase;
    let seeds: Vec<_> = (10..20).map(|seed| trial(&scenario, protocol, seed)).collect();
    let another = trial(&scenario, protocol, 7);
    let found = agree(&seeds, &another, 1.0);
    assert!(found.iter().all(|it| it.agrees), "{found:?}");
    assert!(found.len() > 10, "verdict, checks, faults, shares, times");
    let broken = |spoil: fn(&mut indoubt_judge::summary::Run)| {
        let mut run = another.clone();
        spoil(&mut run);
        agree(&seeds, &run, 1.0).into_iter().filter(|it| !it.agrees).map(|it| it.what).collect::<Vec<_>>()
    };
    assert_eq!(broken(|run| run.verdict = indoubt_judge::summary::Verdict::Violated), ["verdict"]);
    assert_eq!(broken(|run| run.checks[0].held = false), [another.checks[0].name.word()]);
    assert_eq!(broken(|run| run.faults[0].fired = 2), [format!("fired: {}", another.faults[0].text)]);
    assert_eq!(broken(|run| run.transactions.succeeded /= 2), ["share that succeeded"]);
    assert_eq!(broken(|run| run.measures.in_doubt_ms.max += 1_000.0), ["in_doubt_ms.max"]);
    let slack = Tolerance::OUTAGES_MS.absolute;
    assert!(broken(|run| run.measures.in_doubt_ms.max += 200.0).is_empty() && slack >= 200.0);
}
