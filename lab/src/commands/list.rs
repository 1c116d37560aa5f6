//! `indoubt list`: prints the bundled scenarios, and everything that a fault or an expectation can name.

use crate::{
    bundled,
    options::{Common, Format},
    output::outln,
    status::Status,
};
use anyhow::Result;
use clap::{Args, ValueEnum};
use indoubt_proto::{ids::Role, observation::Phase, settings::WorkRound};
use indoubt_scenario::{
    checks::CheckName,
    measures::metric_paths,
    points::{self, Point},
    protocol::Protocol,
};
use serde_json::{Value, json};

/// Arguments of `indoubt list`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:\n  indoubt list\n  indoubt list points --format json\n  indoubt list protocols")]
pub struct ListArgs {
    /// What to list.
    #[arg(value_enum, default_value_t = Listing::Scenarios)]
    pub what: Listing,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listing {
    /// The bundled scenarios.
    Scenarios,
    /// The bundled sweeps.
    Sweeps,
    /// Nodes, phases, points, messages and records: what a fault can name.
    Points,
    /// The protocols.
    Protocols,
    /// The metrics and checks that `[[expect]]` can name.
    Metrics,
}

/// Runs `indoubt list`.
pub(super) fn list(args: &ListArgs, common: &Common) -> Result<Status> {
    let (json, text) = match args.what {
        Listing::Scenarios => scenarios()?,
        Listing::Sweeps => sweeps()?,
        Listing::Points => all_points(),
        Listing::Protocols => protocols(),
        Listing::Metrics => metrics(),
    };
    match common.format {
        Format::Json => outln!("{}", serde_json::to_string_pretty(&json)?),
        Format::Text => outln!("{}", text.trim_end()),
    }
    Ok(Status::Holds)
}

fn scenarios() -> Result<(Value, String)> {
    let mut entries = Vec::new();
    let mut text = String::new();
    for (name, _) in bundled::SCENARIOS {
        let scenario = bundled::load(name)?;
        let protocols: Vec<_> = scenario.protocols.iter().map(|p| p.name()).collect();
        text += &format!("{}{name}{} ({})\n    {}\n", BOLD, BOLD.render_reset(), protocols.join(", "), scenario.about);
        entries.push(json!({ "name": name, "about": scenario.about, "protocols": protocols }));
    }
    text += "\nRun one with `indoubt run NAME`, read it with `indoubt explain NAME`.\n";
    Ok((json!(entries), text))
}

fn sweeps() -> Result<(Value, String)> {
    let mut entries = Vec::new();
    let mut text = String::new();
    for (name, _) in bundled::SWEEPS {
        let scenario = bundled::load_sweep(name)?;
        let axes: Vec<&str> = scenario.sweep.iter().map(|(path, _)| path.as_str()).collect();
        text += &format!("{BOLD}{name}{BOLD:#}\n    {}\n", scenario.about);
        entries.push(json!({ "name": name, "about": scenario.about, "sweep": axes }));
    }
    text += "\nRun one with `indoubt sweep NAME`.\n";
    Ok((json!(entries), text))
}

const BOLD: anstyle::Style = anstyle::Style::new().bold();

fn role(role: Role) -> &'static str {
    match role {
        Role::Coordinating => "c1, c2, … (`coordinator` is c1)",
        Role::Participant => "p1, p2, …",
        Role::Client => "k1, k2, …",
        Role::Lab => "lab",
    }
}

fn point_name(point: &Point) -> String {
    if point.steps { format!("{}[:step]", point.name) } else { point.name.to_owned() }
}

fn all_points() -> (Value, String) {
    let mut text = String::from(
        "Nodes: c1, c2, … coordinating (`coordinator` is c1); p1, p2, … participants; k1, k2, … clients.\n",
    );
    let mut entries = serde_json::Map::new();
    for protocol in Protocol::ALL {
        let family = protocol.family();
        text += &format!("\n{BOLD}{protocol}{}\n  phases, `on = {{ phase = \"…\", nth = 1 }}`:\n", BOLD.render_reset());
        let phases: Vec<_> =
            Phase::ALL.into_iter().filter_map(|p| Some((p.word(), points::phase_meaning(family, p)?))).collect();
        for (word, meaning) in &phases {
            text += &format!("    {word:<22} {meaning}\n");
        }
        text += "  points, `on = { node = \"…\", point = \"…\", nth = 1 }`:\n";
        let its: Vec<&Point> = points::points(protocol).collect();
        for point in &its {
            text += &format!(
                "    {:<22} {:<12} {}\n",
                point_name(point),
                role(point.role).split(' ').next().unwrap_or(""),
                point.about
            );
        }
        let messages: Vec<_> = points::messages(protocol, WorkRound::Separate).map(|m| m.kind.word()).collect();
        text += &format!("  messages, `message = \"…\"`:\n    {}\n", messages.join(", "));
        text += "  records, `effect = \"append:…\"`:\n";
        let records = [Role::Coordinating, Role::Participant]
            .map(|r| (role(r), points::appends(protocol, r).collect::<Vec<_>>()));
        for (nodes, words) in &records {
            text += &format!("    {nodes}: {}\n", words.join(", "));
        }
        entries.insert(
            protocol.name().into(),
            json!({
                "phases": phases.iter().map(|(w, m)| json!({ "phase": w, "about": m })).collect::<Vec<_>>(),
                "points": its.iter().map(|p| json!({ "point": p.name, "node": letter(p.role), "steps": p.steps, "about": p.about })).collect::<Vec<_>>(),
                "messages": messages,
                "records": { "coordinating": records[0].1, "participant": records[1].1 },
            }),
        );
    }
    (Value::Object(entries), text)
}

fn letter(role: Role) -> &'static str {
    if role == Role::Participant { "participant" } else { "coordinating" }
}

fn protocols() -> (Value, String) {
    let json = |p: &Protocol| {
        let entry = p.entry();
        json!({ "name": entry.name, "family": entry.family.entry().title, "about": entry.about })
    };
    let entries: Vec<_> = Protocol::ALL.iter().map(json).collect();
    let text = Protocol::ALL.iter().map(|p| format!("{:<16} {}\n", p.name(), p.entry().about)).collect();
    (json!(entries), text)
}

fn metrics() -> (Value, String) {
    let (metrics, checks) = (metric_paths(), CheckName::ALL.map(CheckName::word));
    let text = format!("metrics:\n  {}\nchecks:\n  {}\n", metrics.join("\n  "), checks.join("\n  "));
    (json!({ "metrics": metrics, "checks": checks }), text)
}
