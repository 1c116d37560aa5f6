//! The fuzz target `trace` as a property test, over the lines that the documentation shows, with pieces replaced.

#[path = "../../fuzz/bodies/trace.rs"]
mod body;

use proptest::{collection::vec, prelude::*, sample::Index};

/// One line of each kind.
fn documented() -> Vec<&'static str> {
    let chapter = include_str!("../../docs/03-measures-and-checks.md");
    chapter.lines().filter(|line| line.starts_with("{\"t_us\"") && !line.contains('…')).collect()
}

#[test]
fn every_documented_line_is_accepted_and_the_same_when_written_back() {
    let documented = documented();
    assert!(documented.len() > 25);
    assert!(documented.iter().all(|line| body::accepts(line)));
}

proptest! {
    #[test]
    fn a_changed_line_is_refused_or_the_same_when_written_back(
        of in any::<Index>(),
        changes in vec((any::<Index>(), 0usize..6, "[-a-z0-9\":,{}\\[\\]_.]{0,6}"), 0..3),
        swapped in any::<Option<(Index, Index)>>(),
    ) {
        let documented = documented();
        let mut line = (*of.get(&documented)).to_owned();
        // The fields of one kind under the name of another.
        if let Some((other, field)) = swapped {
            let mut fields: Vec<&str> = line.trim_matches(['{', '}']).split(",\"").collect();
            let others: Vec<&str> = other.get(&documented).trim_matches(['{', '}']).split(",\"").collect();
            let field = field.index(fields.len().min(others.len()));
            fields[field] = others[field];
            line = format!("{{{}}}", fields.join(",\""));
        }
        for (place, length, text) in changes {
            let place = place.index(line.len());
            line.replace_range(place..(place + length).min(line.len()), &text);
        }
        body::accepts(&line);
    }
}
