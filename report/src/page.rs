//! Writes report.html: one file with the verdicts, the charts and the tables. It loads nothing from the network.

mod tables;

use crate::{
    charts::Drawn,
    files::write_text,
    html::escape,
    summaries::{anchor, failures, scenario_name},
};
use anyhow::Result;
use indoubt_judge::summary::Summary;
use std::{fmt::Write as _, path::Path};

/// The section of one scenario in the report.
pub struct Section<'a> {
    /// The summary of all its runs.
    pub summary: &'a Summary,
    /// The charts, in the order of the report.
    pub charts: Vec<Drawn>,
    /// The command that repeats the scenario.
    pub command: String,
}

/// The section of a sweep, or of another study of many runs.
pub struct Study<'a> {
    /// The kind of study, for example `Sweep`.
    pub kind: &'static str,
    /// The name of the scenario.
    pub name: &'a str,
    /// What the study shows, in one sentence.
    pub about: &'a str,
    /// The command that repeats the study.
    pub command: &'a str,
    /// One line for each thing that does not hold.
    pub failures: &'a [String],
    /// The charts, in the order of the report.
    pub charts: &'a [Drawn],
    /// A table of medians as HTML; may be empty.
    pub details: String,
}

/// The top of the report.
pub struct Head<'a> {
    /// The title of the report.
    pub title: &'a str,
    /// The command that made the run.
    pub command: &'a str,
    /// The chart over all scenarios, if there are several.
    pub outcomes: Option<&'a Drawn>,
}

/// Writes the report.
pub fn write(path: &Path, head: &Head<'_>, sections: &[Section<'_>], sweeps: &[Study<'_>]) -> Result<()> {
    write_text(path, &render(head, sections, sweeps))
}

/// The report's text.
fn render(head: &Head<'_>, sections: &[Section<'_>], sweeps: &[Study<'_>]) -> String {
    let mut page = String::with_capacity(1 << 20);
    let summaries: Vec<&Summary> = sections.iter().map(|s| s.summary).collect();
    page += "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
    page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
    _ = write!(
        page,
        "<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n",
        escape(head.title),
        include_str!("page/style.css")
    );
    _ = write!(
        page,
        "<h1>{}</h1>\n<p class=\"faint\">indoubt {}. Made by <code>{}</code>.</p>\n",
        escape(head.title),
        env!("CARGO_PKG_VERSION"),
        escape(head.command)
    );
    if sections.len() + sweeps.len() > 1 {
        page += "<nav>";
        for summary in &summaries {
            let anchor = escape(&anchor(summary));
            _ = write!(page, "<a href=\"#{anchor}\">{anchor}</a>");
        }
        for sweep in sweeps {
            let name = escape(sweep.name);
            _ = write!(page, "<a href=\"#sweep-{name}\">sweep {name}</a>");
        }
        page += "</nav>\n";
    }
    if !sections.is_empty() {
        page += "<h3>Verdicts</h3>\n";
        page += &tables::verdicts(&summaries);
    }
    if let Some(chart) = head.outcomes {
        page += &figure(chart);
    }
    for section in sections {
        page += &scenario(section);
    }
    for section in sweeps {
        page += &sweep(section);
    }
    page += GLOSSARY;
    page += "</body>\n</html>\n";
    page
}

fn scenario(section: &Section<'_>) -> String {
    let summary = section.summary;
    let name = escape(scenario_name(summary));
    let about = escape(summary.scenario["about"].as_str().unwrap_or(""));
    let anchor = escape(&anchor(summary));
    let mut text = format!("<section id=\"{anchor}\">\n<h2>{name}</h2>\n<p class=\"about\">{about}</p>\n");
    _ = writeln!(
        text,
        "<p class=\"faint\">World: {}. Repeat it: <code>{}</code></p>",
        escape(&summary.world),
        escape(&section.command)
    );
    if let Some(factor) = summary.timeouts_multiplied_by {
        _ = writeln!(
            text,
            "<p class=\"faint\">The machine was too slow for the scenario's timeouts, so all of them were multiplied by {factor}.</p>"
        );
    }
    for line in failures(summary) {
        _ = writeln!(text, "<p class=\"bad\">{}</p>", escape(&line));
    }
    text += "<h3>Faults</h3>\n";
    text += &tables::faults(summary);
    text += "<h3>Times and costs</h3>\n";
    text += &tables::measures(summary);
    text += &tables::spreads(summary);
    text += "<h3>Final states, and what clients were told</h3>\n";
    text += &tables::fates(summary);
    text += "<h3>Expectations</h3>\n";
    text += &tables::expectations(summary);
    text += "<details><summary>Checks, and whether the protocol promises them</summary>\n";
    text += &tables::checks(summary);
    text += "</details>\n";
    for chart in &section.charts {
        text += &figure(chart);
    }
    text + "</section>\n"
}

fn sweep(section: &Study<'_>) -> String {
    let name = escape(section.name);
    let mut text = format!("<section id=\"sweep-{name}\">\n<h2>{}: {name}</h2>\n", section.kind);
    _ = writeln!(text, "<p class=\"about\">{}</p>", escape(section.about));
    _ = writeln!(text, "<p class=\"faint\">World: virtual. Repeat it: <code>{}</code></p>", escape(section.command));
    for line in section.failures {
        _ = writeln!(text, "<p class=\"bad\">{}</p>", escape(line));
    }
    for chart in section.charts {
        text += &figure(chart);
    }
    if !section.details.is_empty() {
        _ = writeln!(text, "<details><summary>Medians</summary>\n{}</details>", section.details);
    }
    text + "</section>\n"
}

fn figure(chart: &Drawn) -> String {
    format!("<figure>\n{}\n<figcaption>{}</figcaption>\n</figure>\n", chart.svg.trim(), escape(&chart.caption))
}

const GLOSSARY: &str = "\
<h2 id=\"words\">Words</h2>
<dl>
<dt>in doubt</dt><dd>From a branch's prepared record being durable to its learning the decision. It may neither commit nor abort by itself, and it holds its locks.</dd>
<dt>in doubt, up</dt><dd>The part of it while the branch's own node was up.</dd>
<dt>blocked</dt><dd>The part of that while no node that it could reach knew the decision: nothing but waiting was possible.</dd>
<dt>bystander</dt><dd>A transaction that waited on a lock held by a branch in doubt.</dd>
<dt>pending</dt><dd>From a saga's step being applied to the saga's end or the step's compensation: what a saga holds instead of locks. Others can see such a record.</dd>
<dt>exposed</dt><dd>Time in which one effect of a transaction was there for all to see while another was not even locked.</dd>
<dt>unavailable</dt><dd>The longest gap without a client told that it succeeded.</dd>
<dt>partial</dt><dd>Some effects are there, others not, and nothing will change that.</dd>
<dt>promised</dt><dd>Only a broken promise is a violation. Every check is computed for every protocol, so that one sees what is given up.</dd>
</dl>
";
