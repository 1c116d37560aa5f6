//! The kinds of message. Each is described once: its word, who sends it to whom, and whether it can be refused.

use crate::ids::{NodeId, Role};
use serde::{Deserialize, Serialize};

/// The properties of one kind of message.
#[derive(Debug)]
pub struct KindEntry {
    /// The kind.
    pub kind: MessageKind,
    /// The word that faults and traces use.
    pub word: &'static str,
    /// The roles that send it.
    pub from: &'static [Role],
    /// The roles that receive it.
    pub to: &'static [Role],
    /// Whether it is a request that can be answered with a failure, so that a fault can `refuse` it.
    pub can_fail: bool,
}

macro_rules! kinds {
    ($($kind:ident $word:literal: $from:ident -> $to:ident, $can_fail:literal;)*) => {
        /// The kinds of message: the words that faults and traces use.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[allow(missing_docs, reason = "each stands for the message of its name")]
        pub enum MessageKind {
            $($kind,)*
        }

        static KINDS: [KindEntry; MessageKind::ALL.len()] = [$(KindEntry {
            kind: MessageKind::$kind,
            word: $word,
            from: $from,
            to: $to,
            can_fail: $can_fail,
        },)*];

        impl MessageKind {
            /// All kinds.
            pub const ALL: [MessageKind; [$(MessageKind::$kind),*].len()] = [$(MessageKind::$kind),*];
        }
    };
}

const C: &[Role] = &[Role::Coordinating];
const P: &[Role] = &[Role::Participant];
const CP: &[Role] = &[Role::Coordinating, Role::Participant];
const K: &[Role] = &[Role::Client];
const LAB: &[Role] = &[Role::Lab];

// The word of each kind, who sends it to whom, and whether it can be refused. Under `2pc-cooperative`, a participant in doubt also
// asks other participants, and they answer.
kinds! {
    Submit "submit": K -> C, false;
    Outcome "outcome": C -> K, false;
    StatusQuery "status-query": K -> C, false;
    StatusReply "status-reply": C -> K, false;
    Work "work": C -> P, true;
    WorkDone "work-done": P -> C, false;
    Prepare "prepare": C -> P, true;
    Vote "vote": P -> C, false;
    Decision "decision": CP -> P, false;
    Ack "ack": P -> C, false;
    Inquire "inquire": P -> CP, false;
    Answer "answer": CP -> P, false;
    Step "step": C -> P, true;
    StepResult "step-result": P -> C, false;
    Settle "settle": C -> P, true;
    Compensate "compensate": C -> P, true;
    CompensateResult "compensate-result": P -> C, false;
    Resolve "resolve": LAB -> P, false;
    Resume "resume": LAB -> C, false;
    Forget "forget": LAB -> CP, false;
    Done "done": CP -> LAB, false;
}

impl MessageKind {
    /// The properties of the kind.
    pub fn entry(self) -> &'static KindEntry {
        &KINDS[self as usize]
    }

    /// The word, for example `work-done`.
    pub fn word(self) -> &'static str {
        self.entry().word
    }

    /// The kind of this word.
    pub fn from_word(word: &str) -> Option<MessageKind> {
        MessageKind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether the message belongs to the work round. The papers do not count these messages, so they have a count of their
    /// own.
    pub fn is_work(self) -> bool {
        matches!(self, MessageKind::Work | MessageKind::WorkDone)
    }
}

impl KindEntry {
    /// Whether both ends are nodes of the cluster.
    pub fn is_internal(&self) -> bool {
        self.from.iter().chain(self.to).all(|role| role.runs_machine())
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
