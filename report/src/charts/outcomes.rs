//! The chart of the final states of transactions, by scenario and protocol.

use super::{
    canvas::Area,
    chart::Chart,
    panel::{self, LEGEND, Mark, WIDTH},
};
use crate::{palette, summaries::anchor};
use anyhow::Result;
use indoubt_judge::summary::{Run, Summary, Transactions};
use indoubt_scenario::protocol::Protocol;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

const ROW: i32 = 26;
const LEFT: i32 = 330;
const RIGHT: i32 = 150;

/// One bar for each scenario and protocol, divided by final state.
pub struct Outcomes {
    rows: Vec<Row>,
}

struct Row {
    scenario: Option<String>,
    protocol: Protocol,
    states: Transactions,
}

impl Outcomes {
    /// The chart of these scenarios. Several seeds of one protocol are added up.
    pub fn new(summaries: &[&Summary]) -> Self {
        let mut rows = Vec::new();
        for summary in summaries {
            let name = anchor(summary);
            let mut protocols: Vec<Protocol> = Vec::new();
            for run in &summary.runs {
                if !protocols.contains(&run.protocol) {
                    protocols.push(run.protocol);
                }
            }
            for (i, protocol) in protocols.into_iter().enumerate() {
                let states = summary.runs.iter().filter(|r| r.protocol == protocol).fold(Transactions::default(), add);
                rows.push(Row { scenario: (i == 0).then(|| name.clone()), protocol, states });
            }
        }
        Outcomes { rows }
    }
}

fn add(sum: Transactions, run: &Run) -> Transactions {
    let t = run.transactions;
    Transactions {
        submitted: sum.submitted + t.submitted,
        succeeded: sum.succeeded + t.succeeded,
        aborted: sum.aborted + t.aborted,
        compensated: sum.compensated + t.compensated,
        partial: sum.partial + t.partial,
        refused: sum.refused + t.refused,
        unresolved: sum.unresolved + t.unresolved,
        stuck: sum.stuck + t.stuck,
    }
}

/// The parts of a bar, in order: the number of transactions, the colour, and whether it is hatched.
fn parts(row: &Row) -> [(u64, RGBColor, bool); 7] {
    let t = row.states;
    let success = palette::success(row.protocol);
    [
        (t.succeeded, success, false),
        (t.compensated, palette::COMPENSATED, true),
        (t.aborted, palette::ABORTED, false),
        (t.refused, palette::FAULT, false),
        (t.unresolved, palette::IN_DOUBT, true),
        (t.stuck, palette::WAITING, false),
        (t.partial, palette::PARTIAL, false),
    ]
}

impl Chart for Outcomes {
    fn caption(&self) -> String {
        "The state of the transactions at the end. Black is the state that no protocol should leave: some effects stand and others do not.".into()
    }

    fn size(&self) -> (u32, u32) {
        (WIDTH, LEGEND + 16 + ROW as u32 * self.rows.len() as u32)
    }

    fn draw(&self, root: &Area<'_>) -> Result<()> {
        panel::legend(
            root,
            "The state of the transactions at the end",
            &[
                (Mark::Area(palette::COMMITTED), "committed"),
                (Mark::Area(palette::COMPLETED), "completed"),
                (Mark::Hatched(palette::COMPENSATED), "compensated"),
                (Mark::Area(palette::ABORTED), "aborted"),
                (Mark::Area(palette::FAULT), "refused"),
                (Mark::Hatched(palette::IN_DOUBT), "unresolved"),
                (Mark::Area(palette::WAITING), "stuck"),
                (Mark::Area(palette::PARTIAL), "partial"),
            ],
        )?;
        let room = WIDTH as i32 - LEFT - RIGHT;
        for (i, row) in self.rows.iter().enumerate() {
            let y = LEGEND as i32 + ROW * i as i32;
            if let Some(name) = &row.scenario {
                root.draw(&Text::new(name.clone(), (12, y + 3), panel::bold(13)))?;
            }
            let right = panel::text(13).pos(Pos::new(HPos::Right, VPos::Top));
            root.draw(&Text::new(row.protocol.name(), (LEFT - 8, y + 3), right))?;
            let mut done = 0;
            let x_of = |n: u64| LEFT + (n as f64 / row.states.submitted.max(1) as f64 * f64::from(room)).round() as i32;
            for (count, colour, hatched) in parts(row).into_iter().filter(|p| p.0 > 0) {
                // Every part has a minimum width, so that one failure is visible among a thousand successes.
                let (from, to) = (x_of(done), x_of(done + count).max(x_of(done) + 3));
                panel::bar(root, (from, y + 3), (to, y + ROW - 5), colour, hatched)?;
                done += count;
            }
            let total = format!("{} of {}", row.states.succeeded, row.states.submitted);
            root.draw(&Text::new(total, (WIDTH as i32 - RIGHT + 12, y + 3), panel::text(13)))?;
        }
        Ok(())
    }
}
