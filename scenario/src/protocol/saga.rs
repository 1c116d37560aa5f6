//! Sagas.

use super::{
    costs::{Case, Cost, CostTable, Costs, Delay, Delays},
    entry::{
        ByRole, Colour, CoordinatingMachine, Entry, Family, FamilyEntry, Line, PhaseEntry, PhaseSign, StepOrder,
        Symbol, Waiting,
    },
    point::Point,
};
use crate::checks::CheckName;
use indoubt_driver::gate::Verb;
use indoubt_proto::{message::MessageKind, observation::Phase};

/// A saga gives up agreement at one instant and isolation, and promises that it ends whole or undone.
pub(super) static FAMILY: FamilyEntry = FamilyEntry {
    word: "saga",
    title: "saga",
    coordinating: "orchestrator",
    command: "orchestrator",
    phases: &PHASES,
    points: &POINTS,
    messages: &[
        MessageKind::Submit,
        MessageKind::Outcome,
        MessageKind::Step,
        MessageKind::StepResult,
        MessageKind::Settle,
        MessageKind::Compensate,
        MessageKind::CompensateResult,
    ],
    observations: ByRole {
        coordinating: &["reached", "settled", "stuck"],
        participant: &[
            "lock-requested",
            "lock-granted",
            "lock-released",
            "lock-abandoned",
            "read",
            "step-applied",
            "step-refused",
            "pending",
            "compensated",
            "settled",
        ],
    },
    promises: &[
        CheckName::Stability,
        CheckName::Termination,
        CheckName::Durability,
        CheckName::Conservation,
        CheckName::Completeness,
        CheckName::NoEffectTwice,
        CheckName::NothingUnresolved,
        CheckName::ToldTruth,
        CheckName::MarksKept,
        CheckName::WorldContract,
    ],
    outcomes: &["completed", "compensated"],
    waiting: Waiting::Pending,
};

static PHASES: [PhaseEntry; 7] = [
    PhaseEntry::new(Phase::Begun, "the begin is durable, nothing sent"),
    PhaseEntry::new(Phase::WorkSent, "the first step was sent")
        .with(PhaseSign::Sent { message: |_| MessageKind::Step, must_arrive: false }),
    PhaseEntry::new(Phase::HalfDone, "the first step's result arrived, not the last step's"),
    PhaseEntry::new(Phase::WorkDone, "the last step's result arrived, the end is not durable"),
    PhaseEntry::new(Phase::Decided, "the end, or the turn to compensation, is durable"),
    PhaseEntry::new(Phase::HalfTold, "the first compensation is durable, even if the only one")
        .with(PhaseSign::Participant("compensated")),
    PhaseEntry::new(Phase::Ended, "the end is durable; after a turn: appended"),
];

#[rustfmt::skip]
static POINTS: [Point; 9] = {
    use Verb::{Append, Deliver, Observe, Send};
    [
        Point::new("step-started", Deliver, "step", "the participant processed the step; nothing of it is durable")
            .after().with_steps(),
        Point::new("step-applied", Observe, "step-applied", "the step is durable, its result not sent").with_steps(),
        Point::new("step-told", Deliver, "step-result", "the orchestrator processed the step's result").told().with_steps(),
        Point::new("completing", Append, "end", "the end record is appended (of a completed saga: not durable)")
            .coordinating().after(),
        Point::new("turning", Append, "turn", "the turn to compensation is appended, not durable").coordinating().after(),
        Point::new("turned", Send, "compensate", "the turn to compensation is durable, no compensation was sent")
            .coordinating(),
        Point::new("compensating", Deliver, "compensate", "the participant processed the compensation; nothing of it is durable")
            .after().with_steps(),
        Point::new("compensated", Observe, "compensated", "the compensation is durable, its result not sent").with_steps(),
        Point::new("compensation-told", Deliver, "compensate-result", "the orchestrator processed the compensation's result")
            .told().with_steps(),
    ]
};

pub(super) static SAGA: Entry = Entry {
    name: "saga",
    about: "an orchestrated saga with compensations",
    family: Family::Saga,
    machine: CoordinatingMachine::Orchestrator,
    records: ByRole {
        coordinating: &["begin", "step-done", "turn", "step-undone", "stuck", "resumed", "end"],
        participant: &["booted", "step-applied", "step-refused", "voided", "compensated"],
    },
    order: StepOrder::OneByOne,
    cooperates: false,
    acknowledges_commits: false,
    costs: Costs { success: Case::Whole, of: cost, table: Some(CostTable { place: 4, cases, at_once: None, delays }) },
    line: Line { colour: Colour::Green, mark: Symbol::Triangle },
};

/// Its steps run at the same time where they do not depend on each other. Records, points and promises are those of a saga
/// whose steps run one after another.
pub(super) static PARALLEL: Entry = Entry {
    name: "saga-parallel",
    about: "a saga whose steps run at the same time where they do not depend on each other",
    machine: CoordinatingMachine::ParallelOrchestrator,
    order: StepOrder::AtEachParticipant,
    costs: Costs {
        success: Case::Whole,
        of: parallel_cost,
        table: Some(CostTable { place: 5, cases: parallel_cases, at_once: None, delays: parallel_delays }),
    },
    line: Line { colour: Colour::Orange, mark: Symbol::Ring },
    ..SAGA
};

fn cases(n: usize) -> Vec<Case> {
    [Case::Whole].into_iter().chain((1..=n).map(|step| Case::Refused { step })).collect()
}

/// A saga of n steps `[D]`: 2n direct calls, its begin and end forced, each step forced once at its participant, n lazy
/// results. Refused at k: 2k + 2(k-1) calls; begin and turn forced; k-1 steps and k-1 compensations forced; their results and
/// the end lazy. Whoever refuses notes it lazily for itself; the papers do not list that.
fn cost(n: usize, case: Case) -> Cost {
    match case {
        Case::Refused { step } => {
            let undone = step - 1;
            Cost {
                messages: 2 * step + 2 * undone,
                forced_coordinator: 2,
                forced_participants: 2 * undone,
                lazy_coordinator: 2 * undone + 1,
                lazy_refusals: 1,
                ..Cost::default()
            }
        }
        _ => Cost {
            messages: 2 * n,
            forced_coordinator: 2,
            forced_participants: n,
            lazy_coordinator: n,
            ..Cost::default()
        },
    }
}

/// Which step is refused makes no difference.
fn parallel_cases(n: usize) -> Vec<Case> {
    vec![Case::Whole, Case::Refused { step: n }]
}

/// A saga of n independent steps `[D]` costs the same if all is done. Refused at any step: all n steps were asked for, and the
/// refusal is answered first, because nothing is forced for it; so the other n-1 are undone, whether they ran or not, and
/// their results are heard too late to be noted.
fn parallel_cost(n: usize, case: Case) -> Cost {
    match case {
        Case::Refused { .. } => {
            let undone = n - 1;
            Cost {
                messages: 2 * n + 2 * undone,
                forced_coordinator: 2,
                forced_participants: 2 * undone,
                lazy_coordinator: undone + 1,
                lazy_refusals: 1,
                ..Cost::default()
            }
        }
        _ => cost(n, case),
    }
}

/// A saga of n independent steps `[D]` makes all its calls at once: 2 m, with one force at its begin, one at every step at the
/// same time, and one at its end. Its steps are applied one m and one f before.
fn parallel_delays(_: usize) -> Delays {
    let end = Delay::new(2, 3);
    Delays { decided: Some(end), learned: Some(Delay::new(1, 2)), forgotten: Some(end) }
}

/// A saga of n steps `[D]` makes its calls one after another, 2n m, with one force at each step, one at its begin and one at
/// its end. Its last step is applied one m and one f before.
fn delays(n: usize) -> Delays {
    let n = n as u64;
    let end = Delay::new(2 * n, n + 2);
    Delays { decided: Some(end), learned: Some(Delay::new(2 * n - 1, n + 1)), forgotten: Some(end) }
}
