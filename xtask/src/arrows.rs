//! The dependencies between rooms (arrows), read from the manifests.

use crate::{
    Problems,
    rooms::{Plan, Room},
};
use std::{collections::BTreeSet, fs, path::Path};

/// The prefix of our crates' names. The rest of the name is the room.
const PREFIX: &str = "indoubt-";

/// A dependency of one room on another.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    from: String,
    to: String,
    only_tests: bool,
}

pub(crate) fn problems(root: &Path, plan: &Plan) -> Problems {
    let members = match members(root) {
        Ok(members) => members,
        Err(problem) => return vec![problem],
    };
    let known: BTreeSet<String> = plan.rooms().map(|room| room.name.clone()).collect();
    let mut problems: Problems =
        members.difference(&known).map(|name| format!("{name} is on no floor of CONTRIBUTING.md")).collect();
    problems.extend(
        known
            .difference(&members)
            .map(|name| format!("{name} is on a floor of CONTRIBUTING.md, but there is no such crate")),
    );
    let mut needed = BTreeSet::new();
    for room in plan.rooms().filter(|room| members.contains(&room.name)) {
        let manifest = root.join(&room.name).join("Cargo.toml");
        let text = match fs::read_to_string(&manifest) {
            Ok(text) => text,
            Err(error) => {
                problems.push(format!("{}: {error}", manifest.display()));
                continue;
            }
        };
        for arrow in arrows(room, &text) {
            let Some(to) = plan.room(&arrow.to) else {
                problems.push(format!("{} depends on {}, which is on no floor", arrow.from, arrow.to));
                continue;
            };
            if to.floor < room.floor && (to.pure || !room.pure) {
                continue;
            }
            let accepts = |index: &usize| {
                let accepted = &plan.arrows[*index];
                accepted.from == arrow.from && accepted.to == arrow.to && accepted.only_tests == arrow.only_tests
            };
            match (0..plan.arrows.len()).find(accepts) {
                Some(index) => drop(needed.insert(index)),
                None => problems.push(refusal(&arrow, room, to)),
            }
        }
    }
    let stale = (0..plan.arrows.len()).filter(|index| !needed.contains(index)).map(|index| &plan.arrows[index]);
    problems
        .extend(stale.map(|arrow| format!("{} does not depend on {} any more: delete its row", arrow.from, arrow.to)));
    problems
}

fn refusal(arrow: &Arrow, from: &Room, to: &Room) -> String {
    let tests = if arrow.only_tests { " for its tests" } else { "" };
    let (low, high) = (from.floor, to.floor);
    format!("{} (floor {low}) depends on {} (floor {high}){tests}: arrows go down", arrow.from, arrow.to)
}

/// The members of the workspace whose crates have our prefix. The rest of such a name must be the folder.
fn members(root: &Path) -> Result<BTreeSet<String>, String> {
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let workspace = read(&root.join("Cargo.toml"))?;
    let list = workspace.split("\nmembers = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let mut members = BTreeSet::new();
    for folder in list.split('"').skip(1).step_by(2) {
        let manifest = read(&root.join(folder).join("Cargo.toml"))?;
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        match name.and_then(|name| name.strip_prefix(PREFIX)) {
            Some(name) if name == folder => drop(members.insert(name.to_owned())),
            Some(name) => return Err(format!("the crate {PREFIX}{name} is in the folder {folder}")),
            None => {}
        }
    }
    Ok(members)
}

/// The dependencies on other rooms in a manifest. They are found as keys, as names of tables, and in `package`.
fn arrows(room: &Room, manifest: &str) -> BTreeSet<Arrow> {
    let (mut arrows, mut section) = (BTreeSet::new(), "");
    for line in manifest.lines().map(|line| line.split(" #").next().unwrap_or(line).trim()) {
        if let Some(head) = line.strip_prefix('[') {
            section = head;
        }
        if !section.contains("dependencies") || line.starts_with('#') {
            continue;
        }
        let only_tests = section.contains("dev-dependencies");
        let names =
            line.split(|c: char| !(c.is_alphanumeric() || c == '-')).filter_map(|word| word.strip_prefix(PREFIX));
        let arrow = |to: &str| Arrow { from: room.name.clone(), to: to.to_owned(), only_tests };
        arrows.extend(names.filter(|name| *name != room.name).map(arrow));
    }
    arrows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_can_name_a_dependency_in_several_ways() {
        let manifest = "[package]\nname = \"indoubt-x\" # indoubt-no\n[dependencies]\nindoubt-a.workspace = true\n\
                        # indoubt-no\nother = { package = \"indoubt-b\", path = \"../b\" }\n[dev-dependencies.indoubt-c]\n\
                        workspace = true\n[target.'cfg(unix)'.build-dependencies]\nindoubt-d = \"1\"\n[lints]\nworkspace = true\n";
        let room = Room { name: "x".into(), floor: 1, pure: true };
        let found: Vec<_> = arrows(&room, manifest).into_iter().map(|arrow| (arrow.to, arrow.only_tests)).collect();
        let expected = [("a", false), ("b", false), ("c", true), ("d", false)];
        assert_eq!(found, expected.map(|(name, only_tests)| (name.to_owned(), only_tests)));
    }
}
