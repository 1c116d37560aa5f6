//! What a chart is, and how it becomes files.

use super::canvas::{Area, Canvas, bundled_fonts};
use anyhow::{Context, Result};
use plotters::prelude::*;
use std::path::Path;

/// Something that can be drawn.
pub trait Chart {
    /// What it shows, in one sentence: its caption in the report.
    fn caption(&self) -> String;
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);
    /// Draws it.
    fn draw(&self, root: &Area<'_>) -> Result<()>;
}

/// A chart that was written: its caption and its SVG text, for the report.
pub struct Drawn {
    /// The caption.
    pub caption: String,
    /// The SVG document.
    pub svg: String,
}

/// Writes `<name>.svg` and `<name>.png`.
pub fn save(chart: &dyn Chart, folder: &Path, name: &str) -> Result<Drawn> {
    bundled_fonts()?;
    let mut svg = String::new();
    paint(chart, Canvas::Svg(SVGBackend::with_string(&mut svg, chart.size())))?;
    let path = folder.join(format!("{name}.svg"));
    std::fs::write(&path, &svg).with_context(|| format!("cannot write {}", path.display()))?;
    let path = folder.join(format!("{name}.png"));
    let png = Canvas::Png(BitMapBackend::new(&path, chart.size()));
    paint(chart, png).with_context(|| format!("cannot draw {}", path.display()))?;
    Ok(Drawn { caption: chart.caption(), svg })
}

fn paint(chart: &dyn Chart, canvas: Canvas<'_>) -> Result<()> {
    let root = canvas.into_drawing_area();
    root.fill(&WHITE)?;
    chart.draw(&root)?;
    root.present()?;
    Ok(())
}
