//! The saga orchestrators, and the baselines without a protocol.
//!
//! [`Orchestrator`] runs sagas: it requests one step after another, and if a participant refuses a step, it compensates the
//! earlier steps in reverse order (docs/rules.md, rules 24 to 32). [`ParallelOrchestrator`] requests all steps at once that
//! do not depend on each other. [`Unprotected`] makes the same calls without a protocol (`none`), or with retries and a
//! status row (`none-retry`). The anomalies that it shows are those that protocols prevent.
//!
//! Read in this order: [`orchestrator`] (routes inputs), `execution` (one saga, step by step) or `parallel` (one saga, many
//! steps at once), then what these use: [`plan`], `begun` (what sagas have in common), `tries`, `context`, and [`record`]
//! and `recovery` (what survives a crash). [`unprotected`] uses none of these.

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

/// The orchestrator of sagas whose steps run one after another, in the order of the plan.
pub type Orchestrator = OrchestratorOf<execution::Execution>;

/// The orchestrator of sagas whose steps run at the same time unless they depend on each other.
pub type ParallelOrchestrator = OrchestratorOf<parallel::ParallelExecution>;
