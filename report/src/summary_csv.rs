//! Writes summary.csv: one row per run, with all numbers and words of the summary. Nested ones have dots in their names.

use crate::summaries::scenario_name;
use indoubt_judge::summary::{Run, Summary};

/// The text of summary.csv.
pub(crate) fn csv(summary: &Summary) -> String {
    let rows: Vec<Vec<(String, String)>> = summary.runs.iter().map(|run| row(summary, run)).collect();
    let Some(first) = rows.first() else { return String::new() };
    let mut text = first.iter().map(|(name, _)| quote(name)).collect::<Vec<_>>().join(",") + "\n";
    for row in &rows {
        text += &(row.iter().map(|(_, value)| quote(value)).collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

fn row(summary: &Summary, run: &Run) -> Vec<(String, String)> {
    let mut cells =
        vec![("scenario".to_owned(), scenario_name(summary).to_owned()), ("world".to_owned(), summary.world.clone())];
    let value = serde_json::to_value(run).expect("a run is plain data");
    for part in ["protocol", "seed", "verdict", "transactions", "clients", "measures"] {
        let prefix = if value[part].is_object() && part != "measures" { part } else { "" };
        flatten(if prefix.is_empty() && part != "measures" { part } else { prefix }, &value[part], &mut cells);
    }
    cells
}

fn flatten(name: &str, value: &serde_json::Value, cells: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (field, value) in fields {
                let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
                flatten(&name, value, cells);
            }
        }
        serde_json::Value::String(text) => cells.push((name.to_owned(), text.clone())),
        other => cells.push((name.to_owned(), other.to_string())),
    }
}

fn quote(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_only_where_they_must() {
        assert_eq!(quote("plain"), "plain");
        assert_eq!(quote("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
