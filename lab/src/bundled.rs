//! The bundled scenarios: compiled in, so that the executable needs no files beside it.

use crate::bounded::read_text;
use anyhow::{Result, bail};
use indoubt_scenario::{parse::MOST_BYTES, scenario::Scenario};
use std::path::Path;

macro_rules! bundle {
    ($($name:literal),* $(,)?) => {
        /// Name and text of every bundled scenario, in the order in which they are taught.
        pub(crate) const SCENARIOS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../scenarios/", $name, ".toml")))),*];
    };
}

bundle![
    "happy-path",
    "coordinator-dies-before-prepare",
    "coordinator-dies-after-votes",
    "coordinator-dies-after-decision",
    "coordinator-dies-after-telling-one",
    "coordinator-and-informed-die",
    "participant-dies-before-vote",
    "participant-dies-after-vote",
    "participant-says-no",
    "participant-frozen",
    "coordinator-cut-off",
    "slow-lossy-network",
    "duplicated-messages",
    "hot-key-bystanders",
    "orchestrator-dies-half-way",
    "steps-in-parallel",
    "orchestrator-dies-while-compensating",
    "compensation-fails-three-times",
    "compensation-gets-stuck",
    "coordinator-loses-its-log",
    "operator-overrules-the-decision",
    "three-presumptions",
    "clock-jumps",
    "participant-loses-its-disk",
    "participant-is-restored",
    "outcomes-lost",
];

macro_rules! bundle_sweeps {
    ($($name:literal),* $(,)?) => {
        /// Name and text of every bundled sweep, in the order in which they are taught.
        pub(crate) const SWEEPS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../scenarios/sweeps/", $name, ".toml")))),*];
    };
}

bundle_sweeps![
    "coordinator-downtime",
    "message-delay",
    "contention",
    "participants",
    "loss",
    "no-votes",
    "long-transactions",
];

/// The scenarios that `indoubt` without a subcommand runs on real processes.
pub(crate) const SHOWCASE: [&str; 4] =
    ["happy-path", "coordinator-dies-after-votes", "participant-says-no", "orchestrator-dies-while-compensating"];

/// Loads a scenario: the bundled one of this name, or the file.
pub(crate) fn load(name_or_file: &str) -> Result<Scenario> {
    if let Some((name, text)) = SCENARIOS.iter().find(|(name, _)| *name == name_or_file) {
        return Ok(Scenario::parse(text, &format!("{name}.toml"))?);
    }
    let path = Path::new(name_or_file);
    let file_like = name_or_file.contains(['/', '\\', '.']) || path.exists();
    if !file_like {
        let nearest = SCENARIOS
            .iter()
            .map(|(name, _)| (strsim::jaro_winkler(name, name_or_file), *name))
            .filter(|(likeness, _)| *likeness > 0.75)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match nearest {
            Some((_, name)) => bail!(
                "there is no bundled scenario `{name_or_file}`; did you mean `{name}`? (`indoubt list` shows all)"
            ),
            None => bail!("there is no bundled scenario `{name_or_file}`, and no such file; `indoubt list` shows all"),
        }
    }
    let text = read_text(path, "the scenario", MOST_BYTES)?;
    Ok(Scenario::parse(&text, name_or_file)?)
}

/// The text of a bundled sweep.
pub(crate) fn sweep_text(name: &str) -> Option<String> {
    SWEEPS.iter().find(|(bundled, _)| *bundled == name).map(|(_, text)| (*text).to_owned())
}

/// Loads the scenario of a bundled sweep, or of a file.
pub(crate) fn load_sweep(name_or_file: &str) -> Result<Scenario> {
    if let Some(text) = sweep_text(name_or_file) {
        return Ok(Scenario::parse(&text, &format!("{name_or_file}.toml"))?);
    }
    let file_like = name_or_file.contains(['/', '\\', '.']) || Path::new(name_or_file).exists();
    if !file_like && !SCENARIOS.iter().any(|(name, _)| *name == name_or_file) {
        let names: Vec<&str> = SWEEPS.iter().map(|(name, _)| *name).collect();
        bail!("there is no bundled sweep `{name_or_file}`, and no such file; there are {}", names.join(", "));
    }
    load(name_or_file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use indoubt_studies::sweep::Grid;

    #[test]
    fn every_bundled_sweep_is_a_grid_under_its_own_name() {
        for (name, _) in SWEEPS {
            let scenario = load_sweep(name).unwrap_or_else(|e| panic!("{name}: {e:#}"));
            assert_eq!(scenario.name, *name);
            let grid = Grid::new(&scenario, vec![scenario.seed]).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(grid.points.len() >= 5 && grid.labels != grid.axes, "{name}");
        }
    }

    #[test]
    fn every_bundled_scenario_parses_under_its_own_name() {
        assert!(SCENARIOS.len() >= 14);
        for (name, _) in SCENARIOS {
            let scenario = load(name).unwrap_or_else(|e| panic!("{name}: {e:#}"));
            assert_eq!(scenario.name, *name);
            assert!(!scenario.about.is_empty(), "{name} says nothing about itself");
            let claimed = |p| scenario.expects.iter().any(|e| e.protocol == p);
            assert!(scenario.protocols.iter().all(|p| claimed(*p)), "{name} claims nothing about one of its protocols");
        }
    }

    #[test]
    fn the_showcase_is_bundled() {
        for name in SHOWCASE {
            assert!(SCENARIOS.iter().any(|(n, _)| *n == name), "{name}");
        }
    }

    #[test]
    fn a_misspelt_name_gets_a_suggestion() {
        let error = load("coordinator-dies-after-vote").unwrap_err().to_string();
        assert!(error.contains("did you mean `coordinator-dies-after-votes`?"), "{error}");
    }
}
