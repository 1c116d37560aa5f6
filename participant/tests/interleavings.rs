//! Random interleavings of messages (duplicated, reordered, dropped), forced writes, timers, compactions and crashes with
//! any surviving prefix of the unforced tail. A model coordinator sends only what a real one may send. The participant must
//! keep every promise that it made to it.

mod common;

use common::*;
use indoubt_participant::Timer;
use indoubt_proto::{
    ids::{Lsn, NodeId},
    inspect::LockMode,
    message::{Decision, Message, ReadVote, StepOutcome, UndoOutcome, Vote},
    observation::Observation,
    operation::{Key, Operation},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const TRANSACTIONS: u64 = 8;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Copy, Debug)]
enum Act {
    /// The next message of this transaction that the model may send. The number chooses one of them.
    Send(u64, u8),
    /// A copy of a message that was sent in this incarnation.
    Copy(usize),
    Force,
    Fire(usize),
    Compact,
    Crash(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        12 => (1..=TRANSACTIONS, any::<u8>()).prop_map(|(txn, choice)| Act::Send(txn, choice)),
        4 => any::<usize>().prop_map(Act::Copy),
        5 => Just(Act::Force),
        2 => any::<usize>().prop_map(Act::Fire),
        1 => Just(Act::Compact),
        1 => (0usize..6).prop_map(Act::Crash),
    ];
    prop::collection::vec(act, 1..120)
}

/// What a coordinating node knows of one transaction.
#[derive(Clone, Debug, Default)]
struct Known {
    work_sent: bool,
    prepare_sent: bool,
    /// This participant's vote, when it was sent.
    vote: Option<Vote>,
    decision: Option<Decision>,
    /// For sagas: a `Settle` or a compensation was sent, and no new copy of the step follows.
    turned: bool,
    applied: bool,
    undone: bool,
    /// The coordinating node has forgotten it, so its mark may pass it.
    over: bool,
}

#[derive(Clone)]
struct World {
    bench: Bench,
    known: BTreeMap<u64, Known>,
    /// The messages that may arrive once more in this incarnation.
    copies: Vec<Message>,
    yes_votes: BTreeSet<u64>,
}

/// Transactions 1 to 5 are branches (3 only reads; 4 and 5 have their operations in PREPARE), the others are sagas.
fn operations(number: u64) -> Vec<Operation> {
    let name = |n: u64| NAMES[(n % 4) as usize];
    match number {
        3 => vec![get("a"), get("b")],
        // Refused, unless others added to the account before.
        5 => vec![add("a", -(OPENING + 1))],
        _ => vec![add(name(number), -(number as i64)), get(name(number + 1))],
    }
}

fn undo_of(number: u64) -> Vec<Operation> {
    let invert = |op: &Operation| match op {
        Operation::Add { key, delta, .. } => Some(Operation::Add { key: key.clone(), delta: -delta, min: None }),
        _ => None,
    };
    operations(number).iter().filter_map(invert).collect()
}

impl World {
    fn new() -> Self {
        let known = (1..=TRANSACTIONS).map(|number| (number, Known::default())).collect();
        World { bench: Bench::new(), known, copies: Vec::new(), yes_votes: BTreeSet::new() }
    }

    /// The messages that the model may send now.
    fn choices(&self, number: u64) -> Vec<Message> {
        let known = &self.known[&number];
        let ops = operations(number);
        if number > 5 {
            let (forward, back) = (step(number, 1, &ops), compensate(number, 1, &undo_of(number)));
            return match (known.over, known.turned) {
                (true, _) => vec![],
                (false, true) => vec![settle(number, 1), back],
                (false, false) => vec![forward.clone(), forward, settle(number, 1), back],
            };
        }
        let mut choices = vec![];
        let with_work = number >= 4;
        if !with_work && !known.work_sent && known.decision.is_none() {
            choices.push(work(number, &ops));
        }
        if !known.prepare_sent && known.decision.is_none() && (with_work || known.work_sent) {
            let read_vote = if with_work { ReadVote::Keep } else { ReadVote::Release };
            choices.push(prepare_with(number, if with_work { &ops } else { &[] }, read_vote));
        }
        choices.push(inquire(number));
        let yes = matches!(known.vote, Some(Vote::Yes | Vote::ReadOnly));
        match known.decision {
            Some(fixed) => choices.extend([true, false].map(|ack| decision(number, fixed, ack))),
            None if yes => choices.extend([true, false].map(|ack| decision(number, Decision::Commit, ack))),
            None => {}
        }
        if known.decision.is_none() {
            choices.push(decision(number, Decision::Abort, number.is_multiple_of(2)));
        }
        choices
    }

    /// All transactions below it are finished.
    fn mark(&self) -> u64 {
        self.known.iter().find(|(_, known)| !known.over).map_or(TRANSACTIONS + 1, |(number, _)| *number)
    }

    /// After a crash, a log knows the marks of its records, and a compaction those of every message. Now both know the last one.
    fn tell_mark(&mut self) {
        let ticket = marked(1000, self.mark());
        self.bench.tell(Message::Decision { txn: txn(1000), ticket, decision: Decision::Commit, ack: false });
    }

    /// Sends a new message, with the present mark.
    fn send_new(&mut self, mut message: Message) {
        match &mut message {
            Message::Work { ticket, .. }
            | Message::Prepare { ticket, .. }
            | Message::Decision { ticket, .. }
            | Message::Step { ticket, .. }
            | Message::Settle { ticket, .. }
            | Message::Compensate { ticket, .. } => ticket.finished_below.0 = self.mark(),
            _ => {}
        }
        self.send(message);
    }

    fn send(&mut self, message: Message) {
        let known = self.known.get_mut(&message.txn().unwrap().number).unwrap();
        match &message {
            Message::Work { .. } => known.work_sent = true,
            Message::Prepare { .. } => known.prepare_sent = true,
            Message::Decision { decision, ack, .. } => {
                known.decision = Some(*decision);
                // If no ACK is due, it forgets the transaction as soon as it has sent the decision.
                known.over |= !ack;
            }
            Message::Settle { .. } | Message::Compensate { .. } => known.turned = true,
            _ => {}
        }
        self.copies.push(message.clone());
        let from = if matches!(message, Message::Inquire { .. }) { P2 } else { C1 };
        let sent = self.bench.tell_from(from, message);
        self.hear(&sent);
    }

    /// Checks that the participant keeps what it has promised.
    fn hear(&mut self, sent: &[Message]) {
        for message in sent {
            let Some(number) = message.txn().map(|txn| txn.number) else { continue };
            let known = self.known.get_mut(&number).unwrap();
            match message {
                Message::Vote { vote, .. } => {
                    if *vote == Vote::Yes {
                        assert_ne!(known.vote, Some(Vote::No), "a YES after a NO");
                        assert!(
                            self.bench.state(number).is_some_and(|s| s == "in doubt"),
                            "it voted YES and is not in doubt"
                        );
                        self.yes_votes.insert(number);
                    }
                    known.vote.get_or_insert(*vote);
                }
                // It informs a peer. It repeats the coordinator's decision, or acts before it, and then it must abort.
                Message::Decision { decision, .. } => {
                    let voted = matches!(known.vote, Some(Vote::Yes | Vote::ReadOnly));
                    assert!(known.decision.is_some() || !voted, "after its vote it may not answer on its own");
                    let fixed = *known.decision.get_or_insert(*decision);
                    assert_eq!(fixed, *decision, "a peer was told otherwise than the coordinator decided");
                }
                Message::StepResult { outcome, .. } => match outcome {
                    StepOutcome::Applied { .. } => known.applied = true,
                    StepOutcome::Voided => assert!(!known.applied || known.turned, "an applied step was voided"),
                    StepOutcome::Refused(_) | StepOutcome::Failed(_) => {}
                },
                Message::Ack { .. } => known.over = true,
                Message::CompensateResult { outcome: UndoOutcome::Undone, .. } => {
                    known.undone = true;
                    known.over = true;
                }
                Message::CompensateResult { outcome: UndoOutcome::NothingToUndo, .. } => {
                    assert!(!known.applied, "an applied step was not undone");
                    known.over = true;
                }
                _ => {}
            }
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Send(number, choice) => {
                let choices = self.choices(number);
                if !choices.is_empty() {
                    self.send_new(choices[usize::from(choice) % choices.len()].clone());
                }
            }
            Act::Copy(index) if !self.copies.is_empty() => {
                let message = self.copies[index % self.copies.len()].clone();
                self.send(message);
            }
            Act::Copy(_) => {}
            Act::Force => {
                let sent = self.bench.force();
                self.hear(&sent);
            }
            Act::Fire(index) => {
                let timers: Vec<Timer> = self.bench.timers.keys().copied().collect();
                if !timers.is_empty() {
                    let sent = self.bench.fire(timers[index % timers.len()]);
                    self.hear(&sent);
                }
            }
            Act::Compact => self.bench.compact(),
            Act::Crash(survive) => {
                self.copies.clear();
                let sent = self.bench.crash(survive);
                self.hear(&sent);
            }
        }
        self.check();
    }

    /// The properties that hold at every moment.
    fn check(&self) {
        let view = self.bench.view();
        let open: BTreeSet<_> = view.open.iter().map(|open| open.txn).collect();
        for lock in &view.locks {
            assert!(!lock.holders.is_empty());
            for owner in lock.holders.iter().chain(&lock.waiters) {
                assert!(open.contains(owner), "a leaked lock: {lock:?}");
            }
        }
        for branch in view.open.iter().filter(|open| open.in_doubt) {
            for op in operations(branch.txn.number) {
                let mode = if op.is_read() { LockMode::Shared } else { LockMode::Exclusive };
                let held = self.bench.holds(branch.txn.number, op.key().as_str(), mode);
                assert!(held, "{} in doubt without its lock on {}", branch.txn, op.key());
            }
        }
    }

    /// Decides every transaction, sends everybody the decision, and lets every wait end.
    fn heal(&mut self) {
        for _ in 0..4 {
            for number in 1..=TRANSACTIONS {
                let message = match number {
                    1..=5 => {
                        let fixed = self.known[&number].decision.unwrap_or(Decision::Abort);
                        decision(number, fixed, true)
                    }
                    _ => compensate(number, 1, &undo_of(number)),
                };
                self.send_new(message);
                self.act(Act::Force);
            }
        }
    }

    fn check_end(&self) {
        let bench = &self.bench;
        assert!(bench.is_idle(), "unfinished work is left: {:?}", bench.view());
        let sums = effects(&bench.seen);
        for name in NAMES {
            let seen: i64 = sums.get(&key(name)).copied().unwrap_or(0);
            assert_eq!(bench.value(name), OPENING + seen, "{name}: an effect was lost, or came twice");
        }
        let mut expected: BTreeMap<Key, i64> = BTreeMap::new();
        for number in (1..=5).filter(|n| self.known[n].decision == Some(Decision::Commit)) {
            for op in operations(number) {
                if let Operation::Add { key, delta, .. } = op {
                    *expected.entry(key).or_default() += delta;
                }
            }
        }
        for name in NAMES {
            let sum = expected.get(&key(name)).copied().unwrap_or(0);
            assert_eq!(bench.value(name), OPENING + sum, "{name}: committed branches, and no saga");
        }
        let mut votes: BTreeMap<u64, u32> = BTreeMap::new();
        for observation in &bench.seen {
            if let Observation::Voted { txn, vote: Vote::Yes } = observation {
                *votes.entry(txn.number).or_default() += 1;
            }
        }
        assert!(votes.values().all(|count| *count == 1), "a second YES: {votes:?}");
        assert!(votes.keys().eq(&self.yes_votes));
    }
}

/// What a participant said since it had said so much. Votes without their places: a compaction gives its records new ones.
fn said(bench: &Bench, since: usize) -> Vec<(NodeId, Message)> {
    let without_place = |(to, message): &(NodeId, Message)| {
        let mut message = message.clone();
        if let Message::Vote { place, .. } = &mut message {
            *place = Lsn(0);
        }
        (*to, message)
    };
    bench.sent[since..].iter().map(without_place).collect()
}

/// What a participant observed since it had observed so much, but for what it observes again when it replays a record.
fn noted(bench: &Bench, since: usize) -> Vec<&Observation> {
    let replayed = |seen: &&Observation| {
        let words = ["applied", "step-applied", "step-refused", "compensated", "pending", "settled"];
        words.contains(&seen.kind())
    };
    bench.seen[since..].iter().filter(|seen| !replayed(seen)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_1_to_3_11_17b_and_38_to_40_hold_whatever_comes_in_whatever_order(acts in acts()) {
        let mut world = World::new();
        for act in acts {
            world.act(act);
        }
        world.heal();
        world.check_end();
    }

    /// A participant that recovered from a compaction does what one does that recovered from the whole log, whatever comes: the
    /// machines are compared, and not what two compactions say of them.
    #[test]
    fn a_participant_behaves_alike_after_a_compaction_and_after_its_whole_log(acts in acts(), more in acts()) {
        let mut world = World::new();
        for act in acts {
            world.act(act);
        }
        let (mut whole, mut compacted) = (world.clone(), world);
        compacted.bench.compact();
        for world in [&mut whole, &mut compacted] {
            world.act(Act::Force);
            world.act(Act::Crash(0));
            world.tell_mark();
        }
        let heard = [&whole, &compacted].map(|world| world.bench.sent.len());
        let seen = [&whole, &compacted].map(|world| world.bench.seen.len());
        prop_assert_eq!(whole.bench.view(), compacted.bench.view());
        prop_assert_eq!(effects(&whole.bench.seen), effects(&compacted.bench.seen));
        prop_assert_eq!(&whole.bench.timers, &compacted.bench.timers);
        for act in more {
            for world in [&mut whole, &mut compacted] {
                world.act(act);
                if matches!(act, Act::Crash(_)) {
                    world.tell_mark();
                }
            }
            prop_assert_eq!(said(&whole.bench, heard[0]), said(&compacted.bench, heard[1]), "after {:?}", act);
        }
        prop_assert_eq!(noted(&whole.bench, seen[0]), noted(&compacted.bench, seen[1]));
        prop_assert_eq!(effects(&whole.bench.seen), effects(&compacted.bench.seen));
        prop_assert_eq!(whole.bench.view(), compacted.bench.view());
        prop_assert_eq!(&whole.bench.timers, &compacted.bench.timers);
    }
}

/// The interleavings above reach the cases that they are about, so they are not vacuous.
#[test]
fn sometimes_everything_interesting_happens() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    for _ in 0..400 {
        let script = acts().new_tree(&mut runner).expect("acts always generate").current();
        let mut world = World::new();
        for act in script {
            let in_doubt = world.bench.view().open.iter().any(|open| open.in_doubt);
            let waiting = world.bench.view().locks.iter().any(|lock| !lock.waiters.is_empty());
            match act {
                Act::Crash(_) if in_doubt => drop(reached.insert("a crash in doubt")),
                Act::Compact if in_doubt => drop(reached.insert("a compaction in doubt")),
                Act::Crash(_) if waiting => drop(reached.insert("a crash with waiters")),
                _ => {}
            }
            world.act(act);
        }
        let marked = world.mark() > 1;
        world.heal();
        let told = world.bench.sent.iter().any(|(to, m)| *to == P2 && m.qualifier() == Some("abort"));
        let undone = world.known.values().any(|known| known.undone);
        let committed = world.known.values().any(|known| known.decision == Some(Decision::Commit));
        let empty = world.bench.sent.iter().any(|(_, m)| m.qualifier() == Some("nothing-to-undo"));
        let facts = [
            (told, "a peer was told abort"),
            (undone, "undone"),
            (committed, "committed"),
            (empty, "empty"),
            (marked, "a mark"),
        ];
        reached.extend(facts.iter().filter(|(fact, _)| *fact).map(|(_, name)| *name));
    }
    assert_eq!(reached.len(), 8, "{reached:?}");
}
