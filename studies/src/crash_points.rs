//! Every crash point, enumerated: one transaction, and for each edge of each effect of each node a history in which the
//! node crashes right there, with every prefix of its unforced tail that a disk could keep; it comes back, and everything is
//! checked. And pairs of crashes: after the first one, again at each point of the history that results.
//!
//! Nothing here is special: a [`Case`] is an ordinary scenario with ordinary kill faults (`effect`, `edge`, `nth`, `keep`),
//! so it can be written down, repeated, explained and run on real processes. Which points there are is not guessed from the
//! protocol but counted at the gate, in the run itself.

mod case_result;
mod census;
mod crash_case;
mod crash_point;
mod heat;
mod mini_run;

pub use case_result::{Broken, CaseResult};
pub use census::Spot;
pub use crash_case::{Case, Strike};
pub use crash_point::{CrashPoint, role_word};
pub use heat::{Cell, HeatMap, Row};
pub use mini_run::{BadCase, Ending, MiniRun};
