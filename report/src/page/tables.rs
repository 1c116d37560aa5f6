//! The tables of the report.

use crate::{
    html::{escape, table, words},
    over_seeds::over_seeds,
    summaries::{Standing, anchor, by_protocol, promised, scenario_name},
    units::{number, time},
};
use indoubt_judge::{
    measure::shown as shown_numbers,
    shown::{Shown, Table, Unit},
    summary::{Run, Summary},
};

/// The runs that are shown one by one: those of the first seed. [`spreads`] covers the other seeds.
fn shown(summary: &Summary) -> impl Iterator<Item = &Run> {
    let first = summary.runs.first().map(|run| run.seed);
    summary.runs.iter().filter(move |run| Some(run.seed) == first)
}

/// The name of a row: the protocol, and the seed if there are several.
fn name(summary: &Summary, run: &Run) -> String {
    let several = summary.runs.iter().any(|other| other.seed != run.seed);
    if several {
        format!("{} <span class=\"faint\">seed {}</span>", run.protocol, run.seed)
    } else {
        run.protocol.to_string()
    }
}

fn rows<'a>(summary: &'a Summary, row: impl Fn(&'a Run) -> Vec<String> + 'a) -> impl Iterator<Item = Vec<String>> + 'a {
    shown(summary).map(row)
}

/// The spread of measures over seeds; empty if there is only one seed.
pub(super) fn spreads(summary: &Summary) -> String {
    let rows = over_seeds(summary);
    if rows.is_empty() {
        return String::new();
    }
    let lines = rows.into_iter().map(|row| {
        let mut cells = vec![row.protocol.to_string(), format!("<code>{}</code>", row.metric)];
        cells.extend(row.quantiles);
        cells.push(row.worst.to_string());
        cells
    });
    let count = by_protocol(summary).first().map_or(0, |(_, runs)| runs.len());
    format!(
        "<h3>Over {count} seeds</h3>\n{}",
        table(&["protocol", "metric", "least", "p50", "p90", "most", "worst seed"], lines)
    )
}

/// The verdicts of all scenarios.
pub(super) fn verdicts(summaries: &[&Summary]) -> String {
    let lines = summaries.iter().flat_map(|summary| {
        by_protocol(summary).into_iter().map(move |(protocol, runs)| {
            let standing = Standing::of(summary, protocol, &runs);
            let joint = summary.expectations.iter().filter(|claim| claim.protocol == protocol).map(|claim| claim.held);
            let claims: Vec<bool> =
                runs.iter().flat_map(|r| &r.expectations).map(|claim| claim.held).chain(joint).collect();
            let (met, claims) = (claims.iter().filter(|held| **held).count(), claims.len());
            let (word, of) = (standing.word(), runs.len());
            let verdict = match standing {
                Standing::Ok => format!("<span class=\"good\">{word}</span>"),
                Standing::PromisedNothing | Standing::PromisesKept => word.to_owned(),
                Standing::Unknown(n) => format!("{word} in {n} of {of}"),
                Standing::Violated(n) => format!("<span class=\"bad\">{word}</span> in {n} of {of}"),
            };
            let held = if met == claims {
                format!("{met} of {claims}")
            } else {
                format!("<span class=\"bad\">{met} of {claims}</span>")
            };
            let most = |f: fn(&Run) -> f64| time(runs.iter().map(|r| f(r)).fold(0.0, f64::max));
            let sum = |f: fn(&Run) -> u64| runs.iter().map(|r| f(r)).sum::<u64>().to_string();
            let anchor = escape(&anchor(summary));
            vec![
                format!("<a href=\"#{anchor}\">{}</a>", escape(scenario_name(summary))),
                escape(&summary.world),
                protocol.to_string(),
                verdict,
                held,
                sum(|r| r.transactions.succeeded),
                sum(|r| r.transactions.submitted),
                most(|r| r.measures.in_doubt_ms.max),
                most(|r| r.measures.blocked_ms.max),
                sum(|r| r.measures.bystanders.count),
                most(|r| r.measures.pending_ms.max),
                most(|r| r.measures.unavailable_ms),
                sum(|r| r.transactions.partial),
            ]
        })
    });
    let head = [
        "scenario",
        "world",
        "protocol",
        "promises",
        "expectations met",
        "succeeded",
        "of",
        "longest in doubt",
        "blocked",
        "bystanders",
        "longest pending",
        "unavailable",
        "partial",
    ];
    table(&head, lines)
}

/// The faults that fired, with their times.
pub(super) fn faults(summary: &Summary) -> String {
    let mut lines = Vec::new();
    for run in shown(summary) {
        for fault in &run.faults {
            let when: Vec<_> = fault.at_ms.iter().take(6).map(|ms| time(*ms)).collect();
            let more = if fault.at_ms.len() > 6 { " …" } else { "" };
            lines.push(vec![name(summary, run), escape(&fault.text), fault.fired.to_string(), when.join(", ") + more]);
        }
    }
    if lines.is_empty() { "<p>No faults.</p>\n".into() } else { words(&["protocol", "fault", "fired", "at"], lines) }
}

/// The measures, in two tables.
pub(super) fn measures(summary: &Summary) -> String {
    columns(summary, Table::Waiting) + &columns(summary, Table::Costs)
}

fn columns(summary: &Summary, of: Table) -> String {
    let columns: Vec<(&str, &Shown)> = shown_numbers()
        .filter_map(|shown| shown.column.filter(|(table, _)| *table == of).map(|(_, heading)| (heading, shown)))
        .collect();
    let head: Vec<&str> = ["protocol"].into_iter().chain(columns.iter().map(|(heading, _)| *heading)).collect();
    let cell = |run: &Run, shown: &Shown| {
        let value = (shown.value)(&run.measures);
        let text = number(shown.unit, value);
        let is_wrong = of == Table::Costs && shown.unit == Unit::Count && value != 0.0;
        if is_wrong { format!("<span class=\"bad\">{text}</span>") } else { text }
    };
    let row = |run| {
        let cells = columns.iter().map(|(_, shown)| cell(run, shown));
        [name(summary, run)].into_iter().chain(cells).collect()
    };
    table(&head, rows(summary, row))
}

/// The final states of transactions, and the outcomes that clients were told.
pub(super) fn fates(summary: &Summary) -> String {
    let head = [
        "protocol",
        "submitted",
        "succeeded",
        "aborted",
        "compensated",
        "partial",
        "refused",
        "unresolved",
        "stuck",
        "told succeeded",
        "aborted",
        "compensated",
        "refused",
        "unknown",
    ];
    table(
        &head,
        rows(summary, |run| {
            let (t, c) = (&run.transactions, &run.clients);
            let counts = [
                t.submitted,
                t.succeeded,
                t.aborted,
                t.compensated,
                t.partial,
                t.refused,
                t.unresolved,
                t.stuck,
                c.succeeded,
                c.aborted,
                c.compensated,
                c.refused,
                c.unknown,
            ];
            std::iter::once(name(summary, run)).chain(counts.map(|n| n.to_string())).collect()
        }),
    )
}

/// The expectations of the scenario.
pub(super) fn expectations(summary: &Summary) -> String {
    let met = |held: bool| match held {
        true => "<span class=\"good\">met</span>".to_owned(),
        false => "<span class=\"bad\">not met</span>".to_owned(),
    };
    let mut lines = Vec::new();
    for claim in &summary.expectations {
        lines.push(vec![claim.protocol.to_string(), escape(&claim.text), escape(&claim.found), met(claim.held)]);
    }
    for run in shown(summary) {
        for claim in &run.expectations {
            let found = escape(&claim.actual.to_string());
            lines.push(vec![name(summary, run), escape(&claim.text), found, met(claim.held)]);
        }
    }
    if lines.is_empty() { "<p>None.</p>\n".into() } else { words(&["protocol", "expected", "found", ""], lines) }
}

/// All checks of all runs.
pub(super) fn checks(summary: &Summary) -> String {
    let mut lines = Vec::new();
    for run in shown(summary) {
        for check in &run.checks {
            let verdict = match (check.promised, check.held) {
                (_, true) => "<span class=\"good\">held</span>",
                (true, false) => "<span class=\"bad\">violated</span>",
                (false, false) => "not kept",
            };
            lines.push(vec![
                name(summary, run),
                escape(check.name.word()),
                promised(run, check).into(),
                verdict.into(),
                escape(&check.detail),
            ]);
        }
    }
    words(&["protocol", "check", "promised", "", "detail"], lines)
}
