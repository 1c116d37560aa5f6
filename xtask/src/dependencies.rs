//! Checks the licences and duplicate versions of all dependencies against the lists of `deny.toml`. cargo-deny checks the same and
//! more. This check needs nothing but cargo, so it always runs.

use crate::{Problems, cargo_tree};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Checks the dependencies of the workspace at `root`, with all features, on the platform on which real runs work.
pub fn dependencies(root: &Path) -> Problems {
    found(root).unwrap_or_else(|problem| vec![problem])
}

fn found(root: &Path) -> Result<Problems, String> {
    let file = root.join("deny.toml");
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let shape = ["--workspace", "--all-features", "--edges=normal,build,dev", "--target=x86_64-unknown-linux-gnu"];
    let output = ["--prefix=none", "--format={p}|{l}"];
    let crates = crates(&cargo_tree(root, &[&shape[..], &output].concat())?);
    Ok([licences(&crates, &allowed(&text)), duplicates(&crates, &skipped(&text))].concat())
}

/// Name, version and licence of each crate of a tree.
fn crates(tree: &str) -> BTreeSet<(String, String, String)> {
    let split = |line: &str| {
        let (package, licence) = line.split_once('|')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        Some((name.to_owned(), version.to_owned(), licence.trim_end_matches(" (*)").to_owned()))
    };
    tree.lines().filter_map(split).collect()
}

/// The strings of the list `allow = [ … ]`.
fn allowed(deny: &str) -> BTreeSet<&str> {
    let list = deny.split("\nallow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    list.split('"').skip(1).step_by(2).collect()
}

/// The entries `crate = "…"` of the list `skip`: `name@version`, where the version may be only a prefix.
fn skipped(deny: &str) -> Vec<&str> {
    deny.lines().filter_map(|line| line.trim().strip_prefix("{ crate = \"")?.split('"').next()).collect()
}

fn licences(crates: &BTreeSet<(String, String, String)>, allowed: &BTreeSet<&str>) -> Problems {
    let refused = crates.iter().filter(|(_, _, licence)| !permits(licence, allowed));
    refused
        .map(|(name, version, licence)| format!("{name} {version}: the licence `{licence}` is not allowed"))
        .collect()
}

/// Whether the allowed licences satisfy a licence expression. In old expressions, `/` means OR.
fn permits(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    any(&mut words, allowed) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> bool {
    let mut met = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<&str>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let met = any(words, allowed);
        return words.next_if_eq(&")").is_some() && met;
    }
    let Some(licence) = words.next() else { return false };
    match words.next_if_eq(&"WITH").and_then(|_| words.next()) {
        Some(exception) => allowed.contains(format!("{licence} WITH {exception}").as_str()),
        None => allowed.contains(licence),
    }
}

/// Checks that each crate has only one version, except those in `skipped`. An entry of `skipped` without a crate is an error.
fn duplicates(crates: &BTreeSet<(String, String, String)>, skipped: &[&str]) -> Problems {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut stale: BTreeSet<&str> = skipped.iter().copied().collect();
    for (name, version, _) in crates {
        let all = versions.entry(name).or_default();
        let skips = |skip: &&&str| {
            let (of, prefix) = skip.split_once('@').unwrap_or((skip, ""));
            of == name && version.starts_with(prefix)
        };
        match skipped.iter().find(skips) {
            Some(skip) => drop(stale.remove(skip)),
            None => all.push(version),
        }
    }
    let twice = versions.iter().filter(|(_, versions)| versions.len() > 1);
    let twice = twice.map(|(name, versions)| format!("{name} is there in versions {}", versions.join(" and ")));
    twice.chain(stale.iter().map(|skip| format!("deny.toml skips {skip}, which is not a dependency"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licence_expressions_are_evaluated() {
        let allowed = BTreeSet::from(["MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"]);
        for good in ["MIT", "MIT/Apache-2.0", "(GPL-3.0 OR MIT) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception"] {
            assert!(permits(good, &allowed), "{good}");
        }
        for bad in ["", "GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "(MIT", "GPL-3.0 OR (MIT AND Zlib)"] {
            assert!(!permits(bad, &allowed), "{bad}");
        }
    }

    #[test]
    fn a_second_version_and_a_stale_skip_are_seen() {
        let crates = crates("a v1.0.0|MIT\na v2.1.0 (proc-macro)|MIT (*)\nb v1.0.0|MIT\n");
        assert_eq!(duplicates(&crates, &[]), ["a is there in versions 1.0.0 and 2.1.0"]);
        assert!(duplicates(&crates, &["a@1"]).is_empty());
        assert_eq!(duplicates(&crates, &["a@1", "b@2"]), ["deny.toml skips b@2, which is not a dependency"]);
    }
}
