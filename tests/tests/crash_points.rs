//! Runs every crash point, and pairs of crashes, for the protocols that promise to survive them. Also tests what must sometimes
//! happen: if nothing were ever blocked, or nothing ever aborted, the promises would be tested in vain.

use indoubt_driver::gate::{COMPACTION, Verb};
use indoubt_proto::{
    ids::{NodeId, Role},
    observation::{Observation, Stamped},
    time::Micros,
};
use indoubt_scenario::{
    protocol::{Family, Protocol},
    scenario::Scenario,
};
use indoubt_simulator::world;
use indoubt_studies::{
    crash_points::{Case, CaseResult, Ending, HeatMap, MiniRun, Spot, Strike, Survives},
    trial::trial,
};
use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf};

const BACK: Micros = Micros::from_secs(2);

fn base(more: &str) -> Scenario {
    let text =
        format!("name = \"one\"\n[cluster]\ncoordinators = 1\n[workload]\nkind = \"transfer\"\nclients = 1\n{more}");
    Scenario::parse(&text, "one.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn runs(protocol: Protocol, participants: u16) -> Vec<MiniRun> {
    MiniRun::all(&base(""), protocol, participants, BACK).unwrap()
}

/// What must hold in every case of a protocol that promises to survive.
fn survives(protocol: Protocol, tried: &CaseResult, crashes: usize) {
    assert_eq!(tried.fired, crashes, "{protocol} {}: a crash did not happen", tried.case);
    assert!(!tried.is_failure(), "{protocol} {}: {} {:?}", tried.case, tried.outcome, tried.broken);
    assert!(!["partial", "unresolved", "stuck", "never came"].contains(&tried.outcome), "{protocol} {}", tried.case);
}

/// Runs every crash point of every mini run, with every prefix of the tail.
fn die_everywhere(protocol: Protocol) -> Vec<CaseResult> {
    let mut all = Vec::new();
    for participants in [2, 3] {
        let runs = runs(protocol, participants);
        assert_eq!(runs.len(), 1 + usize::from(participants), "once to commit, and refused at each step");
        for run in &runs {
            let calm = run.try_case(vec![]);
            assert_eq!((calm.outcome, calm.told), expected(protocol, run.ending), "{protocol} {}", calm.case);
            all.extend(run.crash_points().iter().flat_map(|spot| run.try_spot(&[], spot)));
        }
    }
    all
}

fn expected(protocol: Protocol, ending: Ending) -> (&'static str, &'static str) {
    match (protocol.family(), ending) {
        (Family::TwoPhase, Ending::Commit) => ("committed", "succeeded"),
        (_, Ending::Commit) => ("completed", "succeeded"),
        // Its other steps are under way when one is refused.
        (Family::Saga, Ending::Refuse(_)) if protocol == Protocol::SagaParallel => ("compensated", "compensated"),
        (Family::Saga, Ending::Refuse(step)) if step > 1 => ("compensated", "compensated"),
        (Family::Unprotected, Ending::Refuse(step)) if step > 1 => ("partial", "aborted"),
        (_, Ending::Refuse(_)) => ("aborted", "aborted"),
    }
}

fn outcomes(all: &[CaseResult]) -> BTreeSet<&'static str> {
    all.iter().map(|tried| tried.outcome).collect()
}

fn longest(all: &[CaseResult], ms: fn(&CaseResult) -> f64) -> f64 {
    all.iter().map(ms).fold(0.0, f64::max)
}

fn two_phase_survives(protocol: Protocol) -> Vec<CaseResult> {
    let all = die_everywhere(protocol);
    all.iter().for_each(|tried| survives(protocol, tried, 1));
    assert_eq!(outcomes(&all), BTreeSet::from(["aborted", "committed", "refused"]));
    // Some branch is in doubt for as long as the coordinator is down, and none for longer than that explains.
    let blocked = longest(&all, |tried| tried.blocked_ms);
    assert!((1_900.0..2_100.0).contains(&blocked), "{blocked}");
    assert!(longest(&all, |tried| tried.in_doubt_ms) >= blocked);
    all
}

#[test]
fn two_phase_commit_survives_every_crash() {
    two_phase_survives(Protocol::TwoPhase);
}

#[test]
fn presumed_nothing_and_presumed_commit_survive_every_crash() {
    two_phase_survives(Protocol::PresumedNothing);
    two_phase_survives(Protocol::PresumedCommit);
}

#[test]
fn cooperation_survives_every_crash_and_blocks_fewer() {
    let blocked_long = |all: &[CaseResult]| all.iter().filter(|tried| tried.blocked_ms > 1_000.0).count();
    let alone = two_phase_survives(Protocol::TwoPhase);
    let together = two_phase_survives(Protocol::Cooperative);
    assert!(blocked_long(&together) < blocked_long(&alone), "{}", blocked_long(&together));
}

fn saga_survives(protocol: Protocol) {
    let all = die_everywhere(protocol);
    all.iter().for_each(|tried| survives(protocol, tried, 1));
    assert_eq!(outcomes(&all), BTreeSet::from(["aborted", "compensated", "completed", "refused"]));
    assert_eq!(longest(&all, |tried| tried.in_doubt_ms), 0.0);
    assert!(longest(&all, |tried| tried.pending_ms) > 1_900.0, "while it waits, what it did is for all to see");
    let turned = all.iter().filter(|tried| tried.case.ending == Ending::Commit && tried.outcome == "compensated");
    assert!(turned.count() > 0, "a crash can make a saga compensate although no step is refused");
}

#[test]
fn a_saga_survives_every_crash_and_never_blocks() {
    saga_survives(Protocol::Saga);
}

#[test]
fn a_parallel_saga_survives_every_crash_and_never_blocks() {
    saga_survives(Protocol::SagaParallel);
}

#[test]
fn without_a_protocol_a_crash_leaves_half_a_transaction_and_nothing_is_promised() {
    for protocol in [Protocol::None, Protocol::NoneRetry] {
        let all = die_everywhere(protocol);
        assert!(all.iter().all(|tried| tried.fired == 1 && !tried.is_failure()));
        let torn: Vec<_> = all.iter().filter(|tried| tried.outcome == "partial").collect();
        assert!(torn.iter().any(|tried| tried.case.ending == Ending::Commit), "{protocol}");
        assert!(torn.iter().all(|tried| tried.broken.iter().any(|broken| broken.check == "completeness")));
    }
}

/// With a journal that is compacted after every record, after every second one, and so on, each record of the run is in the tail of some
/// compaction. A crash comes before a compaction, while it waits, while its file is written, once the new file is in place, and after it.
#[test]
fn every_crash_inside_a_compaction_is_survived() {
    for protocol in Protocol::ALL.into_iter().filter(|protocol| protocol.family() != Family::Unprotected) {
        let (mut edges, mut new_files) = (0, 0);
        for every in 1..=6 {
            let base = base(&format!("[disk]\ncompact_every = {every}\n"));
            for run in MiniRun::all(&base, protocol, 2, BACK).unwrap() {
                for spot in run.crash_points() {
                    let all = run.try_spot(&[], &spot);
                    all.iter().for_each(|tried| survives(protocol, tried, 1));
                    edges += usize::from(spot.point.word == COMPACTION);
                    new_files += spot.unforced.behind_compaction.map_or(0, |behind| behind + 1);
                }
            }
        }
        println!("{protocol}: {edges} edges of compactions, {new_files} crashes that leave a new file");
        assert!(edges >= 30 && new_files >= edges / 2, "{protocol}: {edges} {new_files}");
    }
}

/// After a first crash, crashes again at each crash point of the history after it. This is done for every n-th first crash, beginning
/// at a different one in each run.
fn die_twice(protocol: Protocol, every: usize) -> Vec<CaseResult> {
    let mut all = Vec::new();
    for (run, skip) in runs(protocol, 2).iter().zip(0..) {
        let firsts = run.crash_points().iter().flat_map(|spot| run.try_spot(&[], spot)).collect::<Vec<_>>();
        for first in firsts.iter().skip(skip).step_by(every) {
            let before = first.case.strikes.as_slice();
            for spot in run.crash_points_after(&before[0]) {
                all.extend(run.try_spot(before, &spot));
            }
        }
    }
    all
}

/// Debug builds take a sample.
const EVERY: usize = if cfg!(debug_assertions) { 15 } else { 1 };

#[test]
fn pairs_of_crashes_are_survived_and_block_for_longer() {
    for protocol in [Protocol::TwoPhase, Protocol::PresumedNothing, Protocol::PresumedCommit, Protocol::Cooperative] {
        let all = die_twice(protocol, EVERY);
        all.iter().for_each(|tried| survives(protocol, tried, 2));
        let again = |tried: &&CaseResult| tried.case.strikes[0].point.node == tried.case.strikes[1].point.node;
        let recovering = all.iter().filter(again).filter(|tried| tried.case.strikes[1].point.nth == 1);
        assert!(recovering.count() > 0, "{protocol}: a node dies while it recovers");
        assert!(longest(&all, |tried| tried.in_doubt_ms) > 3_900.0, "{protocol}: both absences in doubt");
    }
    for protocol in [Protocol::Saga, Protocol::SagaParallel] {
        let all = die_twice(protocol, EVERY);
        all.iter().for_each(|tried| survives(protocol, tried, 2));
        assert!(longest(&all, |tried| tried.pending_ms) > 3_900.0, "{protocol}");
    }
}

/// With an empty disk, or an older copy of its journal, a node may break only what it alone kept: nothing that the judge counts.
#[test]
fn an_empty_disk_and_every_older_copy_of_a_journal_break_no_promise_that_others_can_keep() {
    let mut waived: BTreeSet<String> = BTreeSet::new();
    let (mut refused, mut cases) = (0, 0);
    for protocol in [Protocol::TwoPhase, Protocol::PresumedNothing, Protocol::PresumedCommit, Protocol::Saga] {
        for run in runs(protocol, 2) {
            for spot in run.crash_points().iter().step_by(EVERY.min(4)) {
                for tried in run.try_disks(&[], spot) {
                    assert!(!tried.is_failure(), "{protocol} {}: {:?}", tried.case, tried.broken);
                    waived.extend(tried.broken.iter().filter(|broken| !broken.promised).map(|b| b.check.clone()));
                    refused += u32::from(tried.outcome == "unresolved");
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 300 && refused > 10, "{cases} {refused}");
    for check in ["agreement", "durability", "conservation", "termination"] {
        assert!(waived.contains(check), "no older copy ever shows in {check}: {waived:?}");
    }
}

/// A crash point after a send is named by a count, and a first crash may have lost sends that count. Tests that the second crash comes
/// directly after that message, which was taken, and that the node has sent nothing since.
#[test]
fn after_a_send_means_after_that_very_send_also_when_others_were_lost() {
    let (mut told, mut behind_lost) = (0, 0);
    for protocol in [Protocol::TwoPhase, Protocol::PresumedNothing, Protocol::Saga] {
        let run = &runs(protocol, 2)[0];
        for first in run.crash_points() {
            let first = Strike { point: first.point, survives: Survives::Tail(0) };
            let after = run.crash_points_after(&first);
            let sends = after.iter().filter(|spot| spot.point.verb == Verb::Send && spot.message.is_some());
            for spot in sends {
                let strikes = [first.clone(), Strike { point: spot.point.clone(), survives: Survives::Tail(0) }];
                let trace = world::run(&run.scenario_of(&strikes), protocol, run.scenario.seed).trace;
                let is_fault = |seen: &Stamped| matches!(seen.what, Observation::Fault { .. });
                let second = (0..trace.len()).filter(|at| is_fault(&trace[*at])).nth(1);
                let until = &trace[..second.unwrap_or_else(|| panic!("{protocol} {}: never came", spot.point))];
                let mut ids = until.iter().filter_map(|seen| match seen.what {
                    Observation::Sent { id, from, to, copy: false, .. }
                        if from == spot.point.node && !to.is_client() =>
                    {
                        Some(id)
                    }
                    _ => None,
                });
                assert_eq!(ids.next_back(), spot.message, "{protocol} {first:?} {}", spot.point);
                let taken =
                    |seen: &Stamped| matches!(seen.what, Observation::Received { id, .. } if Some(id) == spot.message);
                assert!(until.iter().any(taken), "{protocol} {first:?} {}", spot.point);
                told += 1;
                let lost =
                    |seen: &Stamped| matches!(seen.what, Observation::Dropped { from, .. } if from == spot.point.node);
                behind_lost += u32::from(until.iter().any(lost));
            }
        }
    }
    assert!(told > 100 && behind_lost > 10, "{told} {behind_lost}");
}

#[test]
fn every_case_is_an_ordinary_scenario_and_its_name_repeats_it() {
    for protocol in Protocol::ALL {
        for run in runs(protocol, 2) {
            let mut first: Option<Strike> = None;
            for (spot, number) in run.crash_points().into_iter().zip(0..) {
                let strike = Strike { point: spot.point, survives: Survives::Tail(spot.unforced.tail as u64) };
                let strikes: Vec<Strike> = first.iter().cloned().chain([strike.clone()]).collect();
                first.get_or_insert(strike);
                let scenario = run.scenario_of(&strikes);
                let again = Scenario::parse(&scenario.to_toml(), "case.toml");
                assert_eq!(again.as_ref(), Ok(&scenario), "{protocol}");
                let case = run.case(strikes);
                assert_eq!(case.to_string().parse::<Case>().as_ref(), Ok(&case));
                if number % 10 == 0 {
                    let same = MiniRun::of(&base(""), protocol, &case, BACK).unwrap();
                    let tried = run.try_case(case.strikes.clone());
                    assert_eq!(same.try_case(case.strikes), tried);
                    let replayed = trial(&again.unwrap(), protocol, run.scenario.seed);
                    assert_eq!((replayed.verdict, replayed.measures.blocked_ms.max), (tried.verdict, tried.blocked_ms));
                }
            }
        }
    }
}

#[test]
fn what_survives_is_what_was_kept() {
    let commit = runs(Protocol::TwoPhase, 2).remove(0);
    let spot = |text: &str| -> Spot {
        let point = text.parse().unwrap();
        commit.crash_points().into_iter().find(|spot| spot.point == point).unwrap_or_else(|| panic!("no {text}"))
    };
    let told = |text: &str| -> Vec<(&str, u64)> {
        let all = commit.try_spot(&[], &spot(text));
        all.iter().map(|tried| (tried.outcome, tried.survived[0].1.0)).collect()
    };
    // Before p1 prepares, its tail has `booted`; then it has both records. It never sends its vote.
    assert_eq!(told("p1/before/append:prepared/1"), [("aborted", 0), ("aborted", 1)]);
    assert_eq!(told("p1/after/append:prepared/1"), [("aborted", 0), ("aborted", 1), ("aborted", 2)]);
    assert_eq!(told("p1/before/send:vote:yes/1"), [("aborted", 2)], "both were forced");
    // The decision either survives or does not, and what the client is told depends only on that.
    assert_eq!(told("c1/after/append:committed/1"), [("aborted", 0), ("committed", 1)]);
    assert_eq!(told("c1/before/send:decision:commit/1"), [("committed", 1)]);
}

#[test]
fn other_businesses_and_options_are_reduced_too() {
    let kinds: BTreeSet<String> = ["order", "trip"]
        .into_iter()
        .flat_map(|kind| {
            let changed = base("").set("workload.kind", kind).unwrap().set("options.work", "with-prepare").unwrap();
            MiniRun::all(&changed, Protocol::TwoPhase, 3, BACK).unwrap()
        })
        .map(|run| {
            let sends =
                run.crash_points().iter().filter(|s| s.point.verb == Verb::Send && s.point.word == "work").count();
            assert_eq!(sends, 0, "the work travels with PREPARE");
            format!("{} {}", run.scenario.workload.kind.word(), run.ending)
        })
        .collect();
    let expected = ["order commit", "order refuse-2", "order refuse-3", "trip commit", "trip refuse-2"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
    let error = MiniRun::all(&base(""), Protocol::TwoPhase, 1, BACK).unwrap_err();
    assert!(error.to_string().contains("transfer"), "{error}");
    let case = Case { participants: 2, ending: Ending::Refuse(7), strikes: vec![] };
    let error = MiniRun::of(&base(""), Protocol::TwoPhase, &case, BACK).unwrap_err().to_string();
    assert!(error.contains("commit, refuse-1, refuse-2"), "{error}");
}

#[test]
fn a_heat_map_has_every_case_once_whichever_way_it_is_gathered() {
    let (mut whole, mut sum) = (HeatMap::default(), HeatMap::default());
    let mut cases = 0;
    for protocol in [Protocol::TwoPhase, Protocol::PresumedCommit] {
        let run = &runs(protocol, 2)[0];
        let places = run.crash_points();
        for map in [&mut whole, &mut sum] {
            map.lay_out(protocol.family(), places.iter().map(|spot| &spot.point));
        }
        for spot in &places {
            let mut part = HeatMap::default();
            for tried in run.try_spot(&[], spot) {
                whole.take(protocol, &tried);
                part.take(protocol, &tried);
                cases += 1;
            }
            sum.add(part);
        }
    }
    assert_eq!(whole, sum);
    let cells = || whole.rows.iter().flat_map(|(_, cells)| cells.values());
    assert_eq!(cells().map(|cell| cell.cases).sum::<u64>(), cases);
    assert!(cells().all(|cell| cell.outcomes.values().sum::<u64>() == cell.cases && cell.failed == 0));
    assert!(cells().any(|cell| cell.blocked_ms > 1_900.0 && cell.worst.blocked_ms == cell.blocked_ms));
    // Rows are in the order of the run, also those that only one of the protocols has.
    let coordinator: Vec<&str> =
        whole.of(Family::TwoPhase, Role::Coordinating).map(|(row, _)| row.effect.as_str()).collect();
    let at = |effect: &str| coordinator.iter().position(|known| *known == effect).unwrap();
    let flow = ["observe:reached:begun", "append:initiation", "send:work", "send:prepare", "observe:reached:half-done"];
    let flow = flow.into_iter().chain(["append:committed", "send:decision:commit", "observe:reached:half-told"]);
    assert!(flow.map(at).is_sorted(), "{coordinator:?}");
}

/// Compares the numbers of crash points with `tests/golden/crash-points.txt`. `INDOUBT_GOLDEN=write` writes the file again.
#[test]
fn the_number_of_crash_points_is_what_the_protocol_says_and_does() {
    let mut text = "\
Crash points of one transfer over two participants that commits. An append, a send and the receipt of a message have two
crash points each, an observation has one. A case is a crash point with one possible surviving prefix of the unforced
tail: a tail of n records has n + 1 prefixes.\n"
        .to_owned();
    for protocol in Protocol::ALL {
        let run = &runs(protocol, 2)[0];
        let places = run.crash_points();
        let cases: usize = places.iter().map(|spot| run.try_spot(&[], spot).len()).sum();
        writeln!(text, "\n{protocol}: {} crash points, {cases} cases", places.len()).unwrap();
        for node in [NodeId::coordinating(1), NodeId::participant(1), NodeId::participant(2)] {
            let of = |verb| places.iter().filter(move |s| s.point.node == node && s.point.verb == verb);
            let twice = |verb| {
                assert_eq!(of(verb).count() % 2, 0, "{protocol} {node}: an edge is missing");
                of(verb).count() / 2
            };
            let (appends, sends, takes, notes) =
                (twice(Verb::Append), twice(Verb::Send), twice(Verb::Deliver), of(Verb::Observe).count());
            let whole = 2 * (appends + sends + takes) + notes;
            let words: Vec<&str> = of(Verb::Append).step_by(2).map(|spot| spot.point.word.as_str()).collect();
            let words = if words.is_empty() { "nothing".into() } else { words.join(", ") };
            writeln!(
                text,
                "  {node}  2 x ({appends} appends + {sends} sends + {takes} receipts) + {notes} observations = {whole:<3}  writes {words}"
            )
            .unwrap();
        }
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/crash-points.txt");
    if std::env::var_os("INDOUBT_GOLDEN").is_some_and(|word| word == "write") {
        fs::write(&path, &text).expect("the golden folder can be written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(golden == text, "{}\n\nfound:\n{text}", path.display());
}
