//! Every place to die, enumerated: one transaction, and for each edge of each effect of each node a history in which the
//! node dies right there, with every prefix of its unforced tail that a disk could keep; it comes back, and everything is
//! checked. And pairs of deaths: after the first one, again at each place of the history that results.
//!
//! Nothing here is special: a [`Case`] is an ordinary scenario with ordinary kill faults (`effect`, `edge`, `nth`, `keep`),
//! so it can be written down, repeated, explained and run on real processes. Which places there are is not guessed from the
//! protocol but counted at the gate, in the run itself.

mod case;
mod census;
mod heat;
mod place;
mod small;
mod tried;

pub use case::{Case, Strike};
pub use census::Spot;
pub use heat::{Cell, HeatMap, Row};
pub use place::{Place, role_word};
pub use small::{BadCase, Ending, SmallRun};
pub use tried::{Broken, Tried};
