//! Checks that the pure storey has no dependency on a runtime, the wire or the operating system, so that it can run in a browser.

use crate::{Problems, cargo_tree, rooms::Plan};
use std::path::Path;

/// Crates that bring a runtime, the wire or system calls.
const SHELL: [&str; 9] = ["tokio", "tonic", "prost", "mio", "hyper", "axum", "socket2", "rustix", "libc"];
/// Crates that need JavaScript where there is no operating system.
const JAVASCRIPT: [&str; 3] = ["getrandom", "js-sys", "wasm-bindgen"];

pub(crate) fn problems(root: &Path, plan: &Plan) -> Problems {
    let mut problems = Problems::new();
    for room in plan.pure() {
        let package = format!("indoubt-{}", room.name);
        let tree = ["-p", &package, "-e", "normal", "--prefix", "none"];
        let wasm = [&tree[..], &["--target", "wasm32-unknown-unknown"]].concat();
        for (words, forbidden) in [(&tree[..], &SHELL[..]), (&wasm, &JAVASCRIPT)] {
            match cargo_tree(root, words) {
                Ok(tree) => {
                    let mut names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
                    names.sort_unstable();
                    names.dedup();
                    let found = names.into_iter().filter(|name| forbidden.contains(name));
                    problems.extend(found.map(|name| format!("{} is pure, and depends on {name}", room.name)));
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
    problems
}
