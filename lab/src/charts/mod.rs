//! Charts, drawn from summary.json alone: each once as SVG and once as PNG, with a bundled font.

mod costs;
mod costs_by_n;
mod doubt;
mod heat;
mod latency;
mod locks;
mod outcomes;
mod panel;
mod sweep;
mod throughput;

pub(crate) use costs::Costs;
pub(crate) use costs_by_n::CostsByN;
pub(crate) use doubt::Doubt;
pub(crate) use heat::HeatChart;
pub(crate) use latency::LatencyDistribution;
pub(crate) use locks::Locks;
pub(crate) use outcomes::Outcomes;
pub(crate) use sweep::SweepChart;
pub(crate) use throughput::ThroughputOverTime;

use anyhow::{Context, Result, anyhow};
use indoubt_simulator::summary::Summary;
use plotters::{
    coord::Shift,
    prelude::*,
    style::{FontStyle, register_font},
};
use std::{fs::File, io::BufWriter, path::Path, sync::Once};

/// Something that can be drawn on any backend.
pub(crate) trait Chart {
    /// What it shows, in one sentence: its caption in the report.
    fn caption(&self) -> String;
    /// Width and height in pixels.
    fn size(&self) -> (u32, u32);
    /// Draws it.
    fn draw<DB: DrawingBackend>(&self, root: &DrawingArea<DB, Shift>) -> Result<()>
    where
        DB::ErrorType: 'static;
}

/// A chart that was written: its caption and its SVG text, for the report.
pub(crate) struct Drawn {
    /// The caption.
    pub caption: String,
    /// The SVG document.
    pub svg: String,
}

/// Draws all charts of one scenario into `folder` (created if need be).
pub(crate) fn draw_all(summary: &Summary, folder: &Path) -> Result<Vec<Drawn>> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let runs = first_seed(summary);
    Ok(vec![
        save(&Locks::new(&runs), folder, "locks-held")?,
        save(&Doubt::new(&runs), folder, "in-doubt")?,
        save(&LatencyDistribution::new(&runs), folder, "latency")?,
        save(&ThroughputOverTime::new(&runs), folder, "throughput")?,
        save(&Outcomes::new(&[summary]), folder, "outcomes")?,
        save(&Costs::new(summary), folder, "costs")?,
    ])
}

/// The runs of the first seed: what charts over time show.
fn first_seed(summary: &Summary) -> Vec<&indoubt_simulator::summary::Run> {
    let seed = summary.runs.first().map(|r| r.seed);
    summary.runs.iter().filter(|r| Some(r.seed) == seed).collect()
}

/// Writes `<name>.svg` and `<name>.png`.
pub(crate) fn save(chart: &impl Chart, folder: &Path, name: &str) -> Result<Drawn> {
    bundled_fonts()?;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, chart.size()).into_drawing_area();
        paint(chart, &root)?;
    }
    let path = folder.join(format!("{name}.svg"));
    std::fs::write(&path, &svg).with_context(|| format!("cannot write {}", path.display()))?;
    let path = folder.join(format!("{name}.png"));
    save_png(chart, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Drawn { caption: chart.caption(), svg })
}

fn save_png(chart: &impl Chart, path: &Path) -> Result<()> {
    let (width, height) = chart.size();
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    paint(chart, &BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area())?;
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut image = encoder.write_header()?;
    image.write_image_data(&pixels)?;
    Ok(image.finish()?)
}

fn paint<DB: DrawingBackend>(chart: &impl Chart, root: &DrawingArea<DB, Shift>) -> Result<()>
where
    DB::ErrorType: 'static,
{
    root.fill(&WHITE)?;
    chart.draw(root)?;
    root.present()?;
    Ok(())
}

/// Registers the bundled font under the names that the charts use.
fn bundled_fonts() -> Result<()> {
    static ONCE: Once = Once::new();
    static REGULAR: &[u8] = include_bytes!("../../assets/OpenSans-Regular.ttf");
    static BOLD: &[u8] = include_bytes!("../../assets/OpenSans-Bold.ttf");
    let mut sound = true;
    ONCE.call_once(|| {
        sound = register_font("sans-serif", FontStyle::Normal, REGULAR).is_ok()
            && register_font("sans-serif", FontStyle::Bold, BOLD).is_ok();
    });
    if sound { Ok(()) } else { Err(anyhow!("the bundled font does not load")) }
}
