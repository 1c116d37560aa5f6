//! The mapping between the domain types and the wire. Only this module knows the generated types.
//!
//! Input that does not parse is rejected with the field and the reason, so no other module sees invalid input. The types of
//! this module have the names of the messages in the .proto files, and hold domain types.
//!
//! Messages of links and clients are encoded directly from the domain types (coding.rs), because under load a node spends
//! most of its time on them. Messages of operators and the lab have generated types, in [`v1`]. Each domain type has an
//! infallible `From` to its generated type, and a `TryFrom` back.

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

/// The functions from which mappings are made, for crates whose types have a counterpart in the .proto files.
pub mod parse {
    pub use super::{
        error::{At, list, micros, name, required, text},
        node_number::{node, node_number},
    };
}

/// The generated types of package `indoubt.v1`: messages, clients and servers. `cargo run -p wire-codegen` writes them.
/// They are checked in, so a build needs no protobuf compiler.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
#[rustfmt::skip]
#[path = "wire/generated/indoubt.v1.rs"]
pub mod v1;

/// The encoded descriptors of all .proto files, for the reflection service.
pub const DESCRIPTORS: &[u8] = include_bytes!("wire/generated/indoubt.v1.descriptors");

/// Limits on messages. A message that exceeds one is rejected while it is parsed, which bounds the cost of a hostile
/// message. The limits of a coordinating node ([`crate::settings::Limits`]) are much lower. It answers a submission beyond
/// those with a `refused` outcome.
pub mod limits {
    /// The most envelopes in one batch, and messages in one report.
    pub const ENVELOPES: usize = 65_536;
    /// The most steps of one plan, or of one branch.
    pub const STEPS: usize = 4_096;
    /// The most operations of one step, or of one compensation.
    pub const OPERATIONS: usize = 16_384;
    /// The most reads in one answer.
    pub const READS: usize = 65_536;
    /// The most participants named in one PREPARE.
    pub const PEERS: usize = 4_096;
    /// The most rules named in one report.
    pub const RULES: usize = 4_096;
    /// The most locks, unfinished items, holders or waiters in the state of a node. Only the size of the message bounds its
    /// accounts.
    pub const VIEWS: usize = 1_000_000;
    /// The most bytes in a key's name. It has at least one byte.
    pub const KEY_BYTES: usize = 1_024;
    /// The most bytes of a text for people.
    pub const TEXT_BYTES: usize = 16_384;
    /// The longest time, in microseconds, for which a message may be held or delayed and a forced write slowed down: one
    /// day.
    pub const HOLD_US: u64 = 86_400_000_000;
    /// The most bytes of a fault plan.
    pub const PLAN_BYTES: usize = 1 << 20;
}
