//! A fault in one line for people: how results name it.

use super::fault::{Counted, Fault, FaultAction, MessageDeed, Trigger, Which};
use indoubt_driver::gate::Edge;
use indoubt_proto::ids::NodeId;

impl Fault {
    /// A fault under all protocols, named as results name it.
    pub fn new(trigger: Trigger, action: FaultAction) -> Self {
        Fault { text: line(&trigger, &action), trigger, action, protocols: None }
    }
}

/// The line of a fault: `kill c1 when its 15th transaction reaches work-done, back after 3s`.
fn line(trigger: &Trigger, action: &FaultAction) -> String {
    let lasting = |lasts: &Option<_>| lasts.map_or(String::new(), |lasts| format!(" for {lasts}"));
    let when = when(trigger);
    match action {
        FaultAction::Kill { node, restart_after, lose_log, keep } => {
            let log = if *lose_log { " and lose its log" } else { "" };
            let back = restart_after.map_or(String::new(), |after| format!(", back after {after}"));
            let kept = match keep {
                None => String::new(),
                Some(0) => ", no unforced record survives".into(),
                Some(1) => ", 1 unforced record survives".into(),
                Some(keep) => format!(", {keep} unforced records survive"),
            };
            format!("kill {node}{log} {when}{kept}{back}")
        }
        FaultAction::Restart { node } => format!("restart {node} {when}"),
        FaultAction::Pause { node, lasts } => format!("pause {node} {when}{}", lasting(lasts)),
        FaultAction::Resume { node } => format!("resume {node} {when}"),
        FaultAction::Partition { left, right, one_way, lasts } => {
            let arrow = if *one_way { "to" } else { "and" };
            format!("cut {} {arrow} {} {when}{}", names(left), names(right), lasting(lasts))
        }
        FaultAction::Heal => format!("heal every partition {when}"),
        FaultAction::Message { deed, lasts } => {
            let (verb, by) = match deed {
                MessageDeed::Drop => ("drop", String::new()),
                MessageDeed::Delay(by) => ("delay", format!(" by {by}")),
                MessageDeed::Duplicate => ("duplicate", String::new()),
                MessageDeed::Refuse => ("refuse", String::new()),
            };
            format!("{verb} {when}{by}{}", lasting(lasts))
        }
        FaultAction::SlowDisk { node, force, lasts } => {
            format!("slow the disk of {node} to {force} a force {when}{}", lasting(lasts))
        }
        FaultAction::Resolve { nodes, decision } => {
            format!("resolve what is in doubt at {} by {} {when}", names(nodes), decision.word())
        }
    }
}

fn when(trigger: &Trigger) -> String {
    match trigger {
        Trigger::At(time) => format!("at {time}"),
        Trigger::Phase { home, phase, nth } => {
            format!("when the {} transaction of {home} reaches {}", ordinal(*nth), phase.word())
        }
        Trigger::Moment { subject, counted: Counted::Transactions, nth, name, .. } => {
            format!("when the {} transaction reaches {name} at {subject}", ordinal(*nth))
        }
        Trigger::Moment { subject, selector, counted: Counted::Effects, nth, name, .. } => {
            let edge = match selector.edge {
                Edge::Before => "before",
                Edge::After => "after",
            };
            format!("{edge} the {} {name} of {subject}", ordinal(*nth))
        }
        Trigger::Messages { from_time, from, to, message, which } => {
            let kind = message.as_deref().map_or("message".into(), |word| format!("`{word}`"));
            let which = match which {
                Which::Nth(nth) => format!("the {} {kind}", ordinal(*nth)),
                Which::First(1) => format!("the first {kind}"),
                Which::First(count) => format!("the first {count} of {kind}"),
                Which::Share(share) => format!("{}% of {kind}", share * 100.0),
                Which::All => format!("every {kind}"),
            };
            let end = |word: &str, node: &Option<NodeId>| node.map_or(String::new(), |node| format!(" {word} {node}"));
            let since = if from_time.0 == 0 { String::new() } else { format!(" since {from_time}") };
            format!("{which}{}{}{since}", end("from", from), end("to", to))
        }
    }
}

fn names(nodes: &[NodeId]) -> String {
    nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ")
}

fn ordinal(n: u64) -> String {
    let ending = match (n % 10, n % 100) {
        (1, tens) if tens != 11 => "st",
        (2, tens) if tens != 12 => "nd",
        (3, tens) if tens != 13 => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_are_english() {
        let words: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 112].map(ordinal).into();
        assert_eq!(words, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "112th"]);
    }
}
