//! The messages that faults can name, with their senders and receivers. The entry of a family lists which of them it sends.

use crate::protocol::Protocol;
use indoubt_proto::{
    ids::{NodeId, Role},
    message::MessageKind,
    settings::WorkRound,
};

/// The properties of one kind of message.
#[derive(Clone, Copy, Debug)]
pub struct MessageInfo {
    /// The kind. Faults name it by its word.
    pub kind: MessageKind,
    /// The roles that send it.
    pub from: &'static [Role],
    /// The roles that receive it.
    pub to: &'static [Role],
    /// Whether it is a request that can be answered with a failure, so that a fault can `refuse` it.
    pub can_fail: bool,
}

impl MessageInfo {
    /// Whether sender and receiver are nodes of the cluster, not clients.
    pub fn is_internal(&self) -> bool {
        !self.from.contains(&Role::Client) && !self.to.contains(&Role::Client)
    }

    /// Whether `node` may send it.
    pub fn is_sent_by(&self, node: NodeId) -> bool {
        self.from.contains(&node.role)
    }

    /// Whether `node` may receive it.
    pub fn is_taken_by(&self, node: NodeId) -> bool {
        self.to.contains(&node.role)
    }
}

#[rustfmt::skip]
static MESSAGES: [MessageInfo; 15] = {
    use {MessageKind as K, Role::{Client, Coordinating, Participant}};
    const C: &[Role] = &[Coordinating];
    const P: &[Role] = &[Participant];
    // Under `2pc-cooperative`, a participant in doubt asks other participants, and they answer.
    const CP: &[Role] = &[Coordinating, Participant];
    const K_: &[Role] = &[Client];
    [
        MessageInfo { kind: K::Submit, from: K_, to: C, can_fail: false },
        MessageInfo { kind: K::Outcome, from: C, to: K_, can_fail: false },
        MessageInfo { kind: K::Work, from: C, to: P, can_fail: true },
        MessageInfo { kind: K::WorkDone, from: P, to: C, can_fail: false },
        MessageInfo { kind: K::Prepare, from: C, to: P, can_fail: true },
        MessageInfo { kind: K::Vote, from: P, to: C, can_fail: false },
        MessageInfo { kind: K::Decision, from: CP, to: P, can_fail: false },
        MessageInfo { kind: K::Ack, from: P, to: C, can_fail: false },
        MessageInfo { kind: K::Inquire, from: P, to: CP, can_fail: false },
        MessageInfo { kind: K::Answer, from: CP, to: P, can_fail: false },
        MessageInfo { kind: K::Step, from: C, to: P, can_fail: true },
        MessageInfo { kind: K::StepResult, from: P, to: C, can_fail: false },
        MessageInfo { kind: K::Settle, from: C, to: P, can_fail: true },
        MessageInfo { kind: K::Compensate, from: C, to: P, can_fail: true },
        MessageInfo { kind: K::CompensateResult, from: P, to: C, can_fail: false },
    ]
};

/// The messages that a run of this protocol can send. If the work travels in PREPARE, there is no work round.
pub fn messages(protocol: Protocol, work: WorkRound) -> impl Iterator<Item = &'static MessageInfo> {
    MESSAGES
        .iter()
        .filter(move |info| protocol.family().entry().messages.contains(&info.kind))
        .filter(move |info| work == WorkRound::Separate || !info.kind.is_work())
}

/// The properties of the message with this word; `None` if faults cannot name it.
pub fn message(word: &str) -> Option<&'static MessageInfo> {
    MESSAGES.iter().find(|info| info.kind.word() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_round_exists_only_where_the_work_travels_apart() {
        let words = |work| -> Vec<_> { messages(Protocol::TwoPhase, work).map(|m| m.kind.word()).collect() };
        assert!(words(WorkRound::Separate).contains(&"work"));
        assert!(!words(WorkRound::WithPrepare).contains(&"work"));
        assert!(words(WorkRound::WithPrepare).contains(&"prepare"));
    }
}
