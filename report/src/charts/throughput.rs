//! Throughput over time: clients told that they succeeded.

use super::{
    canvas::Chart,
    panel::{self, Mark},
};
use crate::palette;
use anyhow::Result;
use indoubt_simulator::{protocol::Family, summary::Run};
use plotters::{coord::Shift, prelude::*};

/// A panel per protocol.
pub(crate) struct ThroughputOverTime<'a> {
    runs: Vec<&'a Run>,
}

impl<'a> ThroughputOverTime<'a> {
    /// Of these runs.
    pub(crate) fn new(runs: &[&'a Run]) -> Self {
        ThroughputOverTime { runs: runs.to_vec() }
    }
}

impl Chart for ThroughputOverTime<'_> {
    fn caption(&self) -> String {
        "Transactions a second whose client was told that they succeeded; the gap is what clients feel.".into()
    }

    fn size(&self) -> (u32, u32) {
        (panel::WIDTH, panel::height(self.runs.len()))
    }

    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>) -> Result<()>
    where
        DB::ErrorType: 'static,
    {
        let (head, areas) = panel::panels(root, self.runs.len());
        panel::legend(
            &head,
            "Throughput over time",
            &[(Mark::Area(palette::COMMITTED), "committed"), (Mark::Hatched(palette::COMPLETED), "completed (sagas)")],
        )?;
        let end = panel::horizon(&self.runs);
        let top = self.runs.iter().flat_map(|r| &r.series.throughput_tps).map(|p| p.tps).fold(1.0, f64::max);
        for (run, area) in self.runs.iter().zip(&areas) {
            let caption = format!(
                "{}: {:.1} a second, the longest gap {:.0} ms",
                run.protocol, run.measures.throughput_tps, run.measures.unavailable_ms
            );
            let mut plane = panel::panel(area, &caption, "a second", end, top, run)?;
            let saga = run.protocol.family() == Family::Saga;
            let colour = if saga { palette::COMPLETED } else { palette::COMMITTED };
            for p in run.series.throughput_tps.iter().filter(|p| p.tps > 0.0) {
                let (from, to) = (p.t_ms / 1000.0, (p.t_ms + p.interval_ms * 0.92) / 1000.0);
                plane.draw_series([Rectangle::new([(from, 0.0), (to, p.tps)], colour.filled())])?;
                if saga {
                    let middle = (from + to) / 2.0;
                    plane.draw_series([PathElement::new([(middle, 0.0), (middle, p.tps)], WHITE.stroke_width(1))])?;
                }
            }
        }
        Ok(())
    }
}
