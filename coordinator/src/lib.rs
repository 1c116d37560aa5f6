//! Atomic commit: the coordinator of the two-phase commit family.
//!
//! One machine plays all three presumptions (docs/08-costs.md): what they log and which ACKs they want is a table in
//! [`presumption`], not code. Read in this order: [`coordinator`] (routes inputs), [`presumption`], `transaction` (one
//! transaction), `decision_delivery` (until every ACK is in), then what they stand on: `context`, `branch`, and [`record`]
//! and `recovery` (what survives).

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
