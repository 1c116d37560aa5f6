//! What a coordinating node remembers of submissions, so that a client may ask again and nothing is ever run twice
//! (docs/04-architecture.md): shared by every protocol, pure bookkeeping without messages or records.
//!
//! A machine uses it like this: on `Submit` it asks [`Submissions::admit`]. A [`Admission::Fresh`] one that
//! [`refusal`] has nothing against is run: [`Submissions::begin`] when it is accepted (and again in recovery for those
//! found unfinished), [`Submissions::remember`] when its outcome is final (and in recovery for those found finished,
//! oldest first; [`Submissions::recovered`] ends it). Refusals need not be remembered: nothing was begun.
//!
//! Outcomes outlive a restart by the machine's own records ([`Submissions::remembered`] lists them for its compaction).
//! The forgotten marks need not: whatever was begun before a restart carries an older epoch, and that alone is enough.

use crate::{
    ids::{NodeId, TxnId},
    message::{Outcome, Reason, ReasonKind},
    operation::Operation,
    plan::Submission,
    settings::Limits,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// What to do with a submission that arrives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// Never seen: run it, unless [`refusal`] has something against it.
    Fresh,
    /// It runs: tell this client too when it is over.
    Running,
    /// It is over: tell the same outcome again.
    Remembered(Outcome),
    /// It may have been run and forgotten: tell [`Outcome::Unknown`] with [`ReasonKind::Forgotten`], never run it.
    Unknown,
    /// It claims to have been sent first to an incarnation that does not exist yet: tell [`Outcome::Refused`] with
    /// [`ReasonKind::BadPlan`].
    FromTheFuture,
}

/// The submissions that a coordinating node knows: those that run, and the outcomes of the last so many that ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Submissions {
    /// How many outcomes are remembered.
    capacity: usize,
    /// `None` while it runs.
    known: BTreeMap<TxnId, Option<Outcome>>,
    /// Those that ended, oldest first.
    ended: VecDeque<TxnId>,
    /// For each client the highest of its numbers that was forgotten here.
    forgotten: BTreeMap<NodeId, u64>,
}

impl Submissions {
    /// Knows nothing yet, and will remember the last `remembered` outcomes (`Limits::remembered`).
    pub fn new(remembered: usize) -> Self {
        Submissions { capacity: remembered, known: BTreeMap::new(), ended: VecDeque::new(), forgotten: BTreeMap::new() }
    }

    /// What to do with `submission` in this `incarnation` of the node. Changes nothing: see [`Submissions::begin`].
    pub fn admit(&self, submission: &Submission, incarnation: u32) -> Admission {
        let txn = &submission.txn;
        match self.known.get(txn) {
            Some(None) => return Admission::Running,
            Some(Some(outcome)) => return Admission::Remembered(outcome.clone()),
            None => {}
        }
        if submission.epoch > incarnation {
            Admission::FromTheFuture
        } else if submission.epoch < incarnation || self.forgotten.get(&txn.client).is_some_and(|m| txn.number <= *m) {
            Admission::Unknown
        } else {
            Admission::Fresh
        }
    }

    /// It runs from now on (accepted, or found unfinished in recovery).
    pub fn begin(&mut self, txn: TxnId) {
        self.known.insert(txn, None);
    }

    /// It is over, and this is what every client that asks is told. Forgets the oldest outcome beyond the capacity.
    pub fn remember(&mut self, txn: TxnId, outcome: Outcome) {
        let was = self.known.insert(txn, Some(outcome));
        if !matches!(was, Some(Some(_))) {
            self.ended.push_back(txn);
        }
        while self.ended.len() > self.capacity {
            let oldest = self.ended.pop_front().expect("it is longer than its capacity, so it is not empty");
            self.known.remove(&oldest);
            let mark = self.forgotten.entry(oldest.client).or_default();
            *mark = oldest.number.max(*mark);
        }
    }

    /// Recovery is over. What it made this forget was begun by earlier incarnations, and their submissions are known by
    /// their epoch: the marks start anew.
    pub fn recovered(&mut self) {
        self.forgotten.clear();
    }

    /// The outcome that is remembered, for answers to status queries.
    pub fn outcome(&self, txn: TxnId) -> Option<&Outcome> {
        self.known.get(&txn)?.as_ref()
    }

    /// Everything that is remembered, oldest first: what a compaction must recreate.
    pub fn remembered(&self) -> impl Iterator<Item = (TxnId, &Outcome)> {
        self.ended.iter().filter_map(|txn| Some((*txn, self.outcome(*txn)?)))
    }
}

/// Why the coordinating node `home`, with so many transactions `in_flight`, does not accept this submission; `None` if
/// it does. Whether its participants exist is for the driver to say: a machine does not know its cluster.
pub fn refusal(submission: &Submission, home: NodeId, limits: &Limits, in_flight: usize) -> Option<Reason> {
    let limit = |what: &str, most: usize| Some(Reason::new(ReasonKind::Limit, format!("more than {most} {what}")));
    let steps = &submission.steps;
    if in_flight >= limits.in_flight {
        return limit("transactions in flight", limits.in_flight);
    }
    // A sound plan has an operation in every step, so this limit bounds the steps too.
    if steps.len().max(steps.iter().map(|step| step.ops.len()).sum()) > limits.operations {
        return limit("operations", limits.operations);
    }
    // Compensations are carried and logged as well.
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

    fn submission(number: u64, epoch: u32) -> Submission {
        let get = Operation::Get { key: Key::new("p1/a") };
        let step =
            PlanStep { node: NodeId::participant(1), ops: vec![get], undo: vec![], kind: StepKind::Compensatable };
        let txn = TxnId { home: HOME, client: NodeId::client(1), number };
        Submission { txn, epoch, audit: false, steps: vec![step] }
    }

    fn committed() -> Outcome {
        Outcome::Committed { reads: vec![] }
    }

    #[test]
    fn a_repeated_submission_gets_the_same_outcome() {
        let (mut known, first) = (Submissions::new(2), submission(1, 1));
        assert_eq!(known.admit(&first, 1), Admission::Fresh);
        known.begin(first.txn);
        assert_eq!(known.admit(&first, 1), Admission::Running);
        known.remember(first.txn, committed());
        assert_eq!(known.admit(&first, 1), Admission::Remembered(committed()));
        assert_eq!(known.admit(&first, 2), Admission::Remembered(committed()), "in a later incarnation too");
    }

    #[test]
    fn what_was_forgotten_is_unknown_and_never_run_again() {
        let mut known = Submissions::new(2);
        for number in 1..=5 {
            known.begin(submission(number, 1).txn);
            known.remember(submission(number, 1).txn, committed());
        }
        let told: Vec<Admission> = (1..=6).map(|number| known.admit(&submission(number, 1), 1)).collect();
        let remembered = || Admission::Remembered(committed());
        let unknown = || Admission::Unknown;
        assert_eq!(told, [unknown(), unknown(), unknown(), remembered(), remembered(), Admission::Fresh]);
        assert_eq!(known.remembered().map(|(txn, _)| txn.number).collect::<Vec<_>>(), [4, 5], "oldest first");
        let mut other = submission(1, 1);
        other.txn.client = NodeId::client(2);
        assert_eq!(known.admit(&other, 1), Admission::Fresh, "each client has its own mark");
    }

    #[test]
    fn one_first_sent_to_an_earlier_incarnation_is_never_run() {
        let known = Submissions::new(2);
        assert_eq!(known.admit(&submission(1, 1), 2), Admission::Unknown);
        assert_eq!(known.admit(&submission(1, 3), 2), Admission::FromTheFuture);
    }

    #[test]
    fn what_recovery_forgets_leaves_no_mark_for_the_new_incarnation() {
        let mut known = Submissions::new(1);
        for number in [7, 8] {
            known.remember(submission(number, 1).txn, committed());
        }
        assert_eq!(known.admit(&submission(1, 1), 1), Admission::Unknown);
        known.recovered();
        assert_eq!(known.admit(&submission(1, 2), 2), Admission::Fresh);
        assert_eq!(known.admit(&submission(7, 1), 2), Admission::Unknown, "by its epoch");
        assert_eq!(known.admit(&submission(8, 1), 2), Admission::Remembered(committed()));
    }

    #[test]
    fn an_outcome_remembered_twice_takes_one_place() {
        let mut known = Submissions::new(2);
        for number in [1, 2, 2, 2] {
            known.remember(submission(number, 1).txn, committed());
        }
        assert!(known.outcome(submission(1, 1).txn).is_some());
        assert_eq!(known.remembered().count(), 2);
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
