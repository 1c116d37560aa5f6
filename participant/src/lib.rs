//! The resource manager: integer accounts behind strict two-phase locks, changed by branches of two-phase commit and by
//! steps of sagas. It is one pure state machine, [`Participant`]. It does not know its coordinator's presumption: each
//! decision says whether it wants an ACK.
//!
//! Read in this order: [`participant`] (routes inputs), `branches` and `branch` (two-phase commit), `local_txns`,
//! `local_txn` and `barrier` (sagas and unprotected calls), then what these use: `context`, `lock_acquisition` and `locks`,
//! `store`, `finished_log`, `durability`, and `record` and `recovery` (what survives a crash).

mod acknowledgement;
mod barrier;
mod branch;
mod branches;
mod context;
mod durability;
mod effects;
mod finished_log;
mod key_map;
mod local_txn;
mod local_txns;
mod lock_acquisition;
mod locks;
pub mod participant;
pub mod record;
mod recovery;
mod store;

pub use effects::Timer;
pub use locks::{Owner, Part};
pub use participant::Participant;
pub use record::{BranchEnd, Record, StepEnd};
