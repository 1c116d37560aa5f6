//! The heat map of crash points: one row per crash point of one kind of node, one column per protocol. A cell shows the fates of
//! the transaction, and the longest time for which a branch was blocked (two-phase commit) or a record was pending (sagas).

use super::{
    canvas::Area,
    chart::Chart,
    panel::{self, LEGEND, Mark},
};
use crate::{palette, units::time};
use anyhow::Result;
use indoubt_driver::gate::Edge;
use indoubt_proto::ids::Role;
use indoubt_scenario::protocol::{Family, Protocol, entry::Waiting};
use indoubt_studies::crash_points::{Cell, HeatMap, Row, role_word};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

const LINE: i32 = 19;
const HEAD: i32 = 26;
const EFFECT: i32 = 270;
const EDGE: i32 = 62;
const CELL: i32 = 176;
/// The width of the part of a cell that shows outcomes. The rest shows the time.
const FATES: i32 = 92;
const LEAST_WIDTH: u32 = 900;
/// Times below this are not shown, because every run has them.
const WORTH_SAYING_MS: f64 = 10.0;

/// The heat map of one kind of node under one family of protocols.
pub struct HeatChart<'a> {
    title: String,
    family: Family,
    protocols: Vec<Protocol>,
    rows: Vec<(&'a Row, Vec<Option<&'a Cell>>)>,
    longest_ms: f64,
}

impl<'a> HeatChart<'a> {
    /// The heat map of these nodes; `None` if it has no rows. `what` ends the title.
    pub fn new(map: &'a HeatMap, family: Family, role: Role, what: &str) -> Option<Self> {
        let tried = || map.of(family, role).filter(|(_, cells)| !cells.is_empty());
        let mut protocols: Vec<Protocol> = tried().flat_map(|(_, cells)| cells.keys().copied()).collect();
        protocols.sort_unstable();
        protocols.dedup();
        let rows: Vec<_> =
            tried().map(|(row, cells)| (row, protocols.iter().map(|protocol| cells.get(protocol)).collect())).collect();
        // All maps of a family have the same scale, so that they can be compared.
        let all = map.rows.iter().filter(|(row, _)| row.family == family).flat_map(|(_, cells)| cells.values());
        let longest_ms = all.map(|cell| time_of(family, cell)).fold(0.0, f64::max);
        let title = format!("Where the {} crashes: {what}", role_word(role, family));
        (!rows.is_empty()).then_some(HeatChart { title, family, protocols, rows, longest_ms })
    }

    fn legend(&self) -> Vec<(Mark, &'static str)> {
        let outcome = |word: &'static str| match colour_of(word) {
            (colour, true) => (Mark::Hatched(colour), word),
            (colour, false) => (Mark::Area(colour), word),
        };
        let outcomes = self.family.entry().outcomes.iter().chain(&["aborted", "refused"]);
        let mut legend: Vec<_> = outcomes.copied().map(outcome).collect();
        match self.waiting() {
            Waiting::Doubt => legend.extend([
                (Mark::Area(palette::IN_DOUBT), "longest time blocked"),
                (Mark::Hatched(palette::IN_DOUBT), "longest time in doubt"),
            ]),
            Waiting::Pending => legend.push((Mark::Area(palette::PENDING), "longest time pending")),
            Waiting::Nothing => {}
        }
        legend
    }

    fn waiting(&self) -> Waiting {
        self.family.entry().waiting
    }
}

/// The time that the cells of a family show.
fn time_of(family: Family, cell: &Cell) -> f64 {
    match family.entry().waiting {
        Waiting::Doubt => cell.blocked_ms,
        Waiting::Pending => cell.pending_ms,
        Waiting::Nothing => 0.0,
    }
}

fn colour_of(outcome: &str) -> (RGBColor, bool) {
    match outcome {
        "committed" => (palette::COMMITTED, false),
        "completed" => (palette::COMPLETED, false),
        "compensated" => (palette::COMPENSATED, true),
        "aborted" => (palette::ABORTED, false),
        "refused" => (palette::FAULT, false),
        "unresolved" | "stuck" => (palette::WAITING, true),
        _ => (palette::PARTIAL, false),
    }
}

impl Chart for HeatChart<'_> {
    fn caption(&self) -> String {
        let time = match self.waiting() {
            Waiting::Doubt => {
                " The right part of a cell shows the longest time for which a branch was blocked (no node that it could reach knew the decision) or, hatched, the longest time for which it was only in doubt. It is empty for less than 10 ms."
            }
            Waiting::Pending => {
                " The right part of a cell shows the longest time for which a record was pending. It is empty for less than 10 ms."
            }
            Waiting::Nothing => "",
        };
        format!(
            "{}. A cell has the cases of all participants and of all prefixes of the unforced tail that may survive.{time} A red \
             frame means that a promise is broken.",
            self.title
        )
    }

    fn size(&self) -> (u32, u32) {
        let width = (12 + EFFECT + EDGE + CELL * self.protocols.len() as i32 + 16) as u32;
        (width.max(LEAST_WIDTH), LEGEND + (HEAD + LINE * self.rows.len() as i32 + 12) as u32)
    }

    fn draw(&self, root: &Area<'_>) -> Result<()> {
        panel::legend(root, &self.title, &self.legend())?;
        let left = 12 + EFFECT + EDGE;
        let mut y = LEGEND as i32;
        for (protocol, at) in self.protocols.iter().zip(0..) {
            root.draw(&Text::new(protocol.name(), (left + at * CELL, y + 4), panel::bold(14)))?;
        }
        y += HEAD;
        let mut above = None;
        for (row, cells) in &self.rows {
            // An effect is named once, and a line separates it from the one before.
            if above != Some(&row.effect) {
                let end = self.size().0 as i32 - 12;
                root.draw(&PathElement::new([(12, y - 1), (end, y - 1)], palette::GRID.stroke_width(1)))?;
                root.draw(&Text::new(row.deed.clone(), (12, y + 2), panel::text(13)))?;
            }
            above = Some(&row.effect);
            let edge = match (row.both, row.edge) {
                (true, _) => "",
                (false, Edge::Before) => "before",
                (false, Edge::After) => "after",
            };
            let right = panel::text(13).pos(Pos::new(HPos::Right, VPos::Top));
            root.draw(&Text::new(edge, (left - 10, y + 2), right))?;
            for (cell, at) in cells.iter().zip(0..) {
                if let Some(cell) = cell {
                    self.draw_cell(root, cell, left + at * CELL, y)?;
                }
            }
            y += LINE;
        }
        Ok(())
    }
}

impl HeatChart<'_> {
    fn draw_cell(&self, root: &Area<'_>, cell: &Cell, x: i32, y: i32) -> Result<()> {
        let (top, bottom) = (y + 1, y + LINE - 3);
        let mut done = 0;
        let x_of = |count: u64| x + (count as f64 / cell.cases.max(1) as f64 * f64::from(FATES)).round() as i32;
        for (outcome, count) in &cell.outcomes {
            let (colour, hatched) = colour_of(outcome);
            let (from, to) = (x_of(done), x_of(done + count).max(x_of(done) + 3));
            panel::bar(root, (from, top), (to, bottom), colour, hatched)?;
            done += count;
        }
        let ms = time_of(self.family, cell);
        let (from, to) = (x + FATES + 4, x + CELL - 12);
        let text = |ms, ink| {
            let style = TextStyle { color: ink, ..panel::text(12) }.pos(Pos::new(HPos::Center, VPos::Top));
            Text::new(time(ms), (i32::midpoint(from, to), y + 2), style)
        };
        if ms >= WORTH_SAYING_MS {
            let colour = if self.waiting() == Waiting::Doubt { palette::IN_DOUBT } else { palette::PENDING };
            // The colour is never so pale that it is invisible.
            let strength = 0.15 + 0.85 * ms / self.longest_ms.max(1.0);
            root.draw(&Rectangle::new([(from, top), (to, bottom)], colour.mix(strength).filled()))?;
            let ink = if strength > 0.6 && self.waiting() == Waiting::Doubt { WHITE } else { palette::INK };
            root.draw(&text(ms, ink.to_backend_color()))?;
        } else if self.waiting() == Waiting::Doubt && cell.in_doubt_ms >= WORTH_SAYING_MS {
            for x in (from..to).step_by(6) {
                let stripe = palette::IN_DOUBT.mix(0.35).stroke_width(1);
                root.draw(&PathElement::new([(x, top), (x, bottom)], stripe))?;
            }
            root.draw(&text(cell.in_doubt_ms, palette::INK.to_backend_color()))?;
        }
        if cell.failed > 0 {
            let frame = RED.stroke_width(2);
            root.draw(&Rectangle::new([(x - 2, top - 1), (x + CELL - 10, bottom + 1)], frame))?;
        }
        Ok(())
    }
}
