//! The mapping between the domain and the wire: the one place where the generated types appear.
//!
//! What does not parse is refused, with the field and the reason. Nothing past this module sees bad input. The types of this
//! module have the names of the messages of the .proto files and hold domain types.
//!
//! What links and clients send is encoded straight from the domain types (coding.rs): a node does little else under load.
//! What operators and the lab send has generated types, in [`v1`], with an infallible `From` the domain and a `TryFrom`
//! back.

mod codec;
mod coding;
mod codings;
mod encoding;
mod error;
mod link;
mod message;
mod message_id;
mod node_number;
mod operator;
mod transactions;
mod vocabulary;
mod word;

pub use codec::{OnWire, WireCodec};
pub use error::WireError;
pub use link::{Batch, Envelope, Frame, Hello, Receiver};
pub use operator::{ForgetRequest, OperatorReply, ResolveRequest, ResumeRequest, StateReply, Stats};
pub use transactions::{StatusReply, StatusRequest, SubmissionName, SubmitReply, SubmitRequest};

/// The parts of which mappings are made: for the types of other crates that have a counterpart in the .proto files.
pub mod parse {
    pub use super::{
        error::{At, list, micros, name, required, text},
        node_number::{node, node_number},
    };
}

/// The generated types of package `indoubt.v1`: messages, clients and servers.
/// `cargo run -p wire-codegen` writes them; they are checked in, so that no build needs a protobuf compiler.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
#[rustfmt::skip]
#[path = "wire/generated/indoubt.v1.rs"]
pub mod v1;

/// The encoded descriptors of all .proto files, for the reflection service.
pub const DESCRIPTORS: &[u8] = include_bytes!("wire/generated/indoubt.v1.descriptors");

/// What is beyond these is refused before anything is made of it. They bound what one hostile message can cost; what a
/// coordinating node accepts ([`crate::settings::Limits`]) lies far below and is refused politely.
pub mod limits {
    /// Envelopes in one batch, and messages in one report.
    pub const ENVELOPES: usize = 65_536;
    /// Steps of one plan, or of one branch.
    pub const STEPS: usize = 4_096;
    /// Operations of one step, or of one compensation.
    pub const OPERATIONS: usize = 16_384;
    /// Reads in one answer.
    pub const READS: usize = 65_536;
    /// Participants named in one PREPARE.
    pub const PEERS: usize = 4_096;
    /// Rules named in one report.
    pub const RULES: usize = 4_096;
    /// Locks, open matters, holders and waiters in the state of a node; its accounts are bounded by the message alone.
    pub const VIEWS: usize = 1_000_000;
    /// Bytes of a key's name, which has at least one.
    pub const KEY_BYTES: usize = 1_024;
    /// Bytes of a text for people.
    pub const TEXT_BYTES: usize = 16_384;
    /// Microseconds that a message may be held or delayed, and that a force may be made to take: a day.
    pub const HOLD_US: u64 = 86_400_000_000;
    /// Bytes of a fault plan.
    pub const PLAN_BYTES: usize = 1 << 20;
}
