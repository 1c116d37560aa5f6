//! Enumerates all crash points of one transaction: before and after each effect of each node. At each crash point the node crashes
//! once for every prefix of its unforced tail that may survive. Then it restarts, and all checks run. Pairs of crashes are
//! enumerated too: the second crash is at any crash point of the history after the first one.
//!
//! A node may also come back with an empty disk, or with any older copy of its journal ([`MiniRun::try_disks`]).
//!
//! A [`Case`] is an ordinary scenario with ordinary faults (`effect`, `edge`, `nth`, `keep`). So it can be written to a file,
//! repeated, explained and run on real processes. The crash points are not derived from the protocol, but counted at the gate in
//! the run itself.

mod case_result;
mod census;
mod crash_case;
mod crash_point;
mod heat;
mod mini_run;

pub use case_result::{Broken, CaseResult};
pub use census::Spot;
pub use crash_case::{Case, Strike, Survives};
pub use crash_point::{CrashPoint, role_word};
pub use heat::{Cell, HeatMap, Row};
pub use mini_run::{BadCase, Ending, MiniRun};
