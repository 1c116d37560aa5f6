//! Tests of participants, rule by rule (the numbers are those of docs/rules.md): participants and coordinators together in the virtual
//! world, and single participants if a rule needs a hand-written order of messages.

use indoubt_driver::{gate::Edge, manual::ManualNode};
use indoubt_participant::Participant;
use indoubt_proto::{
    ids::{LogId, Lsn, NodeId, Serial, Ticket, TxnId},
    machine::Machine,
    message::{Decision, Message, MessageKind, OutcomeWord, ReadVote, Vote, WorkResult},
    observation::{Observation, Phase},
    operation::Operation,
    plan::StepOps,
    settings::{Settings, WorkRound},
    time::Micros,
};
use indoubt_scenario::{
    faults::MessageDeed,
    protocol::Protocol,
    scenario::{Trigger, Which, WorkloadKind},
};
use indoubt_studies::script::{Play, Script, add, at_effect, at_phase, node, read, record};
use std::collections::BTreeMap;

const FAMILY: [Protocol; 4] =
    [Protocol::TwoPhase, Protocol::PresumedNothing, Protocol::PresumedCommit, Protocol::Cooperative];

/// A transfer from p1 to p2 and p3.
fn transfer(protocol: Protocol) -> Script {
    Script::new(protocol).transaction(0, vec![add("p1", -3), add("p2", 1), add("p3", 2)])
}

fn when(play: &Play, pick: impl Fn(NodeId, &Observation) -> bool) -> Vec<Micros> {
    play.find(|at, what| pick(at, what).then_some(())).into_iter().map(|(time, ())| time).collect()
}

#[test]
fn rule_06_a_timeout_while_in_doubt_never_decides() {
    for protocol in FAMILY {
        let play = transfer(protocol).kill(at_phase(Phase::WorkDone), "c1", None).play();
        // Half a minute of timeouts, and each only asks again.
        assert!(play.sent(MessageKind::Inquire) > 60, "{protocol}");
        assert!(["p1", "p2", "p3"].iter().all(|at| play.decisions(at).is_empty()), "{protocol}");
        assert_eq!(play.left_over(), (3, 3), "{protocol}");
    }
}

#[test]
fn rule_06_a_participant_that_has_not_voted_aborts_on_its_own() {
    for protocol in FAMILY {
        let play = transfer(protocol).kill(at_effect("c1", "send:prepare", Edge::Before, 1), "c1", None).play();
        assert!(["p1", "p2", "p3"].iter().all(|at| play.decisions(at) == [Decision::Abort]), "{protocol}");
        assert!(play.is_resolved());
    }
}

#[test]
fn rule_07_an_informed_peer_is_believed_and_one_in_doubt_is_not() {
    let informed = transfer(Protocol::Cooperative).kill(at_phase(Phase::HalfTold), "c1", None).play();
    assert!(["p1", "p2", "p3"].iter().all(|at| informed.decisions(at) == [Decision::Commit]));
    assert!(informed.count(|at, what| {
        matches!(what, Observation::Sent { message: MessageKind::Decision, from, .. } if *from == at && at == node("p1"))
    }) > 0);

    let blocked = transfer(Protocol::Cooperative).kill(at_phase(Phase::WorkDone), "c1", None).play();
    assert!(blocked.sent(MessageKind::Answer) > 0, "peers in doubt say so");
    assert_eq!(blocked.left_over(), (3, 3));
}

#[test]
fn rule_07_a_peer_that_lost_its_log_answers_unknown_and_never_abort() {
    // p1 knew the commit, and has lost its log; c1 is gone for good. A guess of p1 would split the decision.
    let play = transfer(Protocol::Cooperative)
        .kill(at_phase(Phase::HalfTold), "c1", None)
        .lose_log(Trigger::At(Micros::from_millis(100)), "p1", 100)
        .play();
    assert_eq!(play.decisions("p1"), [Decision::Commit]);
    assert!(play.decisions("p2").is_empty() && play.decisions("p3").is_empty());
    let answers = |at: NodeId, what: &Observation| {
        at == node("p1") && matches!(what, Observation::Sent { message: MessageKind::Answer, .. })
    };
    assert!(play.count(answers) > 0);
    assert_eq!(play.left_over().0, 2);
}

#[test]
fn rule_09_when_the_only_informed_participant_dies_with_the_coordinator_the_rest_block() {
    for protocol in [Protocol::TwoPhase, Protocol::Cooperative] {
        let script = transfer(protocol).kill(at_phase(Phase::HalfTold), "c1", None).kill(
            at_phase(Phase::HalfTold),
            "p1",
            Some(5_000),
        );
        let back = script.clone().play();
        // p1 has learned COMMIT (and perhaps forgotten it by its death): whoever guessed ABORT would break rule 1.
        assert_eq!(back.decisions("p1").first(), Some(&Decision::Commit), "{protocol}");
        let gone = transfer(protocol)
            .kill(at_phase(Phase::HalfTold), "c1", None)
            .kill(at_phase(Phase::HalfTold), "p1", None)
            .play();
        assert_eq!(gone.decisions("p1"), [Decision::Commit], "{protocol}");
        assert!(gone.decisions("p2").is_empty() && gone.decisions("p3").is_empty(), "{protocol}");
        assert_eq!(gone.left_over(), (2, 2), "{protocol}");
    }
}

#[test]
fn rule_11_a_vote_leaves_only_when_its_prepared_record_is_durable() {
    let mut checked = 0;
    for protocol in FAMILY {
        for seed in 1..=4 {
            let play = Script::rough(protocol, WorkloadKind::Transfer).seed(seed).play();
            let mut prepared: BTreeMap<(NodeId, TxnId), Lsn> = BTreeMap::new();
            let mut durable: BTreeMap<NodeId, Lsn> = BTreeMap::new();
            for stamped in &play.recording.trace {
                match &stamped.what {
                    Observation::Appended { txn: Some(txn), lsn, record, .. } if record == "prepared" => {
                        prepared.insert((stamped.node, *txn), *lsn);
                    }
                    Observation::Durable { upto } | Observation::Restarted { upto, .. } => {
                        durable.insert(stamped.node, *upto);
                    }
                    Observation::Voted { txn, vote: Vote::Yes } => {
                        let lsn = prepared[&(stamped.node, *txn)];
                        assert!(
                            durable.get(&stamped.node).is_some_and(|upto| lsn <= *upto),
                            "{protocol}, {seed}: {txn}"
                        );
                        checked += 1;
                    }
                    _ => {}
                }
            }
        }
    }
    assert!(checked > 500);
}

#[test]
fn rule_11_in_doubt_after_a_restart_it_takes_its_locks_back_before_anybody_else_gets_them() {
    for protocol in FAMILY {
        let play = transfer(protocol)
            .with(|scenario| (scenario.cluster.coordinators, scenario.duration) = (2, Micros::from_secs(5)))
            .kill(at_phase(Phase::WorkDone), "c1", Some(4_000))
            .kill(Trigger::At(Micros::from_millis(100)), "p1", Some(100))
            // A bystander wants the same record as soon as p1 is back.
            .transaction_of("c2", 199, vec![add("p1", 10), add("p2", 10)])
            .play();
        let bystander = |txn: &TxnId| txn.home == node("c2");
        let back = when(&play, |at, what| at == node("p1") && matches!(what, Observation::Restarted { .. }))[0];
        let locked = when(&play, |at, what| {
            at == node("p1") && matches!(what, Observation::LockGranted { txn, .. } if !bystander(txn))
        });
        assert_eq!(locked.last(), Some(&back), "{protocol}");
        // The bystander never got it while the branch was in doubt: it gave up, for the outage was longer than its patience.
        let learned = when(&play, |at, what| at == node("p1") && matches!(what, Observation::Decided { .. }));
        let got = when(&play, |at, what| {
            at == node("p1") && matches!(what, Observation::LockGranted { txn, .. } if bystander(txn))
        });
        assert!(got.iter().all(|time| *time >= learned[0]), "{protocol}");
        let waited = |at: NodeId, what: &Observation| {
            at == node("p1") && matches!(what, Observation::LockRequested { txn, .. } if bystander(txn))
        };
        assert_eq!(play.count(waited), 1, "{protocol}");
        assert!(play.is_resolved(), "{protocol}");
    }
}

#[test]
fn rule_11_not_in_doubt_after_a_restart_it_aborts_alone() {
    for protocol in FAMILY {
        let play = transfer(protocol).kill(at_effect("p1", "deliver:prepare", Edge::Before, 1), "p1", Some(100)).play();
        assert_eq!(play.told(), [OutcomeWord::Aborted], "{protocol}");
        assert!(play.is_resolved(), "{protocol}");
        assert_eq!(["p1", "p2", "p3"].map(|at| play.value(at)), [0; 3], "{protocol}");
    }
}

/// The sums that audits have read and told their clients, each with the correct sum.
fn audits(play: &Play) -> Vec<(TxnId, i64, i64)> {
    let mut totals: BTreeMap<TxnId, i64> = BTreeMap::new();
    let mut sums: BTreeMap<TxnId, i64> = BTreeMap::new();
    let mut audits = Vec::new();
    for stamped in &play.recording.trace {
        match &stamped.what {
            Observation::ClientBegan { txn, total: Some(total), .. } => {
                totals.insert(*txn, *total);
            }
            Observation::Read { txn, value, .. } => *sums.entry(*txn).or_default() += value,
            Observation::ClientEnded { txn, outcome: OutcomeWord::Succeeded, .. } => {
                audits.extend(totals.get(txn).map(|total| (*txn, sums[txn], *total)));
            }
            _ => {}
        }
    }
    audits
}

#[test]
fn rule_12_a_reader_keeps_its_locks_until_the_decision_if_the_work_travels_with_prepare() {
    let script = |work| {
        Script::new(Protocol::TwoPhase)
            .with(|scenario| scenario.options.work = work)
            .transaction(0, vec![read("p1"), add("p2", 1)])
            .play()
    };
    let unlocked = |play: &Play| {
        let voted = when(play, |at, what| at == node("p1") && matches!(what, Observation::Voted { .. }))[0];
        let unlocked = when(play, |at, what| at == node("p1") && matches!(what, Observation::LockReleased { .. }))[0];
        (voted, unlocked)
    };
    let (voted, released) = unlocked(&script(WorkRound::Separate));
    assert_eq!(voted, released, "everybody had finished its work: it unlocks at its vote");
    let keeps = script(WorkRound::WithPrepare);
    let (voted, released) = unlocked(&keeps);
    assert!(released > voted);
    assert!(released >= when(&keeps, |at, what| at == node("c1") && matches!(what, Observation::Decided { .. }))[0]);
}

#[test]
fn rule_12_what_frees_a_reader_that_its_coordinator_forgot_is_no_decision() {
    // The audit is committed and forgotten; p1 is never told, asks, and is answered by the presumption, which is abort.
    let play = Script::new(Protocol::TwoPhase)
        .with(|scenario| scenario.options.work = WorkRound::WithPrepare)
        .transaction(0, vec![read("p1"), read("p2")])
        .messages(MessageDeed::Drop, MessageKind::Decision, "c1", "p1", Which::Nth(1))
        .kill(Trigger::At(Micros::from_millis(100)), "c1", Some(100))
        .play();
    assert_eq!(play.told(), [OutcomeWord::Succeeded]);
    assert!(play.sent(MessageKind::Inquire) > 0 && play.is_resolved());
    assert_eq!((play.decisions("c1"), play.decisions("p1")), (vec![Decision::Commit], vec![]));
}

#[test]
fn rule_12_readers_that_unlocked_early_would_let_an_audit_see_half_a_transfer() {
    // An audit reads p1, a transfer from p1 to p2 runs, the audit's PREPARE reaches p2 late.
    let audit = |read_vote| {
        let (mut p1, mut p2) = (Bench::new("p1"), Bench::new("p2"));
        let get = |at: &str| vec![StepOps { step: 1, ops: vec![Operation::Get { key: record(at) }] }];
        let put = |at: &str, delta| {
            vec![StepOps { step: 1, ops: vec![Operation::Add { key: record(at), delta, min: None }] }]
        };
        let mut sum = reads(&p1.prepare(1, get("p1"), read_vote));
        // The transfer: it commits if p1 votes yes, which it can only do once the audit's lock is gone.
        let (first, second) =
            (p1.prepare(2, put("p1", -5), ReadVote::Never), p2.prepare(2, put("p2", 5), ReadVote::Never));
        let yes = |sent: &[Message]| sent.iter().any(|m| matches!(m, Message::Vote { vote: Vote::Yes, .. }));
        if yes(&first) && yes(&second) {
            p1.decide(2, Decision::Commit);
            p2.decide(2, Decision::Commit);
        } else {
            p2.decide(2, Decision::Abort);
        }
        sum += reads(&p2.prepare(1, get("p2"), read_vote));
        sum
    };
    assert_eq!(audit(ReadVote::Keep), 0, "what the group holds");
    assert_eq!(audit(ReadVote::Release), 5, "before at p1, after at p2: money from nowhere");
}

fn reads(sent: &[Message]) -> i64 {
    let values = sent.iter().filter_map(|message| match message {
        Message::Vote { reads, .. } => Some(reads.iter().map(|read| read.value).sum::<i64>()),
        _ => None,
    });
    values.sum()
}

#[test]
fn rule_17_unknown_under_another_log_is_a_lost_effect_and_never_an_ack() {
    let play = transfer(Protocol::TwoPhase)
        .kill(at_phase(Phase::Decided), "c1", Some(1_000))
        .lose_log(Trigger::At(Micros::from_millis(200)), "p1", 200)
        .play();
    let lost = |_: NodeId, what: &Observation| matches!(what, Observation::LostLog { participant, .. } if *participant == node("p1"));
    assert!(play.count(lost) > 0);
    assert_eq!(play.count(|_, what| matches!(what, Observation::Reached { phase: Phase::Ended, .. })), 0);
    assert_eq!(play.at_end[&node("c1")].open.len(), 1, "it goes on asking");
    assert_eq!([play.value("p1"), play.value("p2"), play.value("p3")], [0, 1, 2]);
}

#[test]
fn rule_17_unknown_under_the_same_log_is_finished_and_counts_as_an_ack() {
    let mut p1 = Bench::new("p1");
    let log = match p1.prepare(7, write(), ReadVote::Never).last() {
        Some(Message::Vote { vote: Vote::Yes, log, .. }) => *log,
        other => panic!("no vote but {other:?}"),
    };
    p1.decide(7, Decision::Commit);
    // The coordinator's mark passes it, and p1 forgets; then the decision comes once more.
    p1.take(Message::Work { txn: txn(9), ticket: ticket(9, 9), steps: write() });
    let sent = p1.decide(7, Decision::Commit);
    let acks: Vec<_> = sent.iter().filter(|m| m.kind() == MessageKind::Ack).collect();
    assert!(matches!(acks[..], [Message::Ack { log: same, .. }] if *same == log), "{sent:?}");
    assert_eq!(p1.value(), 1, "and is not applied again");
}

#[test]
fn rule_17b_a_finished_branch_is_never_voted_on_afresh_not_even_after_a_restart() {
    for decision in [Decision::Abort, Decision::Commit] {
        for restarts in [false, true] {
            let mut p1 = Bench::new("p1");
            p1.prepare(7, write(), ReadVote::Never);
            p1.decide(7, decision);
            if restarts {
                p1.restart();
            }
            // Copies of everything that was ever said of it.
            let mut again = p1.take(Message::Work { txn: txn(7), ticket: ticket(7, 0), steps: write() });
            again.extend(p1.prepare(7, write(), ReadVote::Never));
            again.extend(p1.prepare(7, vec![], ReadVote::Never));
            let yes = |m: &Message| matches!(m, Message::Vote { vote: Vote::Yes, .. });
            let done = |m: &Message| matches!(m, Message::WorkDone { result: WorkResult::Done { .. }, .. });
            assert!(!again.iter().any(|m| yes(m) || done(m)), "{decision:?} {restarts}: {again:?}");
            let inspection = p1.0.machine().inspect(false);
            assert!(inspection.open.is_empty() && inspection.locks.is_empty());
            assert_eq!(p1.value(), i64::from(decision == Decision::Commit));
        }
    }
}

#[test]
fn rule_17b_requests_below_the_mark_are_refused() {
    let mut p1 = Bench::new("p1");
    p1.take(Message::Work { txn: txn(9), ticket: ticket(9, 9), steps: write() });
    let work = p1.take(Message::Work { txn: txn(7), ticket: ticket(7, 0), steps: write() });
    assert!(matches!(work[..], [Message::WorkDone { result: WorkResult::Failed(_), .. }]), "{work:?}");
    let vote = p1.prepare(7, write(), ReadVote::Never);
    assert!(matches!(vote[..], [Message::Vote { vote: Vote::No, .. }]), "{vote:?}");
}

#[test]
fn rule_17b_duplicates_and_late_copies_change_nothing() {
    let calm = transfer(Protocol::TwoPhase).play();
    for kind in [MessageKind::Work, MessageKind::Prepare, MessageKind::Decision] {
        let mut script = transfer(Protocol::TwoPhase);
        for participant in ["p1", "p2", "p3"] {
            script = script.messages(MessageDeed::Duplicate, kind, "c1", participant, Which::All);
        }
        let play = script.play();
        assert_eq!(
            ["p1", "p2", "p3"].map(|at| play.value(at)),
            ["p1", "p2", "p3"].map(|at| calm.value(at)),
            "{kind:?}"
        );
        assert_eq!(play.count(|_, what| matches!(what, Observation::Applied { .. })), 3, "{kind:?}");
        assert!(play.is_resolved(), "{kind:?}");
    }
}

#[test]
fn rule_42_with_strict_locking_every_committed_audit_has_the_right_answer() {
    let mut checked = 0;
    for protocol in FAMILY {
        for seed in 1..=8 {
            let rough = Script::rough(protocol, WorkloadKind::Transfer).seed(seed);
            let play = rough.with(|scenario| scenario.workload.audit = 0.4).play();
            for (txn, sum, total) in audits(&play) {
                assert_eq!(sum, total, "{protocol}, seed {seed}: {txn}");
                checked += 1;
            }
        }
    }
    assert!(checked > 200, "{checked}");
}

fn txn(number: u64) -> TxnId {
    TxnId { home: node("c1"), client: node("k1"), number }
}

fn ticket(serial: u64, finished_below: u64) -> Ticket {
    Ticket { log: LogId(0xc1), serial: Serial(serial), finished_below: Serial(finished_below) }
}

fn write() -> Vec<StepOps> {
    vec![StepOps { step: 1, ops: vec![Operation::Add { key: record("p1"), delta: 1, min: None }] }]
}

/// One participant with hand-written messages. Its records are durable at once.
struct Bench(ManualNode<Participant>);

impl Bench {
    fn new(name: &'static str) -> Self {
        let machine = Participant::new(node(name), Settings::default(), BTreeMap::new());
        let mut bench = Bench(ManualNode::start(node(name), machine, LogId(0xa1)));
        bench.settle();
        bench
    }

    /// A new incarnation with everything that was logged.
    fn restart(&mut self) {
        self.0.crash(0);
        self.settle();
    }

    fn take(&mut self, message: Message) -> Vec<Message> {
        self.0.deliver(node("c1"), message);
        self.settle()
    }

    /// Forces all records, and returns what was sent.
    fn settle(&mut self) -> Vec<Message> {
        while self.0.world.tail() > 0 {
            self.0.force();
        }
        self.0.world.sent.drain(..).map(|(_, message)| message).collect()
    }

    fn prepare(&mut self, number: u64, steps: Vec<StepOps>, read_vote: ReadVote) -> Vec<Message> {
        self.take(Message::Prepare { txn: txn(number), ticket: ticket(number, 0), steps, peers: vec![], read_vote })
    }

    fn decide(&mut self, number: u64, decision: Decision) -> Vec<Message> {
        self.take(Message::Decision { txn: txn(number), ticket: ticket(number, 0), decision, ack: true })
    }

    fn value(&self) -> i64 {
        self.0.machine().inspect(true).accounts.first().map_or(0, |(_, value)| *value)
    }
}
