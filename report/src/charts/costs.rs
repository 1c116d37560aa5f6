//! The chart of costs per transaction, beside the costs in the papers (docs/08-costs.md).

use super::{
    canvas::Area,
    chart::Chart,
    panel::{self, LEGEND, Mark, WIDTH},
};
use crate::palette;
use anyhow::Result;
use indoubt_judge::summary::Summary;
use indoubt_scenario::protocol::Protocol;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

const ROW: i32 = 24;
const GROUP: i32 = 22;
const LEFT: i32 = 260;
const RIGHT: i32 = 190;

/// Bars of the measured costs, with a mark at the papers' cost of a transaction that commits without failures.
pub(crate) struct Costs {
    groups: Vec<(Protocol, Vec<Bar>)>,
}

struct Bar {
    what: &'static str,
    measured: f64,
    paper: Option<f64>,
}

impl Costs {
    /// The chart of a scenario. Bars are means over the seeds of each protocol.
    pub(crate) fn new(summary: &Summary) -> Self {
        let touch = summary.scenario["workload"]["touch"].as_u64().unwrap_or(3) as usize;
        let mut groups: Vec<(Protocol, Vec<Bar>)> = Vec::new();
        for run in &summary.runs {
            if groups.iter().any(|(p, _)| *p == run.protocol) {
                continue;
            }
            let seeds: Vec<_> =
                summary.runs.iter().filter(|r| r.protocol == run.protocol).map(|r| &r.measures).collect();
            let mean = |f: fn(&indoubt_judge::summary::Measures) -> f64| {
                seeds.iter().map(|m| f(m)).sum::<f64>() / seeds.len() as f64
            };
            let costs = &run.protocol.entry().costs;
            let paper = (costs.of)(touch, costs.success);
            let forced = paper.forced_coordinator + paper.forced_participants;
            groups.push((
                run.protocol,
                vec![
                    Bar {
                        what: "messages",
                        measured: mean(|m| m.messages_per_txn),
                        paper: Some(paper.messages as f64),
                    },
                    Bar { what: "work round", measured: mean(|m| m.work_messages_per_txn), paper: None },
                    Bar {
                        what: "forced writes",
                        measured: mean(|m| m.forced_writes_per_txn),
                        paper: Some(forced as f64),
                    },
                    Bar { what: "lazy writes", measured: mean(|m| m.lazy_writes_per_txn), paper: None },
                ],
            ));
        }
        Costs { groups }
    }
}

impl Chart for Costs {
    fn caption(&self) -> String {
        "Messages and log writes per transaction. The mark is the figure of the literature for a transaction that commits without failures. Refusals, resends and aborts move the bar away from it.".into()
    }

    fn size(&self) -> (u32, u32) {
        let rows: usize = self.groups.iter().map(|(_, bars)| bars.len()).sum();
        (WIDTH, LEGEND + 16 + (rows as i32 * ROW + self.groups.len() as i32 * GROUP) as u32)
    }

    fn draw(&self, root: &Area<'_>) -> Result<()> {
        panel::legend(
            root,
            "Costs per transaction",
            &[(Mark::Area(palette::COMMITTED), "measured"), (Mark::Line(palette::PARTIAL), "papers, all commit")],
        )?;
        let bars = || self.groups.iter().flat_map(|(_, bars)| bars);
        let most = bars().map(|b| b.measured.max(b.paper.unwrap_or(0.0))).fold(1.0, f64::max);
        let x_of = |value: f64| LEFT + (value / most * f64::from(WIDTH as i32 - LEFT - RIGHT)).round() as i32;
        let right = || panel::text(13).pos(Pos::new(HPos::Right, VPos::Top));
        let mut y = LEGEND as i32;
        for (protocol, bars) in &self.groups {
            root.draw(&Text::new(protocol.name(), (12, y), panel::bold(14)))?;
            y += GROUP;
            for bar in bars {
                root.draw(&Text::new(bar.what, (LEFT - 8, y), right()))?;
                root.draw(&Rectangle::new(
                    [(LEFT, y + 2), (x_of(bar.measured), y + ROW - 6)],
                    palette::COMMITTED.filled(),
                ))?;
                let mut label = format!("{:.2}", bar.measured);
                if let Some(paper) = bar.paper {
                    let x = x_of(paper);
                    root.draw(&PathElement::new([(x, y - 1), (x, y + ROW - 3)], palette::PARTIAL.stroke_width(3)))?;
                    label += &format!(" (paper {paper:.0})");
                }
                let x = x_of(bar.measured.max(bar.paper.unwrap_or(0.0))) + 10;
                root.draw(&Text::new(label, (x, y), panel::text(13)))?;
                y += ROW;
            }
        }
        Ok(())
    }
}
