//! The trait of charts, and how a chart is written to files.

use super::canvas::{Area, Canvas, bundled_fonts};
use anyhow::{Context, Result};
use plotters::prelude::*;
use std::{fs::File, io::BufWriter, path::Path};

/// A chart that can be drawn.
pub trait Chart {
    /// The caption in the report, which says what the chart shows.
    fn caption(&self) -> String;
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);
    /// Draws the chart on the whole of `root`.
    fn draw(&self, root: &Area<'_>) -> Result<()>;
}

/// A chart that was drawn, for the report.
pub struct Drawn {
    /// The caption, which says what the chart shows.
    pub caption: String,
    /// The chart as an SVG document.
    pub svg: String,
}

/// Draws a chart to `<name>.svg` and `<name>.png` in `folder`.
pub fn save(chart: &dyn Chart, folder: &Path, name: &str) -> Result<Drawn> {
    bundled_fonts()?;
    let mut svg = String::new();
    paint(chart, Canvas::Svg(SVGBackend::with_string(&mut svg, chart.size())))?;
    let path = folder.join(format!("{name}.svg"));
    std::fs::write(&path, &svg).with_context(|| format!("cannot write {}", path.display()))?;
    let path = folder.join(format!("{name}.png"));
    save_png(chart, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Drawn { caption: chart.caption(), svg })
}

fn save_png(chart: &dyn Chart, path: &Path) -> Result<()> {
    let (width, height) = chart.size();
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    paint(chart, Canvas::Pixels(BitMapBackend::with_buffer(&mut pixels, (width, height))))?;
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut image = encoder.write_header()?;
    image.write_image_data(&pixels)?;
    Ok(image.finish()?)
}

fn paint(chart: &dyn Chart, canvas: Canvas<'_>) -> Result<()> {
    let root = canvas.into_drawing_area();
    root.fill(&WHITE)?;
    chart.draw(&root)?;
    root.present()?;
    Ok(())
}
