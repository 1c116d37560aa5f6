//! What the charts over time share: one panel per protocol with the time below, fault windows behind, and step lines.

use super::canvas::{Area, Canvas};
use crate::palette;
use anyhow::Result;
use indoubt_judge::summary::Run;
use plotters::{
    chart::ChartContext,
    coord::types::RangedCoordf64,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// The coordinates of a panel: seconds to the right, a quantity upwards.
pub(crate) type Plane<'a, 'c> = ChartContext<'a, Canvas<'c>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The width of all charts, in pixels.
pub(crate) const WIDTH: u32 = 1000;
/// The height of one panel.
pub(crate) const PANEL: u32 = 210;
/// The room for the legend above the panels.
pub(crate) const LEGEND: u32 = 64;

/// Normal text in the bundled font, `size` pixels high.
pub(crate) fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&palette::INK)
}

/// Bold text in the bundled font, `size` pixels high.
pub(crate) fn bold(size: u32) -> TextStyle<'static> {
    ("sans-serif", size, FontStyle::Bold).into_font().color(&palette::INK)
}

/// The look of an entry in a legend.
pub(crate) enum Mark {
    /// A filled area.
    Area(RGBColor),
    /// A filled area with a hatch.
    Hatched(RGBColor),
    /// A line.
    Line(RGBColor),
    /// A dashed line.
    Dashed(RGBColor),
}

/// Draws a title, and a legend below it.
pub(crate) fn legend(area: &Area<'_>, title: &str, entries: &[(Mark, &str)]) -> Result<()> {
    area.draw(&Text::new(title.to_owned(), (12, 8), bold(18)))?;
    let mut x = 14;
    let y = 36;
    for (mark, meaning) in entries {
        let (from, to) = ((x, y), (x + 26, y + 14));
        match mark {
            Mark::Area(colour) => bar(area, from, to, *colour, false)?,
            Mark::Hatched(colour) => bar(area, from, to, *colour, true)?,
            Mark::Line(colour) => {
                area.draw(&PathElement::new([(x, y + 7), (x + 26, y + 7)], colour.stroke_width(3)))?;
            }
            Mark::Dashed(colour) => {
                for dx in [0, 10, 20] {
                    area.draw(&PathElement::new([(x + dx, y + 7), (x + dx + 6, y + 7)], colour.stroke_width(3)))?;
                }
            }
        }
        area.draw(&Text::new((*meaning).to_owned(), (x + 32, y - 1), text(14)))?;
        x += 32 + 24 + meaning.chars().count() as i32 * 7;
    }
    Ok(())
}

/// Draws a bar. Hatching shows the difference without colour too.
pub(crate) fn bar(area: &Area<'_>, from: (i32, i32), to: (i32, i32), colour: RGBColor, hatched: bool) -> Result<()> {
    area.draw(&Rectangle::new([from, to], colour.filled()))?;
    if hatched {
        for x in (from.0 + 2..to.0).step_by(6) {
            area.draw(&PathElement::new([(x, from.1), (x, to.1)], WHITE.stroke_width(1)))?;
        }
    }
    Ok(())
}

/// Splits a chart into its legend and one area per panel.
pub(crate) fn panels<'c>(root: &Area<'c>, count: usize) -> (Area<'c>, Vec<Area<'c>>) {
    let (head, rest) = root.split_vertically(LEGEND);
    (head, rest.split_evenly((count.max(1), 1)))
}

/// Draws a panel with axes, a caption, and fault windows in the background.
pub(crate) fn panel<'a, 'c>(
    area: &'a Area<'c>,
    caption: &str,
    unit: &str,
    seconds: f64,
    top: f64,
    run: &Run,
) -> Result<Plane<'a, 'c>> {
    let mut plane = ChartBuilder::on(area)
        .caption(caption, bold(15))
        .margin_right(18)
        .margin_left(6)
        .x_label_area_size(28)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..seconds.max(0.1), 0.0..top.max(1.0) * 1.12)?;
    fault_windows(&mut plane, run, seconds, top.max(1.0) * 1.12)?;
    plane
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(palette::GRID)
        .axis_style(palette::INK)
        .x_labels(12)
        .y_labels(5)
        .x_label_formatter(&|x| format!("{x:.1} s"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .y_desc(unit.to_owned())
        .label_style(text(12))
        .axis_desc_style(text(12))
        .draw()?;
    Ok(plane)
}

/// Draws the fault windows: labelled grey areas from the time when a fault acted until it was undone. Windows that overlap are
/// joined, and only the first few have labels.
fn fault_windows(plane: &mut Plane<'_, '_>, run: &Run, seconds: f64, top: f64) -> Result<()> {
    let mut labels = 0;
    for fault in &run.faults {
        for (at, until) in fault.at_ms.iter().zip(&fault.until_ms) {
            let from = (at / 1000.0).clamp(0.0, seconds);
            let to = until.map_or(from, |u| u / 1000.0).clamp(from, seconds);
            if to > from {
                plane.draw_series([Rectangle::new([(from, 0.0), (to, top)], palette::FAULT.mix(0.45).filled())])?;
                let gap = seconds / 110.0;
                let count = ((to - from) / gap) as usize;
                plane.draw_series((0..=count).map(|i| {
                    let x = from + i as f64 * gap;
                    PathElement::new([(x, 0.0), ((x + gap * 0.9).min(to), top)], palette::FAULT.stroke_width(1))
                }))?;
            }
            plane.draw_series([PathElement::new([(from, 0.0), (from, top)], palette::INK.stroke_width(1))])?;
            if labels < 3 {
                let style = text(12).pos(Pos::new(HPos::Left, VPos::Top));
                let y = top * (0.99 - 0.085 * f64::from(labels));
                plane.draw_series([Text::new(short(&fault.text), (from + seconds / 200.0, y), style)])?;
                labels += 1;
            }
        }
    }
    Ok(())
}

fn short(label: &str) -> String {
    const MOST: usize = 60;
    if label.chars().count() <= MOST { label.to_owned() } else { label.chars().take(MOST - 1).chain(['…']).collect() }
}

/// The corners of a step line. The value of each point holds until the next point.
pub(crate) fn steps(points: &[(f64, f64)], end: f64) -> Vec<(f64, f64)> {
    let mut line = Vec::with_capacity(points.len() * 2 + 1);
    for (i, (x, y)) in points.iter().enumerate() {
        line.push((*x, *y));
        line.push((points.get(i + 1).map_or(end.max(*x), |next| next.0), *y));
    }
    line
}

/// The end of the time axis: the last time of any series of these runs, in seconds.
pub(crate) fn horizon(runs: &[&Run]) -> f64 {
    let of = |run: &Run| {
        let locks = run.series.locks_held.last().map_or(0.0, |p| p.t_ms);
        let rate = run.series.throughput_tps.last().map_or(0.0, |p| p.t_ms + p.interval_ms);
        locks.max(rate) / 1000.0
    };
    runs.iter().map(|run| of(run)).fold(0.5, f64::max)
}

/// The height of a chart with `count` panels.
pub(crate) fn height(count: usize) -> u32 {
    LEGEND + PANEL * count.max(1) as u32
}
