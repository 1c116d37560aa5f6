//! Compares the histories of two executables: the traces and summaries of every bundled scenario under every seed.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The result of a comparison.
#[derive(Debug, Default)]
pub struct Comparison {
    /// The number of files that were the same.
    pub same: usize,
    /// The differences, one entry per file or scenario.
    pub differences: Vec<String>,
}

/// Runs every scenario of `scenarios` with both executables in the virtual world and compares what they write.
///
/// # Errors
/// If a folder cannot be read or written, or an executable cannot be started.
pub fn compare(old: &Path, new: &Path, scenarios: &Path, seeds: &str) -> io::Result<Comparison> {
    let folder = std::env::temp_dir().join(format!("indoubt-compare-{}", std::process::id()));
    let compared = (|| {
        let mut comparison = Comparison::default();
        let files = fs::read_dir(scenarios)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<BTreeSet<_>>>()?;
        for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "toml")) {
            let _ = fs::remove_dir_all(&folder);
            let told =
                [old, new].map(|executable| (executable, folder.join(if executable == old { "old" } else { "new" })));
            let mut refusals = Vec::new();
            for (executable, output) in &told {
                refusals.extend(run(executable, file, seeds, output)?);
            }
            comparison.differences.append(&mut refusals);
            compare_folders(&told[0].1, &told[1].1, &mut comparison)?;
        }
        Ok(comparison)
    })();
    let _ = fs::remove_dir_all(&folder);
    compared
}

/// Runs one scenario. Returns why the executable could not run it, if it could not. A failed expectation is not a reason.
fn run(executable: &Path, scenario: &Path, seeds: &str, output: &Path) -> io::Result<Option<String>> {
    let mut command = Command::new(executable);
    command.arg("run").arg(scenario).args(["--seeds", seeds, "--trace", "--quiet", "--output"]).arg(output);
    let ran = command.stdout(Stdio::null()).output()?;
    let refused = !output.exists();
    let why = || format!("{} {}: {}", executable.display(), scenario.display(), String::from_utf8_lossy(&ran.stderr));
    Ok(refused.then(why))
}

fn compare_folders(old: &Path, new: &Path, comparison: &mut Comparison) -> io::Result<()> {
    for file in files(old)?.union(&files(new)?) {
        match (fs::read_to_string(old.join(file)), fs::read_to_string(new.join(file))) {
            (Ok(old), Ok(new)) if without_version(&old) == without_version(&new) => comparison.same += 1,
            (Ok(_), Ok(_)) => comparison.differences.push(format!("{} differs", file.display())),
            (old, _) => {
                let which = if old.is_ok() { "old" } else { "new" };
                comparison.differences.push(format!("only the {which} executable writes {}", file.display()));
            }
        }
    }
    Ok(())
}

/// The traces and summaries below a folder, as paths from it. Charts and pages are made from these, so they are not compared.
fn files(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let (mut files, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "jsonl") || path.ends_with("summary.json") {
                files.insert(path.strip_prefix(folder).expect("it lies below").to_owned());
            }
        }
    }
    Ok(files)
}

/// The lines of a file, except those that name the version of the executable.
fn without_version(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.trim_start().starts_with("\"indoubt\":")).collect()
}
