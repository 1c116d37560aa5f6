//! The gate is tested: each rule of the architecture and of the dependencies fails when it is broken. Every case copies the
//! manifests and sources of this repository, plants one violation, and looks for the problem that tells of it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use xtask::{Problems, architecture, dependencies, rooms::Plan};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository").to_owned()
}

/// A copy of the repository that goes away with the test.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Tree {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        copy(&root(), &folder);
        Tree(folder)
    }

    /// Replaces the first `old`, which must be there, by `new` in a file.
    fn replace(self, file: &str, old: &str, new: &str) -> Tree {
        let text = fs::read_to_string(self.0.join(file)).expect("the file is there");
        assert!(text.contains(old), "{file} has no {old:?}");
        self.write(file, &text.replacen(old, new, 1))
    }

    fn write(self, file: &str, text: &str) -> Tree {
        fs::write(self.0.join(file), text).expect("it can be written");
        self
    }

    /// Adds a dependency to a room.
    fn depends(self, room: &str, section: &str, dependency: &str) -> Tree {
        let section = format!("[{section}]\n");
        self.replace(&format!("{room}/Cargo.toml"), &section, &format!("{section}{dependency}\n"))
    }

    /// Three new modules of a room, each of which uses the next.
    fn circle(self, room: &str) -> Tree {
        let root = format!("{room}/src/lib.rs");
        let text = fs::read_to_string(self.0.join(&root)).expect("a room has a root");
        self.write(&root, &format!("{text}\nmod first;\nmod second;\nmod third;\n"))
            .write(&format!("{room}/src/first.rs"), "use crate::{second::{self, Second}};\n")
            .write(&format!("{room}/src/second.rs"), "pub(crate) fn second() { super::third::third() }\n")
            .write(&format!("{room}/src/third.rs"), "use super::{first as one};\n")
    }

    fn architecture_fails(self, with: &str) {
        fails(&architecture(&self.0), with);
    }

    fn dependencies_fail(self, with: &str) {
        fails(&dependencies(&self.0), with);
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn fails(problems: &Problems, with: &str) {
    assert!(problems.iter().any(|problem| problem.contains(with)), "no problem tells of {with:?}: {problems:#?}");
}

/// Copies what the checks read: neither what was built nor documentation nor results.
fn copy(from: &Path, to: &Path) {
    let left_out = BTreeSet::from(["target", ".git", "docs", "results", "assets", "book"]);
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be read").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name();
        if left_out.contains(&*name.to_string_lossy()) {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else {
            fs::copy(entry.path(), to.join(name)).expect("a file can be copied");
        }
    }
}

/// A pure room that knows another one, and that other one.
fn pure_arrow() -> (String, String) {
    let plan = Plan::read(&root()).expect("the tables are sound");
    let on = |floor: u32| plan.pure().find(|room| room.floor == floor).map(|room| room.name.clone());
    (on(1).expect("a pure room on the first floor"), on(0).expect("a pure room on the ground floor"))
}

#[test]
fn this_repository_passes() {
    assert_eq!(architecture(&root()), Problems::new());
    assert_eq!(dependencies(&root()), Problems::new());
}

#[test]
fn an_arrow_that_runs_up_is_refused() {
    let (high, low) = pure_arrow();
    let arrow = format!("{low} (floor 0) depends on {high} (floor 1)");
    Tree::new("up")
        .depends(&low, "dependencies", &format!("indoubt-{high}.workspace = true"))
        .architecture_fails(&arrow);
}

#[test]
fn an_arrow_that_runs_up_is_refused_for_tests_too() {
    let (high, low) = pure_arrow();
    let arrow = format!("{low} (floor 0) depends on {high} (floor 1) for its tests");
    let dependency = format!("indoubt-{high}.workspace = true");
    Tree::new("up-for-tests").depends(&low, "dev-dependencies", &dependency).architecture_fails(&arrow);
}

#[test]
fn rooms_of_one_floor_may_not_know_each_other() {
    let plan = Plan::read(&root()).expect("the tables are sound");
    let floor = |name: &str| plan.rooms().find(|room| room.name == name).expect("a room").floor;
    assert_eq!(floor("coordinator"), floor("participant"));
    let arrow = format!("coordinator (floor {0}) depends on participant (floor {0})", floor("participant"));
    let dependency = "indoubt-participant.workspace = true";
    Tree::new("sideways").depends("coordinator", "dependencies", dependency).architecture_fails(&arrow);
}

#[test]
fn a_pure_room_may_not_know_the_shell_even_below_it() {
    let (high, low) = pure_arrow();
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let row = text.lines().find(|line| line.starts_with("| 0 |")).expect("a ground floor");
    let arrow = format!("{high} (floor 1) depends on {low} (floor 0)");
    Tree::new("shell-below").replace("CONTRIBUTING.md", row, &format!("| 0 | | `{low}` |")).architecture_fails(&arrow);
}

#[test]
fn a_crate_on_no_floor_and_a_floor_without_its_crate_are_refused() {
    let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
    let mut rows = text.lines().skip_while(|line| !line.starts_with("| floor |"));
    let row = rows.find(|line| line.contains("`saga`")).expect("the floor of the sagas");
    Tree::new("no-floor")
        .replace("CONTRIBUTING.md", row, &row.replace("`saga`", ""))
        .architecture_fails("saga is on no floor");
    Tree::new("no-crate")
        .replace("CONTRIBUTING.md", row, &row.replace("`saga`", "`saga`, `epic`"))
        .architecture_fails("epic is on a floor of CONTRIBUTING.md, but there is no such crate");
}

#[test]
fn a_pure_room_may_depend_on_no_runtime_directly() {
    let tokio = "tokio = { workspace = true, features = [\"rt\"] }";
    Tree::new("runtime")
        .depends("saga", "dependencies", tokio)
        .architecture_fails("saga is pure, and depends on tokio");
}

#[test]
fn a_pure_room_may_not_turn_on_the_wire() {
    Tree::new("wire")
        .replace(
            "coordinator/Cargo.toml",
            "indoubt-proto.workspace = true",
            "indoubt-proto = { workspace = true, features = [\"wire\"] }",
        )
        .architecture_fails("coordinator is pure, and depends on tonic");
}

#[test]
fn a_pure_room_may_not_need_javascript() {
    let random = "rand = { workspace = true, features = [\"sys_rng\"] }";
    Tree::new("javascript")
        .depends("saga", "dependencies", random)
        .architecture_fails("saga is pure, and depends on getrandom");
}

#[test]
fn a_circle_of_three_files_is_refused() {
    Tree::new("circle").circle("saga").architecture_fails("first.rs -> second.rs -> third.rs -> first.rs");
}

#[test]
fn an_exception_that_nothing_needs_is_refused() {
    let head = "| floor |";
    let circle =
        "| circle that stays | files | why |\n| --- | --- | --- |\n| `saga/src/lib.rs` | 3 | no reason |\n\n| floor |";
    Tree::new("stale-circle")
        .replace("CONTRIBUTING.md", "| circle that stays |", "| circle that stayed |")
        .replace("CONTRIBUTING.md", head, circle)
        .architecture_fails("there is no circle through saga/src/lib.rs any more");
    let arrow = "| arrow that stays | why |\n| --- | --- |\n| `saga` -> `node` | no reason |\n\n| floor |";
    Tree::new("stale-arrow")
        .replace("CONTRIBUTING.md", "| arrow that stays |", "| arrow that stayed |")
        .replace("CONTRIBUTING.md", head, arrow)
        .architecture_fails("saga does not depend on node any more");
}

#[test]
fn a_licence_that_is_not_allowed_is_refused() {
    Tree::new("licence").replace("deny.toml", "\"Unicode-3.0\",", "").dependencies_fail("Unicode-3.0` is not allowed");
}

#[test]
fn a_second_version_of_a_crate_is_refused() {
    let text = fs::read_to_string(root().join("deny.toml")).unwrap();
    let skip = text.lines().find(|line| line.trim().starts_with("{ crate = ")).expect("a crate that is there twice");
    let name = skip.split('"').nth(1).and_then(|package| package.split('@').next()).expect("a name");
    Tree::new("version").replace("deny.toml", skip, "").dependencies_fail(&format!("{name} is there in versions"));
}

/// The script that CI runs ends with a failure when a part of it does, and only then.
#[test]
fn the_gate_itself_fails_when_a_part_of_it_does() {
    let gate = |tree: &Tree| {
        let mut command = Command::new("bash");
        command.args([".ci/run", "architecture"]).current_dir(&tree.0);
        command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("gate-target"));
        let output = command.output().expect("bash runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let tree = Tree::new("gate");
    let (passed, text) = gate(&tree);
    assert!(passed, "{text}");
    let (passed, text) = gate(&tree.circle("saga"));
    assert!(!passed && text.contains("first.rs -> second.rs -> third.rs"), "{text}");
}
