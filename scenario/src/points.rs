//! Where faults can strike: the phases, points, messages, records and observations of each protocol, in one table. The
//! parser checks scenarios against it, and `indoubt list points` prints it.

mod messages;
mod words;

use crate::protocol::{Family, Protocol};
use indoubt_driver::gate::{Edge, Selector, Verb};
use indoubt_proto::{
    ids::{NodeId, Role},
    observation::Phase,
};
pub use messages::{MessageInfo, message, messages};
pub use words::{has_steps, observations, qualifiers, records};

/// What a phase means under this family; `None` if it has no such phase (the table of docs/02-scenarios.md).
pub fn phase_meaning(family: Family, phase: Phase) -> Option<&'static str> {
    Some(match (family, phase) {
        (Family::TwoPhase, Phase::Begun) => "accepted, nothing sent",
        (Family::TwoPhase, Phase::WorkSent) => "every participant was sent its work",
        (Family::TwoPhase, Phase::HalfDone) => "the first yes vote arrived, not the last",
        (Family::TwoPhase, Phase::WorkDone) => "all yes votes arrived, the decision is not durable",
        (Family::TwoPhase, Phase::Decided) => "the decision to commit is durable, nobody was told",
        (Family::TwoPhase, Phase::HalfTold) => "a participant was told to commit, not all",
        (Family::TwoPhase, Phase::Ended) => "forgotten by the coordinator",
        (Family::Saga, Phase::Begun) => "the begin is durable, nothing sent",
        (Family::Saga, Phase::WorkSent) => "the first step was sent",
        (Family::Saga, Phase::HalfDone) => "the first step's result arrived, not the last's",
        (Family::Saga, Phase::WorkDone) => "the last step's result arrived, the end is not durable",
        (Family::Saga, Phase::Decided) => "the end, or the turn to compensation, is durable",
        (Family::Saga, Phase::HalfTold) => "the first compensation is durable, even if the only one",
        (Family::Saga, Phase::Ended) => "the end is durable; after a turn: appended",
        (Family::Unprotected, Phase::Begun) => "accepted",
        (Family::Unprotected, Phase::WorkSent) => "the first call was sent",
        (Family::Unprotected, Phase::HalfDone) => "the first answer arrived, not the last",
        (Family::Unprotected, Phase::WorkDone) => "the last answer arrived",
        (Family::Unprotected, Phase::Ended) => "the client was answered",
        (Family::Unprotected, Phase::Decided | Phase::HalfTold) => return None,
    })
}

/// A point: a moment in the life of a transaction that a protocol has a name for.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Its name in scenarios.
    pub name: &'static str,
    /// Which protocols have it. No two points of one name have different meanings.
    pub family: Family,
    /// Only under this protocol of the family.
    pub only: Option<Protocol>,
    /// Whose point it is: what `node` may name.
    pub role: Role,
    /// Whether `:n`, a step, may follow the name.
    pub steps: bool,
    /// What has just happened, for people.
    pub about: &'static str,
    gate: PointGate,
    verb: Verb,
    word: &'static str,
    qualifier: Option<&'static str>,
    edge: Edge,
}

/// Where the gate decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PointGate {
    /// At the node whose point it is.
    Itself,
    /// At the coordinating nodes, which take its message.
    Coordinating,
}

impl Point {
    /// Whether this protocol has it.
    pub fn belongs_to(&self, protocol: Protocol) -> bool {
        self.family == protocol.family() && self.only.is_none_or(|only| only == protocol)
    }

    /// At which nodes the gate decides about this point of `node`, and which moments it selects there.
    pub(crate) fn watch(
        &self,
        node: NodeId,
        step: Option<u32>,
        coordinating: impl Iterator<Item = NodeId>,
    ) -> (Vec<NodeId>, Selector) {
        let (nodes, peer) = match self.gate {
            PointGate::Itself => (vec![node], None),
            PointGate::Coordinating => (coordinating.collect(), Some(node)),
        };
        let selector = Selector {
            word: Some(self.word.into()),
            qualifier: self.qualifier.map(Into::into),
            step,
            peer,
            edge: self.edge,
            ..Selector::any(self.verb)
        };
        (nodes, selector)
    }

    const fn new(family: Family, name: &'static str, verb: Verb, word: &'static str, about: &'static str) -> Point {
        Point {
            name,
            family,
            only: None,
            role: Role::Participant,
            steps: false,
            about,
            gate: PointGate::Itself,
            verb,
            word,
            qualifier: None,
            edge: Edge::Before,
        }
    }

    const fn after(self) -> Point {
        Point { edge: Edge::After, ..self }
    }

    const fn qualified(self, qualifier: &'static str) -> Point {
        Point { qualifier: Some(qualifier), ..self }
    }

    const fn coordinating(self) -> Point {
        Point { role: Role::Coordinating, ..self }
    }

    /// It is the participant's message that is taken by a coordinating node.
    const fn told(self) -> Point {
        Point { gate: PointGate::Coordinating, edge: Edge::After, ..self }
    }

    const fn with_steps(self) -> Point {
        Point { steps: true, ..self }
    }

    const fn only(self, protocol: Protocol) -> Point {
        Point { only: Some(protocol), ..self }
    }
}

/// All points. *Taken* means that the whole step is done which took the message; nothing of it need be durable.
#[rustfmt::skip]
static POINTS: [Point; 25] = {
    use {Family::{Saga, TwoPhase, Unprotected}, Verb::{Append, Deliver, Observe, Send}};
    const fn two(name: &'static str, verb: Verb, word: &'static str, about: &'static str) -> Point {
        Point::new(TwoPhase, name, verb, word, about)
    }
    const fn saga(name: &'static str, verb: Verb, word: &'static str, about: &'static str) -> Point {
        Point::new(Saga, name, verb, word, about)
    }
    const fn call(name: &'static str, verb: Verb, word: &'static str, about: &'static str) -> Point {
        Point::new(Unprotected, name, verb, word, about)
    }
    [
        two("working", Deliver, "work", "the participant took its work").after(),
        two("work-done", Deliver, "work-done", "the coordinator took the participant's word that its work is done")
            .qualified("done").told(),
        two("initiation-durable", Send, "prepare", "the initiation record is durable, no PREPARE was sent")
            .coordinating().only(Protocol::PresumedCommit),
        two("preparing", Deliver, "prepare", "the participant took PREPARE; its prepared record is not durable").after(),
        two("prepared", Observe, "in-doubt", "the participant's prepared record is durable, its vote not sent"),
        two("voted", Deliver, "vote", "the coordinator took the participant's YES").qualified("yes").told(),
        two("deciding", Append, "committed", "the coordinator's commit record is appended, not durable")
            .coordinating().after(),
        two("decision-durable", Observe, "decided", "the coordinator's commit record is durable, nobody was told")
            .qualified("commit").coordinating(),
        two("told", Deliver, "decision", "the participant took the decision").after(),
        two("acknowledged", Deliver, "ack", "the coordinator took the participant's ACK").told(),

        saga("step-started", Deliver, "step", "the participant took the step; nothing of it is durable").after().with_steps(),
        saga("step-applied", Observe, "step-applied", "the step is durable, its result not sent").with_steps(),
        saga("step-told", Deliver, "step-result", "the orchestrator took the step's result").told().with_steps(),
        saga("completing", Append, "end", "the end record is appended (of a completed saga: not durable)")
            .coordinating().after(),
        saga("turning", Append, "turn", "the turn to compensation is appended, not durable").coordinating().after(),
        saga("turned", Send, "compensate", "the turn to compensation is durable, no compensation was sent").coordinating(),
        saga("compensating", Deliver, "compensate", "the participant took the compensation; nothing of it is durable")
            .after().with_steps(),
        saga("compensated", Observe, "compensated", "the compensation is durable, its result not sent").with_steps(),
        saga("compensation-told", Deliver, "compensate-result", "the orchestrator took the compensation's result")
            .told().with_steps(),

        call("recording", Append, "pending", "the status row PENDING is appended, not durable")
            .coordinating().after().only(Protocol::NoneRetry),
        call("calling", Send, "step", "the first call is about to be sent").coordinating(),
        call("called", Deliver, "step", "the participant took the call; nothing of it is durable").after().with_steps(),
        call("call-applied", Observe, "step-applied", "the call's effects are durable, its answer not sent").with_steps(),
        call("answered", Deliver, "step-result", "the caller took the call's answer").told().with_steps(),
        call("closing", Append, "done", "the status row DONE is appended, not durable")
            .coordinating().after().only(Protocol::NoneRetry),
    ]
};

/// The points of a protocol, in the order of a transaction's life.
pub fn points(protocol: Protocol) -> impl Iterator<Item = &'static Point> {
    POINTS.iter().filter(move |point| point.belongs_to(protocol))
}

/// All points of all protocols.
pub fn all_points() -> &'static [Point] {
    &POINTS
}

/// The point of this name, without a step.
pub fn point(name: &str) -> Option<&'static Point> {
    POINTS.iter().find(|point| point.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_point_has_one_meaning_and_uses_words_that_its_protocol_has() {
        let names: BTreeSet<_> = POINTS.iter().map(|p| p.name).collect();
        assert_eq!(names.len(), POINTS.len(), "two points share a name");
        for point in &POINTS {
            let role = match point.gate {
                PointGate::Itself => point.role,
                PointGate::Coordinating => Role::Coordinating,
            };
            let known = match point.verb {
                Verb::Append => {
                    let mut having = Protocol::ALL.into_iter().filter(|p| point.belongs_to(*p));
                    having.all(|p| records(p, role).contains(&point.word))
                }
                Verb::Observe => observations(point.family, role).contains(&point.word),
                Verb::Send | Verb::Deliver => message(point.word).is_some_and(|info| {
                    let ends = if point.verb == Verb::Send { info.from } else { info.to };
                    info.families.contains(&point.family) && ends.contains(&role)
                }),
            };
            assert!(known, "{}: {} is no word of {:?}", point.name, point.word, point.family);
            if let Some(qualifier) = point.qualifier {
                assert!(qualifiers(point.verb, point.word).contains(&qualifier), "{}: {qualifier}", point.name);
            }
        }
    }

    #[test]
    fn every_protocol_has_points_at_both_kinds_of_node() {
        for protocol in Protocol::ALL {
            for role in [Role::Coordinating, Role::Participant] {
                assert!(points(protocol).any(|p| p.role == role), "{protocol} has none at a {role:?}");
            }
        }
    }
}
