//! The resource manager: integer accounts behind strict two-phase locks, changed by branches of two-phase commit and by
//! steps of sagas alike. One pure state machine, [`Participant`]; what it knows of coordinators' presumptions is whether
//! a decision asks for an ACK.
//!
//! Read in this order: [`participant`] (routes inputs), `branch` and `ending` (one 2PC branch), `cooperative` (asking
//! and answering peers), `step` and `barrier` (one saga step and what undoes it), then what they stand on: `claim` and
//! `locks`, `store`, `memory` (what is over), `record` and `recovery` (what survives).

mod barrier;
mod branch;
mod claim;
mod cooperative;
mod ending;
mod inspect;
mod locks;
mod memory;
pub mod participant;
pub mod record;
mod recovery;
mod step;
mod store;

pub use locks::{Owner, Part};
pub use memory::{Fate, StepFate};
pub use participant::{Participant, Timer};
pub use record::Record;
