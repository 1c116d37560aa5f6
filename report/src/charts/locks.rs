//! The chart of locks over time, by state. It shows why two-phase commit blocks.

use super::{
    canvas::Area,
    panel::{self, Mark},
    per_run::RunPanel,
};
use crate::palette;
use anyhow::Result;
use indoubt_judge::summary::{LocksHeld, Run};
use plotters::prelude::*;

/// One panel per protocol: an area of locks that are not in doubt, on top of it an area of locks in doubt, and lines for waiting
/// requests and pending records.
pub(super) struct Locks {
    end: f64,
    top: f64,
}

impl RunPanel for Locks {
    const TITLE: &'static str = "Locks held over time";
    const CAPTION: &'static str = "Locks held over time, by state, with the requests that wait behind them and the records that sagas flag as pending.";

    fn legend() -> Vec<(Mark, &'static str)> {
        vec![
            (Mark::Area(palette::COMMITTED), "held, not in doubt"),
            (Mark::Hatched(palette::IN_DOUBT), "held in doubt"),
            (Mark::Line(palette::WAITING), "requests waiting"),
            (Mark::Dashed(palette::PENDING), "pending records (sagas)"),
        ]
    }

    fn scale(runs: &[&Run]) -> Self {
        let end = panel::horizon(runs);
        let peak = |p: &LocksHeld| p.held.max(p.waiters).max(p.pending) as f64;
        let top = runs.iter().flat_map(|r| &r.series.locks_held).map(peak).fold(1.0, f64::max);
        Locks { end, top }
    }

    fn draw(&self, run: &Run, area: &Area<'_>) -> Result<()> {
        let mut plane = panel::panel(area, run.protocol.name(), "locks", self.end, self.top, run)?;
        let line = |f: fn(&LocksHeld) -> u64| {
            let points: Vec<_> = run.series.locks_held.iter().map(|p| (p.t_ms / 1000.0, f(p) as f64)).collect();
            panel::steps(&points, self.end)
        };
        let held = line(|p| p.held);
        let free = line(|p| p.held - p.in_doubt.min(p.held));
        plane.draw_series(AreaSeries::new(held.iter().copied(), 0.0, palette::IN_DOUBT.filled()))?;
        plane.draw_series(hatch(&free, &held, self.end))?;
        plane.draw_series(AreaSeries::new(free.iter().copied(), 0.0, palette::COMMITTED.filled()))?;
        let pending = line(|p| p.pending);
        if pending.iter().any(|p| p.1 > 0.0) {
            plane.draw_series(DashedLineSeries::new(pending, 6, 4, palette::PENDING.stroke_width(2)))?;
        }
        let waiters = line(|p| p.waiters);
        if waiters.iter().any(|p| p.1 > 0.0) {
            plane.draw_series(LineSeries::new(waiters.iter().copied(), palette::INK.stroke_width(4)))?;
            plane.draw_series(LineSeries::new(waiters, palette::WAITING.stroke_width(2)))?;
        }
        Ok(())
    }
}

/// White hairlines over the locks in doubt, so that they differ without colour too.
fn hatch(free: &[(f64, f64)], held: &[(f64, f64)], end: f64) -> impl Iterator<Item = PathElement<(f64, f64)>> + use<> {
    let at = |line: &[(f64, f64)], x: f64| line.iter().take_while(|p| p.0 <= x).last().map_or(0.0, |p| p.1);
    let lines: Vec<_> = (0..160)
        .map(|i| f64::from(i) * end / 160.0)
        .map(|x| (x, at(free, x), at(held, x)))
        .filter(|(_, low, high)| high > low)
        .map(|(x, low, high)| PathElement::new([(x, low), (x, high)], WHITE.stroke_width(1)))
        .collect();
    lines.into_iter()
}
