//! A sweep: one scenario over a grid of parameters, under each of its protocols, with many seeds.
//!
//! `[sweep]` names parameters by the paths that `--set` takes, each with its values. The grid is the product of all values.
//! Parameters that change together share a key, with commas between them. Each *cell* (point × protocol × seed) has a number that
//! depends only on the sweep, so that a grid can be divided among machines and merged again.

use crate::trial::trial;
use indoubt_judge::summary::Run;
use indoubt_scenario::{
    measures::numbers,
    parse::{ScenarioError, duration},
    protocol::Protocol,
    scenario::{SWEEP_LABELS, SWEEP_METRICS, Scenario},
};
use std::collections::BTreeMap;

/// The metrics that charts show by default.
const DRAWN: [&str; 4] = ["blocked_ms.max", "latency_ms.succeeded.p50", "throughput_tps", "messages_per_txn"];
/// The most points that a grid may have.
const MOST_POINTS: usize = 10_000;

/// The reason why a scenario cannot be swept.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SweepError {
    /// The scenario has no parameters to sweep.
    #[error("`{0}` has no [sweep] with a parameter and its values")]
    Nothing(String),
    /// A value is not valid for its parameter.
    #[error("`{path}` = {value}: {error}")]
    Value {
        /// The path of the parameter.
        path: String,
        /// The invalid value.
        value: String,
        /// The error of the parser.
        error: String,
    },
    /// The number of labels is not the number of axes.
    #[error("`labels` has {0} names for {1} axes")]
    Labels(usize, usize),
    /// The grid has too many points.
    #[error("the grid has {0} points, more than {MOST_POINTS}; use fewer values or several sweeps")]
    TooLarge(usize),
}

/// One point of the grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The value of each axis.
    pub values: Vec<String>,
    /// The scenario with these values.
    pub scenario: Scenario,
}

/// One cell of a sweep, which is one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell<'a> {
    /// The number of the cell, from 0.
    pub index: usize,
    /// The point of the grid.
    pub point: &'a Point,
    /// The protocol of the run.
    pub protocol: Protocol,
    /// The seed of the run.
    pub seed: u64,
}

/// The whole grid of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// The scenario of the file.
    pub scenario: Scenario,
    /// The parameters that are swept, in the order of the file.
    pub axes: Vec<String>,
    /// The names of the axes in charts.
    pub labels: Vec<String>,
    /// The paths of the metrics that charts show.
    pub metrics: Vec<String>,
    /// The points. The value of the last axis changes fastest.
    pub points: Vec<Point>,
    /// The seeds of every point.
    pub seeds: Vec<u64>,
}

impl Grid {
    /// The grid of a scenario under these seeds.
    ///
    /// # Errors
    /// If the scenario cannot be swept.
    pub fn new(scenario: &Scenario, seeds: Vec<u64>) -> Result<Grid, SweepError> {
        let said = |key: &str| scenario.sweep.iter().find(|(path, _)| path == key).map(|(_, values)| values.clone());
        let mut axes = scenario.sweep.clone();
        axes.retain(|(path, _)| path != SWEEP_METRICS && path != SWEEP_LABELS);
        if axes.is_empty() {
            return Err(SweepError::Nothing(scenario.name.clone()));
        }
        let size = axes.iter().fold(1_usize, |size, (_, values)| size.saturating_mul(values.len()));
        if size > MOST_POINTS {
            return Err(SweepError::TooLarge(size));
        }
        let bare = Scenario { sweep: Vec::new(), ..scenario.clone() };
        let mut points = vec![Point { values: Vec::new(), scenario: bare }];
        for (path, values) in &axes {
            let mut next = Vec::with_capacity(points.len() * values.len());
            for point in &points {
                for value in values {
                    next.push(moved(point, path, value)?);
                }
            }
            points = next;
        }
        let axes: Vec<String> = axes.into_iter().map(|(path, _)| path).collect();
        let labels = said(SWEEP_LABELS).unwrap_or_else(|| axes.clone());
        if labels.len() != axes.len() {
            return Err(SweepError::Labels(labels.len(), axes.len()));
        }
        Ok(Grid {
            scenario: scenario.clone(),
            axes,
            labels,
            metrics: said(SWEEP_METRICS).unwrap_or_else(|| DRAWN.map(String::from).into()),
            points,
            seeds,
        })
    }

    /// The number of cells.
    pub fn len(&self) -> usize {
        self.points.len() * self.scenario.protocols.len() * self.seeds.len()
    }

    /// Whether there are no cells, which is true only without seeds.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cell with this number, which must be below [`Grid::len`]. Cells are ordered by point, then protocol, then seed.
    pub fn cell(&self, index: usize) -> Cell<'_> {
        let (protocols, seeds) = (&self.scenario.protocols, self.seeds.len());
        let point = &self.points[index / (protocols.len() * seeds)];
        Cell { index, point, protocol: protocols[index / seeds % protocols.len()], seed: self.seeds[index % seeds] }
    }

    /// The cells of one of `of` shards, which are numbered from 1. A shard has every `of`-th cell, so that slow cells are shared
    /// evenly.
    pub fn shard(&self, shard: usize, of: usize) -> impl Iterator<Item = Cell<'_>> {
        (shard - 1..self.len()).step_by(of.max(1)).map(|index| self.cell(index))
    }

    /// The fingerprint of the sweep. Two sweeps share it only if they have the same cells and the same version. It also contains the
    /// result of the first cell, which runs for this purpose, because builds of one version can differ.
    pub fn fingerprint(&self) -> u64 {
        let seeds = self.seeds.iter().map(|seed| format!(" {seed}")).collect::<String>();
        let first = (!self.is_empty()).then(|| self.cell(0));
        let first = first.map(|cell| row(&trial(&cell.point.scenario, cell.protocol, cell.seed)));
        let text = format!("{}\n{}{seeds}\n{first:?}", env!("CARGO_PKG_VERSION"), self.scenario.to_toml());
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3))
    }
}

/// The point with one more value.
fn moved(point: &Point, path: &str, value: &str) -> Result<Point, SweepError> {
    let refused =
        |error: ScenarioError| SweepError::Value { path: path.into(), value: value.into(), error: error.message };
    let mut scenario = point.scenario.clone();
    for one in path.split(',') {
        if one.trim() == "seed" {
            let error = "the seed cannot be swept, because every point runs under the same seeds; use --seeds".into();
            return Err(SweepError::Value { path: path.into(), value: value.into(), error });
        }
        scenario = scenario.set(one.trim(), value).map_err(refused)?;
    }
    let values = point.values.iter().cloned().chain([value.to_owned()]).collect();
    Ok(Point { values, scenario })
}

/// Every number of a run, by its path in `[[expect]]`. `None` for a quantile of an empty measure.
pub fn row(run: &Run) -> BTreeMap<String, Option<f64>> {
    numbers(&run.measures, &run.transactions, &run.clients)
}

/// The position of a value on a numeric axis: a number, or a duration in milliseconds. `None` if it is neither.
pub fn position(value: &str) -> Option<f64> {
    value.parse().ok().or_else(|| Some(duration(value)?.as_millis_f64())).filter(|x: &f64| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn swept(sweep: &[(&str, &[&str])]) -> Scenario {
        let text = "name = \"swept\"\n[workload]\nkind = \"transfer\"\nrate = 50";
        let mut scenario = Scenario::parse(text, "swept.toml").expect("a sound scenario");
        scenario.sweep =
            sweep.iter().map(|(p, v)| (p.to_string(), v.iter().map(ToString::to_string).collect())).collect();
        scenario
    }

    #[test]
    fn the_grid_is_the_product_and_a_cell_is_found_by_its_number() {
        let sweep = swept(&[
            ("workload.rate", &["10", "20"]),
            ("timeouts.vote, timeouts.decision", &["1s", "2s", "3s"]),
            ("metrics", &["blocked_ms.max"]),
        ]);
        let grid = Grid::new(&sweep, vec![5, 6]).unwrap();
        assert_eq!((grid.points.len(), grid.axes.len(), &*grid.metrics[0]), (6, 2, "blocked_ms.max"));
        assert_eq!(grid.len(), 6 * sweep.protocols.len() * 2);
        for index in 0..grid.len() {
            assert_eq!(grid.cell(index).index, index);
        }
        assert_eq!(grid.points[1].values, ["10", "2s"]);
        let timeouts = grid.points[1].scenario.timeouts;
        assert_eq!((timeouts.vote.as_millis_f64(), timeouts.decision.as_millis_f64()), (2000.0, 2000.0));
        let mut all: Vec<usize> = (1..=3).flat_map(|shard| grid.shard(shard, 3)).map(|cell| cell.index).collect();
        all.sort_unstable();
        assert_eq!(all, (0..grid.len()).collect::<Vec<_>>());
    }

    #[test]
    fn what_cannot_stand_where_it_would_is_refused_with_its_path_and_value() {
        let bad =
            |path: &str, value: &str| Grid::new(&swept(&[(path, &["2", value])]), vec![1]).unwrap_err().to_string();
        let error = bad("cluster.participants", "0");
        assert!(error.contains("`cluster.participants` = 0"), "{error}");
        assert!(bad("workload.keys", "x").contains("workload.keys"));
        assert!(matches!(Grid::new(&swept(&[]), vec![1]), Err(SweepError::Nothing(_))));
        let many: Vec<String> = (1..=200).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let unnamed = swept(&[("workload.rate", &["10"]), ("labels", &["load", "more"])]);
        assert_eq!(Grid::new(&unnamed, vec![1]), Err(SweepError::Labels(2, 1)));
        let seeds = Grid::new(&swept(&[("seed", &["1", "2"])]), vec![1]).unwrap_err();
        assert!(seeds.to_string().contains("--seeds"), "{seeds}");
        let large = swept(&[("workload.rate", &many), ("workload.keys", &many)]);
        assert_eq!(Grid::new(&large, vec![1]), Err(SweepError::TooLarge(40_000)));
        let axes: Vec<String> = (0..64).map(|n| format!("fault.{n}.nth")).collect();
        let axes: Vec<(&str, &[&str])> = axes.iter().map(|axis| (axis.as_str(), &["1", "2"][..])).collect();
        assert_eq!(Grid::new(&swept(&axes), vec![1]), Err(SweepError::TooLarge(usize::MAX)), "2^64 points");
    }

    #[test]
    fn another_scenario_or_other_seeds_have_another_fingerprint() {
        let sweep = swept(&[("workload.rate", &["10"])]);
        let print = |s: &Scenario, seeds: &[u64]| Grid::new(s, seeds.to_vec()).unwrap().fingerprint();
        assert_eq!(print(&sweep, &[1, 2]), print(&sweep, &[1, 2]));
        assert_ne!(print(&sweep, &[1, 2]), print(&sweep, &[1, 3]));
        assert_ne!(print(&sweep, &[1, 2]), print(&swept(&[("workload.rate", &["11"])]), &[1, 2]));
    }

    #[test]
    fn durations_and_numbers_have_a_place_on_an_axis_and_words_have_none() {
        assert_eq!((position("2s"), position("0.5"), position("transfer")), (Some(2000.0), Some(0.5), None));
    }
}
