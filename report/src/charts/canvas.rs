//! A chart on paper: once as SVG and once as PNG, with a bundled font.

use anyhow::{Context, Result, anyhow};
use plotters::{
    coord::Shift,
    prelude::*,
    style::{FontStyle, register_font},
};
use std::{path::Path, sync::Once};

/// Something that can be drawn on any backend.
pub trait Chart {
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
pub struct Drawn {
    /// The caption.
    pub caption: String,
    /// The SVG document.
    pub svg: String,
}

/// Writes `<name>.svg` and `<name>.png`.
pub fn save(chart: &impl Chart, folder: &Path, name: &str) -> Result<Drawn> {
    bundled_fonts()?;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, chart.size()).into_drawing_area();
        paint(chart, &root)?;
    }
    let path = folder.join(format!("{name}.svg"));
    std::fs::write(&path, &svg).with_context(|| format!("cannot write {}", path.display()))?;
    let path = folder.join(format!("{name}.png"));
    let root = BitMapBackend::new(&path, chart.size()).into_drawing_area();
    paint(chart, &root).with_context(|| format!("cannot draw {}", path.display()))?;
    Ok(Drawn { caption: chart.caption(), svg })
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
