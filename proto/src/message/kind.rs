//! The kinds of message.

use serde::{Deserialize, Serialize};

/// The kinds of message: the words that faults and traces use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each stands for the message of its name")]
pub enum MessageKind {
    Submit,
    Outcome,
    StatusQuery,
    StatusReply,
    Work,
    WorkDone,
    Prepare,
    Vote,
    Decision,
    Ack,
    Inquire,
    Answer,
    Step,
    StepResult,
    Settle,
    Compensate,
    CompensateResult,
    Resolve,
    Resume,
    Forget,
    Done,
}

impl MessageKind {
    /// All kinds.
    pub const ALL: [MessageKind; 21] = [
        MessageKind::Submit,
        MessageKind::Outcome,
        MessageKind::StatusQuery,
        MessageKind::StatusReply,
        MessageKind::Work,
        MessageKind::WorkDone,
        MessageKind::Prepare,
        MessageKind::Vote,
        MessageKind::Decision,
        MessageKind::Ack,
        MessageKind::Inquire,
        MessageKind::Answer,
        MessageKind::Step,
        MessageKind::StepResult,
        MessageKind::Settle,
        MessageKind::Compensate,
        MessageKind::CompensateResult,
        MessageKind::Resolve,
        MessageKind::Resume,
        MessageKind::Forget,
        MessageKind::Done,
    ];

    /// The word, for example `work-done`.
    pub fn word(self) -> &'static str {
        match self {
            MessageKind::Submit => "submit",
            MessageKind::Outcome => "outcome",
            MessageKind::StatusQuery => "status-query",
            MessageKind::StatusReply => "status-reply",
            MessageKind::Work => "work",
            MessageKind::WorkDone => "work-done",
            MessageKind::Prepare => "prepare",
            MessageKind::Vote => "vote",
            MessageKind::Decision => "decision",
            MessageKind::Ack => "ack",
            MessageKind::Inquire => "inquire",
            MessageKind::Answer => "answer",
            MessageKind::Step => "step",
            MessageKind::StepResult => "step-result",
            MessageKind::Settle => "settle",
            MessageKind::Compensate => "compensate",
            MessageKind::CompensateResult => "compensate-result",
            MessageKind::Resolve => "resolve",
            MessageKind::Resume => "resume",
            MessageKind::Forget => "forget",
            MessageKind::Done => "done",
        }
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
