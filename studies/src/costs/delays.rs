//! Measures how long a commit takes, in message delays and serial forced writes. Links take exactly one second and forced writes
//! exactly one millisecond, so every time in the run shows how many of each came before.

use super::counted::script;
use indoubt_driver::conditions::{Conditions, Latency};
use indoubt_proto::{
    ids::Role,
    message::MessageKind,
    observation::{Observation, Phase},
    settings::WorkRound,
    time::Micros,
};
use indoubt_scenario::protocol::{
    Protocol,
    costs::{Delay, Delays},
};
use serde::Serialize;

const MESSAGE: Micros = Micros::from_secs(1);
const FORCE: Micros = Micros::from_millis(1);

/// The delays of one protocol and number of participants, as measured and by the formulas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DelayRow {
    /// The protocol that ran.
    pub protocol: Protocol,
    /// The number of participants, N.
    pub participants: usize,
    /// The delays that were measured in the trace.
    pub measured: Delays,
    /// The delays by the formulas of the literature.
    pub paper: Delays,
    /// The milestones in which the two differ.
    pub differences: Vec<&'static str>,
}

impl DelayRow {
    /// Compares measured delays with the formulas.
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

/// Runs one commit and measures its delays.
pub fn delays(protocol: Protocol, participants: usize) -> Delays {
    let play = script(protocol, participants, protocol.entry().costs.success)
        .with(|scenario| {
            scenario.network.base = Conditions { latency: Latency::Constant(MESSAGE), ..Conditions::PERFECT };
            scenario.force = Latency::Constant(FORCE);
            scenario.options.work = WorkRound::WithPrepare;
            // With links this slow, no timeout may fire.
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
    let since = |at: Option<Micros>| between(from, at?);
    Delays {
        decided: since(reached(Phase::Decided)),
        learned: since(learned.last().map(|(at, ())| *at)),
        forgotten: since(reached(Phase::Ended)),
    }
}

/// The delay between two times; `None` if it is not a whole number of message delays and forced writes.
fn between(from: Micros, to: Micros) -> Option<Delay> {
    let us = to.0.checked_sub(from.0)?;
    let (messages, rest) = (us / MESSAGE.0, us % MESSAGE.0);
    (rest % FORCE.0 == 0).then_some(Delay { messages, forces: rest / FORCE.0 })
}
