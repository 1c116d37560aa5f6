//! How long a commit takes, in message delays and serial forced writes: measured with links of exactly one second and forces
//! of exactly one millisecond, so that every instant of the run says how many of each lie before it.

use super::{case::Case, counted::script};
use indoubt_driver::conditions::{Conditions, Latency};
use indoubt_proto::{
    ids::Role,
    message::MessageKind,
    observation::{Observation, Phase},
    settings::WorkRound,
    time::Micros,
};
use indoubt_scenario::protocol::{Family, Protocol};
use serde::Serialize;
use std::fmt;

const MESSAGE: Micros = Micros::from_secs(1);
const FORCE: Micros = Micros::from_millis(1);

/// So many message delays and forced writes, one after another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Delay {
    /// Message delays.
    pub messages: u64,
    /// Serial forced writes.
    pub forces: u64,
}

impl Delay {
    /// `2m+3f` is `Delay::new(2, 3)`.
    pub const fn new(messages: u64, forces: u64) -> Self {
        Delay { messages, forces }
    }

    /// What lies between two instants; `None` if that is no whole number of both.
    fn between(from: Micros, to: Micros) -> Option<Delay> {
        let us = to.0.checked_sub(from.0)?;
        let (messages, rest) = (us / MESSAGE.0, us % MESSAGE.0);
        (rest % FORCE.0 == 0).then_some(Delay { messages, forces: rest / FORCE.0 })
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}m+{}f", self.messages, self.forces))
    }
}

/// From the arrival of a transaction, whose work travels with PREPARE, to the milestones of its commit. `None`: it was
/// not reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delays {
    /// The decision (a saga: its end) is durable.
    pub decided: Option<Delay>,
    /// The last participant has it (a saga: has applied the last step).
    pub learned: Option<Delay>,
    /// The coordinating node has forgotten it.
    pub forgotten: Option<Delay>,
}

/// One protocol and number of participants: as measured, and as the literature has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DelayRow {
    /// Which protocol.
    pub protocol: Protocol,
    /// N.
    pub participants: usize,
    /// As timed in the trace.
    pub measured: Delays,
    /// As the formulas have it.
    pub paper: Delays,
    /// The milestones in which the two differ.
    pub differences: Vec<&'static str>,
}

impl DelayRow {
    /// Puts what was timed beside its formula.
    pub fn new(protocol: Protocol, participants: usize, measured: Delays, paper: Delays) -> Self {
        let milestones = [
            ("decided", measured.decided, paper.decided),
            ("learned", measured.learned, paper.learned),
            ("forgotten", measured.forgotten, paper.forgotten),
        ];
        let differences = milestones.into_iter().filter(|(_, a, b)| a != b).map(|(name, ..)| name).collect();
        DelayRow { protocol, participants, measured, paper, differences }
    }
}

/// The delays to a commit `[D]`: with PREPARE, the vote and one force at each side the decision is durable after 2m+2f under
/// presumed nothing and presumed abort; presumed commit forces its initiation first, 2m+3f. A participant has it one m
/// later. The coordinator forgets it with the last ACK, 4m+3f, under presumed commit at the decision. A saga of n steps
/// makes its calls one after another, 2n m, with one force at each step, one at its begin and one at its end; its last
/// step is applied one m and one f before.
pub fn paper_delays(protocol: Protocol, participants: usize) -> Delays {
    let n = participants as u64;
    let (decided, learned, forgotten) = match protocol.family() {
        Family::TwoPhase if protocol == Protocol::PresumedCommit => {
            (Delay::new(2, 3), Delay::new(3, 3), Delay::new(2, 3))
        }
        Family::TwoPhase => (Delay::new(2, 2), Delay::new(3, 2), Delay::new(4, 3)),
        Family::Saga => (Delay::new(2 * n, n + 2), Delay::new(2 * n - 1, n + 1), Delay::new(2 * n, n + 2)),
        Family::Unprotected => return Delays::default(),
    };
    Delays { decided: Some(decided), learned: Some(learned), forgotten: Some(forgotten) }
}

/// Runs one commit and times it.
pub fn delays(protocol: Protocol, participants: usize) -> Delays {
    let case = if protocol.family() == Family::Saga { Case::Whole } else { Case::Commit };
    let play = script(protocol, participants, case)
        .with(|scenario| {
            scenario.network.base = Conditions { latency: Latency::Constant(MESSAGE), ..Conditions::PERFECT };
            scenario.force = Latency::Constant(FORCE);
            scenario.options.work = WorkRound::WithPrepare;
            // Nobody loses patience with links this slow.
            let patience = Micros::from_secs(3600);
            (scenario.timeouts.vote, scenario.timeouts.decision) = (patience, patience);
            scenario.timeouts.retry = patience;
            scenario.settle = patience;
        })
        .play();
    let reached = |wanted: Phase| {
        let at =
            play.find(|_, what| matches!(what, Observation::Reached { phase, .. } if *phase == wanted).then_some(()));
        at.first().map(|(at, ())| *at)
    };
    let learned = play.find(|node, what| {
        let has_it = matches!(what, Observation::Decided { .. } | Observation::StepApplied { .. });
        (node.role == Role::Participant && has_it).then_some(())
    });
    let accepted =
        play.find(|_, what| matches!(what, Observation::Received { message: MessageKind::Submit, .. }).then_some(()));
    let Some((from, ())) = accepted.first().copied() else { return Delays::default() };
    let since = |at: Option<Micros>| Delay::between(from, at?);
    Delays {
        decided: since(reached(Phase::Decided)),
        learned: since(learned.last().map(|(at, ())| *at)),
        forgotten: since(reached(Phase::Ended)),
    }
}
