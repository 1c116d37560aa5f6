//! The fuzz target `scenario` as a property test, over the bundled scenarios with lines exchanged and words replaced.

#[path = "../../fuzz/bodies/scenario.rs"]
mod body;

use proptest::{collection::vec, prelude::*, sample::Index};
use std::{fs, path::Path};

fn bundled() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let files = fs::read_dir(folder).expect("they are there").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|ending| ending == "toml")).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).expect("text")).collect()
}

#[test]
fn every_bundled_scenario_is_accepted_and_the_same_when_written_back() {
    let bundled = bundled();
    assert!(bundled.len() >= 20);
    assert!(bundled.iter().all(|text| body::accepts(text)));
}

/// What a change may put in the place of a value.
fn value() -> impl Strategy<Value = String> {
    let words =
        prop::sample::select(vec!["\"2pc\"", "\"5s\"", "\"p1\"", "[]", "{}", "true", "\"\"", "\"kill\"", "0.5"]);
    prop_oneof![words.prop_map(str::to_owned), any::<i64>().prop_map(|n| n.to_string()), "\"[a-z0-9. -]{0,8}\""]
}

proptest! {
    #[test]
    fn a_changed_scenario_is_refused_or_the_same_when_written_back(
        of in any::<Index>(),
        moved in vec((any::<Index>(), any::<Index>(), any::<Index>()), 0..3),
        set in vec((any::<Index>(), value()), 0..3),
    ) {
        let bundled = bundled();
        let mut lines: Vec<String> = of.get(&bundled).lines().map(str::to_owned).collect();
        for (from, line, to) in moved {
            let other: Vec<&str> = from.get(&bundled).lines().collect();
            let to = to.index(lines.len());
            lines[to] = (*line.get(&other)).to_owned();
        }
        for (line, value) in set {
            let line = line.index(lines.len());
            if let Some((key, _)) = lines[line].split_once('=') {
                lines[line] = format!("{key}= {value}");
            }
        }
        body::accepts(&lines.join("\n"));
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in "\\PC{0,200}") {
        body::accepts(&text);
    }
}
