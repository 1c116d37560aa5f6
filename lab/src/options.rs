//! Options that several commands share, and the parsers of their values.

use crate::world::World;
use clap::{
    Args, ValueEnum,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
};
use indoubt_scenario::protocol::Protocol;
use std::ffi::OsStr;

/// Options of every subcommand.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Print only failures: no progress and no tables.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// In which format to print results.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

impl Common {
    /// Whether to show no progress: with `--quiet`, and with `--format json`, where a program reads the output.
    pub(crate) fn is_silent(&self) -> bool {
        self.quiet || self.format == Format::Json
    }
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables, for people.
    Text,
    /// One JSON document on standard output, for programs.
    Json,
}

impl ValueEnum for World {
    fn value_variants<'a>() -> &'a [Self] {
        &World::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            World::Virtual => "Deterministic simulation: one seed, one history",
            World::Real => "One operating-system process per node, killed for real",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

/// Parses the name of a file or of something bundled. It accepts any word; it lists the bundled names only for the completions of
/// shells.
#[derive(Clone)]
pub(crate) struct FileOrBundled(pub(crate) &'static [(&'static str, &'static str)]);

impl TypedValueParser for FileOrBundled {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(|(name, _)| PossibleValue::new(*name))))
    }
}

/// How many jobs run at the same time, if `asked` does not say it. Virtual runs keep a processor busy. Real runs mostly wait, so
/// more of them run.
pub(crate) fn jobs(asked: Option<u16>, world: World) -> usize {
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    match (asked, world) {
        (Some(jobs), _) => jobs.into(),
        (None, World::Virtual) => processors,
        (None, World::Real) => processors + processors / 2,
    }
}

/// Which seeds to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// This many consecutive seeds, starting with the scenario's own.
    Count(u64),
    /// All seeds from the first number to the second, both included.
    Range(u64, u64),
}

impl Seeds {
    /// The seeds, for a scenario whose own is `own`.
    pub fn of(self, own: u64) -> impl Iterator<Item = u64> {
        match self {
            Seeds::Count(n) => own..=own.saturating_add(n - 1),
            Seeds::Range(from, to) => from..=to,
        }
    }
}

pub(crate) fn parse_seeds(text: &str) -> Result<Seeds, String> {
    const MOST: u64 = 1_000_000;
    let number = |t: &str| t.trim().parse::<u64>().map_err(|_| format!("`{t}` is not a whole number"));
    let seeds = match text.split_once("..") {
        None => Seeds::Count(number(text)?),
        Some((from, to)) => Seeds::Range(number(from)?, number(to.trim_start_matches('='))?),
    };
    let count = match seeds {
        Seeds::Count(n) => n,
        Seeds::Range(from, to) if to >= from => to - from + 1,
        Seeds::Range(from, to) => {
            return Err(format!("the range {from}..{to} is empty: its end is smaller than its start"));
        }
    };
    if (1..=MOST).contains(&count) { Ok(seeds) } else { Err(format!("expected from 1 to {MOST} seeds")) }
}

pub(crate) fn parse_protocol(text: &str) -> Result<Protocol, String> {
    Protocol::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Protocol::ALL.iter().map(|p| p.name()).collect();
        format!("unknown protocol; valid: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_count_or_a_range_with_both_ends() {
        assert_eq!(parse_seeds("3").unwrap().of(7).collect::<Vec<_>>(), [7, 8, 9]);
        assert_eq!(parse_seeds("1..3").unwrap().of(7).collect::<Vec<_>>(), [1, 2, 3]);
        for wrong in ["0", "3..1", "x", "1..x", "1..9999999", "-1"] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }
}
