//! Atomic commit: the coordinator of the two-phase commit family.
//!
//! One machine plays all three presumptions (docs/08-costs.md): what they log and which ACKs they want is a table in
//! [`presumption`], not code. Read in this order: [`presumption`], [`record`], `transaction` (one transaction up to its
//! decision), `telling` (from the decision to the end), [`coordinator`] (routes inputs), `recovery`.

mod branch;
pub mod coordinator;
mod desk;
pub mod presumption;
pub mod record;
mod recovery;
mod remembered;
mod telling;
mod transaction;

pub use coordinator::{Coordinator, CoordinatorTimer};
pub use presumption::Presumption;
pub use record::{CoordinatorRecord, Voter};
