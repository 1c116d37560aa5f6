//! The chart of throughput over time: transactions whose client was told that they succeeded.

use super::{
    canvas::Area,
    panel::{self, Mark},
    per_run::RunPanel,
};
use crate::palette;
use anyhow::Result;
use indoubt_judge::summary::Run;
use plotters::prelude::*;

/// One panel per protocol.
pub(super) struct ThroughputOverTime {
    end: f64,
    top: f64,
}

impl RunPanel for ThroughputOverTime {
    const TITLE: &'static str = "Throughput over time";
    const CAPTION: &'static str =
        "Transactions per second whose client was told that they succeeded. A gap is a time without success.";

    fn legend() -> Vec<(Mark, &'static str)> {
        vec![(Mark::Area(palette::COMMITTED), "committed"), (Mark::Hatched(palette::COMPLETED), "completed (sagas)")]
    }

    fn scale(runs: &[&Run]) -> Self {
        let end = panel::horizon(runs);
        let top = runs.iter().flat_map(|r| &r.series.throughput_tps).map(|p| p.tps).fold(1.0, f64::max);
        ThroughputOverTime { end, top }
    }

    fn draw(&self, run: &Run, area: &Area<'_>) -> Result<()> {
        let caption = format!(
            "{}: {:.1} per second, the longest gap {:.0} ms",
            run.protocol, run.measures.throughput_tps, run.measures.unavailable_ms
        );
        let mut plane = panel::panel(area, &caption, "per second", self.end, self.top, run)?;
        let colour = palette::success(run.protocol);
        for p in run.series.throughput_tps.iter().filter(|p| p.tps > 0.0) {
            let (from, to) = (p.t_ms / 1000.0, (p.t_ms + p.interval_ms * 0.92) / 1000.0);
            plane.draw_series([Rectangle::new([(from, 0.0), (to, p.tps)], colour.filled())])?;
            if colour == palette::COMPLETED {
                let middle = (from + to) / 2.0;
                plane.draw_series([PathElement::new([(middle, 0.0), (middle, p.tps)], WHITE.stroke_width(1))])?;
            }
        }
        Ok(())
    }
}
