//! Finds which files of a crate use which others: resolves `use` lines and paths to files.

use crate::paths::{self, Named};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    slice,
};

/// The files of one crate, as paths from its `src`, each with the files that it uses.
pub(crate) type Uses = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// A module: its file, and what that file declares and names.
struct Module {
    file: PathBuf,
    named: Option<Named>,
}

/// Reads the crate whose root file is `src/root`.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn uses(src: &Path, root: &str) -> io::Result<Uses> {
    let mut modules = BTreeMap::new();
    load(src, Path::new(root), Vec::new(), &mut modules)?;
    let mut uses = Uses::new();
    for (name, module) in &modules {
        let Some(named) = &module.named else { continue };
        let used = uses.entry(module.file.clone()).or_default();
        for path in &named.paths {
            let within: Vec<String> = name.iter().chain(&path.within).cloned().collect();
            used.extend(resolve(&modules, within, &path.segments).filter(|file| *file != module.file));
        }
    }
    Ok(uses)
}

/// Reads `file`, which holds the module `name`, and all modules below it.
fn load(src: &Path, file: &Path, name: Vec<String>, modules: &mut BTreeMap<Vec<String>, Module>) -> io::Result<()> {
    let named = paths::read(&fs::read_to_string(src.join(file))?);
    let folder = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main" | "mod") => file.parent().expect("a file has a folder").to_owned(),
        _ => file.with_extension(""),
    };
    for child in &named.files {
        let below = |child: String| folder.join(child);
        let path = [below(format!("{child}.rs")), below(format!("{child}/mod.rs"))];
        // A module that is only for another platform may have no file here, and a generated module has none.
        let Some(path) = path.iter().find(|path| src.join(path).exists()) else { continue };
        load(src, path, [name.as_slice(), slice::from_ref(child)].concat(), modules)?;
    }
    for inline in &named.inline {
        modules.insert([name.as_slice(), inline].concat(), Module { file: file.to_owned(), named: None });
    }
    modules.insert(name, Module { file: file.to_owned(), named: Some(named) });
    Ok(())
}

/// The file to which a path leads from the module `within`: the file of the innermost module on the path, if it is in this crate.
fn resolve(modules: &BTreeMap<Vec<String>, Module>, within: Vec<String>, path: &[String]) -> Option<PathBuf> {
    let mut here = within;
    let mut rest = path.iter();
    let mut ours = false;
    loop {
        match rest.clone().next().map(String::as_str) {
            Some("crate") if !ours => here.clear(),
            Some("self") if !ours => {}
            Some("super") => here.pop().map(|_| ())?,
            _ => break,
        }
        ours = true;
        rest.next();
    }
    for segment in rest {
        here.push(segment.clone());
        if !modules.contains_key(&here) {
            here.pop();
            break;
        }
        ours = true;
    }
    ours.then(|| modules[&here].file.clone())
}
