//! Finds circles among the files of a crate.

use crate::modules::Uses;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::{Path, PathBuf},
};

/// A group of files in which each file reaches every other one, and in which some circle has three files or more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle {
    /// All files of the group.
    pub(crate) files: BTreeSet<PathBuf>,
    /// The shortest circle, as an example.
    pub(crate) example: Vec<PathBuf>,
}

/// All circles of three files or more, except those of a parent and its children that go through the parent.
pub(crate) fn circles(uses: &Uses) -> Vec<Circle> {
    let siblings = kept(uses, |kinship| kinship == Kinship::Siblings);
    let mut circles: Vec<Circle> = Vec::new();
    for (from, used) in uses {
        for to in used {
            let graph = match kinship(from, to) {
                Kinship::ParentAndChild => continue,
                Kinship::Siblings => &siblings,
                Kinship::None => uses,
            };
            let Some(example) = way_round(graph, from, to) else { continue };
            match circles.iter_mut().find(|circle| circle.files.contains(from)) {
                Some(circle) if circle.example.len() <= example.len() => {}
                Some(circle) => circle.example = example,
                None => circles.push(Circle { files: knot(graph, from), example }),
            }
        }
    }
    circles
}

/// How two files are related in the tree of modules.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kinship {
    ParentAndChild,
    Siblings,
    None,
}

fn kinship(one: &Path, other: &Path) -> Kinship {
    let (one, other) = (module(one), module(other));
    if one.parent() == Some(&other) || other.parent() == Some(&one) {
        Kinship::ParentAndChild
    } else if one.parent() == other.parent() {
        Kinship::Siblings
    } else {
        Kinship::None
    }
}

/// The module of a file, as a path: `a/b` for `a/b.rs` and `a/b/mod.rs`, and the empty path for the root of a crate.
fn module(file: &Path) -> PathBuf {
    match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main" | "mod") => file.parent().expect("a file has a folder").to_owned(),
        _ => file.with_extension(""),
    }
}

/// The uses between files that are related in one of these ways.
fn kept(uses: &Uses, keep: impl Fn(Kinship) -> bool) -> Uses {
    let kept =
        |from: &PathBuf, used: &BTreeSet<PathBuf>| used.iter().filter(|to| keep(kinship(from, to))).cloned().collect();
    uses.iter().map(|(from, used)| (from.clone(), kept(from, used))).collect()
}

/// The files that `file` reaches and that reach it.
fn knot(uses: &Uses, file: &Path) -> BTreeSet<PathBuf> {
    let reached = reach(uses, file, None);
    reached.keys().filter(|other| reach(uses, other, None).contains_key(file)).cloned().collect()
}

/// The shortest circle that begins with `from` using `to`, and in which `to` does not use `from` directly.
fn way_round(uses: &Uses, from: &Path, to: &Path) -> Option<Vec<PathBuf>> {
    let reached = reach(uses, to, Some(from));
    let mut way = vec![from.to_owned()];
    while way.last().map(PathBuf::as_path) != Some(to) {
        way.push(reached.get(way.last().expect("it began with one"))?.clone());
    }
    way[1..].reverse();
    Some(way)
}

/// The files that `from` reaches, each with the file before it on the way. The first step may not lead to `forbidden`.
fn reach(uses: &Uses, from: &Path, forbidden: Option<&Path>) -> BTreeMap<PathBuf, PathBuf> {
    let mut reached = BTreeMap::from([(from.to_owned(), from.to_owned())]);
    let mut waiting = VecDeque::from([from]);
    while let Some(file) = waiting.pop_front() {
        for next in &uses[file] {
            let straight_back = file == from && Some(next.as_path()) == forbidden;
            if !straight_back && !reached.contains_key(next) {
                reached.insert(next.clone(), file.to_owned());
                waiting.push_back(next);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(edges: &[(&str, &str)]) -> Vec<Vec<String>> {
        let mut uses = Uses::new();
        for (from, to) in edges {
            uses.entry(from.into()).or_default().insert(to.into());
            uses.entry(to.into()).or_default();
        }
        let name = |file: &PathBuf| file.display().to_string();
        circles(&uses).iter().map(|circle| circle.example.iter().map(name).collect()).collect()
    }

    #[test]
    fn two_files_may_know_each_other_and_so_may_a_parent_and_each_of_its_children() {
        assert!(found(&[("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("c", "d")]).is_empty());
    }

    #[test]
    fn three_in_a_circle_are_found_with_their_order() {
        assert_eq!(found(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]), [["a", "b", "c"]]);
        assert_eq!(found(&[("a", "b"), ("b", "a"), ("b", "c"), ("c", "a")]), [["a", "b", "c"]]);
    }

    #[test]
    fn separate_circles_are_told_apart() {
        let edges = [("a", "b"), ("b", "c"), ("c", "a"), ("x", "y"), ("y", "z"), ("z", "x"), ("a", "x")];
        assert_eq!(found(&edges), [["a", "b", "c"], ["x", "y", "z"]]);
    }
}
