//! The chart of the cost of a commit by the number of participants: messages and forced writes, one line per protocol.

use super::{
    canvas::Area,
    chart::Chart,
    panel::{self, LEGEND, Mark, WIDTH},
};
use crate::palette;
use anyhow::Result;
use indoubt_scenario::protocol::{
    Protocol,
    costs::{Case, Cost},
};
use indoubt_studies::costs::{Cell, Table, protocols};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};
use std::collections::BTreeMap;

const HEIGHT: u32 = 460;

/// A chart with two panels: messages and forced writes.
pub struct CostsByN {
    panels: [Panel; 2],
}

struct Panel {
    what: &'static str,
    lines: Vec<(Protocol, Vec<(usize, usize)>)>,
}

impl CostsByN {
    /// The chart of transactions that succeed and update at all participants.
    pub fn new(table: &Table) -> Self {
        let of = |what, count: fn(&Cost) -> usize| {
            let points = |protocol| {
                let whole = |cell: &&Cell| cell.protocol == protocol && matches!(cell.case, Case::Commit | Case::Whole);
                table.cells.iter().filter(whole).map(|cell| (cell.participants, count(&cell.measured))).collect()
            };
            Panel { what, lines: protocols().into_iter().map(|(protocol, _)| (protocol, points(protocol))).collect() }
        };
        CostsByN {
            panels: [
                of("messages", |cost| cost.messages),
                of("forced writes, all nodes", |cost| cost.forced_coordinator + cost.forced_participants),
            ],
        }
    }
}

impl Chart for CostsByN {
    fn caption(&self) -> String {
        "The counted cost of a commit, or of a saga that completes, by the number of participants: messages without the work round, and forced writes at all nodes.".into()
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH, HEIGHT)
    }

    fn draw(&self, root: &Area<'_>) -> Result<()> {
        let entry = |(protocol, _): (Protocol, _)| (Mark::Line(palette::of(protocol)), protocol.name());
        let entries: Vec<_> = protocols().into_iter().map(entry).collect();
        panel::legend(root, "Costs of a transaction that succeeds, by participants", &entries)?;
        let (_, rest) = root.split_vertically(LEGEND);
        for (area, panel) in rest.split_evenly((1, 2)).iter().zip(&self.panels) {
            panel.draw(area)?;
        }
        Ok(())
    }
}

impl Panel {
    fn draw(&self, area: &Area<'_>) -> Result<()> {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let (least, most) = (points().map(|p| p.0).min().unwrap_or(1), points().map(|p| p.0).max().unwrap_or(1));
        let top = points().map(|p| p.1).max().unwrap_or(1) as f64 * 1.1;
        let right = most as f64 + (most - least).max(1) as f64 * 0.42;
        let mut plane = ChartBuilder::on(area)
            .caption(self.what, panel::bold(15))
            .margin_right(12)
            .margin_left(10)
            .x_label_area_size(44)
            .y_label_area_size(44)
            .build_cartesian_2d(least as f64 - 0.3..right, 0.0..top)?;
        plane
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(palette::GRID)
            .axis_style(palette::INK)
            .x_labels((right - least as f64) as usize + 2)
            .y_labels(8)
            .x_label_formatter(&|x| {
                if x.fract() == 0.0 && *x <= most as f64 { format!("{x:.0}") } else { String::new() }
            })
            .y_label_formatter(&|y| format!("{y:.0}"))
            .x_desc("participants")
            .label_style(panel::text(13))
            .axis_desc_style(panel::text(13))
            .draw()?;
        // Some lines cover each other: presumed abort covers presumed nothing, and in forced writes sagas cover presumed commit. Lines
        // alternate in width, so that a wide line shows behind a narrow one.
        for ((protocol, points), width) in self.lines.iter().zip([9, 3].into_iter().cycle()) {
            let style = palette::of(*protocol).mix(if width > 3 { 0.5 } else { 1.0 }).stroke_width(width);
            let line: Vec<(f64, f64)> = points.iter().map(|(n, count)| (*n as f64, *count as f64)).collect();
            plane.draw_series([PathElement::new(line.clone(), style)])?;
            plane.draw_series(line.into_iter().map(|at| Circle::new(at, 4, palette::of(*protocol).filled())))?;
        }
        for (at, names) in self.ends() {
            let text = panel::text(13).pos(Pos::new(HPos::Left, VPos::Center));
            let label = format!("{}: {}", names.join(", "), at.1);
            let place = (at.0 as f64, at.1 as f64);
            plane.draw_series([EmptyElement::at(place) + Text::new(label, (9, 0), text)])?;
        }
        Ok(())
    }

    /// The points at which lines end, and the protocols whose lines end there.
    fn ends(&self) -> BTreeMap<(usize, usize), Vec<&'static str>> {
        let mut ends: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (protocol, points) in &self.lines {
            if let Some(last) = points.last() {
                ends.entry(*last).or_default().push(protocol.name());
            }
        }
        ends
    }
}
