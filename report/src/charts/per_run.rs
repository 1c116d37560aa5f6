//! Charts with one panel per run, below a common title and legend.

use super::{
    canvas::Area,
    chart::Chart,
    panel::{self, Mark},
};
use anyhow::Result;
use indoubt_judge::summary::Run;

/// How such a chart draws its panels. The value is the scale of all panels, which is common so that they can be compared.
pub(super) trait RunPanel {
    const TITLE: &'static str;
    const CAPTION: &'static str;

    /// The entries of the legend.
    fn legend() -> Vec<(Mark, &'static str)>;

    /// The scale on which all of these runs can be shown.
    fn scale(runs: &[&Run]) -> Self;

    /// Draws the panel of one run.
    fn draw(&self, run: &Run, area: &Area<'_>) -> Result<()>;
}

/// A chart with one panel for each of these runs.
pub(super) struct PerRun<'a, P> {
    runs: &'a [&'a Run],
    panel: P,
}

impl<'a, P: RunPanel> PerRun<'a, P> {
    pub(super) fn new(runs: &'a [&'a Run]) -> Self {
        PerRun { runs, panel: P::scale(runs) }
    }
}

impl<P: RunPanel> Chart for PerRun<'_, P> {
    fn caption(&self) -> String {
        P::CAPTION.into()
    }

    fn size(&self) -> (u32, u32) {
        (panel::WIDTH, panel::height(self.runs.len()))
    }

    fn draw(&self, root: &Area<'_>) -> Result<()> {
        let (head, areas) = panel::panels(root, self.runs.len());
        panel::legend(&head, P::TITLE, &P::legend())?;
        for (run, area) in self.runs.iter().zip(&areas) {
            self.panel.draw(run, area)?;
        }
        Ok(())
    }
}
