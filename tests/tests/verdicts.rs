//! Histories in which somebody who looked for it found a wrong verdict, or a wrong number: each is told as it should be.

use indoubt_judge::summary::{Run, Verdict};
use indoubt_scenario::{checks::CheckName, protocol::Protocol, scenario::Scenario};
use indoubt_studies::trial::trial;

/// A scenario of one client and two participants, unless the rest says otherwise.
fn scenario(top: &str, rest: &str) -> Scenario {
    let text = format!(
        "name = \"told\"\n{top}\nsettle = \"5s\"\n[cluster]\ncoordinators = 1\nparticipants = 2\n\
         [workload]\nkind = \"transfer\"\nclients = 1\ntransactions = 1\ntouch = 2\n{rest}"
    );
    Scenario::parse(&text, "told.toml").unwrap_or_else(|error| panic!("{error}"))
}

fn run(top: &str, rest: &str) -> Run {
    let scenario = scenario(top, rest);
    trial(&scenario, scenario.protocols[0], scenario.seed)
}

fn kill(on: &str, node: &str, more: &str) -> String {
    format!("[[fault]]\non = {on}\ndo = \"kill\"\nnode = \"{node}\"\n{more}\n")
}

fn after(node: &str, effect: &str) -> String {
    format!("{{ node = \"{node}\", effect = \"{effect}\", edge = \"after\" }}")
}

fn waived(run: &Run, check: &str) -> bool {
    run.checks.iter().any(|c| c.name.word() == check && !c.held && !c.promised && c.detail.contains("waived"))
}

fn broken(run: &Run) -> Vec<&str> {
    run.checks.iter().filter(|c| c.promised && !c.held).map(|c| c.name.word()).collect()
}

#[test]
fn a_commit_that_is_durable_stands_although_its_node_died_before_it_could_say_so() {
    let busy = scenario("protocols = [\"2pc\"]\nduration = \"1s\"", "").set("workload.clients", "8").unwrap();
    let busy = busy.set("workload.transactions", "20").unwrap().set("disk.force", "6ms").unwrap();
    let busy = busy.set("network.latency", "{ min = \"1ms\", max = \"9ms\" }").unwrap();
    for (more, back) in [("", false), ("restart_after = \"500ms\"", true)] {
        let fault = kill("{ node = \"p2\", effect = \"send:vote\", edge = \"after\", nth = 9 }", "p2", more);
        let text = format!("{}{fault}", busy.to_toml());
        let busy = Scenario::parse(&text, "busy.toml").unwrap();
        let mut succeeded = 0;
        for seed in 1..=60 {
            let run = trial(&busy, Protocol::TwoPhase, seed);
            assert_eq!(broken(&run), Vec::<&str>::new(), "seed {seed}, back {back}");
            assert_eq!(run.measures.exposed_ms.count, 0, "seed {seed}, back {back}");
            succeeded += run.transactions.succeeded;
        }
        assert!(succeeded > 100);
    }
}

#[test]
fn a_node_that_dies_again_before_it_says_that_it_is_in_doubt_is_in_doubt() {
    let top = "protocols = [\"2pc-prc\"]\nduration = \"3s\"";
    let first = kill(&after("p1", "append:committed"), "p1", "keep = 0\nrestart_after = \"200ms\"");
    let again = kill("{ node = \"p1\", effect = \"observe:lock-granted\", nth = 2 }", "p1", "keep = 0");
    let run = run(top, &format!("{first}{again}"));
    assert_eq!((run.transactions.unresolved, run.verdict), (1, Verdict::Unknown));
    assert!(waived(&run, "termination"), "{:?}", run.checks);
}

#[test]
fn a_record_number_that_is_used_again_misleads_nobody() {
    let top = "protocols = [\"2pc\"]\nduration = \"3s\"";
    let first = kill(&after("p1", "append:aborted"), "p1", "keep = 0\nrestart_after = \"200ms\"");
    let rest = format!(
        "refuse = 1.0\n[options]\nabort = \"after-all-votes\"\n{first}\
         [[fault]]\nat = \"1s\"\ndo = \"kill\"\nnode = \"p1\"\nkeep = 0\n"
    );
    let run = run(top, &rest);
    assert_eq!((run.transactions.aborted, run.verdict), (1, Verdict::Ok));
}

#[test]
fn a_no_voter_that_forgot_its_vote_tells_a_blocked_peer_nothing() {
    let kills = [
        kill(&after("p2", "append:aborted"), "p2", "keep = 0\nrestart_after = \"100ms\""),
        kill(&after("c1", "deliver:vote:yes"), "c1", "restart_after = \"6s\""),
    ];
    let rest = format!(
        "refuse = 1.0\n[[network.link]]\nfrom = \"p2\"\nto = \"coordinator\"\nlatency = \"10ms\"\n\
         [options]\nabort = \"after-all-votes\"\n{}",
        kills.concat()
    );
    let told = scenario("protocols = [\"2pc-cooperative\"]\nduration = \"8s\"", &rest);
    let blocked: Vec<f64> = (1..=10)
        .map(|seed| trial(&told, Protocol::Cooperative, seed))
        .filter(|run| run.faults.iter().all(|fault| fault.fired == 1) && run.measures.in_doubt_ms.max > 6_000.0)
        .map(|run| run.measures.blocked_ms.max)
        .collect();
    assert!(!blocked.is_empty() && blocked.iter().all(|ms| (5_800.0..6_100.0).contains(ms)), "{blocked:?}");
}

#[test]
fn what_an_operator_ended_is_excused_however_it_ended_afterwards() {
    let by_hand = |decision: &str, node: &str| {
        format!("[[fault]]\nat = \"1s\"\ndo = \"resolve\"\ndecision = \"{decision}\"\n{node}\n")
    };
    // p1 dies before the hand's abort is durable, doubts again, and learns COMMIT.
    let forgets = [
        kill("{ phase = \"decided\" }", "c1", "restart_after = \"3s\""),
        by_hand("abort", "node = \"p1\""),
        kill(&after("p1", "append:aborted"), "p1", "keep = 0\nrestart_after = \"200ms\""),
    ];
    let run_one = run("protocols = [\"2pc\"]\nduration = \"5s\"", &forgets.concat());
    assert!(waived(&run_one, "agreement") && broken(&run_one).is_empty(), "{:?}", run_one.checks);

    // A coordinator that died without a decision will never commit what the operator did: it is partial, for good.
    let rest = [
        "[[network.link]]\nfrom = \"p3\"\nto = \"coordinator\"\nlatency = \"100ms\"\n\
         [[network.link]]\nfrom = \"coordinator\"\nto = \"p3\"\nlatency = \"50ms\"\n",
        &kill("{ phase = \"half-done\" }", "c1", "restart_after = \"2s\""),
        &kill("{ node = \"p3\", effect = \"deliver:prepare\", edge = \"before\" }", "p3", "restart_after = \"500ms\""),
        &by_hand("commit", ""),
    ];
    let three = scenario("protocols = [\"2pc\"]\nduration = \"4s\"", "").set("cluster.participants", "3").unwrap();
    let three = three.set("workload.touch", "3").unwrap();
    let three = Scenario::parse(&format!("{}{}", three.to_toml(), rest.concat()), "three.toml").unwrap();
    let run_three = trial(&three, Protocol::TwoPhase, three.seed);
    assert_eq!((run_three.transactions.partial, broken(&run_three)), (1, vec![]), "{:?}", run_three.checks);

    // A frozen node hears no operator.
    let frozen = format!(
        "[[fault]]\non = {}\ndo = \"pause\"\nnode = \"p1\"\nfor = \"2s\"\n{}",
        after("p1", "deliver:prepare"),
        by_hand("commit", "node = \"p1\"")
    );
    let run_frozen = run("protocols = [\"2pc\"]\nduration = \"4s\"", &frozen);
    assert_eq!((run_frozen.transactions.aborted, run_frozen.verdict), (1, Verdict::Ok));
}

#[test]
fn a_lost_log_excuses_only_what_had_begun_when_it_was_lost() {
    let late = scenario(
        "protocols = [\"2pc\"]\nduration = \"3s\"",
        "[network]\nlatency = \"200ms\"\n[timeouts]\nvote = \"3s\"\nlock = \"3s\"\n\
         [[fault]]\nat = \"1s\"\ndo = \"lose-log\"\nnode = \"p1\"\nrestart_after = \"1900ms\"\n",
    );
    let late = late.set("workload.transactions", "12").unwrap().set("settle", "1ms").unwrap();
    let run = trial(&late, Protocol::TwoPhase, late.seed);
    let termination = run.checks.iter().find(|check| check.name == CheckName::Termination).unwrap();
    assert!(!termination.held && termination.promised && run.verdict == Verdict::Violated, "{termination:?}");
}

/// A process that halts after a whole step has not begun the force that the step wants: frozen there, and killed, it never
/// prepared.
#[test]
fn a_node_that_is_frozen_after_a_step_has_not_begun_its_force() {
    let rest = format!(
        "[[fault]]\non = {}\ndo = \"pause\"\nnode = \"p1\"\nfor = \"2s\"\n\
         [[fault]]\nat = \"500ms\"\ndo = \"kill\"\nnode = \"p1\"\nkeep = 0\nrestart_after = \"500ms\"\n",
        after("p1", "deliver:prepare")
    );
    let run = run("protocols = [\"2pc\"]\nduration = \"3s\"", &rest);
    assert_eq!((run.transactions.aborted, run.measures.in_doubt_ms.count), (1, 1), "only p2 prepared");
}
