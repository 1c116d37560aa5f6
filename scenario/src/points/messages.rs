//! The messages that faults can name. The entry of a family lists which of them it sends.

use crate::protocol::{Family, Protocol};
use indoubt_proto::{
    message::{KindEntry, MessageKind},
    settings::WorkRound,
};

/// The messages that a run of this protocol can send. If the work travels in PREPARE, there is no work round.
pub fn messages(protocol: Protocol, work: WorkRound) -> impl Iterator<Item = &'static KindEntry> {
    MessageKind::ALL
        .into_iter()
        .filter(move |kind| protocol.family().entry().messages.contains(kind))
        .filter(move |kind| work == WorkRound::Separate || !kind.is_work())
        .map(MessageKind::entry)
}

/// The properties of the message with this word; `None` if faults cannot name it.
pub fn message(word: &str) -> Option<&'static KindEntry> {
    let kind = MessageKind::from_word(word)?;
    Family::ALL.iter().any(|family| family.entry().messages.contains(&kind)).then(|| kind.entry())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_round_exists_only_where_the_work_travels_apart() {
        let words = |work| -> Vec<_> { messages(Protocol::TwoPhase, work).map(|m| m.word).collect() };
        assert!(words(WorkRound::Separate).contains(&"work"));
        assert!(!words(WorkRound::WithPrepare).contains(&"work"));
        assert!(words(WorkRound::WithPrepare).contains(&"prepare"));
    }
}
