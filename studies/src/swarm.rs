//! The swarm: random clusters under random loads, options, networks and fault schedules, each from one seed. First everything
//! may break; then load ends, everything is healed, and everything must resolve.
//!
//! The shares of faults are themselves drawn (Groce et al., *Swarm testing*, 2012): a run in which everything breaks hides
//! what shows only where almost nothing does, so every class of faults is absent from some runs and frequent in others.

mod case;
mod draw;
mod faults;
mod messages;
mod verdict;

pub use case::Case;
pub use draw::draw;
pub use messages::{PAIRS, draw_messages};
pub use verdict::{Coverage, Failure, examine};
