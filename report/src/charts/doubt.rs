//! In-doubt time per branch: one bar a branch, from its prepared record to its learning the decision.

use super::{
    canvas::Chart,
    panel::{self, Mark},
};
use crate::palette;
use anyhow::Result;
use indoubt_simulator::summary::{DoubtInterval, Run};
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// A panel per protocol, branches stacked in the order in which they came to be in doubt.
pub(crate) struct Doubt<'a> {
    runs: Vec<&'a Run>,
}

impl<'a> Doubt<'a> {
    /// Of these runs.
    pub(crate) fn new(runs: &[&'a Run]) -> Self {
        Doubt { runs: runs.to_vec() }
    }
}

impl Chart for Doubt<'_> {
    fn caption(&self) -> String {
        "Every branch's time in doubt: a bar begins when its prepared record is durable and ends when it learns the decision.".into()
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
            "Time in doubt, branch by branch",
            &[(Mark::Area(palette::IN_DOUBT), "in doubt"), (Mark::Line(palette::PARTIAL), "still in doubt at the end")],
        )?;
        let end = panel::horizon(&self.runs);
        for (run, area) in self.runs.iter().zip(&areas) {
            let branches = longest(&run.series.in_doubt);
            let doubt = &run.measures.in_doubt_ms;
            let caption = match doubt.count {
                0 => format!("{}: no branch is ever in doubt", run.protocol),
                count if count as usize > branches.len() => {
                    format!(
                        "{}: the {} longest of {count} branches, up to {:.0} ms",
                        run.protocol,
                        branches.len(),
                        doubt.max
                    )
                }
                count => format!("{}: {count} branches, up to {:.0} ms", run.protocol, doubt.max),
            };
            let mut plane = panel::panel(area, &caption, "branches", end, branches.len() as f64, run)?;
            // Thin bars need a floor, or a branch of a millisecond is not seen at all.
            let least = end / 400.0;
            plane.draw_series(branches.iter().enumerate().map(|(row, b)| {
                let (from, to) = (b.from_ms / 1000.0, (b.to_ms / 1000.0).max(b.from_ms / 1000.0 + least));
                Rectangle::new([(from, row as f64), (to, row as f64 + 0.9)], palette::IN_DOUBT.filled())
            }))?;
            plane.draw_series(branches.iter().enumerate().filter(|(_, b)| b.censored).map(|(row, b)| {
                let y = row as f64 + 0.45;
                PathElement::new(
                    [(b.to_ms / 1000.0 - least * 2.0, y), (b.to_ms / 1000.0, y)],
                    palette::PARTIAL.stroke_width(3),
                )
            }))?;
            if branches.is_empty() {
                let style = panel::text(16).pos(Pos::new(HPos::Center, VPos::Center));
                plane.draw_series([Text::new("nothing to show: no branch was in doubt", (end / 2.0, 0.5), style)])?;
            }
        }
        Ok(())
    }
}

/// More bars than these would be thinner than a pixel.
const MOST: usize = 60;

/// The longest intervals, in the order of their begin.
fn longest(intervals: &[DoubtInterval]) -> Vec<&DoubtInterval> {
    let mut longest: Vec<&DoubtInterval> = intervals.iter().collect();
    longest.sort_by(|a, b| (b.to_ms - b.from_ms).total_cmp(&(a.to_ms - a.from_ms)));
    longest.truncate(MOST);
    longest.sort_by(|a, b| a.from_ms.total_cmp(&b.from_ms));
    longest
}
