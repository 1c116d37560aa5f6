//! Sagas, and the baselines without protection beside them.
//!
//! [`Orchestrator`] runs sagas: it asks one participant after another for its step, and when a step is refused it has
//! the others undone in reverse (docs/rules.md, rules 24 to 32). [`ParallelOrchestrator`] asks for all steps at once that do not
//! depend on each other. [`Unprotected`] makes the same calls with no protocol at all (`none`) or with retries and a status
//! row (`none-retry`): what goes wrong there is what protocols are for.
//!
//! Read in this order: [`orchestrator`] (routes inputs), `execution` (one saga, step by step) or `parallel` (one saga, many steps
//! at once), then what they stand on: [`plan`], `begun` (what sagas have in common), `tries`, `context`, and [`record`] and
//! `recovery` (what survives). [`unprotected`] stands alone.

mod begun;
mod context;
mod effects;
mod execution;
pub mod orchestrator;
mod parallel;
pub mod plan;
pub mod record;
mod recovery;
mod saga;
mod tries;
pub mod unprotected;

pub use effects::Resend;
pub use execution::OrchestratorRecord;
pub use orchestrator::OrchestratorOf;
pub use parallel::ParallelRecord;
pub use plan::Plan;
pub use record::SagaRecord;
pub use unprotected::{Unprotected, UnprotectedRecord, UnprotectedTimer};

/// Sagas whose steps run one after another, in the order of the plan.
pub type Orchestrator = OrchestratorOf<execution::Execution>;

/// Sagas whose steps run at the same time where they do not depend on each other.
pub type ParallelOrchestrator = OrchestratorOf<parallel::ParallelExecution>;
