//! Admission: decides whether a coordinating node runs a submission. It lets a client submit again, and ensures that no
//! transaction runs twice (docs/04-architecture.md). Every protocol uses it. It sends no messages and writes no records.
//!
//! A machine calls [`Admission::open`] when it boots. In recovery it calls [`Admission::begin`] for each unfinished transaction,
//! [`Admission::remember`] for each finished one, oldest first, and then [`Admission::recovered`]. On `Submit` it calls
//! [`Admission::admit`]. If the answer is to run the transaction, it calls [`Admission::begin`], and [`Admission::remember`] when
//! the outcome is final.
//!
//! The machine's own records keep the outcomes over a restart ([`Admission::remembered`] lists them for a compaction). The marks
//! of forgotten transactions need not survive, because submissions from before a restart carry an older epoch.

use crate::{
    ids::{LogId, NodeId, TxnId},
    message::{Outcome, Reason, ReasonKind, Status},
    operation::Operation,
    plan::Submission,
    settings::{Limits, Settings},
};
use std::collections::{BTreeMap, VecDeque};

/// What to do with a submission.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Admitted {
    /// Run the transaction.
    Run,
    /// The transaction already runs. Tell this client the outcome too.
    Join,
    /// Do not run the transaction. Tell the client this outcome.
    Answer(Outcome),
}

/// The submissions that a coordinating node knows: those that run, and the latest ones that ended, with their outcomes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Admission {
    home: NodeId,
    limits: Limits,
    log: LogId,
    incarnation: u32,
    /// The number of outcomes that are remembered.
    capacity: usize,
    /// Whether it admits sagas, whose plans must keep rule 32.
    sagas: bool,
    /// The known transactions.
    known: BTreeMap<TxnId, Known>,
    /// The transactions that ended, oldest first.
    ended: VecDeque<TxnId>,
    /// For each client, the numbers of its transactions that were forgotten here.
    forgotten: BTreeMap<NodeId, Forgotten>,
}

/// A submission that runs or ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Known {
    /// The fingerprint of the plan ([`Submission::fingerprint`]); `None` if a restart lost it.
    fingerprint: Option<u64>,
    /// `None` while it runs.
    outcome: Option<Outcome>,
}

impl Admission {
    /// The admission of an orchestrator that knows no submissions. It also checks rule 32.
    pub fn of_sagas(home: NodeId, settings: &Settings) -> Self {
        Admission { sagas: true, ..Admission::new(home, settings) }
    }

    /// The admission of a coordinator that knows no submissions.
    pub fn new(home: NodeId, settings: &Settings) -> Self {
        Admission {
            sagas: false,
            home,
            limits: settings.limits,
            log: LogId(0),
            incarnation: 0,
            capacity: settings.options.remembered as usize,
            known: BTreeMap::new(),
            ended: VecDeque::new(),
            forgotten: BTreeMap::new(),
        }
    }

    /// Begins an incarnation of the node, which has this journal.
    pub fn open(&mut self, log: LogId, incarnation: u32) {
        (self.log, self.incarnation) = (log, incarnation);
    }

    /// Decides what to do with `submission`. `unfinished` are the transactions that the node still has. This changes nothing;
    /// [`Admission::begin`] does.
    pub fn admit<T>(&self, submission: &Submission, unfinished: &BTreeMap<TxnId, T>) -> Admitted {
        let txn = submission.txn;
        if let Some(known) = self.known.get(&txn) {
            if known.fingerprint.is_some_and(|fingerprint| fingerprint != submission.fingerprint()) {
                let detail = format!("{txn} is the name of another transaction");
                return Admitted::Answer(Outcome::Refused(Reason::new(ReasonKind::BadPlan, detail)));
            }
            return known.outcome.clone().map_or(Admitted::Join, Admitted::Answer);
        }
        // A later incarnation of this journal existed if the count of incarnations was lost or an older folder was put back.
        let may_have_run = submission.log != self.log
            || submission.epoch != self.incarnation
            || self.forgotten.get(&txn.client).is_some_and(|numbers| numbers.contains(txn.number))
            || unfinished.contains_key(&txn);
        if may_have_run {
            return Admitted::Answer(Outcome::Unknown(ReasonKind::Forgotten.into()));
        }
        let refusal = refusal(submission, self.home, &self.limits, unfinished.len());
        let unsound = || submission.saga_fault().filter(|_| self.sagas);
        match refusal.or_else(|| unsound().map(|fault| Reason::new(ReasonKind::BadPlan, fault))) {
            Some(reason) => Admitted::Answer(Outcome::Refused(reason)),
            None => Admitted::Run,
        }
    }

    /// Notes that a transaction was accepted and runs.
    pub fn begin(&mut self, submission: &Submission) {
        let known = Known { fingerprint: Some(submission.fingerprint()), outcome: None };
        self.known.insert(submission.txn, known);
    }

    /// Notes that recovery found this transaction unfinished, so that it runs on.
    pub fn reopen(&mut self, txn: TxnId) {
        self.known.insert(txn, Known::default());
    }

    /// Notes the final outcome of a transaction, which clients that ask will be told. If there are too many outcomes, forgets the
    /// oldest.
    pub fn remember(&mut self, txn: TxnId, outcome: Outcome) {
        let was = self.known.entry(txn).or_default().outcome.replace(outcome);
        if was.is_none() {
            self.ended.push_back(txn);
        }
        while self.ended.len() > self.capacity {
            let oldest = self.ended.pop_front().expect("it is longer than its capacity, so it is not empty");
            self.known.remove(&oldest);
            self.forgotten.entry(oldest.client).or_default().insert(oldest.number);
        }
    }

    /// Ends recovery. Clears the marks of transactions that were forgotten during it: earlier incarnations began them, so their
    /// submissions are recognised by their epoch.
    pub fn recovered(&mut self) {
        self.forgotten.clear();
    }

    /// Holds back the outcome of this transaction, because its clients also wait for the ACKs. Returns the outcome that
    /// recovery found.
    pub fn hold_back(&mut self, txn: TxnId) -> Option<Outcome> {
        let outcome = self.known.get_mut(&txn)?.outcome.take()?;
        self.ended.retain(|ended| *ended != txn);
        Some(outcome)
    }

    /// The outcome of a transaction, if it is remembered.
    pub fn outcome(&self, txn: TxnId) -> Option<&Outcome> {
        self.known.get(&txn)?.outcome.as_ref()
    }

    /// All remembered outcomes, oldest first. A compaction must recreate them.
    pub fn remembered(&self) -> impl Iterator<Item = (TxnId, &Outcome)> {
        self.ended.iter().filter_map(|txn| Some((*txn, self.outcome(*txn)?)))
    }

    /// The answer to a status query. `running` is the state of the transaction, if the node still has it.
    pub fn status(&self, txn: TxnId, running: Option<String>) -> Status {
        match (self.outcome(txn), running) {
            (Some(outcome), _) => Status::Ended(outcome.clone()),
            (None, Some(state)) => Status::Running(state),
            (None, None) => Status::Ended(Outcome::Unknown(ReasonKind::Forgotten.into())),
        }
    }
}

/// The numbers of a client's forgotten transactions, as ranges. Most clients count up, so they have one range or few.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Forgotten {
    /// The first number of each range, and its last one.
    ranges: BTreeMap<u64, u64>,
}

impl Forgotten {
    /// How many ranges are kept. Beyond that the two lowest become one, so that numbers between them count as forgotten too.
    const MOST: usize = 64;

    fn contains(&self, number: u64) -> bool {
        self.ranges.range(..=number).next_back().is_some_and(|(_, last)| number <= *last)
    }

    fn insert(&mut self, number: u64) {
        if self.contains(number) {
            return;
        }
        let last = number.checked_add(1).and_then(|next| self.ranges.remove(&next)).unwrap_or(number);
        match self.ranges.range_mut(..number).next_back() {
            Some((_, before)) if *before + 1 == number => *before = last,
            _ => drop(self.ranges.insert(number, last)),
        }
        if self.ranges.len() > Self::MOST
            && let (Some((first, _)), Some((_, last))) = (self.ranges.pop_first(), self.ranges.pop_first())
        {
            self.ranges.insert(first, last);
        }
    }
}

/// Why the coordinating node `home` does not accept this submission while `in_flight` transactions are in flight; `None` if it
/// does. The driver checks whether the participants exist, because a machine does not know its cluster.
fn refusal(submission: &Submission, home: NodeId, limits: &Limits, in_flight: usize) -> Option<Reason> {
    let limit = |what: &str, most: usize| Some(Reason::new(ReasonKind::Limit, format!("more than {most} {what}")));
    let steps = &submission.steps;
    if in_flight >= limits.in_flight {
        return limit("transactions in flight", limits.in_flight);
    }
    // A valid plan has an operation in every step, so this limit bounds the number of steps too.
    if steps.len().max(steps.iter().map(|step| step.ops.len()).sum()) > limits.operations {
        return limit("operations", limits.operations);
    }
    // Compensations are sent and logged too, so they count.
    if steps.iter().flat_map(|step| step.ops.iter().chain(&step.undo)).map(Operation::bytes).sum::<usize>()
        > limits.bytes
    {
        return limit("bytes", limits.bytes);
    }
    if submission.participants().len() > limits.participants {
        return limit("participants", limits.participants);
    }
    if submission.txn.home != home {
        return Some(Reason::new(ReasonKind::BadPlan, format!("{} is not for {home}", submission.txn)));
    }
    submission.fault().map(|fault| Reason::new(ReasonKind::BadPlan, fault))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{operation::Key, plan::PlanStep, plan::StepKind};

    const HOME: NodeId = NodeId::coordinating(1);
    const LOG: LogId = LogId(7);

    fn submission(number: u64, epoch: u32) -> Submission {
        let get = Operation::Get { key: Key::new("p1/a") };
        let step =
            PlanStep { node: NodeId::participant(1), ops: vec![get], undo: vec![], kind: StepKind::Compensatable };
        let txn = TxnId { home: HOME, client: NodeId::client(1), number };
        Submission { txn, epoch, log: LOG, audit: false, steps: vec![step] }
    }

    /// A node in its first incarnation that remembers `remembered` outcomes.
    fn admission(remembered: u32) -> Admission {
        let mut settings = Settings::default();
        settings.options.remembered = remembered;
        let mut admission = Admission::new(HOME, &settings);
        admission.open(LOG, 1);
        admission
    }

    fn admit(admission: &Admission, submission: &Submission) -> Admitted {
        admission.admit(submission, &BTreeMap::<TxnId, ()>::new())
    }

    fn unknown() -> Admitted {
        Admitted::Answer(Outcome::Unknown(ReasonKind::Forgotten.into()))
    }

    fn committed() -> Outcome {
        Outcome::Committed { reads: vec![] }
    }

    #[test]
    fn a_repeated_submission_gets_the_same_outcome() {
        let (mut known, first) = (admission(2), submission(1, 1));
        assert_eq!(admit(&known, &first), Admitted::Run);
        known.begin(&first);
        assert_eq!(admit(&known, &first), Admitted::Join);
        known.remember(first.txn, committed());
        assert_eq!(admit(&known, &first), Admitted::Answer(committed()));
        known.open(LOG, 2);
        assert_eq!(admit(&known, &first), Admitted::Answer(committed()), "in a later incarnation too");
    }

    #[test]
    fn another_transaction_under_a_known_name_is_refused() {
        let (mut known, first) = (admission(2), submission(1, 1));
        let mut other = submission(1, 1);
        other.steps[0].ops = vec![Operation::Put { key: Key::new("p1/a"), value: 7 }];
        let refused = |answer: Admitted| matches!(answer, Admitted::Answer(Outcome::Refused(_)));
        known.begin(&first);
        assert!(refused(admit(&known, &other)), "while the first one runs");
        known.remember(first.txn, committed());
        assert!(refused(admit(&known, &other)), "and once it is over");
        assert_eq!(admit(&known, &first), Admitted::Answer(committed()));
    }

    #[test]
    fn rule_32_a_saga_that_may_be_refused_after_its_pivot_is_not_admitted() {
        let put = Operation::Put { key: Key::new("p1/x"), value: 5 };
        let add = |min| Operation::Add { key: Key::new("p2/y"), delta: -100, min };
        let step = |op: Operation, undo, kind| PlanStep { node: NodeId::participant(1), ops: vec![op], undo, kind };
        let plan = |steps| Submission { steps, ..submission(1, 1) };
        let sagas = || {
            let mut sagas = Admission::of_sagas(HOME, &Settings::default());
            sagas.open(LOG, 1);
            sagas
        };
        let refused = |submission: &Submission| match admit(&sagas(), submission) {
            Admitted::Answer(Outcome::Refused(reason)) => Some(reason.detail),
            _ => None,
        };
        let after_pivot =
            |min| plan(vec![step(put.clone(), vec![], StepKind::Pivot), step(add(min), vec![], StepKind::Retriable)]);
        let why = refused(&after_pivot(Some(0))).expect("step 2 may be refused for ever");
        assert!(why.contains("step 2") && why.contains("rule 32"), "{why}");
        assert_eq!(refused(&after_pivot(None)), None);
        let why = refused(&plan(vec![step(put.clone(), vec![], StepKind::Compensatable)])).expect("nothing undoes it");
        assert!(why.contains("step 1"), "{why}");
        // Atomic commit needs no order of steps.
        assert_eq!(admit(&admission(1), &after_pivot(Some(0))), Admitted::Run);
    }

    #[test]
    fn what_was_first_sent_to_another_journal_is_unknown() {
        let known = admission(2);
        let lost = LogId(8);
        for epoch in [1, 2] {
            assert_eq!(admit(&known, &Submission { log: lost, ..submission(1, epoch) }), unknown());
        }
    }

    #[test]
    fn a_large_number_does_not_make_smaller_ones_forgotten() {
        let mut known = admission(1);
        for number in [1, u64::MAX, 2, 3] {
            known.begin(&submission(number, 1));
            known.remember(submission(number, 1).txn, committed());
        }
        let told = [1, 2, u64::MAX].map(|number| admit(&known, &submission(number, 1)));
        assert_eq!(told, [unknown(), unknown(), unknown()]);
        assert_eq!(admit(&known, &submission(4, 1)), Admitted::Run);
    }

    #[test]
    fn many_gaps_between_forgotten_numbers_cost_no_more_memory_and_run_nothing_twice() {
        let mut forgotten = Forgotten::default();
        for number in (0..1_000).map(|step| 3 * step) {
            forgotten.insert(number);
        }
        assert_eq!(forgotten.ranges.len(), Forgotten::MOST);
        assert!((0..1_000).all(|step| forgotten.contains(3 * step)));
        assert!(!forgotten.contains(2_995), "the latest gaps are still known");
        let mut dense = Forgotten::default();
        [5, 3, 4, 2, 1, 5].into_iter().for_each(|number| dense.insert(number));
        assert_eq!(dense.ranges, BTreeMap::from([(1, 5)]));
    }

    #[test]
    fn what_was_forgotten_is_unknown_and_never_run_again() {
        let mut known = admission(2);
        for number in 1..=5 {
            known.begin(&submission(number, 1));
            known.remember(submission(number, 1).txn, committed());
        }
        let told: Vec<Admitted> = (1..=6).map(|number| admit(&known, &submission(number, 1))).collect();
        let remembered = || Admitted::Answer(committed());
        assert_eq!(told, [unknown(), unknown(), unknown(), remembered(), remembered(), Admitted::Run]);
        assert_eq!(known.remembered().map(|(txn, _)| txn.number).collect::<Vec<_>>(), [4, 5], "oldest first");
        let mut other = submission(1, 1);
        other.txn.client = NodeId::client(2);
        assert_eq!(admit(&known, &other), Admitted::Run, "each client has its own mark");
    }

    #[test]
    fn one_first_sent_to_another_incarnation_is_never_run() {
        let mut known = admission(2);
        known.open(LOG, 2);
        assert_eq!(admit(&known, &submission(1, 1)), unknown());
        assert_eq!(admit(&known, &submission(1, 3)), unknown(), "an older folder was put back");
    }

    #[test]
    fn one_that_the_node_still_has_is_never_run_again() {
        let (known, first) = (admission(0), submission(1, 1));
        assert_eq!(known.admit(&first, &BTreeMap::from([(first.txn, ())])), unknown());
        assert_eq!(known.admit(&first, &BTreeMap::from([(submission(2, 1).txn, ())])), Admitted::Run);
    }

    #[test]
    fn what_recovery_forgets_leaves_no_mark_for_the_new_incarnation() {
        let mut known = admission(1);
        for number in [7, 8] {
            known.remember(submission(number, 1).txn, committed());
        }
        assert_eq!(admit(&known, &submission(7, 1)), unknown());
        known.recovered();
        known.open(LOG, 2);
        assert_eq!(admit(&known, &submission(1, 2)), Admitted::Run);
        assert_eq!(admit(&known, &submission(7, 1)), unknown(), "by its epoch");
        assert_eq!(admit(&known, &submission(8, 1)), Admitted::Answer(committed()));
    }

    #[test]
    fn an_outcome_remembered_twice_takes_one_place() {
        let mut known = admission(2);
        for number in [1, 2, 2, 2] {
            known.remember(submission(number, 1).txn, committed());
        }
        assert!(known.outcome(submission(1, 1).txn).is_some());
        assert_eq!(known.remembered().count(), 2);
    }

    #[test]
    fn a_status_is_the_outcome_or_the_state_or_unknown() {
        let (mut known, txn) = (admission(2), submission(1, 1).txn);
        assert_eq!(known.status(txn, None), Status::Ended(Outcome::Unknown(ReasonKind::Forgotten.into())));
        known.reopen(txn);
        assert_eq!(known.status(txn, Some("voting".into())), Status::Running("voting".into()));
        known.remember(txn, committed());
        assert_eq!(known.status(txn, Some("telling".into())), Status::Ended(committed()));
    }

    #[test]
    fn every_limit_refuses_with_its_number() {
        let refused = |limits: Limits| refusal(&submission(1, 1), HOME, &limits, 7).map(|reason| reason.to_string());
        let most = Limits { operations: 1, participants: 1, bytes: 20, in_flight: 8 };
        assert_eq!(refused(most), None);
        for (limits, text) in [
            (Limits { operations: 0, ..most }, "beyond a limit: more than 0 operations"),
            (Limits { participants: 0, ..most }, "beyond a limit: more than 0 participants"),
            (Limits { bytes: 19, ..most }, "beyond a limit: more than 19 bytes"),
            (Limits { in_flight: 7, ..most }, "beyond a limit: more than 7 transactions in flight"),
        ] {
            assert_eq!(refused(limits).as_deref(), Some(text));
        }
    }

    #[test]
    fn empty_steps_count_and_compensations_weigh() {
        let limits = Limits { operations: 3, bytes: 100, ..Limits::default() };
        let mut many = submission(1, 1);
        many.steps = vec![PlanStep { ops: vec![], ..many.steps[0].clone() }; 4];
        assert_eq!(refusal(&many, HOME, &limits, 0).map(|r| r.kind), Some(ReasonKind::Limit));
        let mut heavy = submission(1, 1);
        heavy.steps[0].undo = vec![heavy.steps[0].ops[0].clone(); 5];
        assert_eq!(refusal(&heavy, HOME, &limits, 0).map(|r| r.kind), Some(ReasonKind::Limit));
    }

    #[test]
    fn an_unsound_or_misdirected_plan_is_refused() {
        let limits = Limits::default();
        let mut nothing = submission(1, 1);
        nothing.steps.clear();
        let reason = refusal(&nothing, HOME, &limits, 0).expect("it has no step");
        assert_eq!(reason.to_string(), "not a sound plan: a transaction needs at least one step");
        let elsewhere = refusal(&submission(1, 1), NodeId::coordinating(2), &limits, 0).expect("it is c1's");
        assert_eq!(elsewhere.to_string(), "not a sound plan: c1-k1-1 is not for c2");
    }
}
