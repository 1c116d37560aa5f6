//! Participants answer anything, messages are lost, repeated or late, and the orchestrator and participants crash anywhere.
//! After healing, each saga is complete or undone, and its client was told which (rules 24, 26, 32, 38 to 40). Tests sagas
//! step by step, and sagas whose steps run in parallel.

mod common;

use common::{
    participants::{Event, Mood, Participants},
    *,
};
use indoubt_proto::{
    ids::{NodeId, TxnId},
    machine::Machine,
    message::{Message, Outcome, Reason, ReasonKind, StepOutcome, UndoOutcome},
    observation::Observation,
    plan::{PlanStep, StepKind},
    settings::{CompensateFrom, Settings},
    time::Micros,
};
use indoubt_saga::{Orchestrator, ParallelOrchestrator, Plan};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
};

/// An event of a history.
#[derive(Clone, Debug)]
enum Act {
    Submit,
    /// A request arrives, and its receiver is in this mood. A copy of it may stay on its way.
    Request {
        which: usize,
        mood: Mood,
        copy: bool,
    },
    /// An answer arrives.
    Answer {
        which: usize,
        copy: bool,
    },
    /// A fault answers a request with a failure instead of its receiver.
    Refuse(usize),
    LoseRequest(usize),
    LoseAnswer(usize),
    Force,
    Fire(usize),
    CrashHome {
        surviving: usize,
    },
    CrashParticipant(u16),
    Compact,
    Resume,
}

#[derive(Clone, Debug)]
struct Case {
    settings: Settings,
    plans: Vec<Vec<PlanStep>>,
    acts: Vec<Act>,
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![6 => Just(Mood::Willing), 2 => Just(Mood::Refusing), 2 => Just(Mood::Failing)]
}

fn act() -> impl Strategy<Value = Act> {
    let copy = || prop::bool::weighted(0.25);
    prop_oneof![
        2 => Just(Act::Submit),
        14 => (any::<usize>(), mood(), copy()).prop_map(|(which, mood, copy)| Act::Request { which, mood, copy }),
        14 => (any::<usize>(), copy()).prop_map(|(which, copy)| Act::Answer { which, copy }),
        2 => any::<usize>().prop_map(Act::Refuse),
        1 => any::<usize>().prop_map(Act::LoseRequest),
        1 => any::<usize>().prop_map(Act::LoseAnswer),
        4 => Just(Act::Force),
        6 => any::<usize>().prop_map(Act::Fire),
        2 => (0..4usize).prop_map(|surviving| Act::CrashHome { surviving }),
        1 => (1..=5u16).prop_map(Act::CrashParticipant),
        1 => Just(Act::Compact),
        1 => Just(Act::Resume),
    ]
}

fn plan() -> impl Strategy<Value = Vec<PlanStep>> {
    let only_reads = || prop::bool::weighted(0.3);
    let kinds = (0..=3usize, prop::option::of(0..=1usize)).prop_map(|(compensatable, after_pivot)| {
        let mut kinds = vec![StepKind::Compensatable; compensatable];
        if let Some(retriable) = after_pivot {
            kinds.push(StepKind::Pivot);
            kinds.extend(vec![StepKind::Retriable; retriable]);
        } else if kinds.is_empty() {
            kinds.push(StepKind::Compensatable);
        }
        kinds
    });
    kinds.prop_flat_map(move |kinds| {
        // Some steps run at the participant of an earlier one.
        let sites = prop::collection::vec((only_reads(), 1..=5u16), kinds.len());
        sites.prop_map(move |sites| {
            let step = |(kind, (only_reads, node)): (&StepKind, (bool, u16))| {
                let step = match kind {
                    StepKind::Compensatable => writes(node),
                    StepKind::Pivot => pivot(node),
                    StepKind::Retriable => retriable(node),
                };
                if only_reads { PlanStep { kind: *kind, ..reads(node) } } else { step }
            };
            kinds.iter().zip(sites).map(step).collect()
        })
    })
}

fn case() -> impl Strategy<Value = Case> {
    let options = (any::<bool>(), any::<bool>(), 1..=3u32, 1..=3u32);
    (options, prop::collection::vec(plan(), 1..=3), prop::collection::vec(act(), 10..160)).prop_map(
        |((forward_recovery, from_failed, step_attempts, compensation_attempts), plans, acts)| {
            let mut settings = Settings::default();
            let options = &mut settings.options;
            options.forward_recovery = forward_recovery;
            options.compensate_from = if from_failed { CompensateFrom::Failed } else { CompensateFrom::Previous };
            (options.step_attempts, options.compensation_attempts) = (step_attempts, compensation_attempts);
            Case { settings, plans, acts }
        },
    )
}

/// One orchestrator and its participants.
struct World<M: Machine> {
    /// Whether a step of a plan waits for an earlier one.
    waits: Waits,
    plans: BTreeMap<TxnId, Vec<PlanStep>>,
    waiting: VecDeque<(u64, Vec<PlanStep>)>,
    /// The incarnation to which each saga was first submitted.
    epochs: BTreeMap<u64, u32>,
    home: Bench<M>,
    participants: Participants,
    requests: Vec<(NodeId, Message)>,
    answers: Vec<(NodeId, Message)>,
    told: BTreeMap<TxnId, Outcome>,
}

impl<M: Machine + Clone> World<M> {
    fn new(case: &Case, machine: M, waits: Waits) -> Self {
        let numbered = || case.plans.iter().cloned().zip(1..).map(|(plan, number)| (number, plan));
        World {
            waits,
            plans: numbered().map(|(number, plan)| (txn(number), plan)).collect(),
            waiting: numbered().collect(),
            epochs: BTreeMap::new(),
            home: Bench::new(machine),
            participants: Participants::default(),
            requests: Vec::new(),
            answers: Vec::new(),
            told: BTreeMap::new(),
        }
    }

    fn act(&mut self, act: &Act) -> Result<(), TestCaseError> {
        let pick = |which: usize, len: usize| (len > 0).then(|| which % len);
        match act {
            Act::Submit => {
                if let Some((number, plan)) = self.waiting.pop_front() {
                    self.epochs.insert(number, self.home.incarnation);
                    self.home.submit(number, plan);
                }
            }
            Act::Request { which, mood, copy } => {
                if let Some(at) = pick(*which, self.requests.len()) {
                    self.request(at, *mood, *copy);
                }
            }
            Act::Answer { which, copy } => {
                if let Some(at) = pick(*which, self.answers.len()) {
                    self.answer(at, *copy);
                }
            }
            Act::Refuse(which) => {
                if let Some(at) = pick(*which, self.requests.len()) {
                    let (node, request) = self.requests.remove(at);
                    self.answers.extend(request.failure().map(|failure| (node, failure)));
                }
            }
            Act::LoseRequest(which) => {
                pick(*which, self.requests.len()).map(|at| self.requests.remove(at));
            }
            Act::LoseAnswer(which) => {
                pick(*which, self.answers.len()).map(|at| self.answers.remove(at));
            }
            Act::Force => self.home.force(),
            Act::Fire(which) => {
                if let Some(n) = pick(*which, self.home.timers.len()) {
                    self.home.fire_nth(n);
                }
            }
            Act::CrashHome { surviving } => {
                if self.home.tail() > *surviving {
                    self.participants.seen.insert("records lost in a crash");
                }
                // Messages on their way to a node are lost when it crashes. Messages that it sent are not.
                self.answers.clear();
                self.home.crash(*surviving);
            }
            Act::CrashParticipant(number) => {
                let node = NodeId::participant(*number);
                self.requests.retain(|(to, _)| *to != node);
                let plans = &self.plans;
                self.participants.crash(node, |txn, step| only_reads(&plans[&txn], step));
            }
            Act::Compact => {
                let (whole, compacted) = self.home.reborn();
                prop_assert_eq!(&whole.sent, &compacted.sent, "what is asked at once");
                prop_assert_eq!(whole.machine.inspect(false), compacted.machine.inspect(false));
                // The machines are compared, and not what two compactions say of them: on whatever comes they do the same.
                for (from, message) in self.whatever_comes() {
                    let reacts = |bench: &Bench<M>| reaction(bench, from, &message);
                    prop_assert_eq!(reacts(&whole), reacts(&compacted), "{} from {}", message.kind().word(), from);
                }
                self.home.compact();
            }
            Act::Resume => self.resume(),
        }
        self.route();
        Ok(())
    }

    /// Every message that could come now about a saga that was submitted.
    fn whatever_comes(&self) -> Vec<(NodeId, Message)> {
        let reason = || Reason::from(ReasonKind::Failure);
        let mut all = Vec::new();
        for (&number, &epoch) in &self.epochs {
            let (txn, plan) = (txn(number), &self.plans[&txn(number)]);
            all.push((CLIENT, Message::Submit(submission(number, epoch, plan.clone()))));
            all.push((CLIENT, Message::StatusQuery { txn }));
            all.push((NodeId::LAB, Message::Resume { txn }));
            for (planned, step) in plan.iter().zip(1..) {
                let applied = StepOutcome::Applied { reads: Vec::new() };
                for outcome in
                    [applied, StepOutcome::Refused(reason()), StepOutcome::Failed(reason()), StepOutcome::Voided]
                {
                    all.push((planned.node, Message::StepResult { txn, step, outcome }));
                }
                for outcome in [UndoOutcome::Undone, UndoOutcome::NothingToUndo, UndoOutcome::Failed(reason())] {
                    all.push((planned.node, Message::CompensateResult { txn, step, outcome }));
                }
            }
        }
        all
    }

    fn request(&mut self, at: usize, mood: Mood, copy: bool) {
        let (node, request) = if copy { self.requests[at].clone() } else { self.requests.remove(at) };
        let (txn, step) = (request.txn().expect("a request"), request.step().expect("of a step"));
        // A retriable step is never refused. Here the pivot is not refused either: if a crash loses its refusal while two
        // copies of the answer are on their way, an answer without a number cannot tell what happened.
        let refusable = self.plans[&txn][step as usize - 1].kind == StepKind::Compensatable;
        let mood = if mood == Mood::Refusing && !refusable { Mood::Failing } else { mood };
        let answer = self.participants.take(node, &request, mood, only_reads(&self.plans[&txn], step));
        self.answers.push((node, answer));
    }

    fn answer(&mut self, at: usize, copy: bool) {
        let (node, answer) = if copy { self.answers[at].clone() } else { self.answers.remove(at) };
        self.home.hear(node, answer);
    }

    fn resume(&mut self) {
        for view in self.home.machine.inspect(false).open {
            if view.state.starts_with("stuck") {
                self.participants.seen.insert("stuck, and resumed");
                self.home.hear(NodeId::LAB, Message::Resume { txn: view.txn });
            }
        }
    }

    fn route(&mut self) {
        for (to, message) in self.home.take_sent() {
            match message {
                Message::Outcome { txn, outcome } => {
                    let before = self.told.insert(txn, outcome.clone());
                    assert!(
                        before.is_none_or(|before| before == outcome),
                        "the client was told {outcome:?} after another outcome"
                    );
                }
                Message::Done { .. } => {}
                request => self.requests.push((to, request)),
            }
        }
    }

    /// No more failures: every saga must end.
    fn heal(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..500 {
            self.home.force();
            self.route();
            while !self.requests.is_empty() {
                self.request(0, Mood::Willing, false);
            }
            while !self.answers.is_empty() {
                self.answer(0, false);
                self.route();
            }
            self.resume();
            for n in (0..self.home.timers.len()).rev() {
                self.home.fire_nth(n);
            }
            self.route();
            if self.home.machine.inspect(false).open.is_empty() && self.requests.is_empty() {
                return Ok(());
            }
        }
        let open = self.home.machine.inspect(false).open;
        Err(TestCaseError::fail(format!("these sagas do not end: {open:?}")))
    }

    /// Each saga is complete or undone, and its client is told which.
    fn check(&mut self) -> Result<(), TestCaseError> {
        let epochs = self.epochs.clone();
        for (number, epoch) in epochs {
            let (id, plan) = (txn(number), self.plans[&txn(number)].clone());
            self.home.hear(CLIENT, Message::Submit(submission(number, epoch, plan.clone())));
            let outcome = self.home.told();
            if let Some(before) = self.told.get(&id) {
                prop_assert_eq!(before, &outcome, "the same outcome again");
            }
            let history = self.participants.history.remove(&id).unwrap_or_default();
            let effects: Vec<u32> = (1..=plan.len() as u32).filter(|step| !only_reads(&plan, *step)).collect();
            let at = |event: Event| history.iter().position(|seen| *seen == event);
            let once = history.iter().all(|event| history.iter().filter(|seen| *seen == event).count() == 1);
            prop_assert!(once, "something happened twice: {history:?}");
            let plan = Plan::new(plan);
            for (earlier, later) in pairs(&effects).filter(|(earlier, later)| (self.waits)(&plan, *later, *earlier)) {
                let (did, undid) = (at(Event::Did(later)), at(Event::Undid(later)));
                let forward = did.is_none() || at(Event::Did(earlier)).is_some_and(|before| Some(before) < did);
                prop_assert!(forward, "step {later} did not wait for step {earlier}: {history:?}");
                let back = at(Event::Undid(earlier))
                    .is_none_or(|after| did.is_none() || undid.is_some_and(|undid| undid < after));
                prop_assert!(back, "step {earlier} was undone before step {later}: {history:?}");
            }
            let did = |step: &u32| at(Event::Did(*step));
            let undid = |step: &u32| at(Event::Undid(*step));
            let taken_back = |step: &u32| match (did(step), undid(step)) {
                (Some(did), Some(undid)) => did < undid,
                (did, undid) => did.is_none() && undid.is_none(),
            };
            match outcome {
                Outcome::Completed { .. } => {
                    prop_assert!(
                        effects.iter().all(|step| did(step).is_some() && undid(step).is_none()),
                        "{history:?}"
                    );
                    self.participants.seen.insert("completed");
                }
                Outcome::Compensated(_) => {
                    prop_assert!(effects.iter().all(taken_back), "{history:?}");
                    prop_assert!(!history.is_empty(), "it was told compensated, and nothing was undone");
                    self.participants.seen.insert("compensated");
                }
                Outcome::Aborted(_) => {
                    prop_assert_eq!(&history, &[]);
                    self.participants.seen.insert("aborted");
                }
                Outcome::Unknown(_) => {
                    prop_assert_eq!(&history, &[], "its begin was lost, so nothing was ever sent");
                    self.participants.seen.insert("never begun");
                }
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            }
        }
        Ok(())
    }
}

/// What a machine does on a message, and then once what it wrote is durable.
fn reaction<M: Machine + Clone>(
    bench: &Bench<M>,
    from: NodeId,
    message: &Message,
) -> (Vec<(NodeId, Message)>, Vec<Observation>, Vec<M::Record>, BTreeMap<M::Timer, Micros>) {
    let mut bench = bench.clone();
    let (observed, journal) = (bench.observed.len(), bench.journal.len());
    bench.take_sent();
    bench.hear(from, message.clone());
    bench.force();
    let records = bench.journal.split_off(journal).into_iter().map(|logged| logged.record).collect();
    (bench.take_sent(), bench.observed.split_off(observed), records, bench.timers)
}

fn only_reads(plan: &[PlanStep], step: u32) -> bool {
    plan.get(step as usize - 1).is_some_and(|step| step.ops.iter().all(indoubt_proto::operation::Operation::is_read))
}

/// All pairs, the earlier one first.
fn pairs(steps: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    steps.iter().enumerate().flat_map(|(at, later)| steps[..at].iter().map(|earlier| (*earlier, *later)))
}

/// Whether the first step of a plan waits for the second one, which is earlier.
type Waits = fn(&Plan, u32, u32) -> bool;

/// What at least so many of the cases must show.
const SOMETIMES: [&str; 13] = [
    "completed",
    "compensated",
    "aborted",
    "never begun",
    "stuck, and resumed",
    "records lost in a crash",
    "a refusal or a read forgotten in a crash",
    "settled: applied",
    "settled: voided",
    "an empty compensation",
    "a copy of an applied step",
    "a step that came after its compensation",
    "a request below the mark",
];

fn survives<M: Machine + Clone>(machine: fn(NodeId, Settings) -> M, waits: Waits) {
    let sometimes: RefCell<BTreeMap<&str, u32>> = RefCell::default();
    let config = Config { cases: 10_000, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let result = runner.run(&case(), |case| {
        let mut world = World::new(&case, machine(HOME, case.settings), waits);
        for act in &case.acts {
            world.act(act)?;
        }
        world.heal()?;
        world.check()?;
        for seen in world.participants.seen {
            *sometimes.borrow_mut().entry(seen).or_default() += 1;
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    let sometimes = sometimes.into_inner();
    for must in SOMETIMES {
        assert!(sometimes.get(must).is_some_and(|times| *times >= 10), "hardly ever: {must}: {sometimes:?}");
    }
}

#[test]
fn rule_24_whatever_happens_each_saga_is_whole_or_undone_in_reverse() {
    survives(Orchestrator::new, |_, _, _| true);
}

#[test]
fn rule_24_whatever_happens_each_parallel_saga_is_whole_or_undone_in_an_order_that_respects_dependencies() {
    survives(ParallelOrchestrator::new, Plan::depends);
}
