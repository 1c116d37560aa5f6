//! Planted bugs: mistakes that real systems have made. A named check must catch each of them within a stated number of seeds of the
//! swarm, and some of them also with one crash at every crash point of one transaction. Without the bug, the same case is clean.
//!
//! docs/07-planted-bugs.md has the table of [`BUGS`]; `INDOUBT_GOLDEN=write` writes it again. The table does not say which seed finds a
//! bug, because that changes with every change of a draw.

use Mutant::*;
use indoubt_judge::summary::{Run, Verdict};
use indoubt_proto::{
    planted::{Mutant, Planted},
    time::Micros,
};
use indoubt_scenario::{
    protocol::{Family, Protocol},
    scenario::Scenario,
};
use indoubt_studies::{
    crash_points::{CaseResult, MiniRun},
    swarm::{Case, draw, examine},
};
use std::{fmt::Write as _, fs, path::PathBuf, thread};

/// The swarm must find each bug within this number of seeds of the protocols that it concerns.
const SEEDS: u64 = 3_000;
const BACK: Micros = Micros::from_secs(2);
/// The options with which one transaction runs.
const OPTIONS: [&str; 3] = ["", "remembered = 0\n", "remembered = 0\nwork = \"with-prepare\"\n"];

const TWO_PHASE: &[Protocol] =
    &[Protocol::TwoPhase, Protocol::PresumedNothing, Protocol::PresumedCommit, Protocol::Cooperative];
const PRC: &[Protocol] = &[Protocol::PresumedCommit];
const COOPERATIVE: &[Protocol] = &[Protocol::Cooperative];
const SAGA: &[Protocol] = &[Protocol::Saga];
const PARALLEL: &[Protocol] = &[Protocol::SagaParallel];
const SAGAS: &[Protocol] = &[Protocol::Saga, Protocol::SagaParallel];

/// A bug: the protocols that can show it, the mistake in words, a promise that it breaks, and whether one transaction with one crash
/// can show it.
struct Bug {
    mutant: Mutant,
    protocols: &'static [Protocol],
    mistake: &'static str,
    check: &'static str,
    one_crash: bool,
}

const fn bug(mutant: Mutant, protocols: &'static [Protocol], mistake: &'static str, check: &'static str) -> Bug {
    Bug { mutant, protocols, mistake, check, one_crash: false }
}

impl Bug {
    const fn with_one_crash(self) -> Bug {
        Bug { one_crash: true, ..self }
    }
}

const BUGS: [Bug; 41] = [
    bug(VoteBeforeDurable, TWO_PHASE, "votes YES before the prepared record is durable (11)", "durability")
        .with_one_crash(),
    bug(DecideBeforeDurable, TWO_PHASE, "tells COMMIT before the record is durable (15)", "agreement").with_one_crash(),
    bug(AckBeforeForce, TWO_PHASE, "acknowledges before its outcome is durable (15)", "agreement").with_one_crash(),
    bug(ForgetPrepared, TWO_PHASE, "forgets its prepared branches at a restart (11)", "durability").with_one_crash(),
    bug(LocksNotRetaken, TWO_PHASE, "does not take the locks of branches in doubt back (11)", "nothing-unresolved")
        .with_one_crash(),
    bug(AbortInDoubt, TWO_PHASE, "aborts a branch in doubt after its decision timeout (6)", "agreement")
        .with_one_crash(),
    bug(NoInitiation, PRC, "presumes commit without an initiation record (16)", "agreement").with_one_crash(),
    bug(ForgetAbortEarly, PRC, "presumes commit, and forgets an abort before a late voter's ACK (14)", "agreement")
        .with_one_crash(),
    bug(UnknownIsDone, TWO_PHASE, "takes \"unknown branch\" for done after a lost log (17)", "durability"),
    bug(VoteAfresh, TWO_PHASE, "runs a finished branch again for a late PREPARE (17b)", "conservation"),
    bug(ReadUnlocksEarly, TWO_PHASE, "a READ voter unlocks while others still work (12)", "audits"),
    bug(PeerGuessesAbort, COOPERATIVE, "a peer answers ABORT for what it may have forgotten (7)", "agreement"),
    bug(ResendStops, TWO_PHASE, "stops resending its decision (15)", "agreement").with_one_crash(),
    bug(UnlockAtVote, TWO_PHASE, "unlocks at its vote", "audits"),
    bug(RestorePreImage, SAGA, "a compensation restores what the step found (29)", "conservation"),
    bug(CompensateForward, SAGA, "compensates the first step first (24)", "completeness").with_one_crash(),
    bug(
        StepTooEarly,
        PARALLEL,
        "asks for a step, the pivot too, before those that it depends on are applied (32)",
        "completeness",
    ),
    bug(UndoTooEarly, PARALLEL, "undoes a step before those that depend on it (24)", "completeness"),
    bug(NoEmptyCompensation, SAGA, "applies the compensation of a step that never ran (39)", "conservation"),
    bug(LateForwardRuns, SAGA, "runs a step that comes after its compensation (40)", "conservation"),
    bug(DuplicateRuns, SAGA, "runs a copy of a step again (38)", "no-effect-twice").with_one_crash(),
    bug(
        HeuristicIsAck,
        &[Protocol::TwoPhase, Protocol::PresumedNothing, Protocol::Cooperative],
        "acknowledges what an operator overruled as if it had followed (22)",
        "heuristics-told",
    ),
    bug(HeuristicSpreads, COOPERATIVE, "tells a peer the operator's word as if it were the decision (7)", "agreement"),
    bug(LostDiskRunsAgain, TWO_PHASE, "runs again what was submitted before its disk was lost", "no-effect-twice"),
    bug(
        RestoredIsTrusted,
        TWO_PHASE,
        "does not notice that a participant's journal is an older copy (17)",
        "durability",
    ),
    bug(
        SessionsForgotten,
        TWO_PHASE,
        "the runtime delivers a message to a later incarnation of its receiver",
        "world-contract",
    ),
    bug(
        TornRecordIgnored,
        TWO_PHASE,
        "a journal appends behind a torn record, where replay never reaches",
        "durability",
    ),
    bug(
        OtherJournalDecides,
        TWO_PHASE,
        "answers for a lost journal by the presumption, and is obeyed (13)",
        "agreement",
    ),
    bug(
        AckOfLazyEnd,
        COOPERATIVE,
        "acknowledges a decision of which it has only a lazy record, on a peer's word (15)",
        "agreement",
    ),
    bug(PivotNotSettled, SAGAS, "turns back at a failure of its pivot, which may be applied (32)", "completeness"),
    bug(RefusalTrusted, SAGAS, "trusts a refusal of a step that it asked for twice (39)", "conservation"),
    bug(NotReopened, SAGAS, "takes a saga for finished that it goes on with after a restart (17b)", "marks-kept")
        .with_one_crash(),
    bug(FinishedEarly, SAGAS, "takes a saga for finished before its lazy end is durable (17b)", "marks-kept"),
    bug(CompactionForgetsDoubt, TWO_PHASE, "a compaction leaves out branches in doubt (11)", "durability"),
    bug(
        CompactionForgetsOutcomes,
        SAGAS,
        "a compaction leaves out the outcomes of what is over (17b)",
        "no-effect-twice",
    ),
    bug(CompactionForgetsAcks, TWO_PHASE, "a compaction leaves out decisions not acknowledged (15)", "agreement"),
    bug(CompactionForgetsSagas, SAGAS, "a compaction leaves out sagas that are not over (26)", "termination"),
    bug(
        ReplacedTooEarly,
        TWO_PHASE,
        "a compaction replaces the journal before the new file is durable",
        "world-contract",
    ),
    bug(DurableTooEarly, TWO_PHASE, "a disk says durable of what is in its cache", "world-contract").with_one_crash(),
    bug(NeverFlushed, TWO_PHASE, "a world never flushes lazy records", "world-contract").with_one_crash(),
    bug(ObservedLate, TWO_PHASE, "a message leaves before what was observed is written", "world-contract")
        .with_one_crash(),
];

fn with_bug(mut case: Case, planted: Planted) -> Case {
    case.scenario.planted = planted;
    case
}

fn breaks(run: &Run, check: &str) -> bool {
    run.checks.iter().any(|found| found.name.word() == check && found.promised && !found.held)
}

/// The seed that finds a bug. Without the bug, the same case is clean.
fn by_the_swarm(bug: &Bug) -> Option<u64> {
    (0..SEEDS).find(|seed| {
        let case = with_bug(draw(*seed, bug.protocols), Planted::bug(bug.mutant));
        let (run, failure) = examine(&case);
        if failure.is_none() || !breaks(&run, bug.check) {
            return false;
        }
        let sound = with_bug(case, Planted::default());
        assert_eq!(examine(&sound).1, None, "{:?} seed {seed}: it fails without the bug too", bug.mutant);
        true
    })
}

/// The first case in which one crash shows a bug, of one transaction over 2 or 3 participants.
fn by_one_crash(bug: &Bug) -> Option<(Protocol, &'static str, CaseResult)> {
    let base = |options: &str| {
        let text = format!(
            "name = \"one\"\n[cluster]\ncoordinators = 1\n[workload]\nkind = \"transfer\"\nclients = 1\n[options]\n{options}"
        );
        let scenario = Scenario::parse(&text, "one.toml").unwrap_or_else(|error| panic!("{error}"));
        Scenario { planted: Planted::bug(bug.mutant), ..scenario }
    };
    for (options, participants) in OPTIONS.into_iter().flat_map(|options| [(options, 2), (options, 3)]) {
        for protocol in bug.protocols {
            for run in MiniRun::all(&base(options), *protocol, participants, BACK).unwrap() {
                let mut cases = run.crash_points().into_iter().flat_map(|spot| run.try_spot(&[], &spot));
                if let Some(tried) = cases.find(|tried| tried.verdict == Verdict::Violated) {
                    return Some((*protocol, options, tried));
                }
            }
        }
    }
    None
}

fn hunt(bug: &Bug) {
    let Bug { mutant, check, .. } = bug;
    let seed = by_the_swarm(bug);
    assert!(seed.is_some(), "{mutant:?} breaks no `{check}` within {SEEDS} seeds: a hole in the checks");
    let crash = by_one_crash(bug);
    println!(
        "{mutant:?}: seed {seed:?}, one crash {:?}",
        crash.as_ref().map(|(protocol, _, tried)| (protocol, &tried.case))
    );
    assert_eq!(crash.is_some(), bug.one_crash, "{mutant:?}: one crash");
}

#[test]
fn every_planted_bug_is_caught() {
    thread::scope(|scope| {
        let hunts: Vec<_> = BUGS.iter().map(|bug| scope.spawn(|| hunt(bug))).collect();
        for hunt in hunts {
            hunt.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

#[test]
fn the_documentation_lists_every_planted_bug() {
    let mut table =
        "| the bug (rule) | a promise that it breaks | one crash can show it |\n| --- | --- | --- |\n".to_owned();
    for Bug { mistake, check, one_crash, .. } in &BUGS {
        let one_crash = if *one_crash { "yes" } else { "no" };
        writeln!(table, "| {mistake} | {check} | {one_crash} |").expect("a string takes everything");
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/07-planted-bugs.md");
    let chapter = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (before, rest) = chapter.split_once("<!-- bugs -->\n").expect("the chapter marks its table");
    let (known, after) = rest.split_once("<!-- /bugs -->").expect("the chapter marks its table's end");
    if std::env::var_os("INDOUBT_GOLDEN").is_some_and(|word| word == "write") {
        fs::write(&path, format!("{before}<!-- bugs -->\n{table}<!-- /bugs -->{after}")).expect("docs can be written");
        return;
    }
    assert!(known == table, "the chapter's table is not that of the planted bugs:\n{table}");
}

#[test]
fn every_bug_that_can_be_planted_is_hunted() {
    let mut hunted: Vec<Mutant> = BUGS.iter().map(|bug| bug.mutant).collect();
    hunted.sort_unstable();
    assert_eq!(hunted, Mutant::ALL);
    assert!(BUGS.iter().all(|bug| bug.protocols.iter().all(|p| p.family() != Family::Unprotected)));
}
