//! Checks all rules about the rooms.

use crate::{Problems, arrows, circles, modules, purity, rooms::Plan};
use std::{collections::BTreeSet, path::Path};

/// Checks the tree at `root` against the tables of its CONTRIBUTING.md: every crate is a room, arrows between rooms go down,
/// the pure storey depends on nothing of the shell, no circle has three files or more, and no accepted exception is stale.
pub fn architecture(root: &Path) -> Problems {
    let plan = match Plan::read(root) {
        Ok(plan) => plan,
        Err(problem) => return vec![problem],
    };
    let problems = [arrows::problems(root, &plan), circle_problems(root, &plan)].concat();
    // Cargo cannot print the tree of a workspace with a circle of crates, so this check runs only if the arrows are correct.
    if problems.is_empty() { purity::problems(root, &plan) } else { problems }
}

fn circle_problems(root: &Path, plan: &Plan) -> Problems {
    let (mut problems, mut used) = (Problems::new(), BTreeSet::new());
    for room in plan.rooms() {
        let src = root.join(&room.name).join("src");
        // A room that has only tests has no folder `src`.
        if !src.exists() {
            continue;
        }
        let uses = match modules::uses(&src, "lib.rs") {
            Ok(uses) => uses,
            Err(error) => {
                problems.push(format!("{}: {error}", src.display()));
                continue;
            }
        };
        for circle in circles::circles(&uses) {
            let name = |file: &Path| format!("{}/src/{}", room.name, file.display());
            let size = circle.files.len();
            let accepted = |file: &str| circle.files.iter().any(|member| name(member) == file);
            if let Some(accepted) = plan.circles.iter().find(|circle| accepted(&circle.file)) {
                used.insert(&accepted.file);
                if accepted.size == size {
                    continue;
                }
            }
            let way = circle.example.iter().chain(circle.example.first()).map(|file| file.display().to_string());
            let way = way.collect::<Vec<_>>().join(" -> ");
            problems.push(format!("{}/src: {size} files form a circle, for example {way}", room.name));
        }
    }
    let stale = plan.circles.iter().filter(|circle| !used.contains(&circle.file));
    problems.extend(stale.map(|circle| format!("there is no circle through {} any more: delete its row", circle.file)));
    problems
}
