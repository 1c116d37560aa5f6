//! The book has every chapter: docs/SUMMARY.md lists each page of docs/ once, and nothing else. That links resolve is tested with
//! the rest of the documentation (lab/tests/docs).

use std::{fs, path::Path};

/// The pages below a folder, as paths from docs/.
fn pages(docs: &Path, folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("docs can be read").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let page = |file: &Path| file.strip_prefix(docs).expect("it is below docs").to_string_lossy().into_owned();
    let mut pages: Vec<String> = files.iter().map(|file| page(file)).filter(|page| page.ends_with(".md")).collect();
    pages.extend(folders.iter().flat_map(|folder| self::pages(docs, folder)));
    pages
}

#[test]
fn the_summary_lists_every_page_once_and_nothing_else() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).expect("the summary is there");
    let links = summary.match_indices("](").filter_map(|(at, _)| summary[at + 2..].split(')').next());
    let mut listed: Vec<String> = links.map(str::to_owned).collect();
    let mut there: Vec<String> = pages(&docs, &docs).into_iter().filter(|page| page != "SUMMARY.md").collect();
    listed.sort();
    there.sort();
    assert!(there.len() > 50, "only {} pages found: the search is broken", there.len());
    assert_eq!(listed, there);
}
