//! The baselines: plain calls without a protocol, without and with retries.

use super::{
    costs::{Case, Cost, Costs},
    entry::{
        ByRole, Colour, CoordinatingMachine, Entry, Family, FamilyEntry, Line, PhaseEntry, PhaseSign, StepOrder,
        Symbol, Waiting,
    },
    point::Point,
};
use indoubt_driver::gate::Verb;
use indoubt_proto::{message::MessageKind, observation::Phase};

pub(super) static FAMILY: FamilyEntry = FamilyEntry {
    word: "none",
    title: "unprotected",
    coordinating: "caller",
    command: "orchestrator",
    phases: &PHASES,
    points: &POINTS,
    messages: &[MessageKind::Submit, MessageKind::Outcome, MessageKind::Step, MessageKind::StepResult],
    observations: ByRole {
        coordinating: &["reached"],
        participant: &[
            "lock-requested",
            "lock-granted",
            "lock-released",
            "lock-abandoned",
            "read",
            "step-applied",
            "step-refused",
        ],
    },
    promises: &[],
    outcomes: &["completed", "partial"],
    waiting: Waiting::Nothing,
};

static PHASES: [PhaseEntry; 5] = [
    PhaseEntry::new(Phase::Begun, "accepted"),
    PhaseEntry::new(Phase::WorkSent, "the first call was sent")
        .with(PhaseSign::Sent { message: |_| MessageKind::Step, must_arrive: false }),
    PhaseEntry::new(Phase::HalfDone, "the first answer arrived, not the last"),
    PhaseEntry::new(Phase::WorkDone, "the last answer arrived"),
    PhaseEntry::new(Phase::Ended, "the client was answered"),
];

#[rustfmt::skip]
static POINTS: [Point; 6] = {
    use Verb::{Append, Deliver, Observe, Send};
    [
        Point::new("recording", Append, "pending", "the status row PENDING is appended, not durable")
            .coordinating().after(),
        Point::new("calling", Send, "step", "the first call is about to be sent").coordinating(),
        Point::new("called", Deliver, "step", "the participant processed the call; nothing of it is durable")
            .after().with_steps(),
        Point::new("call-applied", Observe, "step-applied", "the call's effects are durable, its answer not sent")
            .with_steps(),
        Point::new("answered", Deliver, "step-result", "the caller processed the call's answer").told().with_steps(),
        Point::new("closing", Append, "done", "the status row DONE is appended, not durable").coordinating().after(),
    ]
};

const PARTICIPANT: &[&str] = &["booted", "step-applied", "step-refused"];

pub(super) static NONE: Entry = Entry {
    name: "none",
    about: "no protocol: one attempt per call, no retry, no undo, no recovery",
    family: Family::Unprotected,
    machine: CoordinatingMachine::Unprotected { retries: false },
    records: ByRole { coordinating: &[], participant: PARTICIPANT },
    order: StepOrder::OneByOne,
    cooperates: false,
    acknowledges_commits: false,
    costs: Costs { success: Case::Whole, of: |n, _| calls(n), table: None },
    line: Line { colour: Colour::Black, mark: Symbol::Square },
};

pub(super) static NONE_RETRY: Entry = Entry {
    name: "none-retry",
    about: "no protocol, but retries and a status row",
    family: Family::Unprotected,
    machine: CoordinatingMachine::Unprotected { retries: true },
    records: ByRole { coordinating: &["pending", "done", "failed"], participant: PARTICIPANT },
    order: StepOrder::OneByOne,
    cooperates: false,
    acknowledges_commits: false,
    costs: Costs { success: Case::Whole, of: |n, _| Cost { forced_coordinator: 2, ..calls(n) }, table: None },
    line: Line { colour: Colour::Grey, mark: Symbol::Frame },
};

/// The cost of a baseline, which no paper counts: n calls with their answers, and one forced write for each.
fn calls(n: usize) -> Cost {
    Cost { messages: 2 * n, forced_participants: n, ..Cost::default() }
}
