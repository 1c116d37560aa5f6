//! A fault in one line for people: how results name it.

use super::fault::{Counted, Fault, Trigger, Which};
use crate::faults::FaultAction;
use indoubt_driver::gate::Edge;
use indoubt_proto::ids::NodeId;

impl Fault {
    /// A fault under all protocols, named as results name it.
    pub fn new(trigger: Trigger, action: impl Into<FaultAction>) -> Self {
        let action = action.into();
        Fault { text: action.kind().line(&when(&trigger)), trigger, action, protocols: None }
    }
}

/// When, as the second half of a line says it: `when the 15th transaction of c1 reaches work-done`.
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
