//! A crash point: the time before or after an effect of a node. Effect selectors can name it.

use indoubt_driver::gate::{Edge, Selector, Verb};
use indoubt_proto::ids::{NodeId, Role};
use indoubt_scenario::{
    protocol::Family,
    scenario::{Counted, Trigger},
};
use indoubt_simulator::world::Passed;
use std::{fmt, str::FromStr};

/// A point at which a node can crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CrashPoint {
    /// The node that crashes.
    pub node: NodeId,
    /// Whether it crashes before or after the effect. An observation has only the edge `Before`.
    pub edge: Edge,
    /// The kind of effect.
    pub verb: Verb,
    /// The word of the record, message or observation.
    pub word: String,
    /// The word after it, such as `yes` or `commit`, if there is one.
    pub qualifier: Option<String>,
    /// The step of a saga, from 1, if there is one.
    pub step: Option<u32>,
    /// Which of these effects it is: they are counted from 1 at this node, over the whole run.
    pub nth: u64,
}

impl CrashPoint {
    pub(super) fn of(passed: &Passed, nth: u64) -> Self {
        CrashPoint {
            node: passed.node,
            edge: passed.edge,
            verb: passed.verb,
            word: passed.word.into(),
            qualifier: passed.qualifier.map(Into::into),
            step: passed.step,
            nth,
        }
    }

    /// The `effect` that selects it in a scenario, for example `append:prepared`, `send:decision:commit` or
    /// `observe:step-applied:2`.
    pub fn effect(&self) -> String {
        let mut name = format!("{}:{}", self.verb.word(), self.word);
        if let Some(qualifier) = &self.qualifier {
            name += &format!(":{qualifier}");
        }
        if let Some(step) = self.step {
            name += &format!(":{step}");
        }
        name
    }

    /// The `edge` that selects it in a scenario: `before` or `after`.
    pub fn edge_word(&self) -> &'static str {
        match self.edge {
            Edge::Before => "before",
            Edge::After => "after",
        }
    }

    /// What the node does there, for people, without the edge. For example `writes prepared` or `sends decision (commit)`.
    pub fn deed(&self) -> String {
        let verb = match self.verb {
            Verb::Append => "writes",
            Verb::Send => "sends",
            Verb::Deliver => "receives",
            Verb::Observe => "observes",
        };
        let qualifier = self.qualifier.as_ref().map_or(String::new(), |q| format!(" ({q})"));
        let step = self.step.map_or(String::new(), |step| format!(" of step {step}"));
        format!("{verb} {}{qualifier}{step}", self.word)
    }

    /// The trigger of a fault that strikes here.
    pub fn trigger(&self) -> Trigger {
        let selector = Selector {
            word: Some(self.word.clone()),
            qualifier: self.qualifier.clone(),
            step: self.step,
            edge: self.edge,
            ..Selector::any(self.verb)
        };
        Trigger::Moment {
            subject: self.node,
            nodes: vec![self.node],
            selector,
            counted: Counted::Effects,
            nth: self.nth,
            name: self.effect(),
        }
    }
}

impl fmt::Display for CrashPoint {
    /// For example `p2/before/append:prepared/1`. No character has a special meaning in a shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.node, self.edge_word(), self.effect(), self.nth)
    }
}

impl FromStr for CrashPoint {
    type Err = String;

    /// Parses the format of `Display`. It does not check that the cluster and the protocol have such a crash point.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let [node, edge, effect, nth] = parts.as_slice() else {
            return Err(format!(
                "`{text}` is not a crash point: expected NODE/before|after/EFFECT/N, for example p2/before/append:prepared/1"
            ));
        };
        let node: NodeId = node.parse().map_err(|error| format!("{error}"))?;
        let edge = match *edge {
            "before" => Edge::Before,
            "after" => Edge::After,
            other => return Err(format!("`{other}` is not an edge; expected `before` or `after`")),
        };
        let mut words = effect.split(':');
        let verb = words.next().and_then(Verb::from_word).ok_or_else(|| {
            format!("`{effect}` is not an effect: it must begin with append:, send:, deliver: or observe:")
        })?;
        let word = words.next().filter(|word| !word.is_empty());
        let word = word
            .ok_or_else(|| format!("`{effect}` needs a word after its verb, for example append:prepared"))?
            .to_owned();
        let (mut qualifier, mut step) = (None, None);
        for word in words {
            match word.parse() {
                Ok(number) if step.is_none() => step = Some(number),
                Err(_) if step.is_none() && qualifier.is_none() => qualifier = Some(word.to_owned()),
                _ => return Err(format!("`{effect}` has one part too many: `{word}`")),
            }
        }
        let nth = nth.parse().ok().filter(|nth| *nth > 0).ok_or_else(|| format!("`{nth}` is not a number from 1"))?;
        // Nothing happens between the two edges of an observation, so both are the same.
        let edge = if verb == Verb::Observe { Edge::Before } else { edge };
        Ok(CrashPoint { node, edge, verb, word, qualifier, step, nth })
    }
}

/// The name of a kind of node under a family of protocols.
pub fn role_word(role: Role, family: Family) -> &'static str {
    if role == Role::Coordinating { family.entry().coordinating } else { role.entry().word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_point_survives_being_written_and_says_what_is_wrong_with_it() {
        for text in [
            "p2/before/append:prepared/1",
            "c1/after/send:decision:commit/2",
            "p1/before/observe:step-applied:3/1",
            "c1/after/deliver:step-result:applied:2/1",
        ] {
            assert_eq!(text.parse::<CrashPoint>().unwrap().to_string(), text);
        }
        for (text, word) in [
            ("p2/before/append:prepared", "expected NODE"),
            ("x2/before/append:prepared/1", "x2"),
            ("p2/during/append:prepared/1", "`during`"),
            ("p2/before/write:prepared/1", "append:"),
            ("p2/before/append/1", "needs a word"),
            ("p2/before/send:vote:yes:no/1", "`no`"),
            ("p2/before/append:prepared/0", "from 1"),
        ] {
            let error = text.parse::<CrashPoint>().unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
