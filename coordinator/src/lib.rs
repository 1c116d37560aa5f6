//! Atomic commit: the coordinator of the two-phase commit family.
//!
//! One machine implements all three presumptions (docs/08-costs.md). The table in [`presumption`] says which records they
//! write and which ACKs they want. Read in this order: [`coordinator`] (routes inputs), [`presumption`], `transaction` (one
//! transaction), `decision_delivery` (sends the decision until all ACKs have arrived), then what these use: `context` and
//! `branch`, [`record`] and `recovery` (what survives a crash).

mod branch;
mod context;
pub mod coordinator;
mod decision_delivery;
mod effects;
pub mod presumption;
pub mod record;
mod recovery;
mod transaction;

pub use coordinator::Coordinator;
pub use effects::CoordinatorTimer;
pub use presumption::Presumption;
pub use record::{CoordinatorRecord, Voter};
