//! The chart of times in doubt: one bar per branch, from its prepared record until it learns the decision.

use super::{
    canvas::Area,
    panel::{self, Mark},
    per_run::RunPanel,
};
use crate::palette;
use anyhow::Result;
use indoubt_judge::summary::{DoubtInterval, Run};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

/// One panel per protocol. Branches are in the order in which they came to be in doubt.
pub(super) struct Doubt {
    end: f64,
}

impl RunPanel for Doubt {
    const TITLE: &'static str = "Time in doubt, branch by branch";
    const CAPTION: &'static str = "Every branch's time in doubt: a bar begins when its prepared record is durable and ends when it learns the decision.";

    fn legend() -> Vec<(Mark, &'static str)> {
        vec![(Mark::Area(palette::IN_DOUBT), "in doubt"), (Mark::Line(palette::PARTIAL), "still in doubt at the end")]
    }

    fn scale(runs: &[&Run]) -> Self {
        let end = panel::horizon(runs);
        Doubt { end }
    }

    fn draw(&self, run: &Run, area: &Area<'_>) -> Result<()> {
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
        let mut plane = panel::panel(area, &caption, "branches", self.end, branches.len() as f64, run)?;
        // Bars have a minimum length, because a branch that is in doubt for a millisecond would be invisible.
        let least = self.end / 400.0;
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
            plane.draw_series([Text::new("nothing to show: no branch was in doubt", (self.end / 2.0, 0.5), style)])?;
        }
        Ok(())
    }
}

/// The most bars. More would be thinner than a pixel.
const MOST: usize = 60;

/// The longest intervals, in the order of their start.
fn longest(intervals: &[DoubtInterval]) -> Vec<&DoubtInterval> {
    let mut longest: Vec<&DoubtInterval> = intervals.iter().collect();
    longest.sort_by(|a, b| (b.to_ms - b.from_ms).total_cmp(&(a.to_ms - a.from_ms)));
    longest.truncate(MOST);
    longest.sort_by(|a, b| a.from_ms.total_cmp(&b.from_ms));
    longest
}
