//! The chart of latencies: the share of transactions that were answered within a time, for each outcome that clients were told.

use super::{
    canvas::Area,
    panel::{self, Mark},
    per_run::RunPanel,
};
use crate::palette;
use anyhow::Result;
use indoubt_judge::summary::Run;
use plotters::prelude::*;

/// One panel per protocol, with a logarithmic time axis.
pub(super) struct LatencyDistribution {
    fastest: f64,
    slowest: f64,
}

const OUTCOMES: [(&str, RGBColor, bool); 5] = [
    ("succeeded", palette::COMMITTED, false),
    ("aborted", palette::ABORTED, true),
    ("compensated", palette::COMPENSATED, true),
    ("unknown", palette::IN_DOUBT, true),
    ("audit", palette::COMPLETED, false),
];

impl RunPanel for LatencyDistribution {
    const TITLE: &'static str = "Latency";
    const CAPTION: &'static str = "Latency from the scheduled arrival to the answer, for each outcome that clients were told: the share that was answered within the time below.";

    fn legend() -> Vec<(Mark, &'static str)> {
        OUTCOMES
            .iter()
            .map(|(word, colour, dashed)| (if *dashed { Mark::Dashed(*colour) } else { Mark::Line(*colour) }, *word))
            .collect()
    }

    fn scale(runs: &[&Run]) -> Self {
        let all = || runs.iter().flat_map(|r| r.series.latency_ms.values().flatten()).map(|p| p.0);
        let slowest = all().fold(10.0, f64::max) * 1.2;
        let fastest = all().filter(|ms| *ms > 0.0).fold(1.0, f64::min).max(0.01) * 0.8;
        LatencyDistribution { fastest, slowest }
    }

    fn draw(&self, run: &Run, area: &Area<'_>) -> Result<()> {
        let succeeded = &run.measures.latency_ms.succeeded;
        let caption = match succeeded.count {
            0 => format!("{}: no transaction succeeded", run.protocol),
            count => format!(
                "{}: {count} succeeded, median {:.1} ms, p99 {:.1} ms",
                run.protocol, succeeded.p50, succeeded.p99
            ),
        };
        let mut plane = ChartBuilder::on(area)
            .caption(caption, panel::bold(15))
            .margin_right(18)
            .margin_left(6)
            .x_label_area_size(28)
            .y_label_area_size(58)
            .build_cartesian_2d((self.fastest..self.slowest).log_scale(), 0.0..105.0)?;
        plane
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(palette::GRID)
            .axis_style(palette::INK)
            .y_labels(5)
            .x_label_formatter(&|ms| format!("{ms} ms"))
            .y_label_formatter(&|share| format!("{share:.0} %"))
            .label_style(panel::text(12))
            .draw()?;
        for (word, colour, dashed) in OUTCOMES {
            let Some(points) = run.series.latency_ms.get(word).filter(|p| !p.is_empty()) else { continue };
            let shares: Vec<_> = points.iter().map(|(ms, share)| (ms.max(self.fastest), share * 100.0)).collect();
            let mut line = vec![(shares[0].0, 0.0)];
            line.extend(panel::steps(&shares, shares[shares.len() - 1].0));
            if dashed {
                plane.draw_series(DashedLineSeries::new(line, 6, 4, colour.stroke_width(3)))?;
            } else {
                plane.draw_series(LineSeries::new(line, colour.stroke_width(3)))?;
            }
        }
        Ok(())
    }
}
