//! Histories about whose end somebody found a false word: what is lost, what is excused, what an operator's hand means.

use indoubt_judge::summary::{Run, Verdict};
use indoubt_scenario::{protocol::Protocol, scenario::Scenario};
use indoubt_studies::trial::trial;

/// A scenario of these lines, with a name and a seed.
fn parsed(text: &str) -> Result<Scenario, String> {
    Scenario::parse(&format!("name = \"told\"\nseed = 1\n{text}"), "told.toml").map_err(|error| error.to_string())
}

fn runs(text: &str) -> Vec<Run> {
    let scenario = parsed(text).unwrap_or_else(|error| panic!("{error}"));
    scenario.protocols.iter().map(|protocol| trial(&scenario, *protocol, scenario.seed)).collect()
}

fn run(text: &str) -> Run {
    runs(text).remove(0)
}

/// A cluster, and one client's transactions.
fn cluster(protocols: &str, duration: &str, settle: &str, participants: u8, transactions: u8, more: &str) -> String {
    format!(
        "protocols = [{protocols}]\nduration = \"{duration}\"\nsettle = \"{settle}\"\n[cluster]\ncoordinators = 1\n\
         participants = {participants}\n[workload]\nkind = \"transfer\"\nclients = 1\ntransactions = {transactions}\n{more}"
    )
}

fn fault(when: &str, what: &str) -> String {
    format!("[[fault]]\n{when}\n{what}\n")
}

fn detail<'a>(run: &'a Run, check: &str) -> (bool, &'a str) {
    let check = run.checks.iter().find(|c| c.name.word() == check).expect("a check of this name");
    (check.promised && !check.held, &check.detail)
}

/// An operator who ends a branch does not know the decision (rule 21): who waits for it is blocked as before.
#[test]
fn an_operators_word_is_no_knowledge() {
    let dies =
        fault("on = { phase = \"work-done\" }", "do = \"kill\"\nnode = \"c1\"\nkeep = 0\nrestart_after = \"8s\"");
    let by_hand = fault("at = \"1s\"", "do = \"resolve\"\nnode = \"p1\"\ndecision = \"commit\"");
    for (hand, blocked) in [("", 2 * 8_001), (&by_hand[..], 995 + 8_001)] {
        let run = run(&cluster("\"2pc\"", "500ms", "10s", 2, 1, &format!("{dies}{hand}")));
        assert_eq!(run.measures.blocked_ms.sum, f64::from(blocked), "{hand}");
    }
    let run = run(&cluster("\"2pc\"", "500ms", "10s", 2, 1, &format!("{dies}{by_hand}")));
    assert!(detail(&run, "agreement").1.contains("waived: an operator ended a branch"), "{:?}", run.checks);
}

/// What an operator ended is known from the branch, not from when he was to speak: one that came into doubt meanwhile is
/// ended too.
#[test]
fn a_branch_that_came_into_doubt_before_the_hand_was_there_is_ended_by_it() {
    let text = "protocols = [\"2pc\"]\nduration = \"500ms\"\nsettle = \"20s\"\n[cluster]\nparticipants = 2\ncoordinators = 2\n\
        [workload]\nkind = \"transfer\"\nrate = 200.0\nkeys = 100\n[disk]\nforce = \"20ms\"\n\
        [[network.link]]\nfrom = \"p1\"\nto = \"c1\"\nlatency = \"60ms\"\n";
    let holds = fault(
        "on = { node = \"p1\", effect = \"send:vote:yes\", edge = \"after\", nth = 7 }",
        "do = \"slow-disk\"\nnode = \"p2\"\nforce = \"2ms\"\nfor = \"1ms\"",
    );
    let by_hand = fault("at = \"130ms\"", "do = \"resolve\"\nnode = \"p1\"\ndecision = \"abort\"");
    let run = run(&format!("{text}{holds}{by_hand}"));
    assert_eq!((run.verdict, run.transactions.partial), (Verdict::Ok, 6), "{:?}", run.checks);
    assert_eq!(detail(&run, "durability").1.matches("waived").count(), 5, "and one more");
}

/// An operator excuses nothing that was told before he spoke.
#[test]
fn a_waiver_of_a_record_begins_with_the_hand() {
    let text = "protocols = [\"2pc\"]\nduration = \"3s\"\nsettle = \"5s\"\n[cluster]\nparticipants = 2\ncoordinators = 2\n\
        [workload]\nkind = \"transfer\"\nrate = 60.0\nkeys = 1\naudit = 0.3\n";
    let loses = fault("at = \"500ms\"", "do = \"lose-log\"\nnode = \"p1\"\nrestart_after = \"5ms\"");
    let by_hand = fault("at = \"2500ms\"", "do = \"resolve\"\ndecision = \"commit\"");
    for seed in 1..=8 {
        let scenario = parsed(&format!("{text}{loses}{by_hand}")).unwrap().with_seed(seed);
        let run = trial(&scenario, Protocol::TwoPhase, seed);
        let (broken, audits) = detail(&run, "audits");
        assert!(!broken && audits.contains("p1 lost its log") && !audits.contains("operator"), "{seed}: {audits}");
    }
}

/// An abort has no effect that a lost journal could take away.
#[test]
fn an_aborted_transaction_loses_nothing() {
    let lost = fault("", "do = \"drop\"\nmessage = \"vote\"\nfrom = \"p2\"\nnth = 1");
    let robbed = fault("at = \"80ms\"", "do = \"lose-log\"\nnode = \"p1\"\nrestart_after = \"50ms\"");
    let timeouts = "[timeouts]\nvote = \"100ms\"\ndecision = \"50ms\"\nlock = \"100ms\"\nretry = \"30ms\"\n";
    let text = cluster("\"2pc-prn\", \"2pc-prc\"", "2s", "4s", 2, 1, &format!("{timeouts}{lost}{robbed}"));
    for run in runs(&text) {
        assert_eq!((run.transactions.aborted, run.measures.lost_effects), (1, 0), "{:?}", run.protocol);
    }
}

/// Partial means that something of it is there. What is gone altogether is torn nowhere, whatever the protocol.
#[test]
fn a_commit_of_which_every_effect_is_gone_is_not_torn() {
    let rob =
        |node| fault("at = \"100ms\"", &format!("do = \"lose-log\"\nnode = \"{node}\"\nrestart_after = \"50ms\""));
    let text = cluster("\"2pc\", \"2pc-prn\", \"saga\", \"none\"", "2s", "4s", 2, 1, &(rob("p1") + &rob("p2")));
    for run in runs(&text) {
        let found = (run.transactions.aborted, run.transactions.partial, run.measures.atomicity_violations);
        assert_eq!((found, run.measures.lost_effects), ((1, 0, 0), 2), "{:?}", run.protocol);
    }
}

/// An audit whose client was told that it succeeded is wrong also if a branch of it never ends.
#[test]
fn an_audit_that_was_told_is_judged() {
    let rob = fault(
        "on = { node = \"p1\", point = \"acknowledged\", nth = 1 }",
        "do = \"lose-log\"\nnode = \"p1\"\nrestart_after = \"5ms\"",
    );
    let dies = fault("on = { node = \"p2\", point = \"voted\", nth = 3 }", "do = \"kill\"\nnode = \"p2\"");
    let more = "keys = 1\naudit = 0.5\n[timeouts]\nretry = \"30ms\"\nvote = \"20ms\"\nlock = \"20ms\"\n\
        [options]\nread_only = false\n";
    for dies in ["", &dies] {
        let run = run(&cluster("\"2pc\"", "400ms", "2s", 2, 8, &format!("{more}{rob}{dies}")));
        assert!(run.measures.wrong_audits > 0, "{dies}");
        assert!(detail(&run, "audits").1.contains("c1-k1-4 found 1999964"), "{dies}: {:?}", run.checks);
    }
}

/// An audit of a saga ends with its saga: not with a crash of the orchestrator, and not only when its client hears of it.
#[test]
fn an_audit_of_a_saga_ends_by_its_journal() {
    let dead = fault("at = \"0ms\"", "do = \"kill\"\nnode = \"p2\"");
    let crash = fault("at = \"50ms\"", "do = \"kill\"\nnode = \"c1\"\nrestart_after = \"50ms\"");
    for crash in ["", &crash] {
        let run = run(&cluster("\"saga\"", "1s", "4s", 2, 1, &format!("audit = 1.0\n{dead}{crash}")));
        assert_eq!((run.transactions.unresolved, run.verdict), (1, Verdict::Unknown), "{crash}");
    }
    let unheard = fault("", "do = \"drop\"\nmessage = \"outcome\"\nnth = 1");
    let forgets = fault("at = \"1s\"", "do = \"kill\"\nnode = \"c1\"\nrestart_after = \"50ms\"");
    for more in [unheard.clone(), format!("[options]\nremembered = 0\n{unheard}{forgets}")] {
        let run = run(&cluster("\"saga\"", "2s", "4s", 2, 1, &format!("audit = 1.0\n{more}")));
        assert_eq!((run.transactions.succeeded, run.verdict), (1, Verdict::Ok), "{more}: {:?}", run.checks);
    }
}

/// A saga is stuck as long as its orchestrator says so. One that lost that record tries again.
#[test]
fn a_saga_that_lost_the_record_of_it_is_not_stuck() {
    let refuses = fault("", "do = \"refuse\"\nmessage = \"compensate\"\nnth = 1");
    let dies = |keep: u8| {
        let what = format!("do = \"kill\"\nnode = \"c1\"\nkeep = {keep}\nrestart_after = \"10ms\"");
        fault("on = { node = \"c1\", effect = \"observe:stuck\" }", &what)
    };
    let mut stuck = 0;
    for seed in 1..=6 {
        for keep in [0, 9] {
            let more = format!("refuse = 1.0\n[options]\ncompensation_attempts = 1\n{refuses}{}", dies(keep));
            let scenario = parsed(&cluster("\"saga\"", "200ms", "9s", 3, 1, &more)).unwrap().with_seed(seed);
            let run = trial(&scenario, Protocol::Saga, seed);
            let came = run.faults.iter().all(|fault| fault.fired == 1);
            assert_eq!(run.transactions.stuck, u64::from(came && keep == 9), "{seed} {keep}: {:?}", run.transactions);
            stuck += run.transactions.stuck;
        }
    }
    assert!(stuck > 0);
}

/// What concerns a transaction in nothing excuses nothing: a link that no saga uses, a node that it never asked, a journal that
/// held nothing of it.
#[test]
fn termination_is_waived_for_what_it_hangs_on() {
    let refuses = fault("", "do = \"refuse\"\nmessage = \"settle\"\nto = \"p2\"\nfor = \"1m\"");
    let dies =
        fault("on = { phase = \"half-done\" }", "do = \"kill\"\nnode = \"c1\"\nkeep = 0\nrestart_after = \"10ms\"");
    let saga = |more: &str| run(&cluster("\"saga\"", "200ms", "5s", 3, 1, &format!("{dies}{more}")));
    let asked_of_p2 = saga(&refuses);
    assert!(detail(&asked_of_p2, "termination").1.contains("still affects its messages"), "{:?}", asked_of_p2.checks);
    assert_eq!(asked_of_p2.verdict, Verdict::Unknown);

    let twice = fault("", "do = \"duplicate\"\nmessage = \"settle\"\nto = \"p2\"\nfor = \"1m\"");
    let never = fault("", "do = \"refuse\"\nmessage = \"settle\"\nto = \"p2\"\ncount = 9999\nfor = \"1m\"");
    let (broken, why) = {
        let run = saga(&format!("{never}{twice}"));
        let (b, w) = detail(&run, "termination");
        (b, w.to_owned())
    };
    assert!(broken, "a message that comes twice has come: {why}");
    let blocked = fault("at = \"1ms\"", "do = \"partition\"\nbetween = [[\"c1\"], [\"p2\"]]\nfor = \"1m\"");
    assert!(detail(&saga(&blocked), "termination").1.contains("c1 is still cut off from p2"));
    // In 2PC participants do not speak to each other, unless they cooperate.
    let deaf =
        fault("", "do = \"drop\"\nmessage = \"decision\"\nto = \"p1\"\nfrom = \"c1\"\ncount = 9999\nfor = \"1m\"");
    let apart = fault("at = \"6ms\"", "do = \"partition\"\nbetween = [[\"p1\"], [\"p2\"]]\nfor = \"1m\"");
    let gone = fault("at = \"300ms\"", "do = \"kill\"\nnode = \"p2\"");
    let robbed = fault("at = \"300ms\"", "do = \"lose-log\"\nnode = \"p2\"\nrestart_after = \"5ms\"");
    for (protocol, beside, excused) in [
        ("2pc", "", false),
        ("2pc", &apart[..], false),
        ("2pc-cooperative", &apart, true),
        ("2pc", &gone, false),
        ("2pc", &robbed, true),
    ] {
        let run = run(&cluster(&format!("\"{protocol}\""), "200ms", "5s", 2, 1, &format!("{deaf}{beside}")));
        let (broken, why) = detail(&run, "termination");
        assert_eq!((run.transactions.unresolved, !broken), (1, excused), "{protocol} {beside}: {why}");
    }
}

/// While nothing is decided, a transaction hangs on everybody who was asked.
#[test]
fn an_undecided_transaction_waits_for_whom_it_asked() {
    let dead = fault("at = \"1us\"", "do = \"kill\"\nnode = \"p2\"");
    let run = run(&cluster("\"2pc\"", "100ms", "300ms", 2, 1, &format!("[timeouts]\nlock = \"2s\"\n{dead}")));
    let (broken, why) = detail(&run, "termination");
    assert!(!broken && why.contains("waived: p2 is not running"), "{why}");
    assert_eq!(run.verdict, Verdict::Unknown);
}

/// A commit by hand before everybody has voted is the operator's, and no commit of the protocol's without a yes.
#[test]
fn an_operator_who_commits_early_and_agrees_breaks_nothing() {
    let late = "[[network.link]]\nfrom = \"c1\"\nto = \"p1\"\nlatency = \"200ms\"\n";
    let by_hand = fault("at = \"500ms\"", "do = \"resolve\"\nnode = \"p2\"\ndecision = \"commit\"");
    let mut early = 0;
    for at in ["210ms", "300ms", "500ms"] {
        let hand = by_hand.replace("500ms", at);
        let run = run(&cluster("\"2pc-prc\"", "2s", "4s", 2, 1, &format!("{late}{hand}")));
        assert_eq!((run.transactions.succeeded, run.verdict), (1, Verdict::Ok), "{at}: {:?}", run.checks);
        early += u64::from(run.checks.iter().all(|check| check.held));
    }
    assert_eq!(early, 3, "nothing is even waived");
}

#[test]
fn a_journal_that_nobody_opens_again_is_no_lost_log() {
    let lost = fault("at = \"1s\"", "do = \"lose-log\"\nnode = \"p1\"");
    let error = parsed(&cluster("\"2pc\"", "2s", "4s", 2, 1, &lost)).unwrap_err();
    assert!(error.contains("p1 never comes back") && error.contains("`restart_after`"), "{error}");
    let back = fault("at = \"2s\"", "do = \"restart\"\nnode = \"p1\"");
    assert!(parsed(&cluster("\"2pc\"", "2s", "4s", 2, 1, &format!("{lost}{back}"))).is_ok());
}
