//! How long a commit takes, in message delays and serial forced writes: measured with links of exactly one second and forces
//! of exactly one millisecond, so that every instant of the run says how many of each lie before it.

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

/// Runs one commit and times it.
pub fn delays(protocol: Protocol, participants: usize) -> Delays {
    let play = script(protocol, participants, protocol.entry().costs.success)
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
    let since = |at: Option<Micros>| between(from, at?);
    Delays {
        decided: since(reached(Phase::Decided)),
        learned: since(learned.last().map(|(at, ())| *at)),
        forgotten: since(reached(Phase::Ended)),
    }
}

/// What lies between two instants; `None` if that is no whole number of both.
fn between(from: Micros, to: Micros) -> Option<Delay> {
    let us = to.0.checked_sub(from.0)?;
    let (messages, rest) = (us / MESSAGE.0, us % MESSAGE.0);
    (rest % FORCE.0 == 0).then_some(Delay { messages, forces: rest / FORCE.0 })
}
