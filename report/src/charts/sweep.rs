//! The chart of a metric over a swept parameter: for each protocol a line for the median of the seeds, and a band from the 10th to
//! the 90th percentile. If more parameters are swept, each combination of their values has a panel.

use super::{
    canvas::Area,
    chart::Chart,
    panel::{self, LEGEND, Mark, Plane, WIDTH},
};
use crate::{
    palette,
    sweep_table::{Band, Table},
};
use anyhow::Result;
use indoubt_scenario::protocol::{Protocol, entry::Symbol};
use indoubt_studies::sweep::{Grid, position};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

const PANEL: u32 = 360;
/// If the largest value is at least this many times the smallest, the axis is logarithmic.
const WIDE: f64 = 30.0;

/// The chart of one metric of a sweep.
pub(crate) struct SweepChart {
    title: String,
    label: String,
    unit: &'static str,
    seeds: usize,
    protocols: Vec<Protocol>,
    ticks: Vec<(f64, String)>,
    panels: Vec<Panel>,
}

struct Panel {
    caption: String,
    lines: Vec<(Protocol, Vec<(f64, Band)>)>,
}

impl SweepChart {
    /// The chart of `metric`.
    pub(crate) fn new(grid: &Grid, table: &Table, metric: &str) -> Self {
        let mut values: Vec<&str> = Vec::new();
        let mut others: Vec<&[String]> = Vec::new();
        for point in &grid.points {
            if !values.contains(&&*point.values[0]) {
                values.push(&point.values[0]);
            }
            if !others.contains(&&point.values[1..]) {
                others.push(&point.values[1..]);
            }
        }
        let places = places(&values);
        let line = |protocol: Protocol, rest: &[String]| {
            let at = |(value, place): (&&str, &f64)| {
                let point: Vec<String> = [(*value).to_owned()].into_iter().chain(rest.iter().cloned()).collect();
                Some((*place, table.band(metric, protocol, &point)?))
            };
            (protocol, values.iter().zip(&places).filter_map(at).collect())
        };
        let panel = |rest: &&[String]| Panel {
            caption: grid.labels[1..].iter().zip(*rest).map(|(l, v)| format!("{l} {v}")).collect::<Vec<_>>().join(", "),
            lines: grid.scenario.protocols.iter().map(|protocol| line(*protocol, rest)).collect(),
        };
        SweepChart {
            title: format!("{}: {}", grid.scenario.name, metric),
            label: grid.labels[0].clone(),
            unit: if metric.contains("_ms") { "milliseconds" } else { "" },
            seeds: grid.seeds.len(),
            protocols: grid.scenario.protocols.clone(),
            ticks: places.iter().copied().zip(values.iter().map(ToString::to_string)).collect(),
            panels: others.iter().map(panel).collect(),
        }
    }
}

/// The positions of the values on the axis. If all are numbers, their value or their logarithm; otherwise their index.
fn places(values: &[&str]) -> Vec<f64> {
    let Some(numbers) = values.iter().map(|value| position(value)).collect::<Option<Vec<f64>>>() else {
        return (0..values.len()).map(|place| place as f64).collect();
    };
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(0.0, f64::max);
    if least > 0.0 && most / least >= WIDE { numbers.into_iter().map(f64::log10).collect() } else { numbers }
}

impl Chart for SweepChart {
    fn caption(&self) -> String {
        format!(
            "{} over {}. The line is the median of {} seeds, the band lies between their 10th and 90th percentile.",
            self.title, self.label, self.seeds
        )
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH, LEGEND + PANEL * self.panels.len() as u32)
    }

    fn draw(&self, root: &Area<'_>) -> Result<()> {
        let (head, areas) = panel::panels(root, self.panels.len());
        let title = format!("{} (median of {} seeds; band: 10th to 90th percentile)", self.title, self.seeds);
        // A protocol without a line has no values of this metric, for example no branch in doubt.
        let has_line =
            |p: Protocol| self.panels.iter().flat_map(|panel| &panel.lines).any(|(q, l)| *q == p && !l.is_empty());
        let name = |p: Protocol| if has_line(p) { p.name().to_owned() } else { format!("{p}: no values") };
        let names: Vec<String> = self.protocols.iter().map(|p| name(*p)).collect();
        let marks = self.protocols.iter().map(|p| Mark::Line(palette::of(*p)));
        let entries: Vec<_> = marks.zip(names.iter().map(String::as_str)).collect();
        panel::legend(&head, &title, &entries)?;
        for (area, panel) in areas.iter().zip(&self.panels) {
            self.panel(area, panel)?;
        }
        Ok(())
    }
}

impl SweepChart {
    fn panel(&self, area: &Area<'_>, panel: &Panel) -> Result<()> {
        let places = || self.ticks.iter().map(|(place, _)| *place);
        let (least, most) = (places().fold(f64::INFINITY, f64::min), places().fold(f64::NEG_INFINITY, f64::max));
        let margin = if most > least { (most - least) * 0.04 } else { 0.5 };
        let top = panel.lines.iter().flat_map(|(_, line)| line).map(|(_, band)| band.high).fold(0.0, f64::max);
        let top = if top > 0.0 { top * 1.1 } else { 1.0 };
        let mut plane = ChartBuilder::on(area)
            .caption(&panel.caption, panel::bold(15))
            .margin_right(130)
            .margin_left(8)
            .x_label_area_size(48)
            .y_label_area_size(70)
            .build_cartesian_2d(least - margin..most + margin, 0.0..top)?;
        plane
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(palette::GRID)
            .axis_style(palette::INK)
            .x_labels(0)
            .y_labels(7)
            .y_label_formatter(&|y| if top < 3.0 { format!("{y:.2}") } else { format!("{y:.0}") })
            .x_desc(&self.label)
            .y_desc(self.unit)
            .label_style(panel::bold(13))
            .axis_desc_style(panel::text(14))
            .draw()?;
        self.ticks(&mut plane)?;
        for (protocol, line) in &panel.lines {
            band(&mut plane, *protocol, line)?;
        }
        for (place, (protocol, line)) in panel.lines.iter().enumerate() {
            let points: Vec<_> = line.iter().map(|(place, band)| (*place, band.median)).collect();
            // A line is wider for each line that covers it, so that it shows behind them on both sides.
            let covered = panel.lines[place + 1..].iter().filter(|(_, other)| covers(other, line, top)).count() as u32;
            plane.draw_series([PathElement::new(points, palette::of(*protocol).stroke_width(3 + 5 * covered))])?;
        }
        for (protocol, line) in &panel.lines {
            mark(&mut plane, *protocol, line.iter().map(|(place, band)| (*place, band.median)).collect())?;
        }
        self.ends(&mut plane, panel, most, top)
    }

    /// Draws the values below the axis.
    fn ticks(&self, plane: &mut Plane<'_, '_>) -> Result<()> {
        // The text is bold, because a thin decimal point is hard to see in a bitmap.
        let style = panel::bold(13).pos(Pos::new(HPos::Center, VPos::Top));
        let range = plane.x_range();
        let mut free = f64::NEG_INFINITY;
        for (place, value) in &self.ticks {
            plane.draw_series([EmptyElement::at((*place, 0.0)) + PathElement::new([(0, 0), (0, 4)], palette::INK)])?;
            // A label that would overlap the one before is left out. Its tick is drawn.
            let width = (range.end - range.start) * value.len() as f64 * 0.011;
            if place - width / 2.0 >= free {
                plane
                    .draw_series([EmptyElement::at((*place, 0.0)) + Text::new(value.clone(), (0, 6), style.clone())])?;
                free = place + width / 2.0;
            }
        }
        Ok(())
    }

    /// Draws the names of the protocols at the ends of their lines, moved apart so that they do not overlap.
    fn ends(&self, plane: &mut Plane<'_, '_>, panel: &Panel, most: f64, top: f64) -> Result<()> {
        let mut ends: Vec<(f64, Protocol)> =
            panel.lines.iter().filter_map(|(protocol, line)| Some((line.last()?.1.median, *protocol))).collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let apart = top * 0.055;
        let mut last = f64::NEG_INFINITY;
        for (median, protocol) in ends {
            // A name must not be on the axis, because the line of the axis would go through it.
            let y = median.max(last + apart).max(apart * 0.6);
            last = y;
            let style = panel::text(13).pos(Pos::new(HPos::Left, VPos::Center));
            plane.draw_series([EmptyElement::at((most, y.min(top))) + Text::new(protocol.name(), (22, 0), style)])?;
        }
        Ok(())
    }
}

/// Whether one line covers another at half of its points or more: they are too close to be told apart on an axis up to `top`.
fn covers(upper: &[(f64, Band)], lower: &[(f64, Band)], top: f64) -> bool {
    let near = |(place, band): &&(f64, Band)| {
        upper.iter().any(|(other, over)| other == place && (over.median - band.median).abs() < top * 0.01)
    };
    !lower.is_empty() && lower.iter().filter(near).count() * 2 >= lower.len()
}

fn band(plane: &mut Plane<'_, '_>, protocol: Protocol, line: &[(f64, Band)]) -> Result<()> {
    let upper = line.iter().map(|(place, band)| (*place, band.high));
    let lower = line.iter().rev().map(|(place, band)| (*place, band.low));
    let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
    plane.draw_series([Polygon::new(outline, palette::of(protocol).mix(0.16).filled())])?;
    Ok(())
}

/// Draws the mark of the protocol at each value, so that lines differ without colour too.
fn mark(plane: &mut Plane<'_, '_>, protocol: Protocol, points: Vec<(f64, f64)>) -> Result<()> {
    let colour = palette::of(protocol);
    match protocol.entry().line.mark {
        Symbol::Disc => plane.draw_series(points.into_iter().map(|at| Circle::new(at, 5, colour.filled())))?,
        Symbol::Ring => plane.draw_series(points.into_iter().map(|at| Circle::new(at, 6, colour.stroke_width(2))))?,
        Symbol::Cross => plane.draw_series(points.into_iter().map(|at| Cross::new(at, 5, colour.stroke_width(2))))?,
        Symbol::Triangle => {
            plane.draw_series(points.into_iter().map(|at| TriangleMarker::new(at, 7, colour.filled())))?
        }
        Symbol::Square => plane.draw_series(
            points.into_iter().map(|at| EmptyElement::at(at) + Rectangle::new([(-4, -4), (4, 4)], colour.filled())),
        )?,
        Symbol::Frame => plane.draw_series(
            points
                .into_iter()
                .map(|at| EmptyElement::at(at) + Rectangle::new([(-5, -5), (5, 5)], colour.stroke_width(2))),
        )?,
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_equal_values_cover_each_other_and_others_do_not() {
        let line = |values: [f64; 4]| {
            values
                .into_iter()
                .enumerate()
                .map(|(place, median)| (place as f64, Band { low: median, median, high: median }))
                .collect::<Vec<_>>()
        };
        let (flat, same) = (line([1.0, 2.0, 3.0, 4.0]), line([1.0, 2.01, 3.0, 9.0]));
        assert!(covers(&same, &flat, 10.0));
        assert!(!covers(&line([1.0, 4.0, 6.0, 8.0]), &flat, 10.0));
        assert!(!covers(&[], &flat, 10.0) && !covers(&flat, &[], 10.0));
    }
}
