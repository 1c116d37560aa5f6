//! Two-phase commit: presumed abort, presumed nothing, presumed commit, and presumed abort with cooperative termination.
//!
//! N is the number of participants; the coordinator does not count. `[V]` marks what a source says. `[D]` marks what follows
//! from this matrix of forced records and ACKs:
//!
//! | | presumed nothing | presumed abort | presumed commit |
//! |---|---|---|---|
//! | coordinator forces before PREPARE | no | no | yes |
//! | coordinator forces before COMMIT | yes | yes | yes |
//! | coordinator forces before ABORT | yes | no | no |
//! | participants acknowledge COMMIT | yes | yes | no |
//! | participants acknowledge ABORT | yes | no | yes |
//!
//! A participant forces `prepared` before it votes YES. It forces its outcome exactly when an ACK is due, otherwise the outcome is
//! lazy `[V]`. A participant that refuses appends a lazy record of that `[D]`, which the papers do not list.

use super::{
    costs::{Case, Cost, CostTable, Costs, Delay, Delays},
    entry::{
        ByRole, Colour, CoordinatingMachine, Entry, Family, FamilyEntry, Line, PhaseEntry, PhaseSign, StepOrder,
        Symbol, Waiting,
    },
    point::Point,
};
use crate::checks::CheckName;
use indoubt_coordinator::Presumption;
use indoubt_driver::gate::Verb;
use indoubt_proto::{message::MessageKind, observation::Phase, settings::WorkRound};

pub(super) static FAMILY: FamilyEntry = FamilyEntry {
    word: "2pc",
    title: "atomic commit",
    coordinating: "coordinator",
    command: "coordinator",
    phases: &PHASES,
    points: &POINTS,
    messages: &[
        MessageKind::Submit,
        MessageKind::Outcome,
        MessageKind::Work,
        MessageKind::WorkDone,
        MessageKind::Prepare,
        MessageKind::Vote,
        MessageKind::Decision,
        MessageKind::Ack,
        MessageKind::Inquire,
        MessageKind::Answer,
    ],
    observations: ByRole {
        coordinating: &["reached", "decided", "lost-log", "heuristic-outcome"],
        participant: &[
            "lock-requested",
            "lock-granted",
            "lock-released",
            "lock-abandoned",
            "read",
            "voted",
            "in-doubt",
            "decided",
            "heuristic",
            "applied",
        ],
    },
    promises: &CheckName::ALL,
    outcomes: &["committed"],
    waiting: Waiting::Doubt,
};

static PHASES: [PhaseEntry; 7] = [
    PhaseEntry::new(Phase::Begun, "accepted, nothing sent"),
    PhaseEntry::new(Phase::WorkSent, "every participant was sent its work").with(PhaseSign::Sent {
        message: |work| match work {
            WorkRound::Separate => MessageKind::Work,
            WorkRound::WithPrepare => MessageKind::Prepare,
        },
        must_arrive: false,
    }),
    PhaseEntry::new(Phase::HalfDone, "the first yes vote arrived, not the last"),
    PhaseEntry::new(Phase::WorkDone, "all yes votes arrived, the decision is not durable"),
    PhaseEntry::new(Phase::Decided, "the decision to commit is durable, nobody was told"),
    PhaseEntry::new(Phase::HalfTold, "a participant was told to commit, not all")
        .with(PhaseSign::Sent { message: |_| MessageKind::Decision, must_arrive: true }),
    PhaseEntry::new(Phase::Ended, "forgotten by the coordinator"),
];

#[rustfmt::skip]
static POINTS: [Point; 10] = {
    use Verb::{Append, Deliver, Observe, Send};
    [
        Point::new("working", Deliver, "work", "the participant processed its work").after(),
        Point::new("work-done", Deliver, "work-done", "the coordinator processed the participant's WORK-DONE")
            .qualified("done").told(),
        Point::new("initiation-durable", Send, "prepare", "the initiation record is durable, no PREPARE was sent")
            .coordinating().with_record("initiation"),
        Point::new("preparing", Deliver, "prepare", "the participant processed PREPARE; its prepared record is not durable")
            .after(),
        Point::new("prepared", Observe, "in-doubt", "the participant's prepared record is durable, its vote not sent"),
        Point::new("voted", Deliver, "vote", "the coordinator processed the participant's YES").qualified("yes").told(),
        Point::new("deciding", Append, "committed", "the coordinator's commit record is appended, not durable")
            .coordinating().after(),
        Point::new("decision-durable", Observe, "decided", "the coordinator's commit record is durable, nobody was told")
            .qualified("commit").coordinating(),
        Point::new("told", Deliver, "decision", "the participant processed the decision").after(),
        Point::new("acknowledged", Deliver, "ack", "the coordinator processed the participant's ACK").told(),
    ]
};

const RECORDS: ByRole = ByRole {
    coordinating: &["committed", "aborted", "end"],
    participant: &["booted", "prepared", "committed", "aborted", "heuristic", "forgotten"],
};

pub(super) static PRESUMED_ABORT: Entry = Entry {
    name: "2pc",
    about: "two-phase commit, presumed abort",
    family: Family::TwoPhase,
    machine: CoordinatingMachine::Coordinator(Presumption::Abort),
    records: RECORDS,
    order: StepOrder::OneByOne,
    cooperates: false,
    acknowledges_commits: true,
    costs: Costs {
        success: Case::Commit,
        of: presumed_abort,
        table: Some(CostTable { place: 2, cases, at_once: Some(presumed_abort_at_once), delays: |_| delays(false) }),
    },
    line: Line { colour: Colour::Blue, mark: Symbol::Disc },
};

pub(super) static PRESUMED_NOTHING: Entry = Entry {
    name: "2pc-prn",
    about: "two-phase commit, presumed nothing",
    family: Family::TwoPhase,
    machine: CoordinatingMachine::Coordinator(Presumption::Nothing),
    records: RECORDS,
    order: StepOrder::OneByOne,
    cooperates: false,
    acknowledges_commits: true,
    costs: Costs {
        success: Case::Commit,
        of: presumed_nothing,
        table: Some(CostTable { place: 1, cases, at_once: Some(presumed_nothing_at_once), delays: |_| delays(false) }),
    },
    line: Line { colour: Colour::Vermillion, mark: Symbol::Ring },
};

pub(super) static PRESUMED_COMMIT: Entry = Entry {
    name: "2pc-prc",
    about: "two-phase commit, presumed commit",
    family: Family::TwoPhase,
    machine: CoordinatingMachine::Coordinator(Presumption::Commit),
    records: ByRole { coordinating: &["initiation", "committed", "aborted", "end"], ..RECORDS },
    order: StepOrder::OneByOne,
    cooperates: false,
    acknowledges_commits: false,
    costs: Costs {
        success: Case::Commit,
        of: presumed_commit,
        table: Some(CostTable { place: 3, cases, at_once: Some(presumed_commit_at_once), delays: |_| delays(true) }),
    },
    line: Line { colour: Colour::Purple, mark: Symbol::Cross },
};

/// Participants ask each other only if something fails, so without failures this costs what presumed abort costs.
pub(super) static COOPERATIVE: Entry = Entry {
    name: "2pc-cooperative",
    about: "two-phase commit, presumed abort; participants in doubt ask each other",
    family: Family::TwoPhase,
    machine: CoordinatingMachine::Coordinator(Presumption::Abort),
    records: RECORDS,
    order: StepOrder::OneByOne,
    cooperates: true,
    acknowledges_commits: true,
    costs: Costs { success: Case::Commit, of: presumed_abort, table: None },
    line: Line { colour: Colour::SkyBlue, mark: Symbol::Frame },
};

fn cases(n: usize) -> Vec<Case> {
    [Case::Commit]
        .into_iter()
        .chain((0..n).rev().map(|yes| Case::Abort { yes }))
        .chain([Case::ReadOnly])
        .chain((1..n).map(|updaters| Case::Mixed { updaters }))
        .collect()
}

/// Presumed abort `[D]`: a commit costs 4N messages and 1 + 2N forces, and END is lazy. An abort with y YES votes costs
/// 2N + y messages, y forces and y lazy records. If all only read, nothing is written.
fn presumed_abort(n: usize, case: Case) -> Cost {
    let abort =
        |yes| Cost { messages: 2 * n + yes, forced_participants: yes, lazy_participants: yes, ..Cost::default() };
    either(n, case, acknowledged_commit, abort, Cost { messages: 2 * n, ..Cost::default() })
}

/// Presumed nothing `[D]`: it commits like presumed abort. An abort with y YES votes costs 2N + 2y messages, 1 + 2y forces
/// and END.
fn presumed_nothing(n: usize, case: Case) -> Cost {
    let read_only = Cost { messages: 2 * n, ..Cost::default() };
    either(n, case, acknowledged_commit, |yes| acknowledged_abort(n, yes), read_only)
}

/// Presumed commit `[D]`: a commit costs 3N messages and 2 + N forces, and N records are lazy. It aborts like presumed
/// nothing. If all only read, it forces its initiation and adds one lazy outcome record.
fn presumed_commit(n: usize, case: Case) -> Cost {
    let commit = |n, updaters| Cost {
        messages: 2 * n + updaters,
        forced_coordinator: 2,
        forced_participants: updaters,
        lazy_participants: updaters,
        ..Cost::default()
    };
    let read_only = Cost { messages: 2 * n, forced_coordinator: 1, lazy_coordinator: 1, ..Cost::default() };
    either(n, case, commit, |yes| acknowledged_abort(n, yes), read_only)
}

/// The cost of a case, with the work round and the lazy records of participants that refuse. With u updaters, it is a commit of u
/// participants plus one round trip for each other participant `[D]`.
fn either(
    n: usize,
    case: Case,
    commit: impl Fn(usize, usize) -> Cost,
    abort: impl Fn(usize) -> Cost,
    read_only: Cost,
) -> Cost {
    let cost = match case {
        Case::Commit => commit(n, n),
        Case::Mixed { updaters } => commit(n, updaters),
        Case::ReadOnly => read_only,
        Case::Abort { yes } => Cost { lazy_refusals: n - yes, ..abort(yes) },
        Case::Whole | Case::Refused { .. } => unreachable!("a saga's case"),
    };
    Cost { work_messages: 2 * n, ..cost }
}

fn acknowledged_commit(n: usize, updaters: usize) -> Cost {
    Cost {
        messages: 2 * n + 2 * updaters,
        forced_coordinator: 1,
        forced_participants: 2 * updaters,
        lazy_coordinator: 1,
        ..Cost::default()
    }
}

fn acknowledged_abort(n: usize, yes: usize) -> Cost {
    Cost {
        messages: 2 * n + 2 * yes,
        forced_coordinator: 1,
        forced_participants: 2 * yes,
        lazy_coordinator: 1,
        ..Cost::default()
    }
}

/// The cost of an abort with `yes` YES votes, if the coordinator decides at the first NO, all links are equally fast, and a
/// forced write takes time `[D]`. A NO is not forced, so all NO votes arrive together and before any YES. The first one decides,
/// and ABORT goes to every participant that is not known to have voted NO. Presumed abort does not wait for a forced write, so
/// ABORT goes to all participants but the first that refused.
fn presumed_abort_at_once(n: usize, yes: usize) -> Cost {
    let patient = presumed_abort(n, Case::Abort { yes });
    Cost { messages: patient.messages + n - 1 - yes, ..patient }
}

/// Like [`presumed_abort_at_once`], but presumed nothing forces its decision. The other NO votes arrive in the meantime.
fn presumed_nothing_at_once(n: usize, yes: usize) -> Cost {
    presumed_nothing(n, Case::Abort { yes })
}

/// Like [`presumed_abort_at_once`]: presumed commit does not wait either. Here every participant that is told ABORT forces its
/// outcome and then acknowledges, even if it voted NO `[V]`.
fn presumed_commit_at_once(n: usize, yes: usize) -> Cost {
    let patient = presumed_commit(n, Case::Abort { yes });
    let told_too = n - 1 - yes;
    Cost {
        messages: patient.messages + 2 * told_too,
        forced_participants: patient.forced_participants + told_too,
        ..patient
    }
}

/// The delays of a commit `[D]`. PREPARE, the vote, and one forced write at each side make the decision durable after 2m+2f, or
/// after 2m+3f if an initiation is forced first. A participant knows the decision one m later. The coordinator forgets the
/// transaction with the last ACK, after 4m+3f, or with an initiation at the decision.
fn delays(initiation: bool) -> Delays {
    let (decided, learned, forgotten) = if initiation {
        (Delay::new(2, 3), Delay::new(3, 3), Delay::new(2, 3))
    } else {
        (Delay::new(2, 2), Delay::new(3, 2), Delay::new(4, 3))
    };
    Delays { decided: Some(decided), learned: Some(learned), forgotten: Some(forgotten) }
}
