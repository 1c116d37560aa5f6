//! Text and tables as HTML.

use std::fmt::Write as _;

/// Escapes text for HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A table. The cells must be escaped.
pub(crate) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table_of("", head, rows)
}

/// A table of words, which are aligned left. The cells must be escaped.
pub(crate) fn words(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    table_of(" class=\"words\"", head, rows)
}

fn table_of(class: &str, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("<table{class}>\n<tr>");
    for cell in head {
        _ = write!(text, "<th>{cell}</th>");
    }
    text += "</tr>\n";
    for row in rows {
        text += "<tr>";
        for cell in row {
            _ = write!(text, "<td>{cell}</td>");
        }
        text += "</tr>\n";
    }
    text + "</table>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_break_out_of_the_page() {
        assert_eq!(escape("<script>\"&\""), "&lt;script&gt;&quot;&amp;&quot;");
    }
}
