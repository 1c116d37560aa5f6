//! The files of a crash study: one row per case, the cells of the heat maps with the command that repeats each, one JSON
//! document, the charts, and a report.

use super::summary::{Counts, CrashStudy, CrashSummary, IntendedEnding};
use anyhow::{Context, Result};
use indoubt_driver::gate::Edge;
use indoubt_judge::summary::Verdict;
use indoubt_proto::ids::Role;
use indoubt_report::{
    RunFolder,
    charts::{self, Drawn, HeatChart},
    page::{self, Head, Study},
    write_json, write_text,
};
use indoubt_scenario::{
    protocol::{Family, Protocol},
    scenario::Scenario,
};
use indoubt_studies::crash_points::{Broken, CaseResult, Cell, Row, role_word};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// What is written about a crash study besides its numbers.
pub(crate) struct Document<'a> {
    /// The scenario that was reduced.
    pub(crate) scenario: &'a Scenario,
    /// The command that repeats the study.
    pub(crate) command: String,
    /// Gives the command that repeats one case of a protocol and prints it as a conversation.
    pub(crate) repeat: &'a dyn Fn(Protocol, &CaseResult) -> String,
}

/// Writes all files. Returns the JSON document.
pub(crate) fn write(study: &CrashStudy, about: &Document<'_>, folder: &RunFolder) -> Result<Value> {
    let path = folder.path();
    let charts_folder = path.join("charts");
    fs::create_dir_all(&charts_folder).with_context(|| format!("cannot create {}", charts_folder.display()))?;
    write_text(&path.join("scenario.toml"), &about.scenario.to_toml())?;
    rows(&study.single, &path.join("cases.csv"))?;
    cells(&study.single, about, &path.join("heat-map.csv"))?;
    let mut drawn = draw(&study.single, &charts_folder, "heat-map", "one crash")?;
    let mut document = json!({
        "version": 1, "indoubt": env!("CARGO_PKG_VERSION"), "scenario": about.scenario.name, "command": about.command,
        "single": summary_json(&study.single, about),
    });
    if let Some(pairs) = &study.pairs {
        rows(pairs, &path.join("pairs.csv"))?;
        cells(pairs, about, &path.join("heat-map-pairs.csv"))?;
        drawn.extend(draw(pairs, &charts_folder, "heat-map-pairs", "two crashes, by the crash point of the first")?);
        document["pairs"] = summary_json(pairs, about);
    }
    write_json(&path.join("crash-points.json"), &document)?;
    let section = Study {
        kind: "Crash points",
        name: &about.scenario.name,
        about: "One transaction, run once for each crash point: before and after each effect of each node.",
        command: &about.command,
        failures: &[],
        charts: &drawn,
        details: String::new(),
    };
    let head = Head { title: "Crash points", command: &about.command, outcomes: None };
    page::write(&path.join("report.html"), &head, &[], &[section])?;
    Ok(document)
}

fn draw(summary: &CrashSummary, folder: &Path, stem: &str, what: &str) -> Result<Vec<Drawn>> {
    let mut drawn = Vec::new();
    for (intended, map) in &summary.heat {
        for family in Family::ALL {
            for role in Role::with_machines() {
                let what = format!("{}; {what}", intended.meaning());
                if let Some(chart) = HeatChart::new(map, family, role, &what) {
                    let name =
                        format!("{stem}-{}-{}-{}", family.entry().word, intended.word(), role_word(role, family));
                    drawn.push(charts::save(&chart, folder, &name)?);
                }
            }
        }
    }
    Ok(drawn)
}

fn summary_json(summary: &CrashSummary, about: &Document<'_>) -> Value {
    let count = |counts: &Counts| {
        json!({
            "places": counts.places, "cases": counts.cases, "outcomes": counts.outcomes, "failed": counts.failed,
            "blocked_ms": counts.blocked_ms, "in_doubt_ms": counts.in_doubt_ms, "pending_ms": counts.pending_ms,
        })
    };
    let counts: serde_json::Map<_, _> =
        summary.counts.iter().map(|(protocol, counts)| (protocol.name().to_owned(), count(counts))).collect();
    let failures = summary.failures.iter().map(|(protocol, tried)| {
        json!({ "protocol": protocol, "case": tried.case.to_string(), "outcome": tried.outcome,
                "broken": broken(tried), "replay": (about.repeat)(*protocol, tried) })
    });
    let cells = each_cell(summary).map(|(intended, row, protocol, cell)| {
        json!({
            "ending": intended.word(),
            "role": role_word(row.role, row.family), "effect": row.effect, "deed": row.deed, "edge": edge(row),
            "protocol": protocol, "cases": cell.cases, "outcomes": cell.outcomes, "failed": cell.failed,
            "blocked_ms": cell.blocked_ms, "in_doubt_ms": cell.in_doubt_ms, "pending_ms": cell.pending_ms,
            "worst": cell.worst.case.to_string(), "replay": (about.repeat)(protocol, &cell.worst),
        })
    });
    json!({
        "protocols": counts, "failed": summary.failed(), "failures": failures.collect::<Vec<_>>(),
        "cells": cells.collect::<Vec<_>>(),
    })
}

fn each_cell(summary: &CrashSummary) -> impl Iterator<Item = (IntendedEnding, &Row, Protocol, &Cell)> {
    let rows = summary.heat.iter().flat_map(|(intended, map)| map.rows.iter().map(|row| (*intended, row)));
    rows.flat_map(|(intended, (row, cells))| cells.iter().map(move |(protocol, cell)| (intended, row, *protocol, cell)))
}

fn edge(row: &Row) -> &'static str {
    match (row.both, row.edge) {
        (true, _) => "at",
        (false, Edge::Before) => "before",
        (false, Edge::After) => "after",
    }
}

fn broken(tried: &CaseResult) -> Vec<String> {
    let told = |Broken { check, promised, .. }: &Broken| {
        if *promised { check.clone() } else { format!("{check} (not promised)") }
    };
    tried.broken.iter().map(told).collect()
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Violated => "violated",
        Verdict::Unknown => "unknown",
    }
}

fn rows(summary: &CrashSummary, path: &Path) -> Result<()> {
    let mut csv = csv::Writer::from_path(path).with_context(|| format!("cannot write {}", path.display()))?;
    csv.write_record([
        "protocol",
        "participants",
        "ending",
        "case",
        "outcome",
        "told",
        "in_doubt_ms",
        "blocked_ms",
        "pending_ms",
        "verdict",
        "broken",
    ])?;
    for (protocol, tried) in &summary.rows {
        csv.write_record([
            protocol.name(),
            &tried.case.participants.to_string(),
            &tried.case.ending.to_string(),
            &tried.case.to_string(),
            tried.outcome,
            tried.told,
            &tried.in_doubt_ms.to_string(),
            &tried.blocked_ms.to_string(),
            &tried.pending_ms.to_string(),
            verdict_word(tried.verdict),
            &broken(tried).join("; "),
        ])?;
    }
    csv.flush().with_context(|| format!("cannot write {}", path.display()))
}

fn cells(summary: &CrashSummary, about: &Document<'_>, path: &Path) -> Result<()> {
    let mut csv = csv::Writer::from_path(path).with_context(|| format!("cannot write {}", path.display()))?;
    csv.write_record([
        "ending",
        "role",
        "edge",
        "effect",
        "protocol",
        "cases",
        "outcomes",
        "failed",
        "blocked_ms",
        "in_doubt_ms",
        "pending_ms",
        "replay",
    ])?;
    for (intended, row, protocol, cell) in each_cell(summary) {
        let outcomes: Vec<String> = cell.outcomes.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
        csv.write_record([
            intended.word(),
            role_word(row.role, row.family),
            edge(row),
            &row.effect,
            protocol.name(),
            &cell.cases.to_string(),
            &outcomes.join("; "),
            &cell.failed.to_string(),
            &cell.blocked_ms.to_string(),
            &cell.in_doubt_ms.to_string(),
            &cell.pending_ms.to_string(),
            &(about.repeat)(protocol, &cell.worst),
        ])?;
    }
    csv.flush().with_context(|| format!("cannot write {}", path.display()))
}
