//! The two worlds in which a scenario can run.

/// Where a scenario runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// Deterministic simulation: one seed, one history.
    Virtual,
    /// One operating-system process per node, killed for real.
    Real,
}

impl World {
    /// Both worlds.
    pub const ALL: [World; 2] = [World::Virtual, World::Real];

    /// The name in command lines and summaries.
    pub fn name(self) -> &'static str {
        match self {
            World::Virtual => "virtual",
            World::Real => "real",
        }
    }
}
